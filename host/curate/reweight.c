/* Weights by the dataset derivative: starts, the choice among paths, and the path to the answer. */
#include <diva/reweight.h>

#include "host/core/core.h"
#include "reweight_options.h"
#include "reweighting.h"
#include "weight_choice.h"
#include "weight_starts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A run in progress. */
struct run {
  struct diva_dataset *train, *target;
  struct diva_dataset_info info;
  const struct diva_analysis_options *asked;
  const struct diva_reweight_options *options;
  struct diva_analysis_options model; /* lambda settled */
  struct diva_weight_starts starts;   /* uniform weights say which rows are trained on */
  struct diva_weight_rows rows;       /* of the whole set */
  struct diva_subset subset;          /* empty for targets */
  struct diva_summary reference;
  struct diva_weight_progress progress;
  bool allowed[DIVA_REWEIGHT_STARTS];
  struct diva_reweighting *out;
};

enum { FEW_ROWS = 2000, FOLDS_OF_FEW = 5, FOLDS = 3 };
static const double ROW_STEP = 0.06;
static const double GROUP_STEP = 0.2;
/* Below this the ridge model hardly gains any more, and other learners lose by the weights; of a
 * group that does harm all rows may have to go. */
static const double ROW_EFFECTIVE = 0.7;
static const double GROUP_EFFECTIVE = 0.1;

static int64_t count_codes(const int32_t *codes, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; codes && i < rows; i++) {
    count = codes[i] >= count ? (int64_t)codes[i] + 1 : count;
  }
  return count;
}

/* How many equally important rows the importances are worth. */
static double effective_importance(const struct run *run) {
  const double *v = run->asked->importance;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < run->info.rows; i++) {
    if (run->starts.weights[DIVA_REWEIGHT_UNIFORM][i] > 0.0) {
      sum += v ? v[i] : 1.0;
      squares += v ? v[i] * v[i] : 1.0;
    }
  }
  return squares > 0.0 ? sum * sum / squares : 0.0;
}

static double target_share(const struct run *run) {
  struct diva_dataset_info info;
  const double *v = run->options->target_importance;
  double rows = 0.0;
  if (!run->target) {
    return 0.0;
  }
  const int32_t *labels = diva_dataset_labels(run->target);
  diva_dataset_describe(run->target, &info);
  for (int64_t j = 0; j < info.rows; j++) {
    rows += (!labels || labels[j] >= 0) && (!v || v[j] > 0.0);
  }
  return rows / (rows + effective_importance(run));
}

static struct diva_weight_bounds bounds_of(const struct diva_reweight_options *options) {
  const double usual = options->by ? GROUP_EFFECTIVE : ROW_EFFECTIVE;
  return (struct diva_weight_bounds){
      .minimum = options->minimum_weight,
      .maximum = options->maximum_weight,
      .least_effective = options->least_effective < 0.0 ? usual : options->least_effective};
}

static void settle_request(struct run *run) {
  const struct diva_reweight_options *options = run->options;
  const double usual = options->by ? GROUP_STEP : ROW_STEP;
  struct diva_weight_request *request = &run->rows.request;
  *request = (struct diva_weight_request){
      .target = run->target,
      .options = &run->model,
      .target_importance = options->target_importance,
      .target_share = target_share(run),
      .by = {.codes = options->by, .count = count_codes(options->by, run->info.rows)},
      .guard = options->guard,
      .bounds = bounds_of(options),
      .step_size = options->step_size > 0.0 ? options->step_size : usual,
      .progress = &run->progress};
  run->rows.train = run->train;
  run->rows.rows = run->info.rows;
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    run->rows.starts[s] = run->starts.weights[s];
  }
}

