/* Rows that do not count alike, in the LOO and in the validation objective: against refits. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The promise for float64 features: relative to the value, or to a thousandth of the largest. */
static const double TOLERANCE = 1e-8;
static const double FLOOR = 1e-3;

/* Far from 1 in size and in range; some rows do not count. */
static double *make_importance(int64_t rows, uint64_t seed) {
  struct reference_random random = {seed};
  double *importance = reference_allocate(rows, sizeof *importance);
  for (int64_t i = 0; i < rows; i++) {
    importance[i] = i % 6 == 1 ? 0.0 : 1e5 * exp(2.0 * reference_normal(&random));
  }
  return importance;
}

static void expect_close(const char *name, const char *what, double error, double *worst) {
  *worst = fmax(*worst, error);
  cr_expect(error <= TOLERANCE, "%s: %s is wrong by %.2e", name, what, error);
}

static bool same_share(double got, double want) {
  return isnan(want) ? isnan(got) : fabs(got - want) < 1e-12;
}

static void check(const struct brute_problem *problem, const char *name, enum diva_solver solver,
                  const struct brute_answer *want, double *worst) {
  struct diva_analysis_options options = problem_options(problem);
  struct diva_columns got;
  struct diva_summary summary;
  char text[96];
  snprintf(text, sizeof text, "%s, %s, %s, intercept %d, validation %d, groups %d", name,
           diva_solver_name(solver), diva_loss_name(problem->loss), problem->intercept,
           problem->validation.rows > 0, problem->groups != NULL);
  options.solver = solver;
  struct diva_analysis *analysis = problem_run(problem, &options);
  diva_analysis_columns(analysis, &got);
  diva_analysis_summary(analysis, &summary);
  expect_close(text, "derivative",
               problem_error(got.derivative, want->derivative, got.rows, FLOOR, false), worst);
  expect_close(text, "loss", problem_error(got.loo_loss, want->loo_loss, got.rows, FLOOR, false),
               worst);
  expect_close(text, "mean LOO loss", fabs(summary.loo.loss / want->loo_mean - 1.0), worst);
  cr_expect(same_share(summary.loo.error, want->loo_error), "%s: LOO error %g, not %g", text,
            summary.loo.error, want->loo_error);
  if (problem->validation.rows > 0) {
    expect_close(text, "mean validation loss",
                 fabs(summary.validation.loss / want->validation_mean - 1.0), worst);
    cr_expect(same_share(summary.validation.error, want->validation_error),
              "%s: validation error %g, not %g", text, summary.validation.error,
              want->validation_error);
  }
  diva_analysis_destroy(analysis);
}

struct shape {
  const char *name;
  int64_t rows, columns;
  double lambda;
  bool primal, dual;
};

/* Every kind of target, loss, weights and intercept by turns; alone, by groups, by validation. */
static void sweep(const struct shape *shape) {
  enum { HELD = 9 };
  double worst = 0.0;
  int32_t *groups = reference_allocate(shape->rows, sizeof *groups);
  for (int64_t i = 0; i < shape->rows; i++) {
    groups[i] = i % 5 == 3 ? -1 : (int32_t)(i % 4 == 0 ? 0 : i * 7 % shape->rows / 2);
  }
  for (int number = 0; number < 4 * KIND_COUNT * 3; number++) {
    const enum problem_kind kind = (enum problem_kind)(number / 4 % KIND_COUNT);
    const int objective = number / 4 / KIND_COUNT;
    struct brute_problem problem;
    struct brute_answer answer;
    if (number & 1 && kind == KIND_REGRESSION) {
      continue;
    }
    const struct problem_spec spec = {shape->rows,
                                      shape->columns,
                                      3,
                                      objective == 2 ? HELD : 0,
                                      kind,
                                      (enum problem_weights)(number % 3),
                                      (uint64_t)number + 17};
    problem_make(&spec, &problem);
    problem.importance = make_importance(shape->rows, spec.seed);
    problem.validation_importance = objective == 2 ? make_importance(HELD, spec.seed + 1) : NULL;
    problem.groups = objective == 1 ? groups : NULL;
    problem.loss = number & 1 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.intercept = number & 2;
    problem.scale = number % 5 == 0 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    problem.lambda = shape->lambda;
    brute_solve(&problem, -1, &answer);
    if (shape->primal) {
      check(&problem, shape->name, DIVA_SOLVER_PRIMAL, &answer, &worst);
    }
    if (shape->dual) {
      check(&problem, shape->name, DIVA_SOLVER_DUAL, &answer, &worst);
    }
    brute_free(&answer);
    free((void *)problem.importance);
    free((void *)problem.validation_importance);
    problem_free(&problem);
  }
  free(groups);
  printf("%-24s error %.1e\n", shape->name, worst);
}

Test(engine_importance, against_refits) {
  const struct shape shapes[] = {{"more rows than columns", 29, 5, 0.3, true, true},
                                 {"hardly more", 23, 16, 2.0, true, true},
                                 {"fewer rows", 14, 19, 0.05, false, true}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    sweep(&shapes[i]);
  }
}

