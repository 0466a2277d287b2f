/* From rows as stored to rows of Z: widening, the finite check, scaling. */
#include "cpu_internal.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

/* Exponent and mantissa move up by 13 bits; the multiplication by 2^112 mends the exponent's bias
 * and makes subnormals right at the same time. All ones in the exponent is infinity or NaN. */
static float widen_half(uint16_t half) {
  const uint32_t magnitude = (uint32_t)(half & 0x7fffU) << 13;
  const uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
  float value;
  memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112F;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits |= (half & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0U;
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float widen_bfloat(uint16_t stored) {
  const uint32_t bits = (uint32_t)stored << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void widen_to_float(const void *raw, enum diva_dtype type, int64_t n, float *out) {
  const uint16_t *words = raw;
  switch (type) {
  case DIVA_FLOAT16:
    for (int64_t j = 0; j < n; j++) {
      out[j] = widen_half(words[j]);
    }
    break;
  case DIVA_BFLOAT16:
    for (int64_t j = 0; j < n; j++) {
      out[j] = widen_bfloat(words[j]);
    }
    break;
  case DIVA_FLOAT32:
    memcpy(out, raw, (size_t)n * sizeof *out);
    break;
  case DIVA_FLOAT64:
    for (int64_t j = 0; j < n; j++) {
      out[j] = (float)((const double *)raw)[j];
    }
    break;
  }
}

static void widen_to_double(const void *raw, enum diva_dtype type, int64_t n, double *out) {
  const uint16_t *words = raw;
  switch (type) {
  case DIVA_FLOAT16:
    for (int64_t j = 0; j < n; j++) {
      out[j] = (double)widen_half(words[j]);
    }
    break;
  case DIVA_BFLOAT16:
    for (int64_t j = 0; j < n; j++) {
      out[j] = (double)widen_bfloat(words[j]);
    }
    break;
  case DIVA_FLOAT32:
    for (int64_t j = 0; j < n; j++) {
      out[j] = (double)((const float *)raw)[j];
    }
    break;
  case DIVA_FLOAT64:
    memcpy(out, raw, (size_t)n * sizeof *out);
    break;
  }
}

/* Index of the first value that is not finite, or -1. The first loop has no branch, so that it
 * vectorises; the second runs only on a bad row. */
static int64_t find_non_finite_float(const float *values, int64_t n) {
  int bad = 0;
  for (int64_t j = 0; j < n; j++) {
    bad |= !(fabsf(values[j]) <= FLT_MAX);
  }
  for (int64_t j = 0; bad && j < n; j++) {
    if (!isfinite(values[j])) {
      return j;
    }
  }
  return -1;
}

static int64_t find_non_finite_double(const double *values, int64_t n) {
  int bad = 0;
  for (int64_t j = 0; j < n; j++) {
    bad |= !(fabs(values[j]) <= DBL_MAX);
  }
  for (int64_t j = 0; bad && j < n; j++) {
    if (!isfinite(values[j])) {
      return j;
    }
  }
  return -1;
}

static double sum_of_squares_float(const float *values, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; j++) {
    sum += (double)values[j] * (double)values[j];
  }
  return sum;
}

static double inverse_norm_float(const float *values, int64_t n) {
  const double sum = sum_of_squares_float(values, n);
  return sum > 0.0 ? 1.0 / sqrt(sum) : 0.0;
}

static double sum_of_squares_double(const double *values, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; j++) {
    sum += values[j] * values[j];
  }
  return sum;
}

/* Divides a row by its norm. Squares of extreme float64 values leave the range of the type: such
 * rows, and only they, are first brought to values near 1 by a power of two. */
static void normalise_row_double(double *z, int64_t n) {
  double sum = sum_of_squares_double(z, n);
  if (!(sum > 0x1p-900 && sum < 0x1p900)) {
    double largest = 0.0;
    for (int64_t j = 0; j < n; j++) {
      largest = fmax(largest, fabs(z[j]));
    }
    int exponent = 0;
    frexp(largest, &exponent);
    for (int64_t j = 0; j < n; j++) {
      z[j] = ldexp(z[j], -exponent);
    }
    sum = sum_of_squares_double(z, n);
  }
  const double scale = sum > 0.0 ? 1.0 / sqrt(sum) : 0.0;
  for (int64_t j = 0; j < n; j++) {
    z[j] *= scale;
  }
}

/* z = (scale x - shift) * multiplier in float64 arithmetic, rounded once; x may be z itself. */
static void scale_row_float(const float *x, int64_t n, double scale, const double *shift,
                            const double *multiplier, float *z) {
  if (multiplier && shift) {
    for (int64_t j = 0; j < n; j++) {
      z[j] = (float)((scale * (double)x[j] - shift[j]) * multiplier[j]);
    }
  } else if (multiplier) {
    for (int64_t j = 0; j < n; j++) {
      z[j] = (float)(scale * (double)x[j] * multiplier[j]);
    }
  } else if (shift) {
    for (int64_t j = 0; j < n; j++) {
      z[j] = (float)(scale * (double)x[j] - shift[j]);
    }
  } else if (scale != 1.0) {
    for (int64_t j = 0; j < n; j++) {
      z[j] = (float)(scale * (double)x[j]);
    }
  } else if (z != x) {
    memcpy(z, x, (size_t)n * sizeof *z);
  }
}

static void scale_row_double(double *z, int64_t n, const double *shift, const double *multiplier) {
  for (int64_t j = 0; j < n; j++) {
    z[j] = (z[j] - (shift ? shift[j] : 0.0)) * (multiplier ? multiplier[j] : 1.0);
  }
}

/* Prepares one row into `to`; returns the column of the first bad value, or -1. Rows stored in tile
 * type are read where they lie. */
static int64_t prepare_row_float(const void *raw, const struct diva_preparation *p, int64_t columns,
                                 float *to) {
  const float *row = raw;
  if (p->type != DIVA_FLOAT32) {
    widen_to_float(raw, p->type, columns, to);
    row = to;
  }
  const int64_t bad = find_non_finite_float(row, columns);
  const double scale = p->unit_rows ? inverse_norm_float(row, columns) : 1.0;
  scale_row_float(row, columns, scale, diva_cpu_reals(p->shift), diva_cpu_reals(p->multiplier), to);
  if (p->constant_column) {
    to[columns] = 1.0F;
  }
  return bad;
}

static int64_t prepare_row_double(const void *raw, const struct diva_preparation *p,
                                  int64_t columns, double *to) {
  widen_to_double(raw, p->type, columns, to);
  const int64_t bad = find_non_finite_double(to, columns);
  if (p->unit_rows) {
    normalise_row_double(to, columns);
  }
  scale_row_double(to, columns, diva_cpu_reals(p->shift), diva_cpu_reals(p->multiplier));
  if (p->constant_column) {
    to[columns] = 1.0;
  }
  return bad;
}

enum diva_status diva_cpu_prepare_rows(struct diva_backend *backend, struct diva_matrix raw,
                                       const struct diva_preparation *preparation,
                                       int64_t first_row, struct diva_matrix z,
                                       struct diva_buffer *fault, struct diva_error *error) {
  (void)error;
  const int64_t stored = diva_dtype_size(preparation->type);
  int64_t first_bad = INT64_MAX;
#pragma omp parallel for num_threads(backend->config.threads) reduction(min : first_bad)
  for (int64_t i = 0; i < raw.rows; i++) {
    const void *from = diva_cpu_address(raw, i, 0, stored);
    void *to = diva_cpu_address(z, i, 0, backend->element);
    const int64_t bad = backend->config.double_tiles
                            ? prepare_row_double(from, preparation, raw.columns, to)
                            : prepare_row_float(from, preparation, raw.columns, to);
    const int64_t position = (first_row + i) * raw.columns + bad;
    if (bad >= 0 && position < first_bad) {
      first_bad = position;
    }
  }
  int64_t known;
  memcpy(&known, fault->data, sizeof known);
  if (first_bad < known) {
    memcpy(fault->data, &first_bad, sizeof first_bad);
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_label_rows(struct diva_backend *backend, struct diva_vector labels,
                                     struct diva_matrix y, struct diva_error *error) {
  (void)error;
  const int32_t *label = diva_cpu_integers(labels);
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < y.rows; i++) {
    void *row = diva_cpu_address(y, i, 0, backend->element);
    memset(row, 0, (size_t)(y.columns * backend->element));
    if (label[i] >= 0 && backend->config.double_tiles) {
      ((double *)row)[label[i]] = 1.0;
    } else if (label[i] >= 0) {
      ((float *)row)[label[i]] = 1.0F;
    }
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_convert(struct diva_backend *backend, struct diva_matrix from,
                                  struct diva_matrix to, struct diva_error *error) {
  (void)error;
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < from.rows; i++) {
    const double *source = diva_cpu_address(from, i, 0, sizeof(double));
    void *target = diva_cpu_address(to, i, 0, backend->element);
    for (int64_t j = 0; j < from.columns; j++) {
      if (backend->config.double_tiles) {
        ((double *)target)[j] = source[j];
      } else {
        ((float *)target)[j] = (float)source[j];
      }
    }
  }
  return DIVA_OK;
}
