/**
 * @file extend_result.h
 * What an extension consists of, while it grows and once it is done. Internal to host/curate.
 */
#ifndef DIVA_EXTEND_RESULT_H
#define DIVA_EXTEND_RESULT_H

#include "extend_fit.h"

struct diva_extension {
  struct diva_extend_summary summary;
  struct diva_extend_columns columns; /**< views of the arrays below */
  struct diva_extend_fit last;        /**< with the rows taken (owned) */
  struct diva_analysis *core;         /**< of the core alone, which may be that of `last` (owned) */
  double *weights; /**< of all rows, held-out ones included (owned, as the rest) */
  int32_t *labels; /**< of the dataset, with those assumed; NULL for targets */
  uint8_t *selected;
  int64_t *round;
  double *gain;
  int32_t *assumed;
  int64_t *order;
  int64_t *taken;
  struct diva_extend_step *steps;
  int64_t step_count, step_capacity;
};

/** An extension by nothing yet: the core at its weights, the pool at 0. */
enum diva_status diva_extension_create(const struct diva_extend_problem *problem,
                                       struct diva_extension **out, struct diva_error *error);

/** Puts a solution in the place of the last, and takes it over. The first one is the core's. */
void diva_extension_advance(struct diva_extension *extension, struct diva_extend_fit *fit);

/** Adds a step, to be filled. NULL without memory. */
struct diva_extend_step *diva_extension_add_step(struct diva_extension *extension,
                                                 struct diva_error *error);

/** Fills summary and columns once no more rows are taken. */
enum diva_status diva_extension_finish(struct diva_extension *extension,
                                       const struct diva_extend_problem *problem,
                                       struct diva_error *error);

#endif
