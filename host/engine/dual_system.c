/* The dual system: reading the training rows, the kernel matrix, and its bordered inverse. */
#include "dual.h"

#include "host/dataset/prefetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REAL = sizeof(double) };

enum diva_status diva_dual_allocate(struct diva_dual *dual, struct diva_error *error) {
  const int64_t m = dual->rows;
  const int64_t tile = dual->tile_rows;
  const struct {
    double **array;
    int64_t count;
  } arrays[] = {
      {&dual->alpha, m},
      {&dual->y, m * dual->outputs},
      {&dual->target, m * dual->outputs},
      {&dual->z, m * dual->columns},
      {&dual->kernel, m * m},
      {&dual->q, m * m},
      {&dual->c, m * dual->outputs},
      {&dual->s_ones, m},
      {&dual->tile_z, tile * dual->columns},
      {&dual->tile_k, tile * m},
      {&dual->tile_q, tile * m},
  };
  enum diva_status status =
      diva_allocate(m, sizeof *dual->index, "training rows", (void **)&dual->index, error);
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == DIVA_OK; i++) {
    status =
        diva_allocate(arrays[i].count, REAL, "the dual system", (void **)arrays[i].array, error);
  }
  return status;
}

static enum diva_status take_system(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const int64_t m = dual->rows;
  const int64_t d = dual->columns;
  const struct {
    struct diva_matrix *matrix;
    int64_t rows;
    int64_t columns;
  } matrices[] = {
      {&dual->device_z, m, d},
      {&dual->device_k, m, m},
      {&dual->device_s, m, m},
      {&dual->device_inverse, m, m},
      {&dual->device_tile, dual->tile_rows, d},
      {&dual->device_tile_k, dual->tile_rows, m},
  };
  struct diva_vector memory;
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == DIVA_OK; i++) {
    status = diva_engine_matrix(engine, matrices[i].rows, matrices[i].columns, REAL,
                                matrices[i].matrix, error);
  }
  if (status == DIVA_OK) {
    /* Stored values of any set have at most 8 bytes. */
    status = diva_engine_vector(engine, dual->tile_rows * d, REAL, &memory, error);
    dual->raw = (struct diva_matrix){
        .buffer = memory.buffer, .rows = dual->tile_rows, .columns = d, .stride = d};
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, d, REAL, &dual->shift, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, d, REAL, &dual->multiplier, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, 1, REAL, &memory, error);
    dual->fault = memory.buffer;
  }
  return status;
}

enum diva_status diva_dual_take(struct diva_dual *dual, struct diva_error *error) {
  enum diva_status status = take_system(dual, error);
  if (status == DIVA_OK) {
    status = diva_dual_groups_take(dual, error);
  }
  return status == DIVA_OK ? diva_dual_removal_take(dual, error) : status;
}

void diva_dual_free(struct diva_dual *dual) {
  double *arrays[] = {dual->alpha, dual->y,      dual->target, dual->z,      dual->kernel, dual->q,
                      dual->c,     dual->s_ones, dual->tile_z, dual->tile_k, dual->tile_q};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    free(arrays[i]);
  }
  free(dual->index);
  diva_dual_groups_free(dual);
  diva_dual_removal_free(dual);
  diva_engine_close_backend(dual->engine);
}

static struct diva_matrix first_rows(struct diva_matrix matrix, int64_t rows) {
  matrix.rows = rows;
  return matrix;
}

static enum diva_status prepare(struct diva_dual *dual, const struct diva_prefetch_tile *read,
                                enum diva_dtype type, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const struct diva_matrix z = first_rows(dual->device_tile, read->count);
  struct diva_preparation preparation = dual->preparation;
  preparation.type = type;
  enum diva_status status =
      engine->ops->upload(engine->backend, dual->raw.buffer, 0, read->features,
                          read->count * dual->columns * diva_dtype_size(type), error);
  if (status == DIVA_OK) {
    status = engine->ops->prepare_rows(engine->backend, first_rows(dual->raw, read->count),
                                       &preparation, read->first, z, dual->fault, error);
  }
  return status == DIVA_OK ? diva_engine_download(engine, z, dual->tile_z, error) : status;
}

