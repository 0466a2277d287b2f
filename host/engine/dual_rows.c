/* Rows outside the dual's training set: the pool, unlabelled rows, and a validation set. */
#include "dual.h"

#include <stdlib.h>
#include <string.h>

/* One row outside the training set, predicted. */
struct outside_row {
  const double *weights; /* q: weight of each training target in the prediction */
  struct diva_residual_row residual;
  struct diva_target target;
  struct diva_softmax softmax; /* only where the temperature is known */
};

/* tile_k = K of the tile's rows with the training rows; tile_q = their weights q = Q k + S^-1 1 /
 * s. */
static enum diva_status form_weights(struct diva_dual *dual, int64_t count,
                                     struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  const int64_t m = dual->rows;
  struct diva_matrix tile = dual->device_tile;
  struct diva_matrix kernel = dual->device_tile_k;
  tile.rows = kernel.rows = count;
  enum diva_status status = engine->ops->multiply(engine->backend, true, false, true, tile,
                                                  dual->device_z, kernel, error);
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, kernel, dual->tile_k, error);
  }
  for (int64_t i = 0; i < count * m; i++) {
    dual->tile_k[i] += dual->constant;
  }
  if (status == DIVA_OK) {
    diva_dual_multiply(dual, dual->tile_k, count, m, dual->q, m, dual->tile_q);
  }
  for (int64_t i = 0; i < count && dual->s_total > 0.0; i++) {
    for (int64_t j = 0; j < m; j++) {
      dual->tile_q[i * m + j] += dual->s_ones[j] / dual->s_total;
    }
  }
  return status;
}

/* e = target - base output - q' Y, for one row of a tile, into `e`. */
static void find_residual(const struct diva_dual *dual, const struct diva_dual_tile *tile,
                          const int32_t *labels, int64_t i, double *e) {
  for (int64_t c = 0; c < dual->outputs; c++) {
    const int64_t at = i * dual->outputs + c;
    const double target = labels ? (labels[tile->first + i] == c ? 1.0 : 0.0) : tile->targets[at];
    e[c] = target - (tile->base_outputs ? tile->base_outputs[at] : 0.0);
  }
  for (int64_t l = 0; l < dual->rows; l++) {
    const double weight = dual->tile_q[i * dual->rows + l];
    for (int64_t c = 0; c < dual->outputs; c++) {
      e[c] -= weight * dual->y[l * dual->outputs + c];
    }
  }
}

static struct outside_row describe_row(const struct diva_dual *dual,
                                       const struct diva_dual_tile *tile, const int32_t *labels,
                                       int64_t i, const double *e) {
  struct outside_row row = {
      .weights = dual->tile_q + i * dual->rows,
      .residual = {.e = e, .is_double = true, .outputs = dual->outputs, .one_minus_h = 1.0},
      .target = {labels ? NULL : tile->targets + i * dual->outputs,
                 labels ? labels[tile->first + i] : -1},
  };
  if (!isnan(dual->engine->temperature)) {
    row.softmax = diva_softmax_prepare(row.residual, row.target, dual->engine->temperature);
  }
  return row;
}

static double row_loss(const struct diva_dual *dual, const struct outside_row *row) {
  return dual->engine->options->loss == DIVA_LOSS_CROSS_ENTROPY
             ? diva_cross_entropy_loss(row->residual, row->target, row->softmax)
             : diva_squared_loss(row->residual);
}

static double row_gradient(const struct diva_dual *dual, const struct outside_row *row, int64_t c) {
  if (dual->engine->options->loss == DIVA_LOSS_SQUARED) {
    return diva_squared_gradient(diva_loo_residual(row->residual, c));
  }
  double sum = 0.0;
  for (int64_t o = 0; o < dual->outputs; o++) {
    sum += diva_target_value(row->target, o);
  }
  return diva_cross_entropy_gradient(row->softmax, diva_loo_score(row->residual, row->target, c),
                                     diva_target_value(row->target, c), sum);
}

/* d(mean LOO loss)/d alpha of a pool row: it would enter the training rows' fits through q. */
static double pool_derivative(const struct diva_dual *dual,
                              const struct diva_dual_objective *objective,
                              const struct outside_row *row) {
  double sum = diva_dual_groups_curvature(dual, objective, row->weights);
  for (int64_t l = 0; l < dual->rows; l++) {
    double direct = 0.0;
    for (int64_t c = 0; c < dual->outputs; c++) {
      direct += objective->direct[l * dual->outputs + c] * diva_training_residual(row->residual, c);
    }
    sum += row->weights[l] * (direct + objective->curvature[l] * row->weights[l]);
  }
  return sum / dual->engine->lambda;
}

double diva_dual_border(const struct diva_dual *dual, int64_t i) {
  double border = 0.0;
  if (dual->s_total > 0.0) {
    for (int64_t l = 0; l < dual->rows; l++) {
      border += dual->s_ones[l] * dual->tile_k[i * dual->rows + l];
    }
    border = (border - 1.0) / dual->s_total;
  }
  return border;
}

