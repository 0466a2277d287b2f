/**
 * @file mean_change.h
 * How much a mean over rows changed between two versions of a dataset that share rows. Internal.
 *
 * Row i of this version has the value a_i, row j of the baseline b_j (1 and 0: a share). With m of
 * n values the means, the change is mean(a) - mean(b), and as rows are drawn independently and a
 * row that is in both is one draw, its variance is the sum of squares of what each draw brings:
 *
 *   sum over rows in both   ((a_i - mean a) / n_a - (b_i - mean b) / n_b)^2
 * + sum over rows of one    ((a_i - mean a) / n_a)^2   or   ((b_j - mean b) / n_b)^2
 *
 * What the versions agree on cancels: without a shared row this is the interval of two samples,
 * with all rows shared that of paired differences. Shares near 0 and 1 have u^2 (1 / n_a^2 +
 * 1 / n_b^2) more, one pseudo-row of each kind as in Agresti and Caffo (Am. Stat. 54, 2000) and
 * Bonett and Price (J. Educ. Behav. Stat. 37, 2012), where u is the unit of the values.
 */
#ifndef DIVA_CHECK_MEAN_CHANGE_H
#define DIVA_CHECK_MEAN_CHANGE_H

#include <diva/error.h>

/** Values of two versions; everything borrowed. */
struct diva_mean_change_request {
  const double *after;        /**< rows_after; NaN: not counted */
  const double *before;       /**< rows_before; likewise */
  const int32_t *codes_after; /**< which of `codes` means each row belongs to, -1: none; NULL: 0 */
  const int32_t *codes_before;
  int64_t rows_after, rows_before;
  const int64_t *before_of; /**< rows_after: the same row in the baseline, -1: it is new */
  int64_t codes;            /**< >= 1 */
  double unit;              /**< u: 1 for shares, 0 for none */
};

struct diva_mean_change {
  int64_t rows_after, rows_before; /**< that are counted */
  double after, before;            /**< means; NaN without rows */
  double difference;               /**< after - before; NaN where either has no row */
  double error;                    /**< its standard error */
};

/** @param out  codes of them. Cost: two passes over the values */
enum diva_status diva_mean_changes(const struct diva_mean_change_request *request,
                                   struct diva_mean_change *out, struct diva_error *error);

/** z with P(|normal| <= z) = confidence, in (0, 1); where `tests` intervals are to hold together
 * (Bonferroni), each at 1 - (1 - confidence) / tests. */
double diva_interval_width(double confidence, int64_t tests);

/** Low end of Wilson's interval of a share (J. Am. Stat. Assoc. 22, 1927); 0 of no rows. */
double diva_share_low(int64_t found, int64_t rows, double z);

#endif
