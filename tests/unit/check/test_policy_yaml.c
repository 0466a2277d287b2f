/* Policies in YAML: read over the defaults, refused with file, line and column, written and read
 * back. */
#include <diva/policy.h>

#include "tests/unit/output/folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(policy_yaml, .init = folder_enter, .fini = folder_leave);

static bool same(double a, double b) {
  return (isnan(a) && isnan(b)) || a == b;
}

static void expect_limits(struct diva_limits a, struct diva_limits b, const char *what) {
  cr_expect(same(a.warn, b.warn), "%s: warn %g, %g", what, a.warn, b.warn);
  cr_expect(same(a.fail, b.fail), "%s: fail %g, %g", what, a.fail, b.fail);
}

static void expect_text(const char *a, const char *b) {
  cr_expect((!a && !b) || (a && b && strcmp(a, b) == 0), "'%s' is not '%s'", a ? a : "NULL",
            b ? b : "NULL");
}

static void expect_same(const struct diva_policy *a, const struct diva_policy *b) {
  for (int r = 0; r < DIVA_RULES; r++) {
    cr_expect_eq(a->on[r], b->on[r], "%s", diva_rule_id((enum diva_rule)r));
    expect_limits(a->limits[r], b->limits[r], diva_rule_id((enum diva_rule)r));
    expect_limits(a->alone[r], b->alone[r], diva_rule_id((enum diva_rule)r));
  }
  cr_expect(same(a->confidence, b->confidence));
  cr_expect(same(a->harmful_share_warn, b->harmful_share_warn));
  cr_expect(same(a->unseen_group_warn, b->unseen_group_warn));
  cr_expect(same(a->duplicates_threshold, b->duplicates_threshold));
  cr_assert_eq(a->override_count, b->override_count);
  for (int64_t i = 0; i < a->override_count; i++) {
    cr_expect_eq(a->overrides[i].rule, b->overrides[i].rule);
    expect_text(a->overrides[i].subject, b->overrides[i].subject);
    expect_limits(a->overrides[i].limits, b->overrides[i].limits, "override");
  }
  cr_assert_eq(a->waiver_count, b->waiver_count);
  for (int64_t i = 0; i < a->waiver_count; i++) {
    cr_expect_eq(a->waivers[i].rule, b->waivers[i].rule);
    expect_text(a->waivers[i].id, b->waivers[i].id);
    expect_text(a->waivers[i].subject, b->waivers[i].subject);
    expect_text(a->waivers[i].reason, b->waivers[i].reason);
    expect_text(a->waivers[i].expires, b->waivers[i].expires);
  }
}

static struct diva_policy read_text(const char *text) {
  struct diva_policy policy;
  struct diva_error error;
  file_write_text("p.yml", text);
  diva_policy_init(&policy);
  cr_assert_eq(diva_policy_read("p.yml", &policy, &error), DIVA_OK, "%s", error.message);
  return policy;
}

Test(policy_yaml, what_is_left_out_has_its_default) {
  struct diva_policy defaults;
  diva_policy_init(&defaults);
  static const char *const texts[] = {"", "# nothing\n", "version: 1\n", "waivers: []\n",
                                      "rules: {ids: on, drift: {}}\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct diva_policy policy = read_text(texts[i]);
    expect_same(&policy, &defaults);
    diva_policy_release(&policy);
  }
}

