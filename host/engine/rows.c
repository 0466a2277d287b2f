/* What each row is worth: its weight in the fit, its importance in the objective. */
#include "engine.h"

#include <math.h>
#include <stdlib.h>

static const double *given_weights(const struct diva_dataset *dataset,
                                   const struct diva_analysis_options *options) {
  return options->weights ? options->weights : diva_dataset_weights(dataset);
}

static int threads_of(const struct diva_analysis_options *options) {
  return options->threads > 0 ? options->threads : diva_cores_available();
}

static double row_weight(const int32_t *labels, const double *given, int64_t row) {
  if (labels && labels[row] < 0) {
    return 0.0;
  }
  return given ? given[row] : 1.0;
}

int64_t diva_plan_training_rows(const struct diva_dataset *train,
                                const struct diva_analysis_options *options) {
  struct diva_dataset_info info;
  diva_dataset_describe(train, &info);
  const int32_t *labels = diva_dataset_labels(train);
  const double *given = given_weights(train, options);
  int64_t count = 0;
  for (int64_t i = 0; i < info.rows; i++) {
    count += row_weight(labels, given, i) > 0.0;
  }
  return count;
}

static enum diva_status check_weights(const double *given, int64_t rows, struct diva_error *error) {
  for (int64_t i = 0; given && i < rows; i++) {
    if (!isfinite(given[i]) || given[i] < 0.0) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "weight of row %lld is %g; weights must be finite and not negative",
                            (long long)i, given[i]);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_rows_weigh(const struct diva_dataset *dataset,
                                 const struct diva_analysis_options *options, double *weight,
                                 struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  const double *given = given_weights(dataset, options);
  const int32_t *labels = diva_dataset_labels(dataset);
  const enum diva_status status = check_weights(given, info.rows, error);
  if (status != DIVA_OK) {
    return status;
  }
#pragma omp parallel for schedule(static) num_threads(threads_of(options))
  for (int64_t i = 0; i < info.rows; i++) {
    weight[i] = row_weight(labels, given, i);
  }
  return DIVA_OK;
}

static enum diva_status check_classes(const struct diva_engine *engine, struct diva_error *error) {
  int32_t first = -1;
  for (int64_t i = 0; engine->labels && i < engine->info.rows; i++) {
    if (engine->weight[i] <= 0.0) {
      continue;
    }
    if (first >= 0 && engine->labels[i] != first) {
      return DIVA_OK;
    }
    first = engine->labels[i];
  }
  if (engine->labels) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the rows with positive weight are all of class %d; two are needed",
                          first);
  }
  return DIVA_OK;
}

static double terms_of_column(const void *context, int64_t first, int64_t end) {
  const double *values = context;
  double sum = 0.0;
  for (int64_t i = first; i < end; i++) {
    sum += values[i];
  }
  return sum;
}

/*
 * v of the rows that count, which come as 1 among zeros: what was given for them (NULL: the same
 * for all), made to add up to 1. `what` names it in errors.
 */
static enum diva_status normalise(const char *what, const double *given, int64_t rows, double *v,
                                  int threads, struct diva_error *error) {
  for (int64_t i = 0; given && i < rows; i++) {
    if (v[i] > 0.0) {
      if (!isfinite(given[i]) || given[i] < 0.0) {
        return diva_error_set(error, DIVA_ERROR_USAGE,
                              "%s of row %lld is %g; importances must be finite and not negative",
                              what, (long long)i, given[i]);
      }
      v[i] = given[i];
    }
  }
  const double total = diva_engine_sum_rows(threads, rows, terms_of_column, v);
  if (given && !(total > 0.0 && isfinite(total))) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the %ss of the rows that count add up to %g; the sum must be positive "
                          "and finite",
                          what, total);
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < rows; i++) {
    v[i] = v[i] > 0.0 ? v[i] / total : 0.0;
  }
  return DIVA_OK;
}

static enum diva_status weigh_validation(struct diva_engine *engine, struct diva_error *error) {
  struct diva_dataset_info info;
  if (!engine->validation) {
    return DIVA_OK;
  }
  diva_dataset_describe(engine->validation, &info);
  const int32_t *labels = diva_dataset_labels(engine->validation);
  const enum diva_status status =
      diva_allocate(info.rows, sizeof *engine->validation_importance, "validation rows",
                    (void **)&engine->validation_importance, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < info.rows; i++) {
    engine->validation_importance[i] = !labels || labels[i] >= 0 ? 1.0 : 0.0;
  }
  return normalise("validation importance", engine->options->validation_importance, info.rows,
                   engine->validation_importance, engine->threads, error);
}

