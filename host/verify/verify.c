/* Whether a changed training set trains a better model: options, memory, and the conclusion. */
#include <diva/system.h>
#include <diva/verify.h>

#include "evaluation.h"
#include "host/core/core.h"
#include "host/dataset/prefetch.h"
#include "paired_difference.h"

#include <math.h>
#include <stdlib.h>

void diva_verify_options_init(struct diva_verify_options *options) {
  enum { FOLDS = 5, ROWS = 100000 };
  *options =
      (struct diva_verify_options){.version = DIVA_STRUCT_VERSION, .folds = FOLDS, .rows = ROWS};
}

const char *diva_verify_test_name(enum diva_verify_test test) {
  static const char *const names[] = {[DIVA_VERIFY_VALIDATION] = "validation",
                                      [DIVA_VERIFY_TRUSTED] = "trusted",
                                      [DIVA_VERIFY_GIVEN] = "given"};
  return names[test];
}

static enum diva_status check_options(const struct diva_dataset *train,
                                      const struct diva_changed_rows *changed,
                                      const struct diva_verify_options *options,
                                      struct diva_error *error) {
  const enum diva_status status =
      diva_version_check(options->version, "diva_verify_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!diva_dataset_labels(train)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset of targets has no classes that a verification could test");
  }
  if (!changed->weights) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "a verification needs the weights after");
  }
  if (options->folds < 2) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "a verification needs 2 folds or more, not %d",
                          options->folds);
  }
  if (!(options->penalty >= 0.0) || !isfinite(options->penalty)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the penalty of a verification is %g; it must be positive",
                          options->penalty);
  }
  return DIVA_OK;
}

static enum diva_status check_validation(const struct diva_dataset_info *train,
                                         const struct diva_dataset *validation,
                                         struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(validation, &info);
  if (info.has_targets || info.columns != train->columns || info.outputs > train->outputs) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the validation set must have class labels, %lld columns and at most "
                          "%lld classes",
                          (long long)train->columns, (long long)train->outputs);
  }
  if (!info.labelled_rows) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no row of the validation set has a label");
  }
  return DIVA_OK;
}

/* Rows that fit into memory beside the models and what reading takes. */
static enum diva_status plan_rows(const struct diva_evaluation *evaluation, int64_t *most,
                                  struct diva_error *error) {
  enum { ROW_OVERHEAD = 128, LEAST_ROWS = 100 };
  const struct diva_dataset_info *info = &evaluation->info;
  const int64_t memory =
      evaluation->options->memory > 0 ? evaluation->options->memory : diva_memory_available();
  const int64_t model = diva_softmax_bytes(info->columns, info->outputs);
  const int64_t tile = diva_standard_tile_rows(info);
  const int64_t fixed =
      diva_prefetch_bytes(info, tile) + tile * info->columns * (int64_t)sizeof(float);
  const int64_t row = info->columns * (int64_t)sizeof(float) + ROW_OVERHEAD;
  const int64_t left = model < memory - fixed ? memory - fixed - model : 0;
  const int64_t wanted = evaluation->options->rows > 0 ? evaluation->options->rows : info->rows;
  *most = left / row < wanted ? left / row : wanted;
  if (*most < LEAST_ROWS && *most < info->rows) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "verification needs more memory than the %lld bytes it may use, for a "
                          "model of %lld columns x %lld classes",
                          (long long)memory, (long long)info->columns, (long long)info->outputs);
  }
  return DIVA_OK;
}

static enum diva_status allocate_scratch(struct diva_evaluation *evaluation,
                                         struct diva_error *error) {
  const char *what = "the verification";
  const int64_t count = evaluation->trial.count;
  struct diva_dataset_info tested = {.rows = count};
  if (evaluation->validation) {
    diva_dataset_describe(evaluation->validation, &tested);
  }
  enum diva_status status = diva_allocate(count, sizeof *evaluation->features, what,
                                          (void **)&evaluation->features, error);
  if (status == DIVA_OK) {
    status =
        diva_allocate(count, sizeof *evaluation->labels, what, (void **)&evaluation->labels, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(count, sizeof *evaluation->weights, what, (void **)&evaluation->weights,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(count, sizeof *evaluation->predicted, what,
                           (void **)&evaluation->predicted, error);
  }
  for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
    status = diva_allocate(tested.rows, sizeof *evaluation->wrong[side], what,
                           (void **)&evaluation->wrong[side], error);
  }
  if (status == DIVA_OK && evaluation->options->importance && !evaluation->validation) {
    status =
        diva_allocate(count, sizeof *evaluation->counts, what, (void **)&evaluation->counts, error);
  }
  for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
    status = diva_softmax_model_create(evaluation->info.columns, evaluation->info.outputs,
                                       &evaluation->model[side], error);
  }
  return status;
}

