/* Short sketches of all rows: random projections of rows divided by their norms. */
#include "sketch.h"

#include "host/core/random.h"
#include "host/dataset/gather.h"
#include "host/dataset/prefetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DIVA_SKETCH_SIZE, TILE_BYTES = 8 << 20, MOST_ROWS = 4096 };

double diva_sketch_distance(const float *a, const float *b, int64_t size) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < size; j++) {
    const float difference = a[j] - b[j];
    sum += difference * difference;
  }
  return (double)sum;
}

static int64_t count_tile_rows(const struct diva_dataset_info *info) {
  int64_t rows = (int64_t)TILE_BYTES / (info->columns * (int64_t)sizeof(float));
  rows = rows < MOST_ROWS ? rows : MOST_ROWS;
  rows = rows > 1 ? rows : 1;
  return rows < info->rows ? rows : info->rows;
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
  const int64_t d = sketch->info.columns;
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
  struct diva_engine *engine = &sketch->engine;
  double *values = NULL;
  struct diva_matrix wide;
  enum diva_status status = diva_allocate(SIZE * sketch->info.columns, sizeof *values,
                                          "projections", (void **)&values, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, SIZE, sketch->info.columns, (int64_t)sizeof(double), &wide,
                                error);
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

static enum diva_status open_device(struct diva_sketch *sketch, struct diva_error *error) {
  struct diva_engine *engine = &sketch->engine;
  const int64_t d = sketch->info.columns;
  const int64_t rows = sketch->tile_rows;
  const int64_t real = (int64_t)sizeof(float);
  const int64_t no_fault = INT64_MAX;
  struct diva_vector memory = {0};
  enum diva_status status =
      diva_engine_open_backend(engine, false, rows, d > SIZE ? d : SIZE, error);
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, rows * d, diva_dtype_size(sketch->info.feature_type),
                                &memory, error);
    sketch->raw =
        (struct diva_matrix){.buffer = memory.buffer, .rows = rows, .columns = d, .stride = d};
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, rows, d, real, &sketch->z, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, SIZE, d, real, &sketch->projection, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, rows, SIZE, real, &sketch->projected, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, 1, (int64_t)sizeof no_fault, &memory, error);
    sketch->fault = memory.buffer;
  }
  return status == DIVA_OK ? engine->ops->upload(engine->backend, sketch->fault, 0, &no_fault,
                                                 (int64_t)sizeof no_fault, error)
                           : status;
}

/* Stored rows to rows of norm 1 on the device. */
static enum diva_status prepare(struct diva_sketch *sketch, const void *stored, int64_t first,
                                int64_t count, struct diva_error *error) {
  struct diva_engine *engine = &sketch->engine;
  const struct diva_preparation preparation = {.type = sketch->info.feature_type,
                                               .unit_rows = true};
  struct diva_matrix raw = sketch->raw;
  struct diva_matrix z = sketch->z;
  raw.rows = z.rows = count;
  const enum diva_status status =
      engine->ops->upload(engine->backend, raw.buffer, 0, stored,
                          count * raw.columns * diva_dtype_size(preparation.type), error);
  return status == DIVA_OK ? engine->ops->prepare_rows(engine->backend, raw, &preparation, first, z,
                                                       sketch->fault, error)
                           : status;
}

/* The first `count` rows of a float32 matrix to contiguous rows on the host. */
static enum diva_status download(struct diva_sketch *sketch, struct diva_matrix from, int64_t count,
                                 float *to, struct diva_error *error) {
  const struct diva_engine *engine = &sketch->engine;
  const int64_t real = (int64_t)sizeof *to;
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = engine->ops->download(engine->backend, from.buffer, i * from.stride * real,
                                   to + i * from.columns, from.columns * real, error);
  }
  return status;
}