double diva_rows_share(const struct diva_engine *engine, int64_t row) {
  return engine->options->importance ? engine->importance[row] * (double)engine->training_rows
                                     : 1.0;
}

enum diva_status diva_rows_prepare(struct diva_engine *engine, struct diva_error *error) {
  double *weight = engine->analysis->weight;
  enum diva_status status = diva_rows_weigh(engine->train, engine->options, weight, error);
  if (status != DIVA_OK) {
    return status;
  }
  int64_t training_rows = 0;
#pragma omp parallel for schedule(static) num_threads(engine->threads) reduction(+ : training_rows)
  for (int64_t i = 0; i < engine->info.rows; i++) {
    training_rows += weight[i] > 0.0;
    engine->importance[i] = weight[i] > 0.0 ? 1.0 : 0.0;
  }
  engine->training_rows = training_rows;
  engine->weight_sum =
      diva_engine_sum_rows(engine->threads, engine->info.rows, terms_of_column, weight);
  engine->weight = weight;
  if (engine->training_rows < 2) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "rows with a label and a positive weight: %lld; at least 2 are needed",
                          (long long)engine->training_rows);
  }
  status = normalise("importance", engine->options->importance, engine->info.rows,
                     engine->importance, engine->threads, error);
  if (status == DIVA_OK) {
    status = weigh_validation(engine, error);
  }
  return status == DIVA_OK ? check_classes(engine, error) : status;
}

enum diva_status diva_rows_check_distribution(const struct diva_engine *engine,
                                              const double *targets, int64_t first, int64_t count,
                                              struct diva_error *error) {
  const double tolerance = 1e-3;
  for (int64_t i = 0; i < count && engine->options->loss == DIVA_LOSS_CROSS_ENTROPY; i++) {
    double sum = 0.0;
    bool negative = false;
    for (int64_t c = 0; c < engine->info.outputs; c++) {
      sum += targets[i * engine->info.outputs + c];
      negative = negative || targets[i * engine->info.outputs + c] < 0.0;
    }
    if (negative || fabs(sum - 1.0) > tolerance) {
      return diva_error_set(error, DIVA_ERROR_INPUT,
                            "/targets: row %lld is no distribution (sum %g%s), which cross-entropy "
                            "needs; use the squared loss",
                            (long long)(first + i), sum, negative ? ", a value below 0" : "");
    }
  }
  return DIVA_OK;
}

static void blank_row(struct diva_analysis *analysis, int64_t i, bool expected) {
  analysis->loo_loss[i] = NAN;
  analysis->loo_margin[i] = NAN;
  analysis->label_quality[i] = NAN;
  if (analysis->derivative && !expected) {
    analysis->derivative[i] = NAN;
  }
  if (analysis->removal) {
    analysis->removal[i] = NAN;
  }
}

static double loss_terms(const void *context, int64_t first, int64_t end) {
  const struct diva_engine *engine = context;
  double sum = 0.0;
  for (int64_t i = first; i < end; i++) {
    sum += engine->weight[i] > 0.0 ? engine->importance[i] * engine->analysis->loo_loss[i] : 0.0;
  }
  return sum;
}

static double wrong_terms(const void *context, int64_t first, int64_t end) {
  const struct diva_engine *engine = context;
  double sum = 0.0;
  for (int64_t i = first; i < end; i++) {
    const bool wrong = engine->analysis->suggested_label[i] != engine->labels[i];
    sum += engine->weight[i] > 0.0 && wrong ? diva_rows_share(engine, i) : 0.0;
  }
  return sum;
}

void diva_rows_finish(struct diva_engine *engine) {
  struct diva_analysis *analysis = engine->analysis;
  struct diva_score *loo = &analysis->summary.loo;
  const int64_t rows = engine->info.rows;
  loo->loss = diva_engine_sum_rows(engine->threads, rows, loss_terms, engine);
  const double wrong =
      engine->labels ? diva_engine_sum_rows(engine->threads, rows, wrong_terms, engine) : 0.0;
#pragma omp parallel for schedule(static) num_threads(engine->threads)
  for (int64_t i = 0; i < rows; i++) {
    if (engine->labels && engine->labels[i] < 0) {
      blank_row(analysis, i, engine->options->expect_unlabelled);
    }
    if (!engine->labels) {
      analysis->loo_margin[i] = NAN;
      analysis->label_quality[i] = NAN;
      analysis->suggested_label[i] = -1;
    }
  }
  loo->rows = engine->training_rows;
  loo->error = engine->labels ? wrong / (double)engine->training_rows : NAN;
}
