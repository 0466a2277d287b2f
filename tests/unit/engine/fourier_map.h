/**
 * @file fourier_map.h
 * The map of an RBF kernel made anew from its documentation: a problem in its features, that refits
 * can be run on.
 */
#ifndef DIVA_TESTS_FOURIER_MAP_H
#define DIVA_TESTS_FOURIER_MAP_H

#include "problem.h"

/** What the kernel is. */
struct fourier_spec {
  int64_t features; /**< D */
  double bandwidth; /**< multiple of the median distance */
  uint64_t seed;
};

/** A linear problem, unscaled, over linear and Fourier columns. At most 256 training rows: then all
 * of them decide the bandwidth. `sigma` may be NULL. */
void fourier_map_problem(const struct brute_problem *problem, const struct fourier_spec *spec,
                         struct brute_problem *out, double *sigma);

/** The kernel itself between training rows a and b, without an approximation. */
double fourier_map_exact(const struct brute_problem *problem, double sigma, int64_t a, int64_t b);

/** Frees what fourier_map_problem() made. */
void fourier_map_free(struct brute_problem *mapped);

#endif
