/**
 * @file softmax_product.h
 * The two products a softmax regression is made of, over a block of rows.
 *
 * Values of the classes lie in lanes: the number of classes rounded up to a multiple of
 * DIVA_SOFTMAX_LANES, so that every class of a row is computed side by side and no sum is split.
 * The order of every sum is fixed: the same bits on any processor and any number of threads.
 */
#ifndef DIVA_SOFTMAX_PRODUCT_H
#define DIVA_SOFTMAX_PRODUCT_H

#include <stdint.h>

enum { DIVA_SOFTMAX_LANES = 16 };

/** Classes rounded up to whole lanes. */
int64_t diva_softmax_lanes(int64_t classes);

/**
 * scores = X W.
 * @param rows    count pointers to rows of `columns` floats
 * @param weights columns x lanes
 * @param scores  count x lanes, written
 */
void diva_softmax_scores(const float *const *rows, int64_t count, int64_t columns,
                         const float *weights, int64_t lanes, float *scores);

/**
 * sums += X' R for the columns first .. end - 1, in float32 over these rows, float64 beyond.
 * @param residuals count x lanes
 * @param sums      columns x lanes
 */
void diva_softmax_sums(const float *const *rows, int64_t count, int64_t first, int64_t end,
                       const float *residuals, int64_t lanes, double *sums);

#endif
