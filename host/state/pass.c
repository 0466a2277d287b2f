/* One pass over a dataset for a state: rows are hashed and their terms added. */
#include "pass.h"

#include "host/core/core.h"
#include "row_hash.h"

#include <stdlib.h>
#include <string.h>

uint64_t diva_pass_target_hash(const double *targets, const double *base, int64_t outputs) {
  const int64_t bytes = outputs * (int64_t)sizeof(double);
  uint64_t hash = 0;
  if (targets) {
    hash = diva_row_hash(hash, targets, bytes);
  }
  return base ? diva_row_hash(hash, base, bytes) : hash;
}

static const double *row_of(const double *values, int64_t outputs, int64_t at) {
  return values ? values + at * outputs : NULL;
}

void diva_pass_hash(struct diva_state *state, const struct diva_prefetch_tile *tile, int threads) {
  const int64_t row_bytes = state->info.columns * diva_dtype_size(state->info.feature_type);
  const int64_t outputs = state->info.outputs;
  diva_row_hashes(tile->features, tile->count, row_bytes, threads, state->hash + tile->first);
  for (int64_t i = 0; state->target_hash && i < tile->count; i++) {
    state->target_hash[tile->first + i] = diva_pass_target_hash(
        row_of(tile->targets, outputs, i), row_of(tile->base_outputs, outputs, i), outputs);
  }
}

void diva_pass_add_term(const struct diva_row_target *target, double factor, int64_t outputs,
                        const int32_t *output_of, double *y) {
  if (factor == 0.0) {
    return;
  }
  for (int64_t c = 0; c < outputs; c++) {
    const int64_t at = output_of ? output_of[c] : c;
    const double label = target->label == c ? 1.0 : 0.0;
    const double value = target->targets ? target->targets[c] : label;
    if (at >= 0) {
      y[at] += factor * (value - (target->base ? target->base[c] : 0.0));
    }
  }
}

struct diva_row_target diva_pass_target(const struct diva_state *state,
                                        const struct diva_prefetch_tile *tile, int64_t at) {
  const int64_t outputs = state->info.outputs;
  return (struct diva_row_target){.label = state->label ? state->label[tile->first + at] : -1,
                                  .targets = row_of(tile->targets, outputs, at),
                                  .base = row_of(tile->base_outputs, outputs, at)};
}

double diva_pass_weight(const struct diva_state *state) {
  double weight = 0.0;
  for (int64_t i = 0; i < state->info.rows; i++) {
    weight += state->weight[i];
  }
  return weight;
}

/* A pass in progress. */
struct pass {
  struct diva_state *state;
  struct diva_dataset *dataset;
  const struct diva_analysis_options *options;
  struct diva_accumulator accumulator;
  double *y; /* tile_rows x outputs */
};

/* What the sums are about at first. Held by the sums from the start. */
static enum diva_status choose_centre(struct pass *pass, struct diva_error *error) {
  enum { FEW = 256 };
  struct diva_sums *sums = &pass->state->sums;
  const struct diva_state_info *info = &pass->state->info;
  const int64_t most = info->rows < FEW ? info->rows : FEW;
  const int64_t count = most < pass->accumulator.tile_rows ? most : pass->accumulator.tile_rows;
  void *features = NULL;
  enum diva_status status =
      diva_allocate(count, info->columns * diva_dtype_size(info->feature_type), "the first rows",
                    &features, error);
  if (status == DIVA_OK) {
    status = diva_dataset_read_features(pass->dataset, 0, count, features, error);
  }
  if (status == DIVA_OK) {
    status = diva_accumulator_guess(&pass->accumulator, features, count, sums->mean, sums->row_mean,
                                    error);
  }
  free(features);
  return status == DIVA_OK
             ? diva_accumulator_start(&pass->accumulator, sums->mean, sums->row_mean, error)
             : status;
}

