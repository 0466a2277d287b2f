/* The reports of a check: what each form says, that nothing from outside breaks out of its place,
 * and that what is cut is counted. */
#include "check_fixture.h"
#include "folder.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(check_forms, .init = folder_enter, .fini = folder_leave);

/* Ends of lines, cells, elements, strings and commands; what a terminal obeys; no UTF-8. */
static const char hostile[] =
    "a|b\n::error::x\r\n\x01\x1b[2J <script>&amp;`*_[x](http://e) @me :x: "
    "www.e.com ]]> \"q\" 'r' %0A \\ \xff \xef\xbf\xbe \xc2\x9b "
    "##[add-mask]x </details>";

static int count_lines(const char *text) {
  int lines = 1;
  for (; *text; text++) {
    lines += *text == '\n';
  }
  return lines;
}

static int count_string(const char *text, const char *string) {
  int count = 0;
  for (; (text = strstr(text, string)); text += strlen(string)) {
    count++;
  }
  return count;
}

Test(check_forms, exit_codes_follow_the_verdict) {
  cr_expect_eq(diva_check_exit_code(DIVA_CHECK_PASS, true), 0);
  cr_expect_eq(diva_check_exit_code(DIVA_CHECK_WARN, false), 0);
  cr_expect_eq(diva_check_exit_code(DIVA_CHECK_WARN, true), 1);
  cr_expect_eq(diva_check_exit_code(DIVA_CHECK_FAIL, false), 2);
  cr_expect_eq(diva_check_exit_code(DIVA_CHECK_SKIPPED, true), 0);
}

Test(check_forms, a_report_needs_something_to_report) {
  struct diva_check_report report;
  struct diva_error error;
  char *text = NULL;
  diva_check_report_init(&report);
  cr_expect_eq(diva_check_report_text(&report, DIVA_CHECK_AS_TEXT, &text, &error),
               DIVA_ERROR_USAGE);
  report.version++;
  cr_expect_eq(diva_check_report_text(&report, DIVA_CHECK_AS_TEXT, &text, &error),
               DIVA_ERROR_USAGE);
}

Test(check_forms, text_is_a_table_then_findings_then_rows) {
  static const char head[] =
      "dataset in memory: 100 rows x 8 features, 2 outputs\n"
      "baseline: old.state, 90 rows; since then 12 added, 2 removed, 3 relabelled, 0 changed\n"
      "leave-one-out error: 12.50 %, of the baseline 10.00 %\n\n"
      "rule             verdict      figure       warn       fail\n"
      "ids              skipped           -          -          -\n";
  static const char details[] = "label-noise      WARN           0.02       0.01       0.03  dog\n";
  static const char leakage[] = "\nleakage: FAIL\n"
                                "  12.50 % of the target rows leaked\n"
                                "  rows:\n"
                                "    row-0 (cat): near-duplicate of target row 'a17'\n";
  static const char rest[] = "  and 2 more rows\n\nlabel-noise: WARN\n  dog: 4.00 %, was 1.00 %\n"
                             "  1 row waived\n\nclass-error: pass\n"
                             "  cat: 60.00 %, was 10.00 % (waived: being mended)\n";
  static const char end[] = "\nnote: 1 waiver of the policy expired\n\ncheck FAILED: 1 failed, 1 "
                            "warned, 1 passed, 11 skipped, 1 off";
  struct check_fixture fixture;
  check_fixture_make(&fixture, 12);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_TEXT);
  cr_expect(strncmp(text, head, strlen(head)) == 0, "%s", text);
  cr_expect_not_null(strstr(text, details));
  cr_expect_not_null(strstr(text, leakage));
  cr_expect_not_null(strstr(text, rest));
  cr_expect_str_eq(text + strlen(text) - strlen(end), end);
  cr_expect_eq(count_string(text, "near-duplicate of"), 10);
  cr_expect_null(strstr(text, "all is well"));
  diva_string_free(text);
  check_fixture_free(&fixture);
}

/* A name cannot make lines of its own, nor move the cursor, nor command a runner. */
Test(check_forms, text_keeps_every_name_on_its_line) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 3);
  char *const plain = check_fixture_text(&fixture, DIVA_CHECK_AS_TEXT);
  check_fixture_spoil(&fixture, hostile);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_TEXT);
  cr_expect_eq(count_lines(text), count_lines(plain));
  for (const char *c = text; *c; c++) {
    cr_assert((unsigned char)*c >= 0x20 || *c == '\n', "control character %d", *c);
    cr_assert(*c != '\n' || strncmp(c + 1, "::", 2) != 0);
  }
  cr_expect_null(strstr(text, "##["));
  cr_expect_null(strstr(text, "\xc2\x9b"));
  diva_string_free(text);
  diva_string_free(plain);
  check_fixture_free(&fixture);
}

