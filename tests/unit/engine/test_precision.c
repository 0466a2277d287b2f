/* Half and single precision features against the same values as float64. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 2000, COLUMNS = 40 };

/* The promise for features stored with fewer digits. */
static const double TOLERANCE = 1e-4;
static const double LEAST_CORRELATION = 0.9999;

/* Rounds the features to a type; returns them as stored, and as float64 in their place. */
static void *store(double *features, int64_t count, enum diva_dtype type) {
  void *stored = reference_allocate(count, sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    if (type == DIVA_FLOAT32) {
      ((float *)stored)[i] = (float)features[i];
      features[i] = (double)((float *)stored)[i];
    } else {
      const bool half = type == DIVA_FLOAT16;
      const uint16_t bits =
          half ? reference_half_bits(features[i]) : reference_bfloat_bits(features[i]);
      ((uint16_t *)stored)[i] = bits;
      features[i] = half ? reference_half_value(bits) : reference_bfloat_value(bits);
    }
  }
  return stored;
}

struct pair {
  struct diva_columns narrow, wide;
  struct diva_summary narrow_summary, wide_summary;
  struct diva_analysis *narrow_analysis, *wide_analysis;
};

static void run_pair(struct brute_problem *problem, const struct diva_analysis_options *options,
                     enum diva_dtype type, struct pair *out) {
  struct diva_error error;
  void *stored = store(problem->train.features, problem->train.rows * problem->columns, type);
  struct diva_dataset *narrow =
      problem_dataset(problem, &problem->train, problem->weights, type, stored);
  const enum diva_status status =
      diva_analysis_run(narrow, NULL, options, &out->narrow_analysis, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  out->wide_analysis = problem_run(problem, options);
  diva_analysis_columns(out->narrow_analysis, &out->narrow);
  diva_analysis_columns(out->wide_analysis, &out->wide);
  diva_analysis_summary(out->narrow_analysis, &out->narrow_summary);
  diva_analysis_summary(out->wide_analysis, &out->wide_summary);
  cr_expect(out->wide_summary.precision == DIVA_PRECISION_FLOAT64);
  diva_dataset_close(narrow);
  free(stored);
}

static void close_pair(struct pair *pair) {
  diva_analysis_destroy(pair->narrow_analysis);
  diva_analysis_destroy(pair->wide_analysis);
}

static void expect_column(const char *name, const char *column, const double *got,
                          const double *want, int64_t rows) {
  const double error = problem_error(got, want, rows, 1.0, false);
  const double correlation = reference_rank_correlation(got, want, rows);
  cr_expect(error <= TOLERANCE, "%s: %s is wrong by %.1e of its largest", name, column, error);
  cr_expect(correlation >= LEAST_CORRELATION, "%s: ranks of %s agree to %.6f", name, column,
            correlation);
}

static void expect_pair(const char *name, const struct pair *pair) {
  const int64_t rows = pair->narrow.rows;
  printf("%-34s %-8s %s, condition %.1e, derivative %.1e\n", name,
         diva_scale_name(pair->narrow_summary.scale),
         diva_precision_name(pair->narrow_summary.precision), pair->wide_summary.condition,
         problem_error(pair->narrow.derivative, pair->wide.derivative, rows, 1.0, false));
  expect_column(name, "derivative", pair->narrow.derivative, pair->wide.derivative, rows);
  expect_column(name, "loo_loss", pair->narrow.loo_loss, pair->wide.loo_loss, rows);
  expect_column(name, "loo_margin", pair->narrow.loo_margin, pair->wide.loo_margin, rows);
  expect_column(name, "label_quality", pair->narrow.label_quality, pair->wide.label_quality, rows);
  expect_column(name, "leverage", pair->narrow.leverage, pair->wide.leverage, rows);
}

static void make(struct brute_problem *problem, uint64_t seed) {
  problem_make(&(struct problem_spec){ROWS, COLUMNS, 4, 0, KIND_LABELS, WEIGHTS_NONE, seed},
               problem);
}

/* Every stored type, scale and loss at an ordinary lambda: float32 is enough. */
Test(engine_precision, ordinary_features) {
  static const enum diva_dtype types[] = {DIVA_FLOAT16, DIVA_BFLOAT16, DIVA_FLOAT32};
  for (int number = 0; number < 9; number++) {
    struct brute_problem problem;
    struct pair pair;
    make(&problem, (uint64_t)number + 1);
    problem.scale = (enum diva_scale)(number % 3);
    problem.loss = number / 3 % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    struct diva_analysis_options options = problem_options(&problem);
    options.lambda = number == 0 ? 0.0 : 5.0;
    options.temperature = 0.0;
    run_pair(&problem, &options, types[number / 3], &pair);
    expect_pair(diva_dtype_name(types[number / 3]), &pair);
    cr_expect(pair.narrow_summary.precision == DIVA_PRECISION_FLOAT32);
    cr_expect(pair.narrow_summary.lambda == pair.wide_summary.lambda);
    close_pair(&pair);
    problem_free(&problem);
  }
}

/* Columns far from zero: what is centred must not have lost its digits first. */
Test(engine_precision, features_far_from_zero) {
  for (int intercept = 0; intercept < 2; intercept++) {
    struct brute_problem problem;
    struct pair pair;
    make(&problem, 12);
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
      problem.train.features[i] += 300.0 * (double)(1 + i % COLUMNS % 3);
    }
    problem.scale = DIVA_SCALE_STANDARDIZE;
    problem.intercept = intercept;
    const struct diva_analysis_options options = problem_options(&problem);
    run_pair(&problem, &options, DIVA_FLOAT32, &pair);
    expect_pair("far from zero", &pair);
    close_pair(&pair);
    problem_free(&problem);
  }
}

