/* Everything the primal solver holds, taken before the first tile and released after the last. */
#include "feed.h"
#include "group_loo.h"
#include "primal.h"

#include <stdlib.h>

enum { REAL = sizeof(double) };

static bool is_dense(const struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  return engine->info.has_targets || engine->info.has_base_outputs ||
         (engine->validation && primal->validation.info.has_base_outputs);
}

static enum diva_status take_tile(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t rows = primal->tile_rows;
  const int64_t outputs = engine->info.outputs;
  const struct {
    struct diva_matrix *matrix;
    int64_t columns;
    int64_t element;
    bool wanted;
  } matrices[] = {
      {&primal->z, primal->columns + 1, engine->element, true},
      {&primal->y, outputs, engine->element, true},
      {&primal->gradient, outputs, engine->element, true},
      {&primal->scores, outputs, REAL, true},
      {&primal->wide_y, outputs, REAL, is_dense(primal)},
      {&primal->targets, outputs, REAL, engine->info.has_targets},
  };
  struct diva_vector *vectors[] = {
      &primal->weight,    &primal->importance, &primal->tile_form, &primal->loss,
      &primal->margin,    &primal->quality,    &primal->tile_pull, &primal->adjoint,
      &primal->quadratic, &primal->derivative,
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == DIVA_OK; i++) {
    if (matrices[i].wanted) {
      status = diva_engine_matrix(engine, rows, matrices[i].columns, matrices[i].element,
                                  matrices[i].matrix, error);
    }
  }
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0] && status == DIVA_OK; i++) {
    status = diva_engine_vector(engine, rows, REAL, vectors[i], error);
  }
  struct diva_vector *integers[] = {&primal->labels, &primal->suggested, &primal->score_rows};
  for (size_t i = 0; i < sizeof integers / sizeof integers[0] && status == DIVA_OK; i++) {
    status = diva_engine_vector(engine, rows, (int64_t)sizeof(int32_t), integers[i], error);
  }
  return status;
}

/* Stored rows are contiguous, as they are read. */
static enum diva_status take_place(struct diva_primal *primal, int64_t stored,
                                   struct diva_matrix *out, struct diva_error *error) {
  struct diva_vector memory;
  const enum diva_status status = diva_engine_vector(
      primal->engine, primal->tile_rows * primal->stored_columns, stored, &memory, error);
  *out = (struct diva_matrix){.buffer = memory.buffer,
                              .rows = primal->tile_rows,
                              .columns = primal->stored_columns,
                              .stride = primal->stored_columns};
  return status;
}

/* Of a stored value, of the set whose values are larger. */
static int64_t stored_bytes(const struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  const int64_t stored = diva_dtype_size(engine->info.feature_type);
  const int64_t other =
      engine->validation ? diva_dtype_size(primal->validation.info.feature_type) : 0;
  return other > stored ? other : stored;
}

/* Pinned memory is slow to come by: it is taken once for all passes. */
static enum diva_status allocate_slots(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  enum { SLOTS = sizeof primal->slots / sizeof primal->slots[0] };
  const bool wanted = diva_feed_takes_slots(primal, &primal->train) ||
                      (engine->validation && diva_feed_takes_slots(primal, &primal->validation));
  if (!wanted) {
    return DIVA_OK;
  }
  primal->slot_bytes = primal->tile_rows * primal->stored_columns * stored_bytes(primal);
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < SLOTS && status == DIVA_OK; i++) {
    status =
        engine->ops->host_create(engine->backend, primal->slot_bytes, &primal->slots[i], error);
  }
  return status;
}

static void free_slots(struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  for (size_t i = 0; i < sizeof primal->slots / sizeof primal->slots[0]; i++) {
    if (primal->slots[i]) {
      engine->ops->host_destroy(engine->backend, primal->slots[i]);
    }
  }
}

static enum diva_status take_raw(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t stored = stored_bytes(primal);
  struct diva_vector memory;
  enum diva_status status = take_place(primal, stored, &primal->raw, error);
  if (status == DIVA_OK && engine->ops->upload_begin) {
    status = take_place(primal, stored, &primal->raw_next, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, 1, (int64_t)sizeof(int64_t), &memory, error);
    primal->fault = memory.buffer;
  }
  return status;
}

/* The first pass may need one column more than the model has: each is as wide as that. */
static enum diva_status take_squares(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t wide = primal->columns + 1;
  struct diva_matrix *doubles[] = {&primal->gram, &primal->factor, &primal->inverse,
                                   &primal->adjoint_gram};
  struct diva_matrix *tiles[] = {&primal->upper, &primal->curvature};
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof doubles / sizeof doubles[0] && status == DIVA_OK; i++) {
    status = diva_engine_matrix(engine, wide, wide, REAL, doubles[i], error);
    doubles[i]->rows = doubles[i]->columns = primal->width;
  }
  for (size_t i = 0; i < sizeof tiles / sizeof tiles[0] && status == DIVA_OK; i++) {
    status = diva_engine_matrix(engine, wide, wide, engine->element, tiles[i], error);
    tiles[i]->rows = tiles[i]->columns = primal->width;
  }
  return status;
}

