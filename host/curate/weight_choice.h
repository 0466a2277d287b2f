/**
 * @file weight_choice.h
 * Which start, and how many steps from there, predict rows best that had no part in them. Internal.
 */
#ifndef DIVA_WEIGHT_CHOICE_H
#define DIVA_WEIGHT_CHOICE_H

#include "weight_site.h"

struct diva_weight_choice_request {
  const struct diva_weight_site *site; /**< to cross-fit on; borrowed */
  enum diva_reweight_start base;       /**< what has to be beaten; among the starts of the site */
  bool allowed[DIVA_REWEIGHT_STARTS];  /**< to be chosen; else only looked at. The base is */
  int most_steps;
  int folds;
  uint64_t seed;
};

/**
 * @param out  folds, cross_fit_rows, plain, best_start, best_steps, best, gain, gain_error and
 *             base_is_best are written; plain figures of starts that are not there are NaN
 */
enum diva_status diva_weight_choose(const struct diva_weight_choice_request *request,
                                    struct diva_reweight_summary *out, struct diva_error *error);

#endif
