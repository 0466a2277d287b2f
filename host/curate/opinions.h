/**
 * @file opinions.h
 * What else can be said of the labels in closed form, pooled with the scores of the model.
 * Internal.
 *
 * Beside the model there are the same with 256 times its lambda, which sees classes as a whole and
 * is not led astray by a wrong label next door, and the vote of the nearest neighbours. Each leaves
 * the row out.
 */
#ifndef DIVA_OPINIONS_H
#define DIVA_OPINIONS_H

#include "host/dataset/subset.h"
#include "label_noise.h"
#include "opinion_pool.h"

/** Everything borrowed. */
struct diva_opinions_request {
  struct diva_dataset *dataset;
  const double *given; /**< rows: rows of weight 0 do not belong to the set; NULL: all do */
  const struct diva_analysis_options *options; /**< of the model, settled; weights as judged by */
  const struct diva_subset *pilot;             /**< a sample of the rows: who votes */
  const struct diva_label_noise *noise;        /**< as the model alone sees it */
};

/**
 * Pools the scores of the model, given in `scores`, with the others, in place.
 * @param said  DIVA_OPINIONS written, `count` of them used: what each is worth
 * Cost: an analysis of the whole set without the derivative, and a vote.
 */
enum diva_status diva_opinions_pool(const struct diva_opinions_request *request,
                                    struct diva_score_table *scores,
                                    struct diva_opinion said[DIVA_OPINIONS], int *count,
                                    struct diva_error *error);

#endif
