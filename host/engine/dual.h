/**
 * @file dual.h
 * The dual solver, for fewer training rows than columns: exact down to tiny lambda.
 *
 * With K = Z Z' over the m training rows, S = K + lambda diag(1/alpha) and, for an intercept that
 * is not penalised, the bordered inverse Q = S^-1 - S^-1 1 1' S^-1 / (1' S^-1 1) (else Q = S^-1):
 * c = Q Y, and the LOO residuals are r_i = c_i / Q_ii without any cancellation of 1 - h. Adding a
 * constant to K changes nothing in the bordered system (1' c = 0) and keeps S well conditioned on
 * centred features, whose K has the null vector 1. All in float64.
 */
#ifndef DIVA_DUAL_H
#define DIVA_DUAL_H

#include "engine.h"

#include "kernels/formulas.h"

struct diva_dual {
  struct diva_engine *engine;
  int64_t rows;    /**< m, training rows */
  int64_t columns; /**< d */
  int64_t outputs; /**< k */
  int64_t tile_rows;
  struct diva_preparation preparation;

  /* Host, owned: m-long or m x something. */
  int64_t *index; /**< dataset row of each training row */
  double *alpha;
  double *y;       /**< m x k: target less base output */
  double *target;  /**< m x k: target */
  double *z;       /**< m x d: prepared features */
  double *kernel;  /**< m x m: K, plus `constant` with an intercept */
  double *q;       /**< m x m: Q */
  double *c;       /**< m x k: Q Y */
  double *s_ones;  /**< m: S^-1 1; zero without an intercept */
  double s_total;  /**< 1' S^-1 1 */
  double constant; /**< what was added to K */

  /* Host, owned: one tile of rows outside the training set. */
  double *tile_z; /**< tile_rows x d */
  double *tile_k; /**< tile_rows x m */
  double *tile_q; /**< tile_rows x m: each row's weights on the training targets */

  struct diva_dual_groups *groups;   /**< NULL: every row is left out alone (owned) */
  struct diva_dual_removal *removal; /**< NULL: effects of removals are not asked for (owned) */

  struct diva_matrix raw, device_z, device_k, device_tile, device_tile_k, device_s, device_inverse;
  struct diva_vector shift, multiplier;
  struct diva_buffer *fault;
};

/** A tile of any dataset with the training set's preparation; everything on the host. */
struct diva_dual_tile {
  int64_t first;
  int64_t count;
  const double *targets;      /**< count x outputs, or NULL */
  const double *base_outputs; /**< count x outputs, or NULL */
};

typedef enum diva_status (*diva_dual_visitor)(struct diva_dual *dual, void *context,
                                              const struct diva_dual_tile *tile,
                                              struct diva_error *error);

/** Reads a dataset tile by tile: prepared features in tile_z, then `visit`. */
enum diva_status diva_dual_visit(struct diva_dual *dual, struct diva_dataset *dataset,
                                 diva_dual_visitor visit, void *context, struct diva_error *error);

/* dual_system.c */

/** Everything of the system on the host. */
enum diva_status diva_dual_allocate(struct diva_dual *dual, struct diva_error *error);
/** Its buffers. */
enum diva_status diva_dual_take(struct diva_dual *dual, struct diva_error *error);
void diva_dual_free(struct diva_dual *dual);

/** Reads the training rows, fixes the preparation, forms K. */
enum diva_status diva_dual_load(struct diva_dual *dual, struct diva_error *error);

/** Q, c and S^-1 1 at a lambda. */
enum diva_status diva_dual_solve(struct diva_dual *dual, double lambda, struct diva_error *error);

/* dual.c */

/** What a row's algebra asks for: the LOO residuals of training row i, as e / one_minus_h. */
struct diva_residual_row diva_dual_residual_row(const struct diva_dual *dual, int64_t i);

/** LOO score of training row i. */
double diva_dual_loo_score(const struct diva_dual *dual, int64_t i, int64_t output);

/* dual_rows.c */

/** What outside rows need to be differentiated: sums over the rows of the objective. */
struct diva_dual_objective {
  double *direct;       /**< m x k: LOO: g_i / Q_ii; validation: sum_v q_v g_v' */
  double *curvature;    /**< m: LOO: (g_i . r_i) / Q_ii; validation: NULL */
  double *feature_sum;  /**< k x d: validation: sum_v g_v z_v'; LOO: NULL */
  double *gradient_sum; /**< k: validation: sum_v g_v; LOO: NULL */
  double *across;       /**< m x k: validation: sum_v g_v K_vl of each training row l; LOO: NULL */
};

/** Predictions, and where asked for derivatives, of the rows that are not trained on; then scores
 * of all rows to the caller's sink. */
enum diva_status diva_dual_outside_rows(struct diva_dual *dual,
                                        const struct diva_dual_objective *objective,
                                        struct diva_error *error);

/** Score of the validation set, and the sums of its objective. */
enum diva_status diva_dual_validation(struct diva_dual *dual, struct diva_dual_objective *objective,
                                      struct diva_error *error);

