/* The float64 algebra of square matrices: Cholesky, inverses, eigenvectors, by cuSOLVER and cuBLAS.
 */
#include "cuda_internal.h"

static struct diva_cuda_tile square_of(struct diva_matrix a) {
  return diva_cuda_tile(a, (int64_t)sizeof(double));
}

static enum diva_status check_size(struct diva_matrix a, struct diva_error *error) {
  if (a.rows > INT32_MAX || a.stride > INT32_MAX) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "a matrix of %lld columns is beyond cuSOLVER's 32-bit sizes",
                          (long long)a.rows);
  }
  return DIVA_OK;
}

/* cuSOLVER's info and the pivot found after it, once all is done. */
struct findings {
  int info;
  int pivot;
};

static enum diva_status read_findings(struct diva_backend *backend, struct findings *out,
                                      struct diva_error *error) {
  enum diva_status status =
      diva_cuda_check(cudaMemcpyAsync(out, backend->scratch.found, sizeof *out,
                                      cudaMemcpyDeviceToHost, backend->stream),
                      "a download", error);
  return status == DIVA_OK ? diva_cuda_synchronize(backend, error) : status;
}

static enum diva_status clear_findings(struct diva_backend *backend, struct diva_error *error) {
  return diva_cuda_check(
      cudaMemsetAsync(backend->scratch.found, 0, sizeof(struct findings), backend->stream),
      "clearing memory", error);
}

static enum diva_status find_pivot(struct diva_backend *backend, struct diva_matrix a,
                                   bool positive, struct diva_error *error) {
  return diva_cuda_check(diva_cuda_launch_find_pivot(square_of(a), positive,
                                                     backend->scratch.found + 1, backend->stream),
                         "checking a diagonal", error);
}

enum diva_status diva_cuda_symmetrize(struct diva_backend *backend, struct diva_matrix a,
                                      struct diva_error *error) {
  return diva_cuda_check(diva_cuda_launch_symmetrize(square_of(a), backend->stream),
                         "mirroring a triangle", error);
}

enum diva_status diva_cuda_fold_symmetric(struct diva_backend *backend, struct diva_matrix a,
                                          struct diva_error *error) {
  return diva_cuda_check(diva_cuda_launch_fold(square_of(a), backend->stream), "folding a triangle",
                         error);
}

