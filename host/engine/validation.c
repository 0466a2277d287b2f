/* The validation set: its loss and error, and the sums that the derivative of its loss and the
 * effect of removals need. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>

static enum diva_status visit_validation(struct diva_primal *primal, void *context,
                                         const struct diva_prepared_tile *tile,
                                         struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_score *score = context;
  const struct diva_row_set *set = &primal->validation;
  const int64_t rows = tile->count;
  const struct diva_row_results results = {
      .loss = diva_tile_slice(primal->loss, rows),
      .suggested = diva_tile_slice(primal->suggested, rows),
      .gradient_dot_r = diva_tile_slice(primal->tile_pull, rows),
      .adjoint = diva_tile_slice(primal->adjoint, rows),
      .scaled_gradient = diva_tile_rows(primal->gradient, rows),
  };
  double *loss = primal->staging;
  int32_t *suggested = (int32_t *)(void *)(primal->staging + primal->tile_rows);
  enum diva_status status =
      engine->ops->residual(engine->backend, tile->z, primal->w, tile->y, error);
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &tile->facts, &results, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->cross_accumulate(engine->backend, results.scaled_gradient,
                                           (struct diva_vector){0}, tile->z, primal->cross_scratch,
                                           error);
  }
  if (status == DIVA_OK && engine->options->removal) {
    status = engine->ops->gram_accumulate(engine->backend, tile->z, tile->facts.importance,
                                          primal->adjoint_gram, error);
  }
  if (status == DIVA_OK) {
    status = diva_tile_fetch(primal, results.loss, rows, loss, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->download(engine->backend, primal->suggested.buffer, 0, suggested,
                                   rows * (int64_t)sizeof *suggested, error);
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    const int64_t row = tile->first + i;
    if (set->importance[row] > 0.0) {
      score->loss += set->importance[row] * loss[i];
      score->error += set->labels && suggested[i] != set->labels[row] ? set->importance[row] : 0.0;
    }
  }
  return status;
}

enum diva_status diva_validation_run(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_score *score = &engine->analysis->summary.validation;
  *score = (struct diva_score){.rows = primal->validation.info.labelled_rows};
  enum diva_status status = diva_engine_zero(engine, primal->cross_scratch, error);
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, primal->adjoint_gram, error);
  }
  if (status == DIVA_OK) {
    status = diva_tiles_visit(primal, &primal->validation, "validation", PHASE_LOO,
                              visit_validation, score, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_check_fault(engine, primal->fault, engine->validation, error);
  }
  if (status == DIVA_OK && !primal->validation.labels) {
    score->error = NAN;
  }
  return status;
}
