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

/* Devices made for computing (capabilities 8.0, 9.x, 10.x) are said to multiply float16 with sums
 * in float32 at about fifteen times the rate of their float32 units: three products for one pay.
 * Others do so at two to four times that rate, and gain nothing. */
static bool has_fast_halves(void) {
  int major = 0;
  int minor = 0;
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, DIVA_CUDA_DEVICE) !=
          cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, DIVA_CUDA_DEVICE) !=
          cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return (major == 8 && minor == 0) || major == 9 || major == 10;
}

/* NULL: there is none of that name. */
static const struct choice *find_choice(const char *name) {
  const struct choice *end = CHOICES + sizeof CHOICES / sizeof CHOICES[0];
  const struct choice *choice = CHOICES;
  while (choice < end && strcmp(choice->name, name) != 0) {
    choice++;
  }
  return choice < end ? choice : NULL;
}

enum diva_status diva_cuda_choose_products(const struct diva_backend_config *config,
                                           int64_t *narrowest, struct diva_error *error) {
  const char *asked = getenv("DIVA_CUDA_FLOAT32");
  const char *usual = has_fast_halves() ? "halves" : "plain";
  const struct choice *choice = find_choice(asked && *asked ? asked : usual);
  *narrowest = INT64_MAX;
  if (!choice) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "DIVA_CUDA_FLOAT32 is '%s'; plain, halves or all-halves", asked);
  }
  if (!config->double_tiles && config->products == DIVA_PRODUCTS_AUTO) {
    *narrowest = choice->narrowest;
  } else if (!config->double_tiles && config->products == DIVA_PRODUCTS_HALVES) {
    *narrowest = NARROWEST;
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
