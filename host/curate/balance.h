/** @file balance.h Weights under which all classes count alike. Internal. */
#ifndef DIVA_BALANCE_H
#define DIVA_BALANCE_H

#include <diva/error.h>

/**
 * Inverse class frequency over the rows of `support` > 0, mean 1 over them; 0 elsewhere.
 * @param labels   rows, 0 .. classes - 1 where support > 0; NULL (targets): all are 1
 * @param weights  rows, written
 */
enum diva_status diva_balance_classes(const int32_t *labels, int64_t classes, const double *support,
                                      int64_t rows, double *weights, struct diva_error *error);

#endif