/* What all rows alike settle holds for all weights. */
static enum diva_status settle_model(struct run *run, struct diva_error *error) {
  struct diva_analysis_options options = *run->asked;
  struct diva_analysis *analysis = NULL;
  options.weights = run->starts.weights[DIVA_REWEIGHT_UNIFORM];
  options.importance = NULL;
  options.groups = NULL;
  options.loss = DIVA_LOSS_SQUARED;
  options.temperature = 1.0;
  options.derivative = options.removal = false;
  options.scores = NULL;
  const enum diva_status status = diva_analysis_run(run->train, NULL, &options, &analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_analysis_summary(analysis, &run->reference);
  diva_analysis_destroy(analysis);
  run->model = *run->asked;
  run->model.lambda = run->reference.lambda;
  if (run->reference.kernel == DIVA_KERNEL_RBF) {
    run->model.rbf_features = run->reference.rbf_features;
    run->model.rbf_bandwidth = run->reference.rbf_bandwidth;
  }
  if (run->reference.precision == DIVA_PRECISION_FLOAT64) {
    run->model.precision = DIVA_PRECISION_FLOAT64;
  }
  return DIVA_OK;
}

/* Rows that a quarter of the memory holds. */
static int64_t most_rows(const struct run *run) {
  const int64_t row = run->info.columns * diva_dtype_size(run->info.feature_type);
  const int64_t fit = run->asked->memory > 0 ? run->asked->memory / 4 / row : INT64_MAX;
  return fit < run->options->sample_rows ? fit : run->options->sample_rows;
}

/* Mean LOO loss of the guarded rows with the weights of a start. */
static enum diva_status guarded_loss(const struct diva_weight_site *site, const double *start,
                                     double *loss, struct diva_error *error) {
  struct diva_weight_path path = {0};
  const enum diva_status status = diva_weight_path_open(&site->problem, start, &path, error);
  *loss = status == DIVA_OK ? path.now.guard : NAN;
  diva_weight_path_close(&path);
  return status;
}

/* A start with which the guarded rows fare worse than with the base is out. */
static enum diva_status guard_starts(struct run *run, const struct diva_weight_site *site,
                                     struct diva_error *error) {
  const int base = (int)run->out->summary.base;
  double limit;
  if (!run->options->guard) {
    return DIVA_OK;
  }
  enum diva_status status = guarded_loss(site, site->starts[base], &limit, error);
  for (int s = 0; s < DIVA_REWEIGHT_STARTS && status == DIVA_OK; s++) {
    if (s != base && run->allowed[s]) {
      double loss;
      status = guarded_loss(site, site->starts[s], &loss, error);
      run->allowed[s] = !(loss > limit);
    }
  }
  return status;
}

static int choose_folds(const struct run *run, int64_t rows) {
  if (run->options->folds > 0) {
    return run->options->folds;
  }
  return rows < FEW_ROWS ? FOLDS_OF_FEW : FOLDS;
}

static enum diva_status choose(struct run *run, const struct diva_weight_site *site,
                               struct diva_error *error) {
  struct diva_reweight_summary *summary = &run->out->summary;
  struct diva_weight_choice_request request = {.site = site,
                                               .base = summary->base,
                                               .most_steps = run->options->most_steps,
                                               .folds = choose_folds(run, site->rows),
                                               .seed = run->asked->seed};
  memcpy(request.allowed, run->allowed, sizeof request.allowed);
  const enum diva_status status = diva_weight_choose(&request, summary, error);
  if (status == DIVA_OK && !summary->base_is_best) {
    summary->start = summary->best_start;
    summary->steps = summary->best_steps;
  }
  return status;
}

static enum diva_status measure_base(struct run *run, const struct diva_weight_site *site,
                                     struct diva_error *error) {
  struct diva_reweight_summary *summary = &run->out->summary;
  struct diva_weight_path path = {0};
  const enum diva_status status =
      diva_weight_path_open(&site->problem, site->starts[summary->base], &path, error);
  if (status == DIVA_OK) {
    summary->objective_before = path.now.objective;
    summary->guard_before = path.now.guard;
  }
  diva_weight_path_close(&path);
  return status;
}

/* Puts weights and derivatives of a site's rows where they belong. */
static void scatter(const struct diva_weight_site *site, const struct diva_weight_point *point,
                    struct diva_reweighting *out) {
  for (int64_t i = 0; i < out->rows; i++) {
    out->weight[i] = 0.0;
    out->derivative[i] = NAN;
  }
  for (int64_t i = 0; i < site->rows; i++) {
    const int64_t row = site->index ? site->index[i] : i;
    out->weight[row] = point->weights[i];
    out->derivative[row] = point->weights[i] > 0.0 ? point->gradient[i] : NAN;
  }
}

static enum diva_status walk(struct run *run, const struct diva_weight_site *site,
                             struct diva_weight_path *path, struct diva_error *error) {
  struct diva_reweight_summary *summary = &run->out->summary;
  enum diva_status status =
      diva_weight_path_open(&site->problem, site->starts[summary->start], path, error);
  if (status == DIVA_OK) {
    status = diva_allocate(summary->steps + 1, sizeof *run->out->objective, "objectives",
                           (void **)&run->out->objective, error);
  }
  if (status == DIVA_OK) {
    run->out->objective[0] = path->now.objective;
  }
  for (int t = 1; t <= summary->steps && status == DIVA_OK && !path->done; t++) {
    status = diva_weight_path_step(path, error);
    run->out->objective[path->steps] = path->now.objective;
  }
  return status;
}

static enum diva_status find_weights(struct run *run, const struct diva_weight_site *site,
                                     struct diva_error *error) {
  struct diva_reweight_summary *summary = &run->out->summary;
  struct diva_weight_path path = {0};
  enum diva_status status = walk(run, site, &path, error);
  if (status == DIVA_OK) {
    summary->steps = path.steps;
    summary->objective = run->out->objective;
    summary->objective_after = path.now.objective;
    summary->guard_after = path.now.guard;
    scatter(site, &path.now, run->out);
  }
  if (status == DIVA_OK && summary->start == summary->base) {
    summary->objective_before = run->out->objective[0];
  }
  diva_weight_path_close(&path);
  /* The guarded loss of the start is not kept along the path. */
  const bool unknown = summary->start != summary->base || run->options->guard;
  return status == DIVA_OK && unknown ? measure_base(run, site, error) : status;
}

/* As many solutions as there would be if every path were followed to its end. */
static void start_progress(struct run *run) {
  const bool fixed = run->options->steps >= 0;
  const int64_t path = (fixed ? run->options->steps : run->options->most_steps) + 1;
  const int64_t folds = fixed ? 0 : choose_folds(run, run->starts.training_rows);
  run->progress = (struct diva_weight_progress){.outer = &run->asked->progress, .most = path};
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    run->progress.most += folds * (run->allowed[s] ? path : (run->starts.weights[s] != NULL));
  }
  run->model.progress = diva_weight_progress_of(&run->progress);
}

