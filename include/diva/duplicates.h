/**
 * @file duplicates.h
 * Near-duplicate rows: copies of each other, which must not vouch for each other.
 *
 * Rows are compared by direction: two rows x and y are as far apart as |x/|x| - y/|y||, which is
 * sqrt(2 - 2 cosine). Copies of copies are one group.
 */
#ifndef DIVA_DUPLICATES_H
#define DIVA_DUPLICATES_H

#include <diva/dataset.h>

DIVA_BEGIN_DECLARATIONS

struct diva_duplicates_options {
  int version;
  double threshold;    /**< rows of this cosine or more are near-duplicates, in (0, 1]; NaN: chosen
                            from the data, row by row */
  const char *backend; /**< NULL or "auto": the best that is ready; else by name */
  int threads;         /**< 0: one a core */
  int64_t memory;      /**< bytes the search may use; 0: what the machine has */
  uint64_t seed;       /**< of projections, trees and the sample */
  struct diva_progress progress;
};

DIVA_API void diva_duplicates_options_init(struct diva_duplicates_options *options);

struct diva_duplicates;

/** What was found; arrays are borrowed from the struct diva_duplicates. */
struct diva_duplicates_columns {
  int64_t rows;
  const int32_t *group; /**< rows: 0 .. groups - 1 by first row, -1 for a row that is alone: as
                             diva_analysis_options.groups takes it */
  const int64_t *first; /**< rows: the first row of its group, -1 for a row that is alone */
  int64_t groups;
  int64_t grouped_rows;
  int64_t conflicts;       /**< groups that carry two different labels or more */
  int64_t pair_count;      /**< pairs of rows with different labels: the first labelled row of a
                                group, and each other row of it whose label differs */
  const int64_t *pairs;    /**< pair_count x 2 dataset rows, ascending */
  double largest_distance; /**< between two rows that were taken for near-duplicates */
};

/**
 * Finds them. Each row is projected on 64 random directions; trees that split rows at medians of
 * projections bring candidates together, and every pair is verified on the rows themselves.
 *
 * Without a threshold, two rows are near-duplicates if they are nearer than both are to a typical
 * neighbour, by a factor of 0.2 or so much less that chance would give less than one such pair in
 * the whole set: chance is known from the distances within a seeded sample, and their growth with
 * the order of the neighbour (the intrinsic dimension, Facco et al. 2017). Rows of zeros are alone.
 *
 * Recall: above 0.99 for pairs at half the distance that separates or nearer.
 * @param dataset  read, not changed
 * @param out      owned by the caller: diva_duplicates_destroy()
 * @return DIVA_ERROR_USAGE for the threshold; DIVA_ERROR_INPUT for NaN or infinity, with row and
 *         column; DIVA_ERROR_RESOURCE for memory; DIVA_ERROR_CANCELLED
 * Cost: one pass over the features and a second reading of the candidates; 128 n d + O(n log n)
 * flops; 300 n bytes.
 */
DIVA_API enum diva_status diva_duplicates_find(struct diva_dataset *dataset,
                                               const struct diva_duplicates_options *options,
                                               struct diva_duplicates **out,
                                               struct diva_error *error);

DIVA_API void diva_duplicates_columns(const struct diva_duplicates *duplicates,
                                      struct diva_duplicates_columns *out);

/** Frees; NULL is fine. */
DIVA_API void diva_duplicates_destroy(struct diva_duplicates *duplicates);

/**
 * Groups that join rows which either of two groupings joins, directly or through other rows.
 * @param a, b  rows codes each, -1 for alone; either may be NULL
 * @param out   rows codes, 0 .. by first row, -1 for alone; owned by the caller; may be a or b
 */
DIVA_API enum diva_status diva_groups_merge(const int32_t *a, const int32_t *b, int64_t rows,
                                            int32_t *out, struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
