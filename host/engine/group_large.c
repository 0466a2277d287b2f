/* Leave one group out: groups with more rows than the model has columns, by the refit without
 * them. */
#include "group_loo.h"

#include <stdlib.h>
#include <string.h>

enum { REAL = sizeof(double) };

/* What is done with each tile of a large group's rows; `place` is that of the first. */
typedef enum diva_status (*chunk_visitor)(struct diva_primal *primal, int64_t place,
                                          struct diva_error *error);

static enum diva_status visit_chunks(struct diva_primal *primal, int64_t group, chunk_visitor visit,
                                     struct diva_error *error) {
  const struct diva_groups *groups = &primal->engine->groups;
  const int64_t end = groups->start[group + 1];
  enum diva_status status = DIVA_OK;
  for (int64_t place = groups->start[group]; place < end && status == DIVA_OK;) {
    const int64_t left = end - place;
    const int64_t count = left < primal->tile_rows ? left : primal->tile_rows;
    status = diva_group_batch_load(primal, groups->rows + place, count, error);
    if (status == DIVA_OK) {
      status = visit(primal, place, error);
    }
    place += count;
  }
  return status;
}

static struct diva_matrix system_of(const struct diva_primal *primal) {
  return diva_group_corner(primal->group_loo->system, primal->width, primal->width);
}

static struct diva_matrix narrow(const struct diva_primal *primal, struct diva_matrix matrix) {
  return diva_group_corner(matrix, primal->engine->info.outputs, primal->width);
}

/* Weights of the batch on the device, or their negatives. */
static enum diva_status upload_weights(struct diva_primal *primal, double sign,
                                       struct diva_vector *out, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_group_batch *batch = &primal->group_loo->batch;
  *out = diva_tile_slice(primal->adjoint, batch->count);
  for (int64_t i = 0; i < batch->count; i++) {
    primal->staging[i] = sign * batch->weight[i];
  }
  return engine->ops->upload(engine->backend, out->buffer, 0, primal->staging, batch->count * REAL,
                             error);
}

/* S = 1 - T' D T: subtracts a chunk. */
static enum diva_status subtract_chunk(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_vector weight;
  const enum diva_status status = upload_weights(primal, -1.0, &weight, error);
  return status == DIVA_OK
             ? engine->ops->gram_accumulate(engine->backend, primal->group_loo->batch.t, weight,
                                            system_of(primal), error)
             : status;
}

/* sum += Y' D T, or Y' T without weights, for the rows of the batch. */
static enum diva_status add_cross(struct diva_primal *primal, struct diva_matrix y, bool weighted,
                                  struct diva_matrix features, struct diva_matrix sum,
                                  struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_vector weight = {0};
  const enum diva_status status = weighted ? upload_weights(primal, 1.0, &weight, error) : DIVA_OK;
  return status == DIVA_OK ? engine->ops->cross_accumulate(engine->backend, y, weight, features,
                                                           narrow(primal, sum), error)
                           : status;
}

static enum diva_status begin_system(struct diva_primal *primal, struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t width = primal->width;
  memset(loo->square, 0, (size_t)(width * width) * sizeof *loo->square);
  for (int64_t i = 0; i < width; i++) {
    loo->square[i * width + i] = 1.0;
  }
  enum diva_status status =
      diva_engine_upload(primal->engine, system_of(primal), loo->square, error);
  if (status == DIVA_OK) {
    status = diva_engine_zero(primal->engine, loo->device_right, error);
  }
  return status == DIVA_OK ? diva_engine_zero(primal->engine, loo->across, error) : status;
}

/* Factors S and solves for what is in device_right; a copy goes to `right`. */
static enum diva_status solve_system(struct diva_primal *primal, int64_t group,
                                     struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const struct diva_groups *groups = &engine->groups;
  const struct diva_matrix right = narrow(primal, loo->device_right);
  enum diva_status status =
      diva_group_factor(primal, system_of(primal), groups->rows[groups->start[group]], error);
  if (status == DIVA_OK) {
    status = engine->ops->cholesky_solve(engine->backend, system_of(primal), right, error);
  }
  return status == DIVA_OK ? diva_engine_download(engine, right, loo->right, error) : status;
}

