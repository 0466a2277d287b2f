/* Features to measure with: made in memory, each row from a seed of its own. */
#include "generated.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <diva/system.h>

#include <stdlib.h>
#include <string.h>

/* Sum of uniforms less its mean: near enough to normal, and quick. */
static float noise(struct diva_random *random) {
  const uint64_t bits = diva_random_next(random);
  const uint64_t sum =
      (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
  return (float)((double)sum / 65536.0 - 2.0) * 1.7F;
}

/* To the nearest, ties away from zero; what is too small for a normal number becomes zero. Values
 * here are far from the largest. */
static uint16_t half_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000U;
  const uint32_t magnitude = (bits & 0x7fffffffU) + 0x1000U;
  const uint32_t bias = 112U << 23;
  const uint32_t half = magnitude > bias + (1U << 23) ? (magnitude - bias) >> 13 : 0;
  return (uint16_t)(sign | half);
}

static uint16_t bfloat_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)((bits + 0x8000U) >> 16);
}

static void store(void *features, enum diva_dtype type, int64_t at, float value) {
  switch (type) {
  case DIVA_FLOAT16:
    ((uint16_t *)features)[at] = half_of(value);
    break;
  case DIVA_BFLOAT16:
    ((uint16_t *)features)[at] = bfloat_of(value);
    break;
  case DIVA_FLOAT32:
    ((float *)features)[at] = value;
    break;
  case DIVA_FLOAT64:
    ((double *)features)[at] = (double)value;
    break;
  }
}

static void fill(const struct diva_generated *set, const float *means, uint64_t seed, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < set->rows; i++) {
    struct diva_random random = {seed ^ ((uint64_t)i + 1) * 0x9e3779b97f4a7c15U};
    const float *mean = means + i % set->outputs * set->columns;
    set->labels[i] = (int32_t)(i % set->outputs);
    for (int64_t j = 0; j < set->columns; j++) {
      store(set->features, set->type, i * set->columns + j, mean[j] + noise(&random));
    }
  }
}

enum diva_status diva_generated_bytes(const struct diva_generated *set, int64_t *bytes,
                                      struct diva_error *error) {
  if (!diva_size_multiply(set->rows, set->columns, diva_dtype_size(set->type), bytes) ||
      *bytes > diva_memory_available()) {
    return diva_error_set(
        error, DIVA_ERROR_RESOURCE, "%lld x %lld features of %s exceed the memory of this machine",
        (long long)set->rows, (long long)set->columns, diva_dtype_name(set->type));
  }
  return DIVA_OK;
}

enum diva_status diva_generated_make(struct diva_generated *set, uint64_t seed, int threads,
                                     struct diva_error *error) {
  struct diva_random random = {seed};
  float *means = NULL;
  int64_t bytes = 0;
  enum diva_status status = DIVA_OK;
  if (!set->lent) {
    status = diva_generated_bytes(set, &bytes, error);
    status =
        status == DIVA_OK ? diva_allocate(bytes, 1, "features", &set->features, error) : status;
  }
  if (status == DIVA_OK) {
    status = diva_allocate(set->rows, sizeof *set->labels, "labels", (void **)&set->labels, error);
  }
  if (status == DIVA_OK && !diva_size_multiply(set->outputs, set->columns, 1, &bytes)) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "means of %lld classes overflow",
                            (long long)set->outputs);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(bytes, sizeof *means, "class means", (void **)&means, error);
  }
  if (status != DIVA_OK) {
    diva_generated_free(set);
    return status;
  }
  for (int64_t j = 0; j < bytes; j++) {
    means[j] = 0.1F * noise(&random);
  }
  fill(set, means, seed, threads);
  free(means);
  return DIVA_OK;
}

void diva_generated_free(struct diva_generated *set) {
  if (!set->lent) {
    free(set->features);
  }
  free(set->labels);
  set->features = NULL;
  set->labels = NULL;
}
