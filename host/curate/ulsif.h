/**
 * @file ulsif.h
 * A density ratio by least squares: uLSIF (Kanamori, Hido and Sugiyama, JMLR 10, 2009). Internal.
 *
 * w(x) = max(0, sum_l a_l phi_l(x)), phi_l(x) = exp(-|x - c_l|^2 / (2 sigma^2)), c_l rows of the
 * target, a = (H + ridge I)^-1 h with H = mean of phi phi' over the training rows and h = mean of
 * phi over the target rows. Sigma and ridge are those of the least criterion
 * J = 1/2 mean_train(w^2) - mean_target(w), which is the mean squared error of w over the training
 * rows, halved, plus a constant; each row's w is that of the fit without the row:
 *
 *     training row:  (n - 1) p / (n - c)   p = phi' B^-1 h, c = phi' B^-1 phi,
 *                                          B = H + ridge (n - 1) / n I
 *     target row:    (m u - q) / (m - 1)   u = phi' G^-1 h, q = phi' G^-1 phi, G = H + ridge I
 *
 * Target rows that are centres are left out of the second mean: the kernels are highest there.
 * The paper sets negative a to 0, and leaves rows out in pairs of one of each; setting negative w
 * to 0 instead is nearer to known ratios, and rows alone need no pairing.
 *
 * A rival says what h should be: the mean of v_i phi_i over the training rows, if v are their
 * importances. It is held against the target rows by the same criterion and the same kernels.
 * Training row: (n p - v_i c) / (n - c); target row: as v says that was found without the row.
 */
#ifndef DIVA_ULSIF_H
#define DIVA_ULSIF_H

#include <diva/error.h>
#include <diva/progress.h>

/** Two samples, row-major; everything borrowed. */
struct diva_ulsif_problem {
  const double *train, *target;
  int64_t train_rows, target_rows; /**< at least 2 each */
  int64_t stride;                  /**< values from a row to the next */
  int64_t columns;                 /**< of them used, the first */
  int64_t centres;                 /**< at most so many kernels, and no more than m / 2 */
  const double *rival;             /**< train_rows: v; NULL: there is none */
  /** folds x train_rows: v as found without the target rows whose number leaves the remainder of
   * the fold. */
  const double *rival_folds;
  int folds;
  double sigma, ridge; /**< > 0: given; 0: chosen */
  uint64_t seed;       /**< of the centres */
  const char *backend;
  int threads; /**< >= 1 */
  const struct diva_progress *progress;
};

struct diva_ulsif {
  int64_t centres, columns;
  double *centre;      /**< centres x columns (owned) */
  double *coefficient; /**< a (owned) */
  double sigma, ridge;
  double criterion;       /**< J */
  double rival_criterion; /**< J of the rival, with the sigma and ridge that are best for it; NaN */
  double rival_error;     /**< standard error of the difference of the two; NaN */
};

/**
 * Fits. Free with diva_ulsif_free(), whatever came of this.
 * Cost: for each of 8 sigmas an eigendecomposition of centres x centres, 2 (n + m) centres^2 flops
 * and 44 (n + m) centres of the ridges; 16 (n + m) centres bytes.
 */
enum diva_status diva_ulsif_fit(const struct diva_ulsif_problem *problem, struct diva_ulsif *out,
                                struct diva_error *error);

/** w of a row. */
double diva_ulsif_ratio(const struct diva_ulsif *ulsif, const double *row);

/** Frees; a zeroed struct is fine. */
void diva_ulsif_free(struct diva_ulsif *ulsif);

#endif
