/* Sums over the rows of a tile: Gram and cross matrices, float64 whatever the tile type. */
#include "cpu_internal.h"

#include <math.h>
#include <omp.h>

static void weight_row_float(const float *from, double weight, int64_t n, float *to) {
  for (int64_t j = 0; j < n; j++) {
    to[j] = (float)weight * from[j];
  }
}

static void weight_row_double(const double *from, double weight, int64_t n, double *to) {
  for (int64_t j = 0; j < n; j++) {
    to[j] = weight * from[j];
  }
}

/* weight times row i of a matrix, as row `at` of the scratch. */
static void weight_row(const struct diva_backend *backend, struct diva_matrix matrix, int64_t i,
                       double weight, int64_t at) {
  const void *from = diva_cpu_address(matrix, i, 0, backend->element);
  void *to = backend->weighted + at * backend->scratch_stride * backend->element;
  if (backend->config.double_tiles) {
    weight_row_double(from, weight, matrix.columns, to);
  } else {
    weight_row_float(from, weight, matrix.columns, to);
  }
}

/* Rows whose products are to be summed: `plus` rows to add, then `minus` rows to subtract. */
struct signed_rows {
  const char *rows;
  int64_t stride;
  int64_t plus;
  int64_t minus;
};

/*
 * sqrt|w| z by sign of w, rows of weight 0 left out: then Z' diag(w) Z is a difference of two plain
 * Gram matrices, which symmetric products compute at half the cost of a general one.
 */
static struct signed_rows split_by_sign(const struct diva_backend *backend, struct diva_matrix z,
                                        const double *weight) {
  struct signed_rows split = {backend->weighted, backend->scratch_stride, 0, 0};
  int64_t *place = backend->places;
  for (int64_t i = 0; i < z.rows; i++) {
    place[i] = weight[i] > 0.0 ? split.plus++ : -1;
  }
  for (int64_t i = 0; i < z.rows; i++) {
    if (!(weight[i] >= 0.0)) {
      place[i] = split.plus + split.minus++;
    }
  }
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < z.rows; i++) {
    if (place[i] >= 0) {
      weight_row(backend, z, i, sqrt(fabs(weight[i])), place[i]);
    }
  }
  return split;
}

/* A block of the upper triangle of a sum: rows i0..i1, columns j0..j1. */
struct block {
  int64_t i0, i1, j0, j1;
};

/* Adds a block of tile type to the sum; of a block on the diagonal only the upper triangle. */
static void add_block(const struct diva_backend *backend, const void *values, struct block block,
                      bool triangle, struct diva_matrix sum) {
  const int64_t columns = block.j1 - block.j0;
  for (int64_t i = 0; i < block.i1 - block.i0; i++) {
    double *to = diva_cpu_address(sum, block.i0 + i, block.j0, sizeof(double));
    const int64_t start = triangle ? i : 0;
    if (backend->config.double_tiles) {
      const double *from = (const double *)values + i * columns;
      for (int64_t j = start; j < columns; j++) {
        to[j] += from[j];
      }
    } else {
      const float *from = (const float *)values + i * columns;
      for (int64_t j = start; j < columns; j++) {
        to[j] += (double)from[j];
      }
    }
  }
}

/* c = sign A' A + beta c for a block on the diagonal, upper triangle. */
static void square_block(const struct diva_backend *backend, const char *a, int64_t stride,
                         int64_t rows, int64_t n, double sign, double beta, void *c) {
  if (backend->config.double_tiles) {
    backend->blas.dsyrk(DIVA_BLAS_ROW_MAJOR, DIVA_BLAS_UPPER, DIVA_BLAS_TRANSPOSED, (int)n,
                        (int)rows, sign, (const double *)(const void *)a, (int)stride, beta, c,
                        (int)n);
  } else {
    backend->blas.ssyrk(DIVA_BLAS_ROW_MAJOR, DIVA_BLAS_UPPER, DIVA_BLAS_TRANSPOSED, (int)n,
                        (int)rows, (float)sign, (const float *)(const void *)a, (int)stride,
                        (float)beta, c, (int)n);
  }
}

/* One block of the signed Gram matrix; float32 accumulates over the rows of one tile only. */
static void accumulate_gram(const struct diva_backend *backend, struct signed_rows z,
                            struct block block, struct diva_matrix sum) {
  const int64_t element = backend->element;
  const int64_t m = block.i1 - block.i0;
  const int64_t n = block.j1 - block.j0;
  const bool diagonal = block.i0 == block.j0;
  void *scratch = diva_cpu_thread_scratch(backend);
  for (int part = 0; part < 2; part++) {
    const int64_t rows = part == 0 ? z.plus : z.minus;
    const double sign = part == 0 ? 1.0 : -1.0;
    const char *from = z.rows + (part == 0 ? 0 : z.plus) * z.stride * element;
    const struct diva_cpu_product product = {
        .transpose_a = true,
        .m = m,
        .n = n,
        .k = rows,
        .alpha = sign,
        .a = from + block.i0 * element,
        .lda = z.stride,
        .b = from + block.j0 * element,
        .ldb = z.stride,
        .beta = part == 0 ? 0.0 : 1.0,
        .c = scratch,
        .ldc = n,
    };
    if (diagonal) {
      square_block(backend, product.a, z.stride, rows, n, sign, product.beta, scratch);
    } else {
      diva_cpu_multiply_block(backend, backend->config.double_tiles, &product);
    }
  }
  add_block(backend, scratch, block, diagonal, sum);
}

