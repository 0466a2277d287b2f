/* Held-out losses along paths of weights. */
#include "cross_fit.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 4 };

/* One fold's problem and path. */
struct fold {
  struct diva_weight_problem problem; /* the whole one's, but for its own target importances */
  double *target_importance;          /* owned; NULL without a target */
  struct diva_weight_path path;
};

static int64_t count_rows(const struct diva_cross_fit_request *request) {
  return request->problem->rows + request->problem->target_rows;
}

static enum diva_status leave_target_out(const struct diva_cross_fit_request *request, int32_t f,
                                         struct fold *fold, struct diva_error *error) {
  const struct diva_weight_problem *whole = request->problem;
  const double *given = whole->request.target_importance;
  const enum diva_status status =
      diva_allocate(whole->target_rows, sizeof *fold->target_importance, "target importances",
                    (void **)&fold->target_importance, error);
  for (int64_t j = 0; j < whole->target_rows && status == DIVA_OK; j++) {
    const int32_t of = request->folds[whole->rows + j];
    fold->target_importance[j] = of == f || of < 0 ? 0.0 : given ? given[j] : 1.0;
  }
  fold->problem.request.target_importance = fold->target_importance;
  return status;
}

static enum diva_status fold_open(const struct diva_cross_fit_request *request, int32_t f,
                                  const double *start, struct fold *fold,
                                  struct diva_error *error) {
  const int64_t rows = request->problem->rows;
  double *without = NULL;
  fold->problem = *request->problem;
  enum diva_status status =
      diva_allocate(rows, sizeof *without, "weights of a fold", (void **)&without, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    without[i] = request->folds[i] == f ? 0.0 : start[i];
  }
  if (status == DIVA_OK && fold->problem.request.target) {
    status = leave_target_out(request, f, fold, error);
  }
  if (status == DIVA_OK) {
    status = diva_weight_path_open(&fold->problem, without, &fold->path, error);
  }
  free(without);
  return status;
}

static bool is_wrong(const struct diva_weight_problem *problem, const struct fold *fold,
                     int64_t row) {
  const bool trained = row < problem->rows;
  const int32_t *labels =
      diva_dataset_labels(trained ? problem->request.train : problem->request.target);
  return labels && fold->path.now.prediction[row] != labels[trained ? row : row - problem->rows];
}

/* What the folds' models of now say of their rows. */
static void predict(const struct diva_cross_fit_request *request, const struct fold *folds,
                    int steps, struct diva_held_out *out) {
  const bool classes = diva_dataset_labels(request->problem->request.train) != NULL;
  out->steps = steps;
  out->mean = 0.0;
  out->error = classes ? 0.0 : NAN;
  for (int64_t i = 0; i < count_rows(request); i++) {
    if (request->folds[i] >= 0) {
      const struct fold *fold = &folds[request->folds[i]];
      out->loss[i] = fold->path.now.loss[i];
      out->mean += request->share[i] * out->loss[i];
      out->error += is_wrong(request->problem, fold, i) ? request->share[i] : 0.0;
    }
  }
}

static void copy(const struct diva_cross_fit_request *request, const struct diva_held_out *from,
                 struct diva_held_out *to) {
  double *loss = to->loss;
  memcpy(loss, from->loss, (size_t)count_rows(request) * sizeof *loss);
  *to = *from;
  to->loss = loss;
}

static enum diva_status advance(const struct diva_cross_fit_request *request, struct fold *folds,
                                bool *moved, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  *moved = false;
  for (int f = 0; f < request->fold_count && status == DIVA_OK; f++) {
    status = diva_weight_path_step(&folds[f].path, error);
    *moved = *moved || !folds[f].path.done;
  }
  return status;
}

static enum diva_status follow(const struct diva_cross_fit_request *request, struct fold *folds,
                               struct diva_held_out *now, struct diva_held_out *plain,
                               struct diva_held_out *best, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  bool moved = true;
  predict(request, folds, 0, plain);
  copy(request, plain, best);
  for (int t = 1; t <= request->most_steps && t - best->steps <= PATIENCE; t++) {
    status = advance(request, folds, &moved, error);
    if (status != DIVA_OK || !moved) {
      return status;
    }
    predict(request, folds, t, now);
    if (now->mean < best->mean) {
      copy(request, now, best);
    }
  }
  return status;
}

static enum diva_status allocate(const struct diva_cross_fit_request *request,
                                 struct diva_held_out *out, struct diva_error *error) {
  *out = (struct diva_held_out){0};
  return diva_allocate(count_rows(request), sizeof *out->loss, "held-out losses",
                       (void **)&out->loss, error);
}

enum diva_status diva_cross_fit(const struct diva_cross_fit_request *request, const double *start,
                                struct diva_held_out *plain, struct diva_held_out *best,
                                struct diva_error *error) {
  struct diva_held_out now = {0};
  struct fold *folds = NULL;
  *best = (struct diva_held_out){0};
  enum diva_status status = allocate(request, plain, error);
  if (status == DIVA_OK) {
    status = allocate(request, best, error);
  }
  if (status == DIVA_OK) {
    status = allocate(request, &now, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(request->fold_count, sizeof *folds, "folds", (void **)&folds, error);
  }
  for (int f = 0; f < request->fold_count && status == DIVA_OK; f++) {
    status = fold_open(request, f, start, &folds[f], error);
  }
  if (status == DIVA_OK) {
    status = follow(request, folds, &now, plain, best, error);
  }
  for (int f = 0; folds && f < request->fold_count; f++) {
    diva_weight_path_close(&folds[f].path);
    free(folds[f].target_importance);
  }
  free(folds);
  diva_held_out_free(&now);
  return status;
}

void diva_held_out_compare(const struct diva_cross_fit_request *request,
                           const struct diva_held_out *base, const struct diva_held_out *other,
                           double *gain, double *standard_error) {
  double squares = 0.0;
  *gain = base->mean - other->mean;
  for (int64_t i = 0; i < count_rows(request); i++) {
    if (request->folds[i] >= 0) {
      const double apart = request->share[i] * (base->loss[i] - other->loss[i] - *gain);
      squares += apart * apart;
    }
  }
  *standard_error = sqrt(squares);
}

void diva_held_out_free(struct diva_held_out *held_out) {
  free(held_out->loss);
  *held_out = (struct diva_held_out){0};
}