/* Rows in memory: to choose on, or all there are. A subset needs classes to draw from. */
static bool wants_sample(const struct run *run) {
  return !run->info.has_targets &&
         (run->options->steps < 0 || run->starts.training_rows <= most_rows(run));
}

/* Rows that the objective or the guard looks at, of which a plain sample may hold none; NULL where
 * it looks at all alike. */
static enum diva_status mark_needed(const struct run *run, uint8_t **out,
                                    struct diva_error *error) {
  const double *importance = run->asked->importance;
  const uint8_t *guard = run->options->guard;
  *out = NULL;
  if (!importance && !guard) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(run->info.rows, 1, "rows of the objective", (void **)out, error);
  for (int64_t i = 0; i < run->info.rows && status == DIVA_OK; i++) {
    (*out)[i] = (importance && importance[i] > 0.0) || (guard && guard[i]);
  }
  return status;
}

static enum diva_status open_sample(struct run *run, struct diva_weight_site *out,
                                    struct diva_error *error) {
  uint8_t *needed = NULL;
  enum diva_status status = mark_needed(run, &needed, error);
  if (status == DIVA_OK) {
    const struct diva_subset_request request = {.weights =
                                                    run->starts.weights[DIVA_REWEIGHT_UNIFORM],
                                                .needed = needed,
                                                .most = most_rows(run),
                                                .seed = run->asked->seed};
    status = diva_subset_draw(run->train, &request, &run->asked->progress, &run->subset, error);
  }
  free(needed);
  return status == DIVA_OK ? diva_weight_site_open(&run->rows, &run->subset, out, error) : status;
}

/* Chooses on `sample`, and finds the weights of `all` rows. */
static enum diva_status search(struct run *run, const struct diva_weight_site *sample,
                               const struct diva_weight_site *all, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (run->options->steps < 0) {
    status = guard_starts(run, all, error);
    if (status == DIVA_OK) {
      status = choose(run, sample, error);
    }
  }
  return status == DIVA_OK ? find_weights(run, all, error) : status;
}

