/**
 * @file label_shift.h
 * Class proportions of rows without labels, from the probabilities a model gives them. Internal.
 *
 * BBSE (Lipton, Wang and Smola, ICML 2018) with probabilities in place of predicted classes: where
 * only the frequencies of the classes have changed, the mean probabilities of the target rows are
 * C q, column c of C the mean probabilities of the training rows of class c, each left out of the
 * model that judges it.
 */
#ifndef DIVA_LABEL_SHIFT_H
#define DIVA_LABEL_SHIFT_H

#include <diva/error.h>

enum { DIVA_LABEL_SHIFT_FOLDS = 5 };

/** Everything borrowed. Probabilities are row-major, classes wide. */
struct diva_label_shift_problem {
  const double *train;    /**< leave-one-out probabilities */
  const int32_t *labels;  /**< of the training rows, >= 0 */
  const double *target;   /**< probabilities of the target rows */
  const double *training; /**< proportions of the classes among all training rows */
  int64_t train_rows, target_rows, classes;
  uint64_t seed; /**< of the bootstrap */
};

struct diva_label_shift {
  double *proportions;     /**< classes (owned by the caller) */
  double *standard_errors; /**< classes: of the proportions before they were shrunk (likewise) */
  double kept;             /**< by diva_proportions_shrink() */
  /** DIVA_LABEL_SHIFT_FOLDS x classes: the same without the target rows whose number leaves the
   * remainder of the fold (likewise; NULL: not wanted). */
  double *fold_proportions;
};

/**
 * Estimates, with 50 bootstrap samples (training rows within their class, target rows) for the
 * standard errors, and shrinks. A class without a row keeps its training proportion.
 * @param out  its arrays are written
 * Cost: 56 times the sums over both samples and a least squares problem of classes.
 */
enum diva_status diva_label_shift_fit(const struct diva_label_shift_problem *problem,
                                      struct diva_label_shift *out, struct diva_error *error);

#endif
