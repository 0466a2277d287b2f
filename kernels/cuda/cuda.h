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

/**
 * Products of float32 factors are made by the float32 units, or on tensor cores by float16 parts
 * at the same accuracy (halves.h). The environment variable DIVA_CUDA_FLOAT32 says which:
 *   plain       the float32 units
 *   halves      tensor cores, where a product is at least 64 in each direction
 *   all-halves  tensor cores for narrower ones too, which gain nothing by it: for tests
 * unset, halves on devices made for computing (capabilities 8.0, 9.x, 10.x), else plain.
 */
extern const struct diva_backend_ops diva_cuda_ops;

#endif
