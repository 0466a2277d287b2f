/**
 * @file state_internal.h
 * What a state is made of.
 */
#ifndef DIVA_STATE_INTERNAL_H
#define DIVA_STATE_INTERNAL_H

#include <diva/state.h>

#include "host/dataset/string_table.h"
#include "sums.h"

struct diva_state {
  struct diva_state_info info; /**< its strings point to the members below */
  struct diva_sums sums;

  /* One value a row, owned; see struct diva_state_rows. */
  int32_t *label;
  double *weight;
  int32_t *group;
  uint64_t *hash;
  uint64_t *target_hash;
  double *loo_loss;
  int32_t *suggested_label;

  struct diva_string_table ids; /**< empty: none */
  struct diva_string_table class_names;
  struct diva_string_table group_names;
  struct diva_string_index id_index;

  struct diva_state_part *classes; /**< outputs; NULL for targets */
  struct diva_state_part *groups;
  char *factor; /* of the groups; NULL: none, or unknown */
  char *path;
  char *provenance;
  char checksum[DIVA_SHA256_SIZE];
};

/** An empty state. Owned by the caller: diva_state_destroy(). */
enum diva_status diva_state_allocate(struct diva_state **out, struct diva_error *error);

/** Takes the columns that a state of `info` has, zeroed, but those of the scores. */
enum diva_status diva_state_allocate_rows(struct diva_state *state, struct diva_error *error);

/** Keeps a copy of the name of what the groups are of; NULL: unknown. Once. */
enum diva_status diva_state_set_factor(struct diva_state *state, const char *factor,
                                       struct diva_error *error);

/** Takes the columns of the scores, zeroed. */
enum diva_status diva_state_allocate_scores(struct diva_state *state, struct diva_error *error);

/** Counts rows, classes, groups and scores, and makes ids findable: once all columns are filled,
 * and again when scores came. */
enum diva_status diva_state_finish(struct diva_state *state, struct diva_error *error);

/** Everything of the rows of a dataset but their hashes and sums, for a model's options. */
enum diva_status diva_state_fill_rows(struct diva_state *state, const struct diva_dataset *dataset,
                                      const struct diva_analysis_options *options,
                                      struct diva_error *error);

/** Copies strings of `from` behind those of a table with room for them. */
enum diva_status diva_state_append_strings(struct diva_string_table *to,
                                           const struct diva_string_table *from,
                                           struct diva_error *error);

/** Refuses models that no state serves, and settles what plays no part in sums. */
enum diva_status diva_state_check_model(const struct diva_analysis_options *options,
                                        struct diva_analysis_options *settled,
                                        struct diva_error *error);

/** Whether sums of features scaled so serve that scale. */
bool diva_state_scales_agree(enum diva_scale a, enum diva_scale b);

#endif
