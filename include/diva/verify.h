/**
 * @file verify.h
 * Whether a changed training set trains a better model: asked of an independent learner.
 *
 * The learner is a softmax regression on the standardised features, fitted once to the set as given
 * and once to the set as changed, and tested on rows that neither fit has seen. It shares no code
 * and no closed form with the analysis that proposed the change.
 */
#ifndef DIVA_VERIFY_H
#define DIVA_VERIFY_H

#include <diva/dataset.h>

DIVA_BEGIN_DECLARATIONS

/** What became of the rows of a dataset; everything borrowed. */
struct diva_changed_rows {
  const double *weights; /**< rows, >= 0; 0: no longer trained on */
  const int32_t *labels; /**< rows, -1: not trained on; NULL: as given */
};

struct diva_verify_options {
  int version;
  int folds;              /**< >= 2, default 5; without a validation set, and to choose a penalty */
  const uint8_t *trusted; /**< rows, borrowed: not 0 where the given label is known to be right, so
                               that it may be tested on; NULL: every training row is tested on */
  const double *importance; /**< rows, >= 0, borrowed: how much each test row counts, where they are
                                 rows of the training set; NULL: all alike */
  const int32_t *groups; /**< rows, >= -1, borrowed: rows of one code >= 0 stay in one fold, so that
                              copies are not trained on; NULL: none */
  double penalty;        /**< > 0; 0: the least error on held-out rows of the set as given */
  int64_t rows;   /**< held in memory when there are more (a seeded sample); default 100,000 */
  int threads;    /**< 0: one a core; the result does not depend on it */
  int64_t memory; /**< bytes that may be used; 0: what the machine has */
  uint64_t seed;  /**< of the folds and of the sample */
  struct diva_progress progress;
};

DIVA_API void diva_verify_options_init(struct diva_verify_options *options);

/** Which labels were tested on. */
enum diva_verify_test {
  DIVA_VERIFY_VALIDATION, /**< those of the validation set */
  DIVA_VERIFY_TRUSTED,    /**< those of the trusted rows, by folds */
  DIVA_VERIFY_GIVEN       /**< the given ones, by folds: as noisy as what is trained on */
};

/** "validation", "trusted", "given". */
DIVA_API const char *diva_verify_test_name(enum diva_verify_test test);

enum diva_verdict { DIVA_VERDICT_BETTER, DIVA_VERDICT_NO_CHANGE, DIVA_VERDICT_WORSE };

/** "better", "no measurable change", "worse". */
DIVA_API const char *diva_verdict_name(enum diva_verdict verdict);

/**
 * What the learner showed. Errors are shares of the test rows that were misclassified.
 *
 * The interval is of the paired difference: with b rows mistaken only after the change, c only
 * before and n in all, p = (b + 1) / (n + 2), q = (c + 1) / (n + 2), it is
 * p - q +- 1.96 sqrt((p + q - (p - q)^2) / (n + 2)) (Bonett and Price, J. Educ. Behav. Stat. 37,
 * 2012). It covers the choice of test rows, not that of training rows. With importances u all
 * counts are sums of u, scaled so that all test rows together count n = (sum u)^2 / sum u^2.
 */
struct diva_verification {
  enum diva_verify_test test;
  int folds; /**< 0 with a validation set */
  int64_t test_rows;
  int64_t training_rows_before; /**< of the whole set, not of a fold */
  int64_t training_rows_after;
  int64_t sampled_rows; /**< rows the fits were made of where not all could be held; else 0 */
  double penalty;
  double error_before;
  double error_after;
  double difference;         /**< error_after - error_before */
  double low, high;          /**< 95 % interval of the difference */
  int64_t mended;            /**< c: test rows mistaken only before */
  int64_t broken;            /**< b: test rows mistaken only after */
  enum diva_verdict verdict; /**< better: high < 0; worse: low > 0 */
};

/**
 * Trains before and after, and tests both on the same rows.
 *
 * The learner minimises sum_i w_i CE_i / sum_i w_i + penalty / 2 |W|^2 over the rows of weight > 0
 * (intercepts are not penalised), by L-BFGS from zero until ten iterations gain less than 0.1 %.
 * Columns are standardised over the training rows as given, once for everything. The penalty is
 * chosen on the set as given, so any advantage of a choice is that of the set before.
 *
 * Folds are stratified by class. For each, the models are trained on the other folds and tested on
 * the fold's rows that are trusted. A decision taken with all rows in sight has seen the labels of
 * the test rows too, if only through the training rows it chose: a validation set has no such tie.
 *
 * @param train       of class labels; read, not changed
 * @param validation  NULL: folds of the training rows; else tested on its labelled rows
 * @return DIVA_ERROR_USAGE for a dataset of targets or an option out of range; DIVA_ERROR_INPUT
 *         where nothing can be said: a class that the change left without rows, fewer rows than
 *         folds, no row to test on; DIVA_ERROR_NUMERICAL, DIVA_ERROR_RESOURCE,
 *         DIVA_ERROR_CANCELLED
 * Cost: one pass over the features; 2 folds + 5 fits (7 with a validation set), each some hundred
 * times 4 n d k flops; n d 4 bytes.
 */
DIVA_API enum diva_status diva_verify(struct diva_dataset *train, struct diva_dataset *validation,
                                      const struct diva_changed_rows *changed,
                                      const struct diva_verify_options *options,
                                      struct diva_verification *out, struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
