/* What the options of reweight make of a dataset, and the weights as they are written. */
#define _POSIX_C_SOURCE 200809L
#include "weights.h"
#include "selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status out_of_memory(int64_t rows, struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the weights of %lld rows",
                        (long long)rows);
}

/* Classes without names are called by their numbers. */
static enum diva_status name_classes(const struct diva_dataset *dataset, int64_t classes,
                                     struct cli_weights *out, struct diva_error *error) {
  enum { DIGITS = 24 };
  out->names = calloc((size_t)classes + 1, sizeof *out->names);
  out->numbers = calloc((size_t)classes + 1, DIGITS);
  if (!out->names || !out->numbers) {
    return out_of_memory(classes, error);
  }
  for (int64_t c = 0; c < classes; c++) {
    char *number = out->numbers + c * DIGITS;
    const char *name = diva_dataset_class_name(dataset, c);
    snprintf(number, DIGITS, "%lld", (long long)c);
    out->names[c] = name ? name : number;
  }
  return DIVA_OK;
}

static enum diva_status name_groups(struct cli_weights *out, struct diva_error *error) {
  int64_t count = 0;
  while (diva_dataset_group_name(out->grouped, count)) {
    count++;
  }
  out->names = calloc((size_t)count + 1, sizeof *out->names);
  if (!out->names) {
    return out_of_memory(count, error);
  }
  for (int64_t g = 0; g < count; g++) {
    out->names[g] = diva_dataset_group_name(out->grouped, g);
  }
  return DIVA_OK;
}

static enum diva_status copy_codes(const int32_t *codes, int64_t rows, struct cli_weights *out,
                                   struct diva_error *error) {
  out->by = malloc((size_t)rows * sizeof *out->by);
  if (!out->by) {
    return out_of_memory(rows, error);
  }
  memcpy(out->by, codes, (size_t)rows * sizeof *out->by);
  out->options.by = out->by;
  return DIVA_OK;
}

/* A dataset reads one column of groups when it is opened, and --group may be another. */
static enum diva_status find_groups(const struct cli_session *session, const char *by,
                                    struct cli_weights *out, struct diva_error *error) {
  const struct cli_request *request = session->request;
  if (strcmp(by, "label") == 0) {
    const int32_t *labels = diva_dataset_labels(session->dataset);
    if (!labels) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "reweight: --by label: the dataset has targets, no class labels");
    }
    const enum diva_status status =
        name_classes(session->dataset, session->info.outputs, out, error);
    return status ? status : copy_codes(labels, session->info.rows, out, error);
  }
  struct diva_dataset_options options = request->settings->dataset;
  options.group = by;
  enum diva_status status = diva_dataset_open((const char *const *)request->files,
                                              request->file_count, &options, &out->grouped, error);
  if (!status) {
    status = name_groups(out, error);
  }
  return status ? status
                : copy_codes(diva_dataset_groups(out->grouped), session->info.rows, out, error);
}

/* Marks the rows that any of the values picks. @param marks  rows, zeroed */
static enum diva_status mark(const struct cli_session *session, const struct cli_list *list,
                             const char *option, uint8_t *marks, struct diva_error *error) {
  struct cli_row_ids ids = {.rows = session->info.rows};
  struct cli_selection selection = {.request = session->request,
                                    .dataset = session->dataset,
                                    .ids = &ids,
                                    .marks = malloc((size_t)session->info.rows)};
  enum diva_status status = selection.marks ? DIVA_OK : out_of_memory(session->info.rows, error);
  for (int v = 0; v < list->count && !status; v++) {
    status = cli_select_group(&selection, list->values[v], error);
    if (status == DIVA_ERROR_USAGE) {
      diva_error_prefix(error, "reweight: --%s '%s': ", option, list->values[v]);
    }
    for (int64_t i = 0; i < session->info.rows && !status; i++) {
      marks[i] |= selection.marks[i];
    }
  }
  cli_selection_close(&selection);
  free(selection.marks);
  return status;
}

