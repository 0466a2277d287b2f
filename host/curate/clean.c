/* Deciding which given labels are wrong. */
#include "decision.h"
#include "margin_symmetry.h"

#include <math.h>

/* Above the first a label is an issue; above the second the suggestion is worth taking as it is;
 * above the third a row that is kept deserves a look. */
static const double ISSUE_PROBABILITY = 0.5;
static const double RELABEL_PROBABILITY = 0.9;
static const double REVIEW_PROBABILITY = 0.25;

void diva_clean_options_init(struct diva_clean_options *options) {
  *options = (struct diva_clean_options){.version = DIVA_STRUCT_VERSION, .count = -1};
}

static enum diva_status check_options(const struct diva_dataset *dataset,
                                      const struct diva_summary *summary,
                                      const struct diva_clean_options *options,
                                      struct diva_error *error) {
  const enum diva_status status = diva_version_check(options->version, "diva_clean_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!diva_dataset_labels(dataset)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset of targets has no labels that could be wrong; use prune");
  }
  if (options->count >= summary->training_rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "cannot flag %lld rows: there are %lld training rows",
                          (long long)options->count, (long long)summary->training_rows);
  }
  return DIVA_OK;
}

static void flag_likely(struct diva_decision *decision, const struct diva_columns *columns) {
  for (int64_t i = 0; i < columns->rows; i++) {
    decision->is_label_issue[i] =
        columns->weight[i] > 0.0 && decision->issue_probability[i] > ISSUE_PROBABILITY;
  }
}

static enum diva_action choose_action(const struct diva_decision *decision,
                                      const struct diva_columns *columns, const int32_t *labels,
                                      int64_t i) {
  const double probability = decision->issue_probability[i];
  if (decision->is_label_issue[i]) {
    const bool relabel =
        probability >= RELABEL_PROBABILITY && columns->suggested_label[i] != labels[i];
    return relabel ? DIVA_ACTION_RELABEL : DIVA_ACTION_DROP;
  }
  return probability >= REVIEW_PROBABILITY ? DIVA_ACTION_REVIEW : DIVA_ACTION_KEEP;
}

static enum diva_status decide(const struct diva_dataset *dataset,
                               const struct diva_columns *columns,
                               const struct diva_clean_options *options,
                               struct diva_decision *decision, struct diva_error *error) {
  const int32_t *labels = diva_dataset_labels(dataset);
  enum diva_status status =
      diva_margin_symmetry(columns->loo_margin, columns->rows, decision->issue_probability,
                           &decision->columns.noise_rate, error);
  if (status == DIVA_OK && options->count >= 0) {
    status = diva_decision_mark_worst(columns, columns->label_quality, false, options->count, 1,
                                      decision->is_label_issue, error);
  } else if (status == DIVA_OK) {
    flag_likely(decision, columns);
  }
  for (int64_t i = 0; i < columns->rows && status == DIVA_OK; i++) {
    decision->action[i] = (uint8_t)choose_action(decision, columns, labels, i);
    decision->keep[i] = !decision->is_label_issue[i];
  }
  return status;
}

enum diva_status diva_clean(const struct diva_dataset *dataset,
                            const struct diva_analysis *analysis,
                            const struct diva_clean_options *options, struct diva_decision **out,
                            struct diva_error *error) {
  struct diva_columns columns;
  struct diva_summary summary;
  *out = NULL;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  enum diva_status status = check_options(dataset, &summary, options, error);
  if (status == DIVA_OK) {
    status = diva_decision_create(columns.rows, true, out, error);
  }
  if (status == DIVA_OK) {
    status = decide(dataset, &columns, options, *out, error);
  }
  if (status != DIVA_OK) {
    diva_decision_destroy(*out);
    *out = NULL;
    return status;
  }
  diva_decision_finish(*out, dataset, columns.weight, summary.outputs);
  return DIVA_OK;
}
