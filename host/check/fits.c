/* The model fitted to both versions, and how it does on each row. */
#include "run.h"

#include "host/core/core.h"
#include "host/dataset/dataset_internal.h"
#include "host/dataset/view.h"

#include <math.h>
#include <stdlib.h>

void diva_check_fit_free(struct diva_check_fit *fit) {
  diva_analysis_destroy(fit->analysis);
  free(fit->wrong);
  free(fit->loss);
  *fit = (struct diva_check_fit){0};
}

/* A class in the numbering of both as this version numbers it, -1: it has none such. */
static int32_t own_class(const struct diva_check_run *run, const struct diva_check_version *version,
                         int32_t number) {
  if (version != &run->before) {
    return number < version->outputs ? number : -1;
  }
  for (int32_t c = 0; c < version->outputs; c++) {
    if (run->match.class_of[c] == number) {
      return c;
    }
  }
  return -1;
}

/* The target with its labels in the numbering of a version. Those that it has no class for are left
 * out, but are judged by their own number all the same: each is an error. */
static enum diva_status open_target(const struct diva_check_run *run,
                                    const struct diva_check_version *version,
                                    struct diva_dataset **out, struct diva_error *error) {
  const int64_t rows = run->target.rows;
  int32_t *labels = NULL;
  if (!run->target.classes) {
    return diva_view_open(run->target.dataset, NULL, NULL, out, error);
  }
  enum diva_status status =
      diva_allocate(rows, sizeof *labels, "target labels", (void **)&labels, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    const int32_t number = run->target.classes[i];
    labels[i] = number >= 0 ? own_class(run, version, number) : -1;
  }
  if (status == DIVA_OK) {
    status = diva_view_open(run->target.dataset, NULL, labels, out, error);
  }
  if (status == DIVA_OK) {
    (*out)->info.outputs = version->outputs;
  }
  free(labels);
  return status;
}

/* Target rows are predicted, not trained on. */
static enum diva_status fill_weights(const struct diva_check_run *run,
                                     const struct diva_check_version *version, const double *given,
                                     double **out, struct diva_error *error) {
  const int64_t rows = version->rows + (run->has_target ? run->target.rows : 0);
  const enum diva_status status = diva_allocate(rows, sizeof **out, "weights", (void **)out, error);
  given = given ? given : version->weights;
  for (int64_t i = 0; i < version->rows && status == DIVA_OK; i++) {
    (*out)[i] = given ? given[i] : 1.0;
  }
  return status;
}

static enum diva_status fill_groups(const struct diva_check_run *run,
                                    const struct diva_check_version *version, const int32_t *given,
                                    int32_t **out, struct diva_error *error) {
  const int64_t rows = version->rows + (run->has_target ? run->target.rows : 0);
  if (!given) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_allocate(rows, sizeof **out, "groups", (void **)out, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    (*out)[i] = i < version->rows ? given[i] : -1;
  }
  return status;
}

static double judge_row(const struct diva_check_run *run, const struct diva_check_version *version,
                        const struct diva_check_fit *fit, int64_t i) {
  const int32_t predicted = fit->columns.suggested_label[i];
  if (predicted < 0) {
    return (double)NAN;
  }
  if (i < version->rows) {
    return fit->columns.weight[i] > 0.0 ? (double)(predicted != version->labels[i]) : (double)NAN;
  }
  const int32_t given = run->target.classes[i - version->rows];
  const int32_t both = version == &run->before ? run->match.class_of[predicted] : predicted;
  return given >= 0 ? (double)(both != given) : (double)NAN;
}

static enum diva_status judge(const struct diva_check_run *run,
                              const struct diva_check_version *version, struct diva_check_fit *fit,
                              struct diva_error *error) {
  const int64_t rows = fit->columns.rows;
  enum diva_status status =
      diva_allocate(rows, sizeof *fit->wrong, "mistakes", (void **)&fit->wrong, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *fit->loss, "losses", (void **)&fit->loss, error);
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    const bool counted = i >= version->rows || fit->columns.weight[i] > 0.0;
    fit->wrong[i] = version->labels ? judge_row(run, version, fit, i) : (double)NAN;
    fit->loss[i] = counted ? fit->columns.loo_loss[i] : (double)NAN;
  }
  return status;
}

