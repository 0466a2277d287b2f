/* What a check makes of missing ids, other classes, targets, waivers and policies; the facts it
 * reads. */
#include "versions.h"

#include "host/check/content.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"cat", "dog", "owl"};
static const char *const other_names[] = {"owl", "cat", "dog"};
static const char *const new_names[] = {"cat", "dog", "fox"};

static enum diva_check_verdict verdict_of(const struct checked *checked, enum diva_rule rule) {
  return checked->results[rule].verdict;
}

static const char *message_of(const struct checked *checked, enum diva_rule rule) {
  return checked->results[rule].message;
}

Test(check_edges, without_a_baseline_what_stands_alone_is_judged) {
  struct version after = version_make(1, 0, 500);
  const struct diva_check_options options = version_options();
  struct checked checked = version_check(&after, NULL, NULL, &options);
  for (int r = 0; r < DIVA_RULES; r++) {
    /* There is no target that rows could leak into; unseen groups have a limit of their own. */
    const bool stands = r == DIVA_RULE_GROUP_ERROR ||
                        (diva_rule_stands_alone((enum diva_rule)r) && r != DIVA_RULE_LEAKAGE);
    const bool judged = checked.results[r].verdict != DIVA_CHECK_SKIPPED;
    cr_expect(judged == stands, "%s: %s", diva_rule_id((enum diva_rule)r),
              message_of(&checked, (enum diva_rule)r));
  }
  cr_expect(checked.summary.verdict == DIVA_CHECK_PASS && checked.summary.baseline_rows == -1);
  cr_expect(checked.summary.added == -1 && isnan(checked.summary.baseline_loo_error));
  cr_expect(checked.summary.loo_error > 0.0 && checked.summary.loo_error < 0.5);
  checked_free(&checked);
  version_free(&after);
}

