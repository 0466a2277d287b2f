/** A check for a person: a table of the rules, what they found, and the worst rows. */
#include "check_forms.h"
#include "check_words.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FINDINGS_SHOWN = 10, ROWS_SHOWN = 10 };

static const char *shout(enum diva_check_verdict verdict) {
  return verdict == DIVA_CHECK_FAIL   ? "FAIL"
         : verdict == DIVA_CHECK_WARN ? "WARN"
                                      : diva_check_verdict_name(verdict);
}

static void append_count(struct diva_text *text, const char *before, int64_t count,
                         const char *after) {
  diva_text_string(text, before);
  diva_text_integer(text, count);
  diva_text_string(text, after);
}

static void append_baseline(struct diva_text *text, const struct diva_check_report *report) {
  const struct diva_check_summary *const summary = report->summary;
  if (summary->baseline_rows < 0) {
    diva_text_string(text, "baseline: none\n");
    return;
  }
  diva_text_string(text, "baseline: ");
  diva_text_plain(text, report->state ? report->state : diva_check_path(report->baseline), 0);
  append_count(text, ", ", summary->baseline_rows, " rows; since then ");
  append_count(text, "", summary->added, " added, ");
  append_count(text, "", summary->removed, " removed, ");
  append_count(text, "", summary->relabelled, " relabelled, ");
  append_count(text, "", summary->changed, " changed\n");
}

static void append_head(struct diva_text *text, const struct diva_check_report *report) {
  const struct diva_check_summary *const summary = report->summary;
  diva_text_plain(text, diva_check_path(report->dataset), 0);
  append_count(text, ": ", summary->rows, " rows x ");
  append_count(text, "", summary->columns, " features, ");
  append_count(text, "", summary->outputs, " ");
  diva_text_string(text, diva_check_outputs_word(report));
  diva_text_string(text, "\n");
  append_baseline(text, report);
  if (!isnan(summary->loo_error)) {
    diva_text_string(text, "leave-one-out error: ");
    diva_text_percent(text, summary->loo_error);
    if (!isnan(summary->baseline_loo_error)) {
      diva_text_string(text, ", of the baseline ");
      diva_text_percent(text, summary->baseline_loo_error);
    }
    diva_text_string(text, "\n");
  }
  diva_text_string(text, "\n");
}

/* Pads what was appended since `start` to a width: behind it, or before it. */
static void pad(struct diva_text *text, int64_t start, int width, bool right) {
  const int missing = width - (int)(text->length - start);
  for (int i = 0; i < missing; i++) {
    diva_text_string(text, " ");
  }
  if (right && missing > 0 && !text->failed) {
    char *const cell = text->data + start;
    memmove(cell + missing, cell, (size_t)(text->length - start - missing));
    memset(cell, ' ', (size_t)missing);
  }
}

static void append_word(struct diva_text *text, const char *word, int width) {
  const int64_t start = text->length;
  diva_text_string(text, word);
  pad(text, start, width, false);
}

static void append_number(struct diva_text *text, double value) {
  const int64_t start = text->length;
  diva_text_figure(text, value);
  pad(text, start, 11, true);
}

static void append_rule(struct diva_text *text, const struct diva_check_result *result) {
  const struct diva_check_finding *const worst = diva_check_worst(result);
  append_word(text, diva_rule_id(result->rule), 17);
  append_word(text, shout(result->verdict), 8);
  append_number(text, worst ? worst->value : NAN);
  append_number(text, worst ? worst->limits.warn : NAN);
  append_number(text, worst ? worst->limits.fail : NAN);
  if (worst && worst->subject) {
    diva_text_string(text, "  ");
    diva_text_plain(text, worst->subject, DIVA_NAME_LENGTH);
  }
  diva_text_string(text, "\n");
}

static void append_table(struct diva_text *text, const struct diva_check_report *report) {
  diva_text_string(text, "rule             verdict      figure       warn       fail\n");
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    append_rule(text, &report->results[rule]);
  }
}

static void append_more(struct diva_text *text, int64_t count, const char *what) {
  if (count > 0) {
    append_count(text, "  and ", count, " more ");
    diva_text_string(text, what);
    diva_text_string(text, diva_plural(count));
    diva_text_string(text, "\n");
  }
}

static bool is_told(const struct diva_check_finding *finding) {
  return diva_check_is_raised(finding->verdict) || finding->waiver;
}

