/**
 * @file halves.h
 * Products of float32 factors on tensor cores, by float16 parts whose leading sums are exact.
 *
 * A product sums over an inner index, c_ij = sum_k a_ik b_kj. Every outer slice (row i of A, column
 * j of B) is brought by a power of two, its unit, to a norm just below 2^12 and taken apart:
 *
 *     a = whole + rest,    whole an integer, |rest| <= 1/2 (1 where |a| > 2048),
 *     a b = whole whole + nearest rest + rest whole,    nearest = a,
 *
 * all of them float16, the rests and the left factor's nearest rounded to its 11 bits. By Cauchy
 * and Schwarz no partial sum of whole whole passes 2^24, in whatever order it is made: 24 bits hold
 * every one, and nothing is lost by a tensor core that cuts off what it adds instead of rounding,
 * as they do. What it cuts off of the other two, which are smaller by about 2^-7, no longer counts.
 * So the error does not rest on how a device adds, which none has been at hand to measure, and sums
 * may run over more rows than those of float32 units.
 *
 * Error: at most 3e-7 sqrt(K) |a_i| |b_j| for K terms, all roundings at their worst and of one
 * sign. Found at worst in Gram matrices of 256 rows of two real sets of float16 features, of the
 * sum of absolute terms, by the model of a tensor core in the emulation of the tests:
 *
 *                                                  as stored   centred
 *     float32 units                                     9e-7      4e-6
 *     halves                                            6e-8      1e-6
 *     high and low parts of each number (TF32x3)        6e-6      9e-6
 *     one float16 product                               6e-6      4e-4
 *
 * The last two are 4e-6 too small on average on the diagonal, since what cuts off makes sums of one
 * sign too small, and by more the more rows are added. That is why features that are used as stored
 * in float16 get no shorter way: what their one product loses, it loses in adding.
 *
 * The norms that errors are measured by have to be those that the result has. What is large in one
 * factor and small in the other is balanced first, by powers of two over the inner index:
 *   Z' diag(w) Z: sqrt|w| on both sides, the sign on one: the error is that of
 *                 sqrt(sum |w| z_p^2 sum |w| z_q^2);
 *   Y' diag(w) Z: rows of Z to norm 1, those of Y times what was taken: a row of Z that is far
 *                 larger than the others touches only the outputs that it takes part in;
 *   Z W', Z U:    columns of W, rows of U to norm 1, the columns of Z times what was taken: the
 *                 scale of a feature cancels; rows of Z have their own units.
 *
 * cuBLAS runs these products by the matrix instructions and bulk copies of the device at hand (on
 * Hopper, wgmma and TMA); there is no kernel of our own to do that. Of the rates that Hopper is
 * said to have, dense float16 is twice TF32 and fifteen times float32: three products of float16
 * should take a fifth of the time of one of float32. That has not been measured.
 */
#ifndef DIVA_CUDA_HALVES_H
#define DIVA_CUDA_HALVES_H

#include "cuda_internal.h"

/** Rows that share units in a sum over rows: those over which it adds in float32. */
enum { DIVA_CUDA_HALVES_ROWS = 1024 };

/** Lays the scratch of a config out from `data`, for tiles of this stride; returns its bytes. */
int64_t diva_cuda_halves_lay_out(const struct diva_backend_config *config, int64_t stride,
                                 char *data, struct diva_cuda_halves_scratch *out);

/** Both factors of Z' diag(weight) Z. */
enum diva_status diva_cuda_halve_gram(struct diva_backend *backend, struct diva_matrix z,
                                      struct diva_vector weight, struct diva_cuda_factor *left,
                                      struct diva_cuda_factor *right, struct diva_error *error);

/** Both factors of Y' diag(weight) Z. */
enum diva_status diva_cuda_halve_cross(struct diva_backend *backend, struct diva_matrix y,
                                       struct diva_vector weight, struct diva_matrix z,
                                       struct diva_cuda_factor *left,
                                       struct diva_cuda_factor *right, struct diva_error *error);

/** Both factors of Z W'. */
enum diva_status diva_cuda_halve_outputs(struct diva_backend *backend, struct diva_matrix z,
                                         struct diva_matrix w, struct diva_cuda_factor *left,
                                         struct diva_cuda_factor *right, struct diva_error *error);

/** Whether the parts of two matrices fit, which are not bounded as those of other operations are.
 */
bool diva_cuda_halves_fit(const struct diva_backend *backend, struct diva_matrix left,
                          struct diva_matrix right);

/** Both factors of Z U, which need not be a triangle. */
enum diva_status diva_cuda_halve_upper(struct diva_backend *backend, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_cuda_factor *left,
                                       struct diva_cuda_factor *right, struct diva_error *error);

#endif
