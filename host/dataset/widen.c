/* Every stored float format is a float64 without loss. */
#include "widen.h"

#include <string.h>

/* Exponent and fraction move to their places in a float32; the factor mends the exponent's bias and
 * makes subnormals right at the same time. All ones in the exponent is infinity or NaN. */
static double half_value(uint16_t half) {
  uint32_t bits = (uint32_t)(half & 0x7fffU) << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  value *= 0x1p112F;
  memcpy(&bits, &value, sizeof bits);
  bits |= (half & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0U;
  bits |= (uint32_t)(half & 0x8000U) << 16;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static double bfloat_value(uint16_t stored) {
  const uint32_t bits = (uint32_t)stored << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

void diva_widen(const void *stored, enum diva_dtype type, int64_t count, double *out) {
  const char *bytes = stored;
  const int64_t size = diva_dtype_size(type);
  if (type == DIVA_FLOAT64) {
    memmove(out, stored, (size_t)(count * size));
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    uint16_t half;
    float single;
    double value;
    if (type == DIVA_FLOAT32) {
      memcpy(&single, bytes + i * size, sizeof single);
      value = (double)single;
    } else {
      memcpy(&half, bytes + i * size, sizeof half);
      value = type == DIVA_FLOAT16 ? half_value(half) : bfloat_value(half);
    }
    memcpy(out + i, &value, sizeof value);
  }
}
