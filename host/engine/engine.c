/* The device side of a run: opening a backend, taking and releasing its memory. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

/* Enough that the bus is busy and not the calls; taking such memory is slow. */
enum { LANDING_BYTES = 8 << 20 };

int64_t diva_engine_stride(int64_t columns) {
  const int64_t stride = (columns + 15) / 16 * 16;
  return stride % 512 == 0 ? stride + 16 : stride;
}

static enum diva_status take_buffer(struct diva_engine *engine, int64_t count, int64_t element,
                                    struct diva_buffer **out, struct diva_error *error) {
  int64_t bytes;
  if (!diva_size_multiply(count, element, 1, &bytes)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "a buffer of %lld elements overflows",
                          (long long)count);
  }
  if (engine->counts) {
    *out = NULL;
    engine->buffer_bytes += diva_device_rounded(bytes);
    return DIVA_OK;
  }
  if (engine->buffer_count == DIVA_ENGINE_BUFFERS) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "more than %d device buffers",
                          DIVA_ENGINE_BUFFERS);
  }
  enum diva_status status = engine->ops->buffer_create(engine->backend, bytes, out, error);
  if (status == DIVA_OK) {
    engine->buffers[engine->buffer_count++] = *out;
    engine->buffer_bytes += bytes;
  } else {
    diva_error_prefix(error,
                      "the run holds %.1f MiB so far: ", (double)engine->buffer_bytes / 0x1p20);
  }
  return status;
}

enum diva_status diva_engine_matrix(struct diva_engine *engine, int64_t rows, int64_t columns,
                                    int64_t element, struct diva_matrix *out,
                                    struct diva_error *error) {
  *out =
      (struct diva_matrix){.rows = rows, .columns = columns, .stride = diva_engine_stride(columns)};
  int64_t count;
  if (!diva_size_multiply(rows, out->stride, 1, &count)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "a matrix of %lld x %lld overflows",
                          (long long)rows, (long long)columns);
  }
  return take_buffer(engine, count, element, &out->buffer, error);
}

enum diva_status diva_engine_vector(struct diva_engine *engine, int64_t length, int64_t element,
                                    struct diva_vector *out, struct diva_error *error) {
  *out = (struct diva_vector){.length = length};
  return take_buffer(engine, length, element, &out->buffer, error);
}

enum diva_status diva_engine_zero(struct diva_engine *engine, struct diva_matrix matrix,
                                  struct diva_error *error) {
  const int64_t element = (int64_t)sizeof(double);
  return engine->ops->zero(engine->backend, matrix.buffer, matrix.offset * element,
                           matrix.rows * matrix.stride * element, error);
}

static enum diva_status upload_by_rows(struct diva_engine *engine, struct diva_matrix to,
                                       const double *from, struct diva_error *error) {
  const int64_t element = (int64_t)sizeof(double);
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < to.rows && status == DIVA_OK; i++) {
    status = engine->ops->upload(engine->backend, to.buffer, (to.offset + i * to.stride) * element,
                                 from + i * to.columns, to.columns * element, error);
  }
  return status;
}

/* Rows [first, first + rows) in one upload, zeros between them: each costs more to start than its
 * bytes do. */
static enum diva_status upload_padded(struct diva_engine *engine, struct diva_matrix to,
                                      int64_t first, int64_t rows, double *padded,
                                      const double *from, struct diva_error *error) {
  const int64_t element = (int64_t)sizeof(double);
  const int64_t values = (rows - 1) * to.stride + to.columns;
  for (int64_t i = 0; i < rows; i++) {
    memcpy(padded + i * to.stride, from + (first + i) * to.columns, (size_t)(to.columns * element));
  }
  return engine->ops->upload(engine->backend, to.buffer, (to.offset + first * to.stride) * element,
                             padded, values * element, error);
}

/* How many rows with their padding travel at once. */
static int64_t rows_at_once(struct diva_matrix matrix) {
  enum { PIECE_VALUES = 1 << 17 };
  const int64_t fitting = PIECE_VALUES / matrix.stride > 0 ? PIECE_VALUES / matrix.stride : 1;
  return fitting < matrix.rows ? fitting : matrix.rows;
}

