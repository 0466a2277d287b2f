/* One analysis from options to columns. */
#include "primal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diva_analysis_destroy(struct diva_analysis *analysis) {
  if (analysis) {
    free(analysis->derivative);
    free(analysis->removal);
    free(analysis->leverage);
    free(analysis->loo_loss);
    free(analysis->loo_margin);
    free(analysis->label_quality);
    free(analysis->weight);
    free(analysis->suggested_label);
    free(analysis);
  }
}

static enum diva_status create(int64_t rows, const struct diva_analysis_options *options,
                               struct diva_analysis **out, struct diva_error *error) {
  struct diva_analysis *analysis = NULL;
  enum diva_status status =
      diva_allocate(1, sizeof *analysis, "the analysis", (void **)&analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct {
    double **column;
    bool wanted;
  } columns[] = {
      {&analysis->leverage, true},
      {&analysis->loo_loss, true},
      {&analysis->loo_margin, true},
      {&analysis->label_quality, true},
      {&analysis->weight, true},
      {&analysis->derivative, options->derivative},
      {&analysis->removal, options->removal},
  };
  for (size_t i = 0; i < sizeof columns / sizeof columns[0] && status == DIVA_OK; i++) {
    if (columns[i].wanted) {
      status = diva_allocate(rows, sizeof(double), "a column", (void **)columns[i].column, error);
    }
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *analysis->suggested_label, "a column",
                           (void **)&analysis->suggested_label, error);
  }
  if (status != DIVA_OK) {
    diva_analysis_destroy(analysis);
    return status;
  }
  analysis->columns = (struct diva_columns){
      .rows = rows,
      .derivative = analysis->derivative,
      .removal = analysis->removal,
      .leverage = analysis->leverage,
      .loo_loss = analysis->loo_loss,
      .loo_margin = analysis->loo_margin,
      .label_quality = analysis->label_quality,
      .weight = analysis->weight,
      .suggested_label = analysis->suggested_label,
  };
  *out = analysis;
  return DIVA_OK;
}

static void describe_backend(struct diva_engine *engine) {
  struct diva_analysis *analysis = engine->analysis;
  engine->ops->probe(analysis->library, sizeof analysis->library);
  analysis->summary.backend = engine->ops->name;
  analysis->summary.library = analysis->library;
}

/* What no phase has counted: opening the backend and closing it, taking memory, checks of rows. */
static void account_rest(struct diva_engine *engine, double start) {
  double counted = 0.0;
  for (int phase = 0; phase < PHASE_OTHER; phase++) {
    counted += engine->seconds[phase];
  }
  engine->seconds[PHASE_OTHER] = fmax(diva_clock_seconds() - start - counted, 0.0);
}

/* Plans for a backend, which is chosen here unless it was before, and solves on it. */
static enum diva_status solve_on_backend(struct diva_engine *engine, struct diva_error *error) {
  enum diva_status status =
      diva_plan_make(engine->train, engine->validation, engine->options, engine->training_rows,
                     &engine->ops, &engine->plan, error);
  if (status != DIVA_OK) {
    return status;
  }
  describe_backend(engine);
  return engine->plan.solver == DIVA_SOLVER_DUAL ? diva_dual_run(engine, error)
                                                 : diva_primal_run(engine, error);
}

/* Whether the run may go to the CPU: nobody asked for the device, which failed before its work. */
static bool may_fall_back(const struct diva_engine *engine, enum diva_status status) {
  return status == DIVA_ERROR_RESOURCE && !engine->began && engine->ops &&
         engine->ops->memory_free && diva_backend_left_open(engine->options->backend);
}

static enum diva_status solve_somewhere(struct diva_engine *engine, struct diva_error *error) {
  struct diva_analysis *analysis = engine->analysis;
  const struct diva_backend_ops *tried = NULL;
  struct diva_error first = {0};
  enum diva_status status = solve_on_backend(engine, &first);
  if (may_fall_back(engine, status)) {
    tried = engine->ops;
    status = diva_backend_choose_for(engine->options->backend, 0.0, &engine->ops, NULL);
    status = status == DIVA_OK && engine->ops != tried ? DIVA_OK : DIVA_ERROR_RESOURCE;
  }
  if (status == DIVA_OK && tried) {
    snprintf(analysis->note, sizeof analysis->note, "%s was ready and was not used: %s",
             tried->name, first.message);
    analysis->summary.backend_note = analysis->note;
    engine->device_bytes = 0;
    return solve_on_backend(engine, error);
  }
  if (status != DIVA_OK && error) {
    *error = first;
  }
  return status;
}

static void summarise(struct diva_engine *engine) {
  struct diva_summary *summary = &engine->analysis->summary;
  summary->rows = engine->info.rows;
  summary->columns = engine->info.columns;
  summary->outputs = engine->info.outputs;
  summary->training_rows = engine->training_rows;
  summary->lambda = engine->lambda;
  summary->temperature = engine->temperature;
  summary->loss = engine->options->loss;
  summary->scale = engine->options->scale;
  summary->solver = engine->plan.solver;
  summary->kernel = engine->options->kernel;
  summary->intercept = engine->options->intercept;
  summary->threads = engine->threads;
  summary->seed = engine->options->seed;
  summary->bytes_read = engine->bytes_read;
  summary->memory_planned = engine->plan.memory;
  summary->device_memory_planned = engine->device_bytes;
  summary->tile_rows = engine->plan.tile_rows;
}