static bool is_trained_on(const struct diva_dataset *dataset, int64_t i) {
  const double *given = diva_dataset_weights(dataset);
  const int32_t *labels = diva_dataset_labels(dataset);
  return (!labels || labels[i] >= 0) && (!given || given[i] > 0.0);
}

static bool marks_training_row(const struct cli_session *session, const uint8_t *marks) {
  for (int64_t i = 0; i < session->info.rows; i++) {
    if (marks[i] && is_trained_on(session->dataset, i)) {
      return true;
    }
  }
  return false;
}

static enum diva_status find_guard(const struct cli_session *session, struct cli_weights *out,
                                   struct diva_error *error) {
  const struct cli_list *guard = &session->request->settings->guard;
  if (!guard->count) {
    return DIVA_OK;
  }
  out->guard = calloc((size_t)session->info.rows, 1);
  if (!out->guard) {
    return out_of_memory(session->info.rows, error);
  }
  out->options.guard = out->guard;
  const enum diva_status status = mark(session, guard, "guard", out->guard, error);
  if (!status && !marks_training_row(session, out->guard)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--guard: none of its rows has a label and a weight above 0");
  }
  return status;
}

/* Rows of the objective's groups count 1, others nothing. */
static enum diva_status find_objective(const struct cli_session *session, struct cli_weights *out,
                                       struct diva_error *error) {
  const struct cli_list *groups = &session->request->settings->objective_group;
  const int64_t rows = session->info.rows;
  if (!groups->count) {
    return DIVA_OK;
  }
  uint8_t *counted = calloc((size_t)rows, 1);
  out->importance = calloc((size_t)rows, sizeof *out->importance);
  if (!counted || !out->importance) {
    free(counted);
    return out_of_memory(rows, error);
  }
  const enum diva_status status = mark(session, groups, "objective-group", counted, error);
  for (int64_t i = 0; i < rows; i++) {
    out->importance[i] = counted[i];
  }
  free(counted);
  return status;
}

enum diva_status cli_weights_prepare(struct cli_session *session, struct cli_weights *out,
                                     struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  *out = (struct cli_weights){.options = settings->reweight};
  enum diva_status status = DIVA_OK;
  if (settings->draws && !settings->write_indices) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "--draws is of use with --write-indices only");
  }
  struct diva_reweight_options defaults;
  diva_reweight_options_init(&defaults);
  if (settings->reweight_steps >= 0 &&
      (settings->reweight_folds || settings->reweight_most_steps != defaults.most_steps)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--steps is not checked on folds: --folds and --max-steps have no use");
  }
  if (settings->npy_type == CLI_NPY_FLOAT32 && session->format != DIVA_FORMAT_NPY) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "--npy-type is of use with OUT.npy only");
  }
  if (settings->objective_group.count && cli_target_wanted(settings)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--objective-group and a target both say which rows count: give one");
  }
  if (settings->by) {
    status = find_groups(session, settings->by, out, error);
  }
  if (!status) {
    status = find_guard(session, out, error);
  }
  return status ? status : find_objective(session, out, error);
}

/* The set is solved on --validation before and after, where that is another than the target. */
static enum diva_status validate(struct cli_session *session, const struct cli_weights *weights,
                                 struct diva_error *error) {
  const double *const sides[] = {weights->columns.weight_before, weights->columns.weight};
  struct diva_summary *const summaries[] = {&session->before, &session->after};
  struct diva_analysis_options options = session->model;
  options.derivative = false;
  options.lambda = weights->summary.before.lambda;
  for (int s = 0; s < 2; s++) {
    struct diva_analysis *analysis = NULL;
    struct diva_summary summary;
    summaries[s]->validation = (struct diva_score){.loss = NAN, .error = NAN};
    if (!session->validation) {
      continue;
    }
    options.weights = sides[s];
    const enum diva_status status =
        diva_analysis_run(session->dataset, session->validation, &options, &analysis, error);
    if (status) {
      return status;
    }
    diva_analysis_summary(analysis, &summary);
    summaries[s]->validation = summary.validation;
    diva_analysis_destroy(analysis);
  }
  return DIVA_OK;
}

