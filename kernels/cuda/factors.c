/* Factors of products: as they are, or weighed; and which products are made by halves. */
#include "halves.h"

#include <stdlib.h>
#include <string.h>

/* Features of 16 bits have less to lose than the parts of halves hold. Those of 32 are multiplied
 * by the float32 units until a device has been measured. */
static enum diva_cuda_products suitable_products(const struct diva_backend_config *config) {
  return config->half_rows ? DIVA_CUDA_HALVES : DIVA_CUDA_PLAIN;
}

enum diva_status diva_cuda_choose_products(const struct diva_backend_config *config,
                                           enum diva_cuda_products *out, struct diva_error *error) {
  const char *asked = getenv("DIVA_CUDA_FLOAT32");
  *out = suitable_products(config);
  if (asked && *asked) {
    if (strcmp(asked, "plain") != 0 && strcmp(asked, "halves") != 0) {
      return diva_error_set(error, DIVA_ERROR_USAGE, "DIVA_CUDA_FLOAT32 is '%s'; plain or halves",
                            asked);
    }
    *out = strcmp(asked, "plain") == 0 ? DIVA_CUDA_PLAIN : DIVA_CUDA_HALVES;
  }
  if (config->double_tiles) {
    *out = DIVA_CUDA_PLAIN;
  }
  return DIVA_OK;
}

bool diva_cuda_halves(const struct diva_backend *backend, int64_t m, int64_t n, int64_t rows) {
  enum { NARROWEST = 64 };
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  return halves->parts[0].whole && m >= NARROWEST && n >= NARROWEST && rows <= halves->rows[0];
}

enum diva_status diva_cuda_factor_of(struct diva_backend *backend, struct diva_matrix matrix,
                                     struct diva_vector weight, struct diva_cuda_factor *out,
                                     struct diva_error *error) {
  const struct diva_cuda_tile tile = diva_cuda_tile(matrix, backend->element);
  struct diva_cuda_tile weighed = tile;
  enum diva_status status = DIVA_OK;
  if (weight.buffer) {
    weighed.values = backend->scratch.rows;
    weighed.stride = backend->scratch.stride;
    status =
        diva_cuda_check(diva_cuda_launch_weigh(backend->config.double_tiles, tile,
                                               diva_cuda_reals(weight), weighed, backend->stream),
                        "weighing rows", error);
  }
  *out = (struct diva_cuda_factor){
      .values = {.whole = weighed.values}, .rows = weighed.rows, .stride = weighed.stride};
  return status;
}
