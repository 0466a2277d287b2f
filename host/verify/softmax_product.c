/* The two products a softmax regression is made of, in blocks that stay in registers. */
#include "softmax_product.h"

#include <string.h>

/* As many rows, or columns, are taken together as leave their sums in registers. */
enum { GROUP = 4, HALF = DIVA_SOFTMAX_LANES / 2 };

/* The compiler makes of it what the processor has. Multiplication and addition stay apart, as the
 * narrowest processor does them, and so the sums are the same on every one. */
typedef float half_lanes __attribute__((vector_size(HALF * sizeof(float))));

int64_t diva_softmax_lanes(int64_t classes) {
  return (classes + DIVA_SOFTMAX_LANES - 1) / DIVA_SOFTMAX_LANES * DIVA_SOFTMAX_LANES;
}

/* The lanes of one value, or of one sum. */
struct lanes {
  half_lanes low, high;
};

static inline __attribute__((always_inline)) struct lanes load(const float *from) {
  struct lanes lanes;
  memcpy(&lanes.low, from, sizeof lanes.low);
  memcpy(&lanes.high, from + HALF, sizeof lanes.high);
  return lanes;
}

static inline __attribute__((always_inline)) void store(const struct lanes *lanes, float *to) {
  memcpy(to, &lanes->low, sizeof lanes->low);
  memcpy(to + HALF, &lanes->high, sizeof lanes->high);
}

static inline __attribute__((always_inline)) void
add_product(float value, const struct lanes *factor, struct lanes *sum) {
  sum->low += value * factor->low;
  sum->high += value * factor->high;
}

static inline __attribute__((always_inline)) void
score_one(const float *row, int64_t columns, const float *weights, int64_t lanes, float *scores) {
  struct lanes sum = {{0}, {0}};
  for (int64_t j = 0; j < columns; j++) {
    const struct lanes weight = load(weights + j * lanes);
    add_product(row[j], &weight, &sum);
  }
  store(&sum, scores);
}

static inline __attribute__((always_inline)) void score_group(const float *const *rows,
                                                              int64_t columns, const float *weights,
                                                              int64_t lanes, float *scores) {
  const float *const row0 = rows[0];
  const float *const row1 = rows[1];
  const float *const row2 = rows[2];
  const float *const row3 = rows[3];
  struct lanes sum0 = {{0}, {0}};
  struct lanes sum1 = sum0;
  struct lanes sum2 = sum0;
  struct lanes sum3 = sum0;
  for (int64_t j = 0; j < columns; j++) {
    const struct lanes weight = load(weights + j * lanes);
    add_product(row0[j], &weight, &sum0);
    add_product(row1[j], &weight, &sum1);
    add_product(row2[j], &weight, &sum2);
    add_product(row3[j], &weight, &sum3);
  }
  store(&sum0, scores);
  store(&sum1, scores + lanes);
  store(&sum2, scores + 2 * lanes);
  store(&sum3, scores + 3 * lanes);
}

static inline __attribute__((always_inline)) void widen_into(const struct lanes *sum, double *to) {
  float values[DIVA_SOFTMAX_LANES];
  store(sum, values);
  for (int c = 0; c < DIVA_SOFTMAX_LANES; c++) {
    to[c] += (double)values[c];
  }
}

static inline __attribute__((always_inline)) void sum_one(const float *const *rows, int64_t count,
                                                          int64_t column, const float *residuals,
                                                          int64_t lanes, double *sums) {
  struct lanes sum = {{0}, {0}};
  for (int64_t i = 0; i < count; i++) {
    const struct lanes residual = load(residuals + i * lanes);
    add_product(rows[i][column], &residual, &sum);
  }
  widen_into(&sum, sums);
}

static inline __attribute__((always_inline)) void sum_group(const float *const *rows, int64_t count,
                                                            int64_t column, const float *residuals,
                                                            int64_t lanes, double *sums) {
  struct lanes sum0 = {{0}, {0}};
  struct lanes sum1 = sum0;
  struct lanes sum2 = sum0;
  struct lanes sum3 = sum0;
  for (int64_t i = 0; i < count; i++) {
    const float *const value = rows[i] + column;
    const struct lanes residual = load(residuals + i * lanes);
    add_product(value[0], &residual, &sum0);
    add_product(value[1], &residual, &sum1);
    add_product(value[2], &residual, &sum2);
    add_product(value[3], &residual, &sum3);
  }
  widen_into(&sum0, sums);
  widen_into(&sum1, sums + lanes);
  widen_into(&sum2, sums + 2 * lanes);
  widen_into(&sum3, sums + 3 * lanes);
}

static inline __attribute__((always_inline)) void all_scores(const float *const *rows,
                                                             int64_t count, int64_t columns,
                                                             const float *weights, int64_t lanes,
                                                             float *scores) {
  for (int64_t c = 0; c < lanes; c += DIVA_SOFTMAX_LANES) {
    int64_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
      score_group(rows + i, columns, weights + c, lanes, scores + i * lanes + c);
    }
    for (; i < count; i++) {
      score_one(rows[i], columns, weights + c, lanes, scores + i * lanes + c);
    }
  }
}

static inline __attribute__((always_inline)) void all_sums(const float *const *rows, int64_t count,
                                                           int64_t first, int64_t end,
                                                           const float *residuals, int64_t lanes,
                                                           double *sums) {
  for (int64_t c = 0; c < lanes; c += DIVA_SOFTMAX_LANES) {
    int64_t j = first;
    for (; j + GROUP <= end; j += GROUP) {
      sum_group(rows, count, j, residuals + c, lanes, sums + j * lanes + c);
    }
    for (; j < end; j++) {
      sum_one(rows, count, j, residuals + c, lanes, sums + j * lanes + c);
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void scores_avx2(const float *const *rows, int64_t count,
                                                        int64_t columns, const float *weights,
                                                        int64_t lanes, float *scores) {
  all_scores(rows, count, columns, weights, lanes, scores);
}

__attribute__((target("avx2"))) static void sums_avx2(const float *const *rows, int64_t count,
                                                      int64_t first, int64_t end,
                                                      const float *residuals, int64_t lanes,
                                                      double *sums) {
  all_sums(rows, count, first, end, residuals, lanes, sums);
}
#endif

void diva_softmax_scores(const float *const *rows, int64_t count, int64_t columns,
                         const float *weights, int64_t lanes, float *scores) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    scores_avx2(rows, count, columns, weights, lanes, scores);
    return;
  }
#endif
  all_scores(rows, count, columns, weights, lanes, scores);
}

void diva_softmax_sums(const float *const *rows, int64_t count, int64_t first, int64_t end,
                       const float *residuals, int64_t lanes, double *sums) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    sums_avx2(rows, count, first, end, residuals, lanes, sums);
    return;
  }
#endif
  all_sums(rows, count, first, end, residuals, lanes, sums);
}
