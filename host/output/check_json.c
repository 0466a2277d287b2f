/** A check as JSON: everything, for programs. */
#include "check_forms.h"

#include <diva/system.h>

#include "host/output/report.h"

#include <jansson.h>

static json_t *waiver_json(const struct diva_waiver *waiver) {
  if (!waiver) {
    return json_null();
  }
  json_t *const entry = json_object();
  json_object_set_new(entry, "id", diva_report_string(waiver->id));
  json_object_set_new(entry, "subject", diva_report_string(waiver->subject));
  json_object_set_new(entry, "reason", diva_report_string(waiver->reason));
  json_object_set_new(entry, "expires",
                      *waiver->expires ? json_string(waiver->expires) : json_null());
  return entry;
}

static json_t *finding_json(const struct diva_check_finding *finding) {
  json_t *const entry = json_object();
  json_object_set_new(entry, "subject", diva_report_string(finding->subject));
  json_object_set_new(entry, "verdict", json_string(diva_check_verdict_name(finding->verdict)));
  json_object_set_new(entry, "message", diva_report_string(finding->message));
  json_object_set_new(entry, "value", diva_report_number(finding->value));
  json_object_set_new(entry, "warn", diva_report_number(finding->limits.warn));
  json_object_set_new(entry, "fail", diva_report_number(finding->limits.fail));
  json_object_set_new(entry, "before", diva_report_number(finding->before));
  json_object_set_new(entry, "after", diva_report_number(finding->after));
  json_object_set_new(entry, "low", diva_report_number(finding->low));
  json_object_set_new(entry, "high", diva_report_number(finding->high));
  json_object_set_new(entry, "waiver", waiver_json(finding->waiver));
  return entry;
}

static json_t *row_json(const struct diva_check_row *row) {
  json_t *const entry = json_object();
  json_object_set_new(entry, "id", diva_report_string(row->id));
  json_object_set_new(entry, "index", diva_report_count(row->index));
  json_object_set_new(entry, "subject", diva_report_string(row->subject));
  json_object_set_new(entry, "reason", diva_report_string(row->reason));
  json_object_set_new(entry, "value", diva_report_number(row->value));
  return entry;
}

static json_t *rule_json(const struct diva_check_result *result) {
  json_t *const entry = json_object();
  json_t *const findings = json_array();
  json_t *const rows = json_array();
  for (int64_t i = 0; i < result->finding_count; i++) {
    json_array_append_new(findings, finding_json(&result->findings[i]));
  }
  for (int64_t i = 0; i < result->row_count; i++) {
    json_array_append_new(rows, row_json(&result->rows[i]));
  }
  json_object_set_new(entry, "id", json_string(diva_rule_id(result->rule)));
  json_object_set_new(entry, "purpose", json_string(diva_rule_purpose(result->rule)));
  json_object_set_new(entry, "verdict", json_string(diva_check_verdict_name(result->verdict)));
  json_object_set_new(entry, "message", diva_report_string(result->message));
  json_object_set_new(entry, "findings", findings);
  json_object_set_new(entry, "rows", rows);
  json_object_set_new(entry, "waived_rows", json_integer(result->waived_rows));
  return entry;
}

static json_t *counts_json(const struct diva_check_summary *summary) {
  json_t *const counts = json_object();
  for (int v = DIVA_CHECK_PASS; v <= DIVA_CHECK_OFF; v++) {
    json_object_set_new(counts, diva_check_verdict_name((enum diva_check_verdict)v),
                        json_integer(summary->counts[v]));
  }
  return counts;
}

static json_t *changes_json(const struct diva_check_summary *summary) {
  if (summary->baseline_rows < 0) {
    return json_null();
  }
  json_t *const rows = json_object();
  json_object_set_new(rows, "before", diva_report_count(summary->baseline_rows));
  json_object_set_new(rows, "added", diva_report_count(summary->added));
  json_object_set_new(rows, "removed", diva_report_count(summary->removed));
  json_object_set_new(rows, "relabelled", diva_report_count(summary->relabelled));
  json_object_set_new(rows, "changed", diva_report_count(summary->changed));
  return rows;
}

/* Which files were compared, by name and content. */
static enum diva_status add_inputs(json_t *record, const struct diva_check_report *report,
                                   struct diva_error *error) {
  struct diva_report files;
  enum diva_status status = DIVA_OK;
  diva_report_init(&files);
  files.dataset = report->dataset;
  if (report->dataset) {
    status = diva_report_add_files(record, &files, error);
  }
  if (!status) {
    status = diva_report_add_other(record, "baseline", "baseline_sha256", report->baseline, error);
  }
  if (report->state) {
    json_object_set_new(record, "state", diva_report_string(report->state));
    json_object_set_new(record, "state_sha256", diva_report_string(report->state_checksum));
  }
  if (!status) {
    status = diva_report_add_other(record, "target", "target_sha256", report->target, error);
  }
  json_object_set_new(record, "policy", diva_report_string(report->policy_path));
  return status;
}

static void add_summary(json_t *record, const struct diva_check_report *report) {
  const struct diva_check_summary *const summary = report->summary;
  json_object_set_new(record, "n", json_integer(summary->rows));
  json_object_set_new(record, "d", json_integer(summary->columns));
  json_object_set_new(record, "k", json_integer(summary->outputs));
  diva_report_add_model(record, &summary->analysis);
  json_object_set_new(record, "confidence", diva_report_number(report->confidence));
  json_object_set_new(record, "verdict", json_string(diva_check_verdict_name(summary->verdict)));
  json_object_set_new(record, "strict_warnings", json_boolean(report->strict_warnings));
  json_object_set_new(
      record, "exit_code",
      json_integer(diva_check_exit_code(summary->verdict, report->strict_warnings)));
  json_object_set_new(record, "counts", counts_json(summary));
  json_object_set_new(record, "changes", changes_json(summary));
  json_object_set_new(record, "loo_error", diva_report_number(summary->loo_error));
  json_object_set_new(record, "baseline_loo_error",
                      diva_report_number(summary->baseline_loo_error));
  json_object_set_new(record, "expired_waivers", json_integer(summary->expired_waivers));
}

enum diva_status diva_check_form_json(const struct diva_check_report *report, char **out,
                                      struct diva_error *error) {
  enum { REAL_DIGITS = 17 };
  json_t *const record = json_object();
  json_t *const rules = json_array();
  json_object_set_new(record, "version", json_string(diva_version()));
  json_object_set_new(record, "command_line",
                      diva_report_arguments(report->argument_count, report->arguments));
  enum diva_status status = add_inputs(record, report, error);
  add_summary(record, report);
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    json_array_append_new(rules, rule_json(&report->results[rule]));
  }
  json_object_set_new(record, "rules", rules);
  if (!status) {
    *out = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    status = *out ? DIVA_OK
                  : diva_error_set(error, DIVA_ERROR_RESOURCE,
                                   "out of memory for the JSON of the check");
  }
  json_decref(record);
  return status;
}
