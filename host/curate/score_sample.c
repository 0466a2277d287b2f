/* Drawing labelled rows and their scores. */
#include "score_sample.h"

#include "host/core/core.h"
#include "host/core/random.h"
#include "host/engine/engine.h"

#include <stdlib.h>

enum { FEWEST_ROWS = 2048, MOST_VALUES = 1000000 };

static bool takes_part(const struct diva_labelled_scores *rows, int64_t i) {
  return rows->labels[i] >= 0 && (!rows->weight || rows->weight[i] > 0.0);
}

static int64_t count_wanted(int64_t classes, int64_t there) {
  int64_t wanted = MOST_VALUES / classes;
  wanted = wanted < DIVA_SCORE_SAMPLE_ROWS ? wanted : DIVA_SCORE_SAMPLE_ROWS;
  wanted = wanted > FEWEST_ROWS ? wanted : FEWEST_ROWS;
  return there < wanted ? there : wanted;
}

static enum diva_status allocate(struct diva_score_sample *sample, int64_t rows,
                                 struct diva_error *error) {
  enum diva_status status = diva_allocate(rows * sample->classes, sizeof *sample->scores,
                                          "sampled scores", (void **)&sample->scores, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *sample->labels, "sampled labels", (void **)&sample->labels,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *sample->predicted, "sampled rows",
                           (void **)&sample->predicted, error);
  }
  return status;
}

static void take_row(const struct diva_labelled_scores *rows, int64_t i,
                     struct diva_score_sample *sample) {
  const float *from = rows->table->scores + i * sample->classes;
  double *to = sample->scores + sample->rows * sample->classes;
  int32_t best = 0;
  for (int64_t c = 0; c < sample->classes; c++) {
    to[c] = (double)from[c];
    best = to[c] > to[best] ? (int32_t)c : best;
  }
  sample->predicted[sample->rows] = best;
  sample->labels[sample->rows++] = rows->labels[i];
}

enum diva_status diva_score_sample_take(const struct diva_labelled_scores *rows,
                                        struct diva_score_sample *out, struct diva_error *error) {
  int64_t left = 0;
  *out = (struct diva_score_sample){.classes = rows->table->classes};
  for (int64_t i = 0; i < rows->table->rows; i++) {
    left += takes_part(rows, i);
  }
  int64_t wanted = count_wanted(out->classes, left);
  const enum diva_status status = allocate(out, wanted, error);
  struct diva_random random = {.state = rows->seed};
  for (int64_t i = 0; wanted > 0 && status == DIVA_OK; i++) {
    if (takes_part(rows, i) && diva_random_selects(&random, &left, &wanted)) {
      take_row(rows, i, out);
    }
  }
  return status;
}

double diva_score_sample_temperature(const struct diva_score_sample *sample, int threads) {
  const struct diva_temperature_problem problem = {.scores = sample->scores,
                                                   .labels = sample->labels,
                                                   .rows = sample->rows,
                                                   .outputs = sample->classes,
                                                   .threads = threads};
  return diva_temperature_fit(&problem);
}

void diva_score_sample_free(struct diva_score_sample *sample) {
  free(sample->scores);
  free(sample->labels);
  free(sample->predicted);
  *sample = (struct diva_score_sample){0};
}
