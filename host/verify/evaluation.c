/* Fitting the learner before and after a change, and counting the mistakes of both. */
#include "evaluation.h"
#include "host/core/core.h"
#include "host/dataset/prefetch.h"

#include <stdlib.h>
#include <string.h>

/* Tried from the strongest on, each from where the last one ended. Twice in a row no better than
 * the best is taken as an answer: weak penalties are the slow ones. */
static const double penalties[] = {1.0, 1e-1, 1e-2, 1e-3, 1e-4};
enum { PENALTIES = sizeof penalties / sizeof penalties[0], PATIENCE = 2 };

/* The fold whose rows the penalty is chosen on, and the one that no row is in. */
enum { HELD_OUT_FOLD = 0, NO_FOLD = -1 };

int diva_evaluation_fits(const struct diva_evaluation *evaluation) {
  const int choice = evaluation->options->penalty > 0.0 ? 0 : PENALTIES;
  return choice + DIVA_TRIAL_SIDES * (evaluation->validation ? 1 : evaluation->options->folds);
}

static const float *row_at(const struct diva_evaluation *evaluation, int64_t at) {
  return evaluation->rows.values + at * evaluation->rows.columns;
}

/* Fits one side to all rows but those of `left_out`, from where its model stands. */
static enum diva_status fit_side(struct diva_evaluation *evaluation, int side, int left_out,
                                 struct diva_error *error) {
  const struct diva_trial *trial = &evaluation->trial;
  struct diva_softmax_rows rows = {.columns = evaluation->info.columns,
                                   .classes = evaluation->info.outputs,
                                   .features = evaluation->features,
                                   .labels = evaluation->labels,
                                   .weights = evaluation->weights};
  for (int64_t i = 0; i < trial->count; i++) {
    if (trial->weight[side][i] > 0.0 && trial->fold[i] != left_out) {
      evaluation->features[rows.count] = row_at(evaluation, i);
      evaluation->labels[rows.count] = trial->label[side][i];
      evaluation->weights[rows.count++] = trial->weight[side][i];
    }
  }
  if (!rows.count) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no training row is left outside of fold %d",
                          left_out);
  }
  const enum diva_status status =
      diva_softmax_fit(&rows, &evaluation->softmax, &evaluation->model[side], error);
  evaluation->softmax.progress_done++;
  return status;
}

/* Predicts the rows that `chosen` marks of a fold and compares with the given labels. */
static enum diva_status test_fold(struct diva_evaluation *evaluation, int side, int fold,
                                  bool trained, uint8_t *wrong, int64_t *count,
                                  struct diva_error *error) {
  const struct diva_trial *trial = &evaluation->trial;
  int64_t rows = 0;
  for (int64_t i = 0; i < trial->count; i++) {
    const bool chosen = trained ? trial->weight[DIVA_TRIAL_BEFORE][i] > 0.0 : trial->tested[i] != 0;
    if (chosen && trial->fold[i] == fold) {
      evaluation->features[rows] = row_at(evaluation, i);
      evaluation->labels[rows++] = trial->label[DIVA_TRIAL_BEFORE][i];
    }
  }
  const enum diva_status status =
      diva_softmax_predict(&evaluation->model[side], evaluation->features, rows,
                           evaluation->softmax.threads, evaluation->predicted, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    wrong[i] = evaluation->predicted[i] != evaluation->labels[i];
  }
  *count = rows;
  return status;
}

static int64_t count_marks(const uint8_t *marks, int64_t count) {
  int64_t marked = 0;
  for (int64_t i = 0; i < count; i++) {
    marked += marks[i] != 0;
  }
  return marked;
}

enum diva_status diva_evaluation_choose_penalty(struct diva_evaluation *evaluation,
                                                struct diva_error *error) {
  double best = penalties[0];
  int64_t least = INT64_MAX;
  int no_better = 0;
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < PENALTIES && no_better < PATIENCE && status == DIVA_OK; i++) {
    uint8_t *const wrong = evaluation->wrong[DIVA_TRIAL_BEFORE];
    int64_t rows = 0;
    evaluation->softmax.penalty = penalties[i];
    status = fit_side(evaluation, DIVA_TRIAL_BEFORE, HELD_OUT_FOLD, error);
    if (status == DIVA_OK) {
      status = test_fold(evaluation, DIVA_TRIAL_BEFORE, HELD_OUT_FOLD, true, wrong, &rows, error);
    }
    const int64_t mistakes = count_marks(wrong, rows);
    no_better = mistakes < least ? 0 : no_better + 1;
    best = mistakes < least ? penalties[i] : best;
    least = mistakes < least ? mistakes : least;
  }
  evaluation->softmax.penalty = best;
  evaluation->softmax.progress_done = PENALTIES;
  return status;
}

