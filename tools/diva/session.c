/* What the commands that solve a dataset share: opening the datasets, the analysis, and solving
 * again. */
#include "session.h"
#include "output.h"
#include "verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_stdout(const char *path) {
  return !path || strcmp(path, "-") == 0;
}

/* Of a command whose rows go to a file, where they are asked for. */
static enum diva_status check_rows_file(const struct cli_settings *settings,
                                        enum diva_format format, struct diva_error *error) {
  if (settings->output && is_stdout(settings->output)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "-o -: standard output is taken by the answer; name a file");
  }
  if (settings->output && format == DIVA_FORMAT_NPY) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: the rows do not fit an array; the format must be jsonl, csv or hdf5",
                          settings->output);
  }
  return DIVA_OK;
}

/* Mistakes that need no data to be seen. */
static enum diva_status check_settings(struct cli_session *session, struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  const char *path = settings->output ? settings->output : "-";
  const char *name = settings->format < 0 ? NULL : cli_format_names[settings->format];
  enum diva_status status = diva_format_choose(name, path, &session->format, error);
  if (!status) {
    status = cli_groups_check(settings, error);
  }
  if (!status) {
    status = cli_target_check(settings, error);
  }
  if (status) {
    return status;
  }
  if (settings->rows_by_request) {
    return check_rows_file(settings, session->format, error);
  }
  if (!is_stdout(path)) {
    return DIVA_OK;
  }
  if (session->format == DIVA_FORMAT_NPY || session->format == DIVA_FORMAT_HDF5) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "--format %s needs a file: -o OUT.%s", name,
                          session->format == DIVA_FORMAT_NPY ? "npy" : "h5");
  }
  if (settings->json) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--json and the rows cannot both go to standard output: add -o OUT");
  }
  return DIVA_OK;
}

enum { OUTPUTS = 4 };

/* The files asked for, of which standard output is none. */
static int list_outputs(const struct cli_settings *settings, struct cli_named_output out[OUTPUTS]) {
  int count = 0;
  if (!is_stdout(settings->output)) {
    out[count++] = (struct cli_named_output){settings->output, "-o"};
  }
  if (settings->write_dataset) {
    out[count++] = (struct cli_named_output){settings->write_dataset, "--write-dataset"};
  }
  if (settings->write_indices) {
    out[count++] = (struct cli_named_output){settings->write_indices, "--write-indices"};
  }
  if (settings->write_probabilities) {
    out[count++] =
        (struct cli_named_output){settings->write_probabilities, "--write-probabilities"};
  }
  return count;
}

static enum diva_status check_outputs(const struct cli_session *session, struct diva_error *error) {
  struct cli_named_output outputs[OUTPUTS];
  const int count = list_outputs(session->request->settings, outputs);
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < count && !status; i++) {
    status = cli_output_check_pair(outputs[i].path, session->dataset, session->validation, error);
    if (!status) {
      status = cli_output_check_pair(outputs[i].path, session->target.rows, NULL, error);
    }
    for (int other = 0; other < i && !status; other++) {
      status = cli_output_check_distinct(&outputs[other], &outputs[i], error);
    }
  }
  return status;
}

/* Ids, weights and groups of the validation set play no part, so names given for them do not apply
 * to it. */
static enum diva_status open_validation(struct cli_session *session, struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  struct diva_dataset_options options = settings->dataset;
  if (!settings->validation) {
    return DIVA_OK;
  }
  options.ids = NULL;
  options.weights = NULL;
  options.group = NULL;
  options.single_class = true;
  options.labelling = DIVA_LABELLING_REQUIRED;
  return diva_dataset_open(&settings->validation, 1, &options, &session->validation, error);
}

enum diva_status cli_session_open(struct cli_session *session, const struct cli_request *request,
                                  struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  *session = (struct cli_session){.request = request};
  cli_meter_start(&session->meter, settings->quiet);
  enum diva_status status = check_settings(session, error);
  if (!status) {
    status = diva_dataset_open((const char *const *)request->files, request->file_count,
                               &settings->dataset, &session->dataset, error);
  }
  if (!status) {
    status = open_validation(session, error);
  }
  if (!status) {
    status = cli_target_open(&session->target, request, error);
  }
  if (!status) {
    diva_dataset_describe(session->dataset, &session->info);
    status = check_outputs(session, error);
  }
  if (!status) {
    status = cli_verify_prepare(session, error);
  }
  return status;
}

