/**
 * @file what_if.h
 * What if the training set were changed so: the exact answer, by solving before and after.
 *
 * Rows may be left out, weighted and relabelled. The ridge model is solved in closed form on the
 * set as given and on the set as changed, and both are held against the same questions: the
 * leave-one-out (LOO) loss, and the loss on a validation set.
 *
 * What is held between the two: lambda, the temperature, the kernel and its number of features and
 * bandwidth, as chosen on the set as given. What is taken anew from the weighted training rows, as
 * a fit from scratch to the changed set would: means and deviations of the columns
 * (DIVA_SCALE_STANDARDIZE), the intercept, and the median distance an RBF bandwidth is a multiple
 * of.
 */
#ifndef DIVA_WHAT_IF_H
#define DIVA_WHAT_IF_H

#include <diva/analysis.h>
#include <diva/verify.h>

DIVA_BEGIN_DECLARATIONS

struct diva_what_if;

/** Which rows are tested on, and by whose labels. */
enum diva_what_if_test {
  DIVA_WHAT_IF_LOO,             /**< LOO, each over the rows trained on then, by the labels of then:
                                     leaving hard rows out lowers it by itself */
  DIVA_WHAT_IF_KEPT,            /**< LOO over the rows trained on both times, by the given labels */
  DIVA_WHAT_IF_KEPT_RELABELLED, /**< the same rows, by the changed labels */
  DIVA_WHAT_IF_VALIDATION       /**< labelled rows of the validation set */
};
enum { DIVA_WHAT_IF_TESTS = 4 };

/** "loo", "kept", "kept_relabelled", "validation". */
DIVA_API const char *diva_what_if_test_name(enum diva_what_if_test test);

/** Loss and error are NaN where there are no rows. */
struct diva_what_if_pair {
  struct diva_score before, after;
};

/** Of all rows or of one class, by enum diva_what_if_test. A row's class is the label it is tested
 * by. */
struct diva_what_if_figures {
  struct diva_what_if_pair test[DIVA_WHAT_IF_TESTS];
};

struct diva_what_if_summary {
  struct diva_summary before, after; /**< validation scores included; strings borrowed */
  int64_t dropped;                   /**< rows trained on before only */
  int64_t added;                     /**< after only */
  int64_t reweighted;                /**< both times, with another weight */
  int64_t relabelled;                /**< both times, with another label */
  struct diva_what_if_figures all;
  const struct diva_what_if_figures *classes; /**< outputs of them, borrowed; NULL for targets */
};

/** One value a training row, borrowed; missing values as in struct diva_columns. A row not trained
 * on has the loss of the plain prediction. */
struct diva_what_if_columns {
  int64_t rows;
  const double *weight_before, *weight_after;
  const int32_t *label_after;                     /**< NULL for targets */
  const double *loo_loss_before, *loo_loss_after; /**< by the label of then */
  const double *loo_loss_change;                  /**< after - before */
  const int32_t *prediction_before, *prediction_after;
};

/**
 * Solves twice and compares.
 *
 * @param train       read, not changed
 * @param validation  NULL: none; same columns, outputs and kind of labels
 * @param changed     weights replace the given ones (options->weights, else the dataset's, else 1);
 *                    labels, NULL for unchanged, the given labels
 * @param options     scale and kernel settled (diva_model_choose()); no derivative is computed and
 *                    the sink of the scores is not called
 * @param out         owned by the caller: diva_what_if_destroy()
 * @return DIVA_ERROR_USAGE for labels on a dataset of targets, labels or weights out of range, or a
 *         change that leaves fewer than two rows or one class to train on; else the errors of
 *         diva_analysis_run()
 * Cost: two analyses without derivative of train and validation rows together; some 150 bytes a
 * row, and 8 k bytes a relabelled row.
 */
DIVA_API enum diva_status diva_what_if(struct diva_dataset *train, struct diva_dataset *validation,
                                       const struct diva_changed_rows *changed,
                                       const struct diva_analysis_options *options,
                                       struct diva_what_if **out, struct diva_error *error);

DIVA_API void diva_what_if_summary(const struct diva_what_if *what_if,
                                   struct diva_what_if_summary *out);

DIVA_API void diva_what_if_columns(const struct diva_what_if *what_if,
                                   struct diva_what_if_columns *out);

/** Frees; NULL is fine. */
DIVA_API void diva_what_if_destroy(struct diva_what_if *what_if);

DIVA_END_DECLARATIONS

#endif
