/* Lambda by few factorisations: the LOO loss of the sample downhill along a grid in log lambda. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>

/* Steps of sqrt(10), as far down and up as the path goes. */
enum { LOWEST = -12, HIGHEST = 6, STEPS = HIGHEST - LOWEST + 1 };

struct search {
  struct diva_primal *primal;
  double *loss; /**< of one tile's rows */
  double start; /**< lambda of step 0 */
  double losses[STEPS];
  bool known[STEPS];
};

static double lambda_at(const struct search *search, double step) {
  return diva_lambda_round(search->start * pow(10.0, 0.5 * step));
}

/* What the sample's rows [first, first + count) are. A squared loss looks at residuals alone, but a
 * row has a target of either kind: as diva_sample_prepare() left them. */
static struct diva_row_facts tile_facts(const struct diva_primal *primal, int64_t first,
                                        int64_t count) {
  struct diva_row_facts facts = {.weight = primal->sample_weight,
                                 .form = diva_tile_slice(primal->tile_form, count),
                                 .loss = DIVA_LOSS_SQUARED,
                                 .temperature = (double)NAN};
  facts.weight.offset += first;
  facts.weight.length = count;
  if (primal->sample_targets) {
    facts.targets = diva_tile_rows(primal->wide_y, count);
  } else {
    facts.labels = diva_tile_slice(primal->labels, count);
  }
  return facts;
}

/* Adds their squared LOO loss at the solution. */
static enum diva_status add_tile(struct search *search, int64_t first, int64_t count, double *sum,
                                 struct diva_error *error) {
  struct diva_primal *primal = search->primal;
  const struct diva_engine *engine = primal->engine;
  const struct diva_matrix e = diva_tile_rows(primal->y, count);
  const struct diva_row_facts facts = tile_facts(primal, first, count);
  const struct diva_row_results results = {.loss = diva_tile_slice(primal->loss, count)};
  struct diva_matrix z;
  enum diva_status status = diva_sample_prepare(primal, first, count, e, &z, error);
  if (status == DIVA_OK) {
    status = engine->ops->row_leverage(engine->backend, z, primal->upper, facts.form, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->residual(engine->backend, z, primal->w, e, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->loo_rows(engine->backend, e, &facts, &results, error);
  }
  if (status == DIVA_OK) {
    status = diva_tile_fetch(primal, results.loss, count, search->loss, error);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    *sum += primal->sample_shares[first + i] * search->loss[i];
  }
  return status;
}

/* The loss at a step, unless known. A system that cannot be factored counts as infinitely bad. */
static enum diva_status evaluate(struct search *search, int step, struct diva_error *error) {
  struct diva_primal *primal = search->primal;
  struct diva_engine *engine = primal->engine;
  const int at = step - LOWEST;
  double sum = 0.0;
  if (search->known[at]) {
    return DIVA_OK;
  }
  engine->lambda = lambda_at(search, step);
  enum diva_status status = diva_factor_solve(primal, error);
  if (status == DIVA_ERROR_NUMERICAL) {
    sum = (double)INFINITY;
    status = DIVA_OK;
  }
  for (int64_t first = 0; isfinite(sum) && status == DIVA_OK && first < primal->sample_rows;
       first += primal->tile_rows) {
    status = diva_progress_report(&engine->options->progress, "lambda", first, primal->sample_rows,
                                  error);
    if (status == DIVA_OK) {
      status = add_tile(search, first, diva_sample_length(primal, first), &sum, error);
    }
  }
  search->known[at] = true;
  search->losses[at] = isfinite(sum) ? sum : (double)INFINITY;
  return status;
}

/* Steps to the better neighbour until there is none; ties go up, to the simpler model. */
static enum diva_status descend(struct search *search, int *step, struct diva_error *error) {
  enum diva_status status = evaluate(search, *step, error);
  while (status == DIVA_OK) {
    const double here = search->losses[*step - LOWEST];
    if (*step < HIGHEST) {
      status = evaluate(search, *step + 1, error);
      if (status == DIVA_OK && search->losses[*step + 1 - LOWEST] <= here) {
        (*step)++;
        continue;
      }
    }
    if (status == DIVA_OK && *step > LOWEST) {
      status = evaluate(search, *step - 1, error);
      if (status == DIVA_OK && search->losses[*step - 1 - LOWEST] < here) {
        (*step)--;
        continue;
      }
    }
    break;
  }
  return status;
}

/* The least point of the parabola through the best step and its neighbours, where it has one. */
static double refine(const struct search *search, int step) {
  if (step == LOWEST || step == HIGHEST) {
    return lambda_at(search, step);
  }
  const double below = search->losses[step - 1 - LOWEST];
  const double here = search->losses[step - LOWEST];
  const double above = search->losses[step + 1 - LOWEST];
  const double curvature = below - 2.0 * here + above;
  const bool bends = isfinite(curvature) && curvature > 0.0;
  return lambda_at(search, step + (bends ? 0.5 * (below - above) / curvature : 0.0));
}

enum diva_status diva_search_run(struct diva_primal *primal, struct diva_error *error) {
  /* Near where kernel models of labelled features end up: few steps are left. */
  const double usual = 1.0;
  struct diva_engine *engine = primal->engine;
  struct diva_summary *summary = &engine->analysis->summary;
  struct search search = {.primal = primal,
                          .start = usual * engine->weight_sum / (double)engine->training_rows};
  const double clock = diva_clock_seconds();
  int step = 0;
  enum diva_status status =
      diva_allocate(primal->tile_rows, sizeof *search.loss, "losses", (void **)&search.loss, error);
  if (status == DIVA_OK && !(diva_path_scale(primal) > 0.0)) {
    status = diva_error_set(error, DIVA_ERROR_NUMERICAL,
                            "no lambda can be chosen: the features have no spread; are all rows "
                            "the same?");
  }
  if (status == DIVA_OK) {
    status = descend(&search, &step, error);
  }
  if (status == DIVA_OK && !isfinite(search.losses[step - LOWEST])) {
    status =
        diva_error_set(error, DIVA_ERROR_NUMERICAL,
                       "no lambda can be chosen: the leave-one-out loss is not finite anywhere");
  }
  if (status == DIVA_OK) {
    engine->lambda = refine(&search, step);
    summary->lambda_chosen = true;
    summary->lambda_at_edge = step == LOWEST || step == HIGHEST;
  }
  free(search.loss);
  diva_engine_account(engine, PHASE_FACTOR, clock);
  return status;
}