static void append_finding(struct diva_text *text, const struct diva_check_finding *finding) {
  diva_text_string(text, "  ");
  diva_text_plain(text, finding->message, DIVA_SENTENCE_LENGTH);
  if (finding->waiver) {
    diva_text_string(text, " (waived: ");
    diva_text_plain(text, finding->waiver->reason, DIVA_SENTENCE_LENGTH);
    diva_text_string(text, ")");
  }
  diva_text_string(text, "\n");
}

static void append_findings(struct diva_text *text, const struct diva_check_result *result) {
  int64_t told = 0;
  for (int64_t i = 0; i < result->finding_count; i++) {
    if (is_told(&result->findings[i]) && told++ < FINDINGS_SHOWN) {
      append_finding(text, &result->findings[i]);
    }
  }
  append_more(text, told - FINDINGS_SHOWN, "finding");
}

static void append_row(struct diva_text *text, const struct diva_check_row *row) {
  diva_text_string(text, "    ");
  diva_text_plain(text, row->id, DIVA_NAME_LENGTH);
  if (row->subject) {
    diva_text_string(text, " (");
    diva_text_plain(text, row->subject, DIVA_NAME_LENGTH);
    diva_text_string(text, ")");
  }
  if (row->reason) {
    diva_text_string(text, ": ");
    diva_text_plain(text, row->reason, DIVA_SENTENCE_LENGTH);
  }
  diva_text_string(text, "\n");
}

static void append_rows(struct diva_text *text, const struct diva_check_result *result) {
  const int64_t shown = result->row_count < ROWS_SHOWN ? result->row_count : ROWS_SHOWN;
  if (shown > 0) {
    diva_text_string(text, "  rows:\n");
  }
  for (int64_t i = 0; i < shown; i++) {
    append_row(text, &result->rows[i]);
  }
  append_more(text, result->row_count - shown, "row");
}

static bool has_waived(const struct diva_check_result *result) {
  bool waived = result->waived_rows > 0;
  for (int64_t i = 0; i < result->finding_count; i++) {
    waived = waived || result->findings[i].waiver;
  }
  return waived;
}

static void append_result(struct diva_text *text, const struct diva_check_result *result) {
  diva_text_string(text, "\n");
  diva_text_string(text, diva_rule_id(result->rule));
  diva_text_string(text, ": ");
  diva_text_string(text, shout(result->verdict));
  diva_text_string(text, "\n");
  append_findings(text, result);
  if (diva_check_is_raised(result->verdict)) {
    append_rows(text, result);
  }
  if (result->waived_rows > 0) {
    append_count(text, "  ", result->waived_rows, " row");
    diva_text_string(text, diva_plural(result->waived_rows));
    diva_text_string(text, " waived\n");
  }
}

/* Rules with one reason stand together: without a baseline half of them are skipped. */
static void append_skipped(struct diva_text *text, const struct diva_check_report *report) {
  bool first = true;
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    const struct diva_check_result *const result = &report->results[rule];
    if (result->verdict == DIVA_CHECK_SKIPPED) {
      diva_text_string(text, first ? "\nskipped:\n" : "");
      diva_text_string(text, "  ");
      append_word(text, diva_rule_id(result->rule), 15);
      diva_text_string(text, "  ");
      diva_text_plain(text, result->message, DIVA_SENTENCE_LENGTH);
      diva_text_string(text, "\n");
      first = false;
    }
  }
}

static void append_end(struct diva_text *text, const struct diva_check_summary *summary) {
  if (summary->expired_waivers > 0) {
    append_count(text, "\nnote: ", summary->expired_waivers, " waiver");
    diva_text_string(text, diva_plural(summary->expired_waivers));
    diva_text_string(text, " of the policy expired\n");
  }
  diva_text_string(text, "\ncheck ");
  diva_text_string(text, summary->verdict == DIVA_CHECK_FAIL   ? "FAILED"
                         : summary->verdict == DIVA_CHECK_WARN ? "passed with warnings"
                                                               : "passed");
  diva_text_string(text, ": ");
  diva_text_counts(text, summary);
}

enum diva_status diva_check_form_text(const struct diva_check_report *report, char **out,
                                      struct diva_error *error) {
  const struct diva_check_result *raised[DIVA_RULES];
  struct diva_text text = {0};
  append_head(&text, report);
  append_table(&text, report);
  const int count = diva_check_raised(report->results, raised);
  for (int i = 0; i < count; i++) {
    append_result(&text, raised[i]);
  }
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    const struct diva_check_result *const result = &report->results[rule];
    if (!diva_check_is_raised(result->verdict) && has_waived(result)) {
      append_result(&text, result);
    }
  }
  append_skipped(&text, report);
  append_end(&text, report->summary);
  return diva_text_release(&text, out, error);
}
