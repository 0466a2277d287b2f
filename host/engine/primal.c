/* The primal solver from end to end, in the precision that the system asks for. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>

/*
 * Where float32 tiles stop being enough, measured against float64: the error of a column, relative
 * to its largest value, is up to 2e-8 times the condition number (nearly collinear columns are the
 * worst), and that of r = e / (1 - h) grows as h nears 1. The promise is 1e-4.
 */
static const double LARGEST_FLOAT32_CONDITION = 3e3;
static const double SMALLEST_FLOAT32_SLACK = 1e-2;

static enum diva_status describe_validation(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_row_set *set = &primal->validation;
  if (!engine->validation) {
    return DIVA_OK;
  }
  set->dataset = engine->validation;
  diva_dataset_describe(engine->validation, &set->info);
  set->labels = diva_dataset_labels(engine->validation);
  enum diva_status status = diva_allocate(set->info.rows, sizeof(double), "validation rows",
                                          (void **)&primal->validation_importance, error);
  for (int64_t i = 0; i < set->info.rows && status == DIVA_OK; i++) {
    const bool labelled = !set->labels || set->labels[i] >= 0;
    primal->validation_importance[i] = labelled ? 1.0 / (double)set->info.labelled_rows : 0.0;
  }
  set->importance = primal->validation_importance;
  return status;
}

/* Whether the leverages leave float32 enough digits of 1 - h. */
static bool slack_is_small(const struct diva_engine *engine) {
  for (int64_t i = 0; i < engine->info.rows; i++) {
    if (1.0 - engine->analysis->leverage[i] < SMALLEST_FLOAT32_SLACK) {
      return true;
    }
  }
  return false;
}

/* Whether a float32 run has met what only float64 can answer. */
static bool needs_float64(const struct diva_engine *engine, bool leverages_known) {
  if (engine->options->precision != DIVA_PRECISION_AUTO ||
      engine->element == (int64_t)sizeof(double)) {
    return false;
  }
  return engine->analysis->summary.condition > LARGEST_FLOAT32_CONDITION ||
         (leverages_known && slack_is_small(engine));
}

static enum diva_status fit(struct diva_primal *primal, bool *restart, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  enum diva_status status = diva_gram_run(primal, error);
  if (status == DIVA_OK && engine->lambda == 0.0) {
    status = diva_path_run(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_factor_run(primal, error);
    *restart = needs_float64(engine, false);
    if (status == DIVA_ERROR_NUMERICAL && engine->options->precision == DIVA_PRECISION_AUTO &&
        engine->element != (int64_t)sizeof(double)) {
      *restart = true;
      status = DIVA_OK;
    }
  }
  if (status == DIVA_OK && !*restart) {
    status = diva_loo_run(primal, error);
    *restart = status == DIVA_OK && needs_float64(engine, true);
  }
  return status;
}

static enum diva_status attempt(struct diva_engine *engine, bool double_tiles, bool *restart,
                                struct diva_error *error) {
  struct diva_primal primal = {
      .engine = engine,
      .train = {.dataset = engine->train,
                .info = engine->info,
                .labels = engine->labels,
                .weight = engine->weight,
                .importance = engine->importance},
      .columns = engine->info.columns,
      .width = engine->info.columns + (engine->options->intercept ? 1 : 0),
      .tile_rows = engine->plan.tile_rows,
  };
  *restart = false;
  enum diva_status status =
      diva_engine_open_backend(engine, double_tiles, primal.tile_rows, primal.columns + 1, error);
  if (status == DIVA_OK) {
    status = describe_validation(&primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_primal_allocate(&primal, error);
  }
  if (status == DIVA_OK) {
    status = fit(&primal, restart, error);
  }
  if (status == DIVA_OK && !*restart && engine->validation) {
    status = diva_validation_run(&primal, error);
  }
  if (status == DIVA_OK && !*restart) {
    status = diva_derivative_run(&primal, error);
  }
  diva_primal_free(&primal);
  return status;
}

enum diva_status diva_primal_run(struct diva_engine *engine, struct diva_error *error) {
  bool restart = false;
  bool double_tiles = engine->plan.precision == DIVA_PRECISION_FLOAT64;
  const double temperature = engine->temperature;
  enum diva_status status = attempt(engine, double_tiles, &restart, error);
  if (status == DIVA_OK && restart) {
    double_tiles = true;
    engine->lambda = engine->options->lambda;
    engine->temperature = temperature;
    status = attempt(engine, double_tiles, &restart, error);
  }
  engine->analysis->summary.precision =
      double_tiles ? DIVA_PRECISION_FLOAT64 : DIVA_PRECISION_FLOAT32;
  return status;
}
