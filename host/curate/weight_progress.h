/**
 * @file weight_progress.h
 * How far a search that solves hundreds of times has come, in place of how far each solution has.
 * Internal.
 */
#ifndef DIVA_WEIGHT_PROGRESS_H
#define DIVA_WEIGHT_PROGRESS_H

#include <diva/progress.h>

struct diva_weight_progress {
  const struct diva_progress *outer; /**< borrowed */
  int64_t done;                      /**< solutions */
  int64_t most;                      /**< that there can be */
};

/** For the options of an analysis: tells `outer` of the search instead, and hands on its answer. */
struct diva_progress diva_weight_progress_of(struct diva_weight_progress *progress);

#endif
