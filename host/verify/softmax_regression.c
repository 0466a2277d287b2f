/* The independent learner: weighted softmax regression, minimised by L-BFGS. */
#include "softmax_regression.h"
#include "host/core/core.h"
#include "softmax_product.h"

#include <lbfgs.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows whose scores are held at a time; of them, those that one thread scores; those whose products
 * are summed in float32; and columns that one thread sums. All fixed, for sums of one order. */
enum { CHUNK = 4096, SCORED = 32, SUMMED = 256, SLICE = 16 };

/* Steps that L-BFGS remembers, and vectors of that length it takes besides. */
enum { MEMORY = 10, VECTORS = 2 * MEMORY + 8 };

/* Iterations over which the improvement is measured. */
enum { LOOK_BACK = 10 };

struct fit {
  const struct diva_softmax_rows *rows;
  const struct diva_softmax_options *options;
  struct diva_softmax_model *model;
  double total_weight;
  float *residuals; /* CHUNK x lanes */
  double *losses;   /* CHUNK */
  struct diva_error *error;
  enum diva_status status;
};

/* Threads for products of `rows` rows: waiting for one another costs more than little work gives.
 */
static int choose_threads(const struct diva_softmax_model *model, int64_t rows, int threads) {
  const int64_t worth_sharing = (int64_t)1 << 22;
  return rows * model->columns * model->lanes < worth_sharing ? 1 : threads;
}

static int64_t parameter_count(const struct diva_softmax_model *model) {
  return (model->columns + 1) * model->lanes;
}

enum diva_status diva_softmax_model_create(int64_t columns, int64_t classes,
                                           struct diva_softmax_model *out,
                                           struct diva_error *error) {
  *out = (struct diva_softmax_model){
      .columns = columns, .classes = classes, .lanes = diva_softmax_lanes(classes)};
  int64_t count;
  if (!diva_size_multiply(columns + 1, out->lanes, 1, &count) || count > INT_MAX) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "%lld columns x %lld classes are too many for the softmax regression",
                          (long long)columns, (long long)classes);
  }
  enum diva_status status = diva_allocate(count, sizeof *out->parameters, "a softmax regression",
                                          (void **)&out->parameters, error);
  if (status == DIVA_OK) {
    status = diva_allocate(count, sizeof *out->weights, "a softmax regression",
                           (void **)&out->weights, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(out->lanes, sizeof *out->present, "a softmax regression",
                           (void **)&out->present, error);
  }
  return status;
}

void diva_softmax_model_free(struct diva_softmax_model *model) {
  free(model->parameters);
  free(model->weights);
  free(model->present);
  *model = (struct diva_softmax_model){0};
}

int64_t diva_softmax_bytes(int64_t columns, int64_t classes) {
  const int64_t lanes = diva_softmax_lanes(classes);
  const int64_t bytes = (VECTORS + 2) * (int64_t)sizeof(double);
  const int64_t scores = CHUNK * (int64_t)sizeof(float);
  int64_t all;
  int64_t chunk;
  const bool fits = diva_size_multiply(columns + 1, lanes, bytes, &all) &&
                    diva_size_multiply(lanes, scores, 1, &chunk) && all <= INT64_MAX - chunk;
  return fits ? all + chunk : INT64_MAX;
}

void diva_softmax_options_init(struct diva_softmax_options *options) {
  *options = (struct diva_softmax_options){
      .penalty = 0.01, .threads = 1, .tolerance = 1e-4, .improvement = 1e-3, .iterations = 300};
}

static void narrow(struct diva_softmax_model *model, const double *parameters) {
  for (int64_t i = 0; i < parameter_count(model); i++) {
    model->weights[i] = (float)parameters[i];
  }
}

static void score_rows(const struct diva_softmax_model *model, const float *const *rows,
                       int64_t count, float *scores) {
  const float *intercepts = model->weights + model->columns * model->lanes;
  diva_softmax_scores(rows, count, model->columns, model->weights, model->lanes, scores);
  for (int64_t i = 0; i < count; i++) {
    for (int64_t c = 0; c < model->lanes; c++) {
      scores[i * model->lanes + c] += intercepts[c];
    }
  }
}

/* Scores of one row become w (p - y); returns its weighted loss. */
static double residual_row(const struct fit *fit, int64_t row, float *scores) {
  const struct diva_softmax_model *model = fit->model;
  const int32_t label = fit->rows->labels[row];
  const double weight = fit->rows->weights[row];
  const double own = (double)scores[label];
  double largest = own;
  double mass = 0.0;
  for (int64_t c = 0; c < model->classes; c++) {
    largest = model->present[c] ? fmax(largest, (double)scores[c]) : largest;
  }
  for (int64_t c = 0; c < model->classes; c++) {
    const double p = model->present[c] ? exp((double)scores[c] - largest) : 0.0;
    scores[c] = (float)p;
    mass += p;
  }
  const double factor = weight / mass;
  for (int64_t c = 0; c < model->classes; c++) {
    scores[c] = (float)(factor * (double)scores[c]);
  }
  for (int64_t c = model->classes; c < model->lanes; c++) {
    scores[c] = 0.0F;
  }
  scores[label] -= (float)weight;
  return weight * (largest + log(mass) - own);
}

