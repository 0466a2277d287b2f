/* The second pass: leave-one-out predictions, and the sums that their derivative needs. */
#include "group_loo.h"
#include "primal.h"
#include "scores.h"

#include <math.h>

static bool wants_temperature(const struct diva_engine *engine) {
  return isnan(engine->temperature) &&
         (engine->labels || engine->options->loss == DIVA_LOSS_CROSS_ENTROPY);
}

static bool gradient_known(const struct diva_engine *engine) {
  return engine->options->loss == DIVA_LOSS_SQUARED || !isnan(engine->temperature);
}

static bool wants_adjoint(const struct diva_engine *engine) {
  return engine->options->derivative && !engine->validation;
}

/* Adds a tile to M' sums (g / (1 - h))' Z and B sums Z' diag(b) Z, and keeps g . r. */
static enum diva_status add_adjoint(struct diva_primal *primal,
                                    const struct diva_prepared_tile *tile,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  enum diva_status status =
      engine->ops->cross_accumulate(engine->backend, diva_tile_rows(primal->gradient, tile->count),
                                    (struct diva_vector){0}, tile->z, primal->cross_scratch, error);
  if (status == DIVA_OK) {
    status = engine->ops->gram_accumulate(engine->backend, tile->z,
                                          diva_tile_slice(primal->adjoint, tile->count),
                                          primal->adjoint_gram, error);
  }
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_PULL, error) : status;
}

static struct diva_row_results adjoint_results(const struct diva_primal *primal,
                                               const struct diva_prepared_tile *tile) {
  return (struct diva_row_results){
      .loss = diva_tile_column(primal, tile, COLUMN_LOSS),
      .gradient_dot_r = diva_tile_column(primal, tile, COLUMN_PULL),
      .adjoint = diva_tile_slice(primal->adjoint, tile->count),
      .scaled_gradient = diva_tile_rows(primal->gradient, tile->count),
  };
}

static double cross_terms(const void *context, int64_t first, int64_t end) {
  const struct diva_engine *engine = context;
  double sum = 0.0;
  for (int64_t i = first; i < end; i++) {
    sum += engine->importance[i] * engine->weight[i];
  }
  return sum;
}

static double square_terms(const void *context, int64_t first, int64_t end) {
  const struct diva_engine *engine = context;
  double sum = 0.0;
  for (int64_t i = first; i < end; i++) {
    sum += engine->weight[i] * engine->weight[i];
  }
  return sum;
}

/*
 * The c for which g / (1 - h) - c alpha e is smallest. At the solution sum_i alpha_i z_i e_i' is
 * lambda W, next to nothing beside its terms; with the squared loss and equal weights the gradients
 * are nearly such a multiple of the residuals, and their sum would drown in the rounding of W by a
 * factor of about n / d. So that multiple is left out, and put back exactly by
 * diva_factor_direct().
 */
static double find_gradient_shift(const struct diva_engine *engine) {
  if (engine->options->loss != DIVA_LOSS_SQUARED || !wants_adjoint(engine)) {
    return 0.0;
  }
  const int64_t rows = engine->info.rows;
  const double across = diva_engine_sum_rows(engine->threads, rows, cross_terms, engine);
  return -2.0 * across / diva_engine_sum_rows(engine->threads, rows, square_terms, engine);
}

/* Leverages and everything that follows from them without the temperature. */
static enum diva_status visit_loo(struct diva_primal *primal, void *context,
                                  const struct diva_prepared_tile *tile, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_scores *kept = context;
  struct diva_row_facts facts = tile->facts;
  facts.form = diva_tile_column(primal, tile, COLUMN_FORM);
  facts.gradient_shift = primal->gradient_shift;
  enum diva_status status =
      engine->ops->row_leverage(engine->backend, tile->z, primal->upper, facts.form, error);
  if (status == DIVA_OK) {
    status = engine->ops->residual(engine->backend, tile->z, primal->w, tile->y, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_loo_patch(primal, tile, error);
  }
  const bool with_adjoint = wants_adjoint(engine) && gradient_known(engine);
  struct diva_row_results results = {0};
  if (with_adjoint) {
    results = adjoint_results(primal, tile);
  }
  results.loss = diva_tile_column(primal, tile, COLUMN_LOSS);
  results.margin = diva_tile_column(primal, tile, COLUMN_MARGIN);
  results.suggested = diva_tile_column(primal, tile, COLUMN_SUGGESTED);
  if (status == DIVA_OK && kept) {
    status = diva_scores_want(kept, primal, tile, &results, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &facts, &results, error);
  }
  if (status == DIVA_OK && with_adjoint) {
    status = add_adjoint(primal, tile, error);
  }
  if (status == DIVA_OK && kept) {
    status = diva_scores_take(kept, primal, tile, error);
  }
  static const enum diva_column columns[] = {COLUMN_FORM, COLUMN_LOSS, COLUMN_MARGIN,
                                             COLUMN_SUGGESTED};
  for (size_t c = 0; c < sizeof columns / sizeof columns[0] && status == DIVA_OK; c++) {
    status = diva_tile_keep(primal, tile, columns[c], error);
  }
  return status;
}

/* Cross-entropy with a temperature fitted on the first visit: loss and gradient need a second. */
static enum diva_status visit_adjoint(struct diva_primal *primal, void *context,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  const struct diva_row_results results = adjoint_results(primal, tile);
  enum diva_status status =
      engine->ops->residual(engine->backend, tile->z, primal->w, tile->y, error);
  if (status == DIVA_OK) {
    status = diva_group_loo_patch(primal, tile, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, tile->y, &tile->facts, &results, error);
  }
  if (status == DIVA_OK && wants_adjoint(engine)) {
    status = add_adjoint(primal, tile, error);
  }
  return status == DIVA_OK ? diva_tile_keep(primal, tile, COLUMN_LOSS, error) : status;
}

static enum diva_status clear_sums(struct diva_primal *primal, struct diva_error *error) {
  const enum diva_status status = diva_engine_zero(primal->engine, primal->cross_scratch, error);
  return status == DIVA_OK ? diva_engine_zero(primal->engine, primal->adjoint_gram, error) : status;
}

static void fill_leverages(struct diva_primal *primal) {
  const struct diva_engine *engine = primal->engine;
#pragma omp parallel for schedule(static) num_threads(engine->threads)
  for (int64_t i = 0; i < engine->info.rows; i++) {
    engine->analysis->leverage[i] = engine->weight[i] * primal->form[i];
  }
}

enum diva_status diva_loo_run(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_scores kept = {0};
  const bool fit = wants_temperature(engine);
  const bool known = gradient_known(engine);
  primal->gradient_shift = find_gradient_shift(engine);
  const bool wanted = fit || engine->options->scores;
  enum diva_status status = wanted ? diva_scores_open(&kept, primal, fit, error) : DIVA_OK;
  if (status == DIVA_OK) {
    status = clear_sums(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_group_loo_run(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_tiles_visit(primal, &primal->train, "leave-one-out", PHASE_LOO, visit_loo,
                              wanted ? &kept : NULL, error);
  }
  if (status == DIVA_OK) {
    fill_leverages(primal);
    primal->train.form = primal->form;
    if (fit) {
      engine->temperature = diva_scores_temperature(&kept, primal);
    }
    if (!known) {
      status = diva_tiles_visit(primal, &primal->train, "gradient", PHASE_LOO, visit_adjoint, NULL,
                                error);
    }
  }
  if (status == DIVA_OK) {
    status = diva_group_loo_adjoint(primal, error);
  }
  diva_scores_close(&kept);
  return status;
}