/* Condition numbers from mild to hopeless for float32; auto must keep the promise at each. */
Test(engine_precision, ill_conditioned_features) {
  static const double spreads[] = {3.0, 10.0, 20.0, 30.0, 100.0, 1e3, 1e4};
  bool single = false;
  bool wide = false;
  for (size_t s = 0; s < sizeof spreads / sizeof spreads[0]; s++) {
    for (int loss = 0; loss < 2; loss++) {
      struct brute_problem problem;
      struct pair pair;
      make(&problem, 40 + s);
      for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
        const double share = (double)(i % COLUMNS) / (COLUMNS - 1);
        problem.train.features[i] *= pow(spreads[s], -share);
      }
      problem.lambda = 1e-2;
      problem.loss = loss ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
      struct diva_analysis_options options = problem_options(&problem);
      options.temperature = 0.0;
      run_pair(&problem, &options, DIVA_FLOAT32, &pair);
      expect_pair("spread columns", &pair);
      single |= pair.narrow_summary.precision == DIVA_PRECISION_FLOAT32;
      wide |= pair.narrow_summary.precision == DIVA_PRECISION_FLOAT64;
      close_pair(&pair);
      problem_free(&problem);
    }
  }
  cr_expect(single && wide, "the conditions tried do not reach both precisions");
}

/* Nearly collinear columns: the same, where no single column tells. */
Test(engine_precision, collinear_features) {
  static const double distances[] = {0.3, 0.12, 0.1, 0.08, 0.065, 0.03, 0.01, 1e-3};
  for (size_t s = 0; s < sizeof distances / sizeof distances[0]; s++) {
    struct brute_problem problem;
    struct pair pair;
    make(&problem, 60 + s);
    for (int64_t i = 0; i < ROWS; i++) {
      double *x = problem.train.features + i * COLUMNS;
      for (int64_t j = 1; j < COLUMNS; j += 2) {
        x[j] = x[j - 1] + distances[s] * x[j];
      }
    }
    problem.lambda = 1e-2;
    problem.scale = DIVA_SCALE_STANDARDIZE;
    const struct diva_analysis_options options = problem_options(&problem);
    run_pair(&problem, &options, DIVA_FLOAT32, &pair);
    expect_pair("collinear columns", &pair);
    close_pair(&pair);
    problem_free(&problem);
  }
}

/* Rows that the model all but interpolates in an otherwise mild system: 1 - h is small there. */
Test(engine_precision, rows_of_high_leverage) {
  static const double slacks[] = {0.2, 0.03, 0.012, 1e-3, 1e-5};
  for (size_t s = 0; s < sizeof slacks / sizeof slacks[0]; s++) {
    struct brute_problem problem;
    struct pair pair;
    make(&problem, 80 + s);
    problem.lambda = 1.0;
    for (int64_t i = 0; i < ROWS; i++) {
      problem.train.features[i * COLUMNS + 7] = 0.0;
    }
    problem.train.features[11 * COLUMNS + 7] = sqrt(1.0 / slacks[s]);
    const struct diva_analysis_options options = problem_options(&problem);
    run_pair(&problem, &options, DIVA_FLOAT32, &pair);
    expect_pair("high leverage", &pair);
    close_pair(&pair);
    problem_free(&problem);
  }
}

/* Precision asked for by name is given, and said. */
Test(engine_precision, asked_for_by_name) {
  struct brute_problem problem;
  struct pair pair;
  make(&problem, 2);
  struct diva_analysis_options options = problem_options(&problem);
  options.precision = DIVA_PRECISION_FLOAT64;
  run_pair(&problem, &options, DIVA_FLOAT32, &pair);
  cr_expect(pair.narrow_summary.precision == DIVA_PRECISION_FLOAT64);
  cr_expect(problem_error(pair.narrow.derivative, pair.wide.derivative, ROWS, 1e-3, false) == 0.0,
            "the same values in float64 arithmetic differ");
  close_pair(&pair);
  options.precision = DIVA_PRECISION_FLOAT32;
  struct diva_summary summary;
  struct diva_analysis *analysis = problem_run(&problem, &options);
  diva_analysis_summary(analysis, &summary);
  cr_expect(summary.precision == DIVA_PRECISION_FLOAT32);
  diva_analysis_destroy(analysis);
  problem_free(&problem);
}

/* Many rows a column: with the squared loss the sum of gradients all but vanishes, and what float32
 * does to W must not be what is left of it. */
Test(engine_precision, many_rows_a_column) {
  static const struct problem_spec spec = {30000, 6, 3, 0, KIND_LABELS, WEIGHTS_NONE, 4};
  for (int weights = 0; weights < 2; weights++) {
    struct brute_problem problem;
    struct problem_spec mine = spec;
    struct pair pair;
    mine.weights = weights ? WEIGHTS_POOL : WEIGHTS_NONE;
    problem_make(&mine, &problem);
    problem.scale = DIVA_SCALE_STANDARDIZE;
    const struct diva_analysis_options options = problem_options(&problem);
    run_pair(&problem, &options, DIVA_FLOAT32, &pair);
    cr_expect(pair.narrow_summary.precision == DIVA_PRECISION_FLOAT32);
    expect_pair("many rows a column", &pair);
    close_pair(&pair);
    problem_free(&problem);
  }
}
