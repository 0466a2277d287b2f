/**
 * @file nnls.h
 * Least squares without negative coefficients, from the normal equations. Internal.
 */
#ifndef DIVA_NNLS_H
#define DIVA_NNLS_H

#include <diva/error.h>

/**
 * Minimises x' G x / 2 - c' x over x >= 0 by block principal pivoting (Portugal, Judice and
 * Vicente, Math. Comp. 63, 1994): coefficients change sides of the bound many at a time, one at a
 * time where that does not get ahead. With G = A' A and c = A' b that is |A x - b|^2.
 * @param gram   size x size, symmetric, positive semidefinite; a ridge of 1e-10 of its largest
 *               diagonal element keeps it definite
 * @param cross  size
 * @param x      size: where it is above 0 the search begins with free coefficients; the minimiser
 * Cost: size^3 / 3 flops a change, of which there are few.
 */
enum diva_status diva_nnls(const double *gram, const double *cross, int64_t size, double *x,
                           struct diva_error *error);

#endif