static bool begins_with_path(const struct diva_error *error, const struct diva_dataset *dataset) {
  for (int64_t file = 0; dataset && diva_dataset_path(dataset, file); file++) {
    const char *path = diva_dataset_path(dataset, file);
    if (strncmp(error->message, path, strlen(path)) == 0) {
      return true;
    }
  }
  return false;
}

/* Puts the name of the dataset's first file before a message about its contents that names none. */
static void name_file(const struct diva_engine *engine, enum diva_status status,
                      struct diva_error *error) {
  const char *path = diva_dataset_path(engine->train, 0);
  const bool about_data = status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL;
  if (path && about_data && error && !begins_with_path(error, engine->train) &&
      !begins_with_path(error, engine->validation)) {
    diva_error_prefix(error, "%s: ", path);
  }
}

/* Finite features can still overflow in sums of their squares; no such number is handed out. */
static bool row_is_finite(const struct diva_engine *engine, int64_t i) {
  const struct diva_analysis *analysis = engine->analysis;
  const bool scored = !engine->labels || engine->labels[i] >= 0;
  return isfinite(analysis->leverage[i]) && (!scored || isfinite(analysis->loo_loss[i])) &&
         (!scored || !analysis->derivative || isfinite(analysis->derivative[i])) &&
         (!scored || !analysis->removal || isfinite(analysis->removal[i]));
}

static enum diva_status check_finite(const struct diva_engine *engine, struct diva_error *error) {
  int64_t bad = engine->info.rows;
#pragma omp parallel for schedule(static) num_threads(engine->threads) reduction(min : bad)
  for (int64_t i = 0; i < engine->info.rows; i++) {
    if (i < bad && !row_is_finite(engine, i)) {
      bad = i;
    }
  }
  return bad == engine->info.rows
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_NUMERICAL,
                              "row %lld overflows: its leverage, loss or derivative is not finite; "
                              "scale the features down (--scale standardize)",
                              (long long)bad);
}

static enum diva_status solve(struct diva_engine *engine, struct diva_error *error) {
  enum diva_status status = diva_rows_prepare(engine, error);
  if (status == DIVA_OK) {
    status = diva_given_check(engine, error);
  }
  if (status == DIVA_OK) {
    status = diva_groups_build(engine->options->groups, engine->weight, engine->info.rows,
                               &engine->groups, error);
  }
  if (status == DIVA_OK) {
    status = solve_somewhere(engine, error);
  }
  if (status == DIVA_OK) {
    status = check_finite(engine, error);
  }
  if (status == DIVA_OK) {
    diva_rows_finish(engine);
    summarise(engine);
  }
  name_file(engine, status, error);
  return status;
}

/* One that is named is missed before any work; the choice is the plan's where none is. */
static enum diva_status check_backend(const char *name, struct diva_error *error) {
  const struct diva_backend_ops *ops = NULL;
  return diva_backend_choose_for(name, 0.0, &ops, error);
}

enum diva_status diva_analysis_run(struct diva_dataset *train, struct diva_dataset *validation,
                                   const struct diva_analysis_options *options,
                                   struct diva_analysis **out, struct diva_error *error) {
  *out = NULL;
  const double start = diva_clock_seconds();
  enum diva_status status = diva_options_check(options, validation != NULL, error);
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_engine engine = {
      .options = options,
      .train = train,
      .validation = validation,
      .threads = options->threads > 0 ? options->threads : diva_cores_available(),
      .labels = diva_dataset_labels(train),
      .lambda = options->lambda,
      .temperature = options->temperature > 0.0 ? options->temperature : NAN,
  };
  diva_dataset_describe(train, &engine.info);
  status = check_backend(options->backend, error);
  if (status == DIVA_OK) {
    status = create(engine.info.rows, options, &engine.analysis, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(engine.info.rows, sizeof *engine.importance, "row importances",
                           (void **)&engine.importance, error);
  }
  if (status == DIVA_OK) {
    engine.seconds = engine.analysis->summary.seconds;
    status = solve(&engine, error);
  }
  diva_groups_free(&engine.groups);
  free(engine.importance);
  free(engine.validation_importance);
  if (status != DIVA_OK) {
    diva_analysis_destroy(engine.analysis);
    return status;
  }
  account_rest(&engine, start);
  *out = engine.analysis;
  return DIVA_OK;
}

void diva_analysis_columns(const struct diva_analysis *analysis, struct diva_columns *out) {
  *out = analysis->columns;
}

void diva_analysis_summary(const struct diva_analysis *analysis, struct diva_summary *out) {
  *out = analysis->summary;
}