Test(policy_yaml, every_key_is_read) {
  struct diva_policy defaults;
  diva_policy_init(&defaults);
  struct diva_policy policy = read_text("confidence: 0.95\n"
                                        "near-duplicate-cosine: 0.98\n"
                                        "rules:\n"
                                        "  ids: off\n"
                                        "  weights: {enabled: no}\n"
                                        "  classes: {warn: 2, fail: 5}\n"
                                        "  drift: {warn: none, fail: 1e-1}\n"
                                        "  relabelled: {fail: 0.005}\n"
                                        "  unlabelled: {without-baseline: {warn: 0.3}}\n"
                                        "  added-rows: {warn-harmful-share: 0.5}\n"
                                        "  group-error: {warn-unseen: ~}\n"
                                        "  class-error:\n"
                                        "    subjects: {cat: {fail: 0.5}, '7': {warn: none}}\n"
                                        "    fail: 0.3\n"
                                        "waivers:\n"
                                        "- {rule: leakage, id: 12, reason: known}\n"
                                        "- rule: group-error\n"
                                        "  subject: source=web\n"
                                        "  reason: >\n"
                                        "    being\n"
                                        "    mended\n"
                                        "  expires: 2028-02-29\n");
  cr_expect_eq(policy.confidence, 0.95);
  cr_expect_eq(policy.duplicates_threshold, 0.98);
  cr_expect_not(policy.on[DIVA_RULE_IDS]);
  cr_expect_not(policy.on[DIVA_RULE_WEIGHTS]);
  cr_expect(policy.on[DIVA_RULE_DRIFT]);
  expect_limits(policy.limits[DIVA_RULE_CLASSES], (struct diva_limits){2, 5}, "classes");
  expect_limits(policy.limits[DIVA_RULE_DRIFT], (struct diva_limits){NAN, 0.1}, "drift");
  expect_limits(policy.limits[DIVA_RULE_RELABELLED],
                (struct diva_limits){defaults.limits[DIVA_RULE_RELABELLED].warn, 0.005},
                "relabelled");
  expect_limits(policy.limits[DIVA_RULE_UNLABELLED], defaults.limits[DIVA_RULE_UNLABELLED],
                "unlabelled");
  cr_expect_eq(policy.alone[DIVA_RULE_UNLABELLED].warn, 0.3);
  cr_expect(
      same(policy.alone[DIVA_RULE_UNLABELLED].fail, defaults.alone[DIVA_RULE_UNLABELLED].fail));
  cr_expect_eq(policy.harmful_share_warn, 0.5);
  cr_expect(isnan(policy.unseen_group_warn));
  cr_assert_eq(policy.override_count, 2);
  /* What an override leaves out is the rule's own limit, wherever that stands in the file. */
  const double warn = defaults.limits[DIVA_RULE_CLASS_ERROR].warn;
  expect_limits(diva_policy_limits(&policy, DIVA_RULE_CLASS_ERROR, "cat", false),
                (struct diva_limits){warn, 0.5}, "cat");
  expect_limits(diva_policy_limits(&policy, DIVA_RULE_CLASS_ERROR, "7", false),
                (struct diva_limits){NAN, 0.3}, "7");
  cr_assert_eq(policy.waiver_count, 2);
  expect_text(policy.waivers[0].id, "12");
  expect_text(policy.waivers[0].expires, "");
  expect_text(policy.waivers[1].subject, "source=web");
  expect_text(policy.waivers[1].reason, "being mended\n");
  cr_expect_not_null(
      diva_policy_waiver(&policy, DIVA_RULE_GROUP_ERROR, NULL, "source=web", "2028-02-29"));
  cr_expect_null(
      diva_policy_waiver(&policy, DIVA_RULE_GROUP_ERROR, NULL, "source=web", "2028-03-01"));
  diva_policy_release(&policy);
}

struct refusal {
  const char *text;
  const char *message; /* what it begins with */
};

