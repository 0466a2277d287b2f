/* Walking a dataset tile by tile: read ahead, upload, prepare, visit. */
#include "feed.h"

#include <string.h>

struct diva_matrix diva_tile_rows(struct diva_matrix matrix, int64_t rows) {
  matrix.rows = rows;
  return matrix;
}

struct diva_vector diva_tile_slice(struct diva_vector vector, int64_t length) {
  vector.length = length;
  return vector;
}

int64_t diva_tile_columns(const struct diva_primal *primal) {
  return primal->fourier.ready ? primal->columns : primal->stored_columns;
}

enum diva_status diva_tile_prepare(struct diva_primal *primal, struct diva_matrix raw,
                                   enum diva_dtype type, int64_t first_row, struct diva_matrix *z,
                                   struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const bool mapped = primal->fourier.ready;
  struct diva_preparation preparation = primal->preparation;
  *z = diva_tile_rows(primal->z, raw.rows);
  z->columns = diva_tile_columns(primal) + (preparation.constant_column ? 1 : 0);
  preparation.type = type;
  struct diva_matrix prepared = *z;
  if (mapped) {
    preparation.constant_column = false;
    prepared.columns = primal->stored_columns;
  }
  const enum diva_status status = engine->ops->prepare_rows(
      engine->backend, raw, &preparation, first_row, prepared, primal->fault, error);
  return status == DIVA_OK && mapped ? diva_fourier_map(primal, *z, error) : status;
}

enum diva_status diva_tile_fetch(struct diva_primal *primal, struct diva_vector from, int64_t count,
                                 double *to, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  return engine->ops->download(engine->backend, from.buffer, from.offset * (int64_t)sizeof(double),
                               to, count * (int64_t)sizeof(double), error);
}

/* Row facts of a tile from the columns of its set; an absent column leaves its vector absent. */
static enum diva_status find_facts(struct diva_primal *primal, struct diva_prepared_tile *tile,
                                   struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const struct diva_row_set *set = tile->set;
  struct diva_row_facts *facts = &tile->facts;
  *facts =
      (struct diva_row_facts){.loss = engine->options->loss, .temperature = engine->temperature};
  const struct {
    enum diva_column column;
    const void *all;
    struct diva_vector *out;
  } parts[] = {
      {COLUMN_WEIGHT, set->weight, &facts->weight},
      {COLUMN_IMPORTANCE, set->importance, &facts->importance},
      {COLUMN_FORM, set->form, &facts->form},
      {COLUMN_LABELS, set->labels, &facts->labels},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == DIVA_OK; i++) {
    status = diva_tile_know(primal, tile, parts[i].column, parts[i].all, parts[i].out, error);
  }
  return status;
}

/* Y = targets - base outputs, on the host: what labels alone cannot say. */
static void fill_dense(const struct diva_row_set *set, const struct diva_prefetch_tile *read,
                       double *out) {
  const int64_t outputs = set->info.outputs;
  for (int64_t i = 0; i < read->count; i++) {
    const int32_t label = set->labels ? set->labels[read->first + i] : -1;
    for (int64_t c = 0; c < outputs; c++) {
      const int64_t at = i * outputs + c;
      const double target = set->labels ? (label == c ? 1.0 : 0.0) : read->targets[at];
      out[at] = target - (read->base_outputs ? read->base_outputs[at] : 0.0);
    }
  }
}

static enum diva_status upload_targets(struct diva_primal *primal, const struct diva_row_set *set,
                                       const struct diva_prefetch_tile *read,
                                       struct diva_prepared_tile *tile, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  tile->y = diva_tile_rows(primal->y, tile->count);
  if (set->labels && !read->base_outputs) {
    return engine->ops->label_rows(engine->backend, tile->facts.labels, tile->y, error);
  }
  fill_dense(set, read, primal->dense);
  tile->host_y = primal->dense;
  const struct diva_matrix wide = diva_tile_rows(primal->wide_y, tile->count);
  enum diva_status status = diva_engine_upload(engine, wide, primal->dense, error);
  if (status == DIVA_OK) {
    status = engine->ops->convert(engine->backend, wide, tile->y, error);
  }
  if (status == DIVA_OK && !set->labels) {
    status = diva_rows_check_distribution(engine, read->targets, read->first, read->count, error);
  }
  if (status == DIVA_OK && !set->labels) {
    tile->facts.targets = diva_tile_rows(primal->targets, tile->count);
    tile->host_targets = read->targets;
    status = diva_engine_upload(engine, tile->facts.targets, read->targets, error);
  }
  return status;
}

