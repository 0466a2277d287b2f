/* Small uploads: read where they lie in the host's memory, instead of waiting for their turn. */
#include "kernel.cuh"

static __global__ void copy_words(const uint32_t *from, uint32_t *to, int64_t words) {
  const int64_t i = diva_thread();
  if (i < words) {
    to[i] = from[i];
  }
}

cudaError_t diva_cuda_launch_copy_words(const void *from, void *to, int64_t words,
                                        cudaStream_t stream) {
  return diva_launch(copy_words, diva_blocks_for(words, DIVA_BLOCK), dim3(DIVA_BLOCK), stream,
                     static_cast<const uint32_t *>(from), static_cast<uint32_t *>(to), words);
}
