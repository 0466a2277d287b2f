/* The rows that lambda is chosen on: a seeded sample, kept as stored while the first pass reads. */
#include "host/core/random.h"
#include "primal.h"

#include <stdlib.h>
#include <string.h>

static void select_rows(const struct diva_engine *engine, int64_t wanted, int64_t *index) {
  struct diva_random random = {engine->options->seed};
  int64_t left = engine->training_rows;
  for (int64_t i = 0; i < engine->info.rows && wanted > 0; i++) {
    if (engine->weight[i] > 0.0 && diva_random_selects(&random, &left, &wanted)) {
      *index++ = i;
    }
  }
}

/* Where no sampled row counts, all do: there is no other objective to choose by. */
static void fill_shares(const struct diva_engine *engine, const int64_t *index, int64_t rows,
                        double *shares) {
  double total = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    shares[i] = diva_rows_share(engine, index[i]);
    total += shares[i];
  }
  for (int64_t i = 0; i < rows && total == 0.0; i++) {
    shares[i] = 1.0;
  }
}

int64_t diva_sample_wanted(const struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  const int64_t most = engine->options->sample_rows;
  if (engine->options->lambda > 0.0 && primal->fourier.count == 0) {
    return 0;
  }
  return most < engine->training_rows ? most : engine->training_rows;
}

enum diva_status diva_sample_draw(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const bool dense = engine->info.has_targets || engine->info.has_base_outputs;
  const int64_t row_bytes = primal->stored_columns * diva_dtype_size(engine->info.feature_type);
  const int64_t wanted = diva_sample_wanted(primal);
  enum diva_status status = diva_allocate(wanted, sizeof *primal->sample_index, "the sample",
                                          (void **)&primal->sample_index, error);
  if (status == DIVA_OK) {
    status = diva_allocate(wanted, row_bytes, "the sample", (void **)&primal->sample, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(wanted, sizeof *primal->sample_shares, "the sample",
                           (void **)&primal->sample_shares, error);
  }
  if (status == DIVA_OK && dense) {
    status = diva_allocate(wanted * engine->info.outputs, sizeof *primal->sample_targets,
                           "the sample's targets", (void **)&primal->sample_targets, error);
  }
  if (status == DIVA_OK) {
    select_rows(engine, wanted, primal->sample_index);
    fill_shares(engine, primal->sample_index, wanted, primal->sample_shares);
    primal->sample_rows = wanted;
  }
  return status;
}

/* First position in the ascending index whose row is at least `row`. */
static int64_t lower_bound(const int64_t *index, int64_t count, int64_t row) {
  int64_t low = 0;
  while (count > 0) {
    const int64_t half = count / 2;
    if (index[low + half] < row) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

void diva_sample_collect(struct diva_primal *primal, const struct diva_prepared_tile *tile) {
  const struct diva_engine *engine = primal->engine;
  const int64_t row_bytes = primal->stored_columns * diva_dtype_size(engine->info.feature_type);
  const int64_t outputs = engine->info.outputs;
  if (primal->sample_taken) {
    return;
  }
  int64_t at = lower_bound(primal->sample_index, primal->sample_rows, tile->first);
  for (; at < primal->sample_rows && primal->sample_index[at] < tile->first + tile->count; at++) {
    const int64_t row = primal->sample_index[at] - tile->first;
    memcpy(primal->sample + at * row_bytes, (const char *)tile->stored + row * row_bytes,
           (size_t)row_bytes);
    if (primal->sample_targets) {
      memcpy(primal->sample_targets + at * outputs, tile->host_y + row * outputs,
             (size_t)outputs * sizeof(double));
    }
  }
  primal->sample_taken = tile->first + tile->count == engine->info.rows;
}

int64_t diva_sample_length(const struct diva_primal *primal, int64_t first) {
  const int64_t left = primal->sample_rows - first;
  return left < primal->tile_rows ? left : primal->tile_rows;
}

/* Y of the sample's rows [first, first + count), on the device. */
static enum diva_status upload_targets(struct diva_primal *primal, int64_t first, int64_t count,
                                       struct diva_matrix y, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  if (primal->sample_targets) {
    const struct diva_matrix wide = diva_tile_rows(primal->wide_y, count);
    const enum diva_status status = diva_engine_upload(
        engine, wide, primal->sample_targets + first * engine->info.outputs, error);
    return status == DIVA_OK ? engine->ops->convert(engine->backend, wide, y, error) : status;
  }
  int32_t *labels = (int32_t *)(void *)primal->staging;
  for (int64_t i = 0; i < count; i++) {
    labels[i] = engine->labels[primal->sample_index[first + i]];
  }
  const enum diva_status status = engine->ops->upload(
      engine->backend, primal->labels.buffer, 0, labels, count * (int64_t)sizeof *labels, error);
  return status == DIVA_OK ? engine->ops->label_rows(
                                 engine->backend, diva_tile_slice(primal->labels, count), y, error)
                           : status;
}

enum diva_status diva_sample_prepare(struct diva_primal *primal, int64_t first, int64_t count,
                                     struct diva_matrix y, struct diva_matrix *z,
                                     struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t row_bytes = primal->stored_columns * diva_dtype_size(engine->info.feature_type);
  for (int64_t i = 0; i < count; i++) {
    primal->staging[i] = engine->weight[primal->sample_index[first + i]];
  }
  enum diva_status status = engine->ops->upload(engine->backend, primal->sample_weight.buffer,
                                                first * (int64_t)sizeof(double), primal->staging,
                                                count * (int64_t)sizeof(double), error);
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->sample_share.buffer,
                                 first * (int64_t)sizeof(double), primal->sample_shares + first,
                                 count * (int64_t)sizeof(double), error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->raw.buffer, 0,
                                 primal->sample + first * row_bytes, count * row_bytes, error);
  }
  if (status == DIVA_OK) {
    status = diva_tile_prepare(primal, diva_tile_rows(primal->raw, count),
                               engine->info.feature_type, 0, z, error);
  }
  return status == DIVA_OK ? upload_targets(primal, first, count, y, error) : status;
}
