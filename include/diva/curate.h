/**
 * @file curate.h
 * Decisions on rows, taken from the columns of an analysis: order, label issues, pruning.
 */
#ifndef DIVA_CURATE_H
#define DIVA_CURATE_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

/**
 * Rows sorted by a key, worst first: `descending` puts large keys first, NaN keys come last, ties
 * keep the row order.
 * @param order  rows, written, owned by the caller
 */
DIVA_API enum diva_status diva_order_rows(const double *key, int64_t rows, bool descending,
                                          int64_t *order, struct diva_error *error);

/** What to do with a row. */
enum diva_action { DIVA_ACTION_KEEP, DIVA_ACTION_RELABEL, DIVA_ACTION_DROP, DIVA_ACTION_REVIEW };

/** "keep", "relabel", "drop", "review": indexed by enum diva_action, DIVA_ACTIONS of them. */
enum { DIVA_ACTIONS = 4 };
DIVA_API const char *const *diva_action_names(void);

struct diva_decision;

struct diva_clean_options {
  int version;
  int64_t count; /**< flag this many rows, the worst by label_quality; -1: decide by the scores */
};

DIVA_API void diva_clean_options_init(struct diva_clean_options *options);

struct diva_prune_options {
  int version;
  /** Exactly one rule: the first that is set, in this order. */
  double threshold; /**< drop rows whose derivative is above it; NaN: not set */
  int64_t count;    /**< drop this many, the largest derivatives; -1: not set */
  double fraction;  /**< drop this share of the training rows, in [0, 1); NaN: not set */
};

DIVA_API void diva_prune_options_init(struct diva_prune_options *options);

/** Decided columns, one value a row, borrowed from the decision. */
struct diva_decision_columns {
  int64_t rows;
  const uint8_t *is_label_issue;   /**< NULL from diva_prune() */
  const double *issue_probability; /**< NULL from diva_prune(); NaN for unlabelled rows */
  const uint8_t *action;           /**< enum diva_action; NULL from diva_prune() */
  const uint8_t *keep;
  const int64_t *kept; /**< indices of the kept rows, ascending */
  int64_t kept_rows;
  int64_t dropped_rows;
  double noise_rate;       /**< estimated share of wrong labels; NaN from diva_prune() */
  int64_t classes_emptied; /**< classes that had training rows and keep none */
};

/**
 * Decides which given labels are wrong: those that are more likely wrong than right, where the
 * probability follows from the LOO margins alone. A confused row looks like a right row of another
 * class from behind, so the share of positive margins among the largest ones estimates the noise
 * rate, and the balance of signs at each size the probability (host/curate/margin_symmetry.h).
 * Flagged rows are dropped (`keep` 0). `action` is relabel where the suggestion is near certain
 * (probability 0.9), drop for the other flagged rows, review for kept ones from 0.25 on.
 * @return DIVA_ERROR_USAGE for a dataset of targets (there is no label to be wrong)
 */
DIVA_API enum diva_status diva_clean(const struct diva_dataset *dataset,
                                     const struct diva_analysis *analysis,
                                     const struct diva_clean_options *options,
                                     struct diva_decision **out, struct diva_error *error);

/**
 * Decides which rows to drop because weighting them up raises the error. Unlabelled rows are kept.
 * @param analysis  run with `derivative`
 * @return DIVA_ERROR_USAGE for a rule out of range, or a threshold that keeps fewer than 2 training
 *         rows
 */
DIVA_API enum diva_status diva_prune(const struct diva_dataset *dataset,
                                     const struct diva_analysis *analysis,
                                     const struct diva_prune_options *options,
                                     struct diva_decision **out, struct diva_error *error);

DIVA_API void diva_decision_columns(const struct diva_decision *decision,
                                    struct diva_decision_columns *out);

/** Frees; NULL is fine. */
DIVA_API void diva_decision_destroy(struct diva_decision *decision);

DIVA_END_DECLARATIONS

#endif
