/* Leave one group out: small groups, solved among their rows, many to a tile. */
#include "group_loo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REAL = sizeof(double) };

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static bool wants_adjoint(const struct diva_engine *engine) {
  return engine->options->derivative && !engine->validation;
}

struct diva_matrix diva_group_corner(struct diva_matrix matrix, int64_t rows, int64_t columns) {
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.stride = diva_engine_stride(columns);
  return matrix;
}

static struct diva_matrix rows_from(struct diva_matrix matrix, int64_t first, int64_t count) {
  matrix.offset += first * matrix.stride;
  matrix.rows = count;
  return matrix;
}

static enum diva_status allocate_host(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t n = engine->info.rows;
  const int64_t outputs = engine->info.outputs;
  const int64_t grouped = engine->groups.row_count;
  const struct {
    void **array;
    int64_t count;
    int64_t bytes;
  } arrays[] = {
      {(void **)&loo->residual, grouped, outputs * engine->element},
      {(void **)&loo->patch, primal->tile_rows, outputs * engine->element},
      {(void **)&loo->order, primal->tile_rows, (int64_t)sizeof *loo->order},
      {(void **)&loo->own, wants_adjoint(engine) ? grouped : 0, REAL},
      {(void **)&loo->weight, n, REAL},
      {(void **)&loo->importance, n, REAL},
      {(void **)&loo->kernel, loo->side, loo->side * REAL},
      {(void **)&loo->square, loo->side, loo->side * REAL},
      {(void **)&loo->right, outputs, loo->side * REAL},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == DIVA_OK; i++) {
    status = diva_allocate(arrays[i].count, arrays[i].bytes, "leave-one-group-out", arrays[i].array,
                           error);
  }
  return status;
}

/* Rows of the largest group that is solved among its rows. */
static int64_t find_limit(const struct diva_primal *primal) {
  return smaller(primal->width, primal->tile_rows);
}

/* At most the width: of columns, or of fewer rows. */
static int64_t find_side(const struct diva_primal *primal) {
  const int64_t largest = primal->engine->groups.largest;
  return largest > find_limit(primal) ? primal->width : largest;
}

/* Where they are only counted there is nothing on the host. */
enum diva_status diva_group_loo_take(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo counted = {0};
  struct diva_group_loo *loo = primal->group_loo ? primal->group_loo : &counted;
  const int64_t side = find_side(primal);
  const int64_t outputs = engine->info.outputs;
  const int64_t element = engine->element;
  const struct {
    struct diva_matrix *matrix;
    int64_t rows, columns, element;
    bool wanted;
  } matrices[] = {
      {&loo->t, primal->tile_rows, primal->width, element, true},
      {&loo->mixed, primal->tile_rows, primal->width, element, wants_adjoint(engine)},
      {&loo->system, side, side, REAL, true},
      {&loo->tile_square, side, side, element, true},
      {&loo->device_right, outputs, side, REAL, true},
      {&loo->across, outputs, side, REAL, true},
      {&loo->step, outputs, primal->width, element, true},
  };
  if (engine->groups.count == 0) {
    return DIVA_OK;
  }
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == DIVA_OK; i++) {
    if (matrices[i].wanted) {
      status = diva_engine_matrix(engine, matrices[i].rows, matrices[i].columns,
                                  matrices[i].element, matrices[i].matrix, error);
    }
  }
  return status == DIVA_OK
             ? diva_engine_vector(engine, primal->tile_rows, (int64_t)sizeof *loo->order,
                                  &loo->device_order, error)
             : status;
}

enum diva_status diva_group_loo_allocate(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_groups *groups = &primal->engine->groups;
  if (groups->count == 0) {
    return DIVA_OK;
  }
  enum diva_status status = diva_allocate(1, sizeof *primal->group_loo, "leave-one-group-out",
                                          (void **)&primal->group_loo, error);
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_group_loo *loo = primal->group_loo;
  loo->slack = 1.0;
  loo->limit = find_limit(primal);
  loo->side = find_side(primal);
  status = allocate_host(primal, error);
  return status == DIVA_OK ? diva_group_batch_allocate(primal, error) : status;
}

void diva_group_loo_free(struct diva_primal *primal) {
  struct diva_group_loo *loo = primal->group_loo;
  if (!loo) {
    return;
  }
  diva_group_batch_free(&loo->batch);
  free(loo->residual);
  free(loo->patch);
  free(loo->order);
  free(loo->own);
  free(loo->weight);
  free(loo->importance);
  free(loo->kernel);
  free(loo->square);
  free(loo->right);
  free(loo);
  primal->group_loo = NULL;
}

