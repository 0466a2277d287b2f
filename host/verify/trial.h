/**
 * @file trial.h
 * Which rows a verification trains on, before and after, and which it tests on in which fold.
 */
#ifndef DIVA_TRIAL_H
#define DIVA_TRIAL_H

#include <diva/verify.h>

enum diva_trial_side { DIVA_TRIAL_BEFORE, DIVA_TRIAL_AFTER, DIVA_TRIAL_SIDES };

/** Rows that play a part, ascending; all arrays owned. */
struct diva_trial {
  int64_t count;
  int64_t *row; /**< of the dataset */
  int32_t *label[DIVA_TRIAL_SIDES];
  double *weight[DIVA_TRIAL_SIDES];        /**< 0: not trained on at this side */
  uint8_t *tested;                         /**< not 0: the given label may be tested on */
  int32_t *fold;                           /**< 0 .. folds - 1 */
  int64_t training_rows[DIVA_TRIAL_SIDES]; /**< of the whole dataset */
  bool sampled;                            /**< not all rows of the dataset that could are here */
};

/** Everything but the result that diva_verify() was asked about; borrowed. */
struct diva_trial_plan {
  const struct diva_dataset *dataset;
  const struct diva_changed_rows *changed;
  const struct diva_verify_options *options;
  bool by_folds;     /**< false: nothing here is tested on */
  int64_t most_rows; /**< more are sampled down */
};

/**
 * Gathers rows and gives each a fold, stratified by given label. Free with diva_trial_free(),
 * whatever came of this.
 * @return DIVA_ERROR_USAGE for a weight or label after the change that is none; DIVA_ERROR_INPUT
 *         where nothing could be learned: a class left without rows by the change,
 *         fewer rows than folds, none to test on; DIVA_ERROR_RESOURCE
 */
enum diva_status diva_trial_create(const struct diva_trial_plan *plan, struct diva_trial *out,
                                   struct diva_error *error);

void diva_trial_free(struct diva_trial *trial);

#endif
