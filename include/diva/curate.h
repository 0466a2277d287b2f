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

/** Weights for the last look at the labels (host/curate/refit.h). */
enum diva_refit {
  DIVA_REFIT_AUTO, /**< the one of the others that finds planted wrong labels best */
  DIVA_REFIT_NONE,
  DIVA_REFIT_TRIM,     /**< suspects left out */
  DIVA_REFIT_REWEIGHT, /**< steps of exponentiated gradient on the LOO cross-entropy */
  DIVA_REFIT_BOTH      /**< those, and the surest suspects left out */
};

/** "auto", "none", "trim", "reweight", "both". */
DIVA_API const char *diva_refit_name(enum diva_refit refit);

struct diva_clean_options {
  int version;
  /** How many to flag, the likeliest first: at most one of these two is set; else as many as give
   * the highest expected F1. */
  int64_t count;    /**< this many; -1: not set */
  double precision; /**< as many as keep the expected share of truly wrong ones at least at this,
                         in (0, 1); NaN: not set */
  enum diva_refit refit;
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
  const uint8_t *is_label_issue;   /**< this and the next five: NULL from diva_prune() */
  const double *issue_probability; /**< P(label wrong), calibrated; NaN for unlabelled rows, as the
                                        next two */
  const double *label_quality;     /**< 1 - issue_probability */
  const double *suggested_probability; /**< P(class = suggested_label) */
  const int32_t *suggested_label;      /**< likeliest class if the given label is wrong; -1 for
                                            unlabelled rows */
  const uint8_t *action;               /**< enum diva_action */
  const uint8_t *keep;
  const int64_t *kept; /**< indices of the kept rows, ascending */
  int64_t kept_rows;
  int64_t dropped_rows;
  int64_t classes_emptied; /**< classes that had training rows and keep none */
};

/** One of those whose word on the labels was pooled (host/curate/opinion_pool.h). */
struct diva_opinion {
  const char *name;   /**< "model", "nearest neighbours", ...; static */
  double error;       /**< share of the labels it mistakes, left out */
  double temperature; /**< t of its softmax(t F) */
  double weight;      /**< in the pool; all add up to 1 */
};

enum { DIVA_OPINIONS = 3 }; /**< at most */

/** What diva_clean() found out about the labels as a whole. */
struct diva_noise_summary {
  int64_t rows;      /**< labelled, of positive weight: what all of this is about */
  double rate;       /**< estimated share of wrong labels */
  double confusable; /**< share of them that keeps to classes that look alike, 0..1 */
  int64_t flagged;
  double expected_precision; /**< share of the flagged rows that is truly wrong; NaN: none is
                                  flagged */
  double expected_recall;    /**< share of the wrong labels that is flagged; NaN: none is wrong */
  enum diva_refit refit;     /**< as used, never AUTO */
  int64_t planted;           /**< labels flipped to see what the scores tell; 0: too few rows */
  double planted_precision;  /**< average precision on them; NaN without */
  double planted_auroc;      /**< area under the ROC curve on them; NaN without */
  bool features_tell;        /**< false: planted wrong labels are hardly found */
  int opinion_count;         /**< 0: the model alone judged */
  struct diva_opinion opinions[DIVA_OPINIONS];
  int64_t classes;
  const double *transition; /**< classes x classes, borrowed: P(given label = column | class = row),
                                 estimated; a class without rows keeps its labels */
};

/**
 * Finds wrong labels.
 *
 * The model is chosen on a seeded sample of the rows by its LOO loss, where the options leave it
 * open (diva_model_choose()), with the largest lambda that is as good as the best. A model of label
 * noise is fitted to the LOO scores (host/curate/label_noise.h); wrong labels like those it
 * expects are planted in the sample, and what finds them best - plain scores, scores without the
 * suspects, reweighted ones, or both - judges the whole set. Where scale and kernel were left open,
 * a smoother model and the nearest neighbours are asked too, and their scores pooled with the
 * model's (host/curate/opinions.h). Probabilities are calibrated to
 * the noise model (host/curate/issue_probability.h).
 *
 * Unless asked for a number, nothing is flagged where the features cannot tell (planted labels are
 * not found, or with too few rows to plant any the LOO error is near chance), and no class loses
 * its last row. Rows of weight 0 are judged, never flagged. Flagged rows are dropped (`keep` 0).
 * `action` is relabel for flagged rows whose suggestion is near certain (probability 0.9), drop for
 * other flagged rows that are likelier wrong than right, review for the flagged rows left and for
 * kept rows from a probability of 0.25 on.
 *
 * @param validation  NULL, or the set whose loss is differentiated
 * @param options     of the analysis; scale, kernel and bandwidth may be open
 * @param analysis    the last analysis, with the weights it was judged by; owned by the caller
 * @param decision    owned by the caller: diva_decision_destroy()
 * @return DIVA_ERROR_USAGE for a dataset of targets (there is no label to be wrong), or options out
 *         of range; the errors of diva_analysis_run()
 * Cost: about twenty analyses of at most 10,240 rows with 1,024 Fourier features, one of the whole
 * set, where the refit is reweight four of the whole set with the derivative, and for the other
 * opinions one of the whole set and 20,480 n d flops. 12 n k bytes.
 */
DIVA_API enum diva_status diva_clean(struct diva_dataset *train, struct diva_dataset *validation,
                                     const struct diva_analysis_options *options,
                                     const struct diva_clean_options *clean,
                                     struct diva_analysis **analysis,
                                     struct diva_decision **decision, struct diva_error *error);

/** What diva_clean() found out; zeros and NaN from diva_prune(). */
DIVA_API void diva_decision_noise(const struct diva_decision *decision,
                                  struct diva_noise_summary *out);

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
