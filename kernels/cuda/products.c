/* Products by cuBLAS: of blocks, and of a tile with small matrices. */
#include "halves.h"

/* cuBLAS takes 32-bit sizes here. */
static bool fits(const struct diva_cuda_product *p) {
  const int64_t sizes[] = {p->m, p->n, p->k, p->lda, p->ldb, p->ldc, p->count};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i] > INT32_MAX) {
      return false;
    }
  }
  return true;
}

/* Elements of A and B as one array each, in the type of the sums or, of parts, in float16. */
static enum diva_status multiply_arrays(struct diva_backend *backend, bool double_values,
                                        const void *a, const void *b, double beta,
                                        const struct diva_cuda_product *p,
                                        struct diva_error *error) {
  const float alpha = (float)p->alpha;
  const float single_beta = (float)beta;
  const void *scale_a = double_values ? (const void *)&p->alpha : (const void *)&alpha;
  const void *scale_c = double_values ? (const void *)&beta : (const void *)&single_beta;
  const cudaDataType sum = double_values ? CUDA_R_64F : CUDA_R_32F;
  const cudaDataType type = p->a.rest ? CUDA_R_16F : sum;
  return diva_cuda_check_blas(
      backend->libraries.gemm(
          backend->blas, p->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
          p->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, (int)p->n, (int)p->m, (int)p->k, scale_a, b,
          type, (int)p->ldb, p->step_b, a, type, (int)p->lda, p->step_a, scale_c, p->c, sum,
          (int)p->ldc, p->step_c, (int)p->count,
          double_values ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
      "a product", error);
}

/* rest whole + nearest rest + whole whole: the small ones first. */
static enum diva_status multiply_parts(struct diva_backend *backend,
                                       const struct diva_cuda_product *p,
                                       struct diva_error *error) {
  enum diva_status status =
      multiply_arrays(backend, false, p->a.rest, p->b.partner, p->beta, p, error);
  if (status == DIVA_OK) {
    status = multiply_arrays(backend, false, p->a.partner, p->b.rest, 1.0, p, error);
  }
  return status == DIVA_OK ? multiply_arrays(backend, false, p->a.whole, p->b.whole, 1.0, p, error)
                           : status;
}

/* CUBLAS_COMPUTE_32F multiplies and adds in float32: TF32 has to be asked for. */
enum diva_status diva_cuda_multiply_blocks(struct diva_backend *backend, bool double_values,
                                           const struct diva_cuda_product *p,
                                           struct diva_error *error) {
  if (p->m == 0 || p->n == 0 || p->count == 0) {
    return DIVA_OK;
  }
  if (!fits(p)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "a product of %lld x %lld x %lld is beyond cuBLAS's 32-bit sizes",
                          (long long)p->m, (long long)p->n, (long long)p->k);
  }
  return p->a.rest
             ? multiply_parts(backend, p, error)
             : multiply_arrays(backend, double_values, p->a.whole, p->b.whole, p->beta, p, error);
}

