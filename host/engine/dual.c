/* The dual solver from end to end. */
#include "dual.h"

#include "device.h"

#include <stdlib.h>

/* LOO residuals in place of c / Q_ii are all that a row's algebra asks for. */
struct diva_residual_row diva_dual_residual_row(const struct diva_dual *dual, int64_t i) {
  struct diva_residual_row row = {.e = dual->c + i * dual->outputs,
                                  .is_double = true,
                                  .outputs = dual->outputs,
                                  .one_minus_h = dual->q[i * dual->rows + i]};
  if (diva_dual_groups_place(dual, i) >= 0) {
    row.e = dual->groups->residual + i * dual->outputs;
    row.one_minus_h = 1.0;
  }
  return row;
}

static enum diva_status solve(struct diva_dual *dual, double lambda, struct diva_error *error) {
  const enum diva_status status = diva_dual_solve(dual, lambda, error);
  return status == DIVA_OK ? diva_dual_groups_solve(dual, error) : status;
}

static double loo_loss(const struct diva_dual *dual) {
  double sum = 0.0;
  for (int64_t i = 0; i < dual->rows; i++) {
    sum += diva_rows_share(dual->engine, dual->index[i]) *
           diva_squared_loss(diva_dual_residual_row(dual, i));
  }
  return sum / (double)dual->rows;
}

/* The path has no shortcut here: each lambda is solved for. One that cannot be factored is passed
 * over. */
static enum diva_status evaluate(void *context, const double *lambdas, int64_t count,
                                 double *losses, struct diva_error *error) {
  struct diva_dual *dual = context;
  for (int64_t l = 0; l < count; l++) {
    enum diva_status status =
        diva_progress_report(&dual->engine->options->progress, "lambda", l, count, error);
    if (status == DIVA_OK) {
      status = solve(dual, lambdas[l], error);
    }
    losses[l] = status == DIVA_OK ? loo_loss(dual) : INFINITY;
    if (status != DIVA_OK && status != DIVA_ERROR_NUMERICAL) {
      return status;
    }
  }
  return DIVA_OK;
}

static enum diva_status choose_lambda(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const struct diva_lambda_path path = {evaluate, dual};
  double trace = 0.0;
  for (int64_t i = 0; i < dual->rows; i++) {
    trace += dual->alpha[i] * (dual->kernel[i * dual->rows + i] - dual->constant);
  }
  engine->analysis->summary.lambda_chosen = true;
  return diva_lambda_choose(&path, trace / (double)dual->columns, &engine->lambda,
                            &engine->analysis->summary.lambda_at_edge, error);
}

static struct diva_target row_target(const struct diva_dual *dual, int64_t i) {
  const struct diva_engine *engine = dual->engine;
  if (engine->labels) {
    return (struct diva_target){NULL, engine->labels[dual->index[i]]};
  }
  return (struct diva_target){dual->target + i * dual->outputs, -1};
}

double diva_dual_loo_score(const struct diva_dual *dual, int64_t i, int64_t output) {
  return diva_loo_score(diva_dual_residual_row(dual, i), row_target(dual, i), output);
}

static enum diva_status fit_temperature(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  if (!isnan(engine->temperature) ||
      (!engine->labels && engine->options->loss == DIVA_LOSS_SQUARED)) {
    return DIVA_OK;
  }
  double *scores = NULL;
  const enum diva_status status =
      diva_allocate(dual->rows, (dual->outputs + 1) * (int64_t)sizeof *scores,
                    "leave-one-out scores", (void **)&scores, error);
  if (status != DIVA_OK) {
    return status;
  }
  double *shares = scores + dual->rows * dual->outputs;
  for (int64_t i = 0; i < dual->rows; i++) {
    shares[i] = diva_rows_share(engine, dual->index[i]);
    for (int64_t c = 0; c < dual->outputs; c++) {
      scores[i * dual->outputs + c] = diva_dual_loo_score(dual, i, c);
    }
  }
  const struct diva_temperature_problem problem = {.scores = scores,
                                                   .targets = dual->target,
                                                   .shares = shares,
                                                   .rows = dual->rows,
                                                   .outputs = dual->outputs,
                                                   .threads = engine->threads};
  engine->temperature = diva_temperature_fit(&problem);
  free(scores);
  return DIVA_OK;
}