enum diva_status diva_engine_upload(struct diva_engine *engine, struct diva_matrix to,
                                    const double *from, struct diva_error *error) {
  const bool whole = diva_engine_stride(to.columns) == to.stride;
  const int64_t piece = rows_at_once(to);
  double *padded = NULL;
  if (!whole || !engine->ops->upload_begin) {
    return upload_by_rows(engine, to, from, error);
  }
  enum diva_status status = diva_allocate(piece * to.stride, (int64_t)sizeof *padded,
                                          "rows on their way", (void **)&padded, error);
  for (int64_t first = 0; first < to.rows && status == DIVA_OK; first += piece) {
    const int64_t left = to.rows - first;
    status = upload_padded(engine, to, first, left < piece ? left : piece, padded, from, error);
  }
  free(padded);
  return status;
}

/* Rows [first, first + rows) with their padding in one download, which costs more to start than its
 * bytes do. All threads take them from there: fresh memory costs its first touch. */
static enum diva_status download_rows(struct diva_engine *engine, struct diva_matrix from,
                                      int64_t first, int64_t rows, double *padded, double *to,
                                      struct diva_error *error) {
  enum { FEW_VALUES = 1 << 17 };
  const int64_t element = (int64_t)sizeof(double);
  const int64_t values = (rows - 1) * from.stride + from.columns;
  const enum diva_status status = engine->ops->download(
      engine->backend, from.buffer, (from.offset + first * from.stride) * element, padded,
      values * element, error);
  if (status != DIVA_OK) {
    return status;
  }
#pragma omp parallel for schedule(static) num_threads(engine->threads) if (values > FEW_VALUES)
  for (int64_t i = 0; i < rows; i++) {
    memcpy(to + (first + i) * from.columns, padded + i * from.stride,
           (size_t)(from.columns * element));
  }
  return DIVA_OK;
}

static enum diva_status download_landing(struct diva_engine *engine, struct diva_matrix from,
                                         double *to, struct diva_error *error) {
  const int64_t piece = (int64_t)LANDING_BYTES / (from.stride * (int64_t)sizeof(double));
  enum diva_status status = DIVA_OK;
  for (int64_t first = 0; first < from.rows && status == DIVA_OK; first += piece) {
    const int64_t left = from.rows - first;
    status = download_rows(engine, from, first, left < piece ? left : piece,
                           (double *)(void *)engine->landing, to, error);
  }
  return status;
}

enum diva_status diva_engine_download_bytes(struct diva_engine *engine,
                                            const struct diva_buffer *from, int64_t bytes, void *to,
                                            struct diva_error *error) {
  enum { PIECE = 1 << 20 };
  enum diva_status status = DIVA_OK;
  if (!engine->landing) {
    return engine->ops->download(engine->backend, from, 0, to, bytes, error);
  }
  for (int64_t at = 0; at < bytes && status == DIVA_OK; at += LANDING_BYTES) {
    const int64_t left = bytes - at;
    const int64_t landed = left < LANDING_BYTES ? left : LANDING_BYTES;
    status = engine->ops->download(engine->backend, from, at, engine->landing, landed, error);
    if (status != DIVA_OK) {
      return status;
    }
#pragma omp parallel for schedule(static) num_threads(engine->threads) if (landed > PIECE)
    for (int64_t first = 0; first < landed; first += PIECE) {
      const int64_t rest = landed - first;
      memcpy((char *)to + at + first, engine->landing + first,
             (size_t)(rest < PIECE ? rest : PIECE));
    }
  }
  return status;
}

enum diva_status diva_engine_download(struct diva_engine *engine, struct diva_matrix from,
                                      double *to, struct diva_error *error) {
  if (engine->landing && from.stride * (int64_t)sizeof(double) <= LANDING_BYTES) {
    return download_landing(engine, from, to, error);
  }
  const int64_t piece = rows_at_once(from);
  double *padded = NULL;
  enum diva_status status = diva_allocate(piece * from.stride, (int64_t)sizeof *padded,
                                          "rows on their way", (void **)&padded, error);
  for (int64_t first = 0; first < from.rows && status == DIVA_OK; first += piece) {
    const int64_t left = from.rows - first;
    status = download_rows(engine, from, first, left < piece ? left : piece, padded, to, error);
  }
  free(padded);
  return status;
}

