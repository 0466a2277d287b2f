/**
 * @file paired_difference.h
 * The difference of two error rates on the same test rows, with a 95 % interval.
 */
#ifndef DIVA_PAIRED_DIFFERENCE_H
#define DIVA_PAIRED_DIFFERENCE_H

#include <diva/verify.h>

/**
 * Fills what follows from the mistakes on `count` > 0 test rows: test_rows, errors, difference,
 * interval, mended, broken, verdict (formula in diva/verify.h).
 * @param before  count: not 0 where the model before was wrong
 * @param after   count: the same for the model after
 * @param counts  count: how much each row counts, >= 0 and not all 0; NULL: all alike
 */
void diva_paired_difference(const uint8_t *before, const uint8_t *after, const double *counts,
                            int64_t count, struct diva_verification *out);

#endif