static void residual_chunk(struct fit *fit, int64_t first, int64_t count) {
  const int64_t lanes = fit->model->lanes;
#pragma omp parallel for schedule(dynamic)                                                         \
    num_threads(choose_threads(fit->model, count, fit->options->threads))
  for (int64_t start = 0; start < count; start += SCORED) {
    const int64_t end = start + SCORED < count ? start + SCORED : count;
    score_rows(fit->model, fit->rows->features + first + start, end - start,
               fit->residuals + start * lanes);
    for (int64_t i = start; i < end; i++) {
      fit->losses[i] = residual_row(fit, first + i, fit->residuals + i * lanes);
    }
  }
}

/* Each thread sums columns of its own over all rows in order: no partial sums to be gathered. */
static void sum_chunk(const struct fit *fit, int64_t first, int64_t count, double *gradient) {
  const int64_t columns = fit->rows->columns;
  const int64_t lanes = fit->model->lanes;
#pragma omp parallel for schedule(dynamic)                                                         \
    num_threads(choose_threads(fit->model, count, fit->options->threads))
  for (int64_t column = 0; column < columns; column += SLICE) {
    const int64_t end = column + SLICE < columns ? column + SLICE : columns;
    for (int64_t i = 0; i < count; i += SUMMED) {
      const int64_t some = i + SUMMED < count ? SUMMED : count - i;
      diva_softmax_sums(fit->rows->features + first + i, some, column, end,
                        fit->residuals + i * lanes, lanes, gradient);
    }
  }
  for (int64_t i = 0; i < count; i++) {
    for (int64_t c = 0; c < lanes; c++) {
      gradient[columns * lanes + c] += (double)fit->residuals[i * lanes + c];
    }
  }
}

static double evaluate(struct fit *fit, const double *parameters, double *gradient) {
  const int64_t count = parameter_count(fit->model);
  const int64_t penalised = fit->model->columns * fit->model->lanes;
  double loss = 0.0;
  double square = 0.0;
  narrow(fit->model, parameters);
  memset(gradient, 0, (size_t)count * sizeof *gradient);
  for (int64_t first = 0; first < fit->rows->count; first += CHUNK) {
    const int64_t some = first + CHUNK < fit->rows->count ? CHUNK : fit->rows->count - first;
    residual_chunk(fit, first, some);
    sum_chunk(fit, first, some, gradient);
    for (int64_t i = 0; i < some; i++) {
      loss += fit->losses[i];
    }
  }
  for (int64_t i = 0; i < count; i++) {
    gradient[i] /= fit->total_weight;
  }
  for (int64_t i = 0; i < penalised; i++) {
    gradient[i] += fit->options->penalty * parameters[i];
    square += parameters[i] * parameters[i];
  }
  return loss / fit->total_weight + 0.5 * fit->options->penalty * square;
}

static enum diva_status start_fit(const struct diva_softmax_rows *rows,
                                  const struct diva_softmax_options *options,
                                  struct diva_softmax_model *model, struct fit *fit,
                                  struct diva_error *error) {
  *fit = (struct fit){.rows = rows, .options = options, .model = model, .error = error};
  memset(model->present, 0, (size_t)model->lanes);
  for (int64_t i = 0; i < rows->count; i++) {
    model->present[rows->labels[i]] = 1;
    fit->total_weight += rows->weights[i];
  }
  enum diva_status status =
      diva_allocate((int64_t)CHUNK * model->lanes, sizeof *fit->residuals, "residuals of a softmax",
                    (void **)&fit->residuals, error);
  if (status == DIVA_OK) {
    status = diva_allocate(CHUNK, sizeof *fit->losses, "losses of a softmax", (void **)&fit->losses,
                           error);
  }
  return status;
}

static void end_fit(struct fit *fit) {
  free(fit->residuals);
  free(fit->losses);
}

enum diva_status diva_softmax_objective(const struct diva_softmax_rows *rows,
                                        const struct diva_softmax_options *options,
                                        struct diva_softmax_model *model, double *objective,
                                        double *gradient, struct diva_error *error) {
  struct fit fit;
  const enum diva_status status = start_fit(rows, options, model, &fit, error);
  if (status == DIVA_OK) {
    *objective = evaluate(&fit, model->parameters, gradient);
  }
  end_fit(&fit);
  return status;
}

static lbfgsfloatval_t lbfgs_evaluate(void *context, const lbfgsfloatval_t *parameters,
                                      lbfgsfloatval_t *gradient, int count, lbfgsfloatval_t step) {
  (void)count;
  (void)step;
  return evaluate(context, parameters, gradient);
}

