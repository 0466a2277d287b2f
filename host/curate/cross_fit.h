/**
 * @file cross_fit.h
 * How far along a path rows that had no part in it are predicted best. Internal.
 *
 * The rows are dealt out to folds. For each fold a path is found without its rows (weight 0, out of
 * the objective); after each step its rows are predicted by the model of that point. All folds
 * together give each row a held-out loss for each number of steps. That of a cross-entropy is at
 * the temperature that suits all held-out scores best: how sure the model is of itself, which
 * drifts as it is fitted closer, is one number that whoever uses the weights fits again.
 */
#ifndef DIVA_CROSS_FIT_H
#define DIVA_CROSS_FIT_H

#include "weight_path.h"

/** The folds, and how much each row counts; everything borrowed. Rows: of the training set, then of
 * the target. */
struct diva_cross_fit_request {
  const struct diva_weight_problem *problem;
  const int32_t *folds; /**< rows, -1: in none */
  int fold_count;
  const double *share; /**< rows, adding up to 1 over the folds */
  int most_steps;
};

/** Held-out predictions of all rows after so many steps; arrays owned. */
struct diva_held_out {
  int steps;
  double mean;  /**< loss, by the shares */
  double error; /**< share misclassified; NaN for targets */
  double *loss; /**< rows */
};

/**
 * Follows the paths from one start.
 * @param plain  after no step
 * @param best   after the number of steps of the least mean, at most most_steps; the search ends
 *               after four steps without a new one. Both to be freed with diva_held_out_free(),
 *               whatever came of this
 * Cost: (folds) x (steps + 1) analyses, the memory of as many paths as folds, and of a
 * cross-entropy 16 bytes a row and output.
 */
enum diva_status diva_cross_fit(const struct diva_cross_fit_request *request, const double *start,
                                struct diva_held_out *plain, struct diva_held_out *best,
                                struct diva_error *error);

/** By how much the mean loss of `other` lies below that of `base`, and the standard error of the
 * paired difference. */
void diva_held_out_compare(const struct diva_cross_fit_request *request,
                           const struct diva_held_out *base, const struct diva_held_out *other,
                           double *gain, double *standard_error);

/** Frees; zeroed is fine. */
void diva_held_out_free(struct diva_held_out *held_out);

#endif
