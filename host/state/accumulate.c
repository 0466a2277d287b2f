/* Terms of the sums on a device: prepared about a mean, squared, crossed with their targets. */
#include "accumulate.h"

#include "host/dataset/sizes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REAL = sizeof(double) };

/* Squares on the device, their copy on the host, and the scratch of the backend. */
static enum diva_status check_memory(const struct diva_accumulator *accumulator,
                                     const struct diva_dataset_info *info,
                                     struct diva_error *error) {
  const struct diva_memory_limit limit = diva_memory_limit_make(accumulator->options.memory);
  const double width = (double)accumulator->columns + 1.0;
  const double outputs = (double)accumulator->outputs;
  const double squares = 3.5 * width * (width + outputs) * REAL;
  const double stored = (double)diva_dtype_size(info->feature_type);
  const double tile =
      (double)accumulator->tile_rows * (width * (3.0 * stored + 2.0 * REAL) + 4.0 * outputs * REAL);
  const double rows = 120.0 * (double)info->rows;
  const double needed = squares + tile + rows;
  return diva_memory_check(needed < 0x1p62 ? (int64_t)needed : INT64_MAX, "a state", &limit, error);
}

static enum diva_status allocate_tile(struct diva_accumulator *accumulator, int64_t stored,
                                      struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const int64_t rows = accumulator->tile_rows;
  const int64_t columns = accumulator->columns;
  struct diva_vector memory;
  enum diva_status status = diva_engine_vector(engine, rows * columns, stored, &memory, error);
  accumulator->raw = (struct diva_matrix){
      .buffer = memory.buffer, .rows = rows, .columns = columns, .stride = columns};
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, rows, columns + 1, engine->element, &accumulator->z, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, rows * accumulator->outputs, REAL, &memory, error);
    accumulator->wide_y = (struct diva_matrix){.buffer = memory.buffer,
                                               .rows = rows,
                                               .columns = accumulator->outputs,
                                               .stride = accumulator->outputs};
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, rows, accumulator->outputs, engine->element,
                                &accumulator->y, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, rows, REAL, &accumulator->weight, error);
  }
  return status == DIVA_OK ? diva_engine_vector(engine, rows, REAL, &accumulator->share, error)
                           : status;
}

