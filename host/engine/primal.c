/* The primal solver from end to end, in the precision that the system asks for. */
#include "primal.h"
#include "device.h"
#include "group_loo.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/*
 * Where float32 tiles stop being enough, measured against float64: the error of a column, relative
 * to its largest value, is up to 2e-8 times the condition number (nearly collinear columns are the
 * worst), and that of r = e / (1 - h) grows as h nears 1. The promise is 1e-4.
 */
static const double LARGEST_FLOAT32_CONDITION = 3e3;

/*
 * Fourier features are bounded and none is nearly collinear with another; the condition is that of
 * the few largest eigenvalues, along which float32 is exact enough. The error measured is 1e-7
 * sqrt(condition) / (1 - h).
 */
static const double LARGEST_FLOAT32_KERNEL_CONDITION = 1e4;
static const double SMALLEST_FLOAT32_SLACK = 0.1;

/* And where float64 does: as h nears 1 the derivative loses digits with the square of 1 / (1 - h),
 * which the dual solver never forms. */
static const double SMALLEST_PRIMAL_SLACK = 1e-3;

static void describe_validation(struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  struct diva_row_set *set = &primal->validation;
  if (!engine->validation) {
    return;
  }
  set->dataset = engine->validation;
  diva_dataset_describe(engine->validation, &set->info);
  set->labels = diva_dataset_labels(engine->validation);
  set->importance = engine->validation_importance;
}

static double smallest_slack(const struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  double smallest = primal->group_loo ? primal->group_loo->slack : 1.0;
#pragma omp parallel for schedule(static) num_threads(engine->threads) reduction(min : smallest)
  for (int64_t i = 0; i < engine->info.rows; i++) {
    smallest = fmin(smallest, 1.0 - engine->analysis->leverage[i]);
  }
  return smallest;
}

static bool may_turn_to_float64(const struct diva_engine *engine) {
  return engine->options->precision == DIVA_PRECISION_AUTO &&
         engine->element != (int64_t)sizeof(double);
}

/* Nothing is gained by the dual for many more rows than columns, and much time lost. It has no
 * kernel but the linear one. */
static bool may_turn_to_dual(const struct diva_engine *engine) {
  return engine->options->solver == DIVA_SOLVER_AUTO &&
         engine->options->kernel == DIVA_KERNEL_LINEAR &&
         engine->training_rows <= 2 * engine->info.columns;
}

/* Squares of the features, or their sums, that leave the range of the tile type. */
static bool sums_leave_range(const struct diva_primal *primal) {
  const bool doubles = primal->engine->element == (int64_t)sizeof(double);
  const double largest = doubles ? 1e300 : 1e30;
  const double smallest = doubles ? 1e-300 : 1e-30;
  double trace = 0.0;
  for (int64_t j = 0; j < primal->columns; j++) {
    trace += primal->host_gram[j * primal->width + j];
  }
  return !(trace < largest) || (trace > -smallest && trace < smallest);
}

/* The error for a column whose squares overflow even so, if there is one. */
static enum diva_status check_columns(const struct diva_primal *primal, struct diva_error *error) {
  const bool doubles = primal->engine->element == (int64_t)sizeof(double);
  const double largest = doubles ? DBL_MAX : FLT_MAX;
  for (int64_t j = 0; j < primal->columns; j++) {
    if (!(primal->host_gram[j * primal->width + j] <= largest)) {
      return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                            "/features: the squares of column %lld overflow; scale the features "
                            "down",
                            (long long)j);
    }
  }
  return DIVA_OK;
}

static bool too_ill_for_float32(const struct diva_engine *engine) {
  const bool kernel = engine->options->kernel == DIVA_KERNEL_RBF;
  return engine->analysis->summary.condition >
         (kernel ? LARGEST_FLOAT32_KERNEL_CONDITION : LARGEST_FLOAT32_CONDITION);
}

/* What a run in this precision and by this solver has met. */
enum outcome { DONE, NEEDS_FLOAT64, NEEDS_DUAL };

