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

/* Workspace is counted in 32 bits, too, and wraps beyond them. */
static enum diva_status check_work(cusolverStatus_t code, int size, const char *what,
                                   struct diva_error *error) {
  const enum diva_status status = diva_cuda_check_solver(code, what, error);
  return status == DIVA_OK && size < 0
             ? diva_error_set(error, DIVA_ERROR_RESOURCE,
                              "the workspace of %s is beyond cuSOLVER's 32-bit sizes", what)
             : status;
}

/* The sizes that cuSOLVER asks for do not depend on what the matrix holds, or where. */
static enum diva_status size_factor(struct diva_backend *backend, int64_t n, int64_t stride,
                                    int *size, struct diva_error *error) {
  const cusolverStatus_t code = backend->libraries.dpotrf_size(
      backend->solver, CUBLAS_FILL_MODE_LOWER, (int)n, NULL, (int)stride, size);
  return check_work(code, *size, "Cholesky", error);
}

static enum diva_status factor(struct diva_backend *backend, struct diva_matrix a,
                               struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  const int n = (int)a.rows;
  double *values = square_of(a).values;
  int size = 0;
  enum diva_status status = size_factor(backend, a.rows, a.stride, &size, error);
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

/* Beyond this the count of 2 n^2 + 6 n + 1 values that eigenvectors take is no 32-bit one. */
static enum diva_status check_eigen(int64_t n, struct diva_error *error) {
  enum { LARGEST = 32766 };
  return n > LARGEST
             ? diva_error_set(error, DIVA_ERROR_RESOURCE,
                              "eigenvectors of %lld columns are beyond cuSOLVER's 32-bit sizes "
                              "(%d columns); a lambda that is given needs none",
                              (long long)n, LARGEST)
             : DIVA_OK;
}

static enum diva_status size_eigen_double(struct diva_backend *backend, int64_t n, int64_t stride,
                                          int *size, struct diva_error *error) {
  const enum diva_status status = check_eigen(n, error);
  if (status != DIVA_OK) {
    return status;
  }
  const cusolverStatus_t code =
      backend->libraries.dsyevd_size(backend->solver, CUSOLVER_EIG_MODE_VECTOR,
                                     CUBLAS_FILL_MODE_LOWER, (int)n, NULL, (int)stride, NULL, size);
  return check_work(code, *size, "eigenvectors", error);
}

static enum diva_status eigen_double(struct diva_backend *backend, struct diva_matrix a,
                                     double *eigenvalues, struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  double *values = square_of(a).values;
  int size = 0;
  enum diva_status status = size_eigen_double(backend, a.rows, a.stride, &size, error);
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

/* The work of eigenvectors in float32, in floats: the eigenvalues, the matrix from `place` on, and
 * from `end` on what cuSOLVER asks for. */
struct float_work {
  int64_t place;
  int64_t end;
  int size;
};

/* Each part starts on a multiple of 64 floats. */
static enum diva_status lay_out_eigen_float(struct diva_backend *backend, int64_t n,
                                            struct float_work *out, struct diva_error *error) {
  const int64_t unit = 64;
  out->place = (n + unit - 1) / unit * unit;
  out->end = out->place + (n * n + unit - 1) / unit * unit;
  out->size = 0;
  const enum diva_status status = check_eigen(n, error);
  if (status != DIVA_OK) {
    return status;
  }
  const cusolverStatus_t code = backend->libraries.ssyevd_size(
      backend->solver, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, (int)n, NULL, (int)n, NULL,
      &out->size);
  return check_work(code, out->size, "eigenvectors", error);
}

static enum diva_status eigen_float(struct diva_backend *backend, struct diva_matrix a,
                                    double *eigenvalues, struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  const int64_t n = a.rows;
  struct float_work work = {0};
  enum diva_status status = lay_out_eigen_float(backend, n, &work, error);
  if (status == DIVA_OK) {
    status =
        diva_cuda_reserve_work(backend, (work.end + work.size) * (int64_t)sizeof(float), error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const int64_t place = work.place;
  const int64_t end = work.end;
  const int size = work.size;
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

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static enum diva_status eigen_bytes(struct diva_backend *backend,
                                    const struct diva_backend_config *config, int64_t *bytes,
                                    struct diva_error *error) {
  const int64_t n = config->square;
  enum diva_status status = DIVA_OK;
  if (config->double_tiles) {
    int size = 0;
    status = size_eigen_double(backend, n, n, &size, error);
    *bytes = size * (int64_t)sizeof(double);
  } else {
    struct float_work work = {0};
    status = lay_out_eigen_float(backend, n, &work, error);
    *bytes = (work.end + work.size) * (int64_t)sizeof(float);
  }
  return status;
}

enum diva_status diva_cuda_algebra_bytes(struct diva_backend *backend,
                                         const struct diva_backend_config *config, int64_t *bytes,
                                         struct diva_error *error) {
  const int64_t n = config->square;
  const struct diva_matrix square = {.rows = n, .columns = n, .stride = n};
  int size = 0;
  int64_t eigenvectors = 0;
  *bytes = 0;
  enum diva_status status = check_size(square, error);
  if (status != DIVA_OK || n == 0) {
    return status;
  }
  status = size_factor(backend, n, n, &size, error);
  if (status == DIVA_OK && config->eigen) {
    status = eigen_bytes(backend, config, &eigenvectors, error);
  }
  const int64_t inverse = n * n * (int64_t)sizeof(double);
  *bytes = larger(larger(inverse, size * (int64_t)sizeof(double)), eigenvectors);
  return status;
}
