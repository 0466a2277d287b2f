/**
 * @file margin_symmetry.h
 * How likely each given label is wrong, from the signs of the leave-one-out margins. Internal.
 *
 * The margin m of a row is the best other class's LOO score less the given label's. Assume that a
 * row whose label was confused looks like a right one of the other class seen from behind: its
 * margin is distributed like -m of the right rows. Let g be the density of m over right rows, e the
 * share of wrong labels, and rho(u) the share of positive margins among rows with |m| = u. Then the
 * density of all margins is f(m) = (1 - e) g(m) + e g(-m), rho falls as u grows, and where right
 * rows have no positive margins left it is e itself. Solving for g,
 *
 *   P(wrong | m > 0) = e ((1 - e)(1 - rho) - e rho) / ((1 - 2 e) rho)
 *   P(wrong | m < 0) = e ((1 - e) rho - e (1 - rho)) / ((1 - 2 e)(1 - rho)).
 *
 * rho is fitted by isotonic regression. No parameter is tuned and no distribution assumed.
 */
#ifndef DIVA_MARGIN_SYMMETRY_H
#define DIVA_MARGIN_SYMMETRY_H

#include "host/core/core.h"

/**
 * @param margin       rows; NaN rows are passed over
 * @param probability  rows, written: P(label wrong); NaN where margin is
 * @param noise_rate   e: estimated share of wrong labels, in [0, 0.49]
 * Cost: O(n log n) time, O(n) memory.
 */
enum diva_status diva_margin_symmetry(const double *margin, int64_t rows, double *probability,
                                      double *noise_rate, struct diva_error *error);

#endif