/* Columns of training row i, and its terms of the objective: g / Q_ii and (g . r) / Q_ii. */
static void score_row(struct diva_dual *dual, int64_t i, struct diva_dual_objective *objective) {
  const struct diva_engine *engine = dual->engine;
  struct diva_analysis *analysis = engine->analysis;
  const int64_t at = dual->index[i];
  const struct diva_residual_row row = diva_dual_residual_row(dual, i);
  const struct diva_target target = row_target(dual, i);
  const bool entropy = engine->options->loss == DIVA_LOSS_CROSS_ENTROPY;
  const struct diva_row_scores scores = diva_row_scores_of(row, target);
  struct diva_softmax softmax = {0};
  if (!isnan(engine->temperature)) {
    softmax = diva_softmax_prepare(row, target, engine->temperature);
  }
  analysis->leverage[at] = 1.0 - engine->lambda * dual->q[i * dual->rows + i] / dual->alpha[i];
  analysis->loo_margin[at] = scores.margin;
  analysis->suggested_label[at] = scores.best;
  analysis->loo_loss[at] =
      entropy ? diva_cross_entropy_loss(row, target, softmax) : diva_squared_loss(row);
  if (target.label >= 0) {
    analysis->label_quality[at] =
        diva_softmax_probability(softmax, diva_loo_score(row, target, target.label));
  }
  if (!objective->curvature) {
    return;
  }
  double y_sum = 0.0;
  for (int64_t c = 0; c < dual->outputs; c++) {
    y_sum += diva_target_value(target, c);
  }
  double gradient_dot_r = 0.0;
  for (int64_t c = 0; c < dual->outputs; c++) {
    const double r = diva_loo_residual(row, c);
    const double gradient =
        engine->importance[at] *
        (entropy ? diva_cross_entropy_gradient(softmax, diva_loo_score(row, target, c),
                                               diva_target_value(target, c), y_sum)
                 : diva_squared_gradient(r));
    gradient_dot_r += gradient * r;
    objective->direct[i * dual->outputs + c] = gradient / row.one_minus_h;
  }
  objective->curvature[i] = gradient_dot_r / row.one_minus_h;
}

/* LOO: dL/dalpha_j = lambda / alpha_j^2 (sum_i Q_ij^2 curvature_i - c_j . sum_i Q_ij direct_i). */
static enum diva_status differentiate_loo(struct diva_dual *dual,
                                          const struct diva_dual_objective *objective,
                                          struct diva_error *error) {
  const struct diva_engine *engine = dual->engine;
  const int64_t m = dual->rows;
  double *across = NULL;
  const enum diva_status status =
      diva_allocate(m * dual->outputs, sizeof *across, "the derivative", (void **)&across, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_dual_multiply(dual, dual->q, m, m, objective->direct, dual->outputs, across);
  for (int64_t j = 0; j < m; j++) {
    double sum = diva_dual_groups_curvature(dual, objective, dual->q + j * m);
    for (int64_t i = 0; i < m; i++) {
      sum += dual->q[j * m + i] * dual->q[j * m + i] * objective->curvature[i];
    }
    for (int64_t c = 0; c < dual->outputs; c++) {
      sum -= dual->c[j * dual->outputs + c] * across[j * dual->outputs + c];
    }
    engine->analysis->derivative[dual->index[j]] =
        engine->lambda / (dual->alpha[j] * dual->alpha[j]) * sum;
  }
  free(across);
  return DIVA_OK;
}

/* Validation: dL/dalpha_j = e_j . sum_v g_v q_vj / alpha_j with e_j = lambda c_j / alpha_j. */
static void differentiate_validation(struct diva_dual *dual,
                                     const struct diva_dual_objective *objective) {
  const struct diva_engine *engine = dual->engine;
  for (int64_t j = 0; j < dual->rows; j++) {
    double sum = 0.0;
    for (int64_t c = 0; c < dual->outputs; c++) {
      const int64_t at = j * dual->outputs + c;
      sum += objective->direct[at] * dual->c[at];
    }
    engine->analysis->derivative[dual->index[j]] =
        engine->lambda * sum / (dual->alpha[j] * dual->alpha[j]);
  }
}

static enum diva_status create_objective(struct diva_dual *dual,
                                         struct diva_dual_objective *objective,
                                         struct diva_error *error) {
  const bool validation = dual->engine->validation != NULL;
  enum diva_status status = diva_allocate(dual->rows * dual->outputs, sizeof(double),
                                          "the objective", (void **)&objective->direct, error);
  if (status == DIVA_OK && !validation) {
    status = diva_allocate(dual->rows, sizeof(double), "the objective",
                           (void **)&objective->curvature, error);
  }
  if (status == DIVA_OK && validation) {
    status = diva_allocate(dual->outputs * dual->columns, sizeof(double), "the objective",
                           (void **)&objective->feature_sum, error);
  }
  if (status == DIVA_OK && validation) {
    status = diva_allocate(dual->outputs, sizeof(double), "the objective",
                           (void **)&objective->gradient_sum, error);
  }
  if (status == DIVA_OK && validation) {
    status = diva_allocate(dual->rows * dual->outputs, sizeof(double), "the objective",
                           (void **)&objective->across, error);
  }
  return status;
}

static enum diva_status finish(struct diva_dual *dual, struct diva_dual_objective *objective,
                               struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  for (int64_t i = 0; i < dual->rows; i++) {
    score_row(dual, i, objective);
  }
  enum diva_status status = DIVA_OK;
  if (engine->validation) {
    status = diva_dual_validation(dual, objective, error);
  }
  if (status == DIVA_OK) {
    status = diva_dual_removal_trained(dual, objective, error);
  }
  if (status == DIVA_OK && engine->options->derivative && !engine->validation) {
    status = diva_dual_groups_adjoint(dual, objective, error);
  }
  if (status == DIVA_OK && engine->options->derivative) {
    if (engine->validation) {
      differentiate_validation(dual, objective);
    } else {
      status = differentiate_loo(dual, objective, error);
    }
  }
  return status == DIVA_OK ? diva_dual_outside_rows(dual, objective, error) : status;
}

/* Largest over smallest eigenvalue of S is at most its trace over lambda / max(alpha). */
static void estimate_condition(struct diva_dual *dual) {
  double trace = 0.0;
  double smallest = INFINITY;
  for (int64_t i = 0; i < dual->rows; i++) {
    const double ridge = dual->engine->lambda / dual->alpha[i];
    trace += dual->kernel[i * dual->rows + i] + ridge;
    smallest = ridge < smallest ? ridge : smallest;
  }
  dual->engine->analysis->summary.condition = trace / smallest;
}

static struct diva_dual describe(struct diva_engine *engine) {
  return (struct diva_dual){
      .engine = engine,
      .rows = engine->training_rows,
      .columns = engine->info.columns,
      .outputs = engine->info.outputs,
      .tile_rows = engine->plan.tile_rows,
  };
}

static struct diva_device_shape shape(const struct diva_engine *engine) {
  return (struct diva_device_shape){
      .columns = engine->info.columns + (engine->options->removal ? 1 : 0),
      .square = engine->training_rows,
  };
}

static enum diva_status take(struct diva_engine *engine, struct diva_error *error) {
  struct diva_dual dual = describe(engine);
  return diva_dual_take(&dual, error);
}

const struct diva_device_user diva_dual_device = {.shape = shape, .take = take};

static enum diva_status allocate(struct diva_dual *dual, struct diva_error *error) {
  enum diva_status (*const parts[])(struct diva_dual *, struct diva_error *) = {
      diva_dual_allocate, diva_dual_groups_allocate, diva_dual_removal_allocate, diva_dual_take};
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == DIVA_OK; i++) {
    status = parts[i](dual, error);
  }
  return status;
}

