/**
 * @file api.h
 * The part of CUDA that the backend calls, from C and from C++: nothing outside this list.
 *
 * Runtime, linked statically:
 *   cudaDriverGetVersion, cudaGetDeviceCount, cudaSetDevice, cudaGetDeviceProperties (name, major,
 *   minor, totalGlobalMem, pciDomainID, pciBusID, pciDeviceID), cudaDeviceGetAttribute (the
 *   capability), cudaMemGetInfo, cudaMalloc, cudaFree, cudaMallocHost, cudaFreeHost,
 *   cudaPointerGetAttributes (type), cudaMemcpyAsync, cudaMemsetAsync, cudaStreamCreateWithFlags,
 *   cudaStreamDestroy, cudaStreamSynchronize, cudaStreamWaitEvent, cudaEventCreateWithFlags,
 *   cudaEventDestroy, cudaEventRecord, cudaEventSynchronize, cudaGetLastError, cudaGetErrorString.
 *
 * cuBLAS and cuSOLVER, found at run time by these symbols (libraries.h):
 *   cublasCreate_v2, cublasDestroy_v2, cublasSetStream_v2, cublasGetProperty,
 *   cublasGemmStridedBatchedEx, cublasDtrsm_v2,
 *   cusolverDnCreate, cusolverDnDestroy, cusolverDnSetStream, cusolverDnDpotrf,
 *   cusolverDnDpotrf_bufferSize, cusolverDnDsyevd, cusolverDnDsyevd_bufferSize, cusolverDnSsyevd,
 *   cusolverDnSsyevd_bufferSize.
 *
 * Kernels: threadIdx, blockIdx, blockDim, __syncthreads, __shfl_xor_sync (int, long long, double),
 * atomicMin (long long), static __shared__ arrays; started by diva_launch() of launch.cuh alone.
 */
#ifndef DIVA_CUDA_API_H
#define DIVA_CUDA_API_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#endif
