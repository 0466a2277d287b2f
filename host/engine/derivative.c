/* The last pass: the derivative of every row, the effect of its removal, and its label quality. */
#include "group_loo.h"
#include "primal.h"

#include "kernels/formulas.h"

static enum diva_status differentiate(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_vector out = diva_tile_column(primal, tile, COLUMN_DERIVATIVE);
  struct diva_vector pull = {0};
  struct diva_vector quadratic = {0};
  enum diva_status status = DIVA_OK;
  if (!engine->validation) {
    quadratic = diva_tile_slice(primal->quadratic, tile->count);
    status = diva_tile_know(primal, tile, COLUMN_PULL, primal->pull, &pull, error);
    if (status == DIVA_OK) {
      status =
          engine->ops->row_quadform(engine->backend, tile->z, primal->curvature, quadratic, error);
    }
  }
  if (status == DIVA_OK) {
    status = engine->ops->derivative_rows(engine->backend, tile->z, primal->m, tile->y,
                                          &tile->facts, pull, quadratic, out, error);
  }
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_DERIVATIVE, error) : status;
}

/* From |e|^2 of each row, and from what stands in for the effects: their forms q. */
static void find_effects(const struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
  double *removal = engine->analysis->removal;
#pragma omp parallel for schedule(static) num_threads(engine->threads)
  for (int64_t row = 0; row < engine->info.rows; row++) {
    const double alpha = engine->weight[row];
    const double form = primal->form[row];
    const double step = alpha > 0.0 ? -alpha : 1.0;
    const double slack = alpha > 0.0 ? diva_one_minus_leverage(alpha, form) : 1.0 + form;
    removal[row] = diva_weight_effect(step, slack, engine->analysis->derivative[row],
                                      primal->square[row], removal[row]);
  }
}

/* The residuals are still those of the model that every row is trained on. */
static enum diva_status remove_rows(struct diva_primal *primal,
                                    const struct diva_prepared_tile *tile,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_vector quadratic = diva_tile_column(primal, tile, COLUMN_REMOVAL);
  const struct diva_row_results results = {.loss = diva_tile_column(primal, tile, COLUMN_SQUARE)};
  struct diva_row_facts trained = tile->facts;
  trained.form = (struct diva_vector){0};
  enum diva_status status =
      engine->ops->row_quadform(engine->backend, tile->z, primal->curvature, quadratic, error);
  if (status == DIVA_OK) {
    status = diva_tile_keep(primal, tile, COLUMN_REMOVAL, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &trained, &results, error);
  }
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_SQUARE, error) : status;
}

static enum diva_status visit_derivative(struct diva_primal *primal, void *context,
                                         const struct diva_prepared_tile *tile,
                                         struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  const struct diva_row_results results = {.quality =
                                               diva_tile_column(primal, tile, COLUMN_QUALITY)};
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
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_QUALITY, error) : status;
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
  if (status == DIVA_OK && engine->options->removal) {
    find_effects(primal);
  }
  if (status == DIVA_OK) {
    diva_group_loo_finish(primal);
  }
  return status;
}