static bool all_ones(const double *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (values[i] != 1.0) {
      return false;
    }
  }
  return true;
}

static enum diva_status add_tile(struct pass *pass, const struct diva_prefetch_tile *tile,
                                 struct diva_error *error) {
  const struct diva_state *state = pass->state;
  const int64_t outputs = state->info.outputs;
  const double *weight = state->weight + tile->first;
  memset(pass->y, 0, (size_t)(tile->count * outputs) * sizeof *pass->y);
  for (int64_t i = 0; i < tile->count; i++) {
    const struct diva_row_target target = diva_pass_target(state, tile, i);
    diva_pass_add_term(&target, weight[i], outputs, NULL, pass->y + i * outputs);
  }
  const struct diva_contribution contribution = {.rows = tile->count,
                                                 .features = tile->features,
                                                 .weight =
                                                     all_ones(weight, tile->count) ? NULL : weight,
                                                 .y = pass->y};
  return diva_accumulator_add(&pass->accumulator, &contribution, error);
}

static enum diva_status visit_tiles(struct pass *pass, struct diva_state_work *work,
                                    struct diva_error *error) {
  const int64_t rows = pass->state->info.rows;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile = {0};
  double clock = diva_clock_seconds();
  enum diva_status status =
      diva_prefetch_start(pass->dataset, pass->accumulator.tile_rows, &prefetch, error);
  for (int64_t done = 0; done < rows && status == DIVA_OK; done = tile.first + tile.count) {
    status = diva_progress_report(&pass->options->progress, "sums", done, rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    if (status == DIVA_OK) {
      diva_pass_hash(pass->state, &tile, pass->accumulator.engine.threads);
    }
    const double hashed = diva_clock_seconds();
    work->seconds_hash += hashed - clock;
    if (status == DIVA_OK) {
      status = add_tile(pass, &tile, error);
    }
    clock = diva_clock_seconds();
    work->seconds_sums += clock - hashed;
  }
  diva_prefetch_stop(prefetch);
  return status;
}

static enum diva_status finish(struct pass *pass, struct diva_error *error) {
  int64_t row;
  int64_t column;
  enum diva_status status = diva_accumulator_fault(&pass->accumulator, &row, &column, error);
  if (status == DIVA_OK && row >= 0) {
    return diva_engine_fault(pass->dataset, row, column, error);
  }
  return status == DIVA_OK
             ? diva_accumulator_finish(&pass->accumulator, diva_pass_weight(pass->state),
                                       pass->state->info.rows, &pass->state->sums, error)
             : status;
}

enum diva_status diva_pass_run(struct diva_state *state, struct diva_dataset *dataset,
                               const struct diva_analysis_options *options,
                               struct diva_state_work *work, struct diva_error *error) {
  struct pass pass = {.state = state, .dataset = dataset, .options = options};
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  double clock = diva_clock_seconds();
  diva_sums_free(&state->sums);
  enum diva_status status = diva_sums_allocate(&state->sums, info.columns, info.outputs, error);
  if (status == DIVA_OK) {
    status = diva_accumulator_open(&pass.accumulator, options, &info, info.rows, error);
  }
  if (status == DIVA_OK) {
    state->info.backend = pass.accumulator.engine.ops->name;
    status = diva_allocate(pass.accumulator.tile_rows * info.outputs, (int64_t)sizeof *pass.y,
                           "terms of a tile", (void **)&pass.y, error);
  }
  if (status == DIVA_OK) {
    status = choose_centre(&pass, error);
  }
  work->seconds_sums += diva_clock_seconds() - clock;
  if (status == DIVA_OK) {
    status = visit_tiles(&pass, work, error);
  }
  clock = diva_clock_seconds();
  if (status == DIVA_OK) {
    status = finish(&pass, error);
  }
  work->seconds_sums += diva_clock_seconds() - clock;
  diva_accumulator_close(&pass.accumulator);
  free(pass.y);
  return status;
}
