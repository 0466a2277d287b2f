/**
 * @file brute.h
 * The ground truth of one analysis: the model refitted for every row left out, in long double, and
 * derivatives by complex steps through those refits. It knows no formula of the closed forms.
 */
#ifndef DIVA_TESTS_BRUTE_H
#define DIVA_TESTS_BRUTE_H

#include <diva/analysis.h>

/** Rows of a training or validation set; labels or targets, the other NULL. Owned. */
struct brute_rows {
  int64_t rows;
  double *features;     /**< rows x columns */
  int32_t *labels;      /**< rows, or NULL */
  double *targets;      /**< rows x outputs, or NULL */
  double *base_outputs; /**< rows x outputs, or NULL */
};

/** A problem as the library is given it. */
struct brute_problem {
  int64_t columns, outputs;
  struct brute_rows train, validation; /**< validation.rows 0: none */
  double *weights;                     /**< train.rows, or NULL. Owned */
  const int32_t *groups;    /**< train.rows: rows left out together, -1 alone; or NULL. Borrowed */
  const double *importance; /**< train.rows, or NULL. Borrowed, as the next */
  const double *validation_importance; /**< validation.rows, or NULL */
  enum diva_scale scale;
  enum diva_loss loss;
  bool intercept;
  double lambda;
  double temperature;
};

/** What the library should say, one value a training row. Owned: brute_free(). */
struct brute_answer {
  double *leverage, *loo_loss, *loo_margin, *label_quality, *derivative;
  double *scores; /**< rows x outputs: F of each row, left out where it is trained on */
  int32_t *suggested_label;
  double loo_mean, loo_error, validation_mean, validation_error;
};

/**
 * Solves by refits. `derivatives`: how many rows to differentiate for, from the first, spread over
 * all (0: none, -1: all); the others are left NaN.
 */
void brute_solve(const struct brute_problem *problem, int64_t derivatives,
                 struct brute_answer *answer);

/**
 * What the validation loss changes by when a row is taken out and the model refitted, or, for a row
 * of weight 0, put in with weight 1; scaled as before. `wanted` as for derivatives; NaN for the
 * others and for unlabelled rows.
 */
void brute_remove(const struct brute_problem *problem, int64_t wanted, double *out);

void brute_free(struct brute_answer *answer);
void brute_rows_free(struct brute_rows *rows);

#endif
