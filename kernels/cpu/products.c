/* Products of a tile with small matrices, row by row: residuals, leverages, quadratic forms. */
#include "cpu_internal.h"

#include <omp.h>
#include <string.h>

void diva_cpu_multiply_block(const struct diva_backend *backend, bool double_values,
                             const struct diva_cpu_product *p) {
  const int trans_a = p->transpose_a ? DIVA_BLAS_TRANSPOSED : DIVA_BLAS_PLAIN;
  const int trans_b = p->transpose_b ? DIVA_BLAS_TRANSPOSED : DIVA_BLAS_PLAIN;
  if (p->m == 0 || p->n == 0) {
    return;
  }
  if (double_values) {
    backend->blas.dgemm(DIVA_BLAS_ROW_MAJOR, trans_a, trans_b, (int)p->m, (int)p->n, (int)p->k,
                        p->alpha, p->a, (int)p->lda, p->b, (int)p->ldb, p->beta, p->c, (int)p->ldc);
  } else {
    backend->blas.sgemm(DIVA_BLAS_ROW_MAJOR, trans_a, trans_b, (int)p->m, (int)p->n, (int)p->k,
                        (float)p->alpha, p->a, (int)p->lda, p->b, (int)p->ldb, (float)p->beta, p->c,
                        (int)p->ldc);
  }
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* How many chunks of rows a matrix has, and how many rows the index-th holds. */
static int64_t chunk_count(const struct diva_backend *backend, int64_t rows) {
  return (rows + backend->chunk_rows - 1) / backend->chunk_rows;
}

static int64_t chunk_length(const struct diva_backend *backend, int64_t rows, int64_t index) {
  return smaller(rows - index * backend->chunk_rows, backend->chunk_rows);
}

int64_t diva_cpu_project_chunk(const struct diva_backend *backend, struct diva_matrix z,
                               int64_t first, const void *w, int64_t ldw, int64_t outputs,
                               void *out) {
  const struct diva_cpu_product product = {
      .transpose_b = true,
      .m = smaller(z.rows - first, backend->chunk_rows),
      .n = outputs,
      .k = z.columns,
      .alpha = 1.0,
      .a = diva_cpu_address(z, first, 0, backend->element),
      .lda = z.stride,
      .b = w,
      .ldb = ldw,
      .beta = 0.0,
      .c = out,
      .ldc = outputs,
  };
  diva_cpu_multiply_block(backend, backend->config.double_tiles, &product);
  return product.m;
}

enum diva_status diva_cpu_residual(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix w, struct diva_matrix y,
                                   struct diva_error *error) {
  (void)error;
  const int64_t element = backend->element;
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t i = 0; i < chunk_count(backend, z.rows); i++) {
    const int64_t first = i * backend->chunk_rows;
    const struct diva_cpu_product product = {
        .transpose_b = true,
        .m = chunk_length(backend, z.rows, i),
        .n = w.rows,
        .k = z.columns,
        .alpha = -1.0,
        .a = diva_cpu_address(z, first, 0, element),
        .lda = z.stride,
        .b = diva_cpu_address(w, 0, 0, element),
        .ldb = w.stride,
        .beta = 1.0,
        .c = diva_cpu_address(y, first, 0, element),
        .ldc = y.stride,
    };
    diva_cpu_multiply_block(backend, backend->config.double_tiles, &product);
  }
  return DIVA_OK;
}

/* One row a times B, or B': a product of matrices would copy B first. */
static void multiply_row(const struct diva_backend *backend, bool transpose_b, struct diva_matrix a,
                         struct diva_matrix b, struct diva_matrix c) {
  const int64_t real = (int64_t)sizeof(double);
  backend->blas.dgemv(DIVA_BLAS_ROW_MAJOR, transpose_b ? DIVA_BLAS_PLAIN : DIVA_BLAS_TRANSPOSED,
                      (int)b.rows, (int)b.columns, 1.0, diva_cpu_address(b, 0, 0, real),
                      (int)b.stride, diva_cpu_address(a, 0, 0, real), 1, 0.0,
                      diva_cpu_address(c, 0, 0, real), 1);
}

