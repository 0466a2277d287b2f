/**
 * @file weight_site.h
 * The rows that paths of weights are found on: all of a dataset, or some of them in memory, with
 * everything that is known of them. Internal.
 */
#ifndef DIVA_WEIGHT_SITE_H
#define DIVA_WEIGHT_SITE_H

#include "weight_path.h"

#include "host/dataset/subset.h"

#include <diva/reweight.h>

/** A dataset, and what holds of all its rows; everything borrowed. */
struct diva_weight_rows {
  struct diva_dataset *train;
  int64_t rows;
  struct diva_weight_request request; /**< but for train; groups and importance of its options, by
                                           and guard are of all rows */
  const double *starts[DIVA_REWEIGHT_STARTS]; /**< rows; NULL: not there */
};

/** The same of the rows of a site; owned. */
struct diva_weight_site {
  int64_t rows;
  const int64_t *index; /**< row of the whole, borrowed from the subset; NULL: the same */
  double *starts[DIVA_REWEIGHT_STARTS];
  struct diva_analysis_options options; /**< those of the request, with arrays of the site */
  double *importance;
  int32_t *groups, *by;
  uint8_t *guard;
  struct diva_weight_problem problem;
};

/**
 * @param subset  NULL: the site is the whole dataset
 * Both must outlive the site, which must not move. Free with diva_weight_site_close(), whatever
 * came of this.
 */
enum diva_status diva_weight_site_open(const struct diva_weight_rows *rows,
                                       const struct diva_subset *subset,
                                       struct diva_weight_site *out, struct diva_error *error);

/** Frees; zeroed is fine. */
void diva_weight_site_close(struct diva_weight_site *site);

#endif
