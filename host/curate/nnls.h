/**
 * @file nnls.h
 * Least squares without negative coefficients, from the normal equations. Internal.
 */
#ifndef DIVA_NNLS_H
#define DIVA_NNLS_H

#include <diva/error.h>

/**
 * Minimises x' G x / 2 - c' x over x >= 0 by active sets (Lawson and Hanson, in the form of Bro and
 * de Jong, J. Chemometrics 11, 1997). With G = A' A and c = A' b that is |A x - b|^2.
 * @param gram   size x size, symmetric, positive semidefinite; a ridge of 1e-10 of its largest
 *               diagonal element keeps it definite
 * @param cross  size
 * @param x      size: where to start (>= 0), and the minimiser; a near start is a fast one
 * Cost: size^3 / 3 flops for each change of the set of positive coefficients.
 */
enum diva_status diva_nnls(const double *gram, const double *cross, int64_t size, double *x,
                           struct diva_error *error);

#endif
