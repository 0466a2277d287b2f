/** @file cuda.h The CUDA backend: cuBLAS, cuSOLVER and own kernels on one NVIDIA GPU. */
#ifndef DIVA_CUDA_H
#define DIVA_CUDA_H

#include "kernels/backend.h"

/**
 * Bytes of the device's memory that diva_cuda_ops.memory_free leaves out: kernels are loaded when
 * they are first started, the libraries take some of their own, and each allocation is rounded up
 * to pages of 2 MiB.
 */
enum { DIVA_CUDA_HEADROOM = 256 << 20 };

extern const struct diva_backend_ops diva_cuda_ops;

#endif
