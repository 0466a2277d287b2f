/* Versions and targets that do not agree on labels, classes or groups. */
#include "versions.h"

#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct diva_check_result *result_of(const struct checked *checked,
                                                 enum diva_rule rule) {
  return &checked->results[rule];
}

Test(check_kinds, labels_are_judged_beside_a_baseline_of_targets) {
  enum { ROWS = 400 };
  struct version before = version_make(1, 0, ROWS);
  struct version after = version_make(1, 0, ROWS);
  struct diva_check_options options = version_options();
  double targets[ROWS];
  for (int64_t i = 0; i < ROWS; i++) {
    targets[i] = (double)before.labels[i];
  }
  for (int64_t i = 0; i < ROWS; i += 10) {
    after.labels[i] = (after.labels[i] + 1) % VERSION_CLASSES;
  }
  options.baseline = version_open_targets(&before, targets);
  struct checked checked = dataset_check(version_open(&after), &options);
  const struct diva_check_result *noise = result_of(&checked, DIVA_RULE_LABEL_NOISE);
  cr_expect(noise->row_count > 10, "%lld rows are named", (long long)noise->row_count);
  cr_expect(result_of(&checked, DIVA_RULE_LOO_ERROR)->verdict == DIVA_CHECK_SKIPPED);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}
