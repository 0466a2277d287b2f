/* Making, running and comparing the problems of the engine's tests. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static bool has_labels(enum problem_kind kind) {
  return kind == KIND_LABELS || kind == KIND_LABELS_AND_BASE;
}

static bool has_base(enum problem_kind kind) {
  return kind == KIND_LABELS_AND_BASE || kind == KIND_SOFT_LABELS_AND_BASE;
}

/* Regression: signal and noise. Soft labels: positive and summing to one. */
static void make_target(const struct problem_spec *spec, struct reference_random *random,
                        const double *x, double *target) {
  double sum = 0.0;
  for (int64_t c = 0; c < spec->outputs; c++) {
    const double signal = x[c % spec->columns] - 0.5 * x[(c + 1) % spec->columns];
    const double value = signal + 0.5 * reference_normal(random);
    target[c] = spec->kind == KIND_REGRESSION ? value : exp(value - 2.0);
    sum += target[c];
  }
  for (int64_t c = 0; c < spec->outputs && spec->kind != KIND_REGRESSION; c++) {
    target[c] /= sum;
  }
}

static int32_t make_label(const struct problem_spec *spec, struct reference_random *random,
                          const double *x) {
  int32_t best = 0;
  double largest = -(double)INFINITY;
  for (int64_t c = 0; c < spec->outputs; c++) {
    const double value = x[c % spec->columns] + 0.7 * reference_normal(random);
    best = value > largest ? (int32_t)c : best;
    largest = fmax(value, largest);
  }
  return best;
}

static void make_rows(const struct problem_spec *spec, struct reference_random *random,
                      int64_t count, struct brute_rows *rows) {
  const int64_t d = spec->columns;
  const int64_t k = spec->outputs;
  rows->rows = count;
  rows->features = reference_allocate(count * d, sizeof *rows->features);
  if (has_labels(spec->kind)) {
    rows->labels = reference_allocate(count, sizeof *rows->labels);
  } else {
    rows->targets = reference_allocate(count * k, sizeof *rows->targets);
  }
  if (has_base(spec->kind)) {
    rows->base_outputs = reference_allocate(count * k, sizeof *rows->base_outputs);
  }
  for (int64_t i = 0; i < count; i++) {
    double *x = rows->features + i * d;
    for (int64_t j = 0; j < d; j++) {
      x[j] = (0.5 + 0.25 * (double)(j % 5)) * reference_normal(random) + (double)(j % 3) - 0.5;
    }
    if (rows->labels) {
      rows->labels[i] = i < k ? (int32_t)i : make_label(spec, random, x);
    } else {
      make_target(spec, random, x, rows->targets + i * k);
    }
    for (int64_t c = 0; rows->base_outputs && c < k; c++) {
      rows->base_outputs[i * k + c] = 0.4 * reference_normal(random);
    }
  }
}

void problem_make(const struct problem_spec *spec, struct brute_problem *out) {
  struct reference_random random = {spec->seed * 0x9e3779b97f4a7c15U + 1};
  *out = (struct brute_problem){.columns = spec->columns,
                                .outputs = spec->outputs,
                                .scale = DIVA_SCALE_NONE,
                                .loss = DIVA_LOSS_SQUARED,
                                .intercept = true,
                                .lambda = 1.0,
                                .temperature = 2.0};
  make_rows(spec, &random, spec->rows, &out->train);
  make_rows(spec, &random, spec->validation_rows, &out->validation);
  if (spec->weights == WEIGHTS_NONE) {
    return;
  }
  out->weights = reference_allocate(spec->rows, sizeof *out->weights);
  for (int64_t i = 0; i < spec->rows; i++) {
    out->weights[i] = 1.2 + reference_uniform(&random);
    if (spec->weights == WEIGHTS_POOL && i % 7 == 4) {
      out->weights[i] = 0.0;
    }
    if (spec->weights == WEIGHTS_POOL && i % 9 == 5 && out->train.labels) {
      out->train.labels[i] = -1;
    }
  }
  if (spec->weights == WEIGHTS_POOL && spec->validation_rows > 2 && out->validation.labels) {
    out->validation.labels[1] = -1;
  }
}

void problem_free(struct brute_problem *problem) {
  brute_rows_free(&problem->train);
  brute_rows_free(&problem->validation);
  free(problem->weights);
  problem->weights = NULL;
}

struct diva_analysis_options problem_options(const struct brute_problem *problem) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.lambda = problem->lambda;
  options.temperature = problem->temperature;
  options.loss = problem->loss;
  options.scale = problem->scale;
  options.intercept = problem->intercept;
  options.groups = problem->groups;
  options.importance = problem->importance;
  options.validation_importance = problem->validation_importance;
  options.threads = 1;
  return options;
}

struct diva_dataset *problem_dataset(const struct brute_problem *problem,
                                     const struct brute_rows *rows, const double *weights,
                                     enum diva_dtype type, const void *features) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows->rows;
  arrays.columns = problem->columns;
  arrays.outputs = problem->outputs;
  arrays.feature_type = type;
  arrays.features = features ? features : rows->features;
  arrays.labels = rows->labels;
  arrays.targets = rows->targets;
  arrays.base_outputs = rows->base_outputs;
  arrays.weights = weights;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &dataset, &error);
  if (status != DIVA_OK) {
    cr_assert_fail("no dataset: %s", error.message);
  }
  return dataset;
}

enum diva_status problem_try(const struct brute_problem *problem,
                             const struct diva_analysis_options *options,
                             struct diva_analysis **out, struct diva_error *error) {
  struct diva_dataset *train =
      problem_dataset(problem, &problem->train, problem->weights, DIVA_FLOAT64, NULL);
  struct diva_dataset *validation =
      problem->validation.rows > 0
          ? problem_dataset(problem, &problem->validation, NULL, DIVA_FLOAT64, NULL)
          : NULL;
  const enum diva_status status = diva_analysis_run(train, validation, options, out, error);
  diva_dataset_close(validation);
  diva_dataset_close(train);
  return status;
}

struct diva_analysis *problem_run(const struct brute_problem *problem,
                                  const struct diva_analysis_options *options) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  const enum diva_status status = problem_try(problem, options, &analysis, &error);
  if (status != DIVA_OK) {
    cr_assert_fail("status %d: %s", status, error.message);
  }
  return analysis;
}

double problem_error(const double *got, const double *want, int64_t rows, double floor,
                     bool sparse) {
  double largest = 0.0;
  double worst = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    largest = isnan(want[i]) ? largest : fmax(largest, fabs(want[i]));
  }
  for (int64_t i = 0; i < rows; i++) {
    if (isnan(want[i]) && (sparse || isnan(got[i]))) {
      continue;
    }
    const double difference = fabs(got[i] - want[i]);
    if (isnan(difference)) {
      return (double)INFINITY;
    }
    const double size = fmax(fabs(want[i]), floor * largest);
    worst = difference > 0.0 ? fmax(worst, difference / size) : worst;
  }
  return worst;
}
