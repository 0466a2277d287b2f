/* Short sketches of all rows: random projections of rows divided by their norms. */
#include "sketch.h"

#include "host/core/random.h"
#include "host/dataset/gather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DIVA_SKETCH_SIZE, MOST_TILE_ROWS = 4096 };

double diva_sketch_distance(const float *a, const float *b, int64_t size) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < size; j++) {
    const float difference = a[j] - b[j];
    sum += difference * difference;
  }
  return (double)sum;
}

/* Two normal deviates (Box and Muller), divided so that sketches keep distances. */
static void draw_pair(struct diva_random *random, double *out) {
  const double two_pi = 6.283185307179586;
  const double scale = 1.0 / sqrt((double)SIZE);
  const double u = ((double)(diva_random_next(random) >> 11) + 0.5) * 0x1p-53;
  const double v = ((double)(diva_random_next(random) >> 11) + 0.5) * 0x1p-53;
  out[0] = scale * sqrt(-2.0 * log(u)) * cos(two_pi * v);
  out[1] = scale * sqrt(-2.0 * log(u)) * sin(two_pi * v);
}

/* Rows that are no wider than a sketch are their own. */
static void draw_projection(const struct diva_sketch *sketch, uint64_t seed, double *out) {
  const int64_t d = sketch->device.info.columns;
  struct diva_random random = {seed};
  for (int64_t j = 0; j < d && d <= SIZE; j++) {
    out[j * d + j] = 1.0;
  }
  for (int64_t i = 0; i < SIZE * d && d > SIZE; i += 2) {
    draw_pair(&random, out + i);
  }
}

static enum diva_status upload_projection(struct diva_sketch *sketch, uint64_t seed,
                                          struct diva_error *error) {
  struct diva_engine *engine = &sketch->device.engine;
  double *values = NULL;
  struct diva_matrix wide;
  enum diva_status status = diva_allocate(SIZE * sketch->device.info.columns, sizeof *values,
                                          "projections", (void **)&values, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, SIZE, sketch->device.info.columns, (int64_t)sizeof(double),
                                &wide, error);
  }
  if (status == DIVA_OK) {
    draw_projection(sketch, seed, values);
    status = diva_engine_upload(engine, wide, values, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, wide, sketch->projection, error);
  }
  free(values);
  return status;
}

static enum diva_status open_products(struct diva_sketch *sketch, struct diva_error *error) {
  struct diva_engine *engine = &sketch->device.engine;
  const int64_t real = (int64_t)sizeof(float);
  const enum diva_status status = diva_engine_matrix(engine, SIZE, sketch->device.info.columns,
                                                     real, &sketch->projection, error);
  return status == DIVA_OK ? diva_engine_matrix(engine, sketch->device.tile_rows, SIZE, real,
                                                &sketch->projected, error)
                           : status;
}

static enum diva_status sketch_tile(void *context, const struct diva_prefetch_tile *tile,
                                    struct diva_error *error) {
  struct diva_sketch *sketch = context;
  struct diva_engine *engine = &sketch->device.engine;
  struct diva_matrix z = sketch->device.z;
  struct diva_matrix projected = sketch->projected;
  z.rows = projected.rows = tile->count;
  const enum diva_status status = engine->ops->multiply(engine->backend, false, false, true, z,
                                                        sketch->projection, projected, error);
  return status == DIVA_OK ? diva_device_rows_download(&sketch->device, projected, tile->count,
                                                       sketch->values + tile->first * SIZE, error)
                           : status;
}

enum diva_status diva_sketch_make(struct diva_dataset *dataset,
                                  const struct diva_duplicates_options *options,
                                  struct diva_sketch *out, struct diva_error *error) {
  const struct diva_device_request request = {.dataset = dataset,
                                              .most_tile_rows = MOST_TILE_ROWS,
                                              .widest = SIZE,
                                              .backend = options->backend,
                                              .threads = options->threads,
                                              .progress = &options->progress};
  *out = (struct diva_sketch){.dataset = dataset};
  enum diva_status status = diva_device_rows_open(&request, &out->device, error);
  out->device.preparation.unit_rows = true;
  if (status == DIVA_OK) {
    status = diva_allocate(out->device.info.rows, SIZE * (int64_t)sizeof *out->values,
                           "sketches of rows (--near-duplicates off does without)",
                           (void **)&out->values, error);
  }
  if (status == DIVA_OK) {
    status = open_products(out, error);
  }
  if (status == DIVA_OK) {
    status = upload_projection(out, options->seed, error);
  }
  return status == DIVA_OK ? diva_device_rows_each(&out->device, dataset, "near-duplicates",
                                                   sketch_tile, out, error)
                           : status;
}

enum diva_status diva_sketch_rows(struct diva_sketch *sketch, const int64_t *rows, int64_t count,
                                  float *out, struct diva_error *error) {
  const int64_t d = sketch->device.info.columns;
  void *stored = NULL;
  enum diva_status status =
      diva_allocate(sketch->device.tile_rows, d * diva_dtype_size(sketch->device.info.feature_type),
                    "candidates", &stored, error);
  for (int64_t first = 0; first < count && status == DIVA_OK; first += sketch->device.tile_rows) {
    const int64_t left = count - first;
    const int64_t some = left < sketch->device.tile_rows ? left : sketch->device.tile_rows;
    status = diva_gather_features(sketch->dataset, rows + first, some, stored, error);
    if (status == DIVA_OK) {
      status = diva_device_rows_prepare(&sketch->device, stored, 0, some, error);
    }
    if (status == DIVA_OK) {
      status = diva_device_rows_download(&sketch->device, sketch->device.z, some, out + first * d,
                                         error);
    }
  }
  free(stored);
  return status;
}

void diva_sketch_free(struct diva_sketch *sketch) {
  diva_device_rows_close(&sketch->device);
  free(sketch->values);
  sketch->values = NULL;
}
