/**
 * @file neighbour_forest.h
 * Candidate pairs of near rows, from trees that split sketches at medians.
 *
 * A tree splits its rows in halves by one coordinate of their sketches, among a few the one of the
 * widest spread, until few are left; these are compared with each other. Two rows part where a
 * median falls between them: the nearer they are, beside the spread of their surroundings, the
 * rarer. So the search asks for no scale, and its cost is n log n whatever the data. One tree
 * leaves pairs out; some 16 different ones hardly any.
 */
#ifndef DIVA_NEIGHBOUR_FOREST_H
#define DIVA_NEIGHBOUR_FOREST_H

#include "host/core/core.h"

/** A pair of rows, first < second. */
struct diva_pair {
  int64_t first;
  int64_t second;
};

struct diva_pair_list {
  struct diva_pair *pairs; /**< owned: free() */
  int64_t count;
  int64_t size;
};

/** What the trees are grown over; everything borrowed. */
struct diva_forest {
  const float *sketches; /**< rows x DIVA_SKETCH_SIZE */
  const float *reach; /**< rows: how far from a row, squared, a candidate may be; 0: it has none */
  int64_t rows;
  int threads;
  uint64_t seed;
  const struct diva_progress *progress;
};

/**
 * Pairs of rows whose sketches are within the reach of both, ascending and without repetition. In a
 * crowd of rows all alike not every pair is there, but a chain from each to each.
 * @param out  zeroed; freed by the caller
 */
enum diva_status diva_forest_search(const struct diva_forest *forest, struct diva_pair_list *out,
                                    struct diva_error *error);

#endif
