/* What the engine refuses, and how it says so. */
#include "problem.h"

#include <criterion/criterion.h>
#include <diva/system.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void make(struct brute_problem *problem) {
  problem_make(&(struct problem_spec){30, 4, 2, 0, KIND_LABELS, WEIGHTS_NONE, 77}, problem);
}

/* Runs, and expects a status and words in the message; the result must be left NULL. */
static void expect_error(const struct brute_problem *problem,
                         const struct diva_analysis_options *options, enum diva_status status,
                         const char *words) {
  struct diva_analysis *analysis = (struct diva_analysis *)(void *)&status;
  struct diva_error error = {0};
  const enum diva_status got = problem_try(problem, options, &analysis, &error);
  cr_expect(got == status && error.status == status, "status %d, not %d: %s", got, status,
            error.message);
  cr_expect(analysis == NULL, "something is left after a failure");
  cr_expect(strstr(error.message, words), "'%s' does not say '%s'", error.message, words);
  cr_expect(!strchr(error.message, '\n') && error.message[0]);
  cr_expect(problem_try(problem, options, &analysis, NULL) == status, "without an error struct");
}

Test(engine_errors, options) {
  struct brute_problem problem;
  make(&problem);
  const struct diva_analysis_options good = problem_options(&problem);
  struct diva_analysis_options bad = good;
  bad.version = 99;
  expect_error(&problem, &bad, DIVA_ERROR_USAGE, "99");
  static const double values[] = {-1.0, (double)NAN, (double)INFINITY};
  for (int i = 0; i < 3; i++) {
    bad = good;
    bad.lambda = values[i];
    expect_error(&problem, &bad, DIVA_ERROR_USAGE, "lambda");
    bad = good;
    bad.temperature = values[i];
    expect_error(&problem, &bad, DIVA_ERROR_USAGE, "temperature");
  }
  bad = good;
  bad.threads = -1;
  expect_error(&problem, &bad, DIVA_ERROR_USAGE, "threads");
  bad = good;
  bad.backend = "abacus";
  expect_error(&problem, &bad, DIVA_ERROR_USAGE, "abacus");
  bad = good;
  bad.memory = 1000;
  expect_error(&problem, &bad, DIVA_ERROR_RESOURCE, "memory");
  struct diva_backend_info info;
  for (int b = 0; diva_backend_describe(b, &info); b++) {
    if (info.state != DIVA_BACKEND_READY) {
      bad = good;
      bad.backend = info.name;
      expect_error(&problem, &bad, DIVA_ERROR_RESOURCE, info.name);
    }
  }
  problem_free(&problem);
}

Test(engine_errors, weights) {
  static const double values[] = {-1e-300, (double)NAN, (double)INFINITY};
  double weights[30];
  struct brute_problem problem;
  make(&problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.weights = weights;
  for (int v = 0; v < 3; v++) {
    for (int i = 0; i < 30; i++) {
      weights[i] = 1.0;
    }
    weights[17] = values[v];
    expect_error(&problem, &options, DIVA_ERROR_USAGE, "17");
  }
  memset(weights, 0, sizeof weights);
  expect_error(&problem, &options, DIVA_ERROR_INPUT, "weight");
  problem_free(&problem);
}

Test(engine_errors, classes) {
  double weights[30];
  struct brute_problem problem;
  make(&problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.weights = weights;
  for (int i = 0; i < 30; i++) {
    weights[i] = problem.train.labels[i] == 0 ? 1.0 : 0.0;
  }
  expect_error(&problem, &options, DIVA_ERROR_INPUT, "class");
  problem_free(&problem);
}

/* Wherever the bad value is, its row and column are named, by either solver. */
Test(engine_errors, values_that_are_not_finite) {
  static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  for (int s = 0; s < 2; s++) {
    for (int64_t row = 0; row < 30; row += 29) {
      for (int v = 0; v < 3; v++) {
        struct brute_problem problem;
        struct diva_analysis *analysis = NULL;
        struct diva_error error = {0};
        make(&problem);
        struct diva_analysis_options options = problem_options(&problem);
        options.solver = s ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
        options.scale = (enum diva_scale)v;
        problem.train.features[row * 4 + 2] = values[v];
        const enum diva_status status = problem_try(&problem, &options, &analysis, &error);
        cr_expect(status == DIVA_ERROR_INPUT && error.row == row, "status %d, row %lld", status,
                  (long long)error.row);
        cr_expect(strstr(error.message, "column 2") && strstr(error.message, "row"), "%s",
                  error.message);
        problem_free(&problem);
      }
    }
  }
}

/* In an unlabelled row too, and in the validation set. */
Test(engine_errors, values_of_bystanders) {
  for (int s = 0; s < 2; s++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){30, 4, 2, 10, KIND_LABELS, WEIGHTS_NONE, 77}, &problem);
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = s ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    problem.train.labels[20] = -1;
    problem.train.features[20 * 4 + 3] = (double)NAN;
    expect_error(&problem, &options, DIVA_ERROR_INPUT, "row 20");
    problem.train.features[20 * 4 + 3] = 0.0;
    problem.validation.features[9 * 4] = (double)INFINITY;
    expect_error(&problem, &options, DIVA_ERROR_INPUT, "row 9");
    problem_free(&problem);
  }
}

