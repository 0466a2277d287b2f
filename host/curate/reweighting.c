/* What came of a search for weights. */
#include "reweighting.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

const char *diva_reweight_start_name(enum diva_reweight_start start) {
  static const char *const names[DIVA_REWEIGHT_STARTS] = {"uniform", "balance", "given"};
  return names[start];
}

enum diva_status diva_reweighting_allocate(struct diva_reweighting *reweighting,
                                           struct diva_error *error) {
  const int64_t rows = reweighting->rows;
  enum diva_status status = diva_allocate(rows, sizeof *reweighting->weight, "weights",
                                          (void **)&reweighting->weight, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *reweighting->weight_before, "weights",
                           (void **)&reweighting->weight_before, error);
  }
  return status == DIVA_OK ? diva_allocate(rows, sizeof *reweighting->derivative, "derivatives",
                                           (void **)&reweighting->derivative, error)
                           : status;
}

static int64_t count_training_rows(const struct diva_reweighting *reweighting) {
  int64_t count = 0;
  for (int64_t i = 0; i < reweighting->rows; i++) {
    count += reweighting->weight[i] > 0.0;
  }
  return count;
}

static void describe_weights(struct diva_reweighting *reweighting, const uint8_t *guard,
                             int64_t training_rows) {
  struct diva_reweight_summary *summary = &reweighting->summary;
  const double *weight = reweighting->weight;
  summary->smallest = INFINITY;
  for (int64_t i = 0; i < reweighting->rows; i++) {
    if (weight[i] > 0.0) {
      summary->smallest = fmin(summary->smallest, weight[i]);
      summary->largest = fmax(summary->largest, weight[i]);
      summary->guard_rows += guard && guard[i];
    }
  }
  summary->effective_rows =
      diva_weight_effective(weight, reweighting->rows) * (double)training_rows;
}

/* Weights have mean 1, so that their sum is the number of training rows. */
static enum diva_status describe_groups(struct diva_reweighting *reweighting,
                                        const struct diva_weight_groups *by, int64_t training_rows,
                                        struct diva_error *error) {
  const enum diva_status status =
      diva_allocate(by->count + 1, sizeof *reweighting->groups, "weights of groups",
                    (void **)&reweighting->groups, error);
  for (int64_t i = 0; i < reweighting->rows && status == DIVA_OK; i++) {
    struct diva_reweight_group *group =
        &reweighting->groups[by->codes[i] < 0 ? by->count : by->codes[i]];
    group->rows += reweighting->weight[i] > 0.0;
    group->before += reweighting->weight_before[i] / (double)training_rows;
    group->after += reweighting->weight[i] / (double)training_rows;
  }
  reweighting->summary.groups = reweighting->groups;
  reweighting->summary.group_count = by->count + 1;
  return status;
}

enum diva_status diva_reweighting_describe(struct diva_reweighting *reweighting,
                                           const struct diva_weight_request *request,
                                           struct diva_error *error) {
  const int64_t training_rows = count_training_rows(reweighting);
  describe_weights(reweighting, request->guard, training_rows);
  return request->by.codes ? describe_groups(reweighting, &request->by, training_rows, error)
                           : DIVA_OK;
}

void diva_reweighting_summary(const struct diva_reweighting *reweighting,
                              struct diva_reweight_summary *out) {
  *out = reweighting->summary;
}

void diva_reweighting_columns(const struct diva_reweighting *reweighting,
                              struct diva_reweight_columns *out) {
  *out = (struct diva_reweight_columns){.rows = reweighting->rows,
                                        .weight = reweighting->weight,
                                        .weight_before = reweighting->weight_before,
                                        .derivative = reweighting->derivative};
}

void diva_reweighting_destroy(struct diva_reweighting *reweighting) {
  if (reweighting) {
    diva_analysis_destroy(reweighting->analyses[0]);
    diva_analysis_destroy(reweighting->analyses[1]);
    free(reweighting->weight);
    free(reweighting->weight_before);
    free(reweighting->derivative);
    free(reweighting->objective);
    free(reweighting->groups);
    free(reweighting);
  }
}
