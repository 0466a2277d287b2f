/* A path of weights along which an objective falls. */
#include "weight_path.h"

#include "host/core/core.h"
#include "host/dataset/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status copy_importance(struct diva_weight_problem *problem,
                                        struct diva_error *error) {
  const double *given = problem->request.options->importance;
  if (!given) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(problem->rows + problem->target_rows, sizeof *problem->importance,
                    "importances", (void **)&problem->importance, error);
  if (status == DIVA_OK) {
    memcpy(problem->importance, given, (size_t)problem->rows * sizeof *given);
  }
  return status;
}

/* The target's rows stand alone. */
static enum diva_status copy_groups(struct diva_weight_problem *problem, struct diva_error *error) {
  const int32_t *given = problem->request.options->groups;
  const int64_t rows = problem->rows + problem->target_rows;
  if (!given) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(rows, sizeof *problem->groups, "groups", (void **)&problem->groups, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    problem->groups[i] = i < problem->rows ? given[i] : -1;
  }
  return status;
}

enum diva_status diva_weight_problem_open(const struct diva_weight_request *request,
                                          struct diva_weight_problem *out,
                                          struct diva_error *error) {
  struct diva_dataset_info info;
  *out = (struct diva_weight_problem){.request = *request, .both = request->train};
  diva_dataset_describe(request->train, &info);
  out->rows = info.rows;
  out->outputs = info.outputs;
  enum diva_status status = DIVA_OK;
  if (request->target) {
    diva_dataset_describe(request->target, &info);
    out->target_rows = info.rows;
    out->both = NULL;
    status = diva_view_open(request->train, request->target, NULL, &out->both, error);
  }
  if (status == DIVA_OK) {
    status = copy_importance(out, error);
  }
  if (status == DIVA_OK) {
    status = copy_groups(out, error);
  }
  if (status != DIVA_OK) {
    diva_weight_problem_close(out);
  }
  return status;
}

void diva_weight_problem_close(struct diva_weight_problem *problem) {
  if (problem->both != problem->request.train) {
    diva_dataset_close(problem->both);
  }
  free(problem->importance);
  free(problem->groups);
  *problem = (struct diva_weight_problem){0};
}

/* With the squared loss the temperature plays no part, and fitting it would cost time. */
static struct diva_analysis_options point_options(const struct diva_weight_problem *problem,
                                                  const struct diva_weight_point *point) {
  struct diva_analysis_options options = *problem->request.options;
  options.derivative = true;
  options.removal = false;
  options.scores = NULL;
  options.weights = point->weights;
  options.importance = problem->importance;
  options.groups = problem->groups;
  options.validation_importance = NULL;
  if (options.loss == DIVA_LOSS_SQUARED) {
    options.temperature = 1.0;
  }
  return options;
}

static double guarded_loss(const struct diva_weight_problem *problem,
                           const struct diva_weight_point *point) {
  const uint8_t *guard = problem->request.guard;
  double sum = 0.0;
  double count = 0.0;
  for (int64_t i = 0; guard && i < problem->rows; i++) {
    if (guard[i] && point->weights[i] > 0.0) {
      sum += point->loss[i];
      count += 1.0;
    }
  }
  return count > 0.0 ? sum / count : NAN;
}

/* Columns of the first run; returns its temperature. */
static double take_columns(const struct diva_weight_problem *problem,
                           const struct diva_analysis *analysis, struct diva_weight_point *point) {
  const size_t rows = (size_t)(problem->rows + problem->target_rows);
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  memcpy(point->gradient, columns.derivative, (size_t)problem->rows * sizeof *point->gradient);
  memcpy(point->loss, columns.loo_loss, rows * sizeof *point->loss);
  memcpy(point->prediction, columns.suggested_label, rows * sizeof *point->prediction);
  point->objective = summary.loo.loss;
  point->guard = guarded_loss(problem, point);
  return summary.temperature;
}

