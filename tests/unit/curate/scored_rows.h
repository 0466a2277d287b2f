/**
 * @file scored_rows.h
 * Scores and labels whose noise is known: what the label-noise code is tried on.
 */
#ifndef DIVA_TEST_SCORED_ROWS_H
#define DIVA_TEST_SCORED_ROWS_H

#include "host/curate/label_noise.h"

/** How rows are made. */
struct scored_recipe {
  int64_t rows;
  int64_t classes;
  double rate;     /**< share of the labels that is flipped */
  bool confusable; /**< flips keep to classes that look alike, else any other class */
  uint64_t seed;   /**< non-zero */
};

/** softmax(SCORED_TEMPERATURE x scores) is the probability of each class, exactly. */
#define SCORED_TEMPERATURE 5.0

struct scored_rows {
  struct diva_score_table table;
  int32_t *truth;
  int32_t *labels;
  int64_t flipped;
};

/** Makes rows; to be freed. */
void scored_rows_make(const struct scored_recipe *recipe, struct scored_rows *out);
void scored_rows_free(struct scored_rows *rows);

/** The rows as the library takes them: no weights, one thread. */
struct diva_labelled_scores scored_rows_view(const struct scored_rows *rows);

/** Fits the noise model, failing the test with the message if that fails; to be freed. */
struct diva_label_noise scored_rows_fit(const struct diva_labelled_scores *rows);

#endif