static const struct refusal refusals[] = {
    {"confidense: 0.9\n", "p.yml:1:1: unknown word 'confidense' in the policy (did you mean "
                          "'confidence'?); known: version, confidence,"},
    {"version: 2\n", "p.yml:1:10: version '2' is not known"},
    {"rules:\n  label-nose: off\n", "p.yml:2:3: unknown word 'label-nose' in rules (did you mean "
                                    "'label-noise'?); known: ids, columns,"},
    {"rules:\n  ids: {wran: 0.1}\n",
     "p.yml:2:9: unknown word 'wran' in rules.ids (did you mean 'warn'?); known: enabled, warn, "
     "fail, without-baseline, subjects"},
    {"rules:\n  ids: {warn-harmful-share: 0.1}\n", "p.yml:2:9: unknown word 'warn-harmful-share'"},
    {"rules:\n  ids: 0.1\n", "p.yml:2:8: rules.ids must be a mapping"},
    {"rules:\n  ids: {warn: 0.1, warn: 0.2}\n", "p.yml:2:20: 'warn' is given twice in rules.ids"},
    {"rules:\n  drift: {warn: lots}\n", "p.yml:2:17: warn 'lots' is neither a number nor 'none'"},
    {"rules:\n  drift: {warn: nan}\n", "p.yml:2:17: warn 'nan' is neither"},
    {"rules:\n  drift: {warn: 0x1}\n", "p.yml:2:17: warn '0x1' is neither"},
    {"rules:\n  drift: {fail: [1]}\n", "p.yml:2:17: fail '?' is neither"},
    {"rules:\n  drift: {fail: 5}\n",
     "p.yml:2:17: fail 5 is above 1: it is a share, 5 % is written 0.05"},
    {"rules:\n  drift: {fail: 0}\n", "p.yml:2:17: fail 0 must be above 0"},
    {"rules:\n  drift: {fail: -1}\n", "p.yml:2:17: fail -1 must be above 0"},
    {"rules:\n  drift: {warn: 0.3, fail: 0.2}\n", "p.yml:2:10: warn 0.3 is above fail 0.2"},
    {"rules:\n  ids: {warn: 0.3}\n",
     "p.yml:2:8: warn 0.3 is above fail 0.25 (which is not given here)"},
    {"rules:\n  drift: {subjects: {a: {warn: 0.3}}}\n", "p.yml:2:25: warn 0.3 is above fail 0.2"},
    {"rules:\n  drift: {enabled: perhaps}\n", "p.yml:2:20: enabled must be true or false"},
    {"rules:\n  drift: {without-baseline: {warn: 0.1}}\n",
     "p.yml:2:29: rules.drift looks at nothing without a baseline"},
    {"rules:\n  drift: {subjects: [a]}\n", "p.yml:2:21: rules.drift.subjects must be a mapping"},
    {"rules:\n  drift: {subjects: {a: {warn: 0.3, warm: 1}}}\n",
     "p.yml:2:37: unknown word 'warm' in rules.drift.subjects.a (did you mean 'warn'?)"},
    {"rules:\n  drift: {subjects: {a: {}, a: {}}}\n",
     "p.yml:2:29: rules.drift.subjects.a is given twice"},
    {"confidence: 1\n", "p.yml:1:13: confidence must be a number"},
    {"near-duplicate-cosine: 2\n", "p.yml:1:24: near-duplicate-cosine must be 'auto', or"},
    {"waivers: {}\n", "p.yml:1:10: waivers must be a list"},
    {"waivers:\n- id: a\n  reason: b\n", "p.yml:2:3: a waiver needs a rule"},
    {"waivers:\n- rule: leak\n", "p.yml:2:9: unknown word 'leak' in a waiver's rule"},
    {"waivers:\n- {rule: ids, id: a}\n", "p.yml:2:3: a waiver needs a reason"},
    {"waivers:\n- {rule: ids, id: a, reason: ' '}\n",
     "p.yml:2:30: reason must be a text that is not empty"},
    {"waivers:\n- {rule: ids, reason: r}\n", "p.yml:2:3: a waiver needs either an id"},
    {"waivers:\n- {rule: ids, id: a, subject: b, reason: r}\n",
     "p.yml:2:3: a waiver needs either an id"},
    {"waivers:\n- {rule: ids, id: a, reason: r, expires: 2026-02-29}\n",
     "p.yml:2:42: expires '2026-02-29' is not a day, YYYY-MM-DD"},
    {"waivers:\n- {rule: ids, id: a, reason: r, expires: soon}\n", "p.yml:2:42: expires 'soon'"},
    {"[1, 2]\n", "p.yml:1:1: the policy must be a mapping"},
    {"a: b: c\n", "p.yml:1:5: mapping values are not allowed"},
    {"rules: {\n", "p.yml:2:1: did not find expected"},
    {"version: 1\n---\nversion: 1\n", "p.yml:3:1: a second document begins"},
    {"version: 1\nconfidence: \x01\n", "p.yml:2:13: control characters are not allowed"},
    {"version: *a\n", "p.yml:1:10: found undefined alias"},
};

Test(policy_yaml, each_mistake_is_told_with_its_place) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    struct diva_policy policy;
    struct diva_error error = {.message = ""};
    const char *const wanted = refusals[i].message;
    diva_policy_init(&policy);
    file_write_text("p.yml", refusals[i].text);
    cr_expect_eq(diva_policy_read("p.yml", &policy, &error), DIVA_ERROR_INPUT, "%s",
                 refusals[i].text);
    cr_expect(strncmp(error.message, wanted, strlen(wanted)) == 0, "'%s' does not begin with '%s'",
              error.message, wanted);
    diva_policy_release(&policy);
  }
}

Test(policy_yaml, what_was_there_stays_after_a_mistake) {
  struct diva_policy before = read_text("confidence: 0.9\nrules: {ids: off}\n");
  struct diva_policy policy = read_text("confidence: 0.9\nrules: {ids: off}\n");
  struct diva_error error;
  file_write_text("p.yml", "confidence: 0.8\nrules: {drift: {subjects: {a: {fail: x}}}}\n");
  cr_expect_eq(diva_policy_read("p.yml", &policy, &error), DIVA_ERROR_INPUT);
  expect_same(&policy, &before);
  cr_expect_eq(diva_policy_read("absent.yml", &policy, &error), DIVA_ERROR_INPUT);
  cr_expect_str_eq(error.message, "absent.yml: No such file or directory");
  diva_policy_release(&policy);
  diva_policy_release(&before);
}