/* The solution in tile type, as `step`: what the weights of the model change by, in t. */
static enum diva_status make_step(struct diva_primal *primal, double sign,
                                  struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const struct diva_matrix right = narrow(primal, loo->device_right);
  for (int64_t i = 0; i < engine->info.outputs * primal->width; i++) {
    loo->right[i] *= sign;
  }
  const enum diva_status status = diva_engine_upload(engine, right, loo->right, error);
  return status == DIVA_OK ? engine->ops->convert(engine->backend, right, loo->step, error)
                           : status;
}

static enum diva_status add_to_system(struct diva_primal *primal, int64_t place,
                                      struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  (void)place;
  const enum diva_status status = subtract_chunk(primal, error);
  return status == DIVA_OK
             ? add_cross(primal, loo->batch.y, true, loo->batch.t, loo->device_right, error)
             : status;
}

/* R = E + T step', where step is negative so that the operation of a residual does it. */
static enum diva_status keep_residuals(struct diva_primal *primal, int64_t place,
                                       struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  enum diva_status status =
      engine->ops->residual(engine->backend, batch->t, primal->group_loo->step, batch->y, error);
  if (status == DIVA_OK) {
    status = diva_group_download(primal, batch->y, batch->e, error);
  }
  if (status == DIVA_OK) {
    diva_group_keep(primal, batch->e, batch->count, place);
  }
  return status;
}

enum diva_status diva_group_large_run(struct diva_primal *primal, int64_t group,
                                      struct diva_error *error) {
  enum diva_status status = begin_system(primal, error);
  if (status == DIVA_OK) {
    status = visit_chunks(primal, group, add_to_system, error);
  }
  if (status == DIVA_OK) {
    status = solve_system(primal, group, error);
  }
  if (status == DIVA_OK) {
    status = make_step(primal, -1.0, error);
  }
  return status == DIVA_OK ? visit_chunks(primal, group, keep_residuals, error) : status;
}

/* G of the batch, on the host and in tile type. */
static enum diva_status find_gradients(struct diva_primal *primal, int64_t place,
                                       struct diva_error *error) {
  struct diva_group_batch *batch = &primal->group_loo->batch;
  const int64_t outputs = primal->engine->info.outputs;
  double *r = NULL;
  enum diva_status status = diva_allocate(1, outputs * REAL, "a residual", (void **)&r, error);
  for (int64_t i = 0; i < batch->count && status == DIVA_OK; i++) {
    diva_group_residual(primal, place + i, r);
    diva_group_batch_gradient(primal, i, r, batch->g + i * outputs);
  }
  free(r);
  return status == DIVA_OK
             ? diva_group_upload(primal, batch->g, diva_tile_rows(primal->gradient, batch->count),
                                 error)
             : status;
}

/* S, and T' G beside it. */
static enum diva_status add_to_adjoint_system(struct diva_primal *primal, int64_t place,
                                              struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  enum diva_status status = subtract_chunk(primal, error);
  if (status == DIVA_OK) {
    status = find_gradients(primal, place, error);
  }
  return status == DIVA_OK ? add_cross(primal, diva_tile_rows(primal->gradient, loo->batch.count),
                                       false, loo->batch.t, loo->device_right, error)
                           : status;
}

/* Gt = G + D N for the rows' N = T S^-1 T' G, and what the group says of its own rows, N . R;
 * `n` holds -N. */
static void finish_rows(struct diva_primal *primal, const double *n, int64_t place, double *r) {
  struct diva_group_loo *loo = primal->group_loo;
  struct diva_group_batch *batch = &loo->batch;
  const int64_t outputs = primal->engine->info.outputs;
  for (int64_t i = 0; i < batch->count; i++) {
    double own = 0.0;
    for (int64_t c = 0; c < outputs; c++) {
      const int64_t at = i * outputs + c;
      own -= n[at] * r[at];
      batch->g[at] -= batch->weight[i] * n[at];
    }
    loo->own[place + i] = own;
  }
}

