/* What the engine chooses by itself, against independent searches: temperature, lambda, solver. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Importances that matter, some 0. */
static const double *make_importance(int64_t rows) {
  double *importance = reference_allocate(rows, sizeof *importance);
  for (int64_t i = 0; i < rows; i++) {
    importance[i] = i % 5 == 3 ? 0.0 : (i % 2 == 0 ? 40.0 : 1.0);
  }
  return importance;
}

/* Slope in t of the mean cross-entropy of softmax(t F), over the rows trained on. */
static long double entropy_slope(const struct brute_problem *problem,
                                 const struct brute_answer *answer, long double t) {
  const int64_t k = problem->outputs;
  long double slope = 0.0L;
  for (int64_t i = 0; i < problem->train.rows; i++) {
    const double *f = answer->scores + i * k;
    const int32_t label = problem->train.labels ? problem->train.labels[i] : 0;
    if (label < 0 || (problem->weights && problem->weights[i] <= 0.0)) {
      continue;
    }
    long double mass = 0.0L;
    long double mean = 0.0L;
    for (int64_t c = 0; c < k; c++) {
      const long double p = expl(t * ((long double)f[c] - f[0]));
      mass += p;
      mean += p * f[c];
    }
    for (int64_t c = 0; c < k; c++) {
      const double y =
          problem->train.labels ? (label == c ? 1.0 : 0.0) : problem->train.targets[i * k + c];
      const double importance = problem->importance ? problem->importance[i] : 1.0;
      slope += importance * y * (mean / mass - f[c]);
    }
  }
  return slope;
}

static double best_temperature(const struct brute_problem *problem,
                               const struct brute_answer *answer) {
  long double low = 1e-3L;
  long double high = 1e4L;
  for (int i = 0; i < 200; i++) {
    const long double t = sqrtl(low * high);
    if (entropy_slope(problem, answer, t) > 0.0L) {
      high = t;
    } else {
      low = t;
    }
  }
  return (double)low;
}

static struct diva_summary run_summary(const struct brute_problem *problem,
                                       const struct diva_analysis_options *options) {
  struct diva_summary summary;
  struct diva_analysis *analysis = problem_run(problem, options);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_destroy(analysis);
  return summary;
}

Test(engine_choice, temperature_minimises_the_cross_entropy_of_loo_scores) {
  static const enum problem_kind kinds[] = {KIND_LABELS, KIND_LABELS_AND_BASE, KIND_SOFT_LABELS};
  double worst = 0.0;
  for (int number = 0; number < 24; number++) {
    const struct problem_spec spec = {40 - 20 * (number % 2),
                                      6 + 24 * (number % 2),
                                      3,
                                      0,
                                      kinds[number % 3],
                                      (enum problem_weights)(number / 3 % 3),
                                      (uint64_t)number + 50};
    struct brute_problem problem;
    struct brute_answer answer;
    problem_make(&spec, &problem);
    problem.loss =
        number / 2 % 2 || !problem.train.labels ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.importance = number < 12 ? NULL : make_importance(spec.rows);
    brute_solve(&problem, 0, &answer);
    const double want = best_temperature(&problem, &answer);
    struct diva_analysis_options options = problem_options(&problem);
    options.temperature = 0.0;
    for (int s = 0; s < 2; s++) {
      options.solver = s == 0 ? DIVA_SOLVER_PRIMAL : DIVA_SOLVER_DUAL;
      const double error = fabs(run_summary(&problem, &options).temperature / want - 1.0);
      worst = fmax(worst, error);
      cr_expect(error <= 1e-8, "problem %d, %s: temperature is off by %.1e from %.10g", number,
                diva_solver_name(options.solver), error, want);
    }
    brute_free(&answer);
    free((void *)problem.importance);
    problem_free(&problem);
  }
  printf("temperature: relative error %.1e\n", worst);
}

/* Perfect scores have no best temperature: it stops at its limit, and the results are finite. */
Test(engine_choice, temperature_of_separable_scores_is_bounded) {
  enum { ROWS = 40 };
  struct brute_problem problem;
  problem_make(&(struct problem_spec){ROWS, 3, 2, 0, KIND_LABELS, WEIGHTS_NONE, 3}, &problem);
  for (int64_t i = 0; i < ROWS; i++) {
    problem.train.labels[i] = (int32_t)(i % 2);
    problem.train.features[i * 3] = i % 2 == 0 ? -10.0 : 10.0;
  }
  problem.loss = DIVA_LOSS_CROSS_ENTROPY;
  struct diva_analysis_options options = problem_options(&problem);
  options.temperature = 0.0;
  struct diva_analysis *analysis = problem_run(&problem, &options);
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  cr_expect(summary.temperature > 10.0 && summary.temperature <= 1e4, "%g", summary.temperature);
  cr_expect(summary.loo.error == 0.0);
  for (int64_t i = 0; i < ROWS; i++) {
    cr_expect(isfinite(columns.derivative[i]) && columns.label_quality[i] > 0.99);
  }
  diva_analysis_destroy(analysis);
  problem_free(&problem);
}