enum diva_status diva_engine_open_config(struct diva_engine *engine,
                                         const struct diva_backend_config *config,
                                         struct diva_error *error) {
  engine->element = config->double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
  enum diva_status status = engine->ops->open(config, &engine->backend, error);
  if (status == DIVA_OK && engine->ops->host_create) {
    status =
        engine->ops->host_create(engine->backend, LANDING_BYTES, (void **)&engine->landing, error);
  }
  if (status != DIVA_OK) {
    diva_engine_close_backend(engine);
  }
  return status;
}

enum diva_status diva_engine_open_backend(struct diva_engine *engine, bool double_tiles,
                                          int64_t tile_rows, int64_t columns,
                                          struct diva_error *error) {
  const struct diva_backend_config config = {
      .double_tiles = double_tiles,
      .deterministic = engine->options->deterministic,
      .threads = engine->threads,
      .tile_rows = tile_rows,
      .columns = columns,
      .outputs = engine->info.outputs,
  };
  return diva_engine_open_config(engine, &config, error);
}

enum diva_status diva_engine_choose_and_open(struct diva_engine *engine, const char *name,
                                             double flops, bool double_tiles, int64_t tile_rows,
                                             int64_t columns, struct diva_error *error) {
  enum diva_status status = diva_backend_choose_for(name, flops, &engine->ops, error);
  if (status != DIVA_OK) {
    return status;
  }
  status = diva_engine_open_backend(engine, double_tiles, tile_rows, columns, error);
  if (status != DIVA_ERROR_RESOURCE || !diva_backend_left_open(name)) {
    return status;
  }
  status = diva_backend_choose_for(name, 0.0, &engine->ops, error);
  return status == DIVA_OK
             ? diva_engine_open_backend(engine, double_tiles, tile_rows, columns, error)
             : status;
}

void diva_engine_close_backend(struct diva_engine *engine) {
  for (int i = 0; i < engine->buffer_count; i++) {
    engine->ops->buffer_destroy(engine->backend, engine->buffers[i]);
  }
  engine->buffer_count = 0;
  engine->buffer_bytes = 0;
  if (engine->landing) {
    engine->ops->host_destroy(engine->backend, engine->landing);
    engine->landing = NULL;
  }
  if (engine->backend) {
    engine->ops->close(engine->backend);
    engine->backend = NULL;
  }
}

double diva_engine_sum_rows(int threads, int64_t rows, diva_row_terms terms, const void *context) {
  enum { BLOCK = 1 << 16, BLOCKS = 64 };
  double total = 0.0;
  for (int64_t first = 0; first < rows; first += (int64_t)BLOCK * BLOCKS) {
    double sums[BLOCKS] = {0};
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (rows > BLOCK)
    for (int64_t b = 0; b < BLOCKS; b++) {
      const int64_t start = first + b * BLOCK;
      const int64_t end = start + BLOCK < rows ? start + BLOCK : rows;
      sums[b] = start < end ? terms(context, start, end) : 0.0;
    }
    for (int64_t b = 0; b < BLOCKS; b++) {
      total += sums[b];
    }
  }
  return total;
}

double diva_engine_account(struct diva_engine *engine, int phase, double since) {
  const double now = diva_clock_seconds();
  engine->seconds[phase] += now - since;
  return now;
}

enum diva_status diva_engine_fault(const struct diva_dataset *dataset, int64_t row, int64_t column,
                                   struct diva_error *error) {
  int64_t row_in_file;
  const char *path = diva_dataset_row_path(dataset, row, &row_in_file);
  char scratch[DIVA_ID_SCRATCH_SIZE];
  diva_error_set(error, DIVA_ERROR_INPUT,
                 "/features: row %lld (id %s), column %lld is NaN or infinite",
                 (long long)row_in_file, diva_dataset_id(dataset, row, scratch), (long long)column);
  if (path) {
    diva_error_prefix(error, "%s: ", path);
  }
  if (error) {
    error->row = row;
  }
  return DIVA_ERROR_INPUT;
}

enum diva_status diva_engine_check_fault(struct diva_engine *engine,
                                         const struct diva_buffer *fault,
                                         const struct diva_dataset *dataset,
                                         struct diva_error *error) {
  int64_t position = 0;
  const enum diva_status status =
      engine->ops->download(engine->backend, fault, 0, &position, (int64_t)sizeof position, error);
  if (status != DIVA_OK || position == INT64_MAX) {
    return status;
  }
  return diva_engine_fault(dataset, position / engine->info.columns,
                           position % engine->info.columns, error);
}