enum diva_status diva_group_factor(struct diva_primal *primal, struct diva_matrix system,
                                   int64_t first_row, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  enum diva_status status = engine->ops->cholesky(engine->backend, system, error);
  if (status == DIVA_ERROR_NUMERICAL) {
    diva_error_prefix(error, "the group of row %lld cannot be left out at lambda %g: ",
                      (long long)first_row, engine->lambda);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, system, loo->square, error);
  }
  for (int64_t i = 0; i < system.rows && status == DIVA_OK; i++) {
    const double pivot = loo->square[i * system.columns + i];
    loo->slack = fmin(loo->slack, pivot * pivot);
  }
  return status;
}

/* Solves S x = b for the `outputs` right-hand sides in `right`, in place. */
static enum diva_status solve(struct diva_primal *primal, int64_t size, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const struct diva_matrix system = diva_group_corner(loo->system, size, size);
  const struct diva_matrix right = diva_group_corner(loo->device_right, engine->info.outputs, size);
  enum diva_status status = diva_engine_upload(engine, right, loo->right, error);
  if (status == DIVA_OK) {
    status = engine->ops->cholesky_solve(engine->backend, system, right, error);
  }
  return status == DIVA_OK ? diva_engine_download(engine, right, loo->right, error) : status;
}

/* K of the rows [at, at + size) of the batch, and S factored. */
static enum diva_status factor_rows(struct diva_primal *primal, int64_t at, int64_t size,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  const struct diva_matrix t = rows_from(loo->t, at, size);
  const struct diva_matrix tile = diva_group_corner(loo->tile_square, size, size);
  const struct diva_matrix system = diva_group_corner(loo->system, size, size);
  const double *weight = loo->batch.weight + at;
  enum diva_status status = engine->ops->multiply(engine->backend, engine->element == REAL, false,
                                                  true, t, t, tile, error);
  if (status == DIVA_OK) {
    status = diva_group_download(primal, tile, loo->kernel, error);
  }
  for (int64_t i = 0; i < size; i++) {
    for (int64_t j = 0; j < size; j++) {
      loo->square[i * size + j] =
          (i == j ? 1.0 : 0.0) - sqrt(weight[i] * weight[j]) * loo->kernel[i * size + j];
    }
  }
  if (status == DIVA_OK) {
    status = diva_engine_upload(engine, system, loo->square, error);
  }
  return status == DIVA_OK ? diva_group_factor(primal, system, loo->batch.rows[at], error) : status;
}

void diva_group_keep(struct diva_primal *primal, const double *r, int64_t count, int64_t place) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = primal->engine->info.outputs;
  if (primal->engine->element == REAL) {
    memcpy(loo->residual + place * outputs * REAL, r, (size_t)(count * outputs) * sizeof *r);
    return;
  }
  float *to = (float *)(void *)loo->residual + place * outputs;
  for (int64_t i = 0; i < count * outputs; i++) {
    to[i] = (float)r[i];
  }
}

/*
 * R = D^-1/2 S^-1 D^1/2 E for rows trained on; for the others, which nothing of the group is fitted
 * to, R = E + K D R.
 */
static enum diva_status find_residuals(struct diva_primal *primal, int64_t at, int64_t size,
                                       struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = primal->engine->info.outputs;
  const double *weight = loo->batch.weight + at;
  const double *e = loo->batch.e + at * outputs;
  double *r = loo->batch.g + at * outputs;
  enum diva_status status = factor_rows(primal, at, size, error);
  for (int64_t i = 0; i < size; i++) {
    for (int64_t c = 0; c < outputs; c++) {
      loo->right[c * size + i] = sqrt(weight[i]) * e[i * outputs + c];
    }
  }
  if (status == DIVA_OK) {
    status = solve(primal, size, error);
  }
  for (int64_t i = 0; i < size && status == DIVA_OK; i++) {
    for (int64_t c = 0; c < outputs; c++) {
      const double *x = loo->right + c * size;
      double sum = e[i * outputs + c];
      for (int64_t j = 0; j < size && weight[i] == 0.0; j++) {
        sum += loo->kernel[i * size + j] * sqrt(weight[j]) * x[j];
      }
      r[i * outputs + c] = weight[i] > 0.0 ? x[i] / sqrt(weight[i]) : sum;
    }
  }
  return status;
}

/* Gt = D^1/2 S^-1 D^-1/2 G into the batch; it is 0 for rows that are not trained on. */
static enum diva_status find_adjoints(struct diva_primal *primal, int64_t at, int64_t size,
                                      const double *r, struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = primal->engine->info.outputs;
  const double *weight = loo->batch.weight + at;
  double *g = loo->batch.g + at * outputs;
  for (int64_t i = 0; i < size; i++) {
    diva_group_batch_gradient(primal, at + i, r + i * outputs, g + i * outputs);
    for (int64_t c = 0; c < outputs; c++) {
      loo->right[c * size + i] = weight[i] > 0.0 ? g[i * outputs + c] / sqrt(weight[i]) : 0.0;
    }
  }
  const enum diva_status status = solve(primal, size, error);
  for (int64_t i = 0; i < size && status == DIVA_OK; i++) {
    for (int64_t c = 0; c < outputs; c++) {
      g[i * outputs + c] = sqrt(weight[i]) * loo->right[c * size + i];
    }
  }
  return status;
}

