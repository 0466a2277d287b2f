/* Rows of a dataset in memory as the learner wants them: float32, standardised by column. */
#include "standard_rows.h"
#include "host/core/core.h"
#include "host/dataset/prefetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t diva_standard_tile_rows(const struct diva_dataset_info *info) {
  const int64_t most = 4096;
  const int64_t tile_bytes = (int64_t)8 << 20;
  const int64_t rows = tile_bytes / (info->columns * diva_dtype_size(info->feature_type));
  return rows < 1 ? 1 : (rows < most ? rows : most);
}

/* IEEE half precision by its definition: sign, five bits of exponent, ten of fraction. */
static double half_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = (double)(bits & 1023) / 1024.0;
  double size = exponent ? ldexp(1.0 + fraction, exponent - 15) : ldexp(fraction, -14);
  if (exponent == 31) {
    size = fraction > 0.0 ? (double)NAN : (double)INFINITY;
  }
  return bits & 0x8000 ? -size : size;
}

/* A bfloat16 is the upper half of a float32. */
static double brain_value(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return (double)value;
}

static double stored_value(const void *stored, enum diva_dtype type, int64_t at) {
  switch (type) {
  case DIVA_FLOAT16:
    return half_value(((const uint16_t *)stored)[at]);
  case DIVA_BFLOAT16:
    return brain_value(((const uint16_t *)stored)[at]);
  case DIVA_FLOAT32:
    return (double)((const float *)stored)[at];
  default:
    return ((const double *)stored)[at];
  }
}

static enum diva_status refuse_value(int64_t row, int64_t column, struct diva_error *error) {
  const enum diva_status status = diva_error_set(
      error, DIVA_ERROR_INPUT, "features: row %lld, column %lld is not a finite float32 number",
      (long long)row, (long long)column);
  if (error) {
    error->row = row;
  }
  return status;
}

/* Row `at` of the stored rows, which is `row` of its dataset, less the shift. */
static enum diva_status widen_row(const struct diva_standard_rows *scale, enum diva_dtype type,
                                  const void *stored, int64_t at, int64_t row, float *out,
                                  struct diva_error *error) {
  const int64_t columns = scale->columns;
  for (int64_t j = 0; j < columns; j++) {
    out[j] = (float)(stored_value(stored, type, at * columns + j) - scale->shift[j]);
    if (!isfinite(out[j])) {
      return refuse_value(row, j, error);
    }
  }
  return DIVA_OK;
}

static void standardise_row(const struct diva_standard_rows *scale, float *row) {
  for (int64_t j = 0; j < scale->columns; j++) {
    row[j] = (float)(((double)row[j] - scale->mean[j]) * scale->multiplier[j]);
  }
}

/* Keeps the rows of a tile that are wanted; `at` is how many were kept before, and after. The first
 * row of all is the shift: what is left of a column far from zero then has digits to spare. */
static enum diva_status keep_rows(struct diva_standard_rows *rows, enum diva_dtype type,
                                  const struct diva_prefetch_tile *tile, const int64_t *index,
                                  int64_t *at, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  while (status == DIVA_OK && *at < rows->count && index[*at] < tile->first + tile->count) {
    const int64_t place = index[*at] - tile->first;
    if (*at == 0) {
      for (int64_t j = 0; j < rows->columns; j++) {
        rows->shift[j] = stored_value(tile->features, type, place * rows->columns + j);
      }
    }
    status = widen_row(rows, type, tile->features, place, index[*at],
                       rows->values + *at * rows->columns, error);
    ++*at;
  }
  return status;
}

static enum diva_status read_rows(struct diva_dataset *dataset, const int64_t *index,
                                  const struct diva_progress *progress,
                                  struct diva_standard_rows *rows, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile = {.count = 1};
  int64_t kept = 0;
  diva_dataset_describe(dataset, &info);
  enum diva_status status =
      diva_prefetch_start(dataset, diva_standard_tile_rows(&info), &prefetch, error);
  while (status == DIVA_OK && kept < rows->count && tile.count > 0) {
    status = diva_prefetch_next(prefetch, &tile, error);
    if (status == DIVA_OK) {
      status = keep_rows(rows, info.feature_type, &tile, index, &kept, error);
    }
    if (status == DIVA_OK) {
      status = diva_progress_report(progress, "verification: reading", tile.first + tile.count,
                                    info.rows, error);
    }
  }
  diva_prefetch_stop(prefetch);
  return status;
}

static void add_moments(const struct diva_standard_rows *rows, const uint8_t *sets_scale,
                        double *square) {
  for (int64_t i = 0; i < rows->count; i++) {
    const float *row = rows->values + i * rows->columns;
    for (int64_t j = 0; j < rows->columns && sets_scale[i]; j++) {
      const double distance = (double)row[j] - rows->mean[j];
      square[j] += distance * distance;
    }
  }
}

/* Mean first, deviation about it second: no difference of large sums. */
static void set_scale(struct diva_standard_rows *rows, const uint8_t *sets_scale) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows->count; i++) {
    const float *row = rows->values + i * rows->columns;
    for (int64_t j = 0; j < rows->columns && sets_scale[i]; j++) {
      rows->mean[j] += (double)row[j];
    }
    count += sets_scale[i] != 0;
  }
  for (int64_t j = 0; j < rows->columns; j++) {
    rows->mean[j] /= (double)count;
  }
  add_moments(rows, sets_scale, rows->multiplier);
  for (int64_t j = 0; j < rows->columns; j++) {
    const double deviation = sqrt(rows->multiplier[j] / (double)count);
    rows->multiplier[j] = deviation > 0.0 ? 1.0 / deviation : 0.0;
  }
}

static enum diva_status allocate_rows(struct diva_standard_rows *rows, struct diva_error *error) {
  const char *what = "the standardised rows";
  int64_t elements;
  if (!diva_size_multiply(rows->count, rows->columns, 1, &elements)) {
    elements = INT64_MAX; /* refused by the allocation, with its message */
  }
  enum diva_status status =
      diva_allocate(elements, sizeof *rows->values, what, (void **)&rows->values, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows->columns, sizeof *rows->shift, what, (void **)&rows->shift, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows->columns, sizeof *rows->mean, what, (void **)&rows->mean, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows->columns, sizeof *rows->multiplier, what,
                           (void **)&rows->multiplier, error);
  }
  return status;
}

enum diva_status diva_standard_rows_load(struct diva_dataset *dataset, const int64_t *index,
                                         const uint8_t *sets_scale, int64_t count,
                                         const struct diva_progress *progress,
                                         struct diva_standard_rows *out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  *out = (struct diva_standard_rows){.count = count, .columns = info.columns};
  enum diva_status status = allocate_rows(out, error);
  if (status == DIVA_OK) {
    status = read_rows(dataset, index, progress, out, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  set_scale(out, sets_scale);
  for (int64_t i = 0; i < count; i++) {
    standardise_row(out, out->values + i * out->columns);
  }
  return DIVA_OK;
}

enum diva_status diva_standard_rows_convert(const struct diva_standard_rows *scale,
                                            enum diva_dtype type, const void *stored,
                                            int64_t first_row, int64_t count, float *out,
                                            struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    float *row = out + i * scale->columns;
    status = widen_row(scale, type, stored, i, first_row + i, row, error);
    if (status == DIVA_OK) {
      standardise_row(scale, row);
    }
  }
  return status;
}

void diva_standard_rows_free(struct diva_standard_rows *rows) {
  free(rows->values);
  free(rows->shift);
  free(rows->mean);
  free(rows->multiplier);
  *rows = (struct diva_standard_rows){0};
}
