/* One solution on the way of an extension, its scores, and the derivative by the pool's weights. */
#include "extend_fit.h"

#include "host/core/core.h"
#include "host/dataset/view.h"

#include <math.h>
#include <stdlib.h>

double diva_extend_weight(const struct diva_extend_problem *problem, int64_t row) {
  if (problem->copies && row >= problem->core_rows && problem->copies[row - problem->core_rows]) {
    return 0.0;
  }
  return problem->given ? problem->given[row] : 1.0;
}

static enum diva_status weigh_core(struct diva_extend_problem *problem, struct diva_error *error) {
  const int32_t *labels = diva_dataset_labels(problem->dataset);
  const enum diva_status status =
      diva_allocate(problem->rows, sizeof *problem->importance, "importances of the core",
                    (void **)&problem->importance, error);
  for (int64_t i = 0; i < problem->core_rows && status == DIVA_OK; i++) {
    problem->importance[i] = 1.0;
    problem->core_count += (!labels || labels[i] >= 0) && diva_extend_weight(problem, i) > 0.0;
  }
  return status;
}

/* A copy vouches for its twin in the core: its gain would be that of knowing the answer. */
static enum diva_status find_copies(struct diva_extend_problem *problem, const int32_t *groups,
                                    struct diva_error *error) {
  int32_t largest = -1;
  uint8_t *in_core = NULL;
  if (!groups) {
    return DIVA_OK;
  }
  for (int64_t i = 0; i < problem->info.rows; i++) {
    largest = groups[i] > largest ? groups[i] : largest;
  }
  enum diva_status status =
      diva_allocate((int64_t)largest + 1, 1, "groups of the core", (void **)&in_core, error);
  if (status == DIVA_OK) {
    status = diva_allocate(problem->pool_rows, 1, "copies of the core", (void **)&problem->copies,
                           error);
  }
  for (int64_t i = 0; i < problem->info.rows && status == DIVA_OK; i++) {
    if (groups[i] >= 0 && i < problem->core_rows) {
      in_core[groups[i]] = 1;
    } else if (groups[i] >= 0 && in_core[groups[i]]) {
      problem->copies[i - problem->core_rows] = 1;
      problem->copy_count++;
    }
  }
  free(in_core);
  return status;
}

enum diva_status diva_extend_problem_make(struct diva_dataset *dataset, struct diva_dataset *target,
                                          struct diva_dataset *heldout,
                                          const struct diva_analysis_options *options,
                                          int64_t core_rows, struct diva_extend_problem *out,
                                          struct diva_error *error) {
  struct diva_dataset_info info;
  *out = (struct diva_extend_problem){.dataset = dataset,
                                      .target = target,
                                      .heldout = heldout,
                                      .core_rows = core_rows,
                                      .given = diva_dataset_weights(dataset),
                                      .model = *options};
  diva_dataset_describe(dataset, &out->info);
  out->pool_rows = out->info.rows - core_rows;
  out->rows = out->info.rows;
  if (target) {
    diva_dataset_describe(target, &info);
    out->target_count = info.labelled_rows;
  }
  if (heldout) {
    diva_dataset_describe(heldout, &info);
    out->rows += info.rows;
  }
  out->model.groups = NULL;
  out->model.validation_importance = NULL;
  out->model.removal = false;
  out->model.scores = NULL;
  const enum diva_status status = find_copies(out, options->groups, error);
  return status == DIVA_OK ? weigh_core(out, error) : status;
}

enum diva_status diva_extend_settle(struct diva_extend_problem *problem, const double *weights,
                                    struct diva_error *error) {
  struct diva_plan plan;
  problem->model.weights = weights;
  enum diva_status status = diva_model_choose(problem->dataset, &problem->model, error);
  /* Solutions see the held-out rows as rows of weight 0: whether these fit is asked here. */
  if (status == DIVA_OK && problem->heldout) {
    status = diva_analysis_plan(problem->dataset, problem->heldout, &problem->model, &plan, error);
  }
  return status;
}

void diva_extend_problem_free(struct diva_extend_problem *problem) {
  free(problem->copies);
  free(problem->importance);
  problem->copies = NULL;
  problem->importance = NULL;
}

/* The held-out rows lie behind those of the dataset, predicted like any row of weight 0. */
static struct diva_score score_heldout(const struct diva_extend_problem *problem,
                                       const struct diva_analysis *analysis) {
  struct diva_score score = {0};
  struct diva_columns columns;
  if (!problem->heldout) {
    return score;
  }
  const int32_t *labels = diva_dataset_labels(problem->heldout);
  diva_analysis_columns(analysis, &columns);
  for (int64_t i = problem->info.rows; i < problem->rows; i++) {
    const int32_t label = labels ? labels[i - problem->info.rows] : 0;
    if (label >= 0) {
      score.rows++;
      score.loss += columns.loo_loss[i];
      score.error += columns.suggested_label[i] != label;
    }
  }
  score.loss /= (double)score.rows;
  score.error = labels ? score.error / (double)score.rows : (double)NAN;
  return score;
}

