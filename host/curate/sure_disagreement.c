/* How often labels differ from predictions that are sure. */
#include "sure_disagreement.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static const double SURE_SHARE = 0.4;
static const double SURE_SHARE_OF_CLASS = 0.2;
/* Standard errors that chance is given. */
static const double CHANCE = 2.0;

struct prediction {
  int32_t predicted;
  int differs;
  double gap; /* from the largest score to the next */
};

static int by_gap(const void *a, const void *b) {
  const struct prediction *x = a;
  const struct prediction *y = b;
  return x->gap > y->gap ? -1 : (x->gap < y->gap ? 1 : x->differs - y->differs);
}

static int by_class_and_gap(const void *a, const void *b) {
  const struct prediction *x = a;
  const struct prediction *y = b;
  return x->predicted != y->predicted ? (x->predicted < y->predicted ? -1 : 1) : by_gap(a, b);
}

static struct prediction describe(const struct diva_score_sample *sample, int64_t i) {
  const double *f = sample->scores + i * sample->classes;
  const int32_t best = sample->predicted[i];
  double second = -INFINITY;
  for (int64_t c = 0; c < sample->classes; c++) {
    second = c != best ? fmax(second, f[c]) : second;
  }
  return (struct prediction){
      .predicted = best, .differs = best != sample->labels[i], .gap = f[best] - second};
}

/* Of `count` rows in order, how many of the surest share there are, and what part of them differs.
 */
static double differing_part(const struct prediction *rows, int64_t count, double share,
                             int64_t *sure) {
  int64_t differ = 0;
  *sure = (int64_t)ceil(share * (double)count);
  for (int64_t i = 0; i < *sure; i++) {
    differ += rows[i].differs;
  }
  return (double)differ / (double)*sure;
}

/* What the rows of one predicted class show beyond the rate of all. */
static double excess(const struct prediction *rows, int64_t count, double rate) {
  int64_t sure;
  const double differing = differing_part(rows, count, SURE_SHARE_OF_CLASS, &sure);
  const double explained = fmax(rate, 1.0 / (double)sure);
  const double chance = CHANCE * sqrt(explained * (1.0 - explained) / (double)sure);
  return fmax(0.0, differing - rate - chance);
}

static double add_classes(const struct prediction *rows, int64_t count, double rate) {
  double sum = 0.0;
  for (int64_t first = 0, end; first < count; first = end) {
    for (end = first + 1; end < count && rows[end].predicted == rows[first].predicted; end++) {
    }
    sum += (double)(end - first) / (double)count * excess(rows + first, end - first, rate);
  }
  return rate + sum;
}

enum diva_status diva_sure_disagreement(const struct diva_score_sample *sample, double *rate,
                                        struct diva_error *error) {
  struct prediction *rows = NULL;
  int64_t sure;
  *rate = 0.0;
  const enum diva_status status =
      diva_allocate(sample->rows, sizeof *rows, "predictions", (void **)&rows, error);
  if (status != DIVA_OK || sample->rows == 0) {
    free(rows);
    return status;
  }
  for (int64_t i = 0; i < sample->rows; i++) {
    rows[i] = describe(sample, i);
  }
  qsort(rows, (size_t)sample->rows, sizeof *rows, by_gap);
  const double overall = differing_part(rows, sample->rows, SURE_SHARE, &sure);
  qsort(rows, (size_t)sample->rows, sizeof *rows, by_class_and_gap);
  *rate = add_classes(rows, sample->rows, overall);
  free(rows);
  return DIVA_OK;
}
