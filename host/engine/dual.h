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
enum diva_status diva_dual_allocate(struct diva_dual *dual, struct diva_error *error);
void diva_dual_free(struct diva_dual *dual);

/** Reads the training rows, fixes the preparation, forms K. */
enum diva_status diva_dual_load(struct diva_dual *dual, struct diva_error *error);

/** Q, c and S^-1 1 at a lambda. */
enum diva_status diva_dual_solve(struct diva_dual *dual, double lambda, struct diva_error *error);

/* dual_rows.c */

/** What outside rows need to be differentiated: sums over the rows of the objective. */
struct diva_dual_objective {
  double *direct;       /**< m x k: LOO: g_i / Q_ii; validation: sum_v q_v g_v' */
  double *curvature;    /**< m: LOO: (g_i . r_i) / Q_ii; validation: NULL */
  double *feature_sum;  /**< k x d: validation: sum_v g_v z_v'; LOO: NULL */
  double *gradient_sum; /**< k: validation: sum_v g_v; LOO: NULL */
  double *across;       /**< m x k: validation: sum_v g_v K_vl of each training row l; LOO: NULL */
};

/** Predictions, and where asked for derivatives, of the rows that are not trained on. */
enum diva_status diva_dual_outside_rows(struct diva_dual *dual,
                                        const struct diva_dual_objective *objective,
                                        struct diva_error *error);

/** Score of the validation set, and the sums of its objective. */
enum diva_status diva_dual_validation(struct diva_dual *dual, struct diva_dual_objective *objective,
                                      struct diva_error *error);

/** out (rows x n) = a (rows x m) b (m x n), on the host. */
void diva_dual_multiply(const struct diva_dual *dual, const double *a, int64_t rows, int64_t m,
                        const double *b, int64_t n, double *out);

#endif
