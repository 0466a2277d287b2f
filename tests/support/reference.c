/* Numbers for the tests: random ones, half precision by definition, rank correlation. */
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(struct reference_random *random) {
  random->state ^= random->state >> 12;
  random->state ^= random->state << 25;
  random->state ^= random->state >> 27;
  return random->state * 0x2545f4914f6cdd1dU;
}

double reference_uniform(struct reference_random *random) {
  return (double)(next(random) >> 11) * 0x1p-52 - 1.0;
}

double reference_normal(struct reference_random *random) {
  double sum = 0.0;
  for (int i = 0; i < 12; i++) {
    sum += 0.5 * reference_uniform(random);
  }
  return sum;
}

int64_t reference_below(struct reference_random *random, int64_t limit) {
  return (int64_t)(next(random) >> 1) % limit;
}

double reference_half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  double magnitude = 0.0;
  if (exponent == 31) {
    magnitude = fraction ? (double)NAN : (double)INFINITY;
  } else if (exponent == 0) {
    magnitude = ldexp(fraction, -24);
  } else {
    magnitude = ldexp(1024 + fraction, exponent - 25);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

double reference_bfloat_value(uint16_t bits) {
  const int exponent = bits >> 7 & 255;
  const int fraction = bits & 127;
  double magnitude = 0.0;
  if (exponent == 255) {
    magnitude = fraction ? (double)NAN : (double)INFINITY;
  } else if (exponent == 0) {
    magnitude = ldexp(fraction, -133);
  } else {
    magnitude = ldexp(128 + fraction, exponent - 134);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t reference_half_bits(double value) {
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  const double magnitude = fabs(value);
  if (magnitude == 0.0) {
    return sign;
  }
  int exponent = 0;
  frexp(magnitude, &exponent);
  exponent = exponent < -13 ? -13 : exponent;
  const double units = rint(ldexp(magnitude, 11 - exponent));
  const int biased = exponent + 13;
  return (uint16_t)(sign | (uint16_t)(((uint32_t)biased << 10) + (uint32_t)units));
}

uint16_t reference_bfloat_bits(double value) {
  const float narrow = (float)value;
  uint32_t bits;
  memcpy(&bits, &narrow, sizeof bits);
  return (uint16_t)(bits >> 16);
}

void *reference_allocate(int64_t count, size_t size) {
  void *memory = calloc(count > 0 ? (size_t)count : 1, size);
  if (!memory) {
    fprintf(stderr, "the test is out of memory\n");
    abort();
  }
  return memory;
}

uint64_t reference_digest(uint64_t digest, const void *bytes, size_t count) {
  const unsigned char *byte = bytes;
  digest ^= 0xcbf29ce484222325U;
  for (size_t i = 0; i < count; i += sizeof digest) {
    uint64_t word = 0;
    memcpy(&word, byte + i, count - i < sizeof word ? count - i : sizeof word);
    digest = (digest ^ word) * 0x100000001b3U;
    digest ^= digest >> 29;
  }
  return digest;
}

struct ranked {
  double value;
  int64_t index;
};

static int compare_ranked(const void *a, const void *b) {
  const double x = ((const struct ranked *)a)->value;
  const double y = ((const struct ranked *)b)->value;
  return (x > y) - (x < y);
}

static double *make_ranks(const double *values, int64_t n) {
  struct ranked *order = reference_allocate(n, sizeof *order);
  double *ranks = reference_allocate(n, sizeof *ranks);
  for (int64_t i = 0; i < n; i++) {
    order[i] = (struct ranked){values[i], i};
  }
  qsort(order, (size_t)n, sizeof *order, compare_ranked);
  for (int64_t first = 0; first < n;) {
    int64_t end = first;
    while (end < n && order[end].value == order[first].value) {
      end++;
    }
    for (int64_t i = first; i < end; i++) {
      ranks[order[i].index] = 0.5 * (double)(first + end - 1);
    }
    first = end;
  }
  free(order);
  return ranks;
}

static double correlate_ranks(const double *a, const double *b, int64_t n) {
  double *x = make_ranks(a, n);
  double *y = make_ranks(b, n);
  const double mean = 0.5 * (double)(n - 1);
  double xy = 0.0;
  double xx = 0.0;
  double yy = 0.0;
  for (int64_t i = 0; i < n; i++) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  free(x);
  free(y);
  return xy / sqrt(xx * yy);
}

double reference_rank_correlation(const double *a, const double *b, int64_t n) {
  double *x = reference_allocate(n, sizeof *x);
  double *y = reference_allocate(n, sizeof *y);
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    if (!isnan(a[i]) && !isnan(b[i])) {
      x[count] = a[i];
      y[count++] = b[i];
    }
  }
  const double correlation = correlate_ranks(x, y, count);
  free(x);
  free(y);
  return correlation;
}