/* A system that cannot be solved is refused, or solved as well as any: never NaN in silence. */
Test(engine_errors, singular_and_extreme_systems) {
  static const double sizes[] = {1.0, 1e150, 1e-150, 1e200, 1e-200, 1e308};
  static const double lambdas[] = {1e-300, 1e-18, 1e-12, 0.0, 1e300};
  for (int number = 0; number < 6 * 5 * 4; number++) {
    struct brute_problem problem;
    struct diva_analysis *analysis = NULL;
    struct diva_error error = {0};
    make(&problem);
    for (int64_t i = 0; i < 30; i++) {
      double *x = problem.train.features + i * 4;
      x[3] = x[0] + x[1];
      for (int64_t j = 0; j < 4; j++) {
        x[j] = fmax(fmin(x[j], 1.0), -1.0) * sizes[number / 20];
      }
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.lambda = lambdas[number % 5];
    options.solver = number / 5 % 2 ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    options.scale = number / 10 % 2 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    const enum diva_status status = problem_try(&problem, &options, &analysis, &error);
    cr_expect(status == DIVA_OK || (status == DIVA_ERROR_NUMERICAL && !analysis),
              "size %g, lambda %g: status %d: %s", sizes[number / 20], options.lambda, status,
              error.message);
    bool finite = true;
    if (status == DIVA_OK) {
      struct diva_columns columns;
      diva_analysis_columns(analysis, &columns);
      for (int64_t i = 0; i < 30; i++) {
        finite &= isfinite(columns.derivative[i]) && isfinite(columns.loo_loss[i]) &&
                  isfinite(columns.leverage[i]) && isfinite(columns.label_quality[i]);
      }
    }
    cr_expect(finite, "size %g, lambda %g, %s, %s: NaN or infinity in the columns",
              sizes[number / 20], options.lambda, diva_solver_name(options.solver),
              diva_scale_name(options.scale));
    diva_analysis_destroy(analysis);
    problem_free(&problem);
  }
}

/* Rows that are all the same have nothing to choose lambda by. */
Test(engine_errors, features_without_spread) {
  for (int s = 0; s < 2; s++) {
    struct brute_problem problem;
    make(&problem);
    for (int64_t i = 0; i < 30 * 4; i++) {
      problem.train.features[i] = 0.25;
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.lambda = 0.0;
    options.solver = s ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    expect_error(&problem, &options, DIVA_ERROR_NUMERICAL, "spread");
    problem_free(&problem);
  }
}

struct counter {
  int calls;
  int stop_at;
};

static bool count_calls(void *context, const char *phase, int64_t done, int64_t total) {
  struct counter *counter = context;
  cr_assert(phase && *phase && done >= 0 && done <= total);
  return ++counter->calls == counter->stop_at;
}

/* Cancelled at each of its calls in turn: always cleanly. */
Test(engine_errors, cancelled_at_every_step) {
  for (int s = 0; s < 2; s++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){30, 4, 2, 10, KIND_LABELS, WEIGHTS_NONE, 77}, &problem);
    problem.train.labels[7] = -1;
    struct counter counter = {0, -1};
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = s ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    options.loss = DIVA_LOSS_CROSS_ENTROPY;
    options.lambda = options.temperature = 0.0;
    options.progress = (struct diva_progress){count_calls, &counter};
    diva_analysis_destroy(problem_run(&problem, &options));
    const int calls = counter.calls;
    cr_assert(calls > 3);
    for (int stop = 1; stop <= calls; stop++) {
      struct diva_analysis *analysis = NULL;
      struct diva_error error = {0};
      counter = (struct counter){0, stop};
      cr_expect(problem_try(&problem, &options, &analysis, &error) == DIVA_ERROR_CANCELLED);
      cr_expect(!analysis && counter.calls == stop);
    }
    problem_free(&problem);
  }
}

