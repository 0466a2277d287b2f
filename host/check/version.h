/**
 * @file version.h
 * One version of a dataset as the rules see it, and which of its rows, classes and groups are which
 * in the baseline. Internal.
 */
#ifndef DIVA_CHECK_VERSION_H
#define DIVA_CHECK_VERSION_H

#include "content.h"

#include <diva/state.h>

/** The version that is checked, or the baseline. */
struct diva_check_version {
  struct diva_dataset *dataset;   /**< borrowed; NULL: a saved state */
  const struct diva_state *state; /**< borrowed; NULL: a dataset */
  int64_t rows, columns, outputs;
  bool has_targets, has_ids;
  const int32_t *labels; /**< rows, borrowed; NULL for targets */
  const int32_t *groups; /**< rows, borrowed; NULL: none */
  int64_t group_count;
  const double *weights;       /**< rows, borrowed; NULL: all are 1 */
  int32_t *classes;            /**< rows: `labels` in the numbering of both versions (owned) */
  int32_t *groups_both;        /**< rows: `groups` likewise (owned) */
  struct diva_content content; /**< zeroed until it is read; a state's stays so */
};

/** Everything but the content. Close whatever came of this. */
void diva_check_version_open(struct diva_dataset *dataset, struct diva_check_version *out);

/** A baseline of which only a state was saved: everything but features. */
void diva_check_version_saved(const struct diva_state *state, struct diva_check_version *out);
void diva_check_version_close(struct diva_check_version *version);

/** Id of a row; borrowed from version or scratch. */
const char *diva_check_id(const struct diva_check_version *version, int64_t row,
                          char scratch[DIVA_ID_SCRATCH_SIZE]);

/** How the two versions go together; arrays owned. Without a baseline every row is added. */
struct diva_check_match {
  int64_t *before_of; /**< rows of this version: row of the baseline, -1: added */
  int64_t *after_of;  /**< rows of the baseline: row of this version, -1: removed */
  bool by_id;         /**< else by row number */
  int64_t added, removed, kept;
  int64_t changed;     /**< kept rows of other features */
  int64_t class_count; /**< in the numbering of both: those of this version, then those that only
                            the baseline has */
  int64_t group_count; /**< likewise */
  int64_t target_class_count; /**< those, then classes that only the target has; 0: no target */
  int32_t *class_of;          /**< of each class of the baseline, its number in both */
  int32_t *group_of;          /**< likewise */
};

/** Matches rows by id (by number where either has no ids), classes by name (by number where either
 * has no names), groups by name, and fills `classes` and `groups_both`. Cost: O(rows + names). */
enum diva_status diva_check_match(struct diva_check_version *after,
                                  struct diva_check_version *before, /**< NULL: no baseline */
                                  struct diva_check_match *out, struct diva_error *error);

/** Fills `classes` of a target by the same rules: a class that neither version has gets a number of
 * its own, `class_count` or above. Cost: O(rows + names). */
enum diva_status diva_check_match_target(const struct diva_check_version *after,
                                         const struct diva_check_version *before,
                                         struct diva_check_version *target,
                                         struct diva_check_match *match, struct diva_error *error);
void diva_check_match_free(struct diva_check_match *match);

/** Whether a row of this version is in the baseline with the same features; the content of both is
 * read, or one is a state. */
bool diva_check_is_same(const struct diva_check_version *after,
                        const struct diva_check_version *before,
                        const struct diva_check_match *match, int64_t row);

/** Name of a class or group in the numbering of both versions; its number written to scratch where
 * it has no name. */
const char *diva_check_class_name(const struct diva_check_version *after,
                                  const struct diva_check_version *before,
                                  const struct diva_check_match *match, int64_t number,
                                  char scratch[DIVA_ID_SCRATCH_SIZE]);
const char *diva_check_group_name(const struct diva_check_version *after,
                                  const struct diva_check_version *before,
                                  const struct diva_check_match *match, int64_t number);

#endif
