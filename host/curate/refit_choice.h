/**
 * @file refit_choice.h
 * Trying the refits out on planted wrong labels. Internal.
 */
#ifndef DIVA_REFIT_CHOICE_H
#define DIVA_REFIT_CHOICE_H

#include "host/dataset/subset.h"
#include "planting.h"
#include "refit.h"

/** What the planted labels showed. */
struct diva_refit_choice {
  enum diva_refit refit;
  int64_t planted;             /**< in all rounds */
  struct diva_finding verdict; /**< of that refit, mean over the rounds */
};

/**
 * Plants wrong labels in the pilot rows, as many as are wrong already (2 to 10 %), and finds them
 * by the plain scores and by each refit, up to five times over until there were a thousand; or,
 * where a refit is asked for, by that alone. A refit is taken where 1 - AUROC is lower than that of
 * the simpler ones by more than a hundredth of it (both together: by more than a twentieth, for
 * planted labels flatter them). The AUROC foretold which refit helps on the five sets where that
 * was looked at; the average precision of planted labels, hung on a few rows at the top, did not.
 * With fewer than 20 planted labels nothing is tried: none.
 * @param options  of the analyses of the pilot; lambda given
 * @param plain    the detection on the pilot's given labels
 */
enum diva_status diva_refit_choose(const struct diva_subset *pilot,
                                   const struct diva_analysis_options *options,
                                   const struct diva_detection *plain, enum diva_refit asked,
                                   struct diva_refit_choice *out, struct diva_error *error);

#endif