Test(check_edges, classes_go_by_name_whatever_their_number) {
  struct version before = version_make(1, 0, 500);
  struct version after = version_make(1, 0, 500);
  const struct diva_check_options options = version_options();
  before.names = names;
  after.names = other_names;
  for (int64_t i = 0; i < after.rows; i++) {
    after.labels[i] = (after.labels[i] + 1) % VERSION_CLASSES;
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(checked_tripped(&checked) == 0 && checked.summary.relabelled == 0);
  cr_expect(fabs(checked.summary.loo_error - checked.summary.baseline_loo_error) < 1e-12);
  checked_free(&checked);
  after.labels[17] = (after.labels[17] + 1) % VERSION_CLASSES;
  checked = version_check(&after, &before, NULL, &options);
  cr_expect(checked.summary.relabelled == 1);
  const struct diva_check_row *row = checked_row(&checked, DIVA_RULE_RELABELLED, "r17");
  cr_assert(row && row->index == 17);
  char reason[64];
  snprintf(reason, sizeof reason, "label '%s', was '%s'", other_names[after.labels[17]],
           names[before.labels[17]]);
  cr_expect(strcmp(row->reason, reason) == 0, "%s", row->reason);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, a_class_that_appears_and_one_that_leaves_are_named) {
  struct version before = version_make(1, 0, 500);
  struct version after = version_make(1, 0, 500);
  const struct diva_check_options options = version_options();
  before.names = names;
  after.names = new_names;
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(verdict_of(&checked, DIVA_RULE_CLASSES) == DIVA_CHECK_FAIL);
  cr_expect(checked_finding(&checked, DIVA_RULE_CLASSES, NULL)->value == 2.0);
  cr_expect(checked_finding(&checked, DIVA_RULE_CLASSES, "fox")->before == 0.0);
  cr_expect(checked_finding(&checked, DIVA_RULE_CLASSES, "owl")->after == 0.0);
  cr_expect(!checked_finding(&checked, DIVA_RULE_CLASSES, "dog"));
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, without_ids_rows_go_by_number_and_it_is_said) {
  struct version before = version_make(1, 0, 500);
  struct version after = version_make(1, 0, 520);
  struct version others = version_make(1, 300, 500);
  const struct diva_check_options options = version_options();
  after.nameless = true;
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(checked.summary.added == 20 && checked.summary.removed == 0);
  cr_expect(strstr(message_of(&checked, DIVA_RULE_IDS), "number") != NULL);
  cr_expect(checked_tripped(&checked) == 0);
  checked_free(&checked);
  others.nameless = true;
  checked = version_check(&others, &before, NULL, &options);
  cr_expect(checked.summary.changed == 500);
  cr_expect(verdict_of(&checked, DIVA_RULE_RELABELLED) == DIVA_CHECK_SKIPPED);
  cr_expect(checked_tripped(&checked) == 0, "other rows of one kind are no fault");
  checked_free(&checked);
  version_free(&others);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, the_order_of_rows_does_not_matter) {
  struct version before = version_make(1, 0, 500);
  int64_t order[500];
  for (int64_t i = 0; i < 500; i++) {
    order[i] = (i * 177 + 5) % 500;
  }
  struct version after = version_take(&before, order, 500);
  const struct diva_check_options options = version_options();
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(checked_tripped(&checked) == 0 && checked.summary.changed == 0);
  cr_expect(checked.summary.added == 0 && checked.summary.removed == 0);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, rows_that_left_are_named_by_the_baseline) {
  struct version before = version_make(1, 0, 500);
  struct version after = version_make(1, 5, 495);
  const struct diva_check_options options = version_options();
  struct checked checked = version_check(&after, &before, NULL, &options);
  const struct diva_check_row *row = checked_row(&checked, DIVA_RULE_IDS, "r3");
  cr_expect(checked.results[DIVA_RULE_IDS].row_count == 5 && row && row->index == -1);
  cr_expect(checked_finding(&checked, DIVA_RULE_IDS, NULL)->value == 0.01);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

/* A waiver of every row and every subject at fault lets the version pass; a day later it does
 * not. */
Test(check_edges, waivers_hold_until_they_expire) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 0, 400);
  struct diva_check_options options = version_options();
  char id[] = "r40";
  char subject[] = "column 7";
  char reason[] = "known";
  struct diva_waiver waivers[] = {
      {.rule = DIVA_RULE_RELABELLED, .id = id, .reason = reason, .expires = "2026-06-01"},
      {.rule = DIVA_RULE_COLUMNS, .subject = subject, .reason = reason}};
  after.labels[40] = (after.labels[40] + 1) % VERSION_CLASSES;
  for (int64_t i = 0; i < after.rows; i++) {
    after.features[i * after.columns + 7] = 1.0F;
  }
  options.policy.limits[DIVA_RULE_RELABELLED].fail = 0.0001;
  options.policy.waivers = waivers;
  options.policy.waiver_count = 2;
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(verdict_of(&checked, DIVA_RULE_RELABELLED) == DIVA_CHECK_PASS);
  cr_expect(checked.results[DIVA_RULE_RELABELLED].waived_rows == 1);
  cr_expect(checked.results[DIVA_RULE_RELABELLED].row_count == 0);
  cr_expect(verdict_of(&checked, DIVA_RULE_COLUMNS) == DIVA_CHECK_PASS);
  cr_expect(checked.summary.expired_waivers == 0);
  checked_free(&checked);
  options.today = "2026-06-02";
  checked = version_check(&after, &before, NULL, &options);
  cr_expect(verdict_of(&checked, DIVA_RULE_RELABELLED) == DIVA_CHECK_FAIL);
  cr_expect(checked.summary.expired_waivers == 1);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, a_waived_class_passes_and_says_why) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 0, 400);
  struct diva_check_options options = version_options();
  char subject[] = "fox";
  char owl[] = "owl";
  char reason[] = "renamed";
  struct diva_waiver waivers[] = {{.rule = DIVA_RULE_CLASSES, .subject = subject, .reason = reason},
                                  {.rule = DIVA_RULE_CLASSES, .subject = owl, .reason = reason}};
  before.names = names;
  after.names = new_names;
  options.policy.waivers = waivers;
  options.policy.waiver_count = 2;
  struct checked checked = version_check(&after, &before, NULL, &options);
  const struct diva_check_finding *finding = checked_finding(&checked, DIVA_RULE_CLASSES, "fox");
  cr_expect(verdict_of(&checked, DIVA_RULE_CLASSES) == DIVA_CHECK_PASS);
  cr_assert(finding && finding->waiver == &waivers[0] && finding->value == 1.0);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, limits_of_one_subject_override_those_of_the_rule) {
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 600);
  struct diva_check_options options = version_options();
  char subject[] = "dog";
  struct diva_limit_override override = {
      .rule = DIVA_RULE_CLASS_ERROR, .subject = subject, .limits = {0.9, 0.95}};
  before.names = after.names = names;
  for (int64_t i = 0; i < after.rows; i++) {
    after.labels[i] = after.labels[i] == 1 && i % 2 == 0 ? 2 : after.labels[i];
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  const double value = checked_finding(&checked, DIVA_RULE_CLASS_ERROR, "dog")->value;
  const enum diva_check_verdict strict =
      checked_finding(&checked, DIVA_RULE_CLASS_ERROR, "dog")->verdict;
  checked_free(&checked);
  options.policy.overrides = &override;
  options.policy.override_count = 1;
  checked = version_check(&after, &before, NULL, &options);
  const struct diva_check_finding *finding =
      checked_finding(&checked, DIVA_RULE_CLASS_ERROR, "dog");
  cr_expect(finding->value == value && finding->limits.warn == 0.9);
  cr_expect(value < 0.02 || strict >= DIVA_CHECK_WARN);
  cr_expect(finding->verdict == DIVA_CHECK_PASS);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, a_rule_that_is_off_is_not_looked_at) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 200, 200);
  struct diva_check_options options = version_options();
  for (int r = 0; r < DIVA_RULES; r++) {
    options.policy.on[r] = r == DIVA_RULE_WEIGHTS;
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(checked.summary.verdict == DIVA_CHECK_PASS);
  cr_expect(checked.summary.counts[DIVA_CHECK_OFF] == DIVA_RULES - 1);
  cr_expect(isnan(checked.summary.loo_error), "nothing was fitted");
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, a_nan_is_a_verdict_and_stops_what_needs_features) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 0, 400);
  const struct diva_check_options options = version_options();
  after.features[33 * after.columns + 6] = (float)INFINITY;
  after.features[200 * after.columns + 6] = (float)NAN;
  struct checked checked = version_check(&after, &before, NULL, &options);
  const struct diva_check_finding *finding =
      checked_finding(&checked, DIVA_RULE_COLUMNS, "column 6");
  cr_assert(finding && finding->verdict == DIVA_CHECK_FAIL);
  cr_expect(strstr(finding->message, "row 33 (id 'r33')") != NULL, "%s", finding->message);
  cr_expect(checked.results[DIVA_RULE_COLUMNS].row_count == 2);
  const enum diva_rule stopped[] = {DIVA_RULE_LABEL_NOISE,     DIVA_RULE_LOO_ERROR,
                                    DIVA_RULE_CLASS_ERROR,     DIVA_RULE_GROUP_ERROR,
                                    DIVA_RULE_NEAR_DUPLICATES, DIVA_RULE_DRIFT};
  for (size_t s = 0; s < sizeof stopped / sizeof *stopped; s++) {
    cr_expect(verdict_of(&checked, stopped[s]) == DIVA_CHECK_SKIPPED);
    cr_expect(strstr(message_of(&checked, stopped[s]), "column 6") != NULL, "%s",
              message_of(&checked, stopped[s]));
  }
  checked_free(&checked);
  /* In the baseline, it stops what compares, and fails nothing. */
  checked = version_check(&before, &after, NULL, &options);
  cr_expect(checked.summary.verdict == DIVA_CHECK_PASS);
  cr_expect(verdict_of(&checked, DIVA_RULE_LOO_ERROR) == DIVA_CHECK_SKIPPED);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, the_target_is_what_the_error_is_measured_on) {
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 600);
  struct version target = version_make(1, 600, 300);
  const struct diva_check_options options = version_options();
  struct checked checked = version_check(&after, &before, &target, &options);
  const struct diva_check_finding *whole = checked_finding(&checked, DIVA_RULE_LOO_ERROR, NULL);
  cr_assert(whole && whole->before == whole->after);
  cr_expect(fabs(whole->after * 300.0 - round(whole->after * 300.0)) < 1e-9, "a share of 300 rows");
  cr_expect(strstr(whole->message, "target") != NULL);
  checked_free(&checked);
  for (int64_t i = 0; i < after.rows; i += 3) {
    after.labels[i] = 0;
  }
  checked = version_check(&after, &before, &target, &options);
  whole = checked_finding(&checked, DIVA_RULE_LOO_ERROR, NULL);
  cr_expect(whole->after > whole->before);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
  version_free(&target);
}

