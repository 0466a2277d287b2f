/**
 * @file two_sample.h
 * How well rows of one version are told from rows of the other, out of sample. Internal.
 *
 * Rows that are in both versions are evidence of neither. So the classifier is the ridge regression
 * of y on the standardised features, where a row that only this version has (n of them in all) has
 * y = 1 and weight 1 / n, one that only the baseline has (m in all) y = -1 and weight 1 / m, and
 * one that is in both stands for the two: weight 1 / n + 1 / m and their mean y, near 0. Scores s
 * are leave-one-out, in closed form, and
 *
 *   AUC = sum_i sum_j a_i b_j (1[s_i > s_j] + 1[s_i = s_j] / 2)
 *
 * over all rows i of this version and j of the baseline, a_i = 1 / n, b_j = 1 / m. A row that is in
 * both has one score, so what the versions share gives exactly 1/2. The standard error is DeLong's
 * (Biometrics 44, 1988) with rows in both as one draw: with v_i the share of the baseline below s_i
 * and w_i the share of this version above it, it is the root of
 * sum_i (a_i (v_i - AUC) + b_i (w_i - AUC))^2.
 * Columns that either version holds constant are left out: they are another rule's.
 * A row that changed and what it was before are left out together.
 * Leaving a row out pulls its score away from its own y: without drift AUC is at most 1/2 on
 * average.
 */
#ifndef DIVA_CHECK_TWO_SAMPLE_H
#define DIVA_CHECK_TWO_SAMPLE_H

#include "run.h"

/** How one column differs between the versions. Errors are by what each row of the sample brings to
 * the difference, in both versions at once: a few rows far out do not look like many. */
struct diva_column_change {
  double mean, mean_error;     /**< of this version less the baseline, in standard deviations */
  double spread, spread_error; /**< difference of the variances over their mean, -2 to 2: unlike the
                                    logarithm of their ratio it is not carried away where most of a
                                    variance is a few rows' */
};

struct diva_two_sample {
  double auc;
  double error;                       /**< its standard error */
  int64_t sampled;                    /**< rows that were compared; 0: no row is in one alone */
  struct diva_column_change *columns; /**< of them (owned) */
};

/**
 * Compares the versions on a seeded sample of at most 4096 rows each of those only here, only in
 * the baseline, and in both; DIVA_OK with AUC 1/2 where no row is in one alone.
 * @param run  both versions of the same width, their contents read, no NaN in them
 * @param out  free with diva_two_sample_free(), whatever came of this
 * Cost: reads the sample; an analysis of it.
 */
enum diva_status diva_two_sample_run(const struct diva_check_run *run, struct diva_two_sample *out,
                                     struct diva_error *error);

void diva_two_sample_free(struct diva_two_sample *versions);

#endif
