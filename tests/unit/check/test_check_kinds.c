/* Versions and targets that do not agree on labels, classes or groups. */
#include "versions.h"

#include "host/check/version.h"
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

/* Every class has another number in either version, the baseline has two more, and they are more
 * than a table of names starts with. */
Test(check_kinds, many_classes_go_by_name_whatever_their_number) {
  enum { CLASSES = 200, MORE = CLASSES + 2 };
  struct version sets[2] = {version_make(1, 0, MORE), version_make(1, 0, MORE)};
  struct diva_check_version versions[2];
  struct diva_check_match match;
  struct diva_error error = {0};
  char texts[MORE][8];
  const char *names[2][MORE];
  for (int32_t c = 0; c < MORE; c++) {
    snprintf(texts[c], sizeof texts[c], "c%d", c);
    names[0][c] = texts[c];
    names[1][MORE - 1 - c] = texts[c];
  }
  for (int s = 0; s < 2; s++) {
    sets[s].names = names[s];
    sets[s].classes = s ? MORE : CLASSES;
    diva_check_version_open(version_open(&sets[s]), &versions[s]);
  }
  cr_assert(diva_check_match(&versions[0], &versions[1], &match, &error) == DIVA_OK, "%s",
            error.message);
  for (int32_t c = 2; c < MORE; c++) {
    cr_expect(match.class_of[c] == MORE - 1 - c, "class %d became %d", c, match.class_of[c]);
  }
  cr_expect(match.class_of[0] == CLASSES && match.class_of[1] == CLASSES + 1);
  cr_expect(match.class_count == MORE);
  diva_check_match_free(&match);
  for (int s = 0; s < 2; s++) {
    diva_check_version_close(&versions[s]);
    version_free(&sets[s]);
  }
}