/* C = alpha A op(B) + beta C of two factors, `inner` terms to a sum. */
static enum diva_status multiply_factors(struct diva_backend *backend, bool transpose_b,
                                         const struct diva_cuda_factor *a,
                                         const struct diva_cuda_factor *b, int64_t inner,
                                         double alpha, double beta, struct diva_cuda_tile c,
                                         struct diva_error *error) {
  const struct diva_cuda_product product = {
      .transpose_b = transpose_b,
      .m = c.rows,
      .n = c.columns,
      .k = inner,
      .alpha = alpha,
      .a = a->values,
      .lda = a->stride,
      .b = b->values,
      .ldb = b->stride,
      .beta = beta,
      .c = c.values,
      .ldc = c.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
}

/* The product in units of its factors lies where C will, or, where that is still needed, in the
 * scratch of outputs. */
static enum diva_status multiply_halves(struct diva_backend *backend, bool transpose_b,
                                        struct diva_matrix a, struct diva_matrix b, double alpha,
                                        double beta, struct diva_cuda_tile c,
                                        struct diva_error *error) {
  const struct diva_cuda_tile outputs = {backend->scratch.outputs, c.rows, c.columns,
                                         backend->scratch.output_stride};
  const struct diva_cuda_tile raw = beta == 0.0 ? c : outputs;
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
  enum diva_status status = transpose_b
                                ? diva_cuda_halve_outputs(backend, a, b, &left, &right, error)
                                : diva_cuda_halve_upper(backend, a, b, &left, &right, error);
  if (status == DIVA_OK) {
    status = multiply_factors(backend, transpose_b, &left, &right, a.columns, 1.0, 0.0, raw, error);
  }
  const struct diva_cuda_units units = {left.units, right.units, 0};
  return status == DIVA_OK ? diva_cuda_check(diva_cuda_launch_rescale(raw, units, alpha, beta, c,
                                                                      backend->stream),
                                             "a product", error)
                           : status;
}

enum diva_status diva_cuda_project(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix w, double alpha, double beta,
                                   struct diva_cuda_tile out, struct diva_error *error) {
  const struct diva_vector none = {0};
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
  if (diva_cuda_halves(backend, z.rows, w.rows, z.columns)) {
    return multiply_halves(backend, true, z, w, alpha, beta, out, error);
  }
  enum diva_status status = diva_cuda_factor_of(backend, z, none, &left, error);
  if (status == DIVA_OK) {
    status = diva_cuda_factor_of(backend, w, none, &right, error);
  }
  return status == DIVA_OK
             ? multiply_factors(backend, true, &left, &right, z.columns, alpha, beta, out, error)
             : status;
}

enum diva_status diva_cuda_residual(struct diva_backend *backend, struct diva_matrix z,
                                    struct diva_matrix w, struct diva_matrix y,
                                    struct diva_error *error) {
  return diva_cuda_project(backend, z, w, -1.0, 1.0, diva_cuda_tile(y, backend->element), error);
}

enum diva_status diva_cuda_multiply(struct diva_backend *backend, bool double_values,
                                    bool transpose_a, bool transpose_b, struct diva_matrix a,
                                    struct diva_matrix b, struct diva_matrix c,
                                    struct diva_error *error) {
  const bool doubles = double_values || backend->config.double_tiles;
  const int64_t element = doubles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
  if (!doubles && !transpose_a && diva_cuda_halves(backend, c.rows, c.columns, a.columns) &&
      diva_cuda_halves_fit(backend, a, b)) {
    return multiply_halves(backend, transpose_b, a, b, 1.0, 0.0, diva_cuda_tile(c, element), error);
  }
  const struct diva_cuda_product product = {
      .transpose_a = transpose_a,
      .transpose_b = transpose_b,
      .m = c.rows,
      .n = c.columns,
      .k = transpose_a ? a.rows : a.columns,
      .alpha = 1.0,
      .a = {.whole = diva_cuda_address(a, 0, 0, element)},
      .lda = a.stride,
      .b = {.whole = diva_cuda_address(b, 0, 0, element)},
      .ldb = b.stride,
      .beta = 0.0,
      .c = diva_cuda_address(c, 0, 0, element),
      .ldc = c.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, doubles, &product, error);
}

/* Columns [first, end) of T = Z U for an upper triangular U: what lies below is zero and not
 * multiplied. */
static enum diva_status multiply_columns(struct diva_backend *backend,
                                         const struct diva_cuda_factor *z,
                                         const struct diva_cuda_factor *upper, int64_t first,
                                         int64_t end, struct diva_cuda_tile t,
                                         struct diva_error *error) {
  const struct diva_cuda_product product = {
      .m = t.rows,
      .n = end - first,
      .k = end,
      .alpha = 1.0,
      .a = z->values,
      .lda = z->stride,
      .b = diva_cuda_element(backend, upper, 0, first),
      .ldb = upper->stride,
      .beta = 0.0,
      .c = (char *)t.values + first * backend->element,
      .ldc = t.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
}

static enum diva_status multiply_upper(struct diva_backend *backend,
                                       const struct diva_cuda_factor *z,
                                       const struct diva_cuda_factor *upper,
                                       struct diva_cuda_tile t, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t j = 0; j < t.columns && status == DIVA_OK; j += DIVA_CUDA_BLOCK_COLUMNS) {
    const int64_t next = j + DIVA_CUDA_BLOCK_COLUMNS;
    status = multiply_columns(backend, z, upper, j, next < t.columns ? next : t.columns, t, error);
  }
  return status;
}

static enum diva_status find_factors(struct diva_backend *backend, struct diva_matrix z,
                                     struct diva_matrix upper, struct diva_cuda_factor *left,
                                     struct diva_cuda_factor *right, struct diva_error *error) {
  const struct diva_vector none = {0};
  if (diva_cuda_halves(backend, z.rows, z.columns, z.columns)) {
    return diva_cuda_halve_upper(backend, z, upper, left, right, error);
  }
  const enum diva_status status = diva_cuda_factor_of(backend, z, none, left, error);
  return status == DIVA_OK ? diva_cuda_factor_of(backend, upper, none, right, error) : status;
}

/* out_i = (z_i' U) . other_i, where other is z_i itself or, squared, the row z_i' U; T = Z U lies
 * in the scratch, in units of its factors where these have some. */
static enum diva_status row_forms(struct diva_backend *backend, struct diva_matrix z,
                                  struct diva_matrix upper, bool squared, struct diva_vector out,
                                  struct diva_error *error) {
  const struct diva_cuda_tile t = {backend->scratch.rows, z.rows, z.columns,
                                   backend->scratch.stride};
  const struct diva_cuda_tile tile = diva_cuda_tile(z, backend->element);
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
  enum diva_status status = find_factors(backend, z, upper, &left, &right, error);
  if (status == DIVA_OK) {
    status = multiply_upper(backend, &left, &right, t, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_cuda_units units = {left.units, right.units, 0};
  const struct diva_cuda_tile none = {0};
  return diva_cuda_check(
      units.left ? diva_cuda_launch_row_forms(t, units, squared ? none : tile, diva_cuda_reals(out),
                                              backend->stream)
                 : diva_cuda_launch_row_dots(backend->config.double_tiles, t, squared ? t : tile,
                                             diva_cuda_reals(out), backend->stream),
      "forms of rows", error);
}

enum diva_status diva_cuda_row_leverage(struct diva_backend *backend, struct diva_matrix z,
                                        struct diva_matrix upper, struct diva_vector out,
                                        struct diva_error *error) {
  return row_forms(backend, z, upper, true, out, error);
}

enum diva_status diva_cuda_row_quadform(struct diva_backend *backend, struct diva_matrix z,
                                        struct diva_matrix upper, struct diva_vector out,
                                        struct diva_error *error) {
  return row_forms(backend, z, upper, false, out, error);
}
