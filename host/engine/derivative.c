/* The last pass: the derivative of every row, and its label quality. */
#include "group_loo.h"
#include "primal.h"

static enum diva_status differentiate(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t rows = tile->count;
  const struct diva_vector out = diva_tile_slice(primal->derivative, rows);
  struct diva_vector pull = {0};
  struct diva_vector quadratic = {0};
  enum diva_status status = DIVA_OK;
  if (!engine->validation) {
    pull = diva_tile_slice(primal->tile_pull, rows);
    quadratic = diva_tile_slice(primal->quadratic, rows);
    status = engine->ops->upload(engine->backend, pull.buffer, 0, primal->pull + tile->first,
                                 rows * (int64_t)sizeof(double), error);
    if (status == DIVA_OK) {
      status =
          engine->ops->row_quadform(engine->backend, tile->z, primal->curvature, quadratic, error);
    }
  }
  if (status == DIVA_OK) {
    status = engine->ops->derivative_rows(engine->backend, tile->z, primal->m, tile->y,
                                          &tile->facts, pull, quadratic, out, error);
  }
  return status == DIVA_OK
             ? diva_tile_fetch(primal, out, rows, engine->analysis->derivative + tile->first, error)
             : status;
}

static enum diva_status visit_derivative(struct diva_primal *primal, void *context,
                                         const struct diva_prepared_tile *tile,
                                         struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  const struct diva_row_results results = {.quality =
                                               diva_tile_slice(primal->quality, tile->count)};
  enum diva_status status =
      engine->ops->residual(engine->backend, tile->z, primal->w, tile->y, error);
  if (status == DIVA_OK && engine->options->derivative) {
    status = differentiate(primal, tile, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_loo_patch(primal, tile, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &tile->facts, &results, error);
  }
  return status == DIVA_OK ? diva_tile_fetch(primal, results.quality, tile->count,
                                             engine->analysis->label_quality + tile->first, error)
                           : status;
}

enum diva_status diva_derivative_run(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  enum diva_status status = DIVA_OK;
  if (engine->options->derivative) {
    status = diva_factor_direct(primal, error);
    if (status == DIVA_OK && !engine->validation) {
      status = diva_factor_sandwich(primal, error);
    }
  }
  if (status == DIVA_OK) {
    status = diva_tiles_visit(primal, &primal->train, "derivative", PHASE_DERIVATIVE,
                              visit_derivative, NULL, error);
  }
  if (status == DIVA_OK) {
    diva_group_loo_finish(primal);
  }
  return status;
}