static enum diva_status take_narrow(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t wide = primal->columns + 1;
  const int64_t outputs = engine->info.outputs;
  const struct {
    struct diva_matrix *matrix;
    int64_t element;
  } matrices[] = {
      {&primal->cross, REAL},
      {&primal->cross_scratch, REAL},
      {&primal->w, engine->element},
      {&primal->m, engine->element},
  };
  const struct {
    struct diva_vector *vector;
    int64_t length;
  } vectors[] = {
      {&primal->shift, primal->columns},      {&primal->multiplier, primal->stored_columns},
      {&primal->eigenvalues, primal->width},  {&primal->penalised, primal->width},
      {&primal->lambdas, DIVA_LAMBDA_COARSE}, {&primal->sums, DIVA_LAMBDA_COARSE},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == DIVA_OK; i++) {
    status =
        diva_engine_matrix(engine, outputs, wide, matrices[i].element, matrices[i].matrix, error);
    matrices[i].matrix->columns = primal->width;
  }
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0] && status == DIVA_OK; i++) {
    status = diva_engine_vector(engine, vectors[i].length, REAL, vectors[i].vector, error);
  }
  return status;
}

static enum diva_status take_sample(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t rows = diva_sample_wanted(primal);
  enum diva_status status = DIVA_OK;
  if (rows == 0) {
    return DIVA_OK;
  }
  if (engine->options->lambda == 0.0 && diva_path_rotates(primal)) {
    status =
        diva_engine_matrix(engine, rows, primal->width, engine->element, &primal->sample_t, error);
    if (status == DIVA_OK) {
      status = diva_engine_matrix(engine, rows, engine->info.outputs, engine->element,
                                  &primal->sample_y, error);
    }
  }
  struct diva_vector *vectors[] = {&primal->sample_weight, &primal->sample_share};
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0] && status == DIVA_OK; i++) {
    status = diva_engine_vector(engine, rows, REAL, vectors[i], error);
  }
  return status;
}

/* Columns that are no result, but what later passes or results are made from. */
static enum diva_status allocate_columns(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t rows = engine->info.rows;
  const int64_t others = primal->validation.info.rows;
  const struct {
    void **column;
    int64_t rows, element;
    bool wanted;
  } columns[] = {
      {(void **)&primal->form, rows, REAL, true},
      {(void **)&primal->pull, rows, REAL, true},
      {(void **)&primal->square, rows, REAL, engine->options->removal},
      {(void **)&primal->validation_loss, others, REAL, engine->validation != NULL},
      {(void **)&primal->validation_suggested, others, (int64_t)sizeof(int32_t),
       engine->validation != NULL},
  };
  enum diva_status status = DIVA_OK;
  for (size_t c = 0; c < sizeof columns / sizeof columns[0] && status == DIVA_OK; c++) {
    if (columns[c].wanted) {
      status =
          diva_allocate(columns[c].rows, columns[c].element, "a column", columns[c].column, error);
    }
  }
  return status;
}

static enum diva_status allocate_host(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t outputs = engine->info.outputs;
  enum diva_status status = diva_allocate(primal->width * primal->width, REAL, "the Gram matrix",
                                          (void **)&primal->host_gram, error);
  if (status == DIVA_OK && is_dense(primal)) {
    status = diva_allocate(primal->tile_rows * outputs, REAL, "targets of a tile",
                           (void **)&primal->dense, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_allocate(2 * primal->tile_rows, REAL, "staging", (void **)&primal->staging, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(primal->width, REAL, "the diagonal", (void **)&primal->diagonal, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(outputs * primal->width, REAL, "cross sums",
                           (void **)&primal->host_cross, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(outputs * primal->width, REAL, "the weights", (void **)&primal->host_w,
                           error);
  }
  return status == DIVA_OK ? allocate_columns(primal, error) : status;
}

enum diva_status diva_primal_take(struct diva_primal *primal, struct diva_error *error) {
  enum diva_status (*const parts[])(struct diva_primal *, struct diva_error *) = {
      take_tile,         take_raw,    take_squares,       take_narrow,
      diva_fourier_take, take_sample, diva_group_loo_take};
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == DIVA_OK; i++) {
    status = parts[i](primal, error);
  }
  return status;
}

enum diva_status diva_primal_allocate(struct diva_primal *primal, struct diva_error *error) {
  enum diva_status status = allocate_host(primal, error);
  if (status == DIVA_OK && diva_sample_wanted(primal) > 0) {
    status = diva_sample_draw(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_loo_allocate(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_primal_take(primal, error);
  }
  if (status == DIVA_OK) {
    status = allocate_slots(primal, error);
  }
  if (status == DIVA_OK) {
    diva_columns_describe(primal);
    status = diva_columns_hold(primal, error);
  }
  if (status == DIVA_OK) {
    diva_feed_keep_rows(primal);
  }
  return status;
}

void diva_primal_free(struct diva_primal *primal) {
  free_slots(primal);
  diva_engine_close_backend(primal->engine);
  diva_group_loo_free(primal);
  free(primal->form);
  free(primal->pull);
  free(primal->square);
  free(primal->validation_loss);
  free(primal->validation_suggested);
  free(primal->staging);
  free(primal->dense);
  free(primal->host_gram);
  free(primal->diagonal);
  free(primal->host_cross);
  free(primal->host_w);
  free(primal->sample_index);
  free(primal->sample);
  free(primal->sample_targets);
  free(primal->sample_shares);
}
