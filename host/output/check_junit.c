/** A check as JUnit XML: one suite, one test case a rule. */
#include "check_forms.h"
#include "check_words.h"

#include <diva/system.h>

#include <math.h>
#include <string.h>

enum { FINDINGS_SHOWN = 50, ROWS_SHOWN = 50 };

/* XML 1.0 has no other control characters than tab and the line breaks, no U+FFFE and no U+FFFF,
 * not even escaped. Line breaks and tabs are escaped, for attributes would lose them, and what a
 * runner would take for a command where the report goes to its log. */
static void escape_xml(struct diva_text *text, const char *bytes, int length) {
  static const char unknown[] = "\xef\xbf\xbd";
  const unsigned char first = (unsigned char)bytes[0];
  const char *entity = NULL;
  switch (first) {
  case '&':
    entity = "&amp;";
    break;
  case '<':
    entity = "&lt;";
    break;
  case '>':
    entity = "&gt;";
    break;
  case '"':
    entity = "&quot;";
    break;
  case '\t':
    entity = "&#9;";
    break;
  case '\n':
    entity = "&#10;";
    break;
  case '\r':
    entity = "&#13;";
    break;
  default:
    entity = diva_text_begins_command(text, bytes) ? "&#58;" : NULL;
    break;
  }
  const bool none = first < 0x20 || first == 0x7f ||
                    (length == 3 && (memcmp(bytes, "\xef\xbf\xbe", 3) == 0 ||
                                     memcmp(bytes, "\xef\xbf\xbf", 3) == 0));
  if (entity) {
    diva_text_string(text, entity);
  } else if (none) {
    diva_text_string(text, unknown);
  } else {
    diva_text_append(text, bytes, length);
  }
}

static void append_xml(struct diva_text *text, const char *string, int most) {
  diva_text_escaped(text, string ? string : "", most, escape_xml);
}

static void begin_property(struct diva_text *text, const char *name) {
  diva_text_string(text, "      <property name=\"");
  append_xml(text, name, 0);
  diva_text_string(text, "\" value=\"");
}

static void append_property(struct diva_text *text, const char *name, const char *value) {
  begin_property(text, name);
  append_xml(text, value, DIVA_SENTENCE_LENGTH);
  diva_text_string(text, "\"/>\n");
}

static void append_count(struct diva_text *text, const char *name, int64_t value) {
  begin_property(text, name);
  diva_text_integer(text, value);
  diva_text_string(text, "\"/>\n");
}

static enum diva_status append_input(struct diva_text *text, const char *name,
                                     const struct diva_dataset *dataset, struct diva_error *error) {
  char digest[DIVA_SHA256_SIZE];
  if (!dataset || !diva_dataset_path(dataset, 0)) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_dataset_sha256(dataset, 0, digest, error);
  if (status) {
    return status;
  }
  append_property(text, name, diva_dataset_path(dataset, 0));
  diva_text_string(text, "      <property name=\"");
  append_xml(text, name, 0);
  diva_text_string(text, ".sha256\" value=\"");
  append_xml(text, digest, 0);
  diva_text_string(text, "\"/>\n");
  return DIVA_OK;
}

static enum diva_status append_properties(struct diva_text *text,
                                          const struct diva_check_report *report,
                                          struct diva_error *error) {
  const struct diva_check_summary *const summary = report->summary;
  diva_text_string(text, "    <properties>\n");
  append_property(text, "diva.version", diva_version());
  append_property(text, "verdict", diva_check_verdict_name(summary->verdict));
  enum diva_status status = append_input(text, "input", report->dataset, error);
  if (!status) {
    status = append_input(text, "baseline", report->baseline, error);
  }
  if (!status) {
    status = append_input(text, "target", report->target, error);
  }
  if (report->state) {
    append_property(text, "state", report->state);
  }
  append_property(text, "policy", report->policy_path ? report->policy_path : "defaults");
  append_count(text, "rows", summary->rows);
  if (summary->baseline_rows >= 0) {
    append_count(text, "baseline.rows", summary->baseline_rows);
    append_count(text, "rows.added", summary->added);
    append_count(text, "rows.removed", summary->removed);
    append_count(text, "rows.relabelled", summary->relabelled);
    append_count(text, "rows.changed", summary->changed);
  }
  diva_text_string(text, "    </properties>\n");
  return status;
}

static void append_line(struct diva_text *text, const char *what, const char *string) {
  diva_text_string(text, what);
  append_xml(text, string, DIVA_SENTENCE_LENGTH);
  diva_text_string(text, "\n");
}