/* All the same is none at all; what is said of rows that never count is not read. */
Test(engine_importance, of_rows_that_do_not_count) {
  enum { ROWS = 50, HELD = 11 };
  double importance[ROWS], held[HELD];
  for (int validation = 0; validation < 2; validation++) {
    for (int solver = DIVA_SOLVER_PRIMAL; solver <= DIVA_SOLVER_DUAL; solver++) {
      struct brute_problem problem;
      struct diva_columns plain, equal;
      struct diva_summary before, after;
      problem_make(
          &(struct problem_spec){ROWS, 6, 3, validation ? HELD : 0, KIND_LABELS, WEIGHTS_POOL, 31},
          &problem);
      for (int64_t i = 0; i < ROWS; i++) {
        const bool counts = problem.train.labels[i] >= 0 && problem.weights[i] > 0.0;
        importance[i] = counts ? 3.5 : (i % 2 == 0 ? (double)NAN : -1.0);
      }
      for (int64_t v = 0; v < HELD && validation; v++) {
        held[v] = problem.validation.labels[v] >= 0 ? 0.01 : (double)INFINITY;
      }
      struct diva_analysis_options options = problem_options(&problem);
      options.solver = (enum diva_solver)solver;
      options.lambda = options.temperature = 0.0;
      options.loss = DIVA_LOSS_CROSS_ENTROPY;
      struct diva_analysis *a = problem_run(&problem, &options);
      options.importance = importance;
      options.validation_importance = validation ? held : NULL;
      struct diva_analysis *b = problem_run(&problem, &options);
      diva_analysis_columns(a, &plain);
      diva_analysis_columns(b, &equal);
      diva_analysis_summary(a, &before);
      diva_analysis_summary(b, &after);
      cr_expect(before.lambda == after.lambda);
      cr_expect(fabs(before.temperature / after.temperature - 1.0) < 1e-10);
      cr_expect(problem_error(equal.derivative, plain.derivative, ROWS, 1.0, false) < 1e-9);
      cr_expect(fabs(before.loo.loss / after.loo.loss - 1.0) < 1e-10);
      cr_expect(fabs(before.loo.error - after.loo.error) < 1e-12);
      diva_analysis_destroy(a);
      diva_analysis_destroy(b);
      problem_free(&problem);
    }
  }
}

/* Float32 tiles keep their promise although few rows make up the objective. */
Test(engine_importance, single_precision) {
  enum { ROWS = 3000, COLUMNS = 20, HELD = 200 };
  float *stored = reference_allocate((int64_t)ROWS * COLUMNS, sizeof *stored);
  for (int number = 0; number < 4; number++) {
    struct brute_problem problem;
    struct diva_analysis *narrow = NULL;
    struct diva_columns a, b;
    struct diva_summary summary;
    struct diva_error error;
    const struct problem_spec spec = {ROWS, COLUMNS, 4, 0, KIND_LABELS, WEIGHTS_MIXED, 41};
    problem_make(&spec, &problem);
    for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
      stored[i] = (float)problem.train.features[i];
      problem.train.features[i] = (double)stored[i];
    }
    double *importance = make_importance(ROWS, 5);
    for (int64_t i = 0; i < ROWS && number >= 2; i++) {
      importance[i] = problem.train.labels[i] == 0 ? 1.0 : 0.0;
    }
    problem.importance = importance;
    problem.loss = number % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.scale = DIVA_SCALE_STANDARDIZE;
    const struct diva_analysis_options options = problem_options(&problem);
    struct diva_dataset *dataset =
        problem_dataset(&problem, &problem.train, problem.weights, DIVA_FLOAT32, stored);
    cr_assert(diva_analysis_run(dataset, NULL, &options, &narrow, &error) == DIVA_OK, "%s",
              error.message);
    struct diva_analysis *wide = problem_run(&problem, &options);
    diva_analysis_columns(narrow, &a);
    diva_analysis_columns(wide, &b);
    diva_analysis_summary(narrow, &summary);
    cr_expect(summary.precision == DIVA_PRECISION_FLOAT32);
    const double derivative = problem_error(a.derivative, b.derivative, ROWS, 1.0, false);
    printf("float32: derivative %.1e\n", derivative);
    cr_expect(derivative <= 1e-4, "derivative is wrong by %.1e", derivative);
    diva_analysis_destroy(narrow);
    diva_analysis_destroy(wide);
    diva_dataset_close(dataset);
    free(importance);
    problem_free(&problem);
  }
  free(stored);
}

static void expect_refusal(const struct brute_problem *problem, const char *words) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  const struct diva_analysis_options options = problem_options(problem);
  cr_expect(problem_try(problem, &options, &analysis, &error) == DIVA_ERROR_USAGE && !analysis);
  cr_expect(strstr(error.message, words), "'%s' does not say '%s'", error.message, words);
}

Test(engine_importance, refusals) {
  enum { ROWS = 30, HELD = 8 };
  static const double values[] = {-1e-300, (double)NAN, (double)INFINITY};
  double given[ROWS];
  for (int s = 0; s < 2; s++) {
    struct brute_problem problem;
    const int64_t rows = s == 0 ? ROWS : HELD;
    problem_make(&(struct problem_spec){ROWS, 4, 2, HELD, KIND_LABELS, WEIGHTS_POOL, 77}, &problem);
    const double **place = s == 0 ? &problem.importance : &problem.validation_importance;
    const char *name = s == 0 ? "importance of row 6" : "validation importance of row 6";
    *place = given;
    for (int v = 0; v < 3; v++) {
      for (int64_t i = 0; i < rows; i++) {
        given[i] = i == 6 ? values[v] : 1.0;
      }
      expect_refusal(&problem, name);
    }
    for (int64_t i = 0; i < rows; i++) {
      const bool counts = s == 0 ? problem.train.labels[i] >= 0 && problem.weights[i] > 0.0
                                 : problem.validation.labels[i] >= 0;
      given[i] = counts ? 0.0 : 1.0;
    }
    expect_refusal(&problem, "add up to 0");
    for (int64_t i = 0; i < rows; i++) {
      given[i] = 1e308;
    }
    expect_refusal(&problem, "add up to inf");
    brute_rows_free(&problem.validation);
    problem.importance = NULL;
    problem.validation_importance = given;
    expect_refusal(&problem, "without a validation set");
    problem_free(&problem);
  }
}
