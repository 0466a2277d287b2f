/**
 * @file analysis.h
 * The closed forms of DIVA over one dataset: leave-one-out predictions and the dataset derivative.
 *
 * Model: ridge regression of the targets on the (scaled) features, with an intercept that is not
 * penalised; each row i has a weight alpha_i. W = C Z' diag(alpha) Y with
 * C = (Z' diag(alpha) Z + lambda I)^-1 (Dukler et al., ICLR 2022, eq. 6-7). Leave-one-out (LOO)
 * predictions follow without retraining (prop. 3), and with them the derivative of the mean LOO
 * loss, or of the mean loss on a validation set (prop. 2), with respect to every alpha_i.
 */
#ifndef DIVA_ANALYSIS_H
#define DIVA_ANALYSIS_H

#include <diva/dataset.h>
#include <diva/progress.h>

DIVA_BEGIN_DECLARATIONS

struct diva_analysis;
struct diva_state;

enum diva_loss {
  DIVA_LOSS_SQUARED,      /**< ||F - y||^2, summed over outputs */
  DIVA_LOSS_CROSS_ENTROPY /**< -sum_c y_c log softmax(t F)_c at temperature parameter t */
};

/** What is done to the features before the model sees them; fixed while differentiating. */
enum diva_scale {
  DIVA_SCALE_NONE,
  DIVA_SCALE_L2,          /**< each row divided by its Euclidean norm (a zero row stays zero) */
  DIVA_SCALE_STANDARDIZE, /**< each column to mean 0, standard deviation 1 over the weighted
                             training rows (a constant column becomes 0 and is counted) */
  DIVA_SCALE_AUTO /**< standardize or l2: diva_model_choose() says which; no analysis takes it */
};

enum diva_precision {
  DIVA_PRECISION_AUTO, /**< float64 for float64 features or an ill-conditioned system, else float32
                            tiles with float64 sums */
  DIVA_PRECISION_FLOAT32,
  DIVA_PRECISION_FLOAT64
};

/** What the (scaled) features x are compared by. */
enum diva_kernel {
  DIVA_KERNEL_LINEAR, /**< x . x' */
  DIVA_KERNEL_RBF,    /**< x . x' / mean |x|^2 + exp(-|x - x'|^2 / (2 sigma^2)), x less its mean
                              where there is an intercept; the exponential by rbf_features random
                              Fourier features (Rahimi and Recht, NIPS 2007). Primal solver only */
  DIVA_KERNEL_AUTO    /**< linear or RBF: diva_model_choose() says which; no analysis takes it */
};

/** The bandwidth that is usually right, as a multiple of the median distance. */
#define DIVA_RBF_BANDWIDTH 0.7

enum diva_solver {
  DIVA_SOLVER_AUTO,   /**< dual where there are fewer training rows than columns, or hardly more
                           and leverages so near 1 that the primal loses its digits */
  DIVA_SOLVER_PRIMAL, /**< columns x columns system, streaming */
  DIVA_SOLVER_DUAL    /**< rows x rows system; accurate down to tiny lambda */
};

/**
 * Takes the scores F of a tile of rows, before the run ends: LOO predictions of the rows trained
 * on (without their group where there are groups), plain predictions, out of sample as they are, of
 * the pool and of rows without a label; base outputs included. softmax(t F) with the temperature of
 * the summary are the probabilities that label_quality is taken from.
 *
 * Tiles come in ascending order from row 0 without a gap. A run that turns to float64 or to the
 * dual on its way starts again: first_row = 0 then means that all rows before are void. What came
 * last counts, and only if the run succeeds.
 * @param context    options->scores_context
 * @param first_row  of the tile, in the dataset
 * @param scores     rows x outputs, row-major, borrowed for the call
 * @return DIVA_OK; anything else ends the run with that status and with what `error` (may be NULL)
 *         was set to
 */
typedef enum diva_status (*diva_scores_sink)(void *context, int64_t first_row, int64_t rows,
                                             const double *scores, struct diva_error *error);