static double dot(const double *a, const double *b, int64_t n) {
  double sum = 0.0;
  for (int64_t c = 0; c < n; c++) {
    sum += a[c] * b[c];
  }
  return sum;
}

/* What a group says of its own rows, (K Gt)_j . r_j = sum_i K_ji gt_i . r_j; and B = the symmetric
 * part of Gt R' D, into `square`. */
static void mix_rows(struct diva_primal *primal, int64_t at, int64_t size, const double *r,
                     double *own) {
  const struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = primal->engine->info.outputs;
  const double *weight = loo->batch.weight + at;
  const double *g = loo->batch.g + at * outputs;
#pragma omp parallel for num_threads(primal->engine->threads) if (size > 64)
  for (int64_t j = 0; j < size; j++) {
    double sum = 0.0;
    for (int64_t i = 0; i < size; i++) {
      const double pull = dot(g + i * outputs, r + j * outputs, outputs);
      const double back = dot(g + j * outputs, r + i * outputs, outputs);
      sum += loo->kernel[j * size + i] * pull;
      loo->square[j * size + i] = 0.5 * (pull * weight[j] + back * weight[i]);
    }
    own[j] = sum;
  }
}

/* Rows of B Z, whose sum with Z is the group's part of the second Gram matrix. */
static enum diva_status mix_features(struct diva_primal *primal, int64_t at, int64_t size,
                                     struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_group_loo *loo = primal->group_loo;
  const struct diva_matrix wide = diva_group_corner(loo->system, size, size);
  const struct diva_matrix tile = diva_group_corner(loo->tile_square, size, size);
  enum diva_status status = diva_engine_upload(engine, wide, loo->square, error);
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, wide, tile, error);
  }
  return status == DIVA_OK ? engine->ops->multiply(engine->backend, engine->element == REAL, false,
                                                   false, tile, rows_from(loo->batch.z, at, size),
                                                   rows_from(loo->mixed, at, size), error)
                           : status;
}

static enum diva_status differentiate_group(struct diva_primal *primal, int64_t at, int64_t size,
                                            int64_t place, struct diva_error *error) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = primal->engine->info.outputs;
  double *r = NULL;
  enum diva_status status = diva_allocate(size, outputs * REAL, "residuals", (void **)&r, error);
  for (int64_t i = 0; i < size && status == DIVA_OK; i++) {
    diva_group_residual(primal, place + i, r + i * outputs);
  }
  if (status == DIVA_OK) {
    status = factor_rows(primal, at, size, error);
  }
  if (status == DIVA_OK) {
    status = find_adjoints(primal, at, size, r, error);
  }
  if (status == DIVA_OK) {
    mix_rows(primal, at, size, r, loo->own + place);
    status = mix_features(primal, at, size, error);
  }
  free(r);
  return status;
}

enum diva_status diva_group_add_direct(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  const int64_t outputs = engine->info.outputs;
  const struct diva_matrix gradient = diva_tile_rows(primal->gradient, batch->count);
  for (int64_t i = 0; i < batch->count; i++) {
    for (int64_t c = 0; c < outputs; c++) {
      const int64_t at = i * outputs + c;
      batch->g[at] -= primal->gradient_shift * batch->weight[i] * batch->e[at];
    }
  }
  const enum diva_status status = diva_group_upload(primal, batch->g, gradient, error);
  return status == DIVA_OK
             ? engine->ops->cross_accumulate(engine->backend, gradient, (struct diva_vector){0},
                                             batch->z, primal->cross_scratch, error)
             : status;
}

/* The sums of a batch of small groups; B is symmetric, so that the upper triangle is right. */
static enum diva_status add_sums(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_group_loo *loo = primal->group_loo;
  const enum diva_status status = diva_group_add_direct(primal, error);
  return status == DIVA_OK ? engine->ops->cross_accumulate(
                                 engine->backend, diva_tile_rows(loo->mixed, loo->batch.count),
                                 (struct diva_vector){0}, loo->batch.z, primal->adjoint_gram, error)
                           : status;
}