/* The same for the validation loss: e . sum_v g_v k(v, j), k(v, j) = z_v' C z_j + 1 / s. */
static double pool_validation_derivative(const struct diva_dual *dual,
                                         const struct diva_dual_objective *objective, int64_t i,
                                         const struct outside_row *row) {
  const double *z = dual->tile_z + i * dual->columns;
  const double border = diva_dual_border(dual, i);
  double total = 0.0;
  for (int64_t c = 0; c < dual->outputs; c++) {
    const double *feature_sum = objective->feature_sum + c * dual->columns;
    double pull = objective->gradient_sum[c] * (dual->constant - border);
    for (int64_t j = 0; j < dual->columns; j++) {
      pull += feature_sum[j] * z[j];
    }
    for (int64_t l = 0; l < dual->rows; l++) {
      pull -= row->weights[l] * objective->across[l * dual->outputs + c];
    }
    total += pull * diva_training_residual(row->residual, c);
  }
  return total / dual->engine->lambda;
}

static void store_outside_row(struct diva_dual *dual, int64_t at, const struct outside_row *row) {
  struct diva_analysis *analysis = dual->engine->analysis;
  const struct diva_row_scores scores = diva_row_scores_of(row->residual, row->target);
  analysis->leverage[at] = 0.0;
  analysis->loo_loss[at] = row_loss(dual, row);
  analysis->loo_margin[at] = scores.margin;
  analysis->suggested_label[at] = scores.best;
  if (row->target.label >= 0) {
    analysis->label_quality[at] = diva_softmax_probability(
        row->softmax, diva_loo_score(row->residual, row->target, row->target.label));
  }
}

/* e = p - F in place of -F, for a row without a label that has class c with probability p_c. */
static void expect_label(const struct outside_row *row, double *e) {
  for (int64_t c = 0; c < row->residual.outputs; c++) {
    e[c] += diva_softmax_probability(row->softmax, diva_loo_score(row->residual, row->target, c));
  }
}

/* Derivative and columns of row i of a tile, whose residual e then leaves its group out. */
static struct outside_row judge_row(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                    const struct diva_dual_objective *objective, int64_t i,
                                    double *e) {
  const struct diva_engine *engine = dual->engine;
  const int64_t at = tile->first + i;
  find_residual(dual, tile, engine->labels, i, e);
  struct outside_row row = describe_row(dual, tile, engine->labels, i, e);
  double derivative = 0.0;
  const bool expected =
      engine->options->expect_unlabelled && engine->labels && engine->labels[at] < 0;
  if (expected) {
    expect_label(&row, e);
  }
  if (engine->options->derivative) {
    derivative = objective->curvature ? pool_derivative(dual, objective, &row)
                                      : pool_validation_derivative(dual, objective, i, &row);
  }
  if (expected) {
    find_residual(dual, tile, engine->labels, i, e);
  }
  if (engine->analysis->removal) {
    engine->analysis->removal[at] = diva_squared_loss(row.residual);
  }
  derivative -= diva_dual_groups_leave(dual, objective, at, row.weights, e) / engine->lambda;
  if (engine->options->derivative) {
    engine->analysis->derivative[at] = derivative;
  }
  row = describe_row(dual, tile, engine->labels, i, e);
  store_outside_row(dual, at, &row);
  return row;
}

/* What is carried from tile to tile of the rows outside. */
struct outside_visit {
  const struct diva_dual_objective *objective;
  double *scores;  /* tile_rows x outputs for the sink; NULL: not wanted */
  int64_t trained; /* training rows passed */
};

static void copy_loo_scores(const struct diva_dual *dual, int64_t i, double *out) {
  for (int64_t c = 0; out && c < dual->outputs; c++) {
    out[c] = diva_dual_loo_score(dual, i, c);
  }
}

static void copy_scores(const struct outside_row *row, double *out) {
  for (int64_t c = 0; out && c < row->residual.outputs; c++) {
    out[c] = diva_loo_score(row->residual, row->target, c);
  }
}

static enum diva_status hand_out(const struct diva_dual *dual, const double *scores, int64_t first,
                                 int64_t count, struct diva_error *error) {
  const struct diva_analysis_options *options = dual->engine->options;
  return scores ? options->scores(options->scores_context, first, count, scores, error) : DIVA_OK;
}

static enum diva_status visit_outside(struct diva_dual *dual, void *context,
                                      const struct diva_dual_tile *tile, struct diva_error *error) {
  struct outside_visit *visit = context;
  const struct diva_engine *engine = dual->engine;
  double *e = NULL;
  enum diva_status status = form_weights(dual, tile->count, error);
  if (status == DIVA_OK) {
    status = diva_allocate(dual->outputs, sizeof *e, "a residual", (void **)&e, error);
  }
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    double *scores = visit->scores ? visit->scores + i * dual->outputs : NULL;
    if (engine->weight[tile->first + i] > 0.0) {
      copy_loo_scores(dual, visit->trained++, scores);
      continue;
    }
    const struct outside_row row = judge_row(dual, tile, visit->objective, i, e);
    copy_scores(&row, scores);
  }
  free(e);
  if (status == DIVA_OK) {
    status = diva_dual_removal_pool(dual, tile, error);
  }
  return status == DIVA_OK ? hand_out(dual, visit->scores, tile->first, tile->count, error)
                           : status;
}