struct diva_analysis_options {
  int version;
  double lambda;      /**< > 0, on the scaled features; 0: the least LOO error along the path */
  double temperature; /**< > 0: t of the cross-entropy and of label_quality; 0: fitted on LOO */
  enum diva_loss loss;
  enum diva_scale scale;
  enum diva_precision precision;
  enum diva_solver solver;
  enum diva_kernel kernel;
  int64_t rbf_features; /**< even; 0: the largest power of two <= min(4096, 0.6 training rows), at
                             least 64 */
  double rbf_bandwidth; /**< sigma as a multiple of the median distance between training rows, as
                             scaled; 0: 0.7 */
  bool intercept;
  bool derivative; /**< compute the derivative too (one more pass) */
  bool removal; /**< and the exact effect of removing each row, see struct diva_columns: beside the
                     derivative of the squared loss of a validation set */
  /** Rows without a label get the derivative they have on average over softmax(t F) as their label,
   * where it is null otherwise: it is linear in the label. Not with groups. */
  bool expect_unlabelled;
  bool deterministic; /**< the same bytes whatever the number of threads */
  /** The device is waited for tile by tile while rows are read, so that `seconds` of the summary
   * tell the work from the wait for rows: without it, what a device has been given to do and has
   * not finished counts as reading. Costs some of the overlap of the two. */
  bool exact_phases;
  const char *backend;   /**< NULL or "auto": the best that is ready and worth its start, and the
                              CPU where that cannot take the run; else by name */
  int threads;           /**< 0: one a core */
  int64_t memory;        /**< bytes the run may use, of the host and, each for itself, of a device
                              with memory of its own; 0: what they have */
  int64_t sample_rows;   /**< rows that lambda is chosen on when there are more; default 4096 */
  uint64_t seed;         /**< of that sample and of the random Fourier features */
  const double *weights; /**< rows, >= 0, borrowed for the call; NULL: the dataset's, else 1. Rows
                            of weight 0 are a pool: scored, not trained on, not in the objective */
  const int32_t *groups; /**< rows, >= -1, borrowed for the call: each row is scored by the model
                            without any row of its code (-1: without itself), and the derivative is
                            of that loss; leverages stay each row's own. The primal still chooses
                            lambda by plain LOO. NULL: plain LOO */
  /** How much each row that is trained on counts in the LOO objective: rows, >= 0, borrowed for the
   * call, taken over their sum. Other rows never count. Lambda and temperature are chosen by it too
   * (lambda without it where it is 0 for all sampled rows). NULL: all count alike. */
  const double *importance;
  const double *validation_importance; /**< the same for the labelled rows of the validation set */
  /** The sums of the first pass, which is then spared wherever the primal solver runs; borrowed for
   * the call. A state (state.h) of this very dataset, with the same weights and of a scale that
   * its sums serve: DIVA_ERROR_USAGE otherwise, for an RBF kernel and for DIVA_SOLVER_DUAL.
   * Features are then checked for NaN by the second pass. NULL: computed. */
  const struct diva_state *sums;
  struct diva_progress progress;
  diva_scores_sink scores; /**< NULL: not wanted */
  void *scores_context;    /**< passed to it */
};

DIVA_API void diva_analysis_options_init(struct diva_analysis_options *options);

/**
 * Columns, one value a training row, borrowed from the analysis. A missing real is NaN, a missing
 * class -1 (unlabelled rows; margin, quality and suggestion of a dataset of targets).
 */
struct diva_columns {
  int64_t rows;
  const double *derivative; /**< d(mean loss)/d alpha_i: positive = weighting the row up raises the
                                 error. NULL unless asked for */
  /** Mean validation loss of the model trained without the row, less that of the model with it; for
   * a labelled row of weight 0, loss with the row at weight 1 less loss without. Exact where
   * lambda, scaling and kernel stay as they are. NULL unless asked for. */
  const double *removal;
  const double *leverage;         /**< h_i = alpha_i z_i' C z_i, in [0, 1) */
  const double *loo_loss;         /**< loss of the LOO prediction */
  const double *loo_margin;       /**< largest LOO score of another class minus the given label's */
  const double *label_quality;    /**< softmax(t F_i) of the given label, in [0, 1] */
  const double *weight;           /**< alpha_i used; 0 for unlabelled rows */
  const int32_t *suggested_label; /**< class of the largest LOO score */
};

/** A mean loss and, for class labels, the share misclassified (NaN otherwise), both weighted by the
 * importances of the rows. */
struct diva_score {
  double loss;
  double error;
  int64_t rows;
};

enum { DIVA_PHASES = 6 };

