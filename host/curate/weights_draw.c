/* Rows drawn in proportion to weights. */
#include <diva/reweight.h>

#include "host/core/core.h"
#include "host/core/random.h"

#include <math.h>

static enum diva_status add_weights(const double *weights, int64_t rows, double *sum,
                                    struct diva_error *error) {
  *sum = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    if (!isfinite(weights[i]) || weights[i] < 0.0) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "weight of row %lld is %g; weights must be finite and not negative",
                            (long long)i, weights[i]);
    }
    *sum += weights[i];
  }
  return *sum > 0.0 && isfinite(*sum)
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_USAGE,
                              "the weights add up to %g; the sum must be positive and finite",
                              *sum);
}

/* Uniform in [0, 1). */
static double uniform(struct diva_random *random) {
  return ldexp((double)(diva_random_next(random) >> 11), -53);
}

/* One random offset, then a pointer at equal distances (Kitagawa, J. Comput. Graph. Stat. 5, 1996).
 */
static void resample(const double *weights, int64_t rows, int64_t draws, double sum,
                     struct diva_random *random, int64_t *indices) {
  const double offset = uniform(random);
  double reached = 0.0;
  int64_t taken = 0;
  int64_t last = 0;
  for (int64_t i = 0; i < rows; i++) {
    reached += weights[i];
    last = weights[i] > 0.0 ? i : last;
    while (taken < draws && ((double)taken + offset) / (double)draws < reached / sum) {
      indices[taken++] = i;
    }
  }
  while (taken < draws) { /* what rounding of the sum has left over */
    indices[taken++] = last;
  }
}

enum diva_status diva_weights_draw(const double *weights, int64_t rows, int64_t draws,
                                   uint64_t seed, int64_t *indices, struct diva_error *error) {
  struct diva_random random = {.state = seed};
  double sum;
  const enum diva_status status = add_weights(weights, rows, &sum, error);
  if (status != DIVA_OK) {
    return status;
  }
  resample(weights, rows, draws, sum, &random, indices);
  diva_random_shuffle(&random, indices, draws);
  return DIVA_OK;
}
