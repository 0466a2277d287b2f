/* Held-out losses along paths of weights. */
#include "cross_fit.h"

#include "host/core/core.h"
#include "host/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 4 };

/* Held-out scores of all rows; zeroed where the temperature is no matter. */
struct score_room {
  double *scores;  /* rows x outputs, owned */
  int32_t *labels; /* rows, owned */
};

/* One fold's problem and path. */
struct fold {
  struct diva_weight_problem problem; /* the whole one's, but for its own target importances */
  double *target_importance;          /* owned; NULL without a target */
  struct diva_weight_path path;
  int64_t read; /* scores taken from it */
};

static int64_t count_rows(const struct diva_cross_fit_request *request) {
  return request->problem->rows + request->problem->target_rows;
}

static bool has_temperature(const struct diva_cross_fit_request *request) {
  const struct diva_analysis_options *options = request->problem->request.options;
  return options->loss == DIVA_LOSS_CROSS_ENTROPY && !(options->temperature > 0.0) &&
         diva_dataset_labels(request->problem->request.train) != NULL;
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
  if (has_temperature(request)) {
    fold->problem.folds = request->folds;
    fold->problem.watched_fold = f;
    for (int64_t i = 0; i < count_rows(request); i++) {
      fold->problem.watched_rows += request->folds[i] == f;
    }
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

/* -1 where there are targets. */
static int32_t label_of(const struct diva_weight_problem *problem, int64_t row) {
  const bool trained = row < problem->rows;
  const int32_t *labels =
      diva_dataset_labels(trained ? problem->request.train : problem->request.target);
  return labels ? labels[trained ? row : row - problem->rows] : -1;
}

static bool is_wrong(const struct diva_weight_problem *problem, const struct fold *fold,
                     int64_t row) {
  const int32_t label = label_of(problem, row);
  return label >= 0 && fold->path.now.prediction[row] != label;
}

/* Scores of the rows that are in a fold, in row order, from those of each fold. */
static int64_t gather_scores(const struct diva_cross_fit_request *request, struct fold *folds,
                             struct score_room *room, double *share) {
  const int64_t outputs = request->problem->outputs;
  int64_t count = 0;
  for (int f = 0; f < request->fold_count; f++) {
    folds[f].read = 0;
  }
  for (int64_t i = 0; i < count_rows(request); i++) {
    if (request->folds[i] >= 0) {
      struct fold *fold = &folds[request->folds[i]];
      const float *from = fold->path.now.scores + fold->read++ * outputs;
      for (int64_t c = 0; c < outputs; c++) {
        room->scores[count * outputs + c] = from[c];
      }
      room->labels[count] = label_of(request->problem, i);
      share[count++] = request->share[i];
    }
  }
  return count;
}

static double cross_entropy(const double *scores, int64_t outputs, int32_t label,
                            double temperature) {
  double largest = -INFINITY;
  double sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    largest = fmax(largest, temperature * scores[c]);
  }
  for (int64_t c = 0; c < outputs; c++) {
    sum += exp(temperature * scores[c] - largest);
  }
  return largest + log(sum) - temperature * scores[label];
}

/* Losses at the temperature that suits the held-out scores best. @param loss  scratch until then */
static void set_losses(const struct diva_cross_fit_request *request, struct fold *folds,
                       struct score_room *room, double *loss) {
  const int64_t outputs = request->problem->outputs;
  const int64_t count = gather_scores(request, folds, room, loss);
  const struct diva_temperature_problem problem = {.scores = room->scores,
                                                   .labels = room->labels,
                                                   .shares = loss,
                                                   .rows = count,
                                                   .outputs = outputs,
                                                   .threads =
                                                       request->problem->request.options->threads};
  const double temperature = diva_temperature_fit(&problem);
  int64_t at = 0;
  for (int64_t i = 0; i < count_rows(request); i++) {
    loss[i] = 0.0;
    if (request->folds[i] >= 0) {
      loss[i] = cross_entropy(room->scores + at * outputs, outputs, room->labels[at], temperature);
      at++;
    }
  }
}

/* What the folds' models of now say of their rows. */
static void predict(const struct diva_cross_fit_request *request, struct fold *folds, int steps,
                    struct score_room *room, struct diva_held_out *out) {
  const bool classes = diva_dataset_labels(request->problem->request.train) != NULL;
  if (room->scores) {
    set_losses(request, folds, room, out->loss);
  }
  out->steps = steps;
  out->mean = 0.0;
  out->error = classes ? 0.0 : NAN;
  for (int64_t i = 0; i < count_rows(request); i++) {
    if (request->folds[i] >= 0) {
      const struct fold *fold = &folds[request->folds[i]];
      out->loss[i] = room->scores ? out->loss[i] : fold->path.now.loss[i];
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
                               struct score_room *room, struct diva_held_out *now,
                               struct diva_held_out *plain, struct diva_held_out *best,
                               struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  bool moved = true;
  predict(request, folds, 0, room, plain);
  copy(request, plain, best);
  for (int t = 1; t <= request->most_steps && t - best->steps <= PATIENCE; t++) {
    status = advance(request, folds, &moved, error);
    if (status != DIVA_OK || !moved) {
      return status;
    }
    predict(request, folds, t, room, now);
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

static enum diva_status make_room(const struct diva_cross_fit_request *request,
                                  struct score_room *room, struct diva_error *error) {
  if (!has_temperature(request)) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(count_rows(request) * request->problem->outputs, sizeof *room->scores,
                    "held-out scores", (void **)&room->scores, error);
  return status == DIVA_OK ? diva_allocate(count_rows(request), sizeof *room->labels,
                                           "held-out labels", (void **)&room->labels, error)
                           : status;
}

enum diva_status diva_cross_fit(const struct diva_cross_fit_request *request, const double *start,
                                struct diva_held_out *plain, struct diva_held_out *best,
                                struct diva_error *error) {
  struct diva_held_out now = {0};
  struct fold *folds = NULL;
  struct score_room room = {0};
  *best = (struct diva_held_out){0};
  enum diva_status status = allocate(request, plain, error);
  if (status == DIVA_OK) {
    status = allocate(request, best, error);
  }
  if (status == DIVA_OK) {
    status = allocate(request, &now, error);
  }
  if (status == DIVA_OK) {
    status = make_room(request, &room, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(request->fold_count, sizeof *folds, "folds", (void **)&folds, error);
  }
  for (int f = 0; f < request->fold_count && status == DIVA_OK; f++) {
    status = fold_open(request, f, start, &folds[f], error);
  }
  if (status == DIVA_OK) {
    status = follow(request, folds, &room, &now, plain, best, error);
  }
  for (int f = 0; folds && f < request->fold_count; f++) {
    diva_weight_path_close(&folds[f].path);
    free(folds[f].target_importance);
  }
  free(folds);
  free(room.scores);
  free(room.labels);
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