/* Mixes in the loss on the target. */
static enum diva_status add_target(const struct diva_weight_problem *problem, double temperature,
                                   struct diva_weight_point *point, struct diva_error *error) {
  const double share = problem->request.target_share;
  struct diva_analysis_options options = point_options(problem, point);
  struct diva_analysis *analysis = NULL;
  struct diva_columns columns;
  struct diva_summary summary;
  options.validation_importance = problem->request.target_importance;
  if (options.loss == DIVA_LOSS_CROSS_ENTROPY) {
    options.temperature = temperature;
  }
  const enum diva_status status = diva_analysis_run(problem->request.train, problem->request.target,
                                                    &options, &analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  for (int64_t i = 0; i < problem->rows; i++) {
    point->gradient[i] = (1.0 - share) * point->gradient[i] + share * columns.derivative[i];
  }
  point->objective = (1.0 - share) * point->objective + share * summary.validation.loss;
  diva_analysis_destroy(analysis);
  return DIVA_OK;
}

/* Where the scores of the watched rows go, as tiles of rows come by in order. */
struct watch {
  const struct diva_weight_problem *problem;
  float *next;
};

static enum diva_status take_scores(void *context, int64_t first_row, int64_t rows,
                                    const double *scores, struct diva_error *error) {
  struct watch *watch = context;
  const struct diva_weight_problem *problem = watch->problem;
  (void)error;
  for (int64_t i = 0; i < rows; i++) {
    if (problem->folds[first_row + i] == problem->watched_fold) {
      for (int64_t c = 0; c < problem->outputs; c++) {
        *watch->next++ = (float)scores[i * problem->outputs + c];
      }
    }
  }
  return DIVA_OK;
}

static enum diva_status evaluate(const struct diva_weight_problem *problem,
                                 struct diva_weight_point *point, struct diva_error *error) {
  struct diva_analysis_options options = point_options(problem, point);
  struct watch watch = {problem, point->scores};
  if (point->scores) {
    options.scores = take_scores;
    options.scores_context = &watch;
  }
  struct diva_analysis *analysis = NULL;
  const enum diva_status status =
      diva_analysis_run(problem->both, NULL, &options, &analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  if (problem->request.progress) {
    problem->request.progress->done++;
  }
  const double temperature = take_columns(problem, analysis, point);
  diva_analysis_destroy(analysis);
  return problem->request.target ? add_target(problem, temperature, point, error) : DIVA_OK;
}

static enum diva_status point_open(const struct diva_weight_problem *problem,
                                   struct diva_weight_point *point, struct diva_error *error) {
  const int64_t rows = problem->rows + problem->target_rows;
  enum diva_status status =
      diva_allocate(rows, sizeof *point->weights, "weights", (void **)&point->weights, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *point->gradient, "derivatives", (void **)&point->gradient,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *point->loss, "losses", (void **)&point->loss, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *point->prediction, "predictions",
                           (void **)&point->prediction, error);
  }
  return status == DIVA_OK && problem->folds
             ? diva_allocate(problem->watched_rows, problem->outputs * (int64_t)sizeof(float),
                             "held-out scores", (void **)&point->scores, error)
             : status;
}

static void point_close(struct diva_weight_point *point) {
  free(point->weights);
  free(point->gradient);
  free(point->loss);
  free(point->prediction);
  free(point->scores);
}

static enum diva_status path_allocate(struct diva_weight_path *path, struct diva_error *error) {
  const struct diva_weight_problem *problem = path->problem;
  enum diva_status status = point_open(problem, &path->now, error);
  if (status == DIVA_OK) {
    status = point_open(problem, &path->trial, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_allocate(problem->rows, sizeof *path->start, "weights", (void **)&path->start, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(problem->rows, sizeof *path->direction, "derivatives",
                           (void **)&path->direction, error);
  }
  return status == DIVA_OK ? diva_allocate(problem->request.by.count + 1, sizeof *path->sums,
                                           "groups", (void **)&path->sums, error)
                           : status;
}

enum diva_status diva_weight_path_open(const struct diva_weight_problem *problem,
                                       const double *start, struct diva_weight_path *out,
                                       struct diva_error *error) {
  *out = (struct diva_weight_path){.problem = problem, .size = problem->request.step_size};
  enum diva_status status = path_allocate(out, error);
  if (status == DIVA_OK) {
    memcpy(out->now.weights, start, (size_t)problem->rows * sizeof *start);
    diva_weight_bound(out->now.weights, problem->rows, &problem->request.bounds);
    memcpy(out->start, out->now.weights, (size_t)problem->rows * sizeof *start);
    status = evaluate(problem, &out->now, error);
  }
  if (status != DIVA_OK) {
    diva_weight_path_close(out);
  }
  return status;
}

/* The direction of the next step and the unit it is measured in. */
static double find_direction(struct diva_weight_path *path) {
  const struct diva_weight_problem *problem = path->problem;
  const struct diva_weight_groups *by = &problem->request.by;
  memcpy(path->direction, path->now.gradient, (size_t)problem->rows * sizeof *path->direction);
  return by->codes ? diva_weight_pool(by, path->start, path->direction, problem->rows, path->sums)
                   : diva_weight_gradient_size(path->now.weights, path->direction, problem->rows);
}

static bool is_too_uneven(const struct diva_weight_path *path) {
  const int64_t rows = path->problem->rows;
  return diva_weight_effective(path->trial.weights, rows) <
         path->problem->request.bounds.least_effective * diva_weight_effective(path->start, rows);
}

static bool is_better(const struct diva_weight_path *path) {
  return path->trial.objective < path->now.objective &&
         (isnan(path->now.guard) || path->trial.guard <= path->now.guard);
}

static void accept(struct diva_weight_path *path) {
  const struct diva_weight_point old = path->now;
  path->now = path->trial;
  path->trial = old;
  path->steps++;
}

/* Tries one size. Weights that cannot be solved with are no improvement. */
static enum diva_status try_step(struct diva_weight_path *path, double unit, bool *better,
                                 struct diva_error *error) {
  const struct diva_weight_problem *problem = path->problem;
  *better = false;
  diva_weight_step(path->now.weights, path->direction, unit, path->size, problem->rows,
                   &problem->request.bounds, path->trial.weights);
  if (is_too_uneven(path)) {
    return DIVA_OK;
  }
  const enum diva_status status = evaluate(problem, &path->trial, error);
  if (status == DIVA_ERROR_NUMERICAL) {
    return DIVA_OK;
  }
  *better = status == DIVA_OK && is_better(path);
  return status;
}

enum diva_status diva_weight_path_step(struct diva_weight_path *path, struct diva_error *error) {
  enum { MOST_TRIES = 4 };
  const double unit = path->done ? 0.0 : find_direction(path);
  if (!(unit > 0.0) || !isfinite(unit)) {
    path->done = true;
    return DIVA_OK;
  }
  for (int i = 0; i < MOST_TRIES; i++) {
    bool better;
    const enum diva_status status = try_step(path, unit, &better, error);
    if (status != DIVA_OK) {
      return status;
    }
    if (better) {
      accept(path);
      return DIVA_OK;
    }
    path->size /= 2.0;
  }
  path->done = true;
  return DIVA_OK;
}

void diva_weight_path_close(struct diva_weight_path *path) {
  point_close(&path->now);
  point_close(&path->trial);
  free(path->start);
  free(path->direction);
  free(path->sums);
  *path = (struct diva_weight_path){0};
}