static double loo_at(struct brute_problem *problem, double lambda) {
  struct brute_answer answer;
  const enum diva_loss loss = problem->loss;
  problem->lambda = lambda;
  problem->loss = DIVA_LOSS_SQUARED;
  brute_solve(problem, 0, &answer);
  problem->loss = loss;
  const double mean = answer.loo_mean;
  brute_free(&answer);
  return mean;
}

/* The least LOO loss over a grid far finer and no wider than the engine's path. */
static double best_on_grid(struct brute_problem *problem, double centre) {
  enum { POINTS = 181 };
  double best = (double)INFINITY;
  for (int i = 0; i < POINTS; i++) {
    best = fmin(best, loo_at(problem, centre * pow(10.0, -6.0 + 9.0 * i / (POINTS - 1))));
  }
  return best;
}

/* Mean square of the features as the model sees them, for scales none without intercept and l2; a
 * factor does not matter here. */
static double feature_size(const struct brute_problem *problem) {
  double sum = 0.0;
  const int64_t count = problem->train.rows * problem->columns;
  for (int64_t i = 0; i < count; i++) {
    sum += problem->train.features[i] * problem->train.features[i];
  }
  return problem->scale == DIVA_SCALE_NONE ? sum / (double)problem->columns
                                           : (double)problem->train.rows;
}

Test(engine_choice, lambda_has_nearly_the_least_loo_loss) {
  static const enum problem_kind kinds[] = {KIND_LABELS, KIND_REGRESSION, KIND_LABELS_AND_BASE,
                                            KIND_SOFT_LABELS};
  double worst = 1.0;
  for (int number = 0; number < 48; number++) {
    const bool wide = number % 2;
    const struct problem_spec spec = {wide ? 14 : 36,
                                      wide ? 24 : 7,
                                      2,
                                      0,
                                      kinds[number % 4],
                                      (enum problem_weights)(number / 4 % 3),
                                      (uint64_t)number + 9};
    struct brute_problem problem;
    problem_make(&spec, &problem);
    problem.intercept = number / 2 % 2;
    problem.scale = (enum diva_scale)(number / 8 % 3);
    problem.importance = number < 24 ? NULL : make_importance(spec.rows);
    struct diva_analysis_options options = problem_options(&problem);
    options.lambda = 0.0;
    const double best = best_on_grid(&problem, feature_size(&problem));
    for (int s = 0; s < 2; s++) {
      options.solver = s == 0 ? DIVA_SOLVER_PRIMAL : DIVA_SOLVER_DUAL;
      const struct diva_summary summary = run_summary(&problem, &options);
      const double ratio = loo_at(&problem, summary.lambda) / best;
      worst = fmax(worst, ratio);
      cr_expect(summary.lambda_chosen && summary.lambda > 0.0);
      cr_expect(ratio <= 1.005, "problem %d, %s: LOO loss at lambda %g is %.4f of the least",
                number, diva_solver_name(options.solver), summary.lambda, ratio);
    }
    free((void *)problem.importance);
    problem_free(&problem);
  }
  printf("lambda: LOO loss %.5f of the least on a fine grid\n", worst);
}

