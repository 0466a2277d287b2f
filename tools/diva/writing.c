/* What the commands leave behind: rows, provenance, the changed dataset, and a summary.
 * Everything that can fail for long is done first; files get their names last. */
#include "output.h"
#include "session.h"
#include "signals.h"
#include "summary.h"
#include "weights.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status check_stop(struct diva_error *error) {
  return cli_signal_pending() ? diva_error_set(error, DIVA_ERROR_CANCELLED, "interrupted")
                              : DIVA_OK;
}

static enum diva_status report_text(const struct cli_session *session,
                                    const struct cli_result *result, bool timings, char **out,
                                    struct diva_error *error) {
  struct diva_report report;
  diva_report_init(&report);
  report.argument_count = session->request->argument_count;
  report.arguments = session->request->arguments;
  report.dataset = session->dataset;
  report.validation = session->validation;
  report.before = &session->before;
  report.held_against = &session->held_against;
  report.noise = result->noise;
  report.what_if = result->what_if;
  if (result->weights) {
    report.reweight = &result->weights->summary;
    report.weights_by = session->request->settings->by;
    report.weight_groups = result->weights->names;
  }
  report.extend = result->extend;
  report.after = session->resolved ? &session->after : NULL;
  report.kept_before = result->decision || result->what_if ? &session->kept_before : NULL;
  report.flagged = result->flagged;
  report.kept = result->decision ? result->decision->kept_rows : -1;
  report.probabilities = session->request->settings->write_probabilities;
  cli_groups_report(&session->groups, session->request->settings, &report);
  cli_target_report(&session->target, &report);
  report.verification = session->verified ? &session->verification : NULL;
  report.unverified = *session->unverified ? session->unverified : NULL;
  return diva_report_json(&report, timings, out, error);
}

/* JSON whose readers take a line at a time. */
static enum diva_status put_on_one_line(char **json, struct diva_error *error) {
  json_t *parsed = json_loads(*json, 0, NULL);
  char *line = parsed ? json_dumps(parsed, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(parsed);
  if (!line) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the JSON of the answer");
  }
  diva_string_free(*json);
  *json = line;
  return DIVA_OK;
}

static int64_t count_rows(const struct cli_session *session, const struct cli_result *result) {
  struct diva_dataset_info info = session->info;
  if (result->written) {
    diva_dataset_describe(result->written, &info);
  }
  return info.rows;
}

/* NULL for rows in input order. */
static enum diva_status rank_rows(const struct cli_session *session,
                                  const struct cli_result *result, int64_t **out,
                                  struct diva_error *error) {
  const int64_t rows = count_rows(session, result);
  *out = NULL;
  if (session->request->settings->order == CLI_ORDER_INPUT || session->format == DIVA_FORMAT_NPY) {
    return DIVA_OK;
  }
  *out = malloc((size_t)rows * sizeof **out);
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the order of %lld rows",
                          (long long)rows);
  }
  return diva_order_rows(result->key, rows, result->descending, *out, error);
}

static enum diva_status write_rows(struct cli_session *session, const struct cli_result *result,
                                   const int64_t *order, const char *provenance,
                                   struct diva_error *error) {
  const char *path = session->request->settings->output;
  struct diva_progress progress = cli_meter_progress(&session->meter);
  struct diva_manifest manifest;
  diva_manifest_init(&manifest);
  manifest.dataset = result->written ? result->written : session->dataset;
  manifest.columns = result->columns;
  manifest.column_count = result->column_count;
  manifest.order = order;
  manifest.order_count = count_rows(session, result);
  manifest.real_digits = session->before.precision == DIVA_PRECISION_FLOAT64 ? 17 : 9;
  if (session->format == DIVA_FORMAT_NPY && result->chosen) {
    manifest.npy_indices = result->chosen;
    manifest.npy_count = result->chosen_count;
  } else if (session->format == DIVA_FORMAT_NPY && result->decision) {
    manifest.npy_indices = result->decision->kept;
    manifest.npy_count = result->decision->kept_rows;
  } else if (session->format == DIVA_FORMAT_NPY && result->weights) {
    manifest.npy_values = result->weights->array;
    manifest.npy_count = session->info.rows;
    manifest.npy_type =
        session->request->settings->npy_type == CLI_NPY_FLOAT32 ? DIVA_FLOAT32 : DIVA_FLOAT64;
  } else if (session->format == DIVA_FORMAT_NPY) {
    manifest.npy_values = session->columns.derivative;
    manifest.npy_count = session->info.rows;
    manifest.npy_columns = 1;
  }
  if (!path || strcmp(path, "-") == 0) {
    cli_meter_clear(&session->meter); /* the line and the rows may share a terminal */
  }
  return diva_manifest_write(&manifest, path ? path : "-", session->format, provenance, &progress,
                             error);
}