/* A validation set that does not fit the training set. */
Test(engine_errors, validation_of_another_kind) {
  struct brute_problem train;
  struct diva_error error = {0};
  static const struct {
    struct problem_spec spec;
    const char *words;
  } others[] = {
      {{9, 5, 2, 0, KIND_LABELS_AND_BASE, WEIGHTS_NONE, 1}, "columns"},
      {{9, 4, 3, 0, KIND_LABELS_AND_BASE, WEIGHTS_NONE, 1}, "outputs"},
      {{9, 4, 1, 0, KIND_SOFT_LABELS_AND_BASE, WEIGHTS_NONE, 1}, "targets"},
      {{9, 4, 2, 0, KIND_LABELS, WEIGHTS_NONE, 1}, "base outputs"},
  };
  problem_make(&(struct problem_spec){30, 4, 2, 0, KIND_LABELS_AND_BASE, WEIGHTS_NONE, 2}, &train);
  struct diva_dataset *dataset = problem_dataset(&train, &train.train, NULL, DIVA_FLOAT64, NULL);
  const struct diva_analysis_options options = problem_options(&train);
  for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
    struct brute_problem other;
    struct diva_analysis *analysis = NULL;
    problem_make(&others[o].spec, &other);
    struct diva_dataset *held = problem_dataset(&other, &other.train, NULL, DIVA_FLOAT64, NULL);
    const enum diva_status status = diva_analysis_run(dataset, held, &options, &analysis, &error);
    cr_expect(status == DIVA_ERROR_INPUT && !analysis, "%s: status %d", others[o].words, status);
    cr_expect(strstr(error.message, others[o].words), "%s", error.message);
    diva_dataset_close(held);
    problem_free(&other);
  }
  diva_dataset_close(dataset);
  problem_free(&train);
}

/* Fewer classes in the validation set are fine for labels; with base outputs the widths must agree.
 * The training set here has a third class. */
Test(engine_errors, validation_with_fewer_outputs) {
  for (int base = 0; base < 2; base++) {
    for (int s = 0; s < 2; s++) {
      const enum problem_kind kind = base ? KIND_LABELS_AND_BASE : KIND_LABELS;
      struct brute_problem train;
      struct brute_problem held;
      struct diva_analysis *analysis = NULL;
      struct diva_error error = {0};
      problem_make(&(struct problem_spec){30, 4, 3, 0, kind, WEIGHTS_NONE, 2}, &train);
      problem_make(&(struct problem_spec){9, 4, 2, 0, kind, WEIGHTS_NONE, 3}, &held);
      struct diva_analysis_options options = problem_options(&train);
      options.solver = s ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
      struct diva_dataset *a = problem_dataset(&train, &train.train, NULL, DIVA_FLOAT64, NULL);
      struct diva_dataset *b = problem_dataset(&held, &held.train, NULL, DIVA_FLOAT64, NULL);
      const enum diva_status status = diva_analysis_run(a, b, &options, &analysis, &error);
      cr_expect(status == (base ? DIVA_ERROR_INPUT : DIVA_OK), "status %d: %s", status,
                error.message);
      diva_analysis_destroy(analysis);
      diva_dataset_close(a);
      diva_dataset_close(b);
      problem_free(&train);
      problem_free(&held);
    }
  }
}

Test(engine_errors, cross_entropy_of_targets_that_are_no_distribution) {
  for (int64_t rows = 8; rows <= 30; rows += 22) { /* dual, primal */
    struct brute_problem problem;
    problem_make(&(struct problem_spec){rows, 9, 2, 0, KIND_REGRESSION, WEIGHTS_NONE, 8}, &problem);
    struct diva_analysis_options options = problem_options(&problem);
    options.loss = DIVA_LOSS_CROSS_ENTROPY;
    expect_error(&problem, &options, DIVA_ERROR_INPUT, "/targets: row 0 is no distribution");
    problem_free(&problem);
  }
}

/* Squares that no type holds are the fault of a column, and it is named. */
Test(engine_errors, squares_that_overflow) {
  struct brute_problem problem;
  make(&problem);
  struct diva_analysis_options options = problem_options(&problem);
  problem.train.features[5 * problem.columns + 2] = 1e200;
  for (int chosen = 0; chosen < 2; chosen++) {
    options.lambda = chosen ? 0.0 : 1.0;
    expect_error(&problem, &options, DIVA_ERROR_NUMERICAL, "column 2 overflow");
  }
  problem_free(&problem);
}