/** (S^-1 1 . K_j - 1) / 1' S^-1 1 for row j at i of a tile, what the intercept takes from k(v, j),
 * times lambda; 0 without one. */
double diva_dual_border(const struct diva_dual *dual, int64_t i);

/* dual_removal.c */

/**
 * What effects of removals take of the validation rows v. Without row l the prediction of v changes
 * by -q_vl r_l. For a row j that is put in, k(v, j) is (z_v, 1) . u_j / lambda, and the validation
 * rows are held for its squares. Host arrays are owned.
 */
struct diva_dual_removal {
  double *spread; /**< m: sum_v v q_vl^2 of each training row l */
  double *forms;  /**< tile_rows: lambda^2 sum_v v k(v, j)^2 */

  /* Only where rows may be put in. */
  bool folded;             /**< held is the sum over v, as there are more of them than columns */
  int64_t taken;           /**< rows held, unless folded */
  double *rows;            /**< tile_rows x (d + 1); NULL: no row may be put in */
  double *product;         /**< tile_rows x validation rows; NULL: folded */
  struct diva_matrix held; /**< (z_v, 1) sqrt(v), or sum_v v (z_v, 1) (z_v, 1)' */
  struct diva_matrix tile, device_product; /**< rows and product on the device */
  struct diva_vector values;               /**< tile_rows */
};

/** Takes what the effects need on the host; nothing where they are not asked for. */
enum diva_status diva_dual_removal_allocate(struct diva_dual *dual, struct diva_error *error);
/** Takes their buffers, into `removal` where that is allocated. */
enum diva_status diva_dual_removal_take(struct diva_dual *dual, struct diva_error *error);
/** Clears the sums over the validation rows. */
enum diva_status diva_dual_removal_begin(struct diva_dual *dual, struct diva_error *error);
void diva_dual_removal_free(struct diva_dual *dual);

/** Adds a tile of the validation set. */
enum diva_status diva_dual_removal_add(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                       struct diva_error *error);

/** Effects of the training rows, once all of the validation set is added. */
enum diva_status diva_dual_removal_trained(struct diva_dual *dual,
                                           const struct diva_dual_objective *objective,
                                           struct diva_error *error);

/** Effects of putting in the rows of weight 0 of a tile of the training set, from their derivatives
 * and from |e|^2, which stands in for the effects. */
enum diva_status diva_dual_removal_pool(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                        struct diva_error *error);

/* dual_groups.c */

/** Training rows that are left out together. With c = Q Y, group I has R = (Q_II)^-1 c_I, and the
 * part of `direct` that stands for g_i / Q_ii is (Q_II)^-1 G_I. */
struct diva_dual_groups {
  int64_t *slot;    /**< training row of each grouped row, -1: not trained on */
  double *residual; /**< R, m x k; only grouped rows are meant */
  double *square;   /**< of the largest group: Q_II, and right-hand sides */
  double *right;
  struct diva_matrix device_right; /**< k x largest group */
};

/** Takes what groups need on the host; nothing where there are none. */
enum diva_status diva_dual_groups_allocate(struct diva_dual *dual, struct diva_error *error);
/** Takes their buffers, into `groups` where that is allocated. */
enum diva_status diva_dual_groups_take(struct diva_dual *dual, struct diva_error *error);
/** Finds the rows of the groups, once the training rows are known. */
void diva_dual_groups_find(struct diva_dual *dual);
void diva_dual_groups_free(struct diva_dual *dual);

/** R of every group, from Q and c. */
enum diva_status diva_dual_groups_solve(struct diva_dual *dual, struct diva_error *error);

/** The place of training row i among the grouped rows; -1: it is left out alone. */
int64_t diva_dual_groups_place(const struct diva_dual *dual, int64_t i);

/** Turns the gradients of grouped rows in `direct` into (Q_II)^-1 G_I, and their curvature to 0. */
enum diva_status diva_dual_groups_adjoint(struct diva_dual *dual,
                                          struct diva_dual_objective *objective,
                                          struct diva_error *error);

/** What groups put in place of sum_i w_i^2 curvature_i, for a row with these weights w on the
 * training targets: sum_I (w_I' direct_I) . (w_I' R_I). */
double diva_dual_groups_curvature(const struct diva_dual *dual,
                                  const struct diva_dual_objective *objective,
                                  const double *weights);

/** Leaves the group of an outside row (of the dataset) out of its residual e, in place, and returns
 * what that group says in the row's derivative, times lambda; `objective` may have no curvature.
 * Nothing and 0 for a row in no group. */
double diva_dual_groups_leave(const struct diva_dual *dual,
                              const struct diva_dual_objective *objective, int64_t row,
                              const double *weights, double *e);

/** out (rows x n) = a (rows x m) b (m x n), on the host. */
void diva_dual_multiply(const struct diva_dual *dual, const double *a, int64_t rows, int64_t m,
                        const double *b, int64_t n, double *out);

#endif