/* A tile whose stored rows the device has. */
static enum diva_status prepare_placed(struct diva_primal *primal, const struct diva_row_set *set,
                                       const struct diva_prefetch_tile *read,
                                       struct diva_matrix raw, struct diva_prepared_tile *tile,
                                       struct diva_error *error) {
  *tile = (struct diva_prepared_tile){
      .set = set, .first = read->first, .count = read->count, .stored = read->features};
  enum diva_status status =
      diva_tile_prepare(primal, raw, set->info.feature_type, read->first, &tile->z, error);
  if (status == DIVA_OK) {
    status = find_facts(primal, tile, error);
  }
  return status == DIVA_OK ? upload_targets(primal, set, read, tile, error) : status;
}

enum diva_status diva_tiles_prepare(struct diva_primal *primal, const struct diva_row_set *set,
                                    const struct diva_prefetch_tile *read,
                                    struct diva_prepared_tile *tile, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  struct diva_matrix raw;
  struct diva_buffer *wrapped = NULL;
  enum diva_status status = diva_feed_place(primal, set, read, &raw, &wrapped, error);
  if (status == DIVA_OK) {
    status = prepare_placed(primal, set, read, raw, tile, error);
  }
  engine->ops->buffer_destroy(engine->backend, wrapped);
  return status;
}

static int64_t tile_bytes(const struct diva_matrix *raw, const struct diva_row_set *set) {
  return raw->rows * raw->columns * diva_dtype_size(set->info.feature_type);
}

/* Before the next tile is waited for, where the wait is to be told from the work. */
static enum diva_status settle(const struct diva_engine *engine, const struct diva_feed *feed,
                               struct diva_error *error) {
  return engine->options->exact_phases && diva_feed_reads(feed)
             ? engine->ops->synchronize(engine->backend, error)
             : DIVA_OK;
}

enum diva_status diva_tiles_visit(struct diva_primal *primal, const struct diva_row_set *set,
                                  const char *phase_name, int phase, diva_tile_visitor visit,
                                  void *context, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_feed feed;
  double clock = diva_clock_seconds();
  const bool samples = phase == PHASE_GRAM && primal->sample_rows > 0 && !primal->sample_taken;
  enum diva_status status = diva_feed_start(primal, set, samples, &feed, error);
  int64_t done = 0;
  while (status == DIVA_OK && done < set->info.rows) {
    struct diva_prefetch_tile read;
    struct diva_prepared_tile tile;
    struct diva_matrix raw;
    status =
        diva_progress_report(&engine->options->progress, phase_name, done, set->info.rows, error);
    if (status == DIVA_OK) {
      status = diva_feed_next(&feed, &read, &raw, error);
    }
    clock = diva_engine_account(engine, PHASE_READ, clock);
    if (status == DIVA_OK) {
      engine->bytes_read += diva_feed_reads(&feed) ? tile_bytes(&raw, set) : 0;
      status = prepare_placed(primal, set, &read, raw, &tile, error);
    }
    if (status == DIVA_OK) {
      status = visit(primal, context, &tile, error);
      done = read.first + read.count;
    }
    if (status == DIVA_OK) {
      status = settle(engine, &feed, error);
    }
    clock = diva_engine_account(engine, phase, clock);
  }
  diva_feed_stop(&feed);
  if (status == DIVA_OK) {
    status = engine->ops->synchronize(engine->backend, error);
  }
  if (status == DIVA_OK) {
    status = diva_columns_fetch(primal, set, error);
  }
  diva_engine_account(engine, phase, clock);
  return status;
}