static enum diva_status factor(struct diva_backend *backend, struct diva_matrix a,
                               struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  const int n = (int)a.rows;
  double *values = square_of(a).values;
  int size = 0;
  enum diva_status status = diva_cuda_check_solver(
      use->dpotrf_size(backend->solver, CUBLAS_FILL_MODE_LOWER, n, values, (int)a.stride, &size),
      "Cholesky", error);
  if (status == DIVA_OK) {
    status = diva_cuda_reserve_work(backend, size * (int64_t)sizeof(double), error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check_solver(use->dpotrf(backend->solver, CUBLAS_FILL_MODE_LOWER, n, values,
                                                (int)a.stride, (double *)(void *)backend->work,
                                                size, backend->scratch.found),
                                    "Cholesky", error);
  }
  return status;
}

/* The least index that either of two searches stopped at; 0: neither did. */
static int first_of(int a, int b) {
  if (a <= 0 || b <= 0) {
    return a > 0 ? a : (b > 0 ? b : 0);
  }
  return a < b ? a : b;
}

/* The diagonal is searched, too: a NaN passes a comparison that asks for a pivot below zero. */
enum diva_status diva_cuda_cholesky(struct diva_backend *backend, struct diva_matrix a,
                                    struct diva_error *error) {
  struct findings findings = {0, 0};
  enum diva_status status = check_size(a, error);
  if (status != DIVA_OK || a.rows == 0) {
    return status;
  }
  status = clear_findings(backend, error);
  if (status == DIVA_OK) {
    status = factor(backend, a, error);
  }
  if (status == DIVA_OK) {
    status = find_pivot(backend, a, true, error);
  }
  if (status == DIVA_OK) {
    status = read_findings(backend, &findings, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const int stop = first_of(findings.info, findings.pivot);
  if (stop > 0 || findings.info < 0) {
    diva_error_set(error, DIVA_ERROR_NUMERICAL,
                   "the system is not positive definite: Cholesky stops at pivot %d of %d", stop,
                   (int)a.rows);
    if (error) {
      error->foreign_code = stop;
    }
    return DIVA_ERROR_NUMERICAL;
  }
  return diva_cuda_check(diva_cuda_launch_copy_upper(square_of(a), square_of(a), backend->stream),
                         "clearing a triangle", error);
}

/* B = op(L)^-1 B for the lower L = R' and the column-major B that a row-major R and B' are. */
static enum diva_status solve(struct diva_backend *backend, cublasOperation_t operation,
                              struct diva_matrix r, struct diva_cuda_tile b,
                              struct diva_error *error) {
  const double one = 1.0;
  return diva_cuda_check_blas(
      backend->libraries.dtrsm(backend->blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, operation,
                               CUBLAS_DIAG_NON_UNIT, (int)r.rows, (int)b.rows, &one,
                               square_of(r).values, (int)r.stride, b.values, (int)b.stride),
      "a triangular system", error);
}

enum diva_status diva_cuda_cholesky_solve(struct diva_backend *backend, struct diva_matrix r,
                                          struct diva_matrix b, struct diva_error *error) {
  enum diva_status status = check_size(r, error);
  if (status == DIVA_OK) {
    status = check_size(b, error);
  }
  if (status != DIVA_OK || r.rows == 0 || b.rows == 0) {
    return status;
  }
  status = solve(backend, CUBLAS_OP_N, r, square_of(b), error);
  return status == DIVA_OK ? solve(backend, CUBLAS_OP_T, r, square_of(b), error) : status;
}

/* Solves L X = I: X is lower, that is, R^-1 row by row. */
enum diva_status diva_cuda_triangular_inverse(struct diva_backend *backend, struct diva_matrix r,
                                              struct diva_error *error) {
  struct findings findings = {0, 0};
  enum diva_status status = check_size(r, error);
  if (status != DIVA_OK || r.rows == 0) {
    return status;
  }
  status = clear_findings(backend, error);
  if (status == DIVA_OK) {
    status = find_pivot(backend, r, false, error);
  }
  if (status == DIVA_OK) {
    status = read_findings(backend, &findings, error);
  }
  if (status == DIVA_OK && findings.pivot > 0) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "the factor is singular: its diagonal is zero at %d of %d",
                          findings.pivot, (int)r.rows);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_reserve_work(backend, r.rows * r.rows * (int64_t)sizeof(double), error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_cuda_tile inverse = {backend->work, r.rows, r.rows, r.rows};
  status =
      diva_cuda_check(diva_cuda_launch_identity(inverse, backend->stream), "an identity", error);
  if (status == DIVA_OK) {
    status = solve(backend, CUBLAS_OP_N, r, inverse, error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_copy_upper(inverse, square_of(r), backend->stream),
                             "copying a triangle", error);
  }
  return status;
}

static enum diva_status eigen_double(struct diva_backend *backend, struct diva_matrix a,
                                     double *eigenvalues, struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  double *values = square_of(a).values;
  int size = 0;
  enum diva_status status = diva_cuda_check_solver(
      use->dsyevd_size(backend->solver, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER,
                       (int)a.rows, values, (int)a.stride, eigenvalues, &size),
      "eigenvectors", error);
  if (status == DIVA_OK) {
    status = diva_cuda_reserve_work(backend, size * (int64_t)sizeof(double), error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check_solver(
        use->dsyevd(backend->solver, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, (int)a.rows,
                    values, (int)a.stride, eigenvalues, (double *)(void *)backend->work, size,
                    backend->scratch.found),
        "eigenvectors", error);
  }
  return status;
}

/* The work holds the eigenvalues, the matrix, and what cuSOLVER asks for; each starts on a multiple
 * of 64 floats. */
static enum diva_status eigen_float(struct diva_backend *backend, struct diva_matrix a,
                                    double *eigenvalues, struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  const int64_t unit = 64;
  const int64_t n = a.rows;
  const int64_t place = (n + unit - 1) / unit * unit;
  const int64_t end = place + (n * n + unit - 1) / unit * unit;
  int size = 0;
  enum diva_status status = diva_cuda_check_solver(
      use->ssyevd_size(backend->solver, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, (int)n,
                       backend->scratch.partials, (int)n, backend->scratch.partials, &size),
      "eigenvectors", error);
  if (status == DIVA_OK) {
    status = diva_cuda_reserve_work(backend, (end + size) * (int64_t)sizeof(float), error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  float *values = (float *)(void *)backend->work;
  const struct diva_cuda_tile row = {eigenvalues, 1, n, n};
  status = diva_cuda_check(diva_cuda_launch_narrow(square_of(a), values + place, backend->stream),
                           "narrowing a matrix", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check_solver(
        use->ssyevd(backend->solver, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, (int)n,
                    values + place, (int)n, values, values + end, size, backend->scratch.found),
        "eigenvectors", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_widen(values, row, backend->stream),
                             "widening eigenvalues", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_widen(values + place, square_of(a), backend->stream),
                             "widening a matrix", error);
  }
  return status;
}

enum diva_status diva_cuda_eigen(struct diva_backend *backend, struct diva_matrix a,
                                 struct diva_vector eigenvalues, struct diva_error *error) {
  struct findings findings = {0, 0};
  enum diva_status status = check_size(a, error);
  if (status != DIVA_OK || a.rows == 0) {
    return status;
  }
  status = clear_findings(backend, error);
  if (status == DIVA_OK) {
    status = backend->config.double_tiles
                 ? eigen_double(backend, a, diva_cuda_reals(eigenvalues), error)
                 : eigen_float(backend, a, diva_cuda_reals(eigenvalues), error);
  }
  if (status == DIVA_OK) {
    status = read_findings(backend, &findings, error);
  }
  if (status == DIVA_OK && findings.info != 0) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "eigenvectors of the Gram matrix did not converge (cuSOLVER info %d)",
                          findings.info);
  }
  return status;
}
