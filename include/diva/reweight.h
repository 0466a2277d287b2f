/**
 * @file reweight.h
 * Weights of the training rows that make the model predict better: found by the dataset derivative,
 * and kept only where rows that had no part in finding them are predicted better, too.
 *
 * Objective: the leave-one-out (LOO) loss L, each row counted by its importance (options->
 * importance), or with labelled target rows (1 - s) L + s M, M the mean loss on them,
 * s = m / (m + n_eff), m their number and n_eff = (sum v)^2 / sum v^2 of the importances.
 *
 * From a start (all alike; class balance; weights that the caller gives) exponentiated-gradient
 * steps a <- a exp(-clip(eta g / mean |g|, -1, 1)) lower it, g the derivative in each weight. The
 * weights keep mean 1 and stay within bounds, and a step is halved until the objective falls. How
 * many steps, and from which start, is chosen by cross-fitting: the path is found without a fold of
 * the rows, and the fold predicted; a cross-entropy is judged at the temperature that suits all
 * held-out scores best. The best choice must beat the base (the given weights, else all alike) by
 * one standard error of the paired differences; else the base is the answer.
 */
#ifndef DIVA_REWEIGHT_H
#define DIVA_REWEIGHT_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

struct diva_reweighting;

enum diva_reweight_start {
  DIVA_REWEIGHT_UNIFORM, /**< all rows alike */
  DIVA_REWEIGHT_BALANCE, /**< inverse class frequency */
  DIVA_REWEIGHT_GIVEN    /**< the caller's weights, or the dataset's */
};
enum { DIVA_REWEIGHT_STARTS = 3 };

/** "uniform", "balance", "given". */
DIVA_API const char *diva_reweight_start_name(enum diva_reweight_start start);

struct diva_reweight_options {
  int version;
  int steps;              /**< this many from the base; -1: chosen by cross-fitting */
  int most_steps;         /**< default 24 */
  int folds;              /**< 0: 5 below 2,000 rows, else 3 */
  double step_size;       /**< eta; 0: 0.06, with groups that share a weight 0.2 */
  double minimum_weight;  /**< in (0, 1), default 0.001 */
  double maximum_weight;  /**< above 1, default 30 */
  double least_effective; /**< a step may not bring (sum a)^2 / sum a^2 below this share of what it
                               is at the start; in [0, 1); -1: 0.7, with groups 0.1 */
  int64_t sample_rows;    /**< most rows to cross-fit on, held in memory; default 16,384 */
  /** Group of each row, >= -1, borrowed: rows of one group keep one factor on their starting
   * weights, those of -1 are one more group. Class balance is then a start only where it is the
   * same for all rows of each group. NULL: each row has its own. */
  const int32_t *by;
  const uint8_t *guard; /**< rows, borrowed: no step may raise the mean LOO loss of those that are
                             not 0, nor a start be worse for them than the base; NULL: none */
  const double *target_importance; /**< how much each target row counts; NULL: all alike */
};

DIVA_API void diva_reweight_options_init(struct diva_reweight_options *options);

/** Mean loss and share misclassified of rows that were held out; NaN where it was not found out
 * (error: for targets). */
struct diva_reweight_figures {
  double loss;
  double error;
};

/** Rows of one weight, and their share of the sum of all weights. */
struct diva_reweight_group {
  int64_t rows; /**< training rows */
  double before, after;
};

/** What was chosen and why. Arrays are borrowed from the result. */
struct diva_reweight_summary {
  struct diva_summary before, after; /**< solved with the base and with the chosen weights, at one
                                          lambda; validation: on the target */
  enum diva_reweight_start base;
  enum diva_reweight_start start; /**< of the weights chosen */
  int steps;                      /**< from there */
  bool base_is_best;              /**< nothing was better by enough */

