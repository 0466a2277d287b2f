/* The distances between training rows, by which the bandwidth of a kernel is given. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of so many rows all pairs are looked at. Fixed: neither memory nor tile may change a result. */
enum { MOST_ROWS = 256 };

/* Rows spread evenly over the sample, prepared, as float64 on the host. */
static enum diva_status read_rows(struct diva_primal *primal, int64_t count, double *out,
                                  struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t d = primal->stored_columns;
  const int64_t row_bytes = d * diva_dtype_size(engine->info.feature_type);
  const bool doubles = engine->element == (int64_t)sizeof(double);
  struct diva_matrix z;
  void *row = NULL;
  enum diva_status status = diva_allocate(d, engine->element, "a row", &row, error);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    const int64_t at = i * primal->sample_rows / count;
    status = engine->ops->upload(engine->backend, primal->raw.buffer, i * row_bytes,
                                 primal->sample + at * row_bytes, row_bytes, error);
  }
  if (status == DIVA_OK) {
    status = diva_tile_prepare(primal, diva_tile_rows(primal->raw, count),
                               engine->info.feature_type, 0, &z, error);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = engine->ops->download(engine->backend, z.buffer,
                                   (z.offset + i * z.stride) * engine->element, row,
                                   d * engine->element, error);
    for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
      out[i * d + j] = doubles ? ((const double *)row)[j] : (double)((const float *)row)[j];
    }
  }
  free(row);
  return status;
}

static double distance(const double *a, const double *b, int64_t d) {
  double sum = 0.0;
  for (int64_t j = 0; j < d; j++) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sqrt(sum);
}

static int compare_reals(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Copies of one row say nothing about the distance between different ones. */
static double median_distance(const double *rows, int64_t count, int64_t d, double *distances) {
  int64_t pairs = 0;
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = i + 1; j < count; j++) {
      const double value = distance(rows + i * d, rows + j * d, d);
      distances[pairs] = value;
      pairs += value > 0.0;
    }
  }
  qsort(distances, (size_t)pairs, sizeof *distances, compare_reals);
  return pairs > 0 ? distances[pairs / 2] : 1.0;
}

enum diva_status diva_bandwidth_median(struct diva_primal *primal, double *median,
                                       struct diva_error *error) {
  const int64_t count = primal->sample_rows < MOST_ROWS ? primal->sample_rows : MOST_ROWS;
  double *rows = NULL;
  double *distances = NULL;
  enum diva_status status = diva_allocate(count * primal->stored_columns, sizeof *rows,
                                          "rows of the sample", (void **)&rows, error);
  if (status == DIVA_OK) {
    status = diva_allocate(count * count / 2, sizeof *distances, "distances", (void **)&distances,
                           error);
  }
  if (status == DIVA_OK) {
    status = read_rows(primal, count, rows, error);
  }
  if (status == DIVA_OK) {
    *median = median_distance(rows, count, primal->stored_columns, distances);
  }
  free(rows);
  free(distances);
  return status;
}
