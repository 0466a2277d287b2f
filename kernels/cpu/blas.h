/**
 * @file blas.h
 * The BLAS and LAPACK routines the CPU backend uses, loaded at run time.
 *
 * Loading by hand, rather than linking, lets DIVA tell OpenBLAS the core type before it
 * initialises: releases in Debian 12 take recent processors for one of 2004 and run at a quarter of
 * their speed.
 */
#ifndef DIVA_BLAS_H
#define DIVA_BLAS_H

#include <diva/error.h>

enum {
  DIVA_BLAS_ROW_MAJOR = 101,
  DIVA_BLAS_PLAIN = 111,
  DIVA_BLAS_TRANSPOSED = 112,
  DIVA_BLAS_UPPER = 121,
  DIVA_BLAS_DIAGONAL_STORED = 131,
  DIVA_BLAS_RIGHT = 142
};

/** Fortran integers are 32-bit in the libraries loaded here. */
typedef int32_t diva_blas_int;

struct diva_blas {
  void *library;
  void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
  void (*dgemm)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                const double *a, int lda, const double *b, int ldb, double beta, double *c,
                int ldc);
  void (*dgemv)(int order, int trans, int m, int n, double alpha, const double *a, int lda,
                const double *x, int step_x, double beta, double *y, int step_y);
  void (*ssyrk)(int order, int uplo, int trans, int n, int k, float alpha, const float *a, int lda,
                float beta, float *c, int ldc);
  void (*dsyrk)(int order, int uplo, int trans, int n, int k, double alpha, const double *a,
                int lda, double beta, double *c, int ldc);
  void (*strmm)(int order, int side, int uplo, int trans, int diagonal, int m, int n, float alpha,
                const float *a, int lda, float *b, int ldb);
  void (*dtrmm)(int order, int side, int uplo, int trans, int diagonal, int m, int n, double alpha,
                const double *a, int lda, double *b, int ldb);
  void (*dpotrf)(const char *uplo, const diva_blas_int *n, double *a, const diva_blas_int *lda,
                 diva_blas_int *info, size_t uplo_length);
  void (*dpotrs)(const char *uplo, const diva_blas_int *n, const diva_blas_int *right_sides,
                 const double *a, const diva_blas_int *lda, double *b, const diva_blas_int *ldb,
                 diva_blas_int *info, size_t uplo_length);
  void (*dtrtri)(const char *uplo, const char *diagonal, const diva_blas_int *n, double *a,
                 const diva_blas_int *lda, diva_blas_int *info, size_t uplo_length,
                 size_t diagonal_length);
  void (*dsyevd)(const char *jobz, const char *uplo, const diva_blas_int *n, double *a,
                 const diva_blas_int *lda, double *w, double *work, const diva_blas_int *lwork,
                 diva_blas_int *iwork, const diva_blas_int *liwork, diva_blas_int *info,
                 size_t jobz_length, size_t uplo_length);
  void (*ssyevd)(const char *jobz, const char *uplo, const diva_blas_int *n, float *a,
                 const diva_blas_int *lda, float *w, float *work, const diva_blas_int *lwork,
                 diva_blas_int *iwork, const diva_blas_int *liwork, diva_blas_int *info,
                 size_t jobz_length, size_t uplo_length);
  void (*set_threads)(int threads); /**< NULL where the library has no such call */
  char description[128];            /**< "OpenBLAS 0.3.21 (SkylakeX)" */
};

/**
 * Loads the library named by the environment variable DIVA_BLAS, else OpenBLAS. It stays loaded for
 * the life of the process. Unless OPENBLAS_CORETYPE is set, or OpenBLAS is in the process already,
 * it is told the best core type that this processor supports.
 * @return DIVA_ERROR_RESOURCE naming what was tried
 */
enum diva_status diva_blas_load(struct diva_blas *out, struct diva_error *error);

#endif
