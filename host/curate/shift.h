/**
 * @file shift.h
 * Importances from target rows without labels: label shift, covariate shift, and which of them it
 * is. Internal.
 */
#ifndef DIVA_SHIFT_H
#define DIVA_SHIFT_H

#include <diva/target.h>

/** Everything borrowed. */
struct diva_shift_request {
  struct diva_dataset *train, *target;
  const struct diva_analysis_options *options; /**< as for diva_target_find() */
  enum diva_shift shift;
  const uint8_t *trained; /**< rows of train: whether trained on */
  const double *training; /**< class proportions among them; NULL for targets */
};

/** What is found out, in fields of the summary; arrays owned by the caller. */
struct diva_shift_answer {
  double *importance;                  /**< rows, written where it is covariate shift: of rows
                                            trained on, mean 1 not seen to; else to be made of */
  double *proportions;                 /**< outputs */
  double *standard_errors;             /**< outputs */
  struct diva_target_summary *summary; /**< method, kept, criteria, sigma ... are set */
};

enum diva_status diva_shift_find(const struct diva_shift_request *request,
                                 struct diva_shift_answer *answer, struct diva_error *error);

#endif