enum diva_status diva_dual_visit(struct diva_dual *dual, struct diva_dataset *dataset,
                                 diva_dual_visitor visit, void *context, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dataset_info info;
  struct diva_prefetch *prefetch = NULL;
  diva_dataset_describe(dataset, &info);
  enum diva_status status = diva_prefetch_start(dataset, dual->tile_rows, &prefetch, error);
  for (int64_t done = 0; status == DIVA_OK && done < info.rows;) {
    struct diva_prefetch_tile read;
    status = diva_progress_report(&engine->options->progress, "dual", done, info.rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &read, error);
    }
    if (status == DIVA_OK) {
      status = prepare(dual, &read, info.feature_type, error);
    }
    if (status == DIVA_OK) {
      const struct diva_dual_tile tile = {read.first, read.count, read.targets, read.base_outputs};
      status = !engine->labels ? diva_rows_check_distribution(engine, read.targets, read.first,
                                                              read.count, error)
                               : DIVA_OK;
      if (status == DIVA_OK) {
        status = visit(dual, context, &tile, error);
      }
      done = read.first + read.count;
    }
  }
  diva_prefetch_stop(prefetch);
  return status;
}

/* Keeps the training rows of a tile: features, weight, target. */
static enum diva_status gather(struct diva_dual *dual, void *context,
                               const struct diva_dual_tile *tile, struct diva_error *error) {
  const struct diva_engine *engine = dual->engine;
  int64_t *taken = context;
  (void)error;
  for (int64_t i = 0; i < tile->count; i++) {
    const int64_t row = tile->first + i;
    if (engine->weight[row] <= 0.0) {
      continue;
    }
    const int64_t at = (*taken)++;
    dual->index[at] = row;
    dual->alpha[at] = engine->weight[row];
    memcpy(dual->z + at * dual->columns, dual->tile_z + i * dual->columns,
           (size_t)dual->columns * sizeof(double));
    for (int64_t c = 0; c < dual->outputs; c++) {
      const int64_t from = i * dual->outputs + c;
      const double target =
          engine->labels ? (engine->labels[row] == c ? 1.0 : 0.0) : tile->targets[from];
      dual->target[at * dual->outputs + c] = target;
      dual->y[at * dual->outputs + c] =
          target - (tile->base_outputs ? tile->base_outputs[from] : 0.0);
    }
  }
  return DIVA_OK;
}

/* Weighted mean and 1 / standard deviation (0 for a constant column) of one column. */
static void column_facts(const struct diva_dual *dual, int64_t j, double *mean,
                         double *multiplier) {
  double sum = 0.0;
  double total = 0.0;
  for (int64_t i = 0; i < dual->rows; i++) {
    sum += dual->alpha[i] * dual->z[i * dual->columns + j];
    total += dual->alpha[i];
  }
  *mean = sum / total;
  double squares = 0.0;
  for (int64_t i = 0; i < dual->rows; i++) {
    const double centred = dual->z[i * dual->columns + j] - *mean;
    squares += dual->alpha[i] * centred * centred;
  }
  const double deviation = sqrt(squares / total);
  *multiplier = deviation > 1e-13 * fabs(*mean) ? 1.0 / deviation : 0.0;
}

static enum diva_status centre(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const bool standardize = engine->options->scale == DIVA_SCALE_STANDARDIZE;
  const int64_t bytes = dual->columns * REAL;
  double *facts = NULL;
  enum diva_status status =
      diva_allocate(2 * dual->columns, REAL, "column means", (void **)&facts, error);
  if (status != DIVA_OK) {
    return status;
  }
  double *multiplier = facts + dual->columns;
  int64_t constant = 0;
  for (int64_t j = 0; j < dual->columns; j++) {
    column_facts(dual, j, &facts[j], &multiplier[j]);
    constant += multiplier[j] == 0.0;
    for (int64_t i = 0; i < dual->rows; i++) {
      double *value = &dual->z[i * dual->columns + j];
      *value = (*value - facts[j]) * (standardize ? multiplier[j] : 1.0);
    }
  }
  engine->analysis->summary.constant_columns = standardize ? constant : 0;
  dual->preparation.shift = dual->shift;
  status = engine->ops->upload(engine->backend, dual->shift.buffer, 0, facts, bytes, error);
  if (status == DIVA_OK && standardize) {
    dual->preparation.multiplier = dual->multiplier;
    status =
        engine->ops->upload(engine->backend, dual->multiplier.buffer, 0, multiplier, bytes, error);
  }
  free(facts);
  return status;
}