/* Not 0 ends the minimisation. */
static int lbfgs_progress(void *context, const lbfgsfloatval_t *parameters,
                          const lbfgsfloatval_t *gradient, lbfgsfloatval_t objective,
                          lbfgsfloatval_t length, lbfgsfloatval_t gradient_length,
                          lbfgsfloatval_t step, int count, int iteration, int evaluations) {
  struct fit *fit = context;
  (void)parameters;
  (void)gradient;
  (void)objective;
  (void)length;
  (void)step;
  (void)count;
  (void)evaluations;
  fit->model->iterations = iteration;
  fit->model->gradient_length = gradient_length;
  fit->status =
      diva_progress_report(fit->options->progress, "verification", fit->options->progress_done,
                           fit->options->progress_total, fit->error);
  return fit->status != DIVA_OK;
}

/* Whether the parameters that L-BFGS left are worth having. The failures of a line search say that
 * float32 products tell no further step from standing still. */
static enum diva_status judge(const struct fit *fit, int code, double objective) {
  if (fit->status != DIVA_OK) {
    return fit->status;
  }
  switch (code) {
  case LBFGSERR_OUTOFMEMORY:
    return diva_error_set(fit->error, DIVA_ERROR_RESOURCE,
                          "out of memory for the softmax regression");
  case LBFGS_SUCCESS:
  case LBFGS_STOP:
  case LBFGS_ALREADY_MINIMIZED:
  case LBFGSERR_OUTOFINTERVAL:
  case LBFGSERR_INCORRECT_TMINMAX:
  case LBFGSERR_ROUNDING_ERROR:
  case LBFGSERR_MINIMUMSTEP:
  case LBFGSERR_MAXIMUMSTEP:
  case LBFGSERR_MAXIMUMLINESEARCH:
  case LBFGSERR_MAXIMUMITERATION:
  case LBFGSERR_WIDTHTOOSMALL:
  case LBFGSERR_INCREASEGRADIENT:
    break;
  default:
    return diva_error_set(fit->error, DIVA_ERROR_INTERNAL, "libLBFGS failed with code %d", code);
  }
  return isfinite(objective) ? DIVA_OK
                             : diva_error_set(fit->error, DIVA_ERROR_NUMERICAL,
                                              "the loss of the softmax regression is not finite");
}

static enum diva_status minimise(struct fit *fit) {
  const int count = (int)parameter_count(fit->model);
  const size_t bytes = (size_t)count * sizeof(double);
  lbfgs_parameter_t settings;
  double objective = 0.0;
  lbfgs_parameter_init(&settings);
  settings.m = MEMORY;
  settings.epsilon = fit->options->tolerance;
  settings.past = fit->options->improvement > 0.0 ? LOOK_BACK : 0;
  settings.delta = fit->options->improvement;
  settings.max_iterations = fit->options->iterations;
  double *parameters = lbfgs_malloc(count);
  if (!parameters) {
    return judge(fit, LBFGSERR_OUTOFMEMORY, 0.0);
  }
  memcpy(parameters, fit->model->parameters, bytes);
  const int code =
      lbfgs(count, parameters, &objective, lbfgs_evaluate, lbfgs_progress, fit, &settings);
  const enum diva_status status = judge(fit, code, objective);
  if (status == DIVA_OK) {
    memcpy(fit->model->parameters, parameters, bytes);
    narrow(fit->model, parameters);
    fit->model->objective = objective;
  }
  lbfgs_free(parameters);
  return status;
}

enum diva_status diva_softmax_fit(const struct diva_softmax_rows *rows,
                                  const struct diva_softmax_options *options,
                                  struct diva_softmax_model *model, struct diva_error *error) {
  struct fit fit;
  model->iterations = 0;
  enum diva_status status = start_fit(rows, options, model, &fit, error);
  if (status == DIVA_OK) {
    status = minimise(&fit);
  }
  end_fit(&fit);
  return status;
}

static int32_t most_likely(const struct diva_softmax_model *model, const float *scores) {
  int32_t best = -1;
  for (int32_t c = 0; c < model->classes; c++) {
    if (model->present[c] && (best < 0 || scores[c] > scores[best])) {
      best = c;
    }
  }
  return best;
}

enum diva_status diva_softmax_predict(const struct diva_softmax_model *model,
                                      const float *const *rows, int64_t count, int threads,
                                      int32_t *out, struct diva_error *error) {
  float *scores = NULL;
  const int64_t lanes = model->lanes;
  const enum diva_status status = diva_allocate((int64_t)CHUNK * lanes, sizeof *scores,
                                                "scores of a softmax", (void **)&scores, error);
  for (int64_t first = 0; first < count && status == DIVA_OK; first += CHUNK) {
    const int64_t some = first + CHUNK < count ? CHUNK : count - first;
#pragma omp parallel for schedule(dynamic) num_threads(choose_threads(model, some, threads))
    for (int64_t start = 0; start < some; start += SCORED) {
      const int64_t end = start + SCORED < some ? start + SCORED : some;
      score_rows(model, rows + first + start, end - start, scores + start * lanes);
      for (int64_t i = start; i < end; i++) {
        out[first + i] = most_likely(model, scores + i * lanes);
      }
    }
  }
  free(scores);
  return status;
}
