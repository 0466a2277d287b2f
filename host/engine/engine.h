/**
 * @file engine.h
 * The passes of one analysis and what they share. Internal to host/engine.
 *
 * A run goes: plan -> rows (weights) -> primal (gram, lambda, factor, loo, validation, derivative)
 * or dual. The primal streams tiles of rows through a backend; the dual holds the few training
 * rows.
 */
#ifndef DIVA_ENGINE_H
#define DIVA_ENGINE_H

#include "groups.h"
#include "host/core/core.h"
#include "kernels/backend.h"

#include <diva/analysis.h>

/** Columns of the result, one value a row of the training set; owned by the analysis. */
struct diva_analysis {
  struct diva_columns columns; /**< views of the arrays below */
  struct diva_summary summary;
  double *derivative;
  double *removal;
  double *leverage;
  double *loo_loss;
  double *loo_margin;
  double *label_quality;
  double *weight;
  int32_t *suggested_label;
  char library[256];
  char note[1088]; /**< summary.backend_note */
};

enum { DIVA_ENGINE_BUFFERS = 96 };

/** A run in progress. */
struct diva_engine {
  const struct diva_analysis_options *options;
  struct diva_dataset *train;
  struct diva_dataset *validation; /**< NULL: the LOO loss is differentiated */
  struct diva_dataset_info info;   /**< of train */
  struct diva_plan plan;
  int threads;
  struct diva_analysis *analysis; /**< the result, borrowed */

  /* Rows: what each is worth. */
  const int32_t *labels; /**< NULL for targets */
  const double *weight;  /**< alpha, 0 for unlabelled rows and the pool (in analysis) */
  double *importance;    /**< v: adds up to 1 over the training rows, 0 of the others (owned) */
  double *validation_importance; /**< the same over its labelled rows; NULL without a set (owned) */
  int64_t training_rows;
  double weight_sum;         /**< sum of alpha */
  struct diva_groups groups; /**< those that are left out together (owned) */

  /* The device, and every buffer taken from it. */
  const struct diva_backend_ops *ops;
  struct diva_backend *backend;
  struct diva_buffer *buffers[DIVA_ENGINE_BUFFERS];
  int buffer_count;
  int64_t buffer_bytes; /**< of all of them */
  char *landing;        /**< host memory that downloads are fastest to (owned); NULL: any is */
  bool counts;          /**< buffers are counted in buffer_bytes alone: none is taken */
  int64_t element;      /**< bytes of tile type */
  int64_t device_bytes; /**< planned on a device with memory of its own, backend's own included */
  int64_t device_room;  /**< what the plan leaves there */
  bool began;           /**< all memory is taken */

  double lambda;
  double temperature; /**< NaN until known */
  double *seconds;    /**< of the summary, by phase */
  int64_t bytes_read; /**< of stored features, by passes */
};

enum { PHASE_READ, PHASE_GRAM, PHASE_FACTOR, PHASE_LOO, PHASE_DERIVATIVE, PHASE_OTHER };

/** A matrix of `element`-byte values on the device, contents undefined, its stride padded against
 * cache conflicts; released by diva_engine_close_backend(). */
enum diva_status diva_engine_matrix(struct diva_engine *engine, int64_t rows, int64_t columns,
                                    int64_t element, struct diva_matrix *out,
                                    struct diva_error *error);

/** A vector of `element`-byte values on the device, contents undefined. */
enum diva_status diva_engine_vector(struct diva_engine *engine, int64_t length, int64_t element,
                                    struct diva_vector *out, struct diva_error *error);

/** Bytes of a buffer to the host, at once and by all threads: what is wanted of a whole pass. */
enum diva_status diva_engine_download_bytes(struct diva_engine *engine,
                                            const struct diva_buffer *from, int64_t bytes, void *to,
                                            struct diva_error *error);

/** Zeroes a float64 matrix. */
enum diva_status diva_engine_zero(struct diva_engine *engine, struct diva_matrix matrix,
                                  struct diva_error *error);

/** Copies a whole contiguous-on-host float64 matrix to or from the device. What pads the device's
 * rows to diva_engine_stride() may be overwritten. */
enum diva_status diva_engine_upload(struct diva_engine *engine, struct diva_matrix to,
                                    const double *from, struct diva_error *error);
enum diva_status diva_engine_download(struct diva_engine *engine, struct diva_matrix from,
                                      double *to, struct diva_error *error);

/** The stride diva_engine_matrix() gives to a number of columns. */
int64_t diva_engine_stride(int64_t columns);

/** Chooses the backend for so much work, and opens it with its scratch. Where the choice is left
 * open, a device that cannot be opened is passed over for the CPU. */
enum diva_status diva_engine_choose_and_open(struct diva_engine *engine, const char *name,
                                             double flops, bool double_tiles, int64_t tile_rows,
                                             int64_t columns, struct diva_error *error);
enum diva_status diva_engine_open_backend(struct diva_engine *engine, bool double_tiles,
                                          int64_t tile_rows, int64_t columns,
                                          struct diva_error *error);

/** The same with a config of the caller's; where it fails nothing is open. */
enum diva_status diva_engine_open_config(struct diva_engine *engine,
                                         const struct diva_backend_config *config,
                                         struct diva_error *error);
