/* SARIF of a check: results, where they point, what identifies them, and what is cut. */
#include "check_fixture.h"
#include "folder.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(check_sarif, .init = folder_enter, .fini = folder_leave);

static json_t *run_of(const struct check_fixture *fixture) {
  char *const text = check_fixture_text(fixture, DIVA_CHECK_AS_SARIF);
  json_error_t about;
  json_t *const log = json_loads(text, 0, &about);
  cr_assert_not_null(log, "%s", about.text);
  diva_string_free(text);
  json_t *const run = json_incref(json_array_get(json_object_get(log, "runs"), 0));
  json_decref(log);
  cr_assert_not_null(run);
  return run;
}

static const json_t *result_at(const json_t *run, size_t i) {
  const json_t *const result = json_array_get(json_object_get(run, "results"), i);
  cr_assert_not_null(result);
  return result;
}

static const json_t *physical_at(const json_t *run, size_t i) {
  return json_object_get(json_array_get(json_object_get(result_at(run, i), "locations"), 0),
                         "physicalLocation");
}

static const char *uri_at(const json_t *run, size_t i) {
  return json_string_value(
      json_object_get(json_object_get(physical_at(run, i), "artifactLocation"), "uri"));
}

static int line_at(const json_t *run, size_t i) {
  return (int)json_integer_value(
      json_object_get(json_object_get(physical_at(run, i), "region"), "startLine"));
}

static const char *print_at(const json_t *run, size_t i) {
  return json_string_value(json_object_get(
      json_object_get(result_at(run, i), "partialFingerprints"), "primaryLocationLineHash"));
}

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

Test(check_sarif, what_failed_comes_first_then_rows) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 3);
  json_t *const run = run_of(&fixture);
  cr_assert_eq(json_array_size(json_object_get(run, "results")), 5);
  cr_expect_str_eq(text_of(result_at(run, 0), "ruleId"), "leakage");
  cr_expect_str_eq(text_of(result_at(run, 0), "level"), "error");
  cr_expect_str_eq(text_of(result_at(run, 1), "ruleId"), "label-noise");
  cr_expect_str_eq(text_of(result_at(run, 1), "level"), "warning");
  cr_expect_str_eq(text_of(json_object_get(result_at(run, 2), "message"), "text"),
                   "row 'row-0' (cat): near-duplicate of target row 'a17'");
  const json_t *const rules =
      json_object_get(json_object_get(json_object_get(run, "tool"), "driver"), "rules");
  cr_assert_eq(json_array_size(rules), DIVA_RULES);
  for (size_t i = 0; i < 5; i++) {
    const size_t at = (size_t)json_integer_value(json_object_get(result_at(run, i), "ruleIndex"));
    cr_expect_str_eq(text_of(json_array_get(rules, at), "id"),
                     text_of(result_at(run, i), "ruleId"));
  }
  json_decref(run);
  check_fixture_free(&fixture);
}

Test(check_sarif, an_alert_is_known_by_rule_and_row) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 200);
  json_t *const run = run_of(&fixture);
  for (size_t i = 0; i < 202; i++) {
    for (size_t j = 0; j < i; j++) {
      cr_assert_str_neq(print_at(run, i), print_at(run, j));
    }
  }
  /* Another figure, another place in the file: the same alert. */
  fixture.leak.message = "13 %";
  fixture.rows[0].reason = "near-duplicate of target row 'b'";
  fixture.rows[0].index = 77;
  json_t *const again = run_of(&fixture);
  for (size_t i = 0; i < 202; i++) {
    cr_expect_str_eq(print_at(run, i), print_at(again, i));
  }
  json_decref(run);
  json_decref(again);
  check_fixture_free(&fixture);
}

