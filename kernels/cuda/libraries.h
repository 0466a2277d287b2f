/**
 * @file libraries.h
 * cuBLAS and cuSOLVER, loaded at run time, so that one binary also runs where they are not.
 */
#ifndef DIVA_CUDA_LIBRARIES_H
#define DIVA_CUDA_LIBRARIES_H

#include "api.h"

#include <diva/error.h>

struct diva_cuda_libraries {
  void *cublas;
  cublasStatus_t (*create)(cublasHandle_t *handle);
  cublasStatus_t (*destroy)(cublasHandle_t handle);
  cublasStatus_t (*set_stream)(cublasHandle_t handle, cudaStream_t stream);
  cublasStatus_t (*get_property)(libraryPropertyType type, int *value);
  cublasStatus_t (*gemm)(cublasHandle_t handle, cublasOperation_t trans_a,
                         cublasOperation_t trans_b, int m, int n, int k, const void *alpha,
                         const void *a, cudaDataType type_a, int lda, long long stride_a,
                         const void *b, cudaDataType type_b, int ldb, long long stride_b,
                         const void *beta, void *c, cudaDataType type_c, int ldc,
                         long long stride_c, int count, cublasComputeType_t compute,
                         cublasGemmAlgo_t algorithm);
  cublasStatus_t (*dtrsm)(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                          cublasOperation_t trans, cublasDiagType_t diagonal, int m, int n,
                          const double *alpha, const double *a, int lda, double *b, int ldb);
  void *cusolver;
  cusolverStatus_t (*solver_create)(cusolverDnHandle_t *handle);
  cusolverStatus_t (*solver_destroy)(cusolverDnHandle_t handle);
  cusolverStatus_t (*solver_set_stream)(cusolverDnHandle_t handle, cudaStream_t stream);
  cusolverStatus_t (*dpotrf_size)(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,
                                  double *a, int lda, int *size);
  cusolverStatus_t (*dpotrf)(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, double *a,
                             int lda, double *work, int size, int *info);
  cusolverStatus_t (*dsyevd_size)(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                  cublasFillMode_t uplo, int n, const double *a, int lda,
                                  const double *w, int *size);
  cusolverStatus_t (*dsyevd)(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                             cublasFillMode_t uplo, int n, double *a, int lda, double *w,
                             double *work, int size, int *info);
  cusolverStatus_t (*ssyevd_size)(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                  cublasFillMode_t uplo, int n, const float *a, int lda,
                                  const float *w, int *size);
  cusolverStatus_t (*ssyevd)(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                             cublasFillMode_t uplo, int n, float *a, int lda, float *w, float *work,
                             int size, int *info);
};

/**
 * Loads the libraries that the environment variables DIVA_CUBLAS and DIVA_CUSOLVER name, else
 * libcublas.so and libcusolver.so of CUDA 13 or 12, both of one of them, and of none that is newer
 * than the driver. They stay loaded for the life of the process.
 * @param driver  the major version of CUDA that it supports
 * @return DIVA_ERROR_RESOURCE naming what was tried
 */
enum diva_status diva_cuda_libraries_load(int driver, struct diva_cuda_libraries *out,
                                          struct diva_error *error);

#endif