/** What was done and what came of it. Strings are borrowed from the analysis. */
struct diva_summary {
  int64_t rows, columns, outputs;
  int64_t training_rows; /**< labelled, weight > 0 */
  double lambda;
  double temperature; /**< NaN for a dataset of targets with squared loss */
  enum diva_loss loss;
  enum diva_scale scale;
  enum diva_precision precision; /**< as used, never AUTO */
  enum diva_solver solver;       /**< as used, never AUTO */
  enum diva_kernel kernel;
  int64_t rbf_features; /**< as used; 0 for a linear kernel, as the two that follow */
  double rbf_bandwidth; /**< multiple of the median distance, as used */
  double sigma;         /**< the bandwidth itself, in units of the scaled features */
  bool intercept;
  bool lambda_chosen;       /**< by LOO, not given */
  bool lambda_at_edge;      /**< the least LOO error lies at the end of the path */
  int64_t constant_columns; /**< left at zero by standardisation */
  double condition;         /**< estimate of the condition number of the system solved */
  struct diva_score loo;
  struct diva_score validation; /**< rows = 0 without a validation set */
  const char *backend;
  const char *library;      /**< "OpenBLAS 0.3.21 (SkylakeX)" */
  const char *backend_note; /**< why a better backend, which was ready, could not take the run; NULL
                                 where there was none */
  int threads;
  uint64_t seed;
  int64_t memory_planned;        /**< bytes of the host, or of all where the device has none */
  int64_t device_memory_planned; /**< bytes of a device with memory of its own; 0 without one */
  int64_t tile_rows;             /**< rows of a tile: on such a device, what fits what was free */
  int64_t bytes_read;            /**< of stored features, by all passes: none of rows that a device
                                      has kept */
  double seconds[DIVA_PHASES];   /**< wall time by phase, see diva_phase_name(): "read" is the wait
                                      for rows; all of them add up to that of the run */
};

/** Name of a phase: "read", "gram", "factor", "loo", "derivative", "other"; NULL past the end. */
DIVA_API const char *diva_phase_name(int phase);

DIVA_API const char *diva_loss_name(enum diva_loss loss);
DIVA_API const char *diva_scale_name(enum diva_scale scale);
DIVA_API const char *diva_precision_name(enum diva_precision precision);
DIVA_API const char *diva_solver_name(enum diva_solver solver);
DIVA_API const char *diva_kernel_name(enum diva_kernel kernel);

/**
 * Solves, and fills every column.
 *
 * @param train       read, not changed; must stay open until the call returns
 * @param validation  NULL: derivative of the LOO loss; else of the mean loss over its labelled
 * rows. Must have the same columns, outputs and kind of labels
 * @param out         owned by the caller: diva_analysis_destroy()
 * Errors: DIVA_ERROR_INPUT (NaN or infinity with row and column; fewer than two classes; a size
 * that exceeds the machine), DIVA_ERROR_NUMERICAL (not positive definite; names the pivot),
 * DIVA_ERROR_RESOURCE (memory limit, backend, memory of its device), DIVA_ERROR_USAGE,
 * DIVA_ERROR_CANCELLED. Cost, primal: three passes over the features (four for cross-entropy with a
 * fitted temperature), 4 n d^2 + 10 n d k flops, O(d^2 + tile (d + k) + n) memory. Dual: O(n^2 d +
 * n^3), O(n (n + d)). Removal, primal: one more sum of d x d over the validation set and its form
 * in the last pass; dual: nothing to speak of, but for rows of weight 0 O(d min(d, validation
 * rows)) memory, and flops a row. With an RBF kernel of D features d is d + D in these, and one
 * light pass and n d D flops a pass come on top.
 */
DIVA_API enum diva_status diva_analysis_run(struct diva_dataset *train,
                                            struct diva_dataset *validation,
                                            const struct diva_analysis_options *options,
                                            struct diva_analysis **out, struct diva_error *error);

/**
 * Settles what `options` leave open - scale AUTO, kernel AUTO, an RBF bandwidth of 0 - by the least
 * mean squared LOO loss on a seeded sample of at most 10,240 labelled rows, which all count alike,
 * with at most 1,024 Fourier features; lambda is chosen anew for each trial unless it is given.
 * @param options  read and written
 * @return DIVA_ERROR_USAGE for a dataset of targets where something is open
 * Cost: one pass over the features, and up to seven analyses of the sample.
 */
DIVA_API enum diva_status diva_model_choose(struct diva_dataset *train,
                                            struct diva_analysis_options *options,
                                            struct diva_error *error);

/** Frees; NULL is fine. */
DIVA_API void diva_analysis_destroy(struct diva_analysis *analysis);

DIVA_API void diva_analysis_columns(const struct diva_analysis *analysis, struct diva_columns *out);

DIVA_API void diva_analysis_summary(const struct diva_analysis *analysis, struct diva_summary *out);

/** What a run would do: solver, precision at the start, backend, bytes of the host's memory and
 * rows of a tile, both before a device with memory of its own is asked for what it has. */
struct diva_plan {
  enum diva_solver solver;
  enum diva_precision precision;
  const char *backend; /**< static */
  int64_t memory;
  int64_t tile_rows;
  int passes;
  double flops;
};

/** Plans without running; the errors are those of diva_analysis_run() on sizes and options. */
DIVA_API enum diva_status diva_analysis_plan(const struct diva_dataset *train,
                                             const struct diva_dataset *validation,
                                             const struct diva_analysis_options *options,
                                             struct diva_plan *out, struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
