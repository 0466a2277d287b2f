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
  const enum diva_status status =
      diva_allocate(primal->tile_rows * engine->info.outputs, sizeof *kept->tile,
                    "scores of a tile", (void **)&kept->tile, error);
  return status == DIVA_OK && fit ? allocate_fit(kept, engine, error) : status;
}

void diva_scores_close(struct diva_scores *kept) {
  free(kept->scores);
  free(kept->targets);
  free(kept->labels);
  free(kept->shares);
  free(kept->tile);
  *kept = (struct diva_scores){0};
}

static void keep_for_fit(struct diva_scores *kept, const struct diva_engine *engine,
                         const struct diva_prepared_tile *tile) {
  const int64_t outputs = engine->info.outputs;
  const size_t row_bytes = (size_t)outputs * sizeof(double);
  for (int64_t i = 0; i < tile->count; i++) {
    const int64_t row = tile->first + i;
    if (engine->importance[row] <= 0.0 || kept->ordinal++ % kept->every != 0) {
      continue;
    }
    if (kept->shares) {
      kept->shares[kept->rows] = diva_rows_share(engine, row);
    }
    memcpy(kept->scores + kept->rows * outputs, kept->tile + i * outputs, row_bytes);
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
      diva_engine_download(engine, diva_tile_rows(primal->scores, tile->count), kept->tile, error);
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