/* Start of the index-th of `count` parts of 0..n, on multiples of 16. */
static int64_t part_start(int64_t n, int64_t count, int64_t index) {
  const int64_t start = n * index / count / 16 * 16;
  return index == count ? n : start;
}

enum diva_status diva_cpu_gram_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                          struct diva_vector weight, struct diva_matrix sum,
                                          struct diva_error *error) {
  (void)error;
  struct signed_rows rows = {diva_cpu_address(z, 0, 0, backend->element), z.stride, z.rows, 0};
  if (weight.buffer) {
    rows = split_by_sign(backend, z, diva_cpu_reals(weight));
  }
  const int64_t side = diva_cpu_blocks_a_side(&backend->config);
  /* Whole blocks first: those on the diagonal are half the work, and even out the end. */
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t task = 0; task < side * side; task++) {
    const int64_t apart = side - 1 - task / side;
    const int64_t i = task % side;
    const int64_t j = i + apart;
    if (j < side) {
      const struct block block = {
          part_start(z.columns, side, i), part_start(z.columns, side, i + 1),
          part_start(z.columns, side, j), part_start(z.columns, side, j + 1)};
      accumulate_gram(backend, rows, block, sum);
    }
  }
  return DIVA_OK;
}

static void add_moments_float(const float *row, double weight, int64_t n, double *sum,
                              double *square) {
  for (int64_t j = 0; j < n; j++) {
    const double value = (double)row[j];
    sum[j] += weight * value;
    square[j] += weight * value * value;
  }
}

static void add_moments_double(const double *row, double weight, int64_t n, double *sum,
                               double *square) {
  for (int64_t j = 0; j < n; j++) {
    sum[j] += weight * row[j];
    square[j] += weight * row[j] * row[j];
  }
}

/* Pieces of columns, each summed over the rows in order: the bytes do not depend on the threads. */
enum diva_status diva_cpu_moments_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                             struct diva_vector weight, struct diva_matrix sum,
                                             struct diva_error *error) {
  enum { PIECE = 128 };
  (void)error;
  const double *weights = diva_cpu_reals(weight);
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t j = 0; j < z.columns; j += PIECE) {
    const int64_t columns = j + PIECE < z.columns ? PIECE : z.columns - j;
    double *first = diva_cpu_address(sum, 0, j, sizeof(double));
    double *second = diva_cpu_address(sum, 1, j, sizeof(double));
    for (int64_t i = 0; i < z.rows; i++) {
      const void *row = diva_cpu_address(z, i, j, backend->element);
      const double factor = weights ? weights[i] : 1.0;
      if (backend->config.double_tiles) {
        add_moments_double(row, factor, columns, first, second);
      } else {
        add_moments_float(row, factor, columns, first, second);
      }
    }
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_cross_accumulate(struct diva_backend *backend, struct diva_matrix y,
                                           struct diva_vector weight, struct diva_matrix z,
                                           struct diva_matrix sum, struct diva_error *error) {
  enum { PIECE = 128 };
  (void)error;
  const int64_t element = backend->element;
  const char *left = diva_cpu_address(y, 0, 0, element);
  int64_t stride = y.stride;
  if (weight.buffer) {
    const double *values = diva_cpu_reals(weight);
    for (int64_t i = 0; i < y.rows; i++) {
      weight_row(backend, y, i, values[i], i);
    }
    left = backend->weighted;
    stride = backend->scratch_stride;
  }
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t j = 0; j < z.columns; j += PIECE) {
    const struct block block = {0, y.columns, j, j + PIECE < z.columns ? j + PIECE : z.columns};
    const struct diva_cpu_product product = {
        .transpose_a = true,
        .m = y.columns,
        .n = block.j1 - block.j0,
        .k = z.rows,
        .alpha = 1.0,
        .a = left,
        .lda = stride,
        .b = diva_cpu_address(z, 0, j, element),
        .ldb = z.stride,
        .beta = 0.0,
        .c = diva_cpu_thread_scratch(backend),
        .ldc = block.j1 - block.j0,
    };
    diva_cpu_multiply_block(backend, backend->config.double_tiles, &product);
    add_block(backend, product.c, block, false, sum);
  }
  return DIVA_OK;
}
