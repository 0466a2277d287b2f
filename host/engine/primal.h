/**
 * @file primal.h
 * The primal solver: three passes over tiles of rows, and d x d algebra between them.
 *
 * Width: the model sees the d stored columns, with an RBF kernel D random Fourier features of them,
 * and, with an intercept, a constant one that is not penalised. All are centred at their weighted
 * mean, so that the constant column is orthogonal to the rest and the Gram matrix stays well
 * conditioned.
 */
#ifndef DIVA_PRIMAL_H
#define DIVA_PRIMAL_H

#include "columns.h"
#include "engine.h"
#include "host/dataset/prefetch.h"

struct diva_group_loo;

/** Rows that a pass visits: the training set or the validation set. */
struct diva_row_set {
  struct diva_dataset *dataset;
  struct diva_dataset_info info;
  const int32_t *labels; /**< NULL for targets */
  const double *weight;  /**< NULL: not trained on */
  const double *importance;
  const double *form;               /**< k_ii, once known; NULL before, and for another set */
  struct diva_row_columns *columns; /**< borrowed; NULL for rows gathered from a set */
};

/** The nonlinear part of an RBF kernel: sqrt(2 / D) [cos u, sin u] of the projections u = W z of a
 * prepared row, less their means. */
struct diva_fourier {
  int64_t count;                  /**< D; 0 for a linear kernel */
  bool ready;                     /**< the frequencies are known, and tiles are mapped */
  struct diva_matrix frequencies; /**< W, D / 2 x d, tile type */
  struct diva_matrix projections; /**< of one tile, tile_rows x D / 2, tile type */
  struct diva_vector shift;       /**< D; absent: not centred */
};

struct diva_primal {
  struct diva_engine *engine;
  struct diva_row_set train;
  struct diva_row_set validation;
  double *form;            /**< k_ii of every row (owned) */
  double *pull;            /**< g_i . r_i of every row (owned) */
  double *square;          /**< |e_i|^2 of every row (owned); NULL unless removals are asked for */
  double *validation_loss; /**< of every row of that set (owned); NULL without one */
  int32_t *validation_suggested; /**< likewise (owned) */
  struct diva_row_columns train_columns, validation_columns;

  int64_t stored_columns; /**< d */
  int64_t columns;        /**< d + D: those that are penalised */
  int64_t width;          /**< the same, and 1 with an intercept */
  int64_t tile_rows;
  struct diva_preparation preparation;
  struct diva_fourier fourier;

  /* One tile on the device. */
  struct diva_matrix raw, z, y, wide_y, targets, gradient, scores;
  struct diva_vector labels, weight, importance, tile_form, loss, margin, quality, suggested,
      score_rows, tile_pull, adjoint, quadratic, derivative;
  struct diva_buffer *fault;
  struct diva_matrix raw_next;  /**< where the next tile goes meanwhile (feed.h) */
  struct diva_buffer *resident; /**< all stored training rows; NULL: they do not stay */
  bool resident_complete;       /**< they are there */
  void *slots[3];               /**< host memory that tiles are read into (owned); NULL where
                                     uploads do not run beside the work */
  int64_t slot_bytes;
  double *staging; /**< 2 x tile_rows values on the host (owned) */
  double *dense;   /**< tile_rows x outputs on the host; NULL for plain labels (owned) */

  /* Square and narrow matrices; upper, curvature, w and m are of tile type, the rest float64. */
  struct diva_matrix gram, factor, inverse, adjoint_gram, upper, curvature;
  struct diva_matrix cross, cross_scratch, w, m;
  struct diva_matrix moments; /**< 2 x d: sums and sums of squares, for an RBF kernel only */
  struct diva_vector shift;   /**< columns: of the stored ones, then of their Fourier features */
  struct diva_vector multiplier, eigenvalues, penalised, lambdas, sums;
  double *host_gram;  /**< width x width, symmetric (owned) */
  double *diagonal;   /**< width: of the Gram matrix, without lambda (owned) */
  double *host_cross; /**< outputs x width (owned) */
  double *host_w;     /**< W, outputs x width (owned) */

  double gradient_shift;            /**< c of diva_loo_run() */
  struct diva_group_loo *group_loo; /**< NULL: no groups (owned; group_loo.h) */