/* All rows of one group are of one class, which only the mark of the group tells. */
Test(check_edges, unseen_groups_are_a_figure_without_a_baseline) {
  struct version after = version_make(1, 0, 600);
  const struct diva_check_options options = version_options();
  for (int64_t i = 0; i < after.rows; i++) {
    if (after.groups[i] == 1) {
      after.labels[i] = 2;
      after.features[i * after.columns + 7] += 8.0F;
    }
  }
  struct checked checked = version_check(&after, NULL, NULL, &options);
  const struct diva_check_finding *finding =
      checked_finding(&checked, DIVA_RULE_GROUP_ERROR, "source");
  cr_assert(finding && finding->after > finding->before + 0.1);
  cr_expect(finding->low <= finding->after - finding->before);
  cr_expect(finding->limits.warn == options.policy.unseen_group_warn);
  cr_expect(finding->verdict == (finding->value >= 0.1 ? DIVA_CHECK_WARN : DIVA_CHECK_PASS));
  checked_free(&checked);
  version_free(&after);
}

/* Targets y = 2 x_0 + noise. */
static void open_targets(struct version *version, double noise, double *y) {
  struct reference_random random = {4};
  for (int64_t i = 0; i < version->rows; i++) {
    y[i] =
        2.0 * (double)version->features[i * version->columns] + noise * reference_normal(&random);
  }
  version_open_targets(version, y);
}

