/* A saved state as the baseline says what the baseline itself would, of all that it holds. */
#include "versions.h"

#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/state.h>
#include <math.h>
#include <string.h>

enum { ROWS = 600 };

/* What `diva state` saves: sums and scores. */
static struct diva_state *save(struct version *version, bool with_scores) {
  struct diva_analysis_options options;
  struct diva_analysis *analysis = NULL;
  struct diva_state *state = NULL;
  struct diva_error error = {0};
  diva_analysis_options_init(&options);
  options.threads = 1;
  options.derivative = false;
  diva_dataset_close(version->dataset);
  version_open(version);
  cr_assert(diva_state_create(version->dataset, &options, &state, &error) == DIVA_OK, "%s",
            error.message);
  cr_assert(diva_analysis_run(version->dataset, NULL, &options, &analysis, &error) == DIVA_OK, "%s",
            error.message);
  if (with_scores) {
    cr_assert(diva_state_take_scores(state, analysis, false, &error) == DIVA_OK, "%s",
              error.message);
  }
  diva_analysis_destroy(analysis);
  return state;
}

static struct checked check_saved(struct version *after, const struct diva_state *state) {
  struct diva_check_options options = version_options();
  options.state = state;
  return version_check(after, NULL, NULL, &options);
}

static struct checked check_dataset(struct version *after, struct version *before) {
  struct diva_check_options options = version_options();
  options.analysis.scale = DIVA_SCALE_STANDARDIZE;
  return version_check(after, before, NULL, &options);
}

/* Findings on the whole are the same figures. */
static void expect_same(const struct checked *saved, const struct checked *given,
                        enum diva_rule rule) {
  const struct diva_check_finding *a = checked_finding(saved, rule, NULL);
  const struct diva_check_finding *b = checked_finding(given, rule, NULL);
  cr_assert(a && b, "%s: %s", diva_rule_id(rule), saved->results[rule].message);
  cr_expect(fabs(a->value - b->value) < 1e-6, "%s: %g and %g", diva_rule_id(rule), a->value,
            b->value);
  cr_expect(a->verdict == b->verdict &&
            saved->results[rule].row_count == given->results[rule].row_count);
}

Test(check_state, a_state_says_what_its_dataset_would) {
  struct version before = version_make(1, 0, ROWS);
  struct version fresh = version_make(1, ROWS, 60);
  struct version after = version_join(&before, &fresh);
  const enum diva_rule rules[] = {
      DIVA_RULE_IDS,           DIVA_RULE_COLUMNS,    DIVA_RULE_CLASSES,
      DIVA_RULE_CLASS_BALANCE, DIVA_RULE_UNLABELLED, DIVA_RULE_RELABELLED,
      DIVA_RULE_LOO_ERROR,     DIVA_RULE_ADDED_ROWS, DIVA_RULE_WEIGHTS};
  for (int64_t i = 0; i < ROWS; i += 20) {
    after.labels[i] = (after.labels[i] + 1) % VERSION_CLASSES;
  }
  struct diva_state *state = save(&before, true);
  struct checked saved = check_saved(&after, state);
  struct checked given = check_dataset(&after, &before);
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
    expect_same(&saved, &given, rules[r]);
  }
  for (int64_t f = 0; f < given.results[DIVA_RULE_CLASS_ERROR].finding_count; f++) {
    const struct diva_check_finding *finding = &given.results[DIVA_RULE_CLASS_ERROR].findings[f];
    const struct diva_check_finding *other =
        checked_finding(&saved, DIVA_RULE_CLASS_ERROR, finding->subject);
    cr_expect(other && fabs(other->value - finding->value) < 1e-6);
  }
  cr_expect(saved.summary.added == 60 && saved.summary.relabelled == 30);
  cr_expect(saved.summary.changed == 0 && saved.summary.baseline_rows == ROWS);
  cr_expect(checked_row(&saved, DIVA_RULE_RELABELLED, "r20") != NULL);
  checked_free(&saved);
  checked_free(&given);
  diva_state_destroy(state);
  version_free(&after);
  version_free(&fresh);
  version_free(&before);
}

/* Sums that are gathered in another order differ in their last digits. */
Test(check_state, rounding_is_no_drift) {
  struct version before = version_make(1, 0, ROWS);
  int64_t order[ROWS];
  for (int64_t i = 0; i < ROWS; i++) {
    order[i] = (i * 77 + 5) % ROWS;
  }
  struct version after = version_take(&before, order, ROWS);
  struct diva_state *state = save(&before, true);
  struct checked checked = check_saved(&after, state);
  const struct diva_check_result *drift = &checked.results[DIVA_RULE_DRIFT];
  cr_expect(strncmp(drift->message, "0 of 8 columns moved ", 21) == 0, "%s", drift->message);
  cr_expect(drift->verdict == DIVA_CHECK_PASS && drift->finding_count == 1);
  checked_free(&checked);
  diva_state_destroy(state);
  version_free(&after);
  version_free(&before);
}

Test(check_state, faults_trip_against_a_state_and_no_change_does_not) {
  struct version before = version_make(1, 0, ROWS);
  struct version after = version_make(1, 0, ROWS);
  struct diva_state *state = save(&before, true);
  struct checked checked = check_saved(&after, state);
  cr_expect(checked_tripped(&checked) == 0 && checked.summary.verdict == DIVA_CHECK_PASS);
  checked_free(&checked);
  for (int64_t i = 0; i < ROWS; i++) {
    after.features[i * after.columns + 3] += 1.0F;
    after.features[i * after.columns + 7] = 0.0F;
  }
  checked = check_saved(&after, state);
  const unsigned expected = 1U << DIVA_RULE_COLUMNS | 1U << DIVA_RULE_DRIFT;
  cr_expect((checked_tripped(&checked) & expected) == expected);
  cr_expect(checked.summary.changed == ROWS);
  cr_expect(checked_finding(&checked, DIVA_RULE_DRIFT, "column 3") != NULL);
  cr_expect(checked_finding(&checked, DIVA_RULE_COLUMNS, "column 7") != NULL);
  checked_free(&checked);
  diva_state_destroy(state);
  version_free(&after);
  version_free(&before);
}

Test(check_state, a_state_without_scores_skips_the_errors) {
  struct version before = version_make(1, 0, ROWS);
  struct version after = version_make(1, 0, ROWS);
  struct diva_state *state = save(&before, false);
  struct checked checked = check_saved(&after, state);
  cr_expect(checked.results[DIVA_RULE_LOO_ERROR].verdict == DIVA_CHECK_SKIPPED);
  cr_expect(strstr(checked.results[DIVA_RULE_LOO_ERROR].message, "without scores") != NULL);
  cr_expect(checked.results[DIVA_RULE_IDS].verdict == DIVA_CHECK_PASS);
  checked_free(&checked);
  diva_state_destroy(state);
  version_free(&after);
  version_free(&before);
}

Test(check_state, a_state_of_another_model_is_refused) {
  struct version before = version_make(1, 0, ROWS);
  struct diva_check_options options = version_options();
  struct diva_check *check = NULL;
  struct diva_error error = {0};
  struct diva_state *state = save(&before, true);
  options.state = state;
  options.analysis.scale = DIVA_SCALE_L2;
  cr_expect(diva_check_run(before.dataset, &options, &check, &error) == DIVA_ERROR_INPUT);
  cr_expect(!check && strstr(error.message, "l2") != NULL, "%s", error.message);
  diva_state_destroy(state);
  version_free(&before);
}