static enum diva_status allocate_sums(struct diva_accumulator *accumulator,
                                      struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const int64_t width = accumulator->columns + 1;
  struct diva_vector memory = {0};
  enum diva_status status =
      diva_engine_matrix(engine, width, width, REAL, &accumulator->gram, error);
  if (status == DIVA_OK) {
    status =
        diva_engine_matrix(engine, accumulator->outputs, width, REAL, &accumulator->cross, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_engine_matrix(engine, 2, accumulator->columns, REAL, &accumulator->moments, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, accumulator->columns, REAL, &accumulator->centre, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_engine_vector(engine, accumulator->columns, REAL, &accumulator->row_centre, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, 1, (int64_t)sizeof(int64_t), &memory, error);
    accumulator->fault = memory.buffer;
  }
  return status == DIVA_OK ? diva_allocate(4 * accumulator->columns, REAL, "moments",
                                           (void **)&accumulator->host_moments, error)
                           : status;
}

enum diva_status diva_accumulator_open(struct diva_accumulator *accumulator,
                                       const struct diva_analysis_options *options,
                                       const struct diva_dataset_info *info, int64_t most_rows,
                                       struct diva_error *error) {
  const bool double_tiles = options->precision != DIVA_PRECISION_FLOAT32;
  *accumulator = (struct diva_accumulator){
      .options = *options,
      .columns = info->columns,
      .outputs = info->outputs,
      .unit_rows = options->scale == DIVA_SCALE_L2,
      .tile_rows =
          diva_plan_tile_rows(most_rows > 0 ? most_rows : 1, info->columns, info->outputs,
                              double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float)),
  };
  accumulator->engine = (struct diva_engine){
      .options = &accumulator->options,
      .info = *info,
      .threads = options->threads > 0 ? options->threads : diva_cores_available(),
  };
  struct diva_engine *engine = &accumulator->engine;
  const double width = (double)info->columns + 1.0;
  enum diva_status status = check_memory(accumulator, info, error);
  if (status == DIVA_OK) {
    status = diva_engine_choose_and_open(
        engine, options->backend,
        (double)info->rows * width * (width + 2.0 * (double)info->outputs), double_tiles,
        accumulator->tile_rows, info->columns + 1, error);
  }
  if (status == DIVA_OK) {
    status = allocate_tile(accumulator, diva_dtype_size(info->feature_type), error);
  }
  return status == DIVA_OK ? allocate_sums(accumulator, error) : status;
}

void diva_accumulator_close(struct diva_accumulator *accumulator) {
  if (accumulator->engine.ops) {
    diva_engine_close_backend(&accumulator->engine);
  }
  free(accumulator->host_moments);
  accumulator->host_moments = NULL;
}

static struct diva_matrix first_rows(struct diva_matrix matrix, int64_t rows) {
  matrix.rows = rows;
  return matrix;
}

static struct diva_vector first_values(struct diva_vector vector, int64_t length) {
  vector.length = length;
  return vector;
}

static enum diva_status upload_reals(struct diva_accumulator *accumulator, struct diva_vector to,
                                     const double *from, int64_t count, struct diva_error *error) {
  const struct diva_engine *engine = &accumulator->engine;
  return engine->ops->upload(engine->backend, to.buffer, 0, from, count * REAL, error);
}

enum diva_status diva_accumulator_start(struct diva_accumulator *accumulator, const double *mean,
                                        const double *row_mean, struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const int64_t no_fault = INT64_MAX;
  struct diva_matrix sums[] = {accumulator->gram, accumulator->cross};
  enum diva_status status = engine->ops->upload(engine->backend, accumulator->fault, 0, &no_fault,
                                                (int64_t)sizeof no_fault, error);
  for (size_t i = 0; i < sizeof sums / sizeof *sums && status == DIVA_OK; i++) {
    status = diva_engine_zero(engine, sums[i], error);
  }
  if (status == DIVA_OK) {
    status = upload_reals(accumulator, accumulator->centre, mean, accumulator->columns, error);
  }
  if (status == DIVA_OK) {
    status =
        upload_reals(accumulator, accumulator->row_centre, row_mean, accumulator->columns, error);
  }
  memset(accumulator->host_moments, 0, (size_t)accumulator->columns * 2 * REAL);
  accumulator->taken = 0;
  accumulator->same_centre =
      !accumulator->unit_rows && memcmp(mean, row_mean, (size_t)accumulator->columns * REAL) == 0;
  return status;
}

/* The first rows of `z`, with a constant column, from rows that are on the device as stored. */
static enum diva_status prepare(struct diva_accumulator *accumulator, int64_t rows, bool unit_rows,
                                struct diva_vector centre, struct diva_matrix *z,
                                struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const struct diva_preparation preparation = {.type = engine->info.feature_type,
                                               .unit_rows = unit_rows,
                                               .constant_column = true,
                                               .shift = centre};
  *z = first_rows(accumulator->z, rows);
  return engine->ops->prepare_rows(engine->backend, first_rows(accumulator->raw, rows),
                                   &preparation, accumulator->taken, *z, accumulator->fault, error);
}

static enum diva_status upload_features(struct diva_accumulator *accumulator, const void *features,
                                        int64_t rows, struct diva_error *error) {
  const struct diva_engine *engine = &accumulator->engine;
  const int64_t row_bytes = accumulator->columns * diva_dtype_size(engine->info.feature_type);
  return engine->ops->upload(engine->backend, accumulator->raw.buffer, 0, features,
                             rows * row_bytes, error);
}

/* Plain means of prepared rows; where a sum overflows or there is a NaN, 0 is as good as any. */
static enum diva_status guess(struct diva_accumulator *accumulator, int64_t rows, bool unit_rows,
                              double *mean, struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const int64_t d = accumulator->columns;
  struct diva_matrix z;
  double *sums = NULL;
  enum diva_status status = diva_allocate(2 * d, REAL, "column means", (void **)&sums, error);
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, accumulator->moments, error);
  }
  if (status == DIVA_OK) {
    status = prepare(accumulator, rows, unit_rows, (struct diva_vector){0}, &z, error);
  }
  if (status == DIVA_OK) {
    z.columns = d;
    status = engine->ops->moments_accumulate(engine->backend, z, (struct diva_vector){0},
                                             accumulator->moments, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, accumulator->moments, sums, error);
  }
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    const double value = sums[j] / (double)rows;
    mean[j] = isfinite(value) ? value : 0.0;
  }
  free(sums);
  return status;
}

enum diva_status diva_accumulator_guess(struct diva_accumulator *accumulator, const void *features,
                                        int64_t rows, double *mean, double *row_mean,
                                        struct diva_error *error) {
  enum diva_status status = upload_features(accumulator, features, rows, error);
  if (status == DIVA_OK) {
    status = guess(accumulator, rows, false, row_mean, error);
  }
  return status == DIVA_OK ? guess(accumulator, rows, accumulator->unit_rows, mean, error) : status;
}

/* Factors of rows on the device; absent where all are 1. */
static enum diva_status upload_factors(struct diva_accumulator *accumulator, const double *factors,
                                       int64_t rows, struct diva_vector memory,
                                       struct diva_vector *out, struct diva_error *error) {
  *out = (struct diva_vector){0};
  if (!factors) {
    return DIVA_OK;
  }
  *out = first_values(memory, rows);
  return upload_reals(accumulator, memory, factors, rows, error);
}

