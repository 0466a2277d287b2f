/* The d x d algebra between the passes: Cholesky, weights, inverses, the condition number. */
#include "primal.h"

#include "host/core/random.h"

#include <math.h>
#include <stdlib.h>

/* A = G + lambda I; the constant column, last where there is one, is not penalised. From the saved
 * diagonal, since what lambda adds does not come off again without rounding. */
static enum diva_status factor_system(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  for (int64_t j = 0; j < primal->columns; j++) {
    primal->host_gram[j * primal->width + j] = primal->diagonal[j] + engine->lambda;
  }
  enum diva_status status = diva_engine_upload(engine, primal->factor, primal->host_gram, error);
  if (status == DIVA_OK) {
    status = engine->ops->cholesky(engine->backend, primal->factor, error);
    if (status == DIVA_ERROR_NUMERICAL) {
      diva_error_prefix(error, "lambda %g is too small for these features: ", engine->lambda);
    }
  }
  return status;
}

/* W = C Z' diag(alpha) Y. */
static enum diva_status solve_weights(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  enum diva_status status =
      diva_engine_upload(engine, primal->cross_scratch, primal->host_cross, error);
  if (status == DIVA_OK) {
    status =
        engine->ops->cholesky_solve(engine->backend, primal->factor, primal->cross_scratch, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, primal->cross_scratch, primal->host_w, error);
  }
  return status == DIVA_OK
             ? engine->ops->convert(engine->backend, primal->cross_scratch, primal->w, error)
             : status;
}

/* U = R^-1, so that C = U U' and z' C z = |z' U|^2. */
static enum diva_status invert_factor(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t bytes = primal->factor.rows * primal->factor.stride * (int64_t)sizeof(double);
  enum diva_status status = engine->ops->copy(engine->backend, primal->factor.buffer,
                                              primal->inverse.buffer, bytes, error);
  if (status == DIVA_OK) {
    status = engine->ops->triangular_inverse(engine->backend, primal->inverse, error);
  }
  return status == DIVA_OK
             ? engine->ops->convert(engine->backend, primal->inverse, primal->upper, error)
             : status;
}

static double normalise(double *vector, int64_t n) {
  double sum = 0.0;
  for (int64_t j = 0; j < n; j++) {
    sum += vector[j] * vector[j];
  }
  const double norm = sqrt(sum);
  for (int64_t j = 0; j < n; j++) {
    vector[j] /= norm;
  }
  return norm;
}

static void multiply_gram(const struct diva_primal *primal, const double *x, double *out) {
#pragma omp parallel for num_threads(primal->engine->threads)
  for (int64_t i = 0; i < primal->columns; i++) {
    double sum = 0.0;
    for (int64_t j = 0; j < primal->columns; j++) {
      sum += primal->host_gram[i * primal->width + j] * x[j];
    }
    out[i] = sum;
  }
}

/* x = C x = U U' x: two products, where a device would solve for one right-hand side row by row.
 * Nothing else needs the cross sums any more. */
static enum diva_status multiply_inverse(struct diva_primal *primal, double *x,
                                         struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_matrix vector = diva_tile_rows(primal->cross_scratch, 1);
  const struct diva_matrix half = diva_tile_rows(primal->cross, 1);
  enum diva_status status = diva_engine_upload(engine, vector, x, error);
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, false, vector, primal->inverse,
                                   half, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, true, half, primal->inverse,
                                   vector, error);
  }
  return status == DIVA_OK ? diva_engine_download(engine, vector, x, error) : status;
}

/*
 * The condition number of the penalised block, by power iteration on A and on its inverse: within a
 * small factor, which is all that the choice of precision asks for. The constant column is
 * orthogonal to the rest and does not count.
 */