static enum diva_status find(struct run *run, struct diva_error *error) {
  const bool sampled = wants_sample(run);
  const bool complete = sampled && run->starts.training_rows <= most_rows(run);
  struct diva_weight_site sample = {0};
  struct diva_weight_site whole = {0};
  start_progress(run);
  enum diva_status status = sampled ? open_sample(run, &sample, error) : DIVA_OK;
  if (status == DIVA_OK && !complete) {
    status = diva_weight_site_open(&run->rows, NULL, &whole, error);
  }
  if (status == DIVA_OK) {
    status = search(run, sampled ? &sample : &whole, complete ? &sample : &whole, error);
  }
  diva_weight_site_close(&whole);
  diva_weight_site_close(&sample);
  return status;
}

static enum diva_status solve(struct run *run, int side, const double *weights,
                              struct diva_summary *summary, struct diva_error *error) {
  struct diva_analysis_options options = run->model;
  options.weights = weights;
  options.derivative = options.removal = false;
  options.scores = NULL;
  options.progress = run->asked->progress;
  options.validation_importance = run->target ? run->options->target_importance : NULL;
  const enum diva_status status =
      diva_analysis_run(run->train, run->target, &options, &run->out->analyses[side], error);
  if (status == DIVA_OK) {
    diva_analysis_summary(run->out->analyses[side], summary);
    summary->lambda_chosen = run->reference.lambda_chosen;
    summary->lambda_at_edge = run->reference.lambda_at_edge;
  }
  return status;
}

static enum diva_status prepare(struct run *run, struct diva_error *error) {
  struct diva_reweight_summary *summary = &run->out->summary;
  run->out->rows = run->info.rows;
  enum diva_status status = diva_reweight_options_check(run->options, error);
  if (status == DIVA_OK) {
    const struct diva_weight_bounds bounds = bounds_of(run->options);
    status = diva_weight_starts_make(run->train, run->asked->weights, &bounds, &run->starts, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  settle_request(run);
  *summary = (struct diva_reweight_summary){.base = diva_weight_starts_base(&run->starts),
                                            .start = diva_weight_starts_base(&run->starts),
                                            .target_share = run->rows.request.target_share,
                                            .cut_rows = run->starts.cut_rows,
                                            .guard_before = NAN,
                                            .guard_after = NAN,
                                            .gain = NAN,
                                            .gain_error = NAN,
                                            .best = {NAN, NAN}};
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    summary->plain[s] = (struct diva_reweight_figures){NAN, NAN};
  }
  summary->steps = run->options->steps < 0 ? 0 : run->options->steps;
  for (int s = 0; s < DIVA_REWEIGHT_STARTS && status == DIVA_OK; s++) {
    status = diva_weight_starts_fit(&run->starts, (enum diva_reweight_start)s,
                                    &run->rows.request.by, &run->allowed[s], error);
  }
  return status == DIVA_OK ? diva_reweighting_allocate(run->out, error) : status;
}

static enum diva_status answer(struct run *run, struct diva_error *error) {
  struct diva_reweighting *out = run->out;
  enum diva_status status = prepare(run, error);
  if (status == DIVA_OK) {
    status = settle_model(run, error);
  }
  if (status == DIVA_OK) {
    status = find(run, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  memcpy(out->weight_before, run->starts.weights[out->summary.base],
         (size_t)out->rows * sizeof *out->weight_before);
  out->summary.balance_is_allowed = run->allowed[DIVA_REWEIGHT_BALANCE];
  status = diva_reweighting_describe(out, &run->rows.request, error);
  if (status == DIVA_OK) {
    status = solve(run, 0, out->weight_before, &out->summary.before, error);
  }
  return status == DIVA_OK ? solve(run, 1, out->weight, &out->summary.after, error) : status;
}

enum diva_status diva_reweight(struct diva_dataset *train, struct diva_dataset *target,
                               const struct diva_analysis_options *analysis,
                               const struct diva_reweight_options *options,
                               struct diva_reweighting **out, struct diva_error *error) {
  struct run run = {.train = train, .target = target, .asked = analysis, .options = options};
  *out = NULL;
  diva_dataset_describe(train, &run.info);
  enum diva_status status =
      diva_allocate(1, sizeof *run.out, "an answer", (void **)&run.out, error);
  if (status == DIVA_OK) {
    status = answer(&run, error);
  }
  diva_subset_free(&run.subset);
  diva_weight_starts_free(&run.starts);
  if (status != DIVA_OK) {
    diva_reweighting_destroy(run.out);
    return status;
  }
  *out = run.out;
  return DIVA_OK;
}