static enum diva_status make_arrays(const struct cli_settings *settings, int64_t rows,
                                    struct cli_weights *out, struct diva_error *error) {
  out->array = malloc((size_t)rows * sizeof *out->array);
  out->logarithm = settings->log_weights ? malloc((size_t)rows * sizeof *out->logarithm) : NULL;
  out->rows = settings->write_dataset ? malloc((size_t)rows * sizeof *out->rows) : NULL;
  if (!out->array || (settings->log_weights && !out->logarithm) ||
      (settings->write_dataset && !out->rows)) {
    return out_of_memory(rows, error);
  }
  for (int64_t i = 0; i < rows; i++) {
    const double weight = out->columns.weight[i];
    out->array[i] = out->logarithm ? log(weight) : weight;
    if (out->logarithm) {
      out->logarithm[i] = weight > 0 ? log(weight) : NAN;
    }
    if (out->rows) {
      out->rows[i] = i;
    }
  }
  return DIVA_OK;
}

static enum diva_status draw(const struct cli_settings *settings, int64_t rows,
                             struct cli_weights *out, struct diva_error *error) {
  if (!settings->write_indices) {
    return DIVA_OK;
  }
  out->draws = settings->draws ? settings->draws : rows;
  out->indices = malloc((size_t)out->draws * sizeof *out->indices);
  return out->indices ? diva_weights_draw(out->columns.weight, rows, out->draws,
                                          settings->analysis.seed, out->indices, error)
                      : out_of_memory(out->draws, error);
}

/* Rows start at what they are worth for the target times their weight in the file; those of no
 * worth at the least weight, for they may still teach. Rows that are not trained on stay so. */
static enum diva_status start_at_target(struct cli_session *session, struct cli_weights *weights,
                                        struct diva_error *error) {
  const struct diva_target_summary *target = &session->target.summary;
  const double *given = diva_dataset_weights(session->dataset);
  if (!session->target.target) {
    return DIVA_OK;
  }
  weights->start = calloc((size_t)target->rows + 1, sizeof *weights->start);
  if (!weights->start) {
    return out_of_memory(target->rows, error);
  }
  for (int64_t i = 0; i < target->rows; i++) {
    const bool trained = is_trained_on(session->dataset, i);
    const double worth = fmax(target->importance[i], weights->options.minimum_weight);
    weights->start[i] = trained ? worth * (given ? given[i] : 1.0) : 0.0;
  }
  session->model.weights = weights->start;
  return DIVA_OK;
}

enum diva_status cli_weights_find(struct cli_session *session, struct cli_weights *weights,
                                  struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  const int64_t rows = session->info.rows;
  if (weights->importance) {
    session->model.importance = weights->importance;
  }
  enum diva_status status = start_at_target(session, weights, error);
  if (status) {
    return status;
  }
  status = diva_reweight(session->dataset, cli_target_validation(&session->target, settings),
                         &session->model, &weights->options, &weights->reweighting, error);
  if (status) {
    return status;
  }
  diva_reweighting_summary(weights->reweighting, &weights->summary);
  diva_reweighting_columns(weights->reweighting, &weights->columns);
  session->before = session->held_against = weights->summary.before;
  session->after = weights->summary.after;
  session->resolved = true;
  status = validate(session, weights, error);
  session->held_against = session->before;
  if (!status) {
    status = make_arrays(settings, rows, weights, error);
  }
  return status ? status : draw(settings, rows, weights, error);
}

void cli_weights_free(struct cli_weights *weights) {
  diva_reweighting_destroy(weights->reweighting);
  diva_dataset_close(weights->grouped);
  free(weights->by);
  free(weights->names);
  free(weights->numbers);
  free(weights->guard);
  free(weights->importance);
  free(weights->start);
  free(weights->array);
  free(weights->logarithm);
  free(weights->rows);
  free(weights->indices);
  *weights = (struct cli_weights){0};
}