static enum diva_status estimate_condition(struct diva_primal *primal, struct diva_error *error) {
  enum { ITERATIONS = 8 };
  struct diva_engine *engine = primal->engine;
  const int64_t d = primal->columns;
  double *x = NULL;
  enum diva_status status =
      diva_allocate(2 * primal->width, sizeof *x, "power iteration", (void **)&x, error);
  if (status != DIVA_OK) {
    return status;
  }
  double *next = x + primal->width;
  struct diva_random random = {1};
  for (int64_t j = 0; j < d; j++) {
    x[j] = next[j] = (double)diva_random_below(&random, 1 << 20) + 1.0;
  }
  double largest = normalise(x, d);
  for (int i = 0; i < ITERATIONS; i++) {
    multiply_gram(primal, x, next);
    largest = normalise(next, d);
    for (int64_t j = 0; j < d; j++) {
      x[j] = next[j];
    }
  }
  double largest_of_inverse = 0.0;
  for (int i = 0; i < ITERATIONS && status == DIVA_OK; i++) {
    status = multiply_inverse(primal, x, error);
    if (primal->width > d) {
      x[d] = 0.0;
    }
    largest_of_inverse = normalise(x, d);
  }
  engine->analysis->summary.condition = largest * largest_of_inverse;
  free(x);
  return status;
}

enum diva_status diva_factor_solve(struct diva_primal *primal, struct diva_error *error) {
  enum diva_status status = factor_system(primal, error);
  if (status == DIVA_OK) {
    status = solve_weights(primal, error);
  }
  return status == DIVA_OK ? invert_factor(primal, error) : status;
}

enum diva_status diva_factor_run(struct diva_primal *primal, struct diva_error *error) {
  const double start = diva_clock_seconds();
  enum diva_status status = diva_factor_solve(primal, error);
  if (status == DIVA_OK) {
    status = estimate_condition(primal, error);
  }
  diva_engine_account(primal->engine, PHASE_FACTOR, start);
  return status;
}

enum diva_status diva_factor_sandwich(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_backend_ops *ops = engine->ops;
  const struct diva_matrix c = primal->gram;
  const double start = diva_clock_seconds();
  enum diva_status status =
      ops->multiply(engine->backend, true, false, true, primal->inverse, primal->inverse, c, error);
  if (status == DIVA_OK) {
    status = ops->symmetrize(engine->backend, primal->adjoint_gram, error);
  }
  if (status == DIVA_OK) {
    status = ops->multiply(engine->backend, true, false, false, c, primal->adjoint_gram,
                           primal->inverse, error);
  }
  if (status == DIVA_OK) {
    status = ops->multiply(engine->backend, true, false, false, primal->inverse, c,
                           primal->adjoint_gram, error);
  }
  if (status == DIVA_OK) {
    status = ops->fold_symmetric(engine->backend, primal->adjoint_gram, error);
  }
  if (status == DIVA_OK) {
    status = ops->convert(engine->backend, primal->adjoint_gram, primal->curvature, error);
  }
  if (status == DIVA_OK) {
    status = ops->synchronize(engine->backend, error);
  }
  diva_engine_account(engine, PHASE_FACTOR, start);
  return status;
}

/* Puts back what diva_loo_run() left out of the sums: c sum_i alpha_i z_i e_i' = c lambda W on the
 * penalised columns, 0 on the constant one. */
static enum diva_status restore_shift(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const double share = primal->gradient_shift * engine->lambda;
  double *sums = primal->host_cross;
  enum diva_status status = diva_engine_download(engine, primal->cross_scratch, sums, error);
#pragma omp parallel for schedule(static) num_threads(engine->threads)
  for (int64_t c = 0; c < engine->info.outputs; c++) {
    for (int64_t j = 0; j < primal->columns; j++) {
      sums[c * primal->width + j] += share * primal->host_w[c * primal->width + j];
    }
  }
  return status == DIVA_OK ? diva_engine_upload(engine, primal->cross_scratch, sums, error)
                           : status;
}

enum diva_status diva_factor_direct(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const double start = diva_clock_seconds();
  enum diva_status status = DIVA_OK;
  if (!engine->validation) {
    status = restore_shift(primal, error);
  }
  if (status == DIVA_OK) {
    status =
        engine->ops->cholesky_solve(engine->backend, primal->factor, primal->cross_scratch, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, primal->cross_scratch, primal->m, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->synchronize(engine->backend, error);
  }
  diva_engine_account(engine, PHASE_FACTOR, start);
  return status;
}
