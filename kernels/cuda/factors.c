/* Factors of products: as they are, or weighed; and which products are made by halves. */
#include "halves.h"

#include <stdlib.h>
#include <string.h>

/* Below this, reading the factors is all that a product does, and with few terms to a sum the parts
 * hold less. */
enum { NARROWEST = 64 };

struct choice {
  const char *name;
  int64_t narrowest;
};

static const struct choice CHOICES[] = {
    {"plain", INT64_MAX}, {"halves", NARROWEST}, {"all-halves", 1}};

/* Features of 16 bits have less to lose than the parts of halves hold. Those of 32 are multiplied
 * by the float32 units until a device has been measured. */
static int64_t suitable_width(const struct diva_backend_config *config) {
  return config->half_rows ? NARROWEST : INT64_MAX;
}

enum diva_status diva_cuda_choose_products(const struct diva_backend_config *config,
                                           int64_t *narrowest, struct diva_error *error) {
  const char *asked = getenv("DIVA_CUDA_FLOAT32");
  *narrowest = suitable_width(config);
  if (asked && *asked) {
    const struct choice *choice = CHOICES;
    const struct choice *end = CHOICES + sizeof CHOICES / sizeof CHOICES[0];
    while (choice < end && strcmp(choice->name, asked) != 0) {
      choice++;
    }
    if (choice == end) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "DIVA_CUDA_FLOAT32 is '%s'; plain, halves or all-halves", asked);
    }
    *narrowest = choice->narrowest;
  }
  if (config->double_tiles) {
    *narrowest = INT64_MAX;
  }
  return DIVA_OK;
}

bool diva_cuda_halves(const struct diva_backend *backend, int64_t m, int64_t n, int64_t inner) {
  const int64_t narrowest = backend->scratch.halves.narrowest;
  return m >= narrowest && n >= narrowest && inner >= narrowest;
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
