/* Random Fourier features: cosine and sine of each projection, scaled and centred. */
#include "cpu_internal.h"

#include <math.h>
#include <omp.h>

/*
 * Up to here k pi / 2 comes off exactly below: k has 13 bits, the parts of pi / 2 that it
 * multiplies have 11, and a product of 24 bits is a float.
 */
static const float LARGEST_REDUCED = 12000.0F;

/* k pi / 2 nearest to u, for |u| <= LARGEST_REDUCED: u = remainder + quadrant pi / 2. Adding
 * 1.5 2^23 leaves no room for a fraction, which rounds without a call or a branch. */
static inline float reduce(float u, int32_t *quadrant) {
  const float rounder = 12582912.0F;
  const float k = (u * 0x1.45f306p-1F + rounder) - rounder;
  *quadrant = (int32_t)k;
  return ((u - k * 0x1.92p+0F) - k * 0x1.fb4p-12F) - k * 0x1.4442d2p-24F;
}

/* Minimax on [-pi/4, pi/4]: errors of 2e-9 and 1e-10, far below the rounding of a float. */
static inline float sine_near_zero(float r) {
  const float x = r * r;
  return r + r * x * (-0x1.55554p-3F + x * (0x1.1105b4p-7F + x * -0x1.98da66p-13F));
}

static inline float cosine_near_zero(float r) {
  const float x = r * r;
  return (1.0F - 0.5F * x) +
         x * x * (0x1.55554ap-5F + x * (-0x1.6c0c8cp-10F + x * 0x1.9a025ap-16F));
}

/* cos u = sin(u + pi / 2): the same value one quadrant on. */
static inline float sine_in_quadrant(float sine, float cosine, int32_t quadrant) {
  const float value = quadrant & 1 ? cosine : sine;
  return quadrant & 2 ? -value : value;
}

/* Writes scale cos u and scale sin u of a row whose projections are all small. No branch but
 * selections: the loop vectorises. */
static void map_small(const float *restrict u, int64_t count, float scale, float *restrict cosines,
                      float *restrict sines) {
  for (int64_t j = 0; j < count; j++) {
    int32_t quadrant;
    const float r = reduce(u[j], &quadrant);
    const float sine = sine_near_zero(r);
    const float cosine = cosine_near_zero(r);
    sines[j] = scale * sine_in_quadrant(sine, cosine, quadrant);
    cosines[j] = scale * sine_in_quadrant(sine, cosine, quadrant + 1);
  }
}

/* The same for any projection: the mathematical library's reduction has no limit. */
static void map_any(const float *u, int64_t count, double scale, float *cosines, float *sines) {
  for (int64_t j = 0; j < count; j++) {
    cosines[j] = (float)(scale * cos((double)u[j]));
    sines[j] = (float)(scale * sin((double)u[j]));
  }
}

/* False for a NaN, too. */
static bool all_small(const float *u, int64_t count) {
  int large = 0;
  for (int64_t j = 0; j < count; j++) {
    large |= !(fabsf(u[j]) <= LARGEST_REDUCED);
  }
  return !large;
}

static void map_row_float(const float *u, int64_t count, double scale, const double *shift,
                          float *z) {
  if (all_small(u, count)) {
    map_small(u, count, (float)scale, z, z + count);
  } else {
    map_any(u, count, scale, z, z + count);
  }
  for (int64_t j = 0; shift && j < 2 * count; j++) {
    z[j] = (float)((double)z[j] - shift[j]);
  }
}

static void map_row_double(const double *u, int64_t count, double scale, const double *shift,
                           double *z) {
  for (int64_t j = 0; j < count; j++) {
    z[j] = scale * cos(u[j]) - (shift ? shift[j] : 0.0);
    z[count + j] = scale * sin(u[j]) - (shift ? shift[count + j] : 0.0);
  }
}

enum diva_status diva_cpu_fourier_rows(struct diva_backend *backend, struct diva_matrix u,
                                       double scale, struct diva_vector shift, bool constant_column,
                                       struct diva_matrix z, struct diva_error *error) {
  (void)error;
  const double *offset = diva_cpu_reals(shift);
  const int64_t element = backend->element;
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < u.rows; i++) {
    const void *from = diva_cpu_address(u, i, 0, element);
    void *to = diva_cpu_address(z, i, 0, element);
    if (backend->config.double_tiles) {
      map_row_double(from, u.columns, scale, offset, to);
    } else {
      map_row_float(from, u.columns, scale, offset, to);
    }
    if (constant_column && backend->config.double_tiles) {
      ((double *)to)[2 * u.columns] = 1.0;
    } else if (constant_column) {
      ((float *)to)[2 * u.columns] = 1.0F;
    }
  }
  return DIVA_OK;
}