/* What YAML takes for line breaks, markup or nothing at all, in names that are data. */
static const char hostile[] = "\"a\\b\": {c}\n\t# \x01\x7f \xc2\x85\xe2\x80\xa8\xef\xbb\xbf "
                              "\xe4\xb8\x80\xf0\x9f\x98\x80 'x' %0A";

static void write_and_read(const struct diva_policy *policy) {
  struct diva_policy again;
  struct diva_error error;
  diva_policy_init(&again);
  cr_assert_eq(diva_policy_write(policy, NULL, NULL, "w.yml", &error), DIVA_OK, "%s",
               error.message);
  cr_assert_eq(diva_policy_read("w.yml", &again, &error), DIVA_OK, "%s", error.message);
  expect_same(policy, &again);
  diva_policy_release(&again);
}

Test(policy_yaml, what_is_written_reads_back_the_same) {
  struct diva_policy policy;
  struct diva_limit_override overrides[] = {
      {DIVA_RULE_CLASSES, "7", {1e9, 1e300}},
      {DIVA_RULE_CLASS_ERROR, (char *)hostile, {0.1 + 0.2, NAN}},
      {DIVA_RULE_CLASS_ERROR, "null", {NAN, NAN}},
      {DIVA_RULE_GROUP_ERROR, "source=web", {1e-300, 1}}};
  struct diva_waiver waivers[] = {
      {DIVA_RULE_LEAKAGE, (char *)hostile, NULL, (char *)hostile, "2030-12-31"},
      {DIVA_RULE_IDS, NULL, "~", "because", ""}};
  diva_policy_init(&policy);
  write_and_read(&policy);
  for (int r = 0; r < DIVA_RULES; r++) {
    policy.on[r] = r % 2 == 0;
    policy.limits[r] = (struct diva_limits){(r + 1) / 33.0, r % 3 ? 0.7 : NAN};
    if (diva_rule_stands_alone((enum diva_rule)r)) {
      policy.alone[r] = (struct diva_limits){r % 3 ? NAN : 0.1, 0.9};
    }
  }
  policy.confidence = 0.99;
  policy.duplicates_threshold = 1 - 1e-9;
  policy.harmful_share_warn = NAN;
  policy.unseen_group_warn = NAN;
  policy.overrides = overrides;
  policy.override_count = sizeof overrides / sizeof *overrides;
  policy.waivers = waivers;
  policy.waiver_count = sizeof waivers / sizeof *waivers;
  write_and_read(&policy);
}

Test(policy_yaml, classes_stand_in_it_as_comments) {
  const float features[] = {0, 1, 1, 0, 2, 2};
  const int32_t labels[] = {0, 1, 0};
  const char *const names[] = {"cat\n  evil: true", "dog"};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_policy policy;
  struct diva_policy defaults;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = 3;
  arrays.columns = 2;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  arrays.class_names = names;
  arrays.outputs = 2;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  diva_policy_init(&defaults);
  diva_policy_init(&policy);
  cr_assert_eq(diva_policy_write(&defaults, dataset, NULL, "w.yml", &error), DIVA_OK);
  char *const text = file_read("w.yml", NULL);
  cr_expect_not_null(strstr(text, "    #   \"cat\\u000a  evil: true\": {warn: "));
  cr_expect_not_null(strstr(text, "    #   \"dog\": {warn: "));
  free(text);
  cr_assert_eq(diva_policy_read("w.yml", &policy, &error), DIVA_OK, "%s", error.message);
  expect_same(&policy, &defaults);
  diva_policy_release(&policy);
  diva_dataset_close(dataset);
}

Test(policy_yaml, days_are_of_the_calendar) {
  static const char *const days[] = {"2026-11-25", "2024-02-29", "2000-02-29", "0001-01-01"};
  static const char *const others[] = {"2026-02-29",  "1900-02-29", "2026-13-01", "2026-00-10",
                                       "2026-04-31",  "2026-01-00", "2026-1-1",   "2026/01/01",
                                       "2026-01-01 ", "2026-01-0x", "",           "26-01-01"};
  for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
    cr_expect(diva_policy_is_date(days[i]), "%s", days[i]);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    cr_expect_not(diva_policy_is_date(others[i]), "%s", others[i]);
  }
}