/* Takes everything, reads the training rows, and finds what is left out together among them. */
static enum diva_status begin(struct diva_dual *dual, struct diva_error *error) {
  enum diva_status status = allocate(dual, error);
  if (status == DIVA_OK) {
    dual->engine->began = true;
    status = diva_dual_load(dual, error);
  }
  if (status == DIVA_OK) {
    diva_dual_groups_find(dual);
    status = diva_dual_removal_begin(dual, error);
  }
  return status;
}

enum diva_status diva_dual_run(struct diva_engine *engine, struct diva_error *error) {
  const struct diva_device_turn turn = {.user = &diva_dual_device, .double_tiles = true};
  struct diva_dual_objective objective = {0};
  enum diva_status status = diva_device_open(engine, &turn, 1, error);
  struct diva_dual dual = describe(engine);
  if (status == DIVA_OK) {
    status = begin(&dual, error);
  }
  double clock = diva_clock_seconds();
  if (status == DIVA_OK && engine->lambda == 0.0) {
    status = choose_lambda(&dual, error);
  }
  if (status == DIVA_OK) {
    status = solve(&dual, engine->lambda, error);
  }
  clock = diva_engine_account(engine, PHASE_FACTOR, clock);
  if (status == DIVA_OK) {
    status = fit_temperature(&dual, error);
  }
  if (status == DIVA_OK) {
    status = create_objective(&dual, &objective, error);
  }
  if (status == DIVA_OK) {
    estimate_condition(&dual);
    status = finish(&dual, &objective, error);
  }
  diva_engine_account(engine, PHASE_LOO, clock);
  engine->analysis->summary.precision = DIVA_PRECISION_FLOAT64;
  free(objective.direct);
  free(objective.curvature);
  free(objective.feature_sum);
  free(objective.gradient_sum);
  free(objective.across);
  diva_dual_free(&dual);
  return status;
}