static bool begins_with(const char *message, const char *path) {
  return path && strncmp(message, path, strlen(path)) == 0;
}

static bool begins_with_path(const char *message, const struct diva_dataset *dataset) {
  const char *path;
  for (int64_t i = 0; dataset && (path = diva_dataset_path(dataset, i)); i++) {
    if (begins_with(message, path)) {
      return true;
    }
  }
  return false;
}

enum diva_status cli_session_blame(const struct cli_session *session, enum diva_status status,
                                   struct diva_error *error) {
  bool about_data =
      status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL || status == DIVA_ERROR_RESOURCE;
  if (about_data && !begins_with_path(error->message, session->dataset) &&
      !begins_with_path(error->message, session->validation) &&
      !begins_with_path(error->message, session->target.rows) &&
      !begins_with(error->message, session->request->settings->write_probabilities)) {
    diva_error_prefix(error, "%s: ", diva_dataset_path(session->dataset, 0));
  }
  return status;
}

/* The digests of the inputs will be in the provenance; they can be had while the analysis runs. */
static void start_digests(const struct cli_session *session) {
  const struct cli_settings *settings = session->request->settings;
  if (settings->output || settings->write_dataset || settings->write_indices ||
      settings->write_probabilities) {
    diva_dataset_sha256_start(session->dataset);
    if (session->validation) {
      diva_dataset_sha256_start(session->validation);
    }
    if (session->target.rows) {
      diva_dataset_sha256_start(session->target.rows);
    }
  }
}

static enum diva_status open_probabilities(struct cli_session *session,
                                           struct diva_analysis_options *options,
                                           struct diva_error *error) {
  const char *path = session->request->settings->write_probabilities;
  if (!path) {
    return DIVA_OK;
  }
  if (session->info.has_targets) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: has targets, no class labels whose probabilities could be written",
                          diva_dataset_path(session->dataset, 0));
  }
  enum diva_status status =
      diva_probabilities_open(path, session->dataset, &session->probabilities, error);
  options->scores = diva_probabilities_take;
  options->scores_context = session->probabilities;
  return status;
}

enum diva_status cli_session_begin(struct cli_session *session,
                                   struct diva_analysis_options *options,
                                   struct diva_error *error) {
  *options = session->request->settings->analysis;
  options->derivative = true;
  options->progress = cli_meter_progress(&session->meter);
  enum diva_status status = open_probabilities(session, options, error);
  if (!status) {
    start_digests(session);
    status = cli_groups_find(&session->groups, session->dataset, session->request->settings,
                             &options->progress, error);
    options->groups = session->groups.codes;
  }
  return cli_session_blame(session, status, error);
}

/* The model of a run that solves again: as it was settled, and no one listens to its scores. */
static void settle_model(struct cli_session *session) {
  session->model = session->request->settings->analysis;
  session->model.progress = cli_meter_progress(&session->meter);
  session->model.derivative = false;
  session->model.groups = session->groups.codes;
  session->model.scale = session->before.scale;
  session->model.kernel = session->before.kernel;
  session->model.rbf_bandwidth = session->before.rbf_bandwidth;
}

enum diva_status cli_session_end(struct cli_session *session, enum diva_status status,
                                 struct diva_error *error) {
  if (status) {
    return cli_session_blame(session, status, error);
  }
  diva_analysis_columns(session->analysis, &session->columns);
  diva_analysis_summary(session->analysis, &session->before);
  session->held_against = session->before;
  settle_model(session);
  return DIVA_OK;
}

enum diva_status cli_session_analyse(struct cli_session *session, struct diva_error *error) {
  struct diva_analysis_options options;
  enum diva_status status = cli_session_begin(session, &options, error);
  if (status) {
    return status;
  }
  status = diva_model_choose(session->dataset, &options, error);
  if (!status) {
    status = cli_target_find(&session->target, session->request->settings, session->dataset,
                             &options, error);
  }
  if (!status) {
    status = diva_analysis_run(session->dataset, session->validation, &options, &session->analysis,
                               error);
  }
  return cli_session_end(session, status, error);
}

