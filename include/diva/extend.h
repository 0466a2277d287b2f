/**
 * @file extend.h
 * DIVA Extend: which rows of a pool a training set would gain by (Dukler et al., ICLR 2022,
 * section 3.4).
 *
 * The pool starts at weight 0. Each round solves the model, differentiates the loss by the weight
 * of every pool row, and takes the rows that lower it most; then the model is solved anew. Rows
 * whose given label the model, which has not seen them, finds implausible are passed over: a wrong
 * label lowers the core's loss by chance as often as not.
 *
 * The objective is the leave-one-out (LOO) loss of the core, and of the core alone: rows that come
 * in are trained on and not asked. With a target set it is the mean over the core's LOO and the
 * target's rows together. Lambda and kernel are chosen on the core, and held; the temperature is
 * fitted to the core's LOO scores each time. Columns are standardized over the weighted training
 * rows (DIVA_SCALE_STANDARDIZE), so that a column's scale follows the rows that come in.
 */
#ifndef DIVA_EXTEND_H
#define DIVA_EXTEND_H

#include <diva/analysis.h>
#include <diva/verify.h>

DIVA_BEGIN_DECLARATIONS

struct diva_extension;

struct diva_extend_options {
  int version;
  int64_t core_rows;   /**< the first rows of the dataset; the others are the pool */
  int64_t round_rows;  /**< taken in a round; 0: a twentieth of the pool, rounded up */
  int64_t budget;      /**< most rows taken in all; 0: no limit */
  int64_t rounds;      /**< most rounds; 0: no limit */
  double plausibility; /**< default 0.1: a row is passed over while its label is less likely than
                            this times the likeliest class's; 0: none is */
  bool fill;           /**< go on to the budget where the rule would stop: then plausible rows by
                            derivative, whatever its sign, and last the others, those whose label
                            the model contradicts least first */
  int picks;           /**< default 3: uniform picks of the same size that each round is held
                            against, their mean; 0: none */
};

DIVA_API void diva_extend_options_init(struct diva_extend_options *options);

/** Why no more rows were taken. */
enum diva_extend_stop {
  DIVA_EXTEND_NO_CANDIDATE, /**< no row of the pool is left that lowers the loss plausibly, or less
                                 than a tenth of what the largest round took */
  DIVA_EXTEND_NO_GAIN,      /**< the loss did not fall in a round, which was taken back */
  DIVA_EXTEND_BUDGET,
  DIVA_EXTEND_ROUNDS
};

/** "no candidate", "no gain", "budget", "rounds". */
DIVA_API const char *diva_extend_stop_name(enum diva_extend_stop stop);

/** What a training set does on each of the sets asked; rows = 0 where there is none. */
struct diva_extend_scores {
  struct diva_score core; /**< LOO */
  struct diva_score target;
  struct diva_score heldout;
};

/** One point of the curve. */
struct diva_extend_step {
  int64_t rows;       /**< of the pool, trained on */
  int64_t candidates; /**< that the rule leaves for the next round */
  double objective;
  struct diva_extend_scores scores;
  struct diva_extend_scores uniform; /**< of as many rows picked at random: mean of the picks; no
                                          rows where none were made */
  bool kept;                         /**< else the round was taken back */
  bool filling;                      /**< past the point where the rule would have stopped */
};

struct diva_extend_summary {
  struct diva_summary before; /**< of the core alone; loo is of the core, validation the held-out
                                   rows; strings borrowed */
  struct diva_summary after;  /**< the same, with the rows taken */
  const struct diva_extend_step *steps; /**< the core alone, then one a round; borrowed */
  int64_t step_count;
  enum diva_extend_stop stop;
  int64_t core_rows, pool_rows;
  int64_t unlabelled_rows; /**< of the pool */
  int64_t copies;          /**< rows of the pool in a group with a core row: never taken */
  int64_t selected_rows;
  int64_t assumed_rows; /**< of these, without a label of their own */
  int64_t round_rows;   /**< as used */
  double plausibility;
};

/** One value a row of the pool, borrowed. */
struct diva_extend_columns {
  int64_t rows;
  const uint8_t *selected;
  const int64_t *round;         /**< it was taken in, from 1; -1: not taken */
  const double *gain;           /**< minus the derivative when taken; else by the last model */
  const double *derivative;     /**< of the objective by the row's weight, in the last model */
  const int32_t *assumed_label; /**< that a row without one was trained on with, once taken: the
                                     class predicted then; else -1. NULL for targets */
  const int64_t *order;         /**< rows: those taken by round and gain, then the others by gain */
  const int64_t *taken;         /**< selected_rows, ascending */
};

/**
 * Extends a core by rows of a pool.
 *
 * A row of the pool is trained on with its given weight (else 1), and never where that is 0. Rows
 * without a label are ranked by the derivative they have on average over softmax(t F) as their
 * label, which is exact since the derivative is linear in it, and are trained on with the class
 * predicted when they are taken. In a uniform pick they have the class that the core predicts.
 *
 * @param dataset  core rows, then pool rows; read, not changed
 * @param target   labelled rows of what the model is for; NULL: the core stands for it
 * @param heldout  NULL: none; scored at every step, with no part in any choice
 * @param options  what is open of scale and kernel is chosen on the core. Groups (near-duplicates,
 *                 say) tell which rows of the pool are copies of core rows: these are never taken,
 *                 for they lower the LOO loss of their twins by giving the answer away.
 * Importances, weights, removal and the scores' sink are not used
 * @param out      owned by the caller: diva_extension_destroy()
 * @return DIVA_ERROR_USAGE for options out of range; the errors of diva_analysis_run()
 * Cost: a round is one analysis of all rows with the derivative (two with a target), and `picks`
 * without.
 */
DIVA_API enum diva_status diva_extend(struct diva_dataset *dataset, struct diva_dataset *target,
                                      struct diva_dataset *heldout,
                                      const struct diva_analysis_options *options,
                                      const struct diva_extend_options *extend,
                                      struct diva_extension **out, struct diva_error *error);

DIVA_API void diva_extension_summary(const struct diva_extension *extension,
                                     struct diva_extend_summary *out);

DIVA_API void diva_extension_columns(const struct diva_extension *extension,
                                     struct diva_extend_columns *out);

/**
 * diva_verify() of the core alone against the core and the rows taken.
 * @param dataset     as extended
 * @param validation  NULL: tested on the core by folds
 * @param options     trusted NULL: the core's rows
 */
DIVA_API enum diva_status diva_extend_verify(struct diva_dataset *dataset,
                                             struct diva_dataset *validation,
                                             const struct diva_extension *extension,
                                             const struct diva_verify_options *options,
                                             struct diva_verification *out,
                                             struct diva_error *error);

/** Frees; NULL is fine. */
DIVA_API void diva_extension_destroy(struct diva_extension *extension);

DIVA_END_DECLARATIONS

#endif