  /* A seeded sample of training rows, as stored, to choose lambda on. */
  int64_t sample_rows;
  bool sample_taken;      /**< all of it has been read */
  int64_t *sample_index;  /**< ascending (owned) */
  char *sample;           /**< sample_rows x d of the stored type (owned) */
  double *sample_targets; /**< sample_rows x outputs (owned); NULL for plain labels */
  struct diva_matrix sample_t, sample_y; /**< in the eigenbasis, and its targets: tile type; only
                                              where diva_path_rotates() */
  struct diva_vector sample_weight, sample_share;
  double *sample_shares; /**< how much each counts in that choice, on the host (owned) */
};

/** A tile of rows on the device, prepared: features, targets and what is known of each row. */
struct diva_prepared_tile {
  const struct diva_row_set *set; /**< whose rows these are */
  int64_t first;
  int64_t count;
  const void *stored;   /**< features as read, on the host; NULL: on the device alone */
  const double *host_y; /**< count x outputs: targets less base outputs; NULL for plain labels */
  const double *host_targets; /**< count x outputs; NULL where there are labels */
  struct diva_matrix z;       /**< count x width */
  struct diva_matrix y;       /**< count x outputs: targets less base outputs, tile type */
  struct diva_row_facts facts;
};

typedef enum diva_status (*diva_tile_visitor)(struct diva_primal *primal, void *context,
                                              const struct diva_prepared_tile *tile,
                                              struct diva_error *error);

/* tiles.c */

/** Calls `visit` on every tile of a set in order, the next one being read meanwhile. */
enum diva_status diva_tiles_visit(struct diva_primal *primal, const struct diva_row_set *set,
                                  const char *phase_name, int phase, diva_tile_visitor visit,
                                  void *context, struct diva_error *error);

/** Makes a tile of rows that have been read: on the device, with the facts of the set's columns.
 */
enum diva_status diva_tiles_prepare(struct diva_primal *primal, const struct diva_row_set *set,
                                    const struct diva_prefetch_tile *read,
                                    struct diva_prepared_tile *tile, struct diva_error *error);

/** Rows of Z on the device from rows as stored there: prepared, then mapped once the kernel is
 * ready. `z` becomes a view of the tile. `first_row` is the dataset row of the first, for faults.
 */
enum diva_status diva_tile_prepare(struct diva_primal *primal, struct diva_matrix raw,
                                   enum diva_dtype type, int64_t first_row, struct diva_matrix *z,
                                   struct diva_error *error);

/** Columns that tiles have at present, without a constant one. */
int64_t diva_tile_columns(const struct diva_primal *primal);

/** A view of the first rows of a tile matrix or vector. */
struct diva_matrix diva_tile_rows(struct diva_matrix matrix, int64_t rows);
struct diva_vector diva_tile_slice(struct diva_vector vector, int64_t length);

/** Downloads float64 values of tile rows. */
enum diva_status diva_tile_fetch(struct diva_primal *primal, struct diva_vector from, int64_t count,
                                 double *to, struct diva_error *error);

/* primal_memory.c */

/** All buffers of the device but those of rows that stay there; no operation is called. */
enum diva_status diva_primal_take(struct diva_primal *primal, struct diva_error *error);

/** Everything the run takes, on the device and on the host. */
enum diva_status diva_primal_allocate(struct diva_primal *primal, struct diva_error *error);
void diva_primal_free(struct diva_primal *primal);

/* sample.c */

/** How many rows lambda is chosen on; 0: it is given, and nothing else is chosen by them. */
int64_t diva_sample_wanted(const struct diva_primal *primal);

/** Draws which training rows lambda is chosen on: all, or `sample_rows` of them, seeded. */
enum diva_status diva_sample_draw(struct diva_primal *primal, struct diva_error *error);

/** Keeps the sampled rows of a tile as they pass by, in the first pass that reads all. */
void diva_sample_collect(struct diva_primal *primal, const struct diva_prepared_tile *tile);

/** Makes a tile of the sample's rows [first, first + count): Z in `z`, Y in `y` (given), their
 * weights in sample_weight and their shares in sample_share. */
enum diva_status diva_sample_prepare(struct diva_primal *primal, int64_t first, int64_t count,
                                     struct diva_matrix y, struct diva_matrix *z,
                                     struct diva_error *error);

/** Rows of the sample's tile that starts at `first`. */
int64_t diva_sample_length(const struct diva_primal *primal, int64_t first);

/* moments.c */

/** Means, spreads and bandwidth of the training rows, from a light pass: what the map of an RBF
 * kernel has to know beforehand. Fixes the preparation; makes `fourier` ready. */