static enum diva_status sketch_tile(struct diva_sketch *sketch,
                                    const struct diva_prefetch_tile *tile,
                                    struct diva_error *error) {
  struct diva_engine *engine = &sketch->engine;
  struct diva_matrix z = sketch->z;
  struct diva_matrix projected = sketch->projected;
  z.rows = projected.rows = tile->count;
  enum diva_status status = prepare(sketch, tile->features, tile->first, tile->count, error);
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, false, false, true, z, sketch->projection,
                                   projected, error);
  }
  return status == DIVA_OK
             ? download(sketch, projected, tile->count, sketch->values + tile->first * SIZE, error)
             : status;
}

static enum diva_status sketch_all(struct diva_sketch *sketch, struct diva_error *error) {
  const int64_t rows = sketch->info.rows;
  struct diva_prefetch *prefetch = NULL;
  enum diva_status status =
      diva_prefetch_start(sketch->dataset, sketch->tile_rows, &prefetch, error);
  for (int64_t done = 0; status == DIVA_OK && done < rows;) {
    struct diva_prefetch_tile tile;
    status = diva_progress_report(&sketch->run.progress, "near-duplicates", done, rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    if (status == DIVA_OK) {
      status = sketch_tile(sketch, &tile, error);
      done = tile.first + tile.count;
    }
  }
  diva_prefetch_stop(prefetch);
  return status == DIVA_OK
             ? diva_engine_check_fault(&sketch->engine, sketch->fault, sketch->dataset, error)
             : status;
}

enum diva_status diva_sketch_make(struct diva_dataset *dataset,
                                  const struct diva_duplicates_options *options,
                                  struct diva_sketch *out, struct diva_error *error) {
  *out = (struct diva_sketch){.dataset = dataset};
  diva_dataset_describe(dataset, &out->info);
  diva_analysis_options_init(&out->run);
  /* One piece of work for one thread at a time, so that the bytes do not depend on their number. */
  out->run.deterministic = true;
  out->run.progress = options->progress;
  out->tile_rows = count_tile_rows(&out->info);
  out->engine = (struct diva_engine){.options = &out->run,
                                     .train = dataset,
                                     .info = out->info,
                                     .threads = options->threads > 0 ? options->threads
                                                                     : diva_cores_available()};
  enum diva_status status = diva_backend_choose(options->backend, &out->engine.ops, error);
  if (status == DIVA_OK) {
    status = diva_allocate(out->info.rows, SIZE * (int64_t)sizeof *out->values,
                           "sketches of rows (--near-duplicates off does without)",
                           (void **)&out->values, error);
  }
  if (status == DIVA_OK) {
    status = open_device(out, error);
  }
  if (status == DIVA_OK) {
    status = upload_projection(out, options->seed, error);
  }
  return status == DIVA_OK ? sketch_all(out, error) : status;
}

enum diva_status diva_sketch_rows(struct diva_sketch *sketch, const int64_t *rows, int64_t count,
                                  float *out, struct diva_error *error) {
  const int64_t d = sketch->info.columns;
  void *stored = NULL;
  enum diva_status status =
      diva_allocate(sketch->tile_rows, d * diva_dtype_size(sketch->info.feature_type), "candidates",
                    &stored, error);
  for (int64_t first = 0; first < count && status == DIVA_OK; first += sketch->tile_rows) {
    const int64_t left = count - first;
    const int64_t some = left < sketch->tile_rows ? left : sketch->tile_rows;
    status = diva_gather_features(sketch->dataset, rows + first, some, stored, error);
    if (status == DIVA_OK) {
      status = prepare(sketch, stored, 0, some, error);
    }
    if (status == DIVA_OK) {
      status = download(sketch, sketch->z, some, out + first * d, error);
    }
  }
  free(stored);
  return status;
}

void diva_sketch_free(struct diva_sketch *sketch) {
  if (sketch->engine.ops) {
    diva_engine_close_backend(&sketch->engine);
  }
  free(sketch->values);
  sketch->values = NULL;
}
