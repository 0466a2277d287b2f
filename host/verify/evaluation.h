/**
 * @file evaluation.h
 * Fitting the learner before and after a change, and counting the mistakes of both.
 */
#ifndef DIVA_EVALUATION_H
#define DIVA_EVALUATION_H

#include "softmax_regression.h"
#include "standard_rows.h"
#include "trial.h"

/** Everything of one verification; all arrays owned. */
struct diva_evaluation {
  struct diva_dataset *validation; /**< NULL: tested by folds */
  const struct diva_verify_options *options;
  struct diva_dataset_info info;
  struct diva_trial trial;
  struct diva_standard_rows rows;
  struct diva_softmax_options softmax; /**< penalty: of the fits that are tested */
  struct diva_softmax_model model[DIVA_TRIAL_SIDES];
  const float **features; /**< trial.count: of the fit or the test at hand, as the next three */
  int32_t *labels;
  double *weights;
  int32_t *predicted;
  uint8_t *wrong[DIVA_TRIAL_SIDES]; /**< one a test row */
  double *counts;                   /**< how much each test row counts; NULL: all alike */
  int64_t test_rows;
};

/** Fits that an evaluation makes at most. */
int diva_evaluation_fits(const struct diva_evaluation *evaluation);

/** Finds the penalty with the least mistakes on one fold of the set as given; of equal ones the
 * strongest. */
enum diva_status diva_evaluation_choose_penalty(struct diva_evaluation *evaluation,
                                                struct diva_error *error);

/** Fits and tests by folds, or on the validation set where there is one; fills `wrong`. */
enum diva_status diva_evaluation_test(struct diva_evaluation *evaluation, struct diva_error *error);

#endif
