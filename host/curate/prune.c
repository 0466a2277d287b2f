/* Dropping rows whose weight raises the error. */
#include "decision.h"

#include <math.h>
#include <stdlib.h>

/* Nothing can be fitted to fewer rows. */
enum { FEWEST_KEPT = 2 };

void diva_prune_options_init(struct diva_prune_options *options) {
  *options = (struct diva_prune_options){
      .version = DIVA_STRUCT_VERSION, .threshold = NAN, .count = -1, .fraction = 0.05};
}

static enum diva_status check_options(const struct diva_prune_options *options,
                                      const struct diva_analysis *analysis,
                                      struct diva_error *error) {
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  const enum diva_status status = diva_version_check(options->version, "diva_prune_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!columns.derivative) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the analysis was run without the derivative");
  }
  if (!isnan(options->threshold)) {
    return DIVA_OK;
  }
  if (options->count >= summary.training_rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "cannot drop %lld rows: there are %lld training rows",
                          (long long)options->count, (long long)summary.training_rows);
  }
  if (options->count < 0 && !(options->fraction >= 0.0 && options->fraction < 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the fraction to drop is %g; it must be at least 0 and below 1",
                          options->fraction);
  }
  return DIVA_OK;
}

static enum diva_status drop_above(struct diva_decision *decision,
                                   const struct diva_columns *columns, double threshold,
                                   struct diva_error *error) {
  int64_t trained = 0;
  int64_t dropped = 0;
  for (int64_t i = 0; i < columns->rows; i++) {
    const bool drop = columns->weight[i] > 0.0 && columns->derivative[i] > threshold;
    trained += columns->weight[i] > 0.0;
    dropped += drop;
    decision->keep[i] = !drop;
  }
  if (trained - dropped < FEWEST_KEPT) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "threshold %g would drop %lld of %lld training rows; at least %d must be "
                          "kept",
                          threshold, (long long)dropped, (long long)trained, FEWEST_KEPT);
  }
  return DIVA_OK;
}

enum diva_status diva_prune(const struct diva_dataset *dataset,
                            const struct diva_analysis *analysis,
                            const struct diva_prune_options *options, struct diva_decision **out,
                            struct diva_error *error) {
  struct diva_columns columns;
  struct diva_summary summary;
  *out = NULL;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  enum diva_status status = check_options(options, analysis, error);
  if (status == DIVA_OK) {
    status = diva_decision_create(columns.rows, false, out, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (!isnan(options->threshold)) {
    status = drop_above(*out, &columns, options->threshold, error);
  } else {
    const int64_t share = llround(options->fraction * (double)summary.training_rows);
    const int64_t most = summary.training_rows - 1;
    const int64_t count = options->count >= 0 ? options->count : (share < most ? share : most);
    status =
        diva_decision_mark_worst(&columns, columns.derivative, true, count, 0, (*out)->keep, error);
  }
  if (status != DIVA_OK) {
    diva_decision_destroy(*out);
    *out = NULL;
    return status;
  }
  diva_decision_finish(*out, dataset, columns.weight, summary.outputs);
  return DIVA_OK;
}