static enum diva_status load_rows(struct diva_evaluation *evaluation, struct diva_dataset *train,
                                  struct diva_error *error) {
  uint8_t *trained = NULL;
  const struct diva_trial *trial = &evaluation->trial;
  enum diva_status status =
      diva_allocate(trial->count, sizeof *trained, "the verification", (void **)&trained, error);
  for (int64_t i = 0; i < trial->count && status == DIVA_OK; i++) {
    trained[i] = trial->weight[DIVA_TRIAL_BEFORE][i] > 0.0;
  }
  if (status == DIVA_OK) {
    status = diva_standard_rows_load(train, trial->row, trained, trial->count,
                                     &evaluation->options->progress, &evaluation->rows, error);
  }
  free(trained);
  return status;
}

static enum diva_status prepare(struct diva_evaluation *evaluation, struct diva_dataset *train,
                                const struct diva_changed_rows *changed, struct diva_error *error) {
  struct diva_trial_plan plan = {.dataset = train,
                                 .changed = changed,
                                 .options = evaluation->options,
                                 .by_folds = !evaluation->validation};
  enum diva_status status = plan_rows(evaluation, &plan.most_rows, error);
  if (status == DIVA_OK) {
    status = diva_trial_create(&plan, &evaluation->trial, error);
  }
  if (status == DIVA_OK) {
    status = allocate_scratch(evaluation, error);
  }
  return status == DIVA_OK ? load_rows(evaluation, train, error) : status;
}

static enum diva_status carry_out(struct diva_evaluation *evaluation, struct diva_error *error) {
  diva_softmax_options_init(&evaluation->softmax);
  evaluation->softmax.penalty = evaluation->options->penalty;
  evaluation->softmax.threads =
      evaluation->options->threads > 0 ? evaluation->options->threads : diva_cores_available();
  evaluation->softmax.progress = &evaluation->options->progress;
  evaluation->softmax.progress_total = diva_evaluation_fits(evaluation);
  enum diva_status status = DIVA_OK;
  if (!(evaluation->options->penalty > 0.0)) {
    status = diva_evaluation_choose_penalty(evaluation, error);
  }
  return status == DIVA_OK ? diva_evaluation_test(evaluation, error) : status;
}

static void conclude(const struct diva_evaluation *evaluation, struct diva_verification *out) {
  const struct diva_trial *trial = &evaluation->trial;
  *out = (struct diva_verification){
      .test = evaluation->validation         ? DIVA_VERIFY_VALIDATION
              : evaluation->options->trusted ? DIVA_VERIFY_TRUSTED
                                             : DIVA_VERIFY_GIVEN,
      .folds = evaluation->validation ? 0 : evaluation->options->folds,
      .training_rows_before = trial->training_rows[DIVA_TRIAL_BEFORE],
      .training_rows_after = trial->training_rows[DIVA_TRIAL_AFTER],
      .sampled_rows = trial->sampled ? trial->count : 0,
      .penalty = evaluation->softmax.penalty,
  };
  diva_paired_difference(evaluation->wrong[DIVA_TRIAL_BEFORE], evaluation->wrong[DIVA_TRIAL_AFTER],
                         evaluation->counts, evaluation->test_rows, out);
}

static void end_verification(struct diva_evaluation *evaluation) {
  for (int side = 0; side < DIVA_TRIAL_SIDES; side++) {
    diva_softmax_model_free(&evaluation->model[side]);
    free(evaluation->wrong[side]);
  }
  free(evaluation->features);
  free(evaluation->labels);
  free(evaluation->weights);
  free(evaluation->predicted);
  free(evaluation->counts);
  diva_standard_rows_free(&evaluation->rows);
  diva_trial_free(&evaluation->trial);
}

enum diva_status diva_verify(struct diva_dataset *train, struct diva_dataset *validation,
                             const struct diva_changed_rows *changed,
                             const struct diva_verify_options *options,
                             struct diva_verification *out, struct diva_error *error) {
  struct diva_evaluation evaluation = {.validation = validation, .options = options};
  diva_dataset_describe(train, &evaluation.info);
  enum diva_status status = check_options(train, changed, options, error);
  if (status == DIVA_OK && validation) {
    status = check_validation(&evaluation.info, validation, error);
  }
  if (status == DIVA_OK) {
    status = prepare(&evaluation, train, changed, error);
  }
  if (status == DIVA_OK) {
    status = carry_out(&evaluation, error);
  }
  if (status == DIVA_OK) {
    conclude(&evaluation, out);
  }
  end_verification(&evaluation);
  return status;
}
