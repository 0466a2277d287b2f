/**
 * @file reference.h
 * What the tests compare with: naive long double arithmetic that shares nothing with the library.
 */
#ifndef DIVA_TESTS_REFERENCE_H
#define DIVA_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A source of test values (xorshift64*), seeded by any non-zero number. */
struct reference_random {
  uint64_t state;
};

/** Uniform in [-1, 1). */
double reference_uniform(struct reference_random *random);

/** Roughly normal, mean 0, variance 1: a sum of twelve uniform numbers. */
double reference_normal(struct reference_random *random);

/** Uniform in 0 .. limit - 1. */
int64_t reference_below(struct reference_random *random, int64_t limit);

/** Value of an IEEE half by its definition: sign, exponent, fraction. */
double reference_half_value(uint16_t bits);

/** Value of a bfloat16 by its definition. */
double reference_bfloat_value(uint16_t bits);

/** The nearest half to a finite value inside its range, ties to even. */
uint16_t reference_half_bits(double value);

/** A bfloat16 next to a finite value: the fraction cut, not rounded. */
uint16_t reference_bfloat_bits(double value);

/** Zeroed memory that a test cannot do without. */
void *reference_allocate(int64_t count, size_t size);

/** Mixes bytes into a digest (after FNV-1a, a word at a time); start from 0. */
uint64_t reference_digest(uint64_t digest, const void *bytes, size_t count);

/** Spearman's rank correlation; ties get the mean rank, pairs with a NaN are
 * passed over. */
double reference_rank_correlation(const double *a, const double *b, int64_t n);

#endif
