/* One reading of the features: hashes of rows and columns, moments, NaN and infinity. */
#include "content.h"

#include "host/core/core.h"
#include "host/dataset/prefetch.h"
#include "host/dataset/widen.h"
#include "host/state/row_hash.h"

#include <diva/system.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE_BYTES = 8 << 20, COLUMN_BLOCK = 64 };

/* A reading in progress; sums are of the distance from the first value, and of its square. */
struct reading {
  struct diva_content *content;
  double *values; /* tile rows x columns (owned) */
  double *sums;   /* columns x 2 (owned) */
  int threads;
};

static uint64_t mix(uint64_t hash, double value) {
  uint64_t bits;
  value += 0.0; /* -0 is 0 */
  memcpy(&bits, &value, sizeof bits);
  hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

static void read_row(const struct reading *reading, int64_t row, const double *values) {
  struct diva_content *content = reading->content;
  uint64_t hash = UINT64_C(0x243f6a8885a308d3);
  int32_t fault = -1;
  for (int64_t j = 0; j < content->columns; j++) {
    hash = mix(hash, values[j]);
    if (fault < 0 && !isfinite(values[j])) {
      fault = (int32_t)j;
    }
  }
  content->row_hash[row] = hash;
  content->fault_column[row] = fault;
}

static void read_column(const struct reading *reading, int64_t j, int64_t row, double value) {
  struct diva_content *content = reading->content;
  if (row == 0) {
    content->first[j] = value;
  }
  content->column_hash[j] = mix(content->column_hash[j], value);
  if (!isfinite(value)) {
    content->constant[j] = 0;
    content->fault_row[j] = content->fault_row[j] < 0 ? row : content->fault_row[j];
    content->fault_count[j]++;
    return;
  }
  const double apart = isfinite(content->first[j]) ? value - content->first[j] : value;
  content->constant[j] = content->constant[j] && apart == 0.0;
  reading->sums[2 * j] += apart;
  reading->sums[2 * j + 1] += apart * apart;
}

static void read_tile(const struct reading *reading, const struct diva_prefetch_tile *tile,
                      enum diva_dtype type) {
  const struct diva_content *content = reading->content;
  const int64_t d = content->columns;
  const int64_t row_bytes = d * diva_dtype_size(type);
  diva_row_hashes(tile->features, tile->count, row_bytes, reading->threads,
                  content->stored_hash + tile->first);
#pragma omp parallel for num_threads(reading->threads)
  for (int64_t i = 0; i < tile->count; i++) {
    double *values = reading->values + i * d;
    diva_widen((const char *)tile->features + i * row_bytes, type, d, values);
    read_row(reading, tile->first + i, values);
  }
  /* A column is one thread's, row after row: its sums do not depend on the number of threads. */
#pragma omp parallel for num_threads(reading->threads)
  for (int64_t from = 0; from < d; from += COLUMN_BLOCK) {
    const int64_t to = from + COLUMN_BLOCK < d ? from + COLUMN_BLOCK : d;
    for (int64_t i = 0; i < tile->count; i++) {
      for (int64_t j = from; j < to; j++) {
        read_column(reading, j, tile->first + i, reading->values[i * d + j]);
      }
    }
  }
}

static void finish(const struct reading *reading) {
  struct diva_content *content = reading->content;
  for (int64_t j = 0; j < content->columns; j++) {
    const double count = (double)(content->rows - content->fault_count[j]);
    const double apart = reading->sums[2 * j] / count;
    content->mean[j] = (isfinite(content->first[j]) ? content->first[j] : 0.0) + apart;
    content->square[j] = fmax(0.0, reading->sums[2 * j + 1] / count - apart * apart);
  }
  for (int64_t i = 0; i < content->rows; i++) {
    content->faulty_rows += content->fault_column[i] >= 0;
  }
}

/* An array to be taken. */
struct wanted {
  void **array;
  int64_t count, size;
};

static enum diva_status allocate(struct diva_content *content, struct diva_error *error) {
  const int64_t n = content->rows;
  const int64_t d = content->columns;
  const struct wanted wanted[] = {
      {(void **)&content->row_hash, n, sizeof *content->row_hash},
      {(void **)&content->stored_hash, n, sizeof *content->stored_hash},
      {(void **)&content->fault_column, n, sizeof *content->fault_column},
      {(void **)&content->column_hash, d, sizeof *content->column_hash},
      {(void **)&content->first, d, sizeof *content->first},
      {(void **)&content->constant, d, sizeof *content->constant},
      {(void **)&content->mean, d, sizeof *content->mean},
      {(void **)&content->square, d, sizeof *content->square},
      {(void **)&content->fault_row, d, sizeof *content->fault_row},
      {(void **)&content->fault_count, d, sizeof *content->fault_count},
  };
  enum diva_status status = DIVA_OK;
  for (size_t a = 0; a < sizeof wanted / sizeof *wanted && status == DIVA_OK; a++) {
    status = diva_allocate(wanted[a].count, wanted[a].size, "facts of rows and columns",
                           wanted[a].array, error);
  }
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    content->constant[j] = 1;
    content->fault_row[j] = -1;
  }
  return status;
}

static enum diva_status read_all(struct reading *reading, struct diva_dataset *dataset,
                                 int64_t tile_rows, enum diva_dtype type,
                                 const struct diva_progress *progress, const char *phase,
                                 struct diva_error *error) {
  const int64_t rows = reading->content->rows;
  struct diva_prefetch *prefetch = NULL;
  enum diva_status status = diva_prefetch_start(dataset, tile_rows, &prefetch, error);
  for (int64_t done = 0; done < rows && status == DIVA_OK;) {
    struct diva_prefetch_tile tile = {0};
    status = diva_progress_report(progress, phase, done, rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    if (status == DIVA_OK) {
      read_tile(reading, &tile, type);
      done = tile.first + tile.count;
    }
  }
  diva_prefetch_stop(prefetch);
  return status;
}

enum diva_status diva_content_read(struct diva_dataset *dataset, int threads,
                                   const struct diva_progress *progress, const char *phase,
                                   struct diva_content *out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  const int64_t most = TILE_BYTES / (info.columns * (int64_t)sizeof(double));
  const int64_t tile_rows = most < 1 ? 1 : most < info.rows ? most : info.rows;
  struct reading reading = {.content = out,
                            .threads = threads > 0 ? threads : diva_cores_available()};
  *out = (struct diva_content){.rows = info.rows, .columns = info.columns};
  enum diva_status status = allocate(out, error);
  if (status == DIVA_OK) {
    status = diva_allocate(tile_rows * info.columns, sizeof *reading.values, "a tile",
                           (void **)&reading.values, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(2 * info.columns, sizeof *reading.sums, "moments",
                           (void **)&reading.sums, error);
  }
  if (status == DIVA_OK) {
    status = read_all(&reading, dataset, tile_rows, info.feature_type, progress, phase, error);
  }
  if (status == DIVA_OK) {
    finish(&reading);
  }
  free(reading.values);
  free(reading.sums);
  if (status != DIVA_OK) {
    diva_content_free(out);
  }
  return status;
}

void diva_content_free(struct diva_content *content) {
  free(content->row_hash);
  free(content->stored_hash);
  free(content->column_hash);
  free(content->first);
  free(content->constant);
  free(content->mean);
  free(content->square);
  free(content->fault_row);
  free(content->fault_count);
  free(content->fault_column);
  *content = (struct diva_content){0};
}