static enum diva_status form_kernel(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  enum diva_status status = diva_engine_upload(engine, dual->device_z, dual->z, error);
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, true, dual->device_z,
                                   dual->device_z, dual->device_k, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, dual->device_k, dual->kernel, error);
  }
  double trace = 0.0;
  for (int64_t i = 0; i < dual->rows; i++) {
    trace += dual->kernel[i * dual->rows + i];
  }
  dual->constant = engine->options->intercept ? trace / (double)dual->rows : 0.0;
  for (int64_t i = 0; i < dual->rows * dual->rows; i++) {
    dual->kernel[i] += dual->constant;
  }
  return status;
}

enum diva_status diva_dual_load(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const int64_t no_fault = INT64_MAX;
  int64_t taken = 0;
  dual->preparation =
      (struct diva_preparation){.unit_rows = engine->options->scale == DIVA_SCALE_L2};
  enum diva_status status = engine->ops->upload(engine->backend, dual->fault, 0, &no_fault,
                                                (int64_t)sizeof no_fault, error);
  if (status == DIVA_OK) {
    status = diva_dual_visit(dual, engine->train, gather, &taken, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_check_fault(engine, dual->fault, engine->train, error);
  }
  if (status == DIVA_OK &&
      (engine->options->intercept || engine->options->scale == DIVA_SCALE_STANDARDIZE)) {
    status = centre(dual, error);
  }
  return status == DIVA_OK ? form_kernel(dual, error) : status;
}

void diva_dual_multiply(const struct diva_dual *dual, const double *a, int64_t rows, int64_t m,
                        const double *b, int64_t n, double *out) {
#pragma omp parallel for num_threads(dual->engine->threads)
  for (int64_t i = 0; i < rows; i++) {
    double *row = out + i * n;
    memset(row, 0, (size_t)n * sizeof *row);
    for (int64_t l = 0; l < m; l++) {
      const double factor = a[i * m + l];
      for (int64_t j = 0; j < n; j++) {
        row[j] += factor * b[l * n + j];
      }
    }
  }
}

/* Q from S^-1 by bordering with the unpenalised constant. */
static void border(struct diva_dual *dual) {
  const int64_t m = dual->rows;
  dual->s_total = 0.0;
  memset(dual->s_ones, 0, (size_t)m * sizeof *dual->s_ones);
  if (!dual->engine->options->intercept) {
    return;
  }
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < m; j++) {
      dual->s_ones[i] += dual->q[i * m + j];
    }
    dual->s_total += dual->s_ones[i];
  }
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < m; j++) {
      dual->q[i * m + j] -= dual->s_ones[i] * dual->s_ones[j] / dual->s_total;
    }
  }
}

enum diva_status diva_dual_solve(struct diva_dual *dual, double lambda, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const int64_t m = dual->rows;
  memcpy(dual->q, dual->kernel, (size_t)(m * m) * sizeof *dual->q);
  for (int64_t i = 0; i < m; i++) {
    dual->q[i * m + i] += lambda / dual->alpha[i];
  }
  enum diva_status status = diva_engine_upload(engine, dual->device_s, dual->q, error);
  if (status == DIVA_OK) {
    status = engine->ops->cholesky(engine->backend, dual->device_s, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->triangular_inverse(engine->backend, dual->device_s, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, true, dual->device_s,
                                   dual->device_s, dual->device_inverse, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, dual->device_inverse, dual->q, error);
  }
  if (status == DIVA_OK) {
    border(dual);
    diva_dual_multiply(dual, dual->q, m, m, dual->y, dual->outputs, dual->c);
  }
  return status;
}
