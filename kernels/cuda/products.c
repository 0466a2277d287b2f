/* Products by cuBLAS: of blocks, and of a tile with small matrices. */
#include "cuda_internal.h"

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

static enum diva_status multiply_whole(struct diva_backend *backend, cublasComputeType_t compute,
                                       const struct diva_cuda_product *p,
                                       struct diva_error *error) {
  const bool double_values = compute == CUBLAS_COMPUTE_64F;
  const float alpha = (float)p->alpha;
  const float beta = (float)p->beta;
  const void *scale_a = double_values ? (const void *)&p->alpha : (const void *)&alpha;
  const void *scale_c = double_values ? (const void *)&p->beta : (const void *)&beta;
  const cudaDataType type = double_values ? CUDA_R_64F : CUDA_R_32F;
  return diva_cuda_check_blas(
      backend->libraries.gemm(backend->blas, p->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                              p->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, (int)p->n, (int)p->m,
                              (int)p->k, scale_a, p->b, type, (int)p->ldb, p->step_b, p->a, type,
                              (int)p->lda, p->step_a, scale_c, p->c, type, (int)p->ldc, p->step_c,
                              (int)p->count, compute, CUBLAS_GEMM_DEFAULT),
      "a product", error);
}

/* low high + high low + high high: the small ones first. */
static enum diva_status multiply_split(struct diva_backend *backend,
                                       const struct diva_cuda_product *p,
                                       struct diva_error *error) {
  struct diva_cuda_product parts[] = {*p, *p, *p};
  enum diva_status status = DIVA_OK;
  parts[0].a = p->a_low;
  parts[1].b = p->b_low;
  parts[1].beta = parts[2].beta = 1.0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == DIVA_OK; i++) {
    status = multiply_whole(backend, CUBLAS_COMPUTE_32F_FAST_TF32, &parts[i], error);
  }
  return status;
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
  if (p->a_low) {
    return multiply_split(backend, p, error);
  }
  return multiply_whole(backend, double_values ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, p, error);
}

enum diva_status diva_cuda_project(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix w, double alpha, double beta,
                                   struct diva_cuda_tile out, struct diva_error *error) {
  const struct diva_vector none = {0};
  const bool split = diva_cuda_splits(backend, z.rows, w.rows);
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
  enum diva_status status = diva_cuda_factor_of(backend, z, none, split, 0, &left, error);
  if (status == DIVA_OK) {
    status = diva_cuda_factor_of(backend, w, none, split, 1, &right, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_cuda_product product = {
      .transpose_b = true,
      .m = z.rows,
      .n = w.rows,
      .k = z.columns,
      .alpha = alpha,
      .a = left.values.values,
      .a_low = left.low,
      .lda = left.values.stride,
      .b = right.values.values,
      .b_low = right.low,
      .ldb = right.values.stride,
      .beta = beta,
      .c = out.values,
      .ldc = out.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
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
  const struct diva_cuda_product product = {
      .transpose_a = transpose_a,
      .transpose_b = transpose_b,
      .m = c.rows,
      .n = c.columns,
      .k = transpose_a ? a.rows : a.columns,
      .alpha = 1.0,
      .a = diva_cuda_address(a, 0, 0, element),
      .lda = a.stride,
      .b = diva_cuda_address(b, 0, 0, element),
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
      .a = z->values.values,
      .a_low = z->low,
      .lda = z->values.stride,
      .b = diva_cuda_element(backend, upper, 0, first),
      .b_low = diva_cuda_low_element(backend, upper, 0, first),
      .ldb = upper->values.stride,
      .beta = 0.0,
      .c = (char *)t.values + first * backend->element,
      .ldc = t.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
}

/* T = Z U in the scratch. */
static enum diva_status multiply_upper(struct diva_backend *backend, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_cuda_tile *t,
                                       struct diva_error *error) {
  const struct diva_vector none = {0};
  const bool split = diva_cuda_splits(backend, z.rows, z.columns);
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
  *t = (struct diva_cuda_tile){backend->scratch.rows, z.rows, z.columns, backend->scratch.stride};
  enum diva_status status = diva_cuda_factor_of(backend, z, none, split, 0, &left, error);
  if (status == DIVA_OK) {
    status = diva_cuda_factor_of(backend, upper, none, split, 1, &right, error);
  }
  for (int64_t j = 0; j < z.columns && status == DIVA_OK; j += DIVA_CUDA_BLOCK_COLUMNS) {
    const int64_t next = j + DIVA_CUDA_BLOCK_COLUMNS;
    status =
        multiply_columns(backend, &left, &right, j, next < z.columns ? next : z.columns, *t, error);
  }
  return status;
}

/* out_i = (z_i' U) . other_i, where other is z_i itself or, squared, the row z_i' U. */
static enum diva_status row_forms(struct diva_backend *backend, struct diva_matrix z,
                                  struct diva_matrix upper, bool squared, struct diva_vector out,
                                  struct diva_error *error) {
  struct diva_cuda_tile t;
  const enum diva_status status = multiply_upper(backend, z, upper, &t, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_cuda_tile other = squared ? t : diva_cuda_tile(z, backend->element);
  return diva_cuda_check(diva_cuda_launch_row_dots(backend->config.double_tiles, t, other,
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
