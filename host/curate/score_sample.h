/**
 * @file score_sample.h
 * Labelled rows and their scores in float64, as many as a fit of few numbers needs. Internal.
 */
#ifndef DIVA_SCORE_SAMPLE_H
#define DIVA_SCORE_SAMPLE_H

#include "score_table.h"

/** What is known of the rows; everything borrowed. */
struct diva_labelled_scores {
  const struct diva_score_table *table;
  const int32_t *labels; /**< -1: passed over */
  const double *weight;  /**< rows of weight 0 are passed over; NULL: all are 1 */
  int threads;
  uint64_t seed; /**< of the sample, where there are many rows */
};

enum { DIVA_SCORE_SAMPLE_ROWS = 8192 }; /**< at most; of many classes fewer */

/** All arrays owned. */
struct diva_score_sample {
  int64_t rows;
  int64_t classes;
  double *scores;     /**< rows x classes */
  int32_t *labels;    /**< rows */
  int32_t *predicted; /**< rows: class of the largest score, the first of equal ones */
};

/** Draws seeded rows that have a label, in order; all of them where they are few. Free with
 * diva_score_sample_free(), whatever came of this. */
enum diva_status diva_score_sample_take(const struct diva_labelled_scores *rows,
                                        struct diva_score_sample *out, struct diva_error *error);

/** t of softmax(t F) against the labels. */
double diva_score_sample_temperature(const struct diva_score_sample *sample, int threads);

void diva_score_sample_free(struct diva_score_sample *sample);

#endif