/* Gt of a chunk; the sums Z' Gt for M, and Z' Gt and Z' D R for the second Gram matrix. */
static enum diva_status add_to_sums(struct diva_primal *primal, int64_t place,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  struct diva_group_batch *batch = &loo->batch;
  const int64_t values = batch->count * engine->info.outputs;
  const struct diva_matrix gradient = diva_tile_rows(primal->gradient, batch->count);
  double *r = NULL;
  enum diva_status status = diva_allocate(2 * values, REAL, "residuals", (void **)&r, error);
  if (status != DIVA_OK) {
    return status;
  }
  double *n = r + values;
  for (int64_t i = 0; i < batch->count; i++) {
    diva_group_residual(primal, place + i, r + i * engine->info.outputs);
  }
  status = find_gradients(primal, place, error);
  /* 0 - T step' in place of E, which the host has kept. */
  memset(n, 0, (size_t)values * sizeof *n);
  if (status == DIVA_OK) {
    status = diva_group_upload(primal, n, batch->y, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->residual(engine->backend, batch->t, loo->step, batch->y, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_download(primal, batch->y, n, error);
  }
  if (status == DIVA_OK) {
    finish_rows(primal, n, place, r);
    status = diva_group_upload(primal, batch->g, gradient, error);
  }
  if (status == DIVA_OK) {
    status = add_cross(primal, gradient, false, batch->z, loo->device_right, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_upload(primal, r, batch->y, error);
  }
  if (status == DIVA_OK) {
    status = add_cross(primal, batch->y, true, batch->z, loo->across, error);
  }
  free(r);
  return status == DIVA_OK ? diva_group_add_direct(primal, error) : status;
}

/* Rows [first, first + count) of the pair of P and Q, each `outputs` rows, in one tile matrix. */
static enum diva_status upload_pair(struct diva_primal *primal, const double *from, int64_t count,
                                    struct diva_matrix to, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_matrix wide = narrow(primal, primal->group_loo->across);
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i += wide.rows) {
    wide.rows = count - i < wide.rows ? count - i : wide.rows;
    struct diva_matrix part = to;
    part.offset += i * to.stride;
    part.rows = wide.rows;
    status = diva_engine_upload(engine, wide, from + i * primal->width, error);
    if (status == DIVA_OK) {
      status = engine->ops->convert(engine->backend, wide, part, error);
    }
  }
  return status;
}

/* Adds sym(P' Q) = (P' Q + Q' P) / 2, of P = Z' Gt and Q = Z' D R, to the second Gram matrix: rows
 * (P, Q) / 2 against rows (Q, P), a tile at a time. */
static enum diva_status add_outer(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = engine->info.outputs;
  const int64_t values = outputs * primal->width;
  double *pair = NULL;
  enum diva_status status =
      diva_allocate(4 * values, REAL, "sums of a group", (void **)&pair, error);
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, narrow(primal, loo->device_right), pair, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, narrow(primal, loo->across), pair + values, error);
  }
  for (int64_t i = 0; i < values && status == DIVA_OK; i++) {
    pair[2 * values + i] = 0.5 * pair[values + i];
    pair[3 * values + i] = 0.5 * pair[i];
  }
  for (int64_t i = 0; i < 2 * outputs && status == DIVA_OK; i += primal->tile_rows) {
    const int64_t left = 2 * outputs - i;
    const int64_t count = left < primal->tile_rows ? left : primal->tile_rows;
    const struct diva_matrix x = diva_tile_rows(loo->mixed, count);
    const struct diva_matrix y = diva_tile_rows(loo->t, count);
    status = upload_pair(primal, pair + i * primal->width, count, x, error);
    if (status == DIVA_OK) {
      status = upload_pair(primal, pair + 2 * values + i * primal->width, count, y, error);
    }
    if (status == DIVA_OK) {
      status = engine->ops->cross_accumulate(engine->backend, x, (struct diva_vector){0}, y,
                                             primal->adjoint_gram, error);
    }
  }
  free(pair);
  return status;
}

enum diva_status diva_group_large_adjoint(struct diva_primal *primal, int64_t group,
                                          struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  enum diva_status status = begin_system(primal, error);
  if (status == DIVA_OK) {
    status = visit_chunks(primal, group, add_to_adjoint_system, error);
  }
  if (status == DIVA_OK) {
    status = solve_system(primal, group, error);
  }
  if (status == DIVA_OK) {
    status = make_step(primal, 1.0, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, primal->group_loo->device_right, error);
  }
  if (status == DIVA_OK) {
    status = visit_chunks(primal, group, add_to_sums, error);
  }
  return status == DIVA_OK ? add_outer(primal, error) : status;
}
