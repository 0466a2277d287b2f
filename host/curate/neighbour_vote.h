/**
 * @file neighbour_vote.h
 * What the nearest neighbours of each row say of its class, its own label left out. Internal.
 *
 * The K nearest of a reference sample vote, the j-th with alpha / sqrt(j); beside them the class
 * shares pi of the sample, with two votes in all, so that no class is ruled out:
 *
 *   F_c = log((V_c + 2 pi_c) / (sum_c V_c + 2))
 *
 * A row does not vote for itself, nor for a row of its group. K is one of 15, 30, 60, 120 and 240,
 * as good on the reference as the best of them: the largest whose error is within 2 S - 1 standard
 * errors of the least where the smoothing S asked for is over 1/2, else the smallest within 1 - 2
 * S.
 */
#ifndef DIVA_NEIGHBOUR_VOTE_H
#define DIVA_NEIGHBOUR_VOTE_H

#include "host/dataset/subset.h"
#include "score_table.h"

/** Everything borrowed. */
struct diva_vote_request {
  struct diva_dataset *dataset;
  const struct diva_subset *reference; /**< rows that vote */
  const double *given;   /**< rows of the dataset: alpha, 0 does not vote; NULL: all are 1 */
  const double *judging; /**< rows that are left out of the judging have 0 here and do not vote
                              either; but no more is taken over, for a vote that shares the
                              weights of a model shares its mistakes; NULL: none */
  const int32_t *groups; /**< rows of the dataset, -1: alone; NULL: no groups */
  enum diva_scale
      scale;        /**< what distances are between: NONE, L2 or STANDARDIZE by the reference */
  double smoothing; /**< S, 0 (few neighbours) to 1 (many): diva_label_noise_smoothing() */
  const char *backend;
  int threads;
  const struct diva_progress *progress;
};

/**
 * Fills the table (of the dataset's rows and classes) with F.
 * @return DIVA_ERROR_RESOURCE, and the errors of reading
 * Cost: one pass, 2 (n + m) m d flops for m rows of reference; 4 m d bytes on the device.
 */
enum diva_status diva_neighbour_vote(const struct diva_vote_request *request,
                                     struct diva_score_table *table, struct diva_error *error);

#endif
