/* Limits that a figure has of its own, and waivers of rows. */
#include "versions.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a finding was held against, and what came of it. */
static void expect_unlimited(const struct checked *checked, enum diva_rule rule,
                             const char *subject) {
  const struct diva_check_finding *finding = checked_finding(checked, rule, subject);
  cr_assert(finding, "%s: %s", diva_rule_id(rule), checked->results[rule].message);
  cr_expect(isnan(finding->limits.warn) && isnan(finding->limits.fail), "%s: %g and %g",
            diva_rule_id(rule), finding->limits.warn, finding->limits.fail);
  cr_expect(finding->value > 0.0 && finding->verdict == DIVA_CHECK_PASS, "%s: %g, %s",
            diva_rule_id(rule), finding->value, diva_check_verdict_name(finding->verdict));
}

/* Every added row is mislabelled; all the same, no limit is one. */
Test(check_limits, no_limit_for_harmful_rows_is_not_that_of_the_block) {
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 700);
  struct diva_check_options options = version_options();
  options.policy.harmful_share_warn = (double)NAN;
  for (int64_t i = 600; i < 700; i++) {
    after.labels[i] = (after.labels[i] + 1) % VERSION_CLASSES;
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  expect_unlimited(&checked, DIVA_RULE_ADDED_ROWS, "harmful");
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

/* A baseline without features, or with NaN in them, is none: the limits without a baseline hold,
 * and where they are switched off, none does. */
Test(check_limits, no_limit_without_a_baseline_is_not_that_with_one) {
  const struct diva_limits none = {(double)NAN, (double)NAN};
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 600);
  struct diva_check_options options = version_options();
  before.features[0] = (float)NAN;
  options.policy.alone[DIVA_RULE_LABEL_NOISE] = none;
  options.policy.alone[DIVA_RULE_NEAR_DUPLICATES] = none;
  for (int64_t i = 0; i < 100; i++) {
    memcpy(after.features + (i + 100) * after.columns, after.features + i * after.columns,
           (size_t)after.columns * sizeof *after.features);
    after.labels[i + 300] = (after.labels[i + 300] + 1) % VERSION_CLASSES;
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  expect_unlimited(&checked, DIVA_RULE_LABEL_NOISE, NULL);
  expect_unlimited(&checked, DIVA_RULE_NEAR_DUPLICATES, NULL);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}

/* All rows of one group are of one class, which only the mark of the group tells. */
Test(check_limits, no_limit_for_unseen_groups_is_not_that_of_seen_ones) {
  struct version after = version_make(1, 0, 600);
  struct diva_check_options options = version_options();
  options.policy.unseen_group_warn = (double)NAN;
  options.policy.alone[DIVA_RULE_GROUP_ERROR] = (struct diva_limits){0.001, 0.002};
  for (int64_t i = 0; i < after.rows; i++) {
    if (after.groups[i] == 1) {
      after.labels[i] = 2;
      after.features[i * after.columns + 7] += 8.0F;
    }
  }
  struct checked checked = version_check(&after, NULL, NULL, &options);
  expect_unlimited(&checked, DIVA_RULE_GROUP_ERROR, "source");
  checked_free(&checked);
  version_free(&after);
}

/* Rows 0 and 1 are both copies of target row 5: one may be accepted, the other still leaks. */
Test(check_limits, a_waived_leak_does_not_hide_another_of_the_same_target_row) {
  struct version after = version_make(1, 0, 500);
  struct version target = version_make(1, 600, 200);
  struct diva_check_options options = version_options();
  char ids[][4] = {"r0", "r1"};
  char reason[] = "known";
  struct diva_waiver waivers[] = {{.rule = DIVA_RULE_LEAKAGE, .id = ids[0], .reason = reason},
                                  {.rule = DIVA_RULE_LEAKAGE, .id = ids[1], .reason = reason}};
  const size_t bytes = (size_t)after.columns * sizeof *after.features;
  for (int64_t i = 0; i < 2; i++) {
    memcpy(after.features + i * after.columns, target.features + 5 * target.columns, bytes);
  }
  options.policy.waivers = waivers;
  for (int64_t waived = 0; waived < 3; waived++) {
    options.policy.waiver_count = waived;
    struct checked checked = version_check(&after, NULL, &target, &options);
    const struct diva_check_result *leakage = &checked.results[DIVA_RULE_LEAKAGE];
    cr_expect(leakage->row_count == (waived < 2) && leakage->waived_rows == (waived == 2),
              "%lld waived: %s", (long long)waived, leakage->message);
    if (waived < 2) {
      cr_expect(checked_row(&checked, DIVA_RULE_LEAKAGE, ids[waived]) != NULL);
    }
    checked_free(&checked);
  }
  version_free(&target);
  version_free(&after);
}