/* A runner skips blanks before it looks for a command, those of Unicode too. */
static int count_commands(const char *text) {
  int count = 0;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    const char *at = line;
    while (*at == ' ' || strncmp(at, "\xc2\xa0", 2) == 0) {
      at += *at == ' ' ? 1 : 2;
    }
    count += strncmp(at, "::", 2) == 0;
  }
  return count;
}

Test(check_forms, no_name_is_a_command_at_the_start_of_a_line) {
  static const char *const names[] = {"::error::x", "  ::add-mask::x", "\xc2\xa0::error::x",
                                      ":::error::x"};
  static const enum diva_check_format formats[] = {DIVA_CHECK_AS_TEXT, DIVA_CHECK_AS_JUNIT,
                                                   DIVA_CHECK_AS_MARKDOWN, DIVA_CHECK_AS_JSON,
                                                   DIVA_CHECK_AS_SARIF};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct check_fixture fixture;
    check_fixture_make(&fixture, 3);
    check_fixture_spoil(&fixture, names[i]);
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
      char *const text = check_fixture_text(&fixture, formats[f]);
      cr_expect_eq(count_commands(text), 0, "%s in form %d", names[i], (int)formats[f]);
      diva_string_free(text);
    }
    char *const commands = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
    cr_expect_eq(count_commands(commands), 2);
    diva_string_free(commands);
    check_fixture_free(&fixture);
  }
}

Test(check_forms, long_names_are_cut_between_characters) {
  struct check_fixture fixture;
  char name[2000];
  for (size_t i = 0; i + 3 < sizeof name; i += 3) {
    memcpy(name + i, "\xe4\xb8\x80", 4);
  }
  check_fixture_make(&fixture, 1);
  fixture.rows[0].id = name;
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_TEXT);
  cr_expect_not_null(strstr(text, "\xe4\xb8\x80... (cat)"));
  cr_expect_eq(count_string(text, "\xe4\xb8\x80"), 53);
  diva_string_free(text);
  check_fixture_free(&fixture);
}

static json_t *parse(char *text) {
  json_error_t about;
  json_t *const root = json_loads(text, 0, &about);
  cr_assert_not_null(root, "%s: %s", about.text, text);
  diva_string_free(text);
  return root;
}

static const char *string_at(const json_t *object, const char *key) {
  const char *const value = json_string_value(json_object_get(object, key));
  cr_assert_not_null(value, "%s", key);
  return value;
}

Test(check_forms, json_holds_everything) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 300);
  json_t *const root = parse(check_fixture_text(&fixture, DIVA_CHECK_AS_JSON));
  cr_expect_str_eq(string_at(root, "verdict"), "fail");
  cr_expect_eq(json_integer_value(json_object_get(root, "exit_code")), 2);
  cr_expect_eq(json_integer_value(json_object_get(root, "seed")), 7);
  cr_expect_eq(json_integer_value(json_object_get(json_object_get(root, "changes"), "added")), 12);
  const json_t *const rules = json_object_get(root, "rules");
  cr_assert_eq(json_array_size(rules), DIVA_RULES);
  const json_t *const leakage = json_array_get(rules, DIVA_RULE_LEAKAGE);
  cr_expect_str_eq(string_at(leakage, "id"), "leakage");
  cr_expect_eq(json_array_size(json_object_get(leakage, "rows")), 300);
  const json_t *const noise = json_array_get(rules, DIVA_RULE_LABEL_NOISE);
  const json_t *const dog = json_array_get(json_object_get(noise, "findings"), 1);
  cr_expect_eq(json_real_value(json_object_get(dog, "high")), 0.04);
  cr_expect(
      json_is_null(json_object_get(json_array_get(json_object_get(noise, "findings"), 0), "high")));
  const json_t *const waived =
      json_array_get(json_object_get(json_array_get(rules, DIVA_RULE_CLASS_ERROR), "findings"), 0);
  cr_expect_str_eq(string_at(json_object_get(waived, "waiver"), "expires"), "2030-12-31");
  json_decref(root);
  check_fixture_spoil(&fixture, hostile);
  json_decref(parse(check_fixture_text(&fixture, DIVA_CHECK_AS_JSON)));
  check_fixture_free(&fixture);
}

Test(check_forms, junit_has_failures_for_failures_alone) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 60);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_JUNIT);
  cr_expect_eq(count_string(text, "<testcase "), DIVA_RULES);
  cr_expect_eq(count_string(text, "<failure "), 1);
  cr_expect_eq(count_string(text, "<skipped "), 12);
  cr_expect_eq(count_string(text, "<system-out>"), 2);
  cr_expect_not_null(strstr(text, "tests=\"15\" failures=\"1\" errors=\"0\" skipped=\"12\""));
  cr_expect_not_null(strstr(text, "<testcase classname=\"diva.check\" name=\"label-noise\">\n"
                                  "      <system-out>warning\ndog: 4.00 %, was 1.00 %\n"
                                  "</system-out>"));
  cr_expect_not_null(strstr(text, "and 10 more rows\n</failure>"));
  diva_string_free(text);
  check_fixture_free(&fixture);
}