static void forget(struct diva_softmax_model *model) {
  const int64_t count = (model->columns + 1) * model->lanes;
  memset(model->parameters, 0, (size_t)count * sizeof *model->parameters);
}

/* Both sides start from nothing: neither owes the other a start. */
static enum diva_status fit_both(struct diva_evaluation *evaluation, int left_out,
                                 struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
    forget(&evaluation->model[side]);
    status = fit_side(evaluation, side, left_out, error);
  }
  return status;
}

/* How much the rows count that are tested with a fold, in the order that test_fold() has. */
static void count_fold(struct diva_evaluation *evaluation, int fold, double *counts) {
  const struct diva_trial *trial = &evaluation->trial;
  int64_t rows = 0;
  for (int64_t i = 0; i < trial->count; i++) {
    if (trial->tested[i] && trial->fold[i] == fold) {
      counts[rows++] = evaluation->options->importance[trial->row[i]];
    }
  }
}

static enum diva_status test_by_folds(struct diva_evaluation *evaluation,
                                      struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int fold = 0; fold < evaluation->options->folds && status == DIVA_OK; fold++) {
    int64_t count = 0;
    status = fit_both(evaluation, fold, error);
    for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
      status = test_fold(evaluation, side, fold, false,
                         evaluation->wrong[side] + evaluation->test_rows, &count, error);
    }
    if (evaluation->counts) {
      count_fold(evaluation, fold, evaluation->counts + evaluation->test_rows);
    }
    evaluation->test_rows += count;
  }
  return status;
}

/* Tests both models on a tile of the validation set: `values` and `pointers` hold its rows. */
static enum diva_status test_tile(struct diva_evaluation *evaluation,
                                  const struct diva_prefetch_tile *tile, const int32_t *labels,
                                  const float *const *pointers, int32_t *predicted,
                                  struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  int64_t rows = 0;
  for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
    rows = evaluation->test_rows;
    status = diva_softmax_predict(&evaluation->model[side], pointers, tile->count,
                                  evaluation->softmax.threads, predicted, error);
    for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
      if (labels[tile->first + i] >= 0) {
        evaluation->wrong[side][rows++] = predicted[i] != labels[tile->first + i];
      }
    }
  }
  evaluation->test_rows = rows;
  return status;
}

static enum diva_status read_validation(struct diva_evaluation *evaluation, int64_t tile_rows,
                                        float *values, const float *const *pointers,
                                        int32_t *predicted, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile = {.count = 1};
  const int32_t *labels = diva_dataset_labels(evaluation->validation);
  diva_dataset_describe(evaluation->validation, &info);
  enum diva_status status =
      diva_prefetch_start(evaluation->validation, tile_rows, &prefetch, error);
  while (status == DIVA_OK && tile.count > 0) {
    status = diva_prefetch_next(prefetch, &tile, error);
    if (status == DIVA_OK) {
      status = diva_standard_rows_convert(&evaluation->rows, info.feature_type, tile.features,
                                          tile.first, tile.count, values, error);
    }
    if (status == DIVA_OK) {
      status = test_tile(evaluation, &tile, labels, pointers, predicted, error);
    }
  }
  diva_prefetch_stop(prefetch);
  return status;
}

static enum diva_status test_on_validation(struct diva_evaluation *evaluation,
                                           struct diva_error *error) {
  const char *what = "a tile of the validation set";
  struct diva_dataset_info info;
  float *values = NULL;
  const float **pointers = NULL;
  int32_t *predicted = NULL;
  diva_dataset_describe(evaluation->validation, &info);
  const int64_t tile_rows = diva_standard_tile_rows(&info);
  enum diva_status status = fit_both(evaluation, NO_FOLD, error);
  if (status == DIVA_OK) {
    status = diva_allocate(tile_rows * info.columns, sizeof *values, what, (void **)&values, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(tile_rows, sizeof *pointers, what, (void **)&pointers, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(tile_rows, sizeof *predicted, what, (void **)&predicted, error);
  }
  for (int64_t i = 0; i < tile_rows && status == DIVA_OK; i++) {
    pointers[i] = values + i * info.columns;
  }
  if (status == DIVA_OK) {
    status = read_validation(evaluation, tile_rows, values, pointers, predicted, error);
  }
  free(predicted);
  free(pointers);
  free(values);
  return status;
}

enum diva_status diva_evaluation_test(struct diva_evaluation *evaluation,
                                      struct diva_error *error) {
  return evaluation->validation ? test_on_validation(evaluation, error)
                                : test_by_folds(evaluation, error);
}