enum diva_status diva_moments_run(struct diva_primal *primal, struct diva_error *error);

/** Spread that rounding alone can give a constant column, relative to its mean. */
double diva_moments_rounding(const struct diva_engine *engine);

/* bandwidth.c */

/** Median distance between the prepared rows of pairs of training rows; 1 where they are all one.
 */
enum diva_status diva_bandwidth_median(struct diva_primal *primal, double *median,
                                       struct diva_error *error);

/* fourier.c */

/** Takes the map's buffers. */
enum diva_status diva_fourier_take(struct diva_primal *primal, struct diva_error *error);

/** Draws the frequencies, normal with standard deviation 1 / bandwidth, and makes the map ready. */
enum diva_status diva_fourier_draw(struct diva_primal *primal, double bandwidth,
                                   struct diva_error *error);

/** Fourier features of prepared rows, written behind their columns in `z` (the stored columns,
 * their features, and a constant one where prepared rows have it). */
enum diva_status diva_fourier_map(struct diva_primal *primal, struct diva_matrix z,
                                  struct diva_error *error);

/* gram.c */

/** Shifts the columns that tiles have at present, and no pass has centred yet, by their means over
 * the first rows: with it the sums of squares cancel nothing. */
enum diva_status diva_gram_first_shift(struct diva_primal *primal, struct diva_error *error);

/** The first pass: Gram and cross sums of the centred, scaled features, in `host_gram` and
 * `host_cross`; fixes the preparation. Finds NaN and infinity. */
enum diva_status diva_gram_run(struct diva_primal *primal, struct diva_error *error);

/* given_sums.c: options->sums in place of the first pass */

/** Refuses sums that are not of the training set and its weights. */
enum diva_status diva_given_check(const struct diva_engine *engine, struct diva_error *error);

/** The mean that the sums are about: columns. */
const double *diva_given_mean(const struct diva_primal *primal);

/** What the pass would have summed about that mean, upper triangle; `width` is one more than the
 * columns where there is a column for the means, else the sums are about 0. Both come zeroed. */
void diva_given_fill(const struct diva_primal *primal, int64_t width, double *gram, double *cross);

/** Reads the rows of the sample. */
enum diva_status diva_given_sample(struct diva_primal *primal, struct diva_error *error);

/* path.c */

/** Chooses lambda by the LOO path on the sample (math: eigenvectors of the Gram matrix). */
enum diva_status diva_path_run(struct diva_primal *primal, struct diva_error *error);

/** Mean penalised eigenvalue of the Gram matrix: the scale of lambda. */
double diva_path_scale(const struct diva_primal *primal);

/** Whether eigenvectors are worth their time; else diva_search_run(). */
bool diva_path_rotates(const struct diva_primal *primal);

/* search.c */

/** Chooses lambda by few factorisations, where eigenvectors cost more. */
enum diva_status diva_search_run(struct diva_primal *primal, struct diva_error *error);

/* factor.c */

/** Cholesky of A = G + lambda I, W, and U with C = U U', at the engine's lambda. May be repeated.
 */
enum diva_status diva_factor_solve(struct diva_primal *primal, struct diva_error *error);

/** The same, and an estimate of the condition number. */
enum diva_status diva_factor_run(struct diva_primal *primal, struct diva_error *error);

/** `curvature` = C B C folded, from the sums B in `adjoint_gram`. Overwrites `gram` and `inverse`.
 */
enum diva_status diva_factor_sandwich(struct diva_primal *primal, struct diva_error *error);

/** `m` = C times the sums in `cross_scratch`, in tile type. */
enum diva_status diva_factor_direct(struct diva_primal *primal, struct diva_error *error);

/* loo.c */

/** The second pass: leverages, LOO scores, temperature; then the sums that the derivative needs. */
enum diva_status diva_loo_run(struct diva_primal *primal, struct diva_error *error);

/* validation.c */

/** Loss and error on the validation set, and the sums that its derivative needs. */
enum diva_status diva_validation_run(struct diva_primal *primal, struct diva_error *error);

/* expected.c */

/** With options->expect_unlabelled, turns the residuals -F of a tile's rows without a label into
 * softmax(t F) - F: those they have on average over that label. */
enum diva_status diva_expected_labels(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error);

/* derivative.c */

/** The last pass: derivative of every row where asked for, and the label qualities. */
enum diva_status diva_derivative_run(struct diva_primal *primal, struct diva_error *error);

#endif
