/**
 * @file groups.h
 * Which rows are left out together: the groups of an analysis, as lists of rows. Internal.
 */
#ifndef DIVA_GROUPS_H
#define DIVA_GROUPS_H

#include <diva/error.h>

/** Groups of two rows or more of which at least one is trained on; every other row is left out
 * alone. Zeroed: none. */
struct diva_groups {
  int64_t count;
  int64_t largest;   /**< rows of the largest */
  int64_t row_count; /**< of all groups */
  int64_t *start;    /**< count + 1 places in `rows` (owned) */
  int64_t *rows;     /**< group after group, by first row; ascending in each (owned) */
  int64_t *place;    /**< of each dataset row in `rows`, -1: in no group (owned) */
};

/**
 * Groups from one code a row, -1 for rows alone.
 * @param codes   rows, or NULL: no groups
 * @param weight  alpha of each row, 0 for rows not trained on
 * @return DIVA_ERROR_USAGE for a code below -1, or a group that holds every row trained on: without
 *         it there is no model
 */
enum diva_status diva_groups_build(const int32_t *codes, const double *weight, int64_t rows,
                                   struct diva_groups *out, struct diva_error *error);

/** The group that a place in `rows` belongs to. */
int64_t diva_groups_find(const struct diva_groups *groups, int64_t place);

/** Frees what it holds; a zeroed struct is fine. */
void diva_groups_free(struct diva_groups *groups);

#endif
