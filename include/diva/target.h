/**
 * @file target.h
 * What a training row is worth for another distribution than the one it was drawn from.
 *
 * The importance of a row is v_i = p_target / p_train at it: the training rows, counted by v, are
 * as good as drawn from the target. The target is told by one of four descriptions, from the surest
 * to the vaguest: proportions of classes or of groups, rows with labels, rows without.
 */
#ifndef DIVA_TARGET_H
#define DIVA_TARGET_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

struct diva_target;

/** What of rows without labels is taken to have changed. */
enum diva_shift {
  DIVA_SHIFT_AUTO,     /**< the one of the others that explains the target rows better */
  DIVA_SHIFT_LABEL,    /**< how frequent the classes are, not what their rows look like */
  DIVA_SHIFT_COVARIATE /**< what rows look like, not what their label is given the features */
};

/** The target, described in exactly one way; everything borrowed for the call. */
struct diva_target_options {
  int version;
  const double *class_proportions; /**< outputs of them, >= 0, adding up to 1; NULL: not so */
  /** Likewise one for each of group_count groups. */
  const double *group_proportions;
  int64_t group_count;
  const int32_t *groups;           /**< rows: the group of each, -1: none, and no importance */
  struct diva_dataset *labelled;   /**< rows of the target with labels; NULL: not so */
  struct diva_dataset *unlabelled; /**< rows of the target, labels not looked at; NULL: not so */
  enum diva_shift shift;           /**< of the unlabelled rows */
};

DIVA_API void diva_target_options_init(struct diva_target_options *options);

/** Where the importances are from. */
enum diva_target_method {
  DIVA_TARGET_CLASS_PROPORTIONS, /**< as given */
  DIVA_TARGET_GROUP_PROPORTIONS, /**< as given */
  DIVA_TARGET_CLASS_COUNTS,      /**< class proportions, counted */
  DIVA_TARGET_LABEL_SHIFT,       /**< class proportions, estimated from predictions */
  DIVA_TARGET_COVARIATE_SHIFT    /**< a density ratio of features */
};

/** "class proportions", "group proportions", "class counts", "label shift", "covariate shift". */
DIVA_API const char *diva_target_method_name(enum diva_target_method method);

/** Arrays are borrowed from the target. */
struct diva_target_summary {
  int64_t rows;
  const double *importance; /**< v: mean 1 over the rows trained on, 0 of the others */
  enum diva_target_method method;
  int64_t training_rows; /**< labelled, of positive weight */
  int64_t target_rows;   /**< that were looked at; 0 for given proportions */
  double effective_rows; /**< (sum v)^2 / sum v^2: as many rows of the target are worth as much */
  int64_t outputs;
  const double
      *training_proportions; /**< of the classes among the rows trained on; NULL: targets */
  /** Class proportions of the target that v follows, and the standard errors they have before they
   * are shrunk (0 of given ones); both NULL of group proportions and of covariate shift. */
  const double *proportions, *standard_errors;
  /** How much of what was estimated is kept: the rest is that of the nearer of equal and training
   * proportions (1 of given ones, NaN of covariate shift). */
  double kept;
  /** Where both shifts were tried, 1/2 E_train[w^2] - E_target[w] of the ratio w of features that
   * each comes to, with the same Gaussian kernels, each row judged by what was found without it:
   * less is nearer to the true ratio, -1/2 is no shift. NaN: not tried. */
  double label_criterion, covariate_criterion;
  double criterion_error; /**< standard error of their difference, by the rows; NaN */
  /** Of covariate shift, else NaN and 0: bandwidth in units of the principal components, ridge,
   * Gaussian kernels, and components of the features. */
  double sigma, ridge;
  int64_t centres, components;
};

/**
 * Finds the importances, for diva_analysis_options.importance.
 *
 * Proportions: v_i = p_target(y_i) / p_train(y_i), p_train among the rows trained on, each counted
 * once whatever its weight.
 *
 * Labelled rows: the proportions of their classes, shrunk towards the nearer of equal and training
 * proportions (positive-part James-Stein): ref + max(0, 1 - var / |q - ref|^2) (q - ref), var the
 * sum of q (1 - q) / m.
 *
 * Unlabelled rows, label shift (BBSE: Lipton, Wang and Smola, ICML 2018, with probabilities): q of
 * nonnegative least squares, C q = mean probabilities of the target rows, C the mean LOO
 * probabilities of the rows of each class, from a ridge model that gives the classes equal weight;
 * shrunk with var from 50 bootstrap samples.
 *
 * Unlabelled rows, covariate shift (uLSIF: Kanamori, Hido and Sugiyama, JMLR 10, 2009): v(x) is
 * max(0, sum_l a_l exp(-|x - c_l|^2 / (2 sigma^2))), a = (H + ridge I)^-1 h, on the first 20
 * principal components of the scaled features of both sets, c_l up to 200 target rows; sigma and
 * ridge of the least LOO criterion, in closed form.
 *
 * Both are fitted to at most 10,240 seeded rows of each set. Which it is, auto finds out so: were
 * it label shift alone, the mean h of the kernels over the target rows would be their mean over the
 * training rows weighted by class; that h takes the place of h, and the criterion tells which of
 * them is nearer to the target rows. Covariate shift must be nearer by a standard error: label
 * shift says less, and says it of each row by its label.
 *
 * @param train    read, not changed
 * @param options  of the analysis: scale and kernel settled; weights, seed, backend, threads,
 *                 lambda and progress are used
 * @param out      owned by the caller: diva_target_destroy()
 * @return DIVA_ERROR_USAGE for none or several descriptions, proportions that are none, or classes
 *         of a dataset of targets; DIVA_ERROR_INPUT for target rows of other columns or classes
 *         ("target: " before it), for none at all, or where a class or group that the target has is
 *         nowhere to train on; the errors of diva_analysis_run()
 * Cost: none for proportions and counts; label shift an analysis of both samples; covariate shift a
 * pass over the features and 1e5 flops a row, and some 3e10 flops to choose by.
 */
DIVA_API enum diva_status diva_target_find(struct diva_dataset *train,
                                           const struct diva_analysis_options *options,
                                           const struct diva_target_options *target,
                                           struct diva_target **out, struct diva_error *error);

DIVA_API void diva_target_summary(const struct diva_target *target,
                                  struct diva_target_summary *out);

/** Frees; NULL is fine. */
DIVA_API void diva_target_destroy(struct diva_target *target);

DIVA_END_DECLARATIONS

#endif
