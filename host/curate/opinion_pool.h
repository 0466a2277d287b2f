/**
 * @file opinion_pool.h
 * Several scorers of the same rows as one: a logarithmic opinion pool. Internal.
 *
 * Each scorer m says softmax(t_m F_m), t_m fitted to the labels, which none of its scores has seen.
 * Their logarithms are averaged,
 *
 *   F = sum_m w_m t_m F_m / sum_m w_m,    w_m = (error_m - e)^-4,
 *
 * where error_m is the share of labels that m mistakes and e the share that is wrong, so that
 * error_m - e is what m itself gets wrong (at least the standard error of error_m). Mistakes that
 * scorers make for different reasons average out; one that errs twice as often as the best hardly
 * counts. On 21 labellings of real features with known noise (the sets of tests/bench and six of
 * R's mlbench and kernlab, in whose sight nothing was settled but this exponent) a prototype found
 * wrong labels better with the pool of clean than with its model alone, by .0075 average precision
 * in the mean and .0035 worse at worst; with equal weights at worst .030 worse.
 */
#ifndef DIVA_OPINION_POOL_H
#define DIVA_OPINION_POOL_H

#include "score_sample.h"

#include <diva/curate.h>

struct diva_opinion_pool {
  struct diva_score_table sum; /**< sum of w t F; F once closed (owned) */
  double noise_rate;           /**< e */
  int count;
  struct diva_opinion opinions[DIVA_OPINIONS];
};

/** An empty pool. Free with diva_opinion_pool_free(), whatever came of this. */
enum diva_status diva_opinion_pool_open(int64_t rows, int64_t classes, double noise_rate,
                                        struct diva_opinion_pool *out, struct diva_error *error);

/** Adds the scores of one more; at most DIVA_OPINIONS. */
enum diva_status diva_opinion_pool_add(struct diva_opinion_pool *pool, const char *name,
                                       const struct diva_labelled_scores *rows,
                                       struct diva_error *error);

/** Divides by the sum of the weights. */
void diva_opinion_pool_close(struct diva_opinion_pool *pool);

/** Frees; a zeroed pool is fine. */
void diva_opinion_pool_free(struct diva_opinion_pool *pool);

#endif
