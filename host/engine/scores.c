/* LOO scores kept for fitting the temperature. */
#include "scores.h"

#include <stdlib.h>
#include <string.h>

enum diva_status diva_scores_open(struct diva_scores *kept, const struct diva_primal *primal,
                                  struct diva_error *error) {
  enum { MOST_BYTES = 256 << 20 };
  const struct diva_engine *engine = primal->engine;
  const int64_t outputs = engine->info.outputs;
  const int64_t fit = (int64_t)MOST_BYTES / (outputs * (int64_t)sizeof(double));
  *kept = (struct diva_scores){.every = (engine->training_rows + fit - 1) / fit};
  const int64_t capacity = (engine->training_rows + kept->every - 1) / kept->every;
  enum diva_status status = diva_allocate(primal->tile_rows * outputs, sizeof *kept->tile,
                                          "scores of a tile", (void **)&kept->tile, error);
  if (status == DIVA_OK) {
    status = diva_allocate(capacity * outputs, sizeof *kept->scores, "leave-one-out scores",
                           (void **)&kept->scores, error);
  }
  if (status == DIVA_OK && engine->labels) {
    status = diva_allocate(capacity, sizeof *kept->labels, "labels of the scores",
                           (void **)&kept->labels, error);
  } else if (status == DIVA_OK) {
    status = diva_allocate(capacity * outputs, sizeof *kept->targets, "targets of the scores",
                           (void **)&kept->targets, error);
  }
  return status;
}

void diva_scores_close(struct diva_scores *kept) {
  free(kept->scores);
  free(kept->targets);
  free(kept->labels);
  free(kept->tile);
  *kept = (struct diva_scores){0};
}

enum diva_status diva_scores_keep(struct diva_scores *kept, struct diva_primal *primal,
                                  const struct diva_prepared_tile *tile, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t outputs = engine->info.outputs;
  const size_t row_bytes = (size_t)outputs * sizeof(double);
  const enum diva_status status =
      diva_engine_download(engine, diva_tile_rows(primal->scores, tile->count), kept->tile, error);
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    const int64_t row = tile->first + i;
    if (engine->weight[row] <= 0.0 || kept->ordinal++ % kept->every != 0) {
      continue;
    }
    memcpy(kept->scores + kept->rows * outputs, kept->tile + i * outputs, row_bytes);
    if (kept->labels) {
      kept->labels[kept->rows] = engine->labels[row];
    } else {
      memcpy(kept->targets + kept->rows * outputs, tile->host_targets + i * outputs, row_bytes);
    }
    kept->rows++;
  }
  return status;
}

double diva_scores_temperature(const struct diva_scores *kept, const struct diva_primal *primal) {
  const struct diva_temperature_problem problem = {
      .scores = kept->scores,
      .labels = kept->labels,
      .targets = kept->targets,
      .rows = kept->rows,
      .outputs = primal->engine->info.outputs,
      .threads = primal->engine->threads,
  };
  return diva_temperature_fit(&problem);
}
