/** A check as Markdown, for the summary of a CI job: what raised, then all rules. */
#include "check_forms.h"
#include "check_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FINDINGS_SHOWN = 20, ROWS_SHOWN = 20 };

/* GitHub takes 1 MiB a step. What is listed is bounded by the numbers above, and by this where ids
 * and names are as long as they get. */
enum { LENGTH_MAX = 512 * 1024 };

/* Whether a character begins or ends a link or an emoji only in this place: "http://", ":x:" and
 * "www.", but not "cat: 5.00 %". */
static bool is_link(const struct diva_text *text, const char *bytes) {
  if (*bytes == ':') {
    return bytes[1] != '\0' && bytes[1] != ' ';
  }
  return *bytes == '.' && text->length > 0 && strchr("wW", text->data[text->length - 1]);
}

/* Everything that could be markup, HTML, a mention or a link is an entity or escaped. */
static void escape_markdown(struct diva_text *text, const char *bytes, int length) {
  const unsigned char first = (unsigned char)bytes[0];
  char entity[16];
  if (first < 0x20 || first == 0x7f) {
    diva_text_string(text, " ");
  } else if (strchr("|\\<>&@`", first) || is_link(text, bytes)) {
    snprintf(entity, sizeof entity, "&#%d;", first);
    diva_text_string(text, entity);
  } else if (strchr("*_[]#~!$", first)) {
    diva_text_string(text, "\\");
    diva_text_append(text, bytes, 1);
  } else {
    diva_text_append(text, bytes, length);
  }
}

static void append_markdown(struct diva_text *text, const char *string, int most) {
  diva_text_escaped(text, string ? string : "", most, escape_markdown);
}

static void append_verdict(struct diva_text *text, enum diva_check_verdict verdict) {
  const char *const mark = diva_check_is_raised(verdict) ? "**" : "";
  diva_text_string(text, mark);
  diva_text_string(text, diva_check_verdict_name(verdict));
  diva_text_string(text, mark);
}

static void append_count(struct diva_text *text, int64_t count, const char *what) {
  diva_text_integer(text, count);
  diva_text_string(text, what);
}

static void append_head(struct diva_text *text, const struct diva_check_report *report) {
  const struct diva_check_summary *const summary = report->summary;
  diva_text_string(text, "## diva check: ");
  diva_text_string(text, summary->verdict == DIVA_CHECK_FAIL   ? "failed"
                         : summary->verdict == DIVA_CHECK_WARN ? "passed with warnings"
                                                               : "passed");
  diva_text_string(text, "\n\n");
  append_markdown(text, diva_check_path(report->dataset), DIVA_NAME_LENGTH);
  diva_text_string(text, ": ");
  append_count(text, summary->rows, " rows, ");
  append_count(text, summary->columns, " features, ");
  append_count(text, summary->outputs, " ");
  diva_text_string(text, diva_check_outputs_word(report));
  diva_text_string(text, ". Rules: ");
  diva_text_counts(text, summary);
  diva_text_string(text, ".\n");
  if (summary->baseline_rows >= 0) {
    diva_text_string(text, "Since ");
    append_markdown(text, report->state ? report->state : diva_check_path(report->baseline),
                    DIVA_NAME_LENGTH);
    diva_text_string(text, ": ");
    append_count(text, summary->added, " rows added, ");
    append_count(text, summary->removed, " removed, ");
    append_count(text, summary->relabelled, " relabelled, ");
    append_count(text, summary->changed, " changed.\n");
  }
  if (!isnan(summary->loo_error)) {
    diva_text_string(text, "Leave-one-out error ");
    diva_text_percent(text, summary->loo_error);
    if (!isnan(summary->baseline_loo_error)) {
      diva_text_string(text, ", before ");
      diva_text_percent(text, summary->baseline_loo_error);
    }
    diva_text_string(text, ".\n");
  }
}

