/* Two versions compared row by row, for the public interface. */
#include "match.h"

#include "host/core/core.h"

#include <stdlib.h>

struct diva_state_comparison {
  struct diva_row_match match;
  struct diva_state_changes changes;
  uint8_t *change; /**< of each new row */
};

static void count_changes(struct diva_state_comparison *comparison, const struct diva_state *old,
                          const struct diva_state *now) {
  struct diva_state_changes *changes = &comparison->changes;
  for (int64_t i = 0; i < now->info.rows; i++) {
    const unsigned change = diva_row_match_change(&comparison->match, old, now, i);
    comparison->change[i] = (uint8_t)change;
    changes->added += (change & DIVA_ROW_ADDED) != 0;
    changes->changed_features += (change & DIVA_ROW_FEATURES) != 0;
    changes->relabelled += (change & DIVA_ROW_RELABELLED) != 0;
    changes->reweighted += (change & DIVA_ROW_REWEIGHTED) != 0;
  }
}

enum diva_status diva_state_compare(const struct diva_state *old_state,
                                    const struct diva_state *new_state,
                                    struct diva_state_comparison **out, struct diva_error *error) {
  struct diva_state_comparison *comparison = NULL;
  *out = NULL;
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof *comparison, "a comparison", (void **)&comparison, error);
  if (status == DIVA_OK) {
    status = diva_row_match_make(old_state, new_state, &comparison->match, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_allocate(new_state->info.rows, 1, "a comparison", (void **)&comparison->change, error);
  }
  if (status != DIVA_OK) {
    diva_state_comparison_destroy(comparison);
    return status;
  }
  comparison->changes = (struct diva_state_changes){
      .rows = new_state->info.rows,
      .old_row = comparison->match.old_row,
      .change = comparison->change,
      .removed = comparison->match.removed_count,
      .removed_row = comparison->match.removed,
      .class_of = comparison->match.class_of,
  };
  count_changes(comparison, old_state, new_state);
  *out = comparison;
  return DIVA_OK;
}

void diva_state_changes(const struct diva_state_comparison *comparison,
                        struct diva_state_changes *out) {
  *out = comparison->changes;
}

void diva_state_comparison_destroy(struct diva_state_comparison *comparison) {
  if (comparison) {
    diva_row_match_free(&comparison->match);
    free(comparison->change);
    free(comparison);
  }
}
