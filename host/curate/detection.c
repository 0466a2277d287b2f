/* Looking for wrong labels once. */
#include "detection.h"

#include "host/core/core.h"

#include <stdlib.h>

/* Scores go to the table, and on to whoever else wants them. */
struct fork {
  struct diva_score_table *table;
  diva_scores_sink next;
  void *next_context;
};

static enum diva_status take(void *context, int64_t first_row, int64_t rows, const double *scores,
                             struct diva_error *error) {
  const struct fork *fork = context;
  const enum diva_status status =
      diva_score_table_take(fork->table, first_row, rows, scores, error);
  return status == DIVA_OK && fork->next
             ? fork->next(fork->next_context, first_row, rows, scores, error)
             : status;
}

static enum diva_status allocate(struct diva_issue_columns *columns, int64_t rows,
                                 struct diva_error *error) {
  enum diva_status status =
      diva_allocate(rows, sizeof *columns->score, "issue scores", (void **)&columns->score, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *columns->probability, "issue probabilities",
                           (void **)&columns->probability, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *columns->suggested, "suggestions",
                           (void **)&columns->suggested, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *columns->suggested_probability, "suggestions",
                           (void **)&columns->suggested_probability, error);
  }
  return status;
}

static struct diva_labelled_scores describe(const struct diva_dataset *dataset, const double *given,
                                            const struct diva_detection *detection) {
  struct diva_summary summary;
  diva_analysis_summary(detection->analysis, &summary);
  return (struct diva_labelled_scores){.table = &detection->scores,
                                       .labels = diva_dataset_labels(dataset),
                                       .weight = given,
                                       .threads = summary.threads,
                                       .seed = summary.seed};
}

enum diva_status diva_detection_judge(const struct diva_dataset *dataset, const double *given,
                                      struct diva_detection *detection, struct diva_error *error) {
  const struct diva_labelled_scores rows = describe(dataset, given, detection);
  const enum diva_status status = diva_label_noise_fit(&rows, &detection->noise, error);
  return status == DIVA_OK
             ? diva_issue_probability(&rows, &detection->noise, &detection->columns, error)
             : status;
}

enum diva_status diva_detection_recalibrate(const struct diva_dataset *dataset, const double *given,
                                            double rate, struct diva_detection *detection,
                                            struct diva_error *error) {
  const struct diva_labelled_scores rows = describe(dataset, given, detection);
  detection->noise.rate = rate;
  return diva_issue_probability(&rows, &detection->noise, &detection->columns, error);
}

enum diva_status diva_detection_score(struct diva_dataset *dataset, struct diva_dataset *validation,
                                      const struct diva_analysis_options *options,
                                      struct diva_detection *out, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_analysis_options mine = *options;
  struct fork fork = {
      .table = &out->scores, .next = options->scores, .next_context = options->scores_context};
  *out = (struct diva_detection){0};
  diva_dataset_describe(dataset, &info);
  enum diva_status status = diva_score_table_create(&out->scores, info.rows, info.outputs, error);
  if (status == DIVA_OK) {
    status = allocate(&out->columns, info.rows, error);
  }
  if (status == DIVA_OK) {
    mine.scores = take;
    mine.scores_context = &fork;
    status = diva_analysis_run(dataset, validation, &mine, &out->analysis, error);
  }
  if (status != DIVA_OK) {
    diva_detection_free(out);
  }
  return status;
}

enum diva_status diva_detection_run(struct diva_dataset *dataset,
                                    const struct diva_analysis_options *options,
                                    const double *given, struct diva_detection *out,
                                    struct diva_error *error) {
  enum diva_status status = diva_detection_score(dataset, NULL, options, out, error);
  if (status == DIVA_OK) {
    status = diva_detection_judge(dataset, given, out, error);
  }
  if (status != DIVA_OK) {
    diva_detection_free(out);
  }
  return status;
}

void diva_detection_free(struct diva_detection *detection) {
  diva_analysis_destroy(detection->analysis);
  diva_score_table_free(&detection->scores);
  diva_label_noise_free(&detection->noise);
  free(detection->columns.score);
  free(detection->columns.probability);
  free(detection->columns.suggested);
  free(detection->columns.suggested_probability);
  *detection = (struct diva_detection){0};
}
