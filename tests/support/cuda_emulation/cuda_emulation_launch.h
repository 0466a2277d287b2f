/**
 * @file cuda_emulation_launch.h
 * What device code needs where it is compiled as C++ for the host: built-in variables, barriers,
 * exchanges within a warp, and the launch. Included by launch.cuh where nvcc is not the compiler.
 *
 * The emulation executes kernels/cuda without a GPU, so that each kernel and the host code around
 * it are run by the tests and not only compiled. It shows wrong indices and missing barriers (the
 * threads of a block are fibres that run in a shuffled order), missing waits between streams and
 * before downloads (nothing runs until it must, and streams take turns in a seeded order), reads of
 * unwritten memory (NaN) and of device memory by the host (a fault). It says nothing of speed, nor
 * of races between threads that a single core cannot make.
 */
#ifndef DIVA_TESTS_CUDA_EMULATION_LAUNCH_H
#define DIVA_TESTS_CUDA_EMULATION_LAUNCH_H

#include <cuda_runtime_api.h>

#include <cstring>
#include <functional>

/* The toolkit defines these to nothing for other compilers. The blocks of a grid run one after
 * another: what they share may lie in the same place. */
#undef __shared__
#define __shared__ static

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

void cuda_emulation_barrier();

/** Gives `value` (at most 8 bytes) to whoever asks for this lane, and takes that of `lane`. */
void cuda_emulation_exchange(unsigned mask, int lane, void *value, size_t bytes);

cudaError_t cuda_emulation_enqueue_kernel(dim3 grid, dim3 block, cudaStream_t stream,
                                          std::function<void()> thread);

static inline void __syncthreads() {
  cuda_emulation_barrier();
}

template <typename Value>
static inline Value __shfl_xor_sync(unsigned mask, Value value, int lane_mask) {
  static_assert(sizeof(Value) <= 8, "a register or two");
  const int lane = static_cast<int>(threadIdx.x % 32) ^ lane_mask;
  cuda_emulation_exchange(mask, lane, &value, sizeof value);
  return value;
}

template <typename Value> static inline Value atomicMin(Value *place, Value value) {
  const Value before = *place;
  *place = value < before ? value : before;
  return before;
}

/* Arguments are copied when the kernel is launched. */
template <typename... Parameters>
static inline cudaError_t cuda_emulation_launch(void (*kernel)(Parameters...), dim3 grid,
                                                dim3 block, cudaStream_t stream,
                                                std::common_type_t<Parameters>... arguments) {
  return cuda_emulation_enqueue_kernel(grid, block, stream, [=] { kernel(arguments...); });
}

#endif
