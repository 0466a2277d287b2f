/**
 * @file extend_curve.h
 * What an extension is held against: as many rows of the pool picked at random. Internal to
 * host/curate.
 */
#ifndef DIVA_EXTEND_CURVE_H
#define DIVA_EXTEND_CURVE_H

#include "extend_fit.h"

/** Random orders of the pool; zeroed: none. */
struct diva_extend_uniform {
  int picks;
  int64_t count;   /**< rows in each order */
  int64_t *order;  /**< picks x pool_rows (owned) */
  double *weights; /**< of all rows, held-out ones included (owned) */
  int32_t *labels; /**< of the dataset, those that are not there as the core predicts them; NULL for
                        targets (owned) */
};

/** @param core  the solution of the core alone */
enum diva_status diva_extend_uniform_make(const struct diva_extend_problem *problem,
                                          const struct diva_extend_fit *core, int picks,
                                          struct diva_extend_uniform *out,
                                          struct diva_error *error);

/** Mean scores of the core with `rows` rows of each pick. */
enum diva_status diva_extend_uniform_score(const struct diva_extend_problem *problem,
                                           struct diva_extend_uniform *uniform, int64_t rows,
                                           struct diva_extend_scores *out,
                                           struct diva_error *error);

void diva_extend_uniform_free(struct diva_extend_uniform *uniform);

#endif
