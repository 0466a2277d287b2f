/** @file reweighting.h The answer of reweight, in the making. Internal. */
#ifndef DIVA_REWEIGHTING_H
#define DIVA_REWEIGHTING_H

#include "weight_path.h"

#include <diva/reweight.h>

/** Everything owned. */
struct diva_reweighting {
  struct diva_reweight_summary summary;
  struct diva_analysis *analyses[2]; /* before and after; strings of the summaries are theirs */
  int64_t rows;
  double *weight, *weight_before, *derivative;
  double *objective;
  struct diva_reweight_group *groups;
};

/** The columns of `rows` rows. */
enum diva_status diva_reweighting_allocate(struct diva_reweighting *reweighting,
                                           struct diva_error *error);

/** Says of the weights found, and of their groups and guarded rows, what the summary has to hold.
 */
enum diva_status diva_reweighting_describe(struct diva_reweighting *reweighting,
                                           const struct diva_weight_request *request,
                                           struct diva_error *error);

#endif