static void append_more(struct diva_text *text, int64_t count, const char *what) {
  if (count > 0) {
    diva_text_string(text, "and ");
    diva_text_integer(text, count);
    diva_text_string(text, what);
  }
}

static void append_rows(struct diva_text *text, const struct diva_check_result *result) {
  for (int64_t i = 0; i < result->row_count && i < ROWS_SHOWN; i++) {
    const struct diva_check_row *const row = &result->rows[i];
    diva_text_string(text, "row ");
    append_xml(text, row->id, DIVA_NAME_LENGTH);
    if (row->subject) {
      diva_text_string(text, " (");
      append_xml(text, row->subject, DIVA_NAME_LENGTH);
      diva_text_string(text, ")");
    }
    append_line(text, row->reason ? ": " : "", row->reason);
  }
  append_more(text, result->row_count - ROWS_SHOWN, " more rows\n");
}

/* What a rule found, a line each: the body of a failure or of system-out. */
static void append_body(struct diva_text *text, const struct diva_check_result *result) {
  int64_t told = 0;
  for (int64_t i = 0; i < result->finding_count; i++) {
    const struct diva_check_finding *const finding = &result->findings[i];
    const bool raised = diva_check_is_raised(finding->verdict);
    if ((raised || finding->waiver) && told++ < FINDINGS_SHOWN) {
      append_line(text, finding->waiver ? "waived: " : "", finding->message);
    }
  }
  append_more(text, told - FINDINGS_SHOWN, " more findings\n");
  if (diva_check_is_raised(result->verdict)) {
    append_rows(text, result);
  }
}

/* An element whose attribute `message` is the rule's line. */
static void append_message(struct diva_text *text, const char *element,
                           const struct diva_check_result *result) {
  diva_text_string(text, "      <");
  diva_text_string(text, element);
  diva_text_string(text, " message=\"");
  append_xml(text, result->message, DIVA_SENTENCE_LENGTH);
  diva_text_string(text, "\"");
}

/* What a rule that did not fail has to say: its warnings, what was waived, or its one line. */
static void append_output(struct diva_text *text, const struct diva_check_result *result) {
  diva_text_string(text, "      <system-out>");
  diva_text_string(text, result->verdict == DIVA_CHECK_WARN ? "warning\n" : "");
  const int64_t start = text->length;
  append_body(text, result);
  if (text->length == start) {
    append_line(text, "", result->message);
  }
  diva_text_string(text, "</system-out>\n");
}

static void append_case(struct diva_text *text, const struct diva_check_result *result) {
  diva_text_string(text, "    <testcase classname=\"diva.check\" name=\"");
  append_xml(text, diva_rule_id(result->rule), 0);
  diva_text_string(text, "\">\n");
  switch (result->verdict) {
  case DIVA_CHECK_FAIL:
    append_message(text, "failure", result);
    diva_text_string(text, " type=\"diva.check.fail\">");
    append_body(text, result);
    diva_text_string(text, "</failure>\n");
    break;
  case DIVA_CHECK_SKIPPED:
  case DIVA_CHECK_OFF:
    append_message(text, "skipped", result);
    diva_text_string(text, "/>\n");
    break;
  case DIVA_CHECK_PASS:
  case DIVA_CHECK_WARN:
    append_output(text, result);
    break;
  }
  diva_text_string(text, "    </testcase>\n");
}

static void append_totals(struct diva_text *text, const struct diva_check_summary *summary) {
  diva_text_string(text, " tests=\"");
  diva_text_integer(text, DIVA_RULES);
  diva_text_string(text, "\" failures=\"");
  diva_text_integer(text, summary->counts[DIVA_CHECK_FAIL]);
  diva_text_string(text, "\" errors=\"0\" skipped=\"");
  diva_text_integer(text, summary->counts[DIVA_CHECK_SKIPPED] + summary->counts[DIVA_CHECK_OFF]);
  diva_text_string(text, "\">\n");
}

enum diva_status diva_check_form_junit(const struct diva_check_report *report, char **out,
                                       struct diva_error *error) {
  struct diva_text text = {0};
  diva_text_string(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<testsuites>\n  <testsuite name=\"diva check\"");
  append_totals(&text, report->summary);
  const enum diva_status status = append_properties(&text, report, error);
  if (status) {
    diva_text_free(&text);
    return status;
  }
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    append_case(&text, &report->results[rule]);
  }
  diva_text_string(&text, "  </testsuite>\n</testsuites>");
  return diva_text_release(&text, out, error);
}