/* The share of the target's rows in the objective. */
static double target_share(const struct diva_extend_problem *problem) {
  return (double)problem->target_count / (double)(problem->target_count + problem->core_count);
}

static void take_scores(const struct diva_extend_problem *problem, struct diva_extend_fit *fit) {
  const double share = target_share(problem);
  fit->scores.core = fit->summary.loo;
  fit->scores.core.rows = problem->core_count;
  fit->scores.heldout = score_heldout(problem, fit->analysis);
  fit->objective = (1.0 - share) * fit->scores.core.loss + share * fit->scores.target.loss;
  fit->summary.rows = problem->info.rows;
  fit->summary.loo = fit->scores.core;
  fit->summary.validation = fit->scores.heldout;
}

static enum diva_status take_derivative(const struct diva_extend_problem *problem,
                                        const struct diva_analysis *analysis, double share,
                                        struct diva_extend_fit *fit, struct diva_error *error) {
  struct diva_columns columns;
  enum diva_status status = DIVA_OK;
  if (!fit->derivative) {
    status = diva_allocate(problem->pool_rows, sizeof *fit->derivative, "derivatives",
                           (void **)&fit->derivative, error);
  }
  diva_analysis_columns(analysis, &columns);
  for (int64_t i = 0; i < problem->pool_rows && status == DIVA_OK; i++) {
    fit->derivative[i] += share * columns.derivative[problem->core_rows + i];
  }
  return status;
}

/* The target's part of the derivative, from a second run at the temperature of the first. */
static enum diva_status add_target(const struct diva_extend_problem *problem,
                                   struct diva_dataset *view,
                                   const struct diva_analysis_options *options,
                                   struct diva_extend_fit *fit, struct diva_error *error) {
  struct diva_analysis_options mine = *options;
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  if (!isnan(fit->summary.temperature)) {
    mine.temperature = fit->summary.temperature;
  }
  enum diva_status status = diva_analysis_run(view, problem->target, &mine, &analysis, error);
  if (status == DIVA_OK) {
    diva_analysis_summary(analysis, &summary);
    fit->scores.target = summary.validation;
    status = take_derivative(problem, analysis, target_share(problem), fit, error);
  }
  diva_analysis_destroy(analysis);
  return status;
}

static enum diva_status run(const struct diva_extend_problem *problem, struct diva_dataset *view,
                            const struct diva_analysis_options *options,
                            struct diva_extend_fit *fit, struct diva_error *error) {
  struct diva_dataset *target = options->derivative ? NULL : problem->target;
  enum diva_status status = diva_analysis_run(view, target, options, &fit->analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_analysis_summary(fit->analysis, &fit->summary);
  fit->scores.target = fit->summary.validation;
  if (options->derivative) {
    status = take_derivative(problem, fit->analysis, 1.0 - target_share(problem), fit, error);
  }
  return status == DIVA_OK && options->derivative && problem->target
             ? add_target(problem, view, options, fit, error)
             : status;
}

enum diva_status diva_extend_solve(const struct diva_extend_problem *problem, const double *weights,
                                   const int32_t *labels, bool differentiate,
                                   struct diva_extend_fit *out, struct diva_error *error) {
  struct diva_analysis_options options = problem->model;
  struct diva_dataset *view = NULL;
  *out = (struct diva_extend_fit){0};
  options.derivative = differentiate;
  options.expect_unlabelled = true;
  options.weights = weights;
  options.importance = problem->importance;
  enum diva_status status =
      diva_view_open(problem->dataset, problem->heldout, labels, &view, error);
  if (status == DIVA_OK) {
    status = run(problem, view, &options, out, error);
  }
  diva_dataset_close(view);
  if (status != DIVA_OK) {
    diva_extend_fit_free(out);
    return status;
  }
  take_scores(problem, out);
  return DIVA_OK;
}

void diva_extend_hold(struct diva_extend_problem *problem, const struct diva_summary *first) {
  struct diva_analysis_options *model = &problem->model;
  model->lambda = first->lambda;
  if (first->kernel == DIVA_KERNEL_RBF) {
    model->rbf_features = first->rbf_features;
    model->rbf_bandwidth = first->rbf_bandwidth;
  }
  if (first->precision == DIVA_PRECISION_FLOAT64) {
    model->precision = DIVA_PRECISION_FLOAT64;
  }
}

void diva_extend_fit_free(struct diva_extend_fit *fit) {
  diva_analysis_destroy(fit->analysis);
  free(fit->derivative);
  *fit = (struct diva_extend_fit){0};
}
