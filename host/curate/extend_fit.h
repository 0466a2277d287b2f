/**
 * @file extend_fit.h
 * One solution on the way of an extension: the core and some rows of the pool trained on, and what
 * the objective and its derivative then are. Internal to host/curate.
 */
#ifndef DIVA_EXTEND_FIT_H
#define DIVA_EXTEND_FIT_H

#include <diva/extend.h>

/** What all solutions share. Rows are those of the dataset, then the held-out ones. */
struct diva_extend_problem {
  struct diva_dataset *dataset, *target, *heldout; /**< borrowed; the last two may be NULL */
  struct diva_dataset_info info;                   /**< of the dataset */
  int64_t core_rows, pool_rows;
  int64_t rows;         /**< with the held-out ones */
  int64_t core_count;   /**< core rows trained on */
  int64_t target_count; /**< labelled rows of the target */
  const double *given;  /**< weights of the dataset, borrowed; NULL: 1 */
  uint8_t *copies;      /**< pool_rows: in a group with a core row (owned); NULL: no
                             groups */
  int64_t copy_count;
  struct diva_analysis_options model; /**< as settled so far */
  double *importance;                 /**< rows: 1 in the core (owned) */
};

/** Freed by diva_extend_fit_free(); zeroed: none. */
struct diva_extend_fit {
  struct diva_analysis *analysis;
  struct diva_summary summary; /**< loo and validation as in struct diva_extend_summary */
  struct diva_extend_scores scores;
  double objective;
  double *derivative; /**< pool_rows; NULL: not wanted */
};

enum diva_status diva_extend_problem_make(struct diva_dataset *dataset, struct diva_dataset *target,
                                          struct diva_dataset *heldout,
                                          const struct diva_analysis_options *options,
                                          int64_t core_rows, struct diva_extend_problem *out,
                                          struct diva_error *error);

/** Chooses on the core what is open of the model, and checks that the held-out rows fit the
 * dataset.
 * @param weights  rows: of the core alone */
enum diva_status diva_extend_settle(struct diva_extend_problem *problem, const double *weights,
                                    struct diva_error *error);
void diva_extend_problem_free(struct diva_extend_problem *problem);

/** Weight of a row of the dataset where it is trained on; 0 of a copy of a core row. */
double diva_extend_weight(const struct diva_extend_problem *problem, int64_t row);

/**
 * Solves.
 * @param weights  rows; 0 of the held-out ones
 * @param labels   of the dataset, in place of its own; NULL for targets
 */
enum diva_status diva_extend_solve(const struct diva_extend_problem *problem, const double *weights,
                                   const int32_t *labels, bool differentiate,
                                   struct diva_extend_fit *out, struct diva_error *error);

/** What the first solution has settled holds for those that follow. */
void diva_extend_hold(struct diva_extend_problem *problem, const struct diva_summary *first);

void diva_extend_fit_free(struct diva_extend_fit *fit);

#endif
