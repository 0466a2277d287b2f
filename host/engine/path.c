/* Lambda by the leave-one-out path: one eigendecomposition gives the loss at every lambda. */
#include "primal.h"

#include <stdlib.h>

/* Eigenvectors of the penalised block in `factor`, as rows; the constant column is its own
 * eigenvector, with eigenvalue sum(alpha) and no penalty. */
static enum diva_status decompose(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t d = primal->columns;
  const int64_t width = primal->width;
  double *values = NULL;
  enum diva_status status =
      diva_allocate(2 * width, sizeof *values, "eigenvalues", (void **)&values, error);
  if (status != DIVA_OK) {
    return status;
  }
  double *penalised = values + width;
  struct diva_matrix block = primal->factor;
  block.rows = block.columns = d;
  status = diva_engine_upload(engine, primal->factor, primal->host_gram, error);
  if (status == DIVA_OK) {
    status =
        engine->ops->eigen(engine->backend, block, diva_tile_slice(primal->eigenvalues, d), error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->download(engine->backend, primal->eigenvalues.buffer, 0, values,
                                   d * (int64_t)sizeof *values, error);
  }
  for (int64_t a = 0; a < d; a++) {
    values[a] = values[a] > 0.0 ? values[a] : 0.0;
    penalised[a] = 1.0;
  }
  const double one = 1.0;
  if (width > d) {
    values[d] = engine->weight_sum;
    penalised[d] = 0.0;
    if (status == DIVA_OK) {
      const int64_t corner = primal->factor.offset + d * primal->factor.stride + d;
      status = engine->ops->upload(engine->backend, primal->factor.buffer,
                                   corner * (int64_t)sizeof one, &one, (int64_t)sizeof one, error);
    }
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->eigenvalues.buffer, 0, values,
                                 width * (int64_t)sizeof *values, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->penalised.buffer, 0, penalised,
                                 width * (int64_t)sizeof *values, error);
  }
  free(values);
  return status;
}

static struct diva_matrix rows_from(struct diva_matrix matrix, int64_t first, int64_t count) {
  matrix.offset += first * matrix.stride;
  matrix.rows = count;
  return matrix;
}

static struct diva_vector values_from(struct diva_vector vector, int64_t first, int64_t count) {
  vector.offset += first;
  vector.length = count;
  return vector;
}

/* Rotates a tile of the sample into the eigenbasis: T = Z V'. */
static enum diva_status rotate_tile(struct diva_primal *primal, int64_t first, int64_t count,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_matrix z;
  const enum diva_status status = diva_sample_prepare(
      primal, first, count, rows_from(primal->sample_y, first, count), &z, error);
  return status == DIVA_OK
             ? engine->ops->multiply(engine->backend, engine->element == (int64_t)sizeof(double),
                                     false, true, z, primal->upper,
                                     rows_from(primal->sample_t, first, count), error)
             : status;
}

static enum diva_status rotate_sample(struct diva_primal *primal, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t first = 0; first < primal->sample_rows && status == DIVA_OK;
       first += primal->tile_rows) {
    status = rotate_tile(primal, first, diva_sample_length(primal, first), error);
  }
  return status;
}

/* Mean squared LOO loss of the sample at each lambda. */
static enum diva_status evaluate(void *context, const double *lambdas, int64_t count,
                                 double *losses, struct diva_error *error) {
  struct diva_primal *primal = context;
  struct diva_engine *engine = primal->engine;
  const int64_t bytes = count * (int64_t)sizeof *lambdas;
  enum diva_status status =
      engine->ops->upload(engine->backend, primal->lambdas.buffer, 0, lambdas, bytes, error);
  if (status == DIVA_OK) {
    status = engine->ops->zero(engine->backend, primal->sums.buffer, 0, bytes, error);
  }
  for (int64_t first = 0; first < primal->sample_rows && status == DIVA_OK;
       first += primal->tile_rows) {
    const int64_t rows = diva_sample_length(primal, first);
    status = diva_progress_report(&engine->options->progress, "lambda", first, primal->sample_rows,
                                  error);
    if (status == DIVA_OK) {
      status = engine->ops->path_rows(
          engine->backend, rows_from(primal->sample_t, first, rows),
          rows_from(primal->sample_y, first, rows), primal->eigenvalues, primal->penalised,
          primal->cross_scratch, values_from(primal->sample_weight, first, rows),
          values_from(primal->sample_share, first, rows), diva_tile_slice(primal->lambdas, count),
          diva_tile_slice(primal->sums, count), error);
    }
  }
  if (status == DIVA_OK) {
    status = engine->ops->download(engine->backend, primal->sums.buffer, 0, losses, bytes, error);
  }
  return status;
}

double diva_path_scale(const struct diva_primal *primal) {
  double trace = 0.0;
  for (int64_t j = 0; j < primal->columns; j++) {
    trace += primal->host_gram[j * primal->width + j];
  }
  return trace / (double)primal->columns;
}

/*
 * Eigenvectors take 10 times as long as a Cholesky factor of the same system while both stay in
 * cache, and 16 times (10 s of a width of 4,500) when not. The search takes about five factors. A
 * linear model keeps the path at every width: it is what the documented lambdas come from.
 */
bool diva_path_rotates(const struct diva_primal *primal) {
  enum { WIDEST = 2048 };
  return primal->fourier.count == 0 || primal->width <= WIDEST;
}

enum diva_status diva_path_run(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const double start = diva_clock_seconds();
  enum diva_status status = decompose(primal, error);
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, primal->factor, primal->upper, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_upload(engine, primal->cross, primal->host_cross, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, true, primal->cross,
                                   primal->factor, primal->cross_scratch, error);
  }
  if (status == DIVA_OK) {
    status = rotate_sample(primal, error);
  }
  if (status == DIVA_OK) {
    const struct diva_lambda_path path = {evaluate, primal};
    struct diva_summary *summary = &engine->analysis->summary;
    status = diva_lambda_choose(&path, diva_path_scale(primal), &engine->lambda,
                                &summary->lambda_at_edge, error);
    summary->lambda_chosen = true;
  }
  diva_engine_account(engine, PHASE_FACTOR, start);
  return status;
}
