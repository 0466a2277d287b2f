/**
 * @file weight_step.h
 * One step of exponentiated gradient on the weights of the rows, and what weights must satisfy.
 * Internal.
 *
 * Rows of weight 0 are no training rows: they play no part in a mean and stay at 0.
 */
#ifndef DIVA_WEIGHT_STEP_H
#define DIVA_WEIGHT_STEP_H

#include <diva/api.h>

/** What weights of mean 1 must satisfy. */
struct diva_weight_bounds {
  double minimum;         /**< of a weight, below 1 */
  double maximum;         /**< above 1 */
  double least_effective; /**< share of diva_weight_effective() at the start of a path */
};

/** Rows that share one weight; borrowed. */
struct diva_weight_groups {
  const int32_t *codes; /**< rows, >= -1: those of -1 are one more group. NULL: no groups */
  int64_t count;        /**< of groups, that of -1 not among them */
};

/**
 * Multiplies by one factor and cuts at the bounds, so that the mean over the training rows is 1;
 * the factor is found by bisection, for what is cut has to be made up by the others.
 */
void diva_weight_bound(double *weights, int64_t rows, const struct diva_weight_bounds *bounds);

/** (sum a)^2 / sum a^2 as a share of the training rows: 1 for equal weights; 0 without rows. */
double diva_weight_effective(const double *weights, int64_t rows);

/** The mean size of the gradient over the training rows, in which a step is measured. */
double diva_weight_gradient_size(const double *weights, const double *gradient, int64_t rows);

/**
 * Puts in place of each row's derivative that of its group's one weight, by which the rows'
 * starting weights are multiplied: the sum of start * gradient over the group.
 * @param sums  count + 1 doubles of scratch
 * @return the mean size over the groups that have training rows
 */
double diva_weight_pool(const struct diva_weight_groups *by, const double *start, double *gradient,
                        int64_t rows, double *sums);

/**
 * out = weights * exp(-clip(size * gradient / unit, -1, 1)), brought within the bounds.
 * @param unit  > 0: what diva_weight_gradient_size() or diva_weight_pool() returned
 */
void diva_weight_step(const double *weights, const double *gradient, double unit, double size,
                      int64_t rows, const struct diva_weight_bounds *bounds, double *out);

#endif
