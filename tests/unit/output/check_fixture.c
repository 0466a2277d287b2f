/* The outcome of a check made by hand. */
#include "check_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct diva_check_finding none = {.verdict = DIVA_CHECK_PASS,
                                               .value = NAN,
                                               .before = NAN,
                                               .after = NAN,
                                               .low = NAN,
                                               .high = NAN,
                                               .limits = {NAN, NAN},
                                               .message = ""};

static void make_rows(struct check_fixture *fixture, int64_t rows) {
  fixture->rows = calloc((size_t)rows + 1, sizeof *fixture->rows);
  fixture->ids = calloc((size_t)rows + 1, sizeof *fixture->ids);
  cr_assert(fixture->rows && fixture->ids);
  for (int64_t i = 0; i < rows; i++) {
    snprintf(fixture->ids[i], sizeof *fixture->ids, "row-%lld", (long long)i);
    fixture->rows[i] = (struct diva_check_row){.index = i,
                                               .id = fixture->ids[i],
                                               .subject = "cat",
                                               .reason = "near-duplicate of target row 'a17'",
                                               .value = 0.999};
  }
}

static void make_leakage(struct check_fixture *fixture, int64_t rows) {
  struct diva_check_result *const result = &fixture->results[DIVA_RULE_LEAKAGE];
  fixture->leak = none;
  fixture->leak.verdict = DIVA_CHECK_FAIL;
  fixture->leak.value = 0.125;
  fixture->leak.limits = (struct diva_limits){1e-6, 0.01};
  fixture->leak.message = "12.50 % of the target rows leaked";
  result->verdict = DIVA_CHECK_FAIL;
  result->message = fixture->leak.message;
  result->findings = &fixture->leak;
  result->finding_count = 1;
  result->rows = fixture->rows;
  result->row_count = rows;
}

static void make_noise(struct check_fixture *fixture) {
  struct diva_check_result *const result = &fixture->results[DIVA_RULE_LABEL_NOISE];
  fixture->noise[0] = none;
  fixture->noise[0].value = 0.001;
  fixture->noise[0].limits = (struct diva_limits){0.01, 0.03};
  fixture->noise[0].message = "all is well";
  fixture->noise[1] = none;
  fixture->noise[1].verdict = DIVA_CHECK_WARN;
  fixture->noise[1].subject = "dog";
  fixture->noise[1].value = 0.02;
  fixture->noise[1].before = 0.01;
  fixture->noise[1].after = 0.04;
  fixture->noise[1].low = 0.02;
  fixture->noise[1].high = 0.04;
  fixture->noise[1].limits = (struct diva_limits){0.01, 0.03};
  fixture->noise[1].message = "dog: 4.00 %, was 1.00 %";
  result->verdict = DIVA_CHECK_WARN;
  result->message = fixture->noise[1].message;
  result->findings = fixture->noise;
  result->finding_count = 2;
  result->waived_rows = 1;
}

static void make_waived(struct check_fixture *fixture) {
  struct diva_check_result *const result = &fixture->results[DIVA_RULE_CLASS_ERROR];
  fixture->waiver = (struct diva_waiver){.rule = DIVA_RULE_CLASS_ERROR,
                                         .subject = "cat",
                                         .reason = "being mended",
                                         .expires = "2030-12-31"};
  fixture->waived = none;
  fixture->waived.subject = "cat";
  fixture->waived.value = 0.5;
  fixture->waived.limits = (struct diva_limits){0.02, 0.1};
  fixture->waived.message = "cat: 60.00 %, was 10.00 %";
  fixture->waived.waiver = &fixture->waiver;
  result->verdict = DIVA_CHECK_PASS;
  result->message = fixture->waived.message;
  result->findings = &fixture->waived;
  result->finding_count = 1;
}

void check_fixture_make(struct check_fixture *fixture, int64_t rows) {
  *fixture = (struct check_fixture){0};
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    fixture->results[rule] = (struct diva_check_result){.rule = (enum diva_rule)rule,
                                                        .verdict = DIVA_CHECK_SKIPPED,
                                                        .message = "nothing to look at"};
  }
  fixture->results[DIVA_RULE_DRIFT].verdict = DIVA_CHECK_OFF;
  fixture->results[DIVA_RULE_DRIFT].message = "off in the policy";
  make_rows(fixture, rows);
  make_leakage(fixture, rows);
  make_noise(fixture);
  make_waived(fixture);
  fixture->summary = (struct diva_check_summary){
      .verdict = DIVA_CHECK_FAIL,
      .counts = {1, 1, 1, 11, 1},
      .rows = 100,
      .columns = 8,
      .outputs = 2,
      .baseline_rows = 90,
      .added = 12,
      .removed = 2,
      .relabelled = 3,
      .changed = 0,
      .loo_error = 0.125,
      .baseline_loo_error = 0.1,
      .expired_waivers = 1,
      .analysis = {.lambda = 0.5, .seed = 7, .condition = NAN, .temperature = NAN}};
  diva_check_report_init(&fixture->report);
  fixture->report.confidence = 0.999;
  fixture->report.state = "old.state";
  fixture->report.summary = &fixture->summary;
  fixture->report.results = fixture->results;
}

void check_fixture_spoil(struct check_fixture *fixture, const char *string) {
  fixture->leak.message = fixture->leak.subject = string;
  fixture->results[DIVA_RULE_LEAKAGE].message = string;
  fixture->results[DIVA_RULE_IDS].message = string;
  fixture->waiver.reason = (char *)string;
  fixture->waived.message = string;
  fixture->report.state = fixture->report.policy_path = string;
  for (int64_t i = 0; i < fixture->results[DIVA_RULE_LEAKAGE].row_count; i++) {
    fixture->rows[i].id = fixture->rows[i].subject = fixture->rows[i].reason = string;
  }
}

void check_fixture_free(struct check_fixture *fixture) {
  free(fixture->rows);
  free(fixture->ids);
}

char *check_fixture_text(const struct check_fixture *fixture, enum diva_check_format format) {
  struct diva_error error;
  char *text = NULL;
  cr_assert_eq(diva_check_report_text(&fixture->report, format, &text, &error), DIVA_OK, "%s",
               error.message);
  return text;
}