static enum diva_status fit(struct diva_primal *primal, enum outcome *outcome,
                            struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const bool may_widen = may_turn_to_float64(engine);
  enum diva_status status = diva_gram_run(primal, error);
  if (status == DIVA_OK && may_widen && sums_leave_range(primal)) {
    *outcome = NEEDS_FLOAT64;
    return DIVA_OK;
  }
  if (status == DIVA_OK) {
    status = check_columns(primal, error);
  }
  if (status == DIVA_OK && engine->lambda == 0.0) {
    status =
        diva_path_rotates(primal) ? diva_path_run(primal, error) : diva_search_run(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_factor_run(primal, error);
  }
  if (may_widen &&
      (status == DIVA_ERROR_NUMERICAL || (status == DIVA_OK && too_ill_for_float32(engine)))) {
    *outcome = NEEDS_FLOAT64;
    return DIVA_OK;
  }
  if (status == DIVA_OK) {
    status = diva_loo_run(primal, error);
  }
  if (status == DIVA_OK && engine->options->sums) {
    status = diva_engine_check_fault(engine, primal->fault, engine->train, error);
  }
  if (status == DIVA_ERROR_NUMERICAL && may_widen) {
    *outcome = NEEDS_FLOAT64;
    return DIVA_OK;
  }
  if (status == DIVA_OK) {
    const double slack = smallest_slack(primal);
    if (may_widen && slack < SMALLEST_FLOAT32_SLACK) {
      *outcome = NEEDS_FLOAT64;
    } else if (may_turn_to_dual(engine) && slack < SMALLEST_PRIMAL_SLACK) {
      *outcome = NEEDS_DUAL;
    }
  }
  return status;
}

static struct diva_primal describe(struct diva_engine *engine) {
  const int64_t fourier = diva_plan_fourier(engine->options, engine->training_rows);
  const int64_t columns = engine->info.columns + fourier;
  struct diva_primal primal = {
      .engine = engine,
      .train = {.dataset = engine->train,
                .info = engine->info,
                .labels = engine->labels,
                .weight = engine->weight,
                .importance = engine->importance},
      .stored_columns = engine->info.columns,
      .columns = columns,
      .width = columns + (engine->options->intercept ? 1 : 0),
      .tile_rows = engine->plan.tile_rows,
      .fourier = {.count = fourier},
  };
  describe_validation(&primal);
  return primal;
}

/* The first pass may need one column more than the model has. */
static struct diva_device_shape shape(const struct diva_engine *engine) {
  struct diva_engine copy = *engine;
  const struct diva_primal primal = describe(&copy);
  return (struct diva_device_shape){
      .columns = primal.columns + 1,
      .square = primal.width,
      .eigen = engine->options->lambda == 0.0 && diva_path_rotates(&primal),
  };
}

static enum diva_status take(struct diva_engine *engine, struct diva_error *error) {
  struct diva_primal primal = describe(engine);
  return diva_primal_take(&primal, error);
}

const struct diva_device_user diva_primal_device = {.shape = shape, .take = take};

/* What a run in this precision may turn to; see fit(). */
static int list_turns(const struct diva_engine *engine, bool double_tiles,
                      struct diva_device_turn turns[3]) {
  int count = 0;
  turns[count++] =
      (struct diva_device_turn){.user = &diva_primal_device, .double_tiles = double_tiles};
  if (!double_tiles && engine->options->precision == DIVA_PRECISION_AUTO) {
    turns[count++] = (struct diva_device_turn){
        .user = &diva_primal_device, .double_tiles = true, .avoided_by = "--precision float32"};
  }
  if (may_turn_to_dual(engine)) {
    turns[count++] = (struct diva_device_turn){
        .user = &diva_dual_device, .double_tiles = true, .avoided_by = "--solver primal"};
  }
  return count;
}

static enum diva_status open_device(struct diva_engine *engine, bool double_tiles,
                                    struct diva_error *error) {
  struct diva_device_turn turns[3];
  const int count = list_turns(engine, double_tiles, turns);
  return diva_device_open(engine, turns, count, error);
}

static enum diva_status attempt(struct diva_engine *engine, bool double_tiles,
                                enum outcome *outcome, struct diva_error *error) {
  *outcome = DONE;
  enum diva_status status = open_device(engine, double_tiles, error);
  struct diva_primal primal = describe(engine);
  if (status == DIVA_OK) {
    status = diva_primal_allocate(&primal, error);
  }
  if (status == DIVA_OK) {
    engine->began = true;
    status = fit(&primal, outcome, error);
  }
  if (status == DIVA_OK && *outcome == DONE && engine->validation) {
    status = diva_validation_run(&primal, error);
  }
  if (status == DIVA_OK && *outcome == DONE) {
    status = diva_derivative_run(&primal, error);
  }
  diva_primal_free(&primal);
  return status;
}

/* A float32 result is a float32 value: what is printed, sorted and compared is then the same. */
static void round_columns(const struct diva_engine *engine) {
  const struct diva_analysis *analysis = engine->analysis;
  double *columns[] = {analysis->derivative, analysis->removal,    analysis->leverage,
                       analysis->loo_loss,   analysis->loo_margin, analysis->label_quality};
  for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
    if (!columns[c]) {
      continue;
    }
#pragma omp parallel for schedule(static) num_threads(engine->threads)
    for (int64_t i = 0; i < engine->info.rows; i++) {
      columns[c][i] = (double)(float)columns[c][i];
    }
  }
}

enum diva_status diva_primal_run(struct diva_engine *engine, struct diva_error *error) {
  const double temperature = engine->temperature;
  enum outcome outcome = NEEDS_FLOAT64;
  bool double_tiles = engine->plan.precision == DIVA_PRECISION_FLOAT64;
  enum diva_status status = attempt(engine, double_tiles, &outcome, error);
  if (status == DIVA_OK && outcome == NEEDS_FLOAT64) {
    double_tiles = true;
    engine->lambda = engine->options->lambda;
    engine->temperature = temperature;
    status = attempt(engine, double_tiles, &outcome, error);
  }
  if (status == DIVA_OK && outcome == NEEDS_DUAL) {
    engine->plan.solver = DIVA_SOLVER_DUAL;
    engine->lambda = engine->options->lambda;
    engine->temperature = temperature;
    return diva_dual_run(engine, error);
  }
  if (!double_tiles && status == DIVA_OK) {
    round_columns(engine);
  }
  engine->analysis->summary.precision =
      double_tiles ? DIVA_PRECISION_FLOAT64 : DIVA_PRECISION_FLOAT32;
  return status;
}