enum diva_status diva_cpu_multiply(struct diva_backend *backend, bool double_values,
                                   bool transpose_a, bool transpose_b, struct diva_matrix a,
                                   struct diva_matrix b, struct diva_matrix c,
                                   struct diva_error *error) {
  (void)error;
  const bool doubles = double_values || backend->config.double_tiles;
  const int64_t element = doubles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
  if (doubles && !transpose_a && c.rows == 1 && b.rows > 0 && b.columns > 0) {
    multiply_row(backend, transpose_b, a, b, c);
    return DIVA_OK;
  }
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t i = 0; i < chunk_count(backend, c.rows); i++) {
    const int64_t first = i * backend->chunk_rows;
    const struct diva_cpu_product product = {
        .transpose_a = transpose_a,
        .transpose_b = transpose_b,
        .m = chunk_length(backend, c.rows, i),
        .n = c.columns,
        .k = transpose_a ? a.rows : a.columns,
        .alpha = 1.0,
        .a = transpose_a ? diva_cpu_address(a, 0, first, element)
                         : diva_cpu_address(a, first, 0, element),
        .lda = a.stride,
        .b = diva_cpu_address(b, 0, 0, element),
        .ldb = b.stride,
        .beta = 0.0,
        .c = diva_cpu_address(c, first, 0, element),
        .ldc = c.stride,
    };
    diva_cpu_multiply_block(backend, doubles, &product);
  }
  return DIVA_OK;
}

/* T = Z U for a chunk of rows and an upper triangular U. */
static void multiply_upper(const struct diva_backend *backend, struct diva_matrix z, int64_t first,
                           int64_t rows, struct diva_matrix upper, char *t, int64_t ldt) {
  const int64_t element = backend->element;
  const void *factor = diva_cpu_address(upper, 0, 0, element);
  for (int64_t i = 0; i < rows; i++) {
    memcpy(t + i * ldt * element, diva_cpu_address(z, first + i, 0, element),
           (size_t)(z.columns * element));
  }
  if (backend->config.double_tiles) {
    backend->blas.dtrmm(DIVA_BLAS_ROW_MAJOR, DIVA_BLAS_RIGHT, DIVA_BLAS_UPPER, DIVA_BLAS_PLAIN,
                        DIVA_BLAS_DIAGONAL_STORED, (int)rows, (int)z.columns, 1.0, factor,
                        (int)upper.stride, (double *)(void *)t, (int)ldt);
  } else {
    backend->blas.strmm(DIVA_BLAS_ROW_MAJOR, DIVA_BLAS_RIGHT, DIVA_BLAS_UPPER, DIVA_BLAS_PLAIN,
                        DIVA_BLAS_DIAGONAL_STORED, (int)rows, (int)z.columns, 1.0F, factor,
                        (int)upper.stride, (float *)(void *)t, (int)ldt);
  }
}

static double dot_float(const float *a, const float *b, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    sum += (double)a[i] * (double)b[i];
  }
  return sum;
}

static double dot_double(const double *a, const double *b, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    sum += a[i] * b[i];
  }
  return sum;
}

static double dot(bool double_values, const void *a, const void *b, int64_t n) {
  return double_values ? dot_double(a, b, n) : dot_float(a, b, n);
}

/* out_i = (z_i' U) . other_i, where other is z_i itself or, squared, the row z_i' U. */
static void row_forms(struct diva_backend *backend, struct diva_matrix z, struct diva_matrix upper,
                      bool squared, struct diva_vector out) {
  const bool doubles = backend->config.double_tiles;
  const int64_t ldt = backend->scratch_stride;
  double *forms = diva_cpu_reals(out);
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t i = 0; i < chunk_count(backend, z.rows); i++) {
    const int64_t first = i * backend->chunk_rows;
    const int64_t rows = chunk_length(backend, z.rows, i);
    char *t = diva_cpu_thread_scratch(backend);
    multiply_upper(backend, z, first, rows, upper, t, ldt);
    for (int64_t row = 0; row < rows; row++) {
      const void *product = t + row * ldt * backend->element;
      const void *other = squared ? product : diva_cpu_address(z, first + row, 0, backend->element);
      forms[first + row] = dot(doubles, product, other, z.columns);
    }
  }
}

enum diva_status diva_cpu_row_leverage(struct diva_backend *backend, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_vector out,
                                       struct diva_error *error) {
  (void)error;
  row_forms(backend, z, upper, true, out);
  return DIVA_OK;
}

enum diva_status diva_cpu_row_quadform(struct diva_backend *backend, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_vector out,
                                       struct diva_error *error) {
  (void)error;
  row_forms(backend, z, upper, false, out);
  return DIVA_OK;
}