static void append_table(struct diva_text *text, const struct diva_check_report *report) {
  diva_text_string(text, "\n| Rule | Verdict | Figure | Warn | Fail | What |\n"
                         "| --- | --- | ---: | ---: | ---: | --- |\n");
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    const struct diva_check_result *const result = &report->results[rule];
    const struct diva_check_finding *const worst = diva_check_worst(result);
    diva_text_string(text, "| ");
    diva_text_string(text, diva_rule_id(result->rule));
    diva_text_string(text, " | ");
    append_verdict(text, result->verdict);
    diva_text_string(text, " | ");
    diva_text_figure(text, worst ? worst->value : NAN);
    diva_text_string(text, " | ");
    diva_text_figure(text, worst ? worst->limits.warn : NAN);
    diva_text_string(text, " | ");
    diva_text_figure(text, worst ? worst->limits.fail : NAN);
    diva_text_string(text, " | ");
    append_markdown(text, result->message, DIVA_SENTENCE_LENGTH);
    diva_text_string(text, " |\n");
  }
}

static void append_more(struct diva_text *text, int64_t count, const char *what) {
  if (count > 0) {
    diva_text_string(text, "\nand ");
    append_count(text, count, what);
  }
}

static void append_findings(struct diva_text *text, const struct diva_check_result *result) {
  int64_t told = 0;
  for (int64_t i = 0; i < result->finding_count; i++) {
    const struct diva_check_finding *const finding = &result->findings[i];
    if ((diva_check_is_raised(finding->verdict) || finding->waiver) && told++ < FINDINGS_SHOWN) {
      diva_text_string(text, "- ");
      append_verdict(text, finding->verdict);
      diva_text_string(text, ": ");
      append_markdown(text, finding->message, DIVA_SENTENCE_LENGTH);
      if (finding->waiver) {
        diva_text_string(text, " (waived: ");
        append_markdown(text, finding->waiver->reason, DIVA_SENTENCE_LENGTH);
        diva_text_string(text, ")");
      }
      diva_text_string(text, "\n");
    }
  }
  append_more(text, told - FINDINGS_SHOWN, " more findings\n");
}

static void append_rows(struct diva_text *text, const struct diva_check_result *result) {
  if (result->row_count == 0) {
    return;
  }
  diva_text_string(text, "\n<details><summary>");
  append_count(text, result->row_count, result->row_count == 1 ? " row" : " rows");
  diva_text_string(text, "</summary>\n\n| Row | Subject | Reason |\n| --- | --- | --- |\n");
  for (int64_t i = 0; i < result->row_count && i < ROWS_SHOWN; i++) {
    const struct diva_check_row *const row = &result->rows[i];
    diva_text_string(text, "| ");
    append_markdown(text, row->id, DIVA_NAME_LENGTH);
    diva_text_string(text, " | ");
    append_markdown(text, row->subject, DIVA_NAME_LENGTH);
    diva_text_string(text, " | ");
    append_markdown(text, row->reason, DIVA_SENTENCE_LENGTH);
    diva_text_string(text, " |\n");
  }
  append_more(text, result->row_count - ROWS_SHOWN, " more rows\n");
  diva_text_string(text, "\n</details>\n");
}

enum diva_status diva_check_form_markdown(const struct diva_check_report *report, char **out,
                                          struct diva_error *error) {
  const struct diva_check_result *raised[DIVA_RULES];
  struct diva_text text = {0};
  append_head(&text, report);
  append_table(&text, report);
  const int count = diva_check_raised(report->results, raised);
  for (int i = 0; i < count; i++) {
    const int64_t start = text.length;
    diva_text_string(&text, "\n### ");
    diva_text_string(&text, diva_rule_id(raised[i]->rule));
    diva_text_string(&text, "\n\n");
    append_findings(&text, raised[i]);
    append_rows(&text, raised[i]);
    if (text.length > LENGTH_MAX) {
      text.length = start;
      diva_text_string(&text, "\nCut here: details of ");
      append_count(&text, count - i, " rules are too long for a summary.\n");
      break;
    }
  }
  return diva_text_release(&text, out, error);
}
