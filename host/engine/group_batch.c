/* Rows of groups, gathered from all over the dataset into a tile on the device. */
#include "group_loo.h"

#include "host/dataset/gather.h"

#include <stdlib.h>
#include <string.h>

enum { REAL = sizeof(double) };

enum diva_status diva_group_batch_allocate(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_dataset_info *info = &primal->engine->info;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  const int64_t rows = primal->tile_rows;
  const int64_t feature_bytes = info->columns * diva_dtype_size(info->feature_type);
  const int64_t output_bytes = info->outputs * REAL;
  const struct {
    void **array;
    int64_t count;
    int64_t bytes;
  } arrays[] = {
      {(void **)&batch->stored, rows, feature_bytes},
      {(void **)&batch->targets, info->has_targets ? rows : 0, output_bytes},
      {(void **)&batch->base_outputs, info->has_base_outputs ? rows : 0, output_bytes},
      {(void **)&batch->weight, rows, REAL},
      {(void **)&batch->labels, rows, (int64_t)sizeof *batch->labels},
      {(void **)&batch->e, rows, output_bytes},
      {(void **)&batch->g, rows, output_bytes},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == DIVA_OK; i++) {
    status =
        diva_allocate(arrays[i].count, arrays[i].bytes, "rows of groups", arrays[i].array, error);
  }
  return status;
}

void diva_group_batch_free(struct diva_group_batch *batch) {
  free(batch->stored);
  free(batch->targets);
  free(batch->base_outputs);
  free(batch->weight);
  free(batch->labels);
  free(batch->e);
  free(batch->g);
}

static enum diva_status gather_parts(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  const struct diva_dataset_info *info = &engine->info;
  for (int64_t i = 0; i < batch->count; i++) {
    batch->weight[i] = engine->weight[batch->rows[i]];
    batch->labels[i] = engine->labels ? engine->labels[batch->rows[i]] : -1;
  }
  enum diva_status status =
      diva_gather_features(engine->train, batch->rows, batch->count, batch->stored, error);
  if (status == DIVA_OK && info->has_targets) {
    status = diva_gather_targets(engine->train, batch->rows, batch->count, batch->targets, error);
  }
  if (status == DIVA_OK && info->has_base_outputs) {
    status = diva_gather_base_outputs(engine->train, batch->rows, batch->count, batch->base_outputs,
                                      error);
  }
  return status;
}

enum diva_status diva_group_batch_load(struct diva_primal *primal, const int64_t *rows,
                                       int64_t count, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_group_batch *batch = &primal->group_loo->batch;
  batch->rows = rows;
  batch->count = count;
  enum diva_status status = gather_parts(primal, error);
  const struct diva_row_set set = {.dataset = engine->train,
                                   .info = engine->info,
                                   .labels = engine->labels ? batch->labels : NULL,
                                   .weight = batch->weight};
  const struct diva_prefetch_tile read = {
      .count = count,
      .features = batch->stored,
      .targets = engine->info.has_targets ? batch->targets : NULL,
      .base_outputs = engine->info.has_base_outputs ? batch->base_outputs : NULL};
  struct diva_prepared_tile tile = {0};
  if (status == DIVA_OK) {
    status = diva_tiles_prepare(primal, &set, &read, &tile, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->residual(engine->backend, tile.z, primal->w, tile.y, error);
  }
  batch->z = tile.z;
  batch->y = tile.y;
  batch->t = diva_tile_rows(primal->group_loo->t, count);
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, engine->element == REAL, false, false, batch->z,
                                   primal->upper, batch->t, error);
  }
  return status == DIVA_OK ? diva_group_download(primal, batch->y, batch->e, error) : status;
}

void diva_group_batch_gradient(const struct diva_primal *primal, int64_t i, const double *r,
                               double *g) {
  const struct diva_engine *engine = primal->engine;
  const struct diva_group_batch *batch = &primal->group_loo->batch;
  const int64_t outputs = engine->info.outputs;
  const double importance = engine->importance[batch->rows[i]];
  const bool entropy = engine->options->loss == DIVA_LOSS_CROSS_ENTROPY;
  const struct diva_target target = {engine->labels ? NULL : batch->targets + i * outputs,
                                     batch->labels[i]};
  const struct diva_residual_row row = {
      .e = r, .is_double = true, .outputs = outputs, .one_minus_h = 1.0};
  struct diva_softmax softmax = {0};
  double y_sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    y_sum += diva_target_value(target, c);
    g[c] = 0.0;
  }
  if (importance == 0.0) {
    return;
  }
  if (entropy) {
    softmax = diva_softmax_prepare(row, target, engine->temperature);
  }
  for (int64_t c = 0; c < outputs; c++) {
    g[c] =
        importance * (entropy ? diva_cross_entropy_gradient(softmax, diva_loo_score(row, target, c),
                                                            diva_target_value(target, c), y_sum)
                              : diva_squared_gradient(r[c]));
  }
}

static void widen(const void *stored, int64_t element, int64_t count, double *out) {
  for (int64_t j = 0; j < count; j++) {
    out[j] = element == REAL ? ((const double *)stored)[j] : (double)((const float *)stored)[j];
  }
}

/* How many rows with their padding travel at once: each download costs more to start than its
 * bytes do. */
static int64_t rows_at_once(struct diva_matrix matrix, int64_t element) {
  const int64_t bytes = 1 << 20;
  const int64_t fitting = bytes / (matrix.stride * element);
  const int64_t most = fitting > 0 ? fitting : 1;
  return most < matrix.rows ? most : matrix.rows;
}

enum diva_status diva_group_download(struct diva_primal *primal, struct diva_matrix from,
                                     double *to, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t element = engine->element;
  const int64_t piece = rows_at_once(from, element);
  char *stored = NULL;
  enum diva_status status =
      diva_allocate(piece * from.stride, element, "rows on their way", (void **)&stored, error);
  for (int64_t first = 0; first < from.rows && status == DIVA_OK; first += piece) {
    const int64_t rows = from.rows - first < piece ? from.rows - first : piece;
    const int64_t values = (rows - 1) * from.stride + from.columns;
    status = engine->ops->download(engine->backend, from.buffer,
                                   (from.offset + first * from.stride) * element, stored,
                                   values * element, error);
    for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
      widen(stored + i * from.stride * element, element, from.columns,
            to + (first + i) * from.columns);
    }
  }
  free(stored);
  return status;
}

enum diva_status diva_group_upload(struct diva_primal *primal, const double *from,
                                   struct diva_matrix to, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_matrix wide = diva_tile_rows(primal->scores, to.rows);
  const enum diva_status status = diva_engine_upload(engine, wide, from, error);
  return status == DIVA_OK ? engine->ops->convert(engine->backend, wide, to, error) : status;
}

void diva_group_residual(const struct diva_primal *primal, int64_t place, double *out) {
  const int64_t outputs = primal->engine->info.outputs;
  const int64_t element = primal->engine->element;
  const char *from = primal->group_loo->residual + place * outputs * element;
  for (int64_t c = 0; c < outputs; c++) {
    float value = 0.0F;
    if (element == REAL) {
      memcpy(&out[c], from + c * element, sizeof out[c]);
    } else {
      memcpy(&value, from + c * element, sizeof value);
      out[c] = (double)value;
    }
  }
}
