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

/* Whether two checks of the same versions found the same error on their targets. */
static bool agree(const struct checked *a, const struct checked *b) {
  const struct diva_check_finding *one = checked_finding(a, DIVA_RULE_LOO_ERROR, NULL);
  const struct diva_check_finding *other = checked_finding(b, DIVA_RULE_LOO_ERROR, NULL);
  return one && other && one->after == other->after && one->before == other->before &&
         strcmp(one->message, other->message) == 0;
}

Test(check_kinds, target_rows_without_a_label_are_not_counted) {
  enum { ROWS = 600, TARGET = 200 };
  struct version before = version_make(1, 0, ROWS);
  struct version after = version_make(1, 0, ROWS + 100);
  struct version target = version_make(1, 2 * ROWS, TARGET);
  const struct diva_check_options options = version_options();
  int64_t labelled[TARGET / 2];
  for (int64_t i = 0; i < TARGET / 2; i++) {
    labelled[i] = 2 * i;
    target.labels[2 * i + 1] = -1;
  }
  struct version half = version_take(&target, labelled, TARGET / 2);
  struct checked whole = version_check(&after, &before, &target, &options);
  struct checked part = version_check(&after, &before, &half, &options);
  cr_expect(agree(&whole, &part), "%s; of the labelled rows alone: %s",
            result_of(&whole, DIVA_RULE_LOO_ERROR)->message,
            result_of(&part, DIVA_RULE_LOO_ERROR)->message);
  checked_free(&whole);
  checked_free(&part);
  version_free(&half);
  version_free(&target);
  version_free(&after);
  version_free(&before);
}

Test(check_kinds, classes_of_the_target_go_by_name_whatever_their_number) {
  static const char *const names[] = {"cat", "dog", "owl"};
  static const char *const turned[] = {"owl", "cat", "dog"};
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 700);
  struct version target = version_make(1, 1200, 200);
  const struct diva_check_options options = version_options();
  before.names = after.names = target.names = names;
  struct checked same = version_check(&after, &before, &target, &options);
  for (int64_t i = 0; i < target.rows; i++) {
    target.labels[i] = (target.labels[i] + 1) % VERSION_CLASSES;
  }
  target.names = turned;
  struct checked other = version_check(&after, &before, &target, &options);
  cr_expect(agree(&same, &other), "%s", result_of(&other, DIVA_RULE_LOO_ERROR)->message);
  cr_expect(strcmp(result_of(&same, DIVA_RULE_ADDED_ROWS)->message,
                   result_of(&other, DIVA_RULE_ADDED_ROWS)->message) == 0);
  checked_free(&same);
  checked_free(&other);
  version_free(&target);
  version_free(&after);
  version_free(&before);
}

/* Rows whose label is below a number. */
static struct version take_classes(const struct version *from, int32_t classes) {
  int64_t *rows = reference_allocate(from->rows, sizeof *rows);
  int64_t count = 0;
  for (int64_t i = 0; i < from->rows; i++) {
    if (from->labels[i] < classes) {
      rows[count++] = i;
    }
  }
  struct version taken = version_take(from, rows, count);
  taken.classes = classes;
  free(rows);
  return taken;
}

/* The target still has the class that left; and one that no version ever had. */
Test(check_kinds, a_class_that_only_the_target_has_is_an_error_and_no_refusal) {
  static const char *const names[] = {"cat", "dog", "owl"};
  static const char *const strange[] = {"fox", "cat", "dog", "owl"};
  struct version before = version_make(1, 0, 600);
  struct version more = version_make(1, 0, 700);
  struct version after = take_classes(&more, 2);
  struct version target = version_make(1, 1200, 200);
  const struct diva_check_options options = version_options();
  before.names = after.names = names;
  target.names = strange;
  target.classes = 4;
  for (int64_t i = 0; i < target.rows; i++) {
    target.labels[i] = i < 20 ? 0 : target.labels[i] + 1;
  }
  struct checked checked = version_check(&after, &before, &target, &options);
  const struct diva_check_finding *owl = checked_finding(&checked, DIVA_RULE_CLASS_ERROR, "owl");
  cr_assert(owl, "%s", result_of(&checked, DIVA_RULE_CLASS_ERROR)->message);
  cr_expect(owl->after == 1.0 && owl->before < 0.5 && owl->verdict == DIVA_CHECK_FAIL);
  cr_expect(!checked_finding(&checked, DIVA_RULE_CLASS_ERROR, "fox"));
  const struct diva_check_finding *whole = checked_finding(&checked, DIVA_RULE_LOO_ERROR, NULL);
  cr_expect(whole && whole->before >= 0.1 && whole->after > whole->before,
            "the twenty rows of the strange class are errors of both");
  checked_free(&checked);
  version_free(&target);
  version_free(&after);
  version_free(&more);
  version_free(&before);
}

Test(check_kinds, a_target_of_nothing_but_strange_classes_is_all_errors) {
  static const char *const names[] = {"cat", "dog", "owl"};
  static const char *const strange[] = {"fox", "hen", "jay"};
  struct version before = version_make(1, 0, 600);
  struct version after = version_make(1, 0, 700);
  struct version target = version_make(1, 1200, 200);
  const struct diva_check_options options = version_options();
  before.names = after.names = names;
  target.names = strange;
  struct checked checked = version_check(&after, &before, &target, &options);
  const struct diva_check_finding *whole = checked_finding(&checked, DIVA_RULE_LOO_ERROR, NULL);
  cr_expect(whole && whole->before == 1.0 && whole->after == 1.0);
  cr_expect(whole && !strstr(whole->message, "nan"), "%s", whole->message);
  checked_free(&checked);
  version_free(&target);
  version_free(&after);
  version_free(&before);
}

Test(check_kinds, added_rows_without_a_label_are_not_said_to_be_none) {
  struct version before = version_make(1, 0, 400);
  struct version after = version_make(1, 0, 450);
  const struct diva_check_options options = version_options();
  for (int64_t i = before.rows; i < after.rows; i++) {
    after.labels[i] = -1;
  }
  struct checked checked = version_check(&after, &before, NULL, &options);
  const char *message = result_of(&checked, DIVA_RULE_ADDED_ROWS)->message;
  cr_expect(strcmp(message, "no added row can be trained on") == 0, "%s", message);
  checked_free(&checked);
  version_free(&after);
  version_free(&before);
}
