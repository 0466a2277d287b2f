/* The validation set: its loss and error, and the sums that the derivative of its loss and the
 * effect of removals need. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>

static enum diva_status visit_validation(struct diva_primal *primal, void *context,
                                         const struct diva_prepared_tile *tile,
                                         struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  const int64_t rows = tile->count;
  const struct diva_row_results results = {
      .loss = diva_tile_column(primal, tile, COLUMN_LOSS),
      .suggested = diva_tile_column(primal, tile, COLUMN_SUGGESTED),
      .gradient_dot_r = diva_tile_slice(primal->tile_pull, rows),
      .adjoint = diva_tile_slice(primal->adjoint, rows),
      .scaled_gradient = diva_tile_rows(primal->gradient, rows),
  };
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
    status = diva_tile_keep(primal, tile, COLUMN_LOSS, error);
  }
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_SUGGESTED, error) : status;
}

static void add_scores(const struct diva_primal *primal, struct diva_score *score) {
  const struct diva_row_set *set = &primal->validation;
  for (int64_t row = 0; row < set->info.rows; row++) {
    const double share = set->importance[row];
    if (share > 0.0) {
      score->loss += share * primal->validation_loss[row];
      score->error +=
          set->labels && primal->validation_suggested[row] != set->labels[row] ? share : 0.0;
    }
  }
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
                              visit_validation, NULL, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_check_fault(engine, primal->fault, engine->validation, error);
  }
  if (status == DIVA_OK) {
    add_scores(primal, score);
    score->error = primal->validation.labels ? score->error : (double)NAN;
  }
  return status;
}