/* A target without a row of a class that the version has is none. */
static bool has_loss(const struct diva_dataset *target) {
  return target && target->info.labelled_rows > 0;
}

static enum diva_status solve(const struct diva_check_run *run,
                              const struct diva_check_version *version,
                              const struct diva_analysis_options *options,
                              struct diva_check_fit *out, struct diva_error *error) {
  struct diva_dataset *target = NULL;
  struct diva_dataset *view = NULL;
  enum diva_status status = DIVA_OK;
  if (run->has_target) {
    status = open_target(run, version, &target, error);
  }
  if (status == DIVA_OK) {
    status = diva_view_open(version->dataset, target, NULL, &view, error);
  }
  if (status == DIVA_OK) {
    /* The derivative is that of the target's loss where there is a target with a loss. */
    const bool asks = options->derivative && has_loss(target);
    status = diva_analysis_run(view, asks ? target : NULL, options, &out->analysis, error);
  }
  diva_dataset_close(view);
  diva_dataset_close(target);
  return status;
}

enum diva_status diva_check_fit_run(const struct diva_check_run *run,
                                    const struct diva_check_version *version,
                                    const struct diva_check_fit_request *request,
                                    struct diva_check_fit *out, struct diva_error *error) {
  struct diva_analysis_options options = run->model;
  double *weights = NULL;
  int32_t *groups = NULL;
  *out = (struct diva_check_fit){.rows = version->rows};
  enum diva_status status = fill_weights(run, version, request->weights, &weights, error);
  if (status == DIVA_OK) {
    status = fill_groups(run, version, request->groups, &groups, error);
  }
  options.weights = weights;
  options.groups = groups;
  options.derivative = request->derivative;
  options.sums = request->sums;
  if (status == DIVA_OK) {
    status = solve(run, version, &options, out, error);
  }
  free(weights);
  free(groups);
  if (status == DIVA_OK) {
    diva_analysis_columns(out->analysis, &out->columns);
    diva_analysis_summary(out->analysis, &out->summary);
    /* The view is gone, and with it the weights and what the target adds to the counts. */
    out->summary.rows = version->rows;
    status = judge(run, version, out, error);
  }
  if (status != DIVA_OK) {
    diva_check_fit_free(out);
  }
  return status;
}

/* What is open in the options is settled on the version that the others are compared with. */
static enum diva_status settle(struct diva_check_run *run, const struct diva_check_version *first,
                               struct diva_error *error) {
  struct diva_analysis_options *model = &run->model;
  *model = run->options->analysis;
  model->derivative = model->removal = model->expect_unlabelled = false;
  model->weights = model->importance = model->validation_importance = NULL;
  model->groups = NULL;
  model->scores = NULL;
  model->sums = NULL;
  if (run->before.state) {
    diva_state_model(run->before.state, model);
    return DIVA_OK;
  }
  if (!first->has_targets) {
    const bool open = model->scale == DIVA_SCALE_AUTO || model->kernel == DIVA_KERNEL_AUTO ||
                      (model->kernel == DIVA_KERNEL_RBF && !(model->rbf_bandwidth > 0.0));
    return open ? diva_model_choose(first->dataset, model, error) : DIVA_OK;
  }
  if (model->scale == DIVA_SCALE_AUTO) {
    model->scale = DIVA_SCALE_STANDARDIZE;
  }
  if (model->kernel == DIVA_KERNEL_AUTO) {
    model->kernel = DIVA_KERNEL_LINEAR;
  }
  return DIVA_OK;
}

/* A wider or narrower feature set has a lambda of its own. */
static void hold(struct diva_check_run *run, const struct diva_summary *first, bool same_width) {
  struct diva_analysis_options *model = &run->model;
  if (same_width) {
    model->lambda = first->lambda;
  }
  if (!isnan(first->temperature)) {
    model->temperature = first->temperature;
  }
  if (first->kernel == DIVA_KERNEL_RBF) {
    model->rbf_features = first->rbf_features;
    model->rbf_bandwidth = first->rbf_bandwidth;
  }
  if (first->precision == DIVA_PRECISION_FLOAT64) {
    model->precision = DIVA_PRECISION_FLOAT64;
  }
}