static enum diva_status add_products(struct diva_accumulator *accumulator,
                                     const struct diva_contribution *from, struct diva_matrix z,
                                     struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const struct diva_matrix wide = first_rows(accumulator->wide_y, from->rows);
  const struct diva_matrix y = first_rows(accumulator->y, from->rows);
  struct diva_vector weight;
  enum diva_status status =
      upload_factors(accumulator, from->weight, from->rows, accumulator->weight, &weight, error);
  if (status == DIVA_OK) {
    status = engine->ops->gram_accumulate(engine->backend, z, weight, accumulator->gram, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, wide.buffer, 0, from->y,
                                 from->rows * accumulator->outputs * REAL, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, wide, y, error);
  }
  return status == DIVA_OK
             ? engine->ops->cross_accumulate(engine->backend, y, (struct diva_vector){0}, z,
                                             accumulator->cross, error)
             : status;
}

/* Of raw features, which have to be prepared again where the products were of unit rows or are
 * about another mean. Sums of a tile are added up, for one long sum of squares would lose digits
 * with the number of rows. */
static enum diva_status add_moments(struct diva_accumulator *accumulator,
                                    const struct diva_contribution *from, struct diva_matrix z,
                                    struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  struct diva_vector share;
  enum diva_status status =
      upload_factors(accumulator, from->share, from->rows, accumulator->share, &share, error);
  if (status == DIVA_OK && !accumulator->same_centre) {
    status = prepare(accumulator, from->rows, false, accumulator->row_centre, &z, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, accumulator->moments, error);
  }
  const int64_t values = 2 * accumulator->columns;
  double *all = accumulator->host_moments;
  double *tile = all + values;
  z.columns = accumulator->columns;
  if (status == DIVA_OK) {
    status =
        engine->ops->moments_accumulate(engine->backend, z, share, accumulator->moments, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, accumulator->moments, tile, error);
  }
  for (int64_t j = 0; j < values && status == DIVA_OK; j++) {
    all[j] += tile[j];
  }
  return status;
}

enum diva_status diva_accumulator_add(struct diva_accumulator *accumulator,
                                      const struct diva_contribution *contribution,
                                      struct diva_error *error) {
  struct diva_matrix z;
  enum diva_status status =
      upload_features(accumulator, contribution->features, contribution->rows, error);
  if (status == DIVA_OK) {
    status = prepare(accumulator, contribution->rows, accumulator->unit_rows, accumulator->centre,
                     &z, error);
  }
  if (status == DIVA_OK) {
    status = add_products(accumulator, contribution, z, error);
  }
  if (status == DIVA_OK) {
    status = add_moments(accumulator, contribution, z, error);
  }
  accumulator->taken += contribution->rows;
  return status;
}

enum diva_status diva_accumulator_fault(struct diva_accumulator *accumulator, int64_t *row,
                                        int64_t *column, struct diva_error *error) {
  const struct diva_engine *engine = &accumulator->engine;
  int64_t position = 0;
  const enum diva_status status = engine->ops->download(engine->backend, accumulator->fault, 0,
                                                        &position, (int64_t)sizeof position, error);
  const bool none = status != DIVA_OK || position == INT64_MAX;
  *row = none ? -1 : position / accumulator->columns;
  *column = none ? -1 : position % accumulator->columns;
  return status;
}

static enum diva_status download_terms(struct diva_accumulator *accumulator,
                                       struct diva_sums_terms *terms, struct diva_error *error) {
  struct diva_engine *engine = &accumulator->engine;
  const int64_t width = accumulator->columns + 1;
  enum diva_status status =
      diva_allocate(width * width, REAL, "the Gram matrix", (void **)&terms->gram, error);
  if (status == DIVA_OK) {
    status = diva_allocate(accumulator->outputs * width, REAL, "cross sums", (void **)&terms->cross,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(accumulator->columns, REAL, "means", (void **)&terms->offset, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, accumulator->gram, terms->gram, error);
  }
  terms->moments = accumulator->host_moments;
  return status == DIVA_OK ? diva_engine_download(engine, accumulator->cross, terms->cross, error)
                           : status;
}

enum diva_status diva_accumulator_finish(struct diva_accumulator *accumulator, double weight,
                                         int64_t rows, struct diva_sums *sums,
                                         struct diva_error *error) {
  struct diva_sums_terms terms = {0};
  enum diva_status status = download_terms(accumulator, &terms, error);
  if (status == DIVA_OK) {
    diva_sums_add_terms(sums, &terms, weight, rows);
  }
  free(terms.gram);
  free(terms.cross);
  free(terms.offset);
  return status == DIVA_OK ? diva_sums_check_finite(sums, error) : status;
}
