/** @file weight_starts.h The weights that a search starts from. Internal. */
#ifndef DIVA_WEIGHT_STARTS_H
#define DIVA_WEIGHT_STARTS_H

#include "weight_step.h"

#include <diva/reweight.h>

/** One weight a row, within the bounds; 0 for rows without a label or of given weight 0. */
struct diva_weight_starts {
  int64_t rows;
  int64_t training_rows;
  int64_t cut_rows; /**< whose given weight is beyond a bound where the mean is 1 */
  double *weights[DIVA_REWEIGHT_STARTS]; /**< owned; NULL: not there. Given weights are there where
                                              they differ, class balance where there are classes */
};

/**
 * @param given  NULL: those of the dataset, if any
 * @param out    to be freed with diva_weight_starts_free(), whatever came of this
 * @return DIVA_ERROR_USAGE for given weights that are negative or not finite, DIVA_ERROR_INPUT for
 *         fewer than two training rows
 */
enum diva_status diva_weight_starts_make(const struct diva_dataset *dataset, const double *given,
                                         const struct diva_weight_bounds *bounds,
                                         struct diva_weight_starts *out, struct diva_error *error);

/** What has to be beaten: the given weights, else all alike. */
enum diva_reweight_start diva_weight_starts_base(const struct diva_weight_starts *starts);

/** Whether a start is the base times one factor for each group, so that a path may begin there. */
enum diva_status diva_weight_starts_fit(const struct diva_weight_starts *starts,
                                        enum diva_reweight_start start,
                                        const struct diva_weight_groups *by, bool *out,
                                        struct diva_error *error);

/** Frees; zeroed is fine. */
void diva_weight_starts_free(struct diva_weight_starts *starts);

#endif
