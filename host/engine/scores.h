/** @file scores.h The LOO scores of a pass: to the caller's sink, and kept for fitting the
 * temperature. Internal. */
#ifndef DIVA_SCORES_H
#define DIVA_SCORES_H

#include "primal.h"

/** Scores of every `every`-th row of the objective; all of them unless that takes too much memory.
 */
struct diva_scores {
  double *scores;  /**< NULL: the temperature needs no fitting */
  double *targets; /**< only where there are no labels */
  int32_t *labels;
  double *shares; /**< only where rows do not count alike; then those that do not count are left out
                   */
  double *tile;   /**< one tile as downloaded */
  int32_t *place; /**< of a tile's rows among those kept of it; -1: not kept */
  bool packed;    /**< only those are downloaded */
  int64_t wanted; /**< rows downloaded of the present tile */
  int64_t rows;
  int64_t every;
  int64_t ordinal; /**< rows of the objective seen */
};

/** `fit`: the temperature is to be fitted, so scores are kept. */
enum diva_status diva_scores_open(struct diva_scores *kept, const struct diva_primal *primal,
                                  bool fit, struct diva_error *error);
void diva_scores_close(struct diva_scores *kept);

/** Chooses what is kept of a tile, and asks for its F, or for that of all rows: in `results`. */
enum diva_status diva_scores_want(struct diva_scores *kept, struct diva_primal *primal,
                                  const struct diva_prepared_tile *tile,
                                  struct diva_row_results *results, struct diva_error *error);

/** Hands a tile whose F is in primal->scores to the sink, and keeps what is to be kept of it. */
enum diva_status diva_scores_take(struct diva_scores *kept, struct diva_primal *primal,
                                  const struct diva_prepared_tile *tile, struct diva_error *error);

/** The temperature that fits them best. */
double diva_scores_temperature(const struct diva_scores *kept, const struct diva_primal *primal);

#endif