/* Where every row is trained on, nothing need be read for its scores. */
static enum diva_status hand_out_trained(const struct diva_dual *dual, double *scores,
                                         struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  int64_t count = 0;
  for (int64_t first = 0; first < dual->rows && status == DIVA_OK; first += count) {
    count = dual->rows - first < dual->tile_rows ? dual->rows - first : dual->tile_rows;
    for (int64_t i = 0; i < count; i++) {
      copy_loo_scores(dual, first + i, scores + i * dual->outputs);
    }
    status = hand_out(dual, scores, first, count, error);
  }
  return status;
}

enum diva_status diva_dual_outside_rows(struct diva_dual *dual,
                                        const struct diva_dual_objective *objective,
                                        struct diva_error *error) {
  const struct diva_engine *engine = dual->engine;
  struct outside_visit visit = {.objective = objective};
  enum diva_status status = DIVA_OK;
  if (engine->options->scores) {
    status = diva_allocate(dual->tile_rows * dual->outputs, sizeof *visit.scores,
                           "scores of a tile", (void **)&visit.scores, error);
  }
  if (status == DIVA_OK && dual->rows < engine->info.rows) {
    status = diva_dual_visit(dual, engine->train, visit_outside, &visit, error);
  } else if (status == DIVA_OK && visit.scores) {
    status = hand_out_trained(dual, visit.scores, error);
  }
  free(visit.scores);
  return status;
}

static void add_to_objective(struct diva_dual *dual, struct diva_dual_objective *objective,
                             int64_t i, double importance, const struct outside_row *row) {
  for (int64_t c = 0; c < dual->outputs; c++) {
    const double gradient = importance * row_gradient(dual, row, c);
    objective->gradient_sum[c] += gradient;
    for (int64_t j = 0; j < dual->columns; j++) {
      objective->feature_sum[c * dual->columns + j] +=
          gradient * dual->tile_z[i * dual->columns + j];
    }
    for (int64_t l = 0; l < dual->rows; l++) {
      objective->direct[l * dual->outputs + c] += gradient * row->weights[l];
    }
  }
}

static enum diva_status visit_validation(struct diva_dual *dual, void *context,
                                         const struct diva_dual_tile *tile,
                                         struct diva_error *error) {
  struct diva_dual_objective *objective = context;
  struct diva_score *score = &dual->engine->analysis->summary.validation;
  const int32_t *labels = diva_dataset_labels(dual->engine->validation);
  double *e = NULL;
  enum diva_status status = form_weights(dual, tile->count, error);
  if (status == DIVA_OK) {
    status = diva_allocate(dual->outputs, sizeof *e, "a residual", (void **)&e, error);
  }
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    const double importance = dual->engine->validation_importance[tile->first + i];
    if (importance == 0.0) {
      continue;
    }
    find_residual(dual, tile, labels, i, e);
    const struct outside_row row = describe_row(dual, tile, labels, i, e);
    const int32_t best = diva_row_scores_of(row.residual, row.target).best;
    score->loss += importance * row_loss(dual, &row);
    score->error += labels && best != row.target.label ? importance : 0.0;
    add_to_objective(dual, objective, i, importance, &row);
  }
  free(e);
  return status == DIVA_OK ? diva_dual_removal_add(dual, tile, error) : status;
}

/* sum_v g_v K_vl for every training row l, constant included: what no outside row changes. */
static void form_across(const struct diva_dual *dual, struct diva_dual_objective *objective) {
  for (int64_t l = 0; l < dual->rows; l++) {
    const double *z = dual->z + l * dual->columns;
    for (int64_t c = 0; c < dual->outputs; c++) {
      double sum = dual->constant * objective->gradient_sum[c];
      for (int64_t j = 0; j < dual->columns; j++) {
        sum += objective->feature_sum[c * dual->columns + j] * z[j];
      }
      objective->across[l * dual->outputs + c] = sum;
    }
  }
}

enum diva_status diva_dual_validation(struct diva_dual *dual, struct diva_dual_objective *objective,
                                      struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dataset_info info;
  diva_dataset_describe(engine->validation, &info);
  engine->analysis->summary.validation = (struct diva_score){.rows = info.labelled_rows};
  enum diva_status status =
      diva_dual_visit(dual, engine->validation, visit_validation, objective, error);
  if (status == DIVA_OK) {
    status = diva_engine_check_fault(engine, dual->fault, engine->validation, error);
  }
  form_across(dual, objective);
  if (!engine->labels) {
    engine->analysis->summary.validation.error = NAN;
  }
  return status;
}
