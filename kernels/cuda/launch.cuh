/**
 * @file launch.cuh
 * The one place that starts a kernel.
 */
#ifndef DIVA_CUDA_LAUNCH_CUH
#define DIVA_CUDA_LAUNCH_CUH

#include "api.h"

#include <cstdint>

#ifndef __CUDACC__
/* The same source run on the host by the tests: gives the built-in variables of a thread, and
 * cuda_emulation_launch(). */
#include <cuda_emulation_launch.h>
#endif

/**
 * Starts a kernel on a stream; nothing happens for an empty grid. Arguments are converted to the
 * kernel's parameters here, as in a call.
 * @return what the launch itself says; faults of the kernel show at the next synchronisation
 */
template <typename... Parameters, typename... Arguments>
static cudaError_t diva_launch(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                               cudaStream_t stream, Arguments... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "one argument a parameter");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) {
    return cudaSuccess;
  }
#ifdef __CUDACC__
  kernel<<<grid, block, 0, stream>>>(static_cast<Parameters>(arguments)...);
  return cudaGetLastError();
#else
  return cuda_emulation_launch(kernel, grid, block, stream, static_cast<Parameters>(arguments)...);
#endif
}

#endif
