/** @file folds.h Rows dealt out to folds, class by class. Internal. */
#ifndef DIVA_FOLDS_H
#define DIVA_FOLDS_H

#include <diva/error.h>

/** Which rows are dealt out, and how; everything borrowed. */
struct diva_folds_request {
  int64_t rows;
  const double *support; /**< rows: those of 0 get fold -1; NULL: none is */
  const int32_t *labels; /**< rows; NULL: all are of one class. Rows of -1 get fold -1 */
  const int32_t *groups; /**< rows, >= -1: rows of one code >= 0 get one fold, by the class of the
                              first; NULL: none */
  int count;             /**< of folds */
  uint64_t seed;
  const char *what; /**< the rows in words, for errors */
};

/**
 * Folds in which each class has equally many rows (or groups), give or take one, at random.
 * @param folds  rows, written: 0 .. count - 1, or -1
 * @return DIVA_ERROR_INPUT where there are fewer rows (or groups) than folds
 */
enum diva_status diva_folds_deal(const struct diva_folds_request *request, int32_t *folds,
                                 struct diva_error *error);

#endif