/* Only what the writer itself puts between angle brackets, entities that XML has, and no character
 * that it has not. */
Test(check_forms, junit_stays_well_formed) {
  static const char *const entities[] = {"&amp;", "&lt;",  "&gt;", "&quot;",
                                         "&#9;",  "&#10;", "&#13;"};
  struct check_fixture fixture;
  check_fixture_make(&fixture, 3);
  char *const plain = check_fixture_text(&fixture, DIVA_CHECK_AS_JUNIT);
  check_fixture_spoil(&fixture, hostile);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_JUNIT);
  cr_expect_eq(count_string(text, "<"), count_string(plain, "<"));
  cr_expect_eq(count_string(text, "\""), count_string(plain, "\""));
  cr_expect_null(strstr(text, "\xef\xbf\xbe"));
  for (const char *c = text; *c; c++) {
    cr_assert((unsigned char)*c >= 0x20 || *c == '\n');
    bool known = *c != '&';
    for (size_t e = 0; e < sizeof entities / sizeof *entities; e++) {
      known = known || strncmp(c, entities[e], strlen(entities[e])) == 0;
    }
    cr_assert(known, "%.10s", c);
  }
  diva_string_free(text);
  diva_string_free(plain);
  check_fixture_free(&fixture);
}

/* Each line of a table has as many cells as its head, whatever is in them. */
Test(check_forms, markdown_tables_keep_their_shape) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 30);
  char *const plain = check_fixture_text(&fixture, DIVA_CHECK_AS_MARKDOWN);
  cr_expect(strncmp(plain, "## diva check: failed\n", 22) == 0);
  cr_expect_not_null(strstr(plain, "\nand 10 more rows\n"));
  cr_expect_not_null(
      strstr(plain, "| label-noise | **warn** | 0.02 | 0.01 | 0.03 | dog: 4.00 %, was 1.00 % |\n"));
  check_fixture_spoil(&fixture, hostile);
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_MARKDOWN);
  const char *const marks[] = {"|", "<", "`", "&amp;", "http:", "@", "www.", " :x:"};
  cr_expect_eq(count_lines(text), count_lines(plain));
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    cr_expect_eq(count_string(text, marks[i]), count_string(plain, marks[i]), "%s", marks[i]);
  }
  for (const char *c = text + 1; *c; c++) {
    cr_assert(!strchr("_[]#", *c) || c[-1] == '\\' || c[-1] == '\n' || c[-1] == '#' || c[-1] == '&',
              "%.20s", c);
  }
  diva_string_free(text);
  diva_string_free(plain);
  check_fixture_free(&fixture);
}

Test(check_forms, markdown_is_never_too_long_for_a_summary) {
  struct check_fixture fixture;
  static char name[100000];
  memset(name, '|', sizeof name - 1);
  check_fixture_make(&fixture, 3000);
  check_fixture_spoil(&fixture, name);
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    fixture.results[rule] = fixture.results[DIVA_RULE_LEAKAGE];
    fixture.results[rule].rule = (enum diva_rule)rule;
  }
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_MARKDOWN);
  cr_expect_lt(strlen(text), 700000);
  cr_expect_not_null(strstr(text, "\nCut here: details of "));
  diva_string_free(text);
  check_fixture_free(&fixture);
}

Test(check_forms, annotations_are_one_command_a_rule) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 12);
  char *text = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
  cr_expect_str_eq(text,
                   "::error title=diva check%3A leakage::12.50 %25 of the target rows leaked; "
                   "rows row-0, row-1, row-2 and 9 more\n"
                   "::warning title=diva check%3A label-noise::dog: 4.00 %25, was 1.00 %25");
  diva_string_free(text);
  check_fixture_spoil(&fixture, hostile);
  text = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
  cr_expect_eq(count_lines(text), 2);
  cr_expect_not_null(strstr(text, "::a|b%0A::error::x%0D%0A??[2J "));
  cr_expect_not_null(strstr(text, "%250A"));
  cr_expect(strncmp(strchr(text, '\n'), "\n::warning ", 11) == 0);
  diva_string_free(text);
  check_fixture_free(&fixture);
}

/* A step shows ten of a kind. */
Test(check_forms, annotations_of_many_rules_are_put_together) {
  struct check_fixture fixture;
  check_fixture_make(&fixture, 0);
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    fixture.results[rule].verdict = rule < 12 ? DIVA_CHECK_FAIL : DIVA_CHECK_PASS;
  }
  char *const text = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
  cr_expect_eq(count_string(text, "::error "), 10);
  cr_expect_not_null(
      strstr(text, "\n::error title=diva check::also group-error, added-rows, near-duplicates"));
  diva_string_free(text);
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    fixture.results[rule].verdict = DIVA_CHECK_PASS;
  }
  char *const none = check_fixture_text(&fixture, DIVA_CHECK_AS_ANNOTATIONS);
  cr_expect_str_eq(none, "");
  diva_string_free(none);
  check_fixture_free(&fixture);
}
