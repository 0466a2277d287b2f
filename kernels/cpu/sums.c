/* Sums over the rows of a tile: Gram and cross matrices, float64 whatever the tile type. */
#include "cpu_internal.h"

#include <omp.h>
#include <stdlib.h>

static void weight_row_float(const float *from, double weight, int64_t n, float *to) {
  const float w = (float)weight;
  for (int64_t j = 0; j < n; j++) {
    to[j] = w * from[j];
  }
}

static void weight_row_double(const double *from, double weight, int64_t n, double *to) {
  for (int64_t j = 0; j < n; j++) {
    to[j] = weight * from[j];
  }
}

/* diag(weight) matrix, in the backend's scratch. */
static void weight_rows(const struct diva_backend *backend, struct diva_matrix matrix,
                        const double *weight) {
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < matrix.rows; i++) {
    const void *from = diva_cpu_address(matrix, i, 0, backend->element);
    void *to = backend->weighted + i * backend->scratch_stride * backend->element;
    if (backend->config.double_tiles) {
      weight_row_double(from, weight[i], matrix.columns, to);
    } else {
      weight_row_float(from, weight[i], matrix.columns, to);
    }
  }
}

/* Adds a block of tile type to a block of float64. */
static void add_block(const struct diva_backend *backend, const void *block, int64_t rows,
                      int64_t columns, double *sum, int64_t stride) {
  for (int64_t i = 0; i < rows; i++) {
    double *to = sum + i * stride;
    if (backend->config.double_tiles) {
      const double *from = (const double *)block + i * columns;
      for (int64_t j = 0; j < columns; j++) {
        to[j] += from[j];
      }
    } else {
      const float *from = (const float *)block + i * columns;
      for (int64_t j = 0; j < columns; j++) {
        to[j] += (double)from[j];
      }
    }
  }
}

/* One block of sum += A' B; float32 accumulates over the rows of one tile only. */
static void accumulate_block(const struct diva_backend *backend, const char *a, int64_t lda,
                             const char *b, int64_t ldb, int64_t rows, struct diva_cpu_block block,
                             struct diva_matrix sum) {
  const int64_t element = backend->element;
  void *scratch = diva_cpu_thread_scratch(backend);
  const struct diva_cpu_product product = {
      .transpose_a = true,
      .m = block.i1 - block.i0,
      .n = block.j1 - block.j0,
      .k = rows,
      .alpha = 1.0,
      .a = a + block.i0 * element,
      .lda = lda,
      .b = b + block.j0 * element,
      .ldb = ldb,
      .beta = 0.0,
      .c = scratch,
      .ldc = block.j1 - block.j0,
  };
  diva_cpu_multiply_block(backend, backend->config.double_tiles, &product);
  add_block(backend, scratch, product.m, product.n,
            diva_cpu_address(sum, block.i0, block.j0, sizeof(double)), sum.stride);
}

enum diva_status diva_cpu_gram_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                          struct diva_vector weight, struct diva_matrix sum,
                                          struct diva_error *error) {
  enum { MOST_BLOCKS = 4096 };
  struct diva_cpu_block blocks[MOST_BLOCKS];
  const int64_t block_count = diva_cpu_cover_triangle(z.columns, NULL);
  if (block_count > MOST_BLOCKS) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%lld columns are too many for the backend",
                          (long long)z.columns);
  }
  diva_cpu_cover_triangle(z.columns, blocks);
  const char *plain = diva_cpu_address(z, 0, 0, backend->element);
  const char *weighted = plain;
  int64_t ldw = z.stride;
  if (weight.buffer) {
    weight_rows(backend, z, diva_cpu_reals(weight));
    weighted = backend->weighted;
    ldw = backend->scratch_stride;
  }
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t i = 0; i < block_count; i++) {
    accumulate_block(backend, plain, z.stride, weighted, ldw, z.rows, blocks[i], sum);
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_cross_accumulate(struct diva_backend *backend, struct diva_matrix y,
                                           struct diva_vector weight, struct diva_matrix z,
                                           struct diva_matrix sum, struct diva_error *error) {
  enum { PIECE = 128 };
  (void)error;
  const char *plain = diva_cpu_address(z, 0, 0, backend->element);
  const char *left = diva_cpu_address(y, 0, 0, backend->element);
  int64_t ldl = y.stride;
  if (weight.buffer) {
    weight_rows(backend, y, diva_cpu_reals(weight));
    left = backend->weighted;
    ldl = backend->scratch_stride;
  }
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t j = 0; j < z.columns; j += PIECE) {
    const int64_t end = j + PIECE < z.columns ? j + PIECE : z.columns;
    accumulate_block(backend, left, ldl, plain, z.stride, z.rows,
                     (struct diva_cpu_block){0, y.columns, j, end}, sum);
  }
  return DIVA_OK;
}