Test(check_sarif, more_than_hosts_take_is_cut_and_counted) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, DIVA_SARIF_RESULTS + 1000);
  json_t *const run = run_of(&fixture);
  cr_expect_eq(json_array_size(json_object_get(run, "results")), DIVA_SARIF_RESULTS);
  const json_t *const notes = json_object_get(
      json_array_get(json_object_get(run, "invocations"), 0), "toolExecutionNotifications");
  cr_assert_eq(json_array_size(notes), 1);
  const char *const text = text_of(json_object_get(json_array_get(notes, 0), "message"), "text");
  cr_expect(strncmp(text, "1002 further results were left out", 34) == 0, "%s", text);
  json_decref(run);
  check_fixture_free(&fixture);
}

Test(check_sarif, five_thousand_of_the_longest_names_stay_below_ten_megabytes) {
  static char name[5000];
  struct check_fixture fixture;
  memset(name, '"', sizeof name - 1);
  check_fixture_make(&fixture, DIVA_SARIF_RESULTS);
  check_fixture_spoil(&fixture, name);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_SARIF);
  cr_expect_lt(strlen(text), 15000000, "%zu", strlen(text));
  diva_string_free(text);
  check_fixture_free(&fixture);
}

Test(check_sarif, rows_point_into_the_manifest_by_id_or_index) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 5);
  fixture.rows[4].index = -1; /* a row that left is nowhere */
  file_write_text("a b%.jsonl", "{\"id\": \"other\"}\n"
                                "\n"
                                "{\"id\": \"row-1\", \"index\": 0}\n"
                                "{\"index\": 2, \"id\": null}\n"
                                "{\"id\": \"row-0\"}\n"
                                "{\"id\": \"row-0\"}\n"
                                "{\"index\": 4}\n");
  fixture.report.manifest = "./a b%.jsonl";
  json_t *const run = run_of(&fixture);
  const int lines[] = {1, 1, 5, 3, 4, 1, 1};
  for (size_t i = 0; i < 7; i++) {
    cr_expect_eq(line_at(run, i), lines[i], "result %zu: line %d", i, line_at(run, i));
    cr_expect_str_eq(uri_at(run, i), lines[i] > 1 ? "a%20b%25.jsonl" : "dataset%20in%20memory");
  }
  json_decref(run);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
  cr_expect(strncmp(text, "::error file=./a b%25.jsonl,line=5,title=", 41) == 0, "%s", text);
  diva_string_free(text);
  check_fixture_free(&fixture);
}

Test(check_sarif, ids_that_are_numbers_are_found) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 1);
  fixture.rows[0].id = "17";
  fixture.rows[0].index = 3;
  file_write_text("m.jsonl", "{\"id\": 3}\n{\"id\": 17}\n");
  fixture.report.manifest = "m.jsonl";
  json_t *const run = run_of(&fixture);
  cr_expect_eq(line_at(run, 2), 2);
  json_decref(run);
  check_fixture_free(&fixture);
}

Test(check_sarif, a_manifest_that_is_none_is_an_error) {
  static const char *const texts[] = {"{\"id\": 1}\nno json\n", "{\"id\": 1}\n[1]\n"};
  struct check_fixture fixture;
  struct diva_error error;
  char *text = NULL;
  check_fixture_make(&fixture, 1);
  fixture.report.manifest = "m.jsonl";
  cr_expect_eq(diva_check_report_text(&fixture.report, DIVA_CHECK_AS_SARIF, &text, &error),
               DIVA_ERROR_INPUT);
  cr_expect_str_eq(error.message, "m.jsonl: No such file or directory");
  for (size_t i = 0; i < 2; i++) {
    file_write_text("m.jsonl", texts[i]);
    cr_expect_eq(diva_check_report_text(&fixture.report, DIVA_CHECK_AS_SARIF, &text, &error),
                 DIVA_ERROR_INPUT);
    cr_expect(strncmp(error.message, "m.jsonl: line 2: ", 17) == 0, "%s", error.message);
    cr_expect_null(text);
  }
  check_fixture_free(&fixture);
}
