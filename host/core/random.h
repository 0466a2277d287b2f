/** @file random.h The one source of randomness: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014),
 * seeded. */
#ifndef DIVA_RANDOM_H
#define DIVA_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct diva_random {
  uint64_t state;
};

/** The next 64 random bits. */
uint64_t diva_random_next(struct diva_random *random);

/** Uniform in [0, limit), limit > 0, without modulo bias worth the name (128-bit product). */
int64_t diva_random_below(struct diva_random *random, int64_t limit);

/**
 * Selection sampling (Knuth, TAOCP 2, algorithm S): whether the next of `left` rows is among the
 * `wanted` that are still to be drawn, every subset equally likely. Both are counted down.
 */
bool diva_random_selects(struct diva_random *random, int64_t *left, int64_t *wanted);

/** Shuffles values, every order equally likely (Knuth, TAOCP 2, algorithm P). */
void diva_random_shuffle(struct diva_random *random, int64_t *values, int64_t count);

#endif
