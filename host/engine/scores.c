/* The LOO scores of a pass: to the caller's sink, and kept for fitting the temperature. */
#include "scores.h"

#include <stdlib.h>
#include <string.h>

static enum diva_status allocate_fit(struct diva_scores *kept, const struct diva_engine *engine,
                                     struct diva_error *error) {
  enum { MOST_BYTES = 256 << 20 };
  const int64_t outputs = engine->info.outputs;
  const int64_t fit = (int64_t)MOST_BYTES / (outputs * (int64_t)sizeof(double));
  kept->every = (engine->training_rows + fit - 1) / fit;
  const int64_t capacity = (engine->training_rows + kept->every - 1) / kept->every;
  enum diva_status status = diva_allocate(capacity * outputs, sizeof *kept->scores,
                                          "leave-one-out scores", (void **)&kept->scores, error);
  if (status == DIVA_OK && engine->labels) {
    status = diva_allocate(capacity, sizeof *kept->labels, "labels of the scores",
                           (void **)&kept->labels, error);
  } else if (status == DIVA_OK) {
    status = diva_allocate(capacity * outputs, sizeof *kept->targets, "targets of the scores",
                           (void **)&kept->targets, error);
  }
  return status == DIVA_OK && engine->options->importance
             ? diva_allocate(capacity, sizeof *kept->shares, "shares of the scores",
                             (void **)&kept->shares, error)
             : status;
}

enum diva_status diva_scores_open(struct diva_scores *kept, const struct diva_primal *primal,
                                  bool fit, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  *kept = (struct diva_scores){0};
  enum diva_status status =
      diva_allocate(primal->tile_rows * engine->info.outputs, sizeof *kept->tile,
                    "scores of a tile", (void **)&kept->tile, error);
  if (status == DIVA_OK) {
    status = diva_allocate(primal->tile_rows, sizeof *kept->place, "scores that are kept",
                           (void **)&kept->place, error);
  }
  return status == DIVA_OK && fit ? allocate_fit(kept, engine, error) : status;
}

void diva_scores_close(struct diva_scores *kept) {
  free(kept->scores);
  free(kept->targets);
  free(kept->labels);
  free(kept->shares);
  free(kept->tile);
  free(kept->place);
  *kept = (struct diva_scores){0};
}

/* Every so many rows of the objective; returns how many of the tile. */
static int64_t choose_rows(struct diva_scores *kept, const struct diva_engine *engine,
                           const struct diva_prepared_tile *tile) {
  int64_t chosen = 0;
  for (int64_t i = 0; i < tile->count; i++) {
    const bool counts = engine->importance[tile->first + i] > 0.0;
    const bool taken = counts && kept->ordinal++ % kept->every == 0;
    kept->place[i] = taken ? (int32_t)chosen++ : -1;
  }
  return chosen;
}

enum diva_status diva_scores_want(struct diva_scores *kept, struct diva_primal *primal,
                                  const struct diva_prepared_tile *tile,
                                  struct diva_row_results *results, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t chosen = kept->scores ? choose_rows(kept, engine, tile) : 0;
  kept->packed = !engine->options->scores && chosen < tile->count;
  kept->wanted = kept->packed ? chosen : tile->count;
  results->scores = diva_tile_rows(primal->scores, kept->wanted);
  if (!kept->packed) {
    return DIVA_OK;
  }
  results->score_rows = diva_tile_slice(primal->score_rows, tile->count);
  return engine->ops->upload(engine->backend, primal->score_rows.buffer, 0, kept->place,
                             tile->count * (int64_t)sizeof *kept->place, error);
}

static void keep_for_fit(struct diva_scores *kept, const struct diva_engine *engine,
                         const struct diva_prepared_tile *tile) {
  const int64_t outputs = engine->info.outputs;
  const size_t row_bytes = (size_t)outputs * sizeof(double);
  for (int64_t i = 0; i < tile->count; i++) {
    const int64_t row = tile->first + i;
    if (kept->place[i] < 0) {
      continue;
    }
    if (kept->shares) {
      kept->shares[kept->rows] = diva_rows_share(engine, row);
    }
    const int64_t from = kept->packed ? kept->place[i] : i;
    memcpy(kept->scores + kept->rows * outputs, kept->tile + from * outputs, row_bytes);
    if (kept->labels) {
      kept->labels[kept->rows] = engine->labels[row];
    } else {
      memcpy(kept->targets + kept->rows * outputs, tile->host_targets + i * outputs, row_bytes);
    }
    kept->rows++;
  }
}

enum diva_status diva_scores_take(struct diva_scores *kept, struct diva_primal *primal,
                                  const struct diva_prepared_tile *tile, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_analysis_options *options = engine->options;
  enum diva_status status =
      diva_engine_download(engine, diva_tile_rows(primal->scores, kept->wanted), kept->tile, error);
  if (status == DIVA_OK && options->scores) {
    status = options->scores(options->scores_context, tile->first, tile->count, kept->tile, error);
  }
  if (status == DIVA_OK && kept->scores) {
    keep_for_fit(kept, engine, tile);
  }
  return status;
}

double diva_scores_temperature(const struct diva_scores *kept, const struct diva_primal *primal) {
  const struct diva_temperature_problem problem = {
      .scores = kept->scores,
      .labels = kept->labels,
      .targets = kept->targets,
      .shares = kept->shares,
      .rows = kept->rows,
      .outputs = primal->engine->info.outputs,
      .threads = primal->engine->threads,
  };
  return diva_temperature_fit(&problem);
}