/* A sample smaller than the set: drawn by the seed, the same every time, and good enough. */
Test(engine_choice, lambda_from_a_sample) {
  struct brute_problem problem;
  problem_make(&(struct problem_spec){400, 8, 3, 0, KIND_LABELS, WEIGHTS_POOL, 21}, &problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.lambda = 0.0;
  const double whole = loo_at(&problem, run_summary(&problem, &options).lambda);
  options.sample_rows = 120;
  const struct diva_summary first = run_summary(&problem, &options);
  const struct diva_summary again = run_summary(&problem, &options);
  cr_expect(first.lambda == again.lambda);
  cr_expect(loo_at(&problem, first.lambda) <= 1.02 * whole);
  problem_free(&problem);
}

/* Where no row of the sample counts, lambda is chosen as if all did. */
Test(engine_choice, lambda_from_a_sample_without_importance) {
  enum { ROWS = 60, SAMPLE = 6 };
  double importance[ROWS] = {0};
  struct brute_problem problem;
  problem_make(&(struct problem_spec){ROWS, 4, 3, 0, KIND_LABELS, WEIGHTS_NONE, 22}, &problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.lambda = 0.0;
  options.sample_rows = SAMPLE;
  const double plain = run_summary(&problem, &options).lambda;
  int others = 0;
  options.importance = importance;
  for (int64_t i = 0; i < ROWS; i++) {
    importance[i] = 1.0;
    others += run_summary(&problem, &options).lambda != plain;
    importance[i] = 0.0;
  }
  cr_expect(others > 0 && others <= SAMPLE, "%d rows change lambda", others);
  problem_free(&problem);
}

Test(engine_choice, lambda_is_typable_and_given_lambda_repeats_it) {
  struct brute_problem problem;
  char text[32];
  double typed = 0.0;
  problem_make(&(struct problem_spec){60, 5, 2, 0, KIND_LABELS, WEIGHTS_NONE, 33}, &problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.lambda = 0.0;
  struct diva_analysis *chosen = problem_run(&problem, &options);
  struct diva_summary summary;
  struct diva_columns columns;
  diva_analysis_summary(chosen, &summary);
  diva_analysis_columns(chosen, &columns);
  snprintf(text, sizeof text, "%.2e", summary.lambda);
  cr_assert(sscanf(text, "%lf", &typed) == 1);
  cr_expect(typed == summary.lambda, "%.17g takes more than three digits", summary.lambda);
  options.lambda = typed;
  struct diva_analysis *given = problem_run(&problem, &options);
  struct diva_columns repeated;
  diva_analysis_columns(given, &repeated);
  cr_expect(memcmp(columns.derivative, repeated.derivative, 60 * sizeof(double)) == 0);
  diva_analysis_summary(given, &summary);
  cr_expect(!summary.lambda_chosen);
  diva_analysis_destroy(chosen);
  diva_analysis_destroy(given);
  problem_free(&problem);
}

/* Dual exactly where there are fewer training rows (not rows) than columns. */
Test(engine_choice, solver_by_size) {
  for (int64_t rows = 11; rows <= 13; rows++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){rows + 2, 12, 2, 0, KIND_LABELS, WEIGHTS_NONE, 5},
                 &problem);
    problem.train.labels[rows] = problem.train.labels[rows + 1] = -1;
    const struct diva_analysis_options options = problem_options(&problem);
    const struct diva_summary summary = run_summary(&problem, &options);
    cr_expect(summary.training_rows == rows && summary.rows == rows + 2);
    cr_expect(summary.solver == (rows < 12 ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL));
    problem_free(&problem);
  }
}

/* As many rows as columns: every leverage is next to 1, where only the dual keeps its digits. */
Test(engine_choice, dual_where_the_primal_loses_its_digits) {
  enum { COLUMNS = 12 };
  for (int64_t rows = COLUMNS; rows <= COLUMNS + 1; rows++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){rows, COLUMNS, 2, 0, KIND_REGRESSION, WEIGHTS_NONE, 5},
                 &problem);
    struct diva_analysis_options options = problem_options(&problem);
    struct diva_summary summary;
    options.lambda = 1e-6;
    options.solver = DIVA_SOLVER_AUTO;
    struct diva_analysis *chosen = problem_run(&problem, &options);
    options.solver = DIVA_SOLVER_DUAL;
    struct diva_analysis *dual = problem_run(&problem, &options);
    struct diva_columns got;
    struct diva_columns want;
    diva_analysis_summary(chosen, &summary);
    diva_analysis_columns(chosen, &got);
    diva_analysis_columns(dual, &want);
    cr_expect(summary.solver == DIVA_SOLVER_DUAL, "%d rows", (int)rows);
    cr_expect(problem_error(got.derivative, want.derivative, rows, 1.0, false) == 0.0);
    diva_analysis_destroy(chosen);
    diva_analysis_destroy(dual);
    problem_free(&problem);
  }
}

/* Less memory than a run likes makes its tiles smaller, not the run impossible. */
Test(engine_choice, memory_chooses_the_tile) {
  enum { ROWS = 6000, COLUMNS = 8 };
  struct brute_problem problem;
  problem_make(&(struct problem_spec){ROWS, COLUMNS, 2, 0, KIND_LABELS, WEIGHTS_NONE, 6}, &problem);
  struct diva_dataset *dataset =
      problem_dataset(&problem, &problem.train, NULL, DIVA_FLOAT64, NULL);
  struct diva_analysis_options options = problem_options(&problem);
  struct diva_plan plenty;
  struct diva_plan little;
  cr_assert(diva_analysis_plan(dataset, NULL, &options, &plenty, NULL) == DIVA_OK);
  options.memory = plenty.memory - 1;
  cr_assert(diva_analysis_plan(dataset, NULL, &options, &little, NULL) == DIVA_OK);
  cr_expect(little.tile_rows < plenty.tile_rows);
  cr_expect(little.memory <= options.memory);
  options.memory = 1000;
  cr_expect(diva_analysis_plan(dataset, NULL, &options, &little, NULL) == DIVA_ERROR_RESOURCE);
  diva_dataset_close(dataset);
  problem_free(&problem);
}