/* One batch of whole groups [first, end), none above the limit. */
static enum diva_status visit_batch(struct diva_primal *primal, int64_t first, int64_t end,
                                    bool adjoint, struct diva_error *error) {
  const struct diva_groups *groups = &primal->engine->groups;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  const int64_t place = groups->start[first];
  enum diva_status status =
      diva_group_batch_load(primal, groups->rows + place, groups->start[end] - place, error);
  for (int64_t g = first; g < end && status == DIVA_OK; g++) {
    const int64_t size = groups->start[g + 1] - groups->start[g];
    const int64_t at = groups->start[g] - place;
    status = adjoint ? differentiate_group(primal, at, size, groups->start[g], error)
                     : find_residuals(primal, at, size, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (!adjoint) {
    diva_group_keep(primal, batch->g, batch->count, place);
    return DIVA_OK;
  }
  return add_sums(primal, error);
}

/* The end of the batch that begins with a group: as many small groups as a tile holds. */
static int64_t batch_end(const struct diva_primal *primal, int64_t first) {
  const struct diva_groups *groups = &primal->engine->groups;
  int64_t end = first;
  while (end < groups->count &&
         groups->start[end + 1] - groups->start[end] <= primal->group_loo->limit &&
         groups->start[end + 1] - groups->start[first] <= primal->tile_rows) {
    end++;
  }
  return end;
}

static enum diva_status visit_groups(struct diva_primal *primal, bool adjoint,
                                     struct diva_error *error) {
  const struct diva_groups *groups = &primal->engine->groups;
  const struct diva_progress *progress = &primal->engine->options->progress;
  const double start = diva_clock_seconds();
  enum diva_status status = DIVA_OK;
  for (int64_t g = 0; g < groups->count && status == DIVA_OK;) {
    const int64_t end = batch_end(primal, g);
    status = diva_progress_report(progress, "groups", groups->start[g], groups->row_count, error);
    if (status == DIVA_OK && end > g) {
      status = visit_batch(primal, g, end, adjoint, error);
    } else if (status == DIVA_OK) {
      status = adjoint ? diva_group_large_adjoint(primal, g, error)
                       : diva_group_large_run(primal, g, error);
    }
    g = end > g ? end : g + 1;
  }
  diva_engine_account(primal->engine, adjoint ? PHASE_DERIVATIVE : PHASE_LOO, start);
  return status;
}

enum diva_status diva_group_loo_run(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  struct diva_group_loo *loo = primal->group_loo;
  if (!loo) {
    return DIVA_OK;
  }
  for (int64_t i = 0; i < engine->info.rows; i++) {
    const bool grouped = engine->groups.place[i] >= 0;
    loo->weight[i] = grouped ? 0.0 : engine->weight[i];
    loo->importance[i] = grouped ? 0.0 : engine->importance[i];
  }
  const enum diva_status status = visit_groups(primal, false, error);
  primal->train.weight = loo->weight;
  primal->train.importance = loo->importance;
  return status == DIVA_OK ? diva_columns_upload(primal, &primal->train, error) : status;
}

/* R of the grouped rows of a tile, one after another, and where in the tile each goes; how many. */
static int64_t pack_patch(struct diva_primal *primal, const struct diva_prepared_tile *tile) {
  struct diva_group_loo *loo = primal->group_loo;
  const int64_t row_bytes = primal->engine->info.outputs * primal->engine->element;
  int64_t count = 0;
  for (int64_t i = 0; i < tile->count; i++) {
    const int64_t place = primal->engine->groups.place[tile->first + i];
    if (place >= 0) {
      memcpy(loo->patch + count * row_bytes, loo->residual + place * row_bytes, (size_t)row_bytes);
      loo->order[count++] = (int32_t)i;
    }
  }
  return count;
}

enum diva_status diva_group_loo_patch(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const struct diva_group_loo *loo = primal->group_loo;
  const int64_t outputs = engine->info.outputs;
  const int64_t count = loo ? pack_patch(primal, tile) : 0;
  if (count == 0) {
    return DIVA_OK;
  }
  /* The memory of the gradients, which are made from what is patched here. */
  const struct diva_matrix packed = {primal->gradient.buffer, 0, count, outputs, outputs};
  const struct diva_vector order = diva_tile_slice(loo->device_order, count);
  enum diva_status status = engine->ops->upload(engine->backend, packed.buffer, 0, loo->patch,
                                                count * outputs * engine->element, error);
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, order.buffer, 0, loo->order,
                                 count * (int64_t)sizeof *loo->order, error);
  }
  return status == DIVA_OK
             ? engine->ops->scatter_rows(engine->backend, packed, order, tile->y, error)
             : status;
}

enum diva_status diva_group_loo_adjoint(struct diva_primal *primal, struct diva_error *error) {
  return primal->group_loo && wants_adjoint(primal->engine) ? visit_groups(primal, true, error)
                                                            : DIVA_OK;
}

void diva_group_loo_finish(struct diva_primal *primal) {
  const struct diva_groups *groups = &primal->engine->groups;
  if (!primal->group_loo || !wants_adjoint(primal->engine)) {
    return;
  }
  for (int64_t i = 0; i < groups->row_count; i++) {
    primal->engine->analysis->derivative[groups->rows[i]] -= primal->group_loo->own[i];
  }
}
