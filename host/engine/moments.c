/* Means and spreads of the training rows, which a nonlinear map has to know before it is applied.
 */
#include "primal.h"

#include <math.h>
#include <stdlib.h>

double diva_moments_rounding(const struct diva_engine *engine) {
  return engine->element == (int64_t)sizeof(double) ? 1e-13 : 1e-7;
}

/* As the linear kernel has it: means come off for an intercept and for standard deviations. */
static bool centres(const struct diva_engine *engine) {
  return engine->options->intercept || engine->options->scale == DIVA_SCALE_STANDARDIZE;
}

static enum diva_status visit_moments(struct diva_primal *primal, void *context,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  struct diva_matrix z = tile->z;
  z.columns = primal->stored_columns;
  diva_sample_collect(primal, tile);
  return engine->ops->moments_accumulate(engine->backend, z, tile->facts.weight, primal->moments,
                                         error);
}

/* What the sums say of each column: where it is centred and what it is multiplied by. */
struct column_scales {
  const double *sums;    /**< d sums, then d sums of squares, of the columns as shifted */
  double *shift;         /**< in: as it was during the pass, out: the mean */
  double *multiplier;    /**< 1, 1 / sd, or 0 for a constant column */
  double mean_of_square; /**< of the norm of a row so scaled */
};

static enum diva_status check_square(double square, int64_t column, struct diva_error *error) {
  if (isfinite(square)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                        "/features: the squares of column %lld overflow; scale the features down",
                        (long long)column);
}

static enum diva_status find_scales(struct diva_primal *primal, struct column_scales *scales,
                                    struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t d = primal->stored_columns;
  const double total = engine->weight_sum;
  const bool standardize = engine->options->scale == DIVA_SCALE_STANDARDIZE;
  int64_t constant = 0;
  for (int64_t j = 0; j < d; j++) {
    double square = scales->sums[d + j] / total;
    const enum diva_status status = check_square(square, j, error);
    if (status != DIVA_OK) {
      return status;
    }
    scales->multiplier[j] = 1.0;
    if (centres(engine)) {
      const double offset = scales->sums[j] / total;
      scales->shift[j] += offset;
      square = fmax(square - offset * offset, 0.0);
    }
    if (standardize) {
      const double deviation = sqrt(square);
      const bool spread = deviation > diva_moments_rounding(engine) * fabs(scales->shift[j]);
      scales->multiplier[j] = spread ? 1.0 / deviation : 0.0;
      constant += !spread;
    }
    scales->mean_of_square += square * scales->multiplier[j] * scales->multiplier[j];
  }
  engine->analysis->summary.constant_columns = constant;
  return check_square(scales->mean_of_square, d - 1, error);
}

static enum diva_status upload_scales(struct diva_primal *primal,
                                      const struct column_scales *scales,
                                      struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t bytes = primal->stored_columns * (int64_t)sizeof(double);
  primal->preparation.multiplier = diva_tile_slice(primal->multiplier, primal->stored_columns);
  enum diva_status status = engine->ops->upload(engine->backend, primal->multiplier.buffer, 0,
                                                scales->multiplier, bytes, error);
  if (status == DIVA_OK && centres(engine)) {
    status =
        engine->ops->upload(engine->backend, primal->shift.buffer, 0, scales->shift, bytes, error);
  }
  return status;
}

/* The factor common to all columns brings the mean squared norm of a row to 1: the linear part of
 * the kernel then weighs what the exponential does. */
static enum diva_status fix_preparation(struct diva_primal *primal, double *norm,
                                        struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t d = primal->stored_columns;
  double *values = NULL;
  enum diva_status status =
      diva_allocate(4 * d, sizeof *values, "column means", (void **)&values, error);
  if (status != DIVA_OK) {
    return status;
  }
  struct column_scales scales = {
      .sums = values, .shift = values + 2 * d, .multiplier = values + 3 * d};
  status = diva_engine_download(primal->engine, primal->moments, values, error);
  if (status == DIVA_OK && primal->preparation.shift.buffer) {
    status = engine->ops->download(engine->backend, primal->shift.buffer, 0, scales.shift,
                                   d * (int64_t)sizeof(double), error);
  }
  if (status == DIVA_OK) {
    status = find_scales(primal, &scales, error);
  }
  if (status == DIVA_OK) {
    *norm = sqrt(scales.mean_of_square);
    for (int64_t j = 0; j < d; j++) {
      scales.multiplier[j] *= *norm > 0.0 ? 1.0 / *norm : 0.0;
    }
    status = upload_scales(primal, &scales, error);
  }
  free(values);
  return status;
}

static enum diva_status choose_kernel(struct diva_primal *primal, double norm,
                                      struct diva_error *error) {
  const struct diva_analysis_options *options = primal->engine->options;
  struct diva_summary *summary = &primal->engine->analysis->summary;
  double median;
  const enum diva_status status = diva_bandwidth_median(primal, &median, error);
  if (status != DIVA_OK) {
    return status;
  }
  summary->rbf_features = primal->fourier.count;
  summary->rbf_bandwidth =
      options->rbf_bandwidth > 0.0 ? options->rbf_bandwidth : DIVA_RBF_BANDWIDTH;
  summary->sigma = summary->rbf_bandwidth * median * norm;
  return diva_fourier_draw(primal, summary->rbf_bandwidth * median, error);
}

enum diva_status diva_moments_run(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  double norm = 0.0;
  enum diva_status status = diva_engine_zero(engine, primal->moments, error);
  if (status == DIVA_OK && centres(engine)) {
    status = diva_gram_first_shift(primal, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_tiles_visit(primal, &primal->train, "moments", PHASE_GRAM, visit_moments, NULL, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_check_fault(engine, primal->fault, engine->train, error);
  }
  if (status == DIVA_OK) {
    status = fix_preparation(primal, &norm, error);
  }
  return status == DIVA_OK ? choose_kernel(primal, norm, error) : status;
}
