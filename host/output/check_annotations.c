/** A check as workflow commands of GitHub Actions: an error or a warning a rule. */
#include "check_forms.h"
#include "check_lines.h"
#include "check_words.h"

#include "host/core/core.h"

#include <stdio.h>
#include <string.h>

/* A step shows ten errors and ten warnings. */
enum { MOST = 10, ROWS_NAMED = 3 };

static void escape_percent(struct diva_text *text, char byte) {
  char code[8];
  snprintf(code, sizeof code, "%%%02X", (unsigned char)byte);
  diva_text_string(text, code);
}

/* Escapes the characters that end a part of a command; others that control a terminal become '?'.
 */
static void escape_command(struct diva_text *text, const char *bytes, int length,
                           const char *escaped) {
  const unsigned char first = (unsigned char)*bytes;
  if (strchr(escaped, first)) {
    escape_percent(text, *bytes);
  } else if (first < 0x20 || first == 0x7f) {
    diva_text_string(text, "?");
  } else {
    diva_text_append(text, bytes, length);
  }
}

/* Of the text behind "::". */
static void escape_data(struct diva_text *text, const char *bytes, int length) {
  escape_command(text, bytes, length, "%\r\n");
}

/* Of the value of a property. */
static void escape_property(struct diva_text *text, const char *bytes, int length) {
  escape_command(text, bytes, length, "%\r\n:,");
}

static void append_data(struct diva_text *text, const char *string, int most) {
  diva_text_escaped(text, string ? string : "", most, escape_data);
}

static void append_names(struct diva_text *text, const struct diva_check_result *result) {
  const int64_t named = result->row_count < ROWS_NAMED ? result->row_count : ROWS_NAMED;
  for (int64_t i = 0; i < named; i++) {
    diva_text_string(text, i ? ", " : "; rows ");
    append_data(text, result->rows[i].id, DIVA_NAME_LENGTH);
  }
  if (result->row_count > named) {
    diva_text_string(text, " and ");
    diva_text_integer(text, result->row_count - named);
    diva_text_string(text, " more");
  }
}

/* "::error file=F,line=N,title=T::" */
static void append_head(struct diva_text *text, const struct diva_check_result *result,
                        const char *manifest, int64_t line) {
  diva_text_string(text, result->verdict == DIVA_CHECK_FAIL ? "::error " : "::warning ");
  if (line > 0) {
    diva_text_string(text, "file=");
    diva_text_escaped(text, manifest, 0, escape_property);
    diva_text_string(text, ",line=");
    diva_text_integer(text, line);
    diva_text_string(text, ",");
  }
  diva_text_string(text, "title=diva check");
  diva_text_escaped(text, ": ", 0, escape_property);
  diva_text_string(text, diva_rule_id(result->rule));
  diva_text_string(text, "::");
}

/* The rules that follow in the list with the verdict of the first. */
static int count_alike(const struct diva_check_result *const *raised, int count) {
  int alike = 0;
  while (alike < count && raised[alike]->verdict == raised[0]->verdict) {
    alike++;
  }
  return alike;
}

/* The first nine of many, and the rest in one. */
static void append_alike(struct diva_text *text, const struct diva_check_result *const *raised,
                         int count, const char *manifest, const int64_t *lines) {
  const int whole = count > MOST ? MOST - 1 : count;
  for (int i = 0; i < whole; i++) {
    append_head(text, raised[i], manifest, lines[i]);
    append_data(text, raised[i]->message, DIVA_SENTENCE_LENGTH);
    append_names(text, raised[i]);
    diva_text_string(text, "\n");
  }
  if (count > whole) {
    diva_text_string(text, raised[0]->verdict == DIVA_CHECK_FAIL ? "::error " : "::warning ");
    diva_text_string(text, "title=diva check::also ");
  }
  for (int i = whole; i < count; i++) {
    diva_text_string(text, i > whole ? ", " : "");
    diva_text_string(text, diva_rule_id(raised[i]->rule));
    diva_text_string(text, i + 1 == count ? "\n" : "");
  }
}

enum diva_status diva_check_form_annotations(const struct diva_check_report *report, char **out,
                                             struct diva_error *error) {
  const struct diva_check_result *raised[DIVA_RULES];
  const struct diva_check_row *rows[DIVA_RULES] = {NULL};
  int64_t lines[DIVA_RULES] = {0};
  struct diva_text text = {0};
  const int count = diva_check_raised(report->results, raised);
  for (int i = 0; i < count; i++) {
    rows[i] = raised[i]->row_count > 0 ? &raised[i]->rows[0] : NULL;
  }
  const enum diva_status status =
      diva_check_lines_find(report->manifest, rows, count, lines, error);
  if (status) {
    return status;
  }
  for (int i = 0; i < count;) {
    const int alike = count_alike(raised + i, count - i);
    append_alike(&text, raised + i, alike, report->manifest, lines + i);
    i += alike;
  }
  if (text.length > 0) {
    text.length--; /* whoever prints it ends the line */
  }
  return diva_text_release(&text, out, error);
}
