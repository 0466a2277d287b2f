/**
 * @file group_loo.h
 * Leave one group out, for the primal: the residuals of grouped rows, and their part of the
 * derivative.
 *
 * In the coordinates t = U' z, where C = U U' and so k_ij = t_i . t_j, a group I of rows T with
 * weights D has the residuals R = (1 - T T' D)^-1 E. A small group is solved among its rows, by
 * S = 1 - D^1/2 T T' D^1/2; a large one among the columns, by S = 1 - T' D T:
 * R = E + T S^-1 T' D E, which is the refit without the group. With G the gradients of its rows and
 * Gt = (1 - T T' D)^-T G, the derivative takes three sums over groups: Z' Gt, sym(Z' Gt R' D Z),
 * and for each row of the group what its own group must not say of it, (T' Gt)' t_j . r_j.
 */
#ifndef DIVA_GROUP_LOO_H
#define DIVA_GROUP_LOO_H

#include "primal.h"

#include "kernels/formulas.h"

/** A tile of rows gathered from all over the dataset; host arrays are owned. */
struct diva_group_batch {
  const int64_t *rows; /**< dataset rows, in the order of the tile; borrowed */
  int64_t count;
  char *stored; /**< features */
  double *targets;
  double *base_outputs;
  double *weight;
  int32_t *labels;
  double *e;                  /**< count x outputs: training residuals */
  double *g;                  /**< count x outputs: Gt */
  struct diva_matrix z, y, t; /**< on the device: Z, E and T = Z U */
};

struct diva_group_loo {
  struct diva_group_batch batch;
  int64_t limit;  /**< rows of the largest group that is solved among its rows */
  char *residual; /**< R of the rows of all groups, rows x outputs of tile type (owned) */
  char *patch;    /**< those of one tile, packed (owned) */
  int32_t *order; /**< and where in the tile they go (owned) */
  struct diva_vector device_order;
  double *own;    /**< what the own group says, a value a grouped row (owned); NULL: no adjoint */
  double *weight; /**< alpha, 0 for grouped rows: those are left out alone (owned) */
  double *importance; /**< v likewise (owned) */
  double slack;       /**< least pivot of any S: nearness to a model that does not exist */

  /* The system of one group; side is the most rows or columns it may have. */
  int64_t side;
  double *kernel;              /**< side x side: K (owned) */
  double *square;              /**< side x side: S or B (owned) */
  double *right;               /**< outputs x side: right-hand sides, solutions (owned) */
  struct diva_matrix t, mixed; /**< tile_rows x width, tile type; mixed: B Z */
  struct diva_matrix system, tile_square;  /**< side x side: float64, and tile type */
  struct diva_matrix device_right, across; /**< outputs x side, float64 */
  struct diva_matrix step;                 /**< outputs x width, tile type */
};

/** Takes what groups need on the host; nothing where there are none. */
enum diva_status diva_group_loo_allocate(struct diva_primal *primal, struct diva_error *error);
/** Takes their buffers, into `group_loo` where that is allocated. */
enum diva_status diva_group_loo_take(struct diva_primal *primal, struct diva_error *error);
void diva_group_loo_free(struct diva_primal *primal);

/** R of every grouped row, from the factor and the weights of the model. From then on the training
 * set's rows are passed with weight and importance 0 where they are grouped.
 * @return DIVA_ERROR_NUMERICAL where a group cannot be left out in this precision */
enum diva_status diva_group_loo_run(struct diva_primal *primal, struct diva_error *error);

/** Puts R in place of E for the grouped rows of a tile, so that, with weight 0, what follows takes
 * them as LOO residuals. */
enum diva_status diva_group_loo_patch(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error);

/** Adds the groups to the sums of the derivative, once the temperature is known where the loss
 * needs it. */
enum diva_status diva_group_loo_adjoint(struct diva_primal *primal, struct diva_error *error);

/** Takes from the derivative of each grouped row what its own group says. */
void diva_group_loo_finish(struct diva_primal *primal);

/* group_batch.c */
enum diva_status diva_group_batch_allocate(struct diva_primal *primal, struct diva_error *error);
void diva_group_batch_free(struct diva_group_batch *batch);

/** Makes a tile of `count` dataset rows: Z, E and T on the device, E on the host. */
enum diva_status diva_group_batch_load(struct diva_primal *primal, const int64_t *rows,
                                       int64_t count, struct diva_error *error);

/** Gradient g of row i of the batch from its residual r, both outputs long. */
void diva_group_batch_gradient(const struct diva_primal *primal, int64_t i, const double *r,
                               double *g);

/** Copies a matrix of tile type to float64 on the host, contiguous, many rows at a time. */
enum diva_status diva_group_download(struct diva_primal *primal, struct diva_matrix from,
                                     double *to, struct diva_error *error);

/** Copies float64 values to a matrix of tile type with the batch's rows and `outputs` columns. */
enum diva_status diva_group_upload(struct diva_primal *primal, const double *from,
                                   struct diva_matrix to, struct diva_error *error);

/** R of a grouped row, by its place, as float64. */
void diva_group_residual(const struct diva_primal *primal, int64_t place, double *out);

/* group_large.c */

/** R of a group that is larger than the limit. */
enum diva_status diva_group_large_run(struct diva_primal *primal, int64_t group,
                                      struct diva_error *error);

/** Its part of the derivative. */
enum diva_status diva_group_large_adjoint(struct diva_primal *primal, int64_t group,
                                          struct diva_error *error);

/* group_loo.c, for group_large.c */

/** The first rows and columns of a matrix. */
struct diva_matrix diva_group_corner(struct diva_matrix matrix, int64_t rows, int64_t columns);

/** Cholesky of `system` in place, keeping the least pivot. `first_row` names the group. */
enum diva_status diva_group_factor(struct diva_primal *primal, struct diva_matrix system,
                                   int64_t first_row, struct diva_error *error);

/** Keeps R of rows of the batch from place on. */
void diva_group_keep(struct diva_primal *primal, const double *r, int64_t count, int64_t place);

/** Adds Gt of the batch to the sums of M, less the gradient shift's share of E. */
enum diva_status diva_group_add_direct(struct diva_primal *primal, struct diva_error *error);

#endif
