/**
 * @file blobs.h
 * Small datasets of known classes with known wrong labels, and diva_clean() over them.
 */
#ifndef DIVA_TEST_BLOBS_H
#define DIVA_TEST_BLOBS_H

#include <diva/curate.h>

/** How a set is made. Classes are blobs that can be told apart. */
struct blobs_recipe {
  int64_t rows;
  int64_t columns;
  int64_t classes;
  int64_t outputs; /**< 0: as many as there are classes; more: classes without a row */
  int64_t every;   /**< each so-many-th label is wrong; 0: none */
  bool round;      /**< wrong labels are the next class, not any other */
  bool oddments;   /**< a pool of weight 0, and rows without a label: see blobs.c */
  double distance; /**< of a class's centre from 0 */
};

struct blobs {
  struct blobs_recipe recipe;
  float *features;
  int32_t *truth;
  int32_t *labels;
  double *weights; /**< NULL: none */
  struct diva_dataset *dataset;
};

/** Makes and opens; to be closed. */
void blobs_open(const struct blobs_recipe *recipe, struct blobs *out);
void blobs_close(struct blobs *blobs);

/** A row that is labelled and has a weight. */
bool blobs_belongs(const struct blobs *blobs, int64_t row);

/** What diva_clean() handed out, with views of it; freed by blobs_forget(). */
struct blobs_verdict {
  enum diva_status status;
  struct diva_error error;
  struct diva_analysis *analysis;
  struct diva_decision *decision;
  struct diva_decision_columns columns;
  struct diva_noise_summary noise;
};

/** Analysis options of a linear model, on one thread. */
struct diva_analysis_options blobs_analysis(void);

/** Cleans; on success checks all that holds of every decision. `options` NULL: the defaults. */
void blobs_clean(const struct blobs *blobs, const struct diva_analysis_options *analysis,
                 const struct diva_clean_options *options, struct blobs_verdict *out);
void blobs_forget(struct blobs_verdict *verdict);

#endif