/* The changed dataset and its provenance, complete but under other names. */
static enum diva_status stage_dataset(struct cli_session *session, const struct cli_result *result,
                                      const char *provenance, struct cli_staged staged[2],
                                      struct diva_error *error) {
  const char *path = session->request->settings->write_dataset;
  const struct diva_progress progress = cli_meter_progress(&session->meter);
  const int64_t *rows = result->changed ? result->changed : result->decision->kept;
  const int64_t count = result->changed ? result->changed_count : result->decision->kept_rows;
  enum diva_status status = cli_staged_name(&staged[0], path, "", error);
  if (!status) {
    status = cli_staged_name(&staged[1], path, CLI_PROVENANCE_SUFFIX, error);
  }
  if (!status) {
    const struct cli_weights *weights = result->weights;
    status = diva_dataset_write_rows(session->dataset, rows, count, NULL,
                                     weights ? weights->columns.weight : NULL, staged[0].temporary,
                                     &progress, error);
    if (status) {
      cli_staged_rename_error(&staged[0], error);
    }
  }
  if (!status) {
    status = cli_staged_write(&staged[1], provenance, error);
  }
  return status ? status : check_stop(error);
}

/* Rows drawn by weight, likewise. */
static enum diva_status stage_indices(struct cli_session *session,
                                      const struct cli_weights *weights, const char *provenance,
                                      struct cli_staged staged[2], struct diva_error *error) {
  const char *path = session->request->settings->write_indices;
  const struct diva_progress progress = cli_meter_progress(&session->meter);
  struct diva_manifest manifest;
  diva_manifest_init(&manifest);
  manifest.npy_indices = weights->indices;
  manifest.npy_count = weights->draws;
  enum diva_status status = cli_staged_name(&staged[0], path, "", error);
  if (!status) {
    status = cli_staged_name(&staged[1], path, CLI_PROVENANCE_SUFFIX, error);
  }
  if (!status) {
    status = diva_manifest_write(&manifest, staged[0].temporary, DIVA_FORMAT_NPY, NULL, &progress,
                                 error);
    if (status) {
      cli_staged_rename_error(&staged[0], error);
    }
  }
  if (!status) {
    status = cli_staged_write(&staged[1], provenance, error);
  }
  return status ? status : check_stop(error);
}

static enum diva_status commit_both(struct cli_staged staged[2], struct diva_error *error) {
  enum diva_status status = cli_staged_commit(&staged[0], error);
  return status ? status : cli_staged_commit(&staged[1], error);
}

/* The probabilities and their provenance, complete but without their names. */
static enum diva_status stage_probabilities(struct cli_session *session, const char *provenance,
                                            struct diva_error *error) {
  const struct diva_progress progress = cli_meter_progress(&session->meter);
  const enum diva_status status =
      session->probabilities
          ? diva_probabilities_finish(session->probabilities, session->before.temperature,
                                      provenance, &progress, error)
          : DIVA_OK;
  return status ? status : check_stop(error);
}

/* Rows that go to a pipe come last: its reader may end the program by going away. A text comes
 * before any file has its name, for a full standard output is a failure, which leaves nothing. */
static enum diva_status write_all(struct cli_session *session, const struct cli_result *result,
                                  const int64_t *order, const char *provenance, const char *text,
                                  struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  bool to_file = settings->output && strcmp(settings->output, "-") != 0;
  struct cli_staged staged[2] = {{0}};
  struct cli_staged drawn[2] = {{0}};
  enum diva_status status = DIVA_OK;
  if (settings->write_dataset) {
    status = stage_dataset(session, result, provenance, staged, error);
  }
  if (!status && settings->write_indices) {
    status = stage_indices(session, result->weights, provenance, drawn, error);
  }
  if (!status) {
    status = stage_probabilities(session, provenance, error);
  }
  if (!status && text) {
    cli_meter_clear(&session->meter);
    status = cli_line_print(text, error);
  }
  if (!status && to_file) {
    status = write_rows(session, result, order, provenance, error);
  }
  if (!status && settings->write_dataset) {
    status = commit_both(staged, error);
  }
  if (!status && settings->write_indices) {
    status = commit_both(drawn, error);
  }
  if (!status && session->probabilities) {
    status = diva_probabilities_commit(session->probabilities, error);
  }
  if (!status && !to_file && !settings->rows_by_request) {
    status = write_rows(session, result, order, NULL, error);
  }
  cli_staged_abandon(&staged[0]);
  cli_staged_abandon(&staged[1]);
  cli_staged_abandon(&drawn[0]);
  cli_staged_abandon(&drawn[1]);
  if (text) {
    cli_pipe_release();
  }
  return status;
}

enum diva_status cli_session_write(struct cli_session *session, const struct cli_result *result,
                                   struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  char *provenance = NULL;
  char *json = NULL;
  int64_t *order = NULL;
  enum diva_status status = rank_rows(session, result, &order, error);
  if (!status && (settings->output || settings->write_dataset || settings->write_indices ||
                  settings->write_probabilities)) {
    status = report_text(session, result, false, &provenance, error);
  }
  if (!status && settings->json) {
    status = report_text(session, result, true, &json, error);
  }
  if (json && (result->what_if || result->extend)) {
    status = put_on_one_line(&json, error);
  }
  if (!status) {
    status = check_stop(error);
  }
  if (!status) {
    status = write_all(session, result, order, provenance, json ? json : result->text, error);
  }
  cli_meter_clear(&session->meter);
  if (!status && !settings->quiet) {
    cli_summary_print(stderr, session, result);
  }
  diva_string_free(json);
  diva_string_free(provenance);
  free(order);
  return status;
}