void diva_engine_close_backend(struct diva_engine *engine);

/** Records the NaN or infinity in a row and column of the features of a dataset. */
enum diva_status diva_engine_fault(const struct diva_dataset *dataset, int64_t row, int64_t column,
                                   struct diva_error *error);

/** The error for the first NaN or infinity that prepare_rows() found in a dataset, if any. */
enum diva_status diva_engine_check_fault(struct diva_engine *engine,
                                         const struct diva_buffer *fault,
                                         const struct diva_dataset *dataset,
                                         struct diva_error *error);

/** The terms of rows [first, end), added in order. */
typedef double (*diva_row_terms)(const void *context, int64_t first, int64_t end);

/** A sum over rows by all threads, in blocks of fixed size that are added in order: the same on any
 * number of threads. */
double diva_engine_sum_rows(int threads, int64_t rows, diva_row_terms terms, const void *context);

/** Adds the seconds since `since` to a phase and returns now. */
double diva_engine_account(struct diva_engine *engine, int phase, double since);

/* options.c */

/** Refuses options that make no sense; `validation`: there is a validation set. */
enum diva_status diva_options_check(const struct diva_analysis_options *options, bool validation,
                                    struct diva_error *error);

/* plan.c */

/** Solver, precision, tile and memory of the host, and whether they fit. `training_rows` decides
 * primal or dual. `ops` is the backend, or NULL: chosen by the options and the work, and left
 * there.
 */
enum diva_status diva_plan_make(const struct diva_dataset *train,
                                const struct diva_dataset *validation,
                                const struct diva_analysis_options *options, int64_t training_rows,
                                const struct diva_backend_ops **ops, struct diva_plan *out,
                                struct diva_error *error);

/** Rows of a tile, no more than there are: of features and outputs of `element` bytes. */
int64_t diva_plan_tile_rows(int64_t rows, int64_t columns, int64_t outputs, int64_t element);

/** Random Fourier features of the kernel, D; 0 for a linear one. */
int64_t diva_plan_fourier(const struct diva_analysis_options *options, int64_t training_rows);

/** Rows with a label (any row of targets) and a positive weight. */
int64_t diva_plan_training_rows(const struct diva_dataset *train,
                                const struct diva_analysis_options *options);

/* rows.c */

/** alpha of every row: what is given for it, 0 without a label; checks what is given. */
enum diva_status diva_rows_weigh(const struct diva_dataset *dataset,
                                 const struct diva_analysis_options *options, double *weight,
                                 struct diva_error *error);

/** Fills weight, importances and what follows from them; checks the weights and the classes. */
enum diva_status diva_rows_prepare(struct diva_engine *engine, struct diva_error *error);

/** How much a training row counts beside the mean of all: exactly 1 where none was told apart. */
double diva_rows_share(const struct diva_engine *engine, int64_t row);

/** With cross-entropy, refuses targets that are not distributions: rows of values >= 0 that add up
 * to 1. `first` is the dataset row of the first. */
enum diva_status diva_rows_check_distribution(const struct diva_engine *engine,
                                              const double *targets, int64_t first, int64_t count,
                                              struct diva_error *error);

/** Sets the columns of rows without a label to null, and the means of the summary. `scores` says
 * whether margin, quality and suggestion exist. */
void diva_rows_finish(struct diva_engine *engine);

/* temperature.c */

/** Scores to fit a temperature on: rows x outputs of F, and what they should be. */
struct diva_temperature_problem {
  const double *scores;
  const int32_t *labels; /**< rows; or NULL, then targets */
  const double *targets; /**< rows x outputs */
  const double *shares;  /**< rows: how much each counts; or NULL: 1 */
  int64_t rows, outputs;
  int threads;
};

/** t > 0 that minimises the mean cross-entropy of softmax(t F), a convex function of t; Newton's
 * method inside a bracket. Clamped to [1e-3, 1e4]: useless or perfect scores have no minimum. */
double diva_temperature_fit(const struct diva_temperature_problem *problem);

/* primal.c, dual.c */
enum diva_status diva_primal_run(struct diva_engine *engine, struct diva_error *error);
enum diva_status diva_dual_run(struct diva_engine *engine, struct diva_error *error);

/* lambda_grid.c */

/** A path of lambda values: `count` of them spread evenly in the logarithm from low to high. */
enum { DIVA_LAMBDA_COARSE = 19, DIVA_LAMBDA_FINE = 9 };

/** The LOO loss at each of `count` lambdas. */
struct diva_lambda_path {
  enum diva_status (*evaluate)(void *context, const double *lambdas, int64_t count, double *losses,
                               struct diva_error *error);
  void *context;
};

/**
 * Lambda of the least LOO loss along scale * [1e-6, 1e3]: a coarse path, then a fine one around its
 * least point; rounded to three digits so that it can be repeated by hand. `at_edge` is set where
 * the least point is an end of the coarse path.
 */
enum diva_status diva_lambda_choose(const struct diva_lambda_path *path, double scale,
                                    double *lambda, bool *at_edge, struct diva_error *error);

/** Through text with three digits, so that the value typed by hand is the same to the last bit. */
double diva_lambda_round(double value);

#endif
