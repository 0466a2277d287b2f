/* Factors of products: as they are, weighed, or split for tensor cores. */
#include "cuda_internal.h"

#include <stdlib.h>
#include <string.h>

enum diva_cuda_float32 diva_cuda_float32_asked(void) {
  const char *asked = getenv("DIVA_CUDA_FLOAT32");
  return asked && strcmp(asked, "tf32x3") == 0 ? DIVA_CUDA_FLOAT32_TF32X3 : DIVA_CUDA_FLOAT32_PLAIN;
}

bool diva_cuda_splits(const struct diva_backend *backend, int64_t m, int64_t n) {
  enum { NARROWEST = 64 };
  return backend->float32 == DIVA_CUDA_FLOAT32_TF32X3 && !backend->config.double_tiles &&
         m >= NARROWEST && n >= NARROWEST;
}

static enum diva_status split_factor(struct diva_backend *backend, struct diva_cuda_tile tile,
                                     const double *weight, int place, struct diva_cuda_factor *out,
                                     struct diva_error *error) {
  out->values = tile;
  out->values.values = backend->scratch.high[place];
  out->values.stride = backend->scratch.stride;
  out->low = backend->scratch.low[place];
  return diva_cuda_check(diva_cuda_launch_split(tile, weight, out->values,
                                                backend->scratch.low[place], backend->stream),
                         "splitting a factor", error);
}

static enum diva_status weigh(struct diva_backend *backend, struct diva_cuda_tile tile,
                              const double *weight, struct diva_cuda_factor *out,
                              struct diva_error *error) {
  out->values = tile;
  out->values.values = backend->scratch.rows;
  out->values.stride = backend->scratch.stride;
  return diva_cuda_check(diva_cuda_launch_weigh(backend->config.double_tiles, tile, weight,
                                                out->values, backend->stream),
                         "weighing rows", error);
}

enum diva_status diva_cuda_factor_of(struct diva_backend *backend, struct diva_matrix matrix,
                                     struct diva_vector weight, bool split, int place,
                                     struct diva_cuda_factor *out, struct diva_error *error) {
  const struct diva_cuda_tile tile = diva_cuda_tile(matrix, backend->element);
  *out = (struct diva_cuda_factor){.values = tile};
  if (split) {
    return split_factor(backend, tile, diva_cuda_reals(weight), place, out, error);
  }
  return weight.buffer ? weigh(backend, tile, diva_cuda_reals(weight), out, error) : DIVA_OK;
}