enum diva_status cli_session_refer(struct cli_session *session, struct diva_error *error) {
  enum { REFERENCE_FEATURES = 1024 };
  if (session->before.rbf_features > REFERENCE_FEATURES) {
    session->model.rbf_features = REFERENCE_FEATURES;
  }
  session->model.lambda = session->before.lambda;
  const enum diva_status status = diva_analysis_run(session->dataset, session->validation,
                                                    &session->model, &session->reference, error);
  if (status) {
    return cli_session_blame(session, status, error);
  }
  diva_analysis_summary(session->reference, &session->held_against);
  return DIVA_OK;
}

void cli_session_columns(const struct cli_session *session,
                         struct diva_column out[CLI_RANK_COLUMNS]) {
  const struct diva_columns *columns = &session->columns;
  const struct diva_column rank[CLI_RANK_COLUMNS] = {
      {.name = "derivative", .type = DIVA_COLUMN_REAL, .data = columns->derivative},
      {.name = "leverage", .type = DIVA_COLUMN_REAL, .data = columns->leverage},
      {.name = "loo_loss", .type = DIVA_COLUMN_REAL, .data = columns->loo_loss},
      {.name = "loo_margin", .type = DIVA_COLUMN_REAL, .data = columns->loo_margin},
      {.name = "label_quality", .type = DIVA_COLUMN_REAL, .data = columns->label_quality},
      {.name = "suggested_label", .type = DIVA_COLUMN_CLASS, .data = columns->suggested_label},
      {.name = "weight", .type = DIVA_COLUMN_REAL, .data = columns->weight},
  };
  memcpy(out, rank, sizeof rank);
}

/* The LOO score as it was, over the rows that stay: what the score after has to be held against,
 * for dropping the worst rows lowers a mean by itself. */
static void score_kept(struct cli_session *session, const uint8_t *keep) {
  struct diva_columns reference = session->columns;
  const struct diva_columns *columns = &reference;
  if (session->reference) {
    diva_analysis_columns(session->reference, &reference);
  }
  const int32_t *labels = diva_dataset_labels(session->dataset);
  int64_t rows = 0;
  int64_t wrong = 0;
  double loss = 0;
  for (int64_t i = 0; i < columns->rows; i++) {
    if (keep[i] && columns->weight[i] > 0 && !isnan(columns->loo_loss[i])) {
      rows++;
      loss += columns->loo_loss[i];
      wrong += labels && columns->suggested_label[i] != labels[i];
    }
  }
  session->kept_before.rows = rows;
  session->kept_before.loss = rows ? loss / (double)rows : NAN;
  session->kept_before.error = rows && labels ? (double)wrong / (double)rows : NAN;
}

static void fill_weights(const struct cli_session *session, const uint8_t *keep, double *out) {
  const double *given = diva_dataset_weights(session->dataset);
  for (int64_t i = 0; i < session->info.rows; i++) {
    out[i] = keep[i] ? (given ? given[i] : 1) : 0;
  }
}

static enum diva_status run_again(struct cli_session *session, const double *weights,
                                  struct diva_error *error) {
  struct diva_analysis_options options = session->model;
  options.weights = weights;
  enum diva_status status =
      diva_analysis_run(session->dataset, session->validation, &options, &session->again, error);
  if (status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL) {
    memcpy(session->unresolved, error->message, sizeof session->unresolved);
    return DIVA_OK;
  }
  if (!status) {
    diva_analysis_summary(session->again, &session->after);
    session->resolved = true;
  }
  return status;
}

enum diva_status cli_session_resolve(struct cli_session *session,
                                     const struct diva_decision_columns *decision,
                                     struct diva_error *error) {
  score_kept(session, decision->keep);
  if (!decision->dropped_rows) {
    session->after = session->held_against;
    session->resolved = true;
    return DIVA_OK;
  }
  double *weights = malloc((size_t)session->info.rows * sizeof *weights);
  if (!weights) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the weights of %lld rows",
                          (long long)session->info.rows);
  }
  fill_weights(session, decision->keep, weights);
  enum diva_status status = run_again(session, weights, error);
  free(weights);
  return cli_session_blame(session, status, error);
}

void cli_session_close(struct cli_session *session) {
  cli_meter_clear(&session->meter);
  diva_probabilities_destroy(session->probabilities);
  cli_groups_free(&session->groups);
  cli_target_close(&session->target);
  diva_analysis_destroy(session->again);
  diva_analysis_destroy(session->reference);
  diva_analysis_destroy(session->analysis);
  free(session->trusted);
  diva_dataset_close(session->validation);
  diva_dataset_close(session->dataset);
  *session = (struct cli_session){0};
}
