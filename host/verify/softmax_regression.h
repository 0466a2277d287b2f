/**
 * @file softmax_regression.h
 * The independent learner: weighted multinomial logistic regression with an L2 penalty, by L-BFGS.
 */
#ifndef DIVA_SOFTMAX_REGRESSION_H
#define DIVA_SOFTMAX_REGRESSION_H

#include <diva/error.h>
#include <diva/progress.h>

/** Rows to be fitted; everything borrowed. */
struct diva_softmax_rows {
  int64_t count;
  int64_t columns;
  int64_t classes;
  const float *const *features; /**< count pointers to rows of `columns` floats */
  const int32_t *labels;        /**< count, 0 .. classes - 1 */
  const double *weights;        /**< count, > 0; only their ratios matter */
};

/** A fitted model. A class that no training row had is never predicted. */
struct diva_softmax_model {
  int64_t columns;
  int64_t classes;
  int64_t lanes;
  double *parameters;     /**< (columns + 1) x lanes, the last row intercepts; owned */
  float *weights;         /**< the same in float32, for products; owned */
  uint8_t *present;       /**< lanes: classes the model knows; owned */
  int iterations;         /**< of the last fit */
  double objective;       /**< at its end */
  double gradient_length; /**< Euclidean, at its end */
};

/** A model of all zeros. Free it with diva_softmax_model_free(), whatever came of this. */
enum diva_status diva_softmax_model_create(int64_t columns, int64_t classes,
                                           struct diva_softmax_model *out,
                                           struct diva_error *error);

/** Frees what the model owns; safe on an empty struct. */
void diva_softmax_model_free(struct diva_softmax_model *model);

/** Bytes that a model and its fit take, without the rows. */
int64_t diva_softmax_bytes(int64_t columns, int64_t classes);

struct diva_softmax_options {
  double penalty; /**< > 0, on the scale of the mean loss */
  int threads;
  double tolerance;   /**< of the gradient, relative to the parameters */
  double improvement; /**< relative, of ten iterations, that is not worth going on for; 0: any is */
  int iterations;     /**< at most */
  const struct diva_progress *progress;  /**< nullable; called at every iteration with ... */
  int64_t progress_done, progress_total; /**< ... these */
};

/** What every fit here uses but for the penalty. */
void diva_softmax_options_init(struct diva_softmax_options *options);

/**
 * sum_i w_i CE_i / sum_i w_i + penalty / 2 |W|^2 at the model's parameters, and its gradient there
 * ((columns + 1) x lanes, written). Which classes are known is taken from the rows.
 * @return DIVA_ERROR_RESOURCE
 */
enum diva_status diva_softmax_objective(const struct diva_softmax_rows *rows,
                                        const struct diva_softmax_options *options,
                                        struct diva_softmax_model *model, double *objective,
                                        double *gradient, struct diva_error *error);

/**
 * Minimises from where the model stands. Running out of iterations, or of what float32 products can
 * tell apart, is no failure: the model then holds the best parameters met.
 * @return DIVA_ERROR_NUMERICAL where the loss is no finite number, DIVA_ERROR_RESOURCE,
 *         DIVA_ERROR_CANCELLED
 * Cost: some 4 count columns lanes flops an iteration.
 */
enum diva_status diva_softmax_fit(const struct diva_softmax_rows *rows,
                                  const struct diva_softmax_options *options,
                                  struct diva_softmax_model *model, struct diva_error *error);

/** The most likely class of each row, by a model that was fitted; of equal ones the first. */
enum diva_status diva_softmax_predict(const struct diva_softmax_model *model,
                                      const float *const *rows, int64_t count, int threads,
                                      int32_t *out, struct diva_error *error);

#endif
