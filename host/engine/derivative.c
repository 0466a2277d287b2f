/* The last pass: the derivative of every row, the effect of its removal, and its label quality. */
#include "group_loo.h"
#include "primal.h"

#include "kernels/formulas.h"

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

/* From |e|^2 of each row of a tile, and from what stands in for the effects: their forms q. */
static void find_effects(const struct diva_primal *primal, const struct diva_prepared_tile *tile,
                         const double *square) {
  const struct diva_engine *engine = primal->engine;
  double *removal = engine->analysis->removal;
  for (int64_t i = 0; i < tile->count; i++) {
    const int64_t row = tile->first + i;
    const double alpha = engine->weight[row];
    const double form = primal->form[row];
    const double step = alpha > 0.0 ? -alpha : 1.0;
    const double slack = alpha > 0.0 ? diva_one_minus_leverage(alpha, form) : 1.0 + form;
    removal[row] =
        diva_weight_effect(step, slack, engine->analysis->derivative[row], square[i], removal[row]);
  }
}

/* The residuals are still those of the model that every row is trained on. */
static enum diva_status remove_rows(struct diva_primal *primal,
                                    const struct diva_prepared_tile *tile,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t rows = tile->count;
  const struct diva_vector quadratic = diva_tile_slice(primal->quadratic, rows);
  const struct diva_row_results results = {.loss = diva_tile_slice(primal->loss, rows)};
  struct diva_row_facts trained = tile->facts;
  trained.form = (struct diva_vector){0};
  enum diva_status status =
      engine->ops->row_quadform(engine->backend, tile->z, primal->curvature, quadratic, error);
  if (status == DIVA_OK) {
    status =
        diva_tile_fetch(primal, quadratic, rows, engine->analysis->removal + tile->first, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &trained, &results, error);
  }
  if (status == DIVA_OK) {
    status = diva_tile_fetch(primal, results.loss, rows, primal->staging, error);
  }
  if (status == DIVA_OK) {
    find_effects(primal, tile, primal->staging);
  }
  return status;
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
    status = diva_expected_labels(primal, tile, error);
  }
  if (status == DIVA_OK && engine->options->derivative) {
    status = differentiate(primal, tile, error);
  }
  if (status == DIVA_OK && engine->options->removal) {
    status = remove_rows(primal, tile, error);
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
    if (status == DIVA_OK && (!engine->validation || engine->options->removal)) {
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