Test(check_edges, targets_are_judged_by_their_loss) {
  enum { ROWS = 400 };
  struct version before = version_make(1, 0, ROWS);
  struct version after = version_make(1, 0, ROWS);
  double old_targets[ROWS];
  double new_targets[ROWS];
  struct diva_check_options options = version_options();
  struct checked checked = {0};
  struct diva_error error = {0};
  open_targets(&before, 0.5, old_targets);
  for (int worse = 0; worse < 2; worse++) {
    open_targets(&after, worse ? 2.0 : 0.5, new_targets);
    options.baseline = before.dataset;
    cr_assert(diva_check_run(after.dataset, &options, &checked.check, &error) == DIVA_OK, "%s",
              error.message);
    checked.results = diva_check_results(checked.check);
    const unsigned expected = worse ? 1U << DIVA_RULE_LOO_ERROR : 0;
    cr_expect(checked_tripped(&checked) == expected, "%s",
              message_of(&checked, DIVA_RULE_LOO_ERROR));
    cr_expect(verdict_of(&checked, DIVA_RULE_CLASSES) == DIVA_CHECK_SKIPPED);
    cr_expect(verdict_of(&checked, DIVA_RULE_LABEL_NOISE) == DIVA_CHECK_SKIPPED);
    cr_expect(verdict_of(&checked, DIVA_RULE_CLASS_ERROR) == DIVA_CHECK_SKIPPED);
    checked_free(&checked);
  }
  version_free(&after);
  version_free(&before);
}

Test(check_edges, another_width_fails_columns_and_is_compared_all_the_same) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 0, 400);
  const struct diva_check_options options = version_options();
  float *narrow = reference_allocate(after.rows * 7, sizeof *narrow);
  for (int64_t i = 0; i < after.rows; i++) {
    memcpy(narrow + 7 * i, after.features + i * after.columns, 7 * sizeof *narrow);
  }
  free(after.features);
  after.features = narrow;
  after.columns = 7;
  struct checked checked = version_check(&after, &before, NULL, &options);
  cr_expect(verdict_of(&checked, DIVA_RULE_COLUMNS) == DIVA_CHECK_FAIL);
  cr_expect(verdict_of(&checked, DIVA_RULE_DRIFT) == DIVA_CHECK_SKIPPED);
  cr_expect(verdict_of(&checked, DIVA_RULE_LOO_ERROR) != DIVA_CHECK_SKIPPED);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, the_same_bytes_whatever_the_threads) {
  struct version before = version_make(1, 0, 500);
  struct version after = version_make(1, 30, 500);
  struct diva_check_options options = version_options();
  options.analysis.deterministic = true;
  struct checked one = version_check(&after, &before, NULL, &options);
  options.analysis.threads = 3;
  struct checked three = version_check(&after, &before, NULL, &options);
  for (int r = 0; r < DIVA_RULES; r++) {
    cr_expect(strcmp(one.results[r].message, three.results[r].message) == 0, "%s",
              one.results[r].message);
    cr_expect(one.results[r].row_count == three.results[r].row_count);
  }
  checked_free(&one);
  checked_free(&three);
  version_free(&after);
  version_free(&before);
}

