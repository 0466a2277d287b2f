/**
 * @file match.h
 * Which row of one version is which of another. Internal.
 */
#ifndef DIVA_STATE_MATCH_H
#define DIVA_STATE_MATCH_H

#include "state_internal.h"

/** Zeroed: none. */
struct diva_row_match {
  int64_t *old_row;  /**< of each new row, -1: added (owned) */
  int64_t *removed;  /**< rows of the old version that are gone, ascending (owned) */
  int32_t *class_of; /**< number of each old class in the new version, -1: gone; NULL for targets
                          (owned) */
  int64_t added;
  int64_t removed_count;
  bool same_classes; /**< no class has another number, none is gone */
};

/** By ids, which the new state must have filled already; its hashes play no part.
 * @return DIVA_ERROR_INPUT where only one has ids or targets, or element types differ */
enum diva_status diva_row_match_make(const struct diva_state *old, const struct diva_state *now,
                                     struct diva_row_match *out, struct diva_error *error);

/** What became of a new row, enum diva_row_change put together; its hashes are known. */
unsigned diva_row_match_change(const struct diva_row_match *match, const struct diva_state *old,
                               const struct diva_state *now, int64_t row);

/** Frees what it holds; a zeroed one is fine. */
void diva_row_match_free(struct diva_row_match *match);

#endif