  int64_t cut_rows;        /**< whose given weight, scaled to mean 1, was cut at a bound */
  int folds;               /**< 0: not cross-fitted */
  int64_t cross_fit_rows;  /**< training rows cross-fitted on */
  bool balance_is_allowed; /**< as a start */
  struct diva_reweight_figures plain[DIVA_REWEIGHT_STARTS]; /**< held out, of each start as it is */
  /** The least held-out loss over starts and steps; it is the choice unless base_is_best. */
  enum diva_reweight_start best_start;
  int best_steps;
  struct diva_reweight_figures best;
  double gain, gain_error; /**< held-out loss of the base less that of the best; standard error */

  const double *objective; /**< steps + 1: after each step of the path to the chosen weights */
  double target_share;     /**< s */
  double objective_before; /**< of the base */
  double objective_after;  /**< of the weights chosen */
  double guard_before;     /**< mean LOO loss of the guarded rows, of the base; NaN: none */
  double guard_after;
  int64_t guard_rows;
  double effective_rows;                    /**< (sum a)^2 / sum a^2 */
  double smallest, largest;                 /**< weight of a training row */
  const struct diva_reweight_group *groups; /**< by code, the rows of -1 last; NULL: no groups */
  int64_t group_count;                      /**< entries of groups, that of -1 included */
};

/** One value a row of the training set, borrowed. */
struct diva_reweight_columns {
  int64_t rows;
  const double *weight;        /**< mean 1 over the training rows, 0 elsewhere */
  const double *weight_before; /**< of the base, likewise */
  const double *derivative;    /**< of the objective, at the weights chosen; NaN elsewhere */
};

/**
 * Finds weights.
 *
 * @param train    read, not changed. Rows without a label or of given weight 0 are no training rows
 * @param target   NULL: none; else labelled rows of what the model is for, at least as many as
 *                 folds; same columns, outputs and kind of labels
 * @param analysis loss: the objective's, cross-entropy with its temperature fitted is what is
 *                 advised for class labels; scale and kernel settled (diva_model_choose());
 *                 lambda 0: the least LOO error with all rows alike, held from then on.
 *                 importance: how much each row counts in the objective; weights: a start, taken
 *                 as the base (NULL: the dataset's, if any); groups: rows that are left out
 *                 together and kept in one fold
 * @param out      owned by the caller: diva_reweighting_destroy()
 * @return DIVA_ERROR_USAGE for options out of range; DIVA_ERROR_INPUT for fewer rows than folds;
 *         else the errors of diva_analysis_run()
 * The same bytes for the same input, seed and number of threads.
 * Cost: at most (starts x folds + 1) x (most_steps + 1) analyses with the derivative, of at most
 * sample_rows rows but for the last path, which is found on all; with a target twice as many.
 * Memory: the sampled rows, some 200 bytes a row.
 */
DIVA_API enum diva_status diva_reweight(struct diva_dataset *train, struct diva_dataset *target,
                                        const struct diva_analysis_options *analysis,
                                        const struct diva_reweight_options *options,
                                        struct diva_reweighting **out, struct diva_error *error);

DIVA_API void diva_reweighting_summary(const struct diva_reweighting *reweighting,
                                       struct diva_reweight_summary *out);

DIVA_API void diva_reweighting_columns(const struct diva_reweighting *reweighting,
                                       struct diva_reweight_columns *out);

/** Frees; NULL is fine. */
DIVA_API void diva_reweighting_destroy(struct diva_reweighting *reweighting);

/**
 * Draws rows in proportion to their weights for samplers that cannot: systematic resampling, so
 * that each row comes floor or ceiling of draws x weight / sum times, then a shuffle.
 * @param weights  rows, finite and >= 0, not all 0
 * @param indices  draws, written, owned by the caller
 * @return DIVA_ERROR_USAGE for weights out of range
 */
DIVA_API enum diva_status diva_weights_draw(const double *weights, int64_t rows, int64_t draws,
                                            uint64_t seed, int64_t *indices,
                                            struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