Test(check_edges, content_is_hashed_by_value_and_moments_are_true) {
  enum { ROWS = 70, COLUMNS = 3 };
  uint16_t halves[ROWS * COLUMNS];
  double values[ROWS * COLUMNS];
  struct diva_dataset_arrays arrays;
  struct diva_dataset *sets[2];
  struct diva_content contents[2];
  struct diva_error error;
  const struct diva_progress progress = {0};
  struct reference_random random = {9};
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    halves[i] = reference_half_bits(i % COLUMNS == 1 ? 1000.0 : reference_normal(&random));
    values[i] = reference_half_value(halves[i]);
  }
  halves[0] = reference_half_bits(0.0);
  values[0] = -0.0;
  for (int s = 0; s < 2; s++) {
    diva_dataset_arrays_init(&arrays);
    arrays.rows = ROWS;
    arrays.columns = COLUMNS;
    arrays.feature_type = s ? DIVA_FLOAT64 : DIVA_FLOAT16;
    arrays.features = s ? (const void *)values : (const void *)halves;
    arrays.unlabelled = true;
    cr_assert(diva_dataset_from_arrays(&arrays, &sets[s], &error) == DIVA_OK, "%s", error.message);
    cr_assert(diva_content_read(sets[s], 1 + s, &progress, "", &contents[s], &error) == DIVA_OK);
  }
  cr_expect(memcmp(contents[0].row_hash, contents[1].row_hash, sizeof(uint64_t) * ROWS) == 0);
  cr_expect(memcmp(contents[0].column_hash, contents[1].column_hash, COLUMNS * sizeof(uint64_t)) ==
            0);
  cr_expect(contents[0].constant[1] && !contents[0].constant[0] && !contents[0].constant[2]);
  for (int j = 0; j < COLUMNS; j++) {
    double mean = 0.0;
    double square = 0.0;
    for (int i = 0; i < ROWS; i++) {
      mean += values[i * COLUMNS + j] / ROWS;
    }
    for (int i = 0; i < ROWS; i++) {
      square += (values[i * COLUMNS + j] - mean) * (values[i * COLUMNS + j] - mean) / ROWS;
    }
    cr_expect(fabs(contents[0].mean[j] - mean) < 1e-12 * (1.0 + fabs(mean)));
    cr_expect(fabs(contents[0].square[j] - square) < 1e-12);
  }
  for (int s = 0; s < 2; s++) {
    diva_content_free(&contents[s]);
    diva_dataset_close(sets[s]);
  }
}

Test(check_edges, policies_begin_with_limits_that_make_sense) {
  struct diva_policy policy;
  diva_policy_init(&policy);
  for (int r = 0; r < DIVA_RULES; r++) {
    const enum diva_rule rule = (enum diva_rule)r;
    cr_expect(diva_rule_id(rule) && diva_rule_purpose(rule) && policy.on[r]);
    cr_expect(policy.limits[r].warn > 0.0, "what does not change trips nothing");
    cr_expect(isnan(policy.limits[r].fail) || policy.limits[r].fail >= policy.limits[r].warn);
    cr_expect(diva_rule_stands_alone(rule) ||
              (isnan(policy.alone[r].warn) && isnan(policy.alone[r].fail)));
    for (int other = 0; other < r; other++) {
      cr_expect(strcmp(diva_rule_id(rule), diva_rule_id((enum diva_rule)other)) != 0);
    }
  }
  cr_expect(!diva_rule_id((enum diva_rule)DIVA_RULES) && !diva_rule_id((enum diva_rule) - 1));
  diva_policy_release(&policy);
}
