/* The float64 algebra of square matrices: Cholesky, inverses, eigenvectors, by LAPACK. */
#include "cpu_internal.h"

#include <math.h>
#include <stdlib.h>

/* LAPACK reads columns first: a row-major upper triangle is its lower one, and R' R its L L'. */
static const char LOWER[] = "L";

/* LAPACK may use all threads, unless the bytes must not depend on their number. */
static void use_lapack_threads(const struct diva_backend *backend, bool many) {
  if (backend->blas.set_threads) {
    backend->blas.set_threads(many && !backend->config.deterministic ? backend->config.threads : 1);
  }
}

static double *values_of(struct diva_matrix matrix) {
  return diva_cpu_address(matrix, 0, 0, sizeof(double));
}

enum diva_status diva_cpu_symmetrize(struct diva_backend *backend, struct diva_matrix a,
                                     struct diva_error *error) {
  (void)error;
  double *values = values_of(a);
#pragma omp parallel for schedule(dynamic, 64) num_threads(backend->config.threads)
  for (int64_t i = 0; i < a.rows; i++) {
    for (int64_t j = 0; j < i; j++) {
      values[i * a.stride + j] = values[j * a.stride + i];
    }
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_fold_symmetric(struct diva_backend *backend, struct diva_matrix a,
                                         struct diva_error *error) {
  (void)error;
  double *values = values_of(a);
#pragma omp parallel for schedule(dynamic, 64) num_threads(backend->config.threads)
  for (int64_t i = 0; i < a.rows; i++) {
    for (int64_t j = 0; j < i; j++) {
      values[i * a.stride + j] = 0.0;
    }
    for (int64_t j = i + 1; j < a.columns; j++) {
      values[i * a.stride + j] *= 2.0;
    }
  }
  return DIVA_OK;
}

static void zero_below_diagonal(struct diva_matrix a) {
  double *values = values_of(a);
  for (int64_t i = 0; i < a.rows; i++) {
    for (int64_t j = 0; j < i; j++) {
      values[i * a.stride + j] = 0.0;
    }
  }
}

/* The 1-based index of the first pivot that is NaN, or 0: OpenBLAS lets those pass, since no
 * comparison with zero holds for them. */
static diva_blas_int find_undefined_pivot(struct diva_matrix r) {
  const double *values = values_of(r);
  for (int64_t i = 0; i < r.rows; i++) {
    if (!isfinite(values[i * r.stride + i])) {
      return (diva_blas_int)(i + 1);
    }
  }
  return 0;
}

enum diva_status diva_cpu_cholesky(struct diva_backend *backend, struct diva_matrix a,
                                   struct diva_error *error) {
  const diva_blas_int n = (diva_blas_int)a.rows;
  const diva_blas_int stride = (diva_blas_int)a.stride;
  diva_blas_int info = 0;
  use_lapack_threads(backend, true);
  backend->blas.dpotrf(LOWER, &n, values_of(a), &stride, &info, 1);
  use_lapack_threads(backend, false);
  info = info != 0 ? info : find_undefined_pivot(a);
  if (info != 0) {
    const enum diva_status status = diva_error_set(
        error, DIVA_ERROR_NUMERICAL,
        "the system is not positive definite: Cholesky stops at pivot %d of %d", info, n);
    if (error) {
      error->foreign_code = info;
    }
    return status;
  }
  zero_below_diagonal(a);
  return DIVA_OK;
}

enum diva_status diva_cpu_cholesky_solve(struct diva_backend *backend, struct diva_matrix r,
                                         struct diva_matrix b, struct diva_error *error) {
  (void)error;
  const diva_blas_int n = (diva_blas_int)r.rows;
  const diva_blas_int right_sides = (diva_blas_int)b.rows;
  const diva_blas_int ldr = (diva_blas_int)r.stride;
  const diva_blas_int ldb = (diva_blas_int)b.stride;
  diva_blas_int info = 0;
  use_lapack_threads(backend, true);
  backend->blas.dpotrs(LOWER, &n, &right_sides, values_of(r), &ldr, values_of(b), &ldb, &info, 1);
  use_lapack_threads(backend, false);
  return DIVA_OK;
}

enum diva_status diva_cpu_triangular_inverse(struct diva_backend *backend, struct diva_matrix r,
                                             struct diva_error *error) {
  const diva_blas_int n = (diva_blas_int)r.rows;
  const diva_blas_int stride = (diva_blas_int)r.stride;
  diva_blas_int info = 0;
  use_lapack_threads(backend, true);
  backend->blas.dtrtri(LOWER, "N", &n, values_of(r), &stride, &info, 1, 1);
  use_lapack_threads(backend, false);
  if (info != 0) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "the factor is singular: its diagonal is zero at %d of %d", info, n);
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_eigen(struct diva_backend *backend, struct diva_matrix a,
                                struct diva_vector eigenvalues, struct diva_error *error) {
  const diva_blas_int n = (diva_blas_int)a.rows;
  const diva_blas_int stride = (diva_blas_int)a.stride;
  diva_blas_int info = 0;
  if (n == 0) {
    return DIVA_OK;
  }
  const int64_t work_length = 1 + 6 * a.rows + 2 * a.rows * a.rows;
  const int64_t integer_length = 3 + 5 * a.rows;
  if (work_length > INT32_MAX) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "eigenvectors of %lld columns are beyond LAPACK's 32-bit sizes; give "
                          "--lambda a value",
                          (long long)a.rows);
  }
  double *work = malloc((size_t)work_length * sizeof *work);
  diva_blas_int *integers = malloc((size_t)integer_length * sizeof *integers);
  enum diva_status status = DIVA_OK;
  if (!work || !integers) {
    status =
        diva_error_set(error, DIVA_ERROR_RESOURCE,
                       "out of memory for the workspace of %lld eigenvectors", (long long)a.rows);
    goto done;
  }
  const diva_blas_int lwork = (diva_blas_int)work_length;
  const diva_blas_int liwork = (diva_blas_int)integer_length;
  use_lapack_threads(backend, true);
  backend->blas.dsyevd("V", LOWER, &n, values_of(a), &stride, diva_cpu_reals(eigenvalues), work,
                       &lwork, integers, &liwork, &info, 1, 1);
  use_lapack_threads(backend, false);
  if (info != 0) {
    status =
        diva_error_set(error, DIVA_ERROR_NUMERICAL,
                       "eigenvectors of the Gram matrix did not converge (LAPACK info %d)", info);
  }
done:
  free(work);
  free(integers);
  return status;
}
