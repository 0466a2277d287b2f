/* As many rows picked at random: solved, and scored. */
#include "extend_curve.h"

#include "extend_pick.h"
#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

static enum diva_status fill_labels(const struct diva_extend_problem *problem,
                                    const struct diva_extend_fit *core,
                                    struct diva_extend_uniform *uniform, struct diva_error *error) {
  const int32_t *given = diva_dataset_labels(problem->dataset);
  struct diva_columns columns;
  if (!given) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_allocate(problem->info.rows, sizeof *uniform->labels,
                                                "labels", (void **)&uniform->labels, error);
  diva_analysis_columns(core->analysis, &columns);
  for (int64_t i = 0; i < problem->info.rows && status == DIVA_OK; i++) {
    const bool assumed = given[i] < 0 && i >= problem->core_rows;
    uniform->labels[i] = assumed ? columns.suggested_label[i] : given[i];
  }
  return status;
}

enum diva_status diva_extend_uniform_make(const struct diva_extend_problem *problem,
                                          const struct diva_extend_fit *core, int picks,
                                          struct diva_extend_uniform *out,
                                          struct diva_error *error) {
  *out = (struct diva_extend_uniform){.picks = picks};
  if (picks == 0) {
    return DIVA_OK;
  }
  enum diva_status status = diva_allocate(picks * problem->pool_rows, sizeof *out->order,
                                          "uniform picks", (void **)&out->order, error);
  if (status == DIVA_OK) {
    status = diva_allocate(problem->rows, sizeof *out->weights, "uniform picks",
                           (void **)&out->weights, error);
  }
  if (status == DIVA_OK) {
    status = fill_labels(problem, core, out, error);
  }
  if (status == DIVA_OK) {
    diva_extend_shuffle(problem, picks, out->order, &out->count);
  }
  return status;
}

static void weigh(const struct diva_extend_problem *problem, struct diva_extend_uniform *uniform,
                  int pick, int64_t rows) {
  const int64_t *order = uniform->order + pick * problem->pool_rows;
  memset(uniform->weights, 0, (size_t)problem->rows * sizeof *uniform->weights);
  for (int64_t i = 0; i < problem->core_rows; i++) {
    uniform->weights[i] = diva_extend_weight(problem, i);
  }
  for (int64_t i = 0; i < rows && i < uniform->count; i++) {
    const int64_t row = problem->core_rows + order[i];
    uniform->weights[row] = diva_extend_weight(problem, row);
  }
}

static void add_score(struct diva_score *mean, const struct diva_score *score, double share) {
  mean->rows = score->rows;
  mean->loss += share * score->loss;
  mean->error += share * score->error;
}

enum diva_status diva_extend_uniform_score(const struct diva_extend_problem *problem,
                                           struct diva_extend_uniform *uniform, int64_t rows,
                                           struct diva_extend_scores *out,
                                           struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  *out = (struct diva_extend_scores){0};
  for (int pick = 0; pick < uniform->picks && status == DIVA_OK; pick++) {
    const double share = 1.0 / (double)uniform->picks;
    struct diva_extend_fit fit = {0};
    weigh(problem, uniform, pick, rows);
    status = diva_extend_solve(problem, uniform->weights, uniform->labels, false, &fit, error);
    if (status == DIVA_OK) {
      add_score(&out->core, &fit.scores.core, share);
      add_score(&out->target, &fit.scores.target, share);
      add_score(&out->heldout, &fit.scores.heldout, share);
    }
    diva_extend_fit_free(&fit);
  }
  return status;
}

void diva_extend_uniform_free(struct diva_extend_uniform *uniform) {
  free(uniform->order);
  free(uniform->weights);
  free(uniform->labels);
  *uniform = (struct diva_extend_uniform){0};
}
