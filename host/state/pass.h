/**
 * @file pass.h
 * What a pass over a dataset does for a state: hashes of rows, their terms, all sums. Internal.
 */
#ifndef DIVA_STATE_PASS_H
#define DIVA_STATE_PASS_H

#include "accumulate.h"
#include "host/dataset/prefetch.h"
#include "state_internal.h"

/** Hashes of features, targets and base outputs of a tile, into the columns of the state. */
void diva_pass_hash(struct diva_state *state, const struct diva_prefetch_tile *tile, int threads);

/** Hash of targets and base outputs of a row, each NULL where there are none. */
uint64_t diva_pass_target_hash(const double *targets, const double *base, int64_t outputs);

/** One row's targets. */
struct diva_row_target {
  int32_t label;         /**< read where `targets` is NULL; -1: none, and no term */
  const double *targets; /**< outputs; NULL for labels */
  const double *base;    /**< outputs; NULL for none */
};

/**
 * Adds factor * (target - base) to `y`.
 * @param output_of  the place in `y` of each output, -1: none; NULL: its own
 */
void diva_pass_add_term(const struct diva_row_target *target, double factor, int64_t outputs,
                        const int32_t *output_of, double *y);

/** The target of a row of a tile. */
struct diva_row_target diva_pass_target(const struct diva_state *state,
                                        const struct diva_prefetch_tile *tile, int64_t at);

/**
 * All hashes and sums of a state whose rows are filled, in one pass.
 * @param options  settled
 * @param work     seconds are added to
 */
enum diva_status diva_pass_run(struct diva_state *state, struct diva_dataset *dataset,
                               const struct diva_analysis_options *options,
                               struct diva_state_work *work, struct diva_error *error);

/** s: sum of alpha. */
double diva_pass_weight(const struct diva_state *state);

#endif
