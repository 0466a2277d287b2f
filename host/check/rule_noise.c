/* The share of wrong labels, as diva_clean() estimates it, and the rows that it flags. */
#include "run.h"

#include "host/core/core.h"

#include <diva/curate.h>
#include <math.h>
#include <stdlib.h>

/* What cleaning says of one version. */
struct noise {
  struct diva_analysis *analysis; /* owned */
  struct diva_decision *decision; /* owned */
  struct diva_decision_columns columns;
  struct diva_noise_summary summary;
  double *wrong; /* rows: P(label wrong), NaN for those that are not in the set (owned) */
};

static void free_noise(struct noise *noise) {
  diva_analysis_destroy(noise->analysis);
  diva_decision_destroy(noise->decision);
  free(noise->wrong);
}

/* By the model that the errors are measured with, so that the versions are judged alike; without
 * the searches that diva_clean() makes for the last point of precision. */
static enum diva_status clean(const struct diva_check_run *run,
                              const struct diva_check_version *version, struct noise *noise,
                              struct diva_error *error) {
  struct diva_analysis_options options = run->model;
  struct diva_clean_options cleaning;
  diva_clean_options_init(&cleaning);
  cleaning.refit = DIVA_REFIT_NONE;
  options.temperature = run->options->analysis.temperature;
  enum diva_status status = diva_clean(version->dataset, NULL, &options, &cleaning,
                                       &noise->analysis, &noise->decision, error);
  if (status == DIVA_OK) {
    status = diva_allocate(version->rows, sizeof *noise->wrong, "probabilities",
                           (void **)&noise->wrong, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  diva_decision_columns(noise->decision, &noise->columns);
  diva_decision_noise(noise->decision, &noise->summary);
  for (int64_t i = 0; i < version->rows; i++) {
    const bool belongs = !version->weights || version->weights[i] > 0.0;
    noise->wrong[i] = belongs ? noise->columns.issue_probability[i] : (double)NAN;
  }
  return DIVA_OK;
}

/* Rows that are as they were in the baseline have been judged then; a baseline of targets has no
 * labels to judge. */
static bool is_news(const struct diva_check_run *run, int64_t i) {
  const int64_t j = run->match.before_of[i];
  return j < 0 || !run->before.classes || run->after.classes[i] != run->before.classes[j] ||
         !diva_check_is_same(&run->after, &run->before, &run->match, i);
}

static enum diva_status name_flagged(struct diva_check_run *run, struct noise *noise,
                                     struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    char given[DIVA_ID_SCRATCH_SIZE];
    char better[DIVA_ID_SCRATCH_SIZE];
    if (!noise->columns.is_label_issue[i] || !is_news(run, i)) {
      continue;
    }
    struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
    if (diva_check_waives(run->findings, DIVA_RULE_LABEL_NOISE, row.id)) {
      noise->wrong[i] = (double)NAN;
      continue;
    }
    row.value = noise->columns.issue_probability[i];
    row.subject =
        diva_check_class_name(&run->after, &run->before, &run->match, run->after.classes[i], given);
    status = diva_check_name(run->findings, DIVA_RULE_LABEL_NOISE, &row, error,
                             "label '%s' is wrong with probability %.2f; it looks like '%s'",
                             row.subject, row.value,
                             diva_check_class_name(&run->after, &run->before, &run->match,
                                                   noise->columns.suggested_label[i], better));
  }
  return status;
}

/*
 * The estimate e is the mean of P_i = P(label i wrong), and each P_i depends on it: what one row
 * brings to e is not P_i - e but its influence on the maximum of the likelihood of a mixture,
 * (P_i - e) e (1 - e) / var P. The vaguer the probabilities, the more the estimate wavers. The mean
 * stays as it is.
 */
static void spread_by_influence(const struct diva_check_version *version, struct noise *noise) {
  double rows = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < version->rows; i++) {
    if (!isnan(noise->wrong[i])) {
      rows += 1.0;
      sum += noise->wrong[i];
      squares += noise->wrong[i] * noise->wrong[i];
    }
  }
  const double rate = sum / rows;
  const double variance = squares / rows - rate * rate;
  const double influence = variance > 1e-12 ? rate * (1.0 - rate) / variance : 1.0;
  for (int64_t i = 0; i < version->rows; i++) {
    noise->wrong[i] = rate + (noise->wrong[i] - rate) * influence;
  }
}

static enum diva_status compare(struct diva_check_run *run, struct noise *now, struct noise *then,
                                struct diva_error *error) {
  struct diva_mean_change change;
  char words[DIVA_CHECK_WORDS];
  const struct diva_mean_change_request request = diva_check_shares(run, now->wrong, then->wrong);
  spread_by_influence(&run->after, now);
  spread_by_influence(&run->before, then);
  const enum diva_status status = diva_mean_changes(&request, &change, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_check_finding finding = diva_check_change(&change, diva_check_width(run, 1));
  diva_check_change_words(&finding, words);
  return diva_check_find(run->findings, DIVA_RULE_LABEL_NOISE, &finding, error,
                         "wrong labels, estimated: %s", words);
}

/* Without a baseline, the estimate itself. */
static enum diva_status describe(struct diva_check_run *run, const struct noise *now,
                                 struct diva_error *error) {
  struct diva_check_finding finding = diva_check_finding_none();
  double sum = 0.0;
  double rows = 0.0;
  for (int64_t i = 0; i < run->after.rows; i++) {
    if (!isnan(now->wrong[i])) {
      sum += now->wrong[i];
      rows += 1.0;
    }
  }
  finding.value = finding.after = rows > 0.0 ? sum / rows : 0.0;
  finding.own_limits = true;
  finding.limits = diva_policy_limits(&run->options->policy, DIVA_RULE_LABEL_NOISE, NULL, true);
  return diva_check_find(run->findings, DIVA_RULE_LABEL_NOISE, &finding, error,
                         "wrong labels, estimated: %.2f %%; %lld rows are flagged",
                         100.0 * finding.value, (long long)now->summary.flagged);
}

static enum diva_status judge(struct diva_check_run *run, struct noise *now, struct noise *then,
                              struct diva_error *error) {
  const bool compares = run->has_baseline && !run->incomparable && run->before.dataset;
  enum diva_status status = clean(run, &run->after, now, error);
  if (status == DIVA_OK && !now->summary.features_tell) {
    return diva_check_skip(run->findings, DIVA_RULE_LABEL_NOISE, error,
                           "these features cannot tell wrong labels from right ones");
  }
  if (status == DIVA_OK && compares) {
    status = clean(run, &run->before, then, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "baseline: ");
    }
  }
  if (status == DIVA_OK) {
    status = name_flagged(run, now, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  return compares && then->summary.features_tell ? compare(run, now, then, error)
                                                 : describe(run, now, error);
}

enum diva_status diva_check_label_noise(struct diva_check_run *run, struct diva_error *error) {
  struct noise now = {0};
  struct noise then = {0};
  if (!run->after.labels || run->blocked) {
    return diva_check_skip(run->findings, DIVA_RULE_LABEL_NOISE, error, "%s",
                           run->blocked ? run->blocked : "a dataset of targets has no labels");
  }
  enum diva_status status = diva_check_fits(run, error);
  if (status == DIVA_OK) {
    status = judge(run, &now, &then, error);
  }
  free_noise(&now);
  free_noise(&then);
  return status;
}
