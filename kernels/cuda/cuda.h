/** @file cuda.h The CUDA backend: cuBLAS, cuSOLVER and own kernels on one NVIDIA GPU. */
#ifndef DIVA_CUDA_H
#define DIVA_CUDA_H

#include "kernels/backend.h"

extern const struct diva_backend_ops diva_cuda_ops;

#endif
