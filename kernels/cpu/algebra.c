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

/* Workspace of an eigendecomposition: LAPACK's, and a copy of the matrix in tile type. */
struct eigen_work {
  double *work; /* floats where the tile type is */
  diva_blas_int *integers;
  float *matrix;
  float *values;
  diva_blas_int work_length;
  diva_blas_int integer_length;
};

static enum diva_status open_eigen_work(const struct diva_backend *backend, int64_t n,
                                        struct eigen_work *out, struct diva_error *error) {
  const int64_t work_length = 1 + 6 * n + 2 * n * n;
  const bool single = !backend->config.double_tiles;
  *out = (struct eigen_work){0};
  if (work_length > INT32_MAX) {
    diva_error_set(error, DIVA_ERROR_RESOURCE,
                   "eigenvectors of %lld columns are beyond LAPACK's 32-bit sizes; give --lambda "
                   "a value",
                   (long long)n);
    return DIVA_ERROR_RESOURCE;
  }
  out->work_length = (diva_blas_int)work_length;
  out->integer_length = (diva_blas_int)(3 + 5 * n);
  out->work = malloc((size_t)work_length * sizeof *out->work);
  out->integers = malloc((size_t)out->integer_length * sizeof *out->integers);
  out->matrix = malloc((size_t)(single ? n * n : 1) * sizeof *out->matrix);
  out->values = malloc((size_t)n * sizeof *out->values);
  if (!out->work || !out->integers || !out->matrix || !out->values) {
    diva_error_set(error, DIVA_ERROR_RESOURCE,
                   "out of memory for the workspace of %lld eigenvectors", (long long)n);
    return DIVA_ERROR_RESOURCE;
  }
  return DIVA_OK;
}

static void close_eigen_work(struct eigen_work *work) {
  free(work->work);
  free(work->integers);
  free(work->matrix);
  free(work->values);
}

static diva_blas_int eigen_double(const struct diva_backend *backend, struct diva_matrix a,
                                  double *eigenvalues, struct eigen_work *work) {
  const diva_blas_int n = (diva_blas_int)a.rows;
  const diva_blas_int stride = (diva_blas_int)a.stride;
  diva_blas_int info = 0;
  backend->blas.dsyevd("V", LOWER, &n, values_of(a), &stride, eigenvalues, work->work,
                       &work->work_length, work->integers, &work->integer_length, &info, 1, 1);
  return info;
}

static diva_blas_int eigen_float(const struct diva_backend *backend, struct diva_matrix a,
                                 double *eigenvalues, struct eigen_work *work) {
  const diva_blas_int n = (diva_blas_int)a.rows;
  double *values = values_of(a);
  diva_blas_int info = 0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n; j++) {
      work->matrix[i * n + j] = (float)values[i * a.stride + j];
    }
  }
  backend->blas.ssyevd("V", LOWER, &n, work->matrix, &n, work->values, (float *)work->work,
                       &work->work_length, work->integers, &work->integer_length, &info, 1, 1);
  for (int64_t i = 0; i < n; i++) {
    eigenvalues[i] = (double)work->values[i];
    for (int64_t j = 0; j < n; j++) {
      values[i * a.stride + j] = (double)work->matrix[i * n + j];
    }
  }
  return info;
}

enum diva_status diva_cpu_eigen(struct diva_backend *backend, struct diva_matrix a,
                                struct diva_vector eigenvalues, struct diva_error *error) {
  struct eigen_work work;
  if (a.rows == 0) {
    return DIVA_OK;
  }
  enum diva_status status = open_eigen_work(backend, a.rows, &work, error);
  if (status == DIVA_OK) {
    use_lapack_threads(backend, true);
    const diva_blas_int info = backend->config.double_tiles
                                   ? eigen_double(backend, a, diva_cpu_reals(eigenvalues), &work)
                                   : eigen_float(backend, a, diva_cpu_reals(eigenvalues), &work);
    use_lapack_threads(backend, false);
    if (info != 0) {
      status =
          diva_error_set(error, DIVA_ERROR_NUMERICAL,
                         "eigenvectors of the Gram matrix did not converge (LAPACK info %d)", info);
    }
  }
  close_eigen_work(&work);
  return status;
}