/* What a state saved of the fit to the baseline, row by row. */
static enum diva_status recall(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_check_version *before = &run->before;
  struct diva_check_fit *then = &run->then;
  struct diva_state_rows saved;
  struct diva_state_info info;
  diva_state_rows(before->state, &saved);
  diva_state_describe(before->state, &info);
  *then = (struct diva_check_fit){.rows = before->rows};
  then->summary.lambda = info.lambda;
  then->summary.loo = info.loo;
  enum diva_status status =
      diva_allocate(before->rows, sizeof *then->wrong, "mistakes", (void **)&then->wrong, error);
  if (status == DIVA_OK) {
    status = diva_allocate(before->rows, sizeof *then->loss, "losses", (void **)&then->loss, error);
  }
  for (int64_t i = 0; i < before->rows && status == DIVA_OK; i++) {
    const bool counted = saved.weight[i] > 0.0;
    then->loss[i] = counted ? saved.loo_loss[i] : (double)NAN;
    then->wrong[i] = counted && before->labels
                         ? (double)(saved.suggested_label[i] != before->labels[i])
                         : (double)NAN;
  }
  return status;
}

/* The sums of this version from those of the baseline, where the model can use them. */
static enum diva_status update_sums(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_analysis_options *model = &run->model;
  if (run->has_target || model->kernel != DIVA_KERNEL_LINEAR || model->solver == DIVA_SOLVER_DUAL) {
    return DIVA_OK;
  }
  return diva_state_update(run->before.state, NULL, run->after.dataset, model, NULL, &run->sums,
                           error);
}

static enum diva_status fit_baseline(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_check_fit_request request = {0};
  if (run->before.state) {
    const enum diva_status status = recall(run, error);
    return status == DIVA_OK ? update_sums(run, error) : status;
  }
  const enum diva_status status =
      diva_check_fit_run(run, &run->before, &request, &run->then, error);
  if (status != DIVA_OK) {
    diva_error_prefix(error, "baseline: ");
    return status;
  }
  hold(run, &run->then.summary, run->before.columns == run->after.columns);
  return DIVA_OK;
}

enum diva_status diva_check_fits(struct diva_check_run *run, struct diva_error *error) {
  const bool compare = run->has_baseline && !run->incomparable;
  if (run->fitted || run->blocked) {
    return DIVA_OK;
  }
  run->fitted = true;
  enum diva_status status = settle(run, compare ? &run->before : &run->after, error);
  if (status == DIVA_OK && compare) {
    status = fit_baseline(run, error);
  }
  const struct diva_check_fit_request request = {
      .derivative = run->has_baseline && run->match.added > 0 && run->match.kept > 0 &&
                    run->options->policy.on[DIVA_RULE_ADDED_ROWS],
      .sums = run->sums};
  if (status == DIVA_OK) {
    status = diva_check_fit_run(run, &run->after, &request, &run->now, error);
  }
  if (status == DIVA_OK) {
    hold(run, &run->now.summary, true);
  }
  return status;
}

struct diva_mean_change_request diva_check_outcomes(const struct diva_check_run *run,
                                                    const struct diva_check_fit *after,
                                                    const struct diva_check_fit *before) {
  const bool classes = run->after.labels != NULL;
  const int64_t skip_after = run->has_target ? after->rows : 0;
  const int64_t skip_before = run->has_target ? before->rows : 0;
  struct diva_mean_change_request request = {
      .after = (classes ? after->wrong : after->loss) + skip_after,
      .before = (classes ? before->wrong : before->loss) + skip_before,
      .rows_after = run->has_target ? run->target.rows : run->after.rows,
      .rows_before = run->has_target ? run->target.rows : before->rows,
      .before_of = run->has_target ? run->target_rows : run->match.before_of,
      .codes = 1,
      .unit = classes ? 1.0 : 0.0};
  return request;
}

struct diva_mean_change_request diva_check_shares(const struct diva_check_run *run,
                                                  const double *after, const double *before) {
  return (struct diva_mean_change_request){.after = after,
                                           .before = before,
                                           .rows_after = run->after.rows,
                                           .rows_before = run->before.rows,
                                           .before_of = run->match.before_of,
                                           .codes = 1,
                                           .unit = 1.0};
}
