/* Exact effects of taking rows out and putting rows in, against refits with the row and without. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Relative to the value, or to a thousandth of the largest. */
static const double TOLERANCE = 1e-9;
static const double FLOOR = 1e-3;

static struct diva_analysis *run(const struct brute_problem *problem, enum diva_solver solver) {
  struct diva_analysis_options options = problem_options(problem);
  options.solver = solver;
  options.removal = true;
  return problem_run(problem, &options);
}

static void check(const struct brute_problem *problem, const char *name, enum diva_solver solver,
                  const double *want, double *worst) {
  struct diva_columns got;
  struct diva_analysis *analysis = run(problem, solver);
  diva_analysis_columns(analysis, &got);
  const double error = problem_error(got.removal, want, got.rows, FLOOR, false);
  *worst = fmax(*worst, error);
  cr_expect(error <= TOLERANCE,
            "%s, %s: wrong by %.2e (lambda %g, scale %s, intercept %d, %s%s, weights %d)", name,
            diva_solver_name(solver), error, problem->lambda, diva_scale_name(problem->scale),
            problem->intercept, problem->train.labels ? "labels" : "targets",
            problem->train.base_outputs ? " and base outputs" : "", problem->weights != NULL);
  diva_analysis_destroy(analysis);
}

struct shape {
  const char *name;
  int64_t rows, columns, held;
  double lambda;
  bool primal, dual;
};

/* Every kind of target, weights, scale and intercept by turns; some with importances. */
static void sweep(const struct shape *shape) {
  double *want = reference_allocate(shape->rows, sizeof *want);
  double *importance = reference_allocate(shape->held, sizeof *importance);
  double worst = 0.0;
  for (int64_t v = 0; v < shape->held; v++) {
    importance[v] = v % 4 == 2 ? 0.0 : (double)(1 + v % 5);
  }
  for (int number = 0; number < 6 * KIND_COUNT; number++) {
    const struct problem_spec spec = {shape->rows,
                                      shape->columns,
                                      3,
                                      shape->held,
                                      (enum problem_kind)(number / 6),
                                      (enum problem_weights)(number % 3),
                                      (uint64_t)number + 3};
    struct brute_problem problem;
    problem_make(&spec, &problem);
    problem.intercept = number % 2;
    problem.scale = (enum diva_scale)(number / 2 % 3);
    problem.validation_importance = number % 4 == 3 ? importance : NULL;
    problem.lambda = shape->lambda;
    brute_remove(&problem, -1, want);
    if (shape->primal) {
      check(&problem, shape->name, DIVA_SOLVER_PRIMAL, want, &worst);
    }
    if (shape->dual) {
      check(&problem, shape->name, DIVA_SOLVER_DUAL, want, &worst);
    }
    problem_free(&problem);
  }
  printf("%-34s error %.1e\n", shape->name, worst);
  free(want);
  free(importance);
}

Test(engine_removal, against_refits) {
  static const struct shape shapes[] = {
      {"more rows than columns", 26, 5, 9, 0.3, true, true},
      {"little penalty", 26, 5, 9, 1e-3, true, false},
      {"much penalty", 26, 5, 3, 20.0, true, true},
      {"hardly more rows", 20, 16, 9, 0.5, true, true},
      {"fewer rows", 13, 19, 18, 1.0, true, true},
      {"fewer rows, little penalty", 13, 19, 18, 1e-5, false, true},
      {"fewer rows, many validation rows", 13, 19, 33, 1e-2, false, true}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    sweep(&shapes[i]);
  }
}

/* One row is taken out, whatever rows its score leaves out beside it. */
Test(engine_removal, knows_no_groups) {
  enum { ROWS = 30 };
  int32_t groups[ROWS];
  double want[ROWS];
  double worst = 0.0;
  struct brute_problem problem;
  problem_make(&(struct problem_spec){ROWS, 5, 3, 12, KIND_LABELS, WEIGHTS_POOL, 8}, &problem);
  for (int32_t i = 0; i < ROWS; i++) {
    groups[i] = i % 3 == 0 ? 0 : i / 4;
  }
  brute_remove(&problem, -1, want);
  problem.groups = groups;
  check(&problem, "groups", DIVA_SOLVER_PRIMAL, want, &worst);
  check(&problem, "groups", DIVA_SOLVER_DUAL, want, &worst);
  problem_free(&problem);
}

/* More rows than a tile in both sets, and a pool of as many beside few rows that are trained on. */
Test(engine_removal, several_tiles) {
  enum { ROWS = 8192 + 300, HELD = 8192 + 7, TRAINED = 40, WANTED = 25 };
  double *want = reference_allocate(ROWS, sizeof *want);
  for (int solver = DIVA_SOLVER_PRIMAL; solver <= DIVA_SOLVER_DUAL; solver++) {
    struct brute_problem problem;
    struct diva_columns got;
    problem_make(&(struct problem_spec){ROWS, 4, 2, HELD, KIND_LABELS, WEIGHTS_MIXED, 2}, &problem);
    for (int64_t i = TRAINED; i < ROWS && solver == DIVA_SOLVER_DUAL; i++) {
      problem.weights[i] = 0.0;
    }
    brute_remove(&problem, WANTED, want);
    struct diva_analysis *analysis = run(&problem, (enum diva_solver)solver);
    diva_analysis_columns(analysis, &got);
    const double error = problem_error(got.removal, want, ROWS, FLOOR, true);
    cr_expect(error <= TOLERANCE, "%s: wrong by %.2e", diva_solver_name((enum diva_solver)solver),
              error);
    diva_analysis_destroy(analysis);
    problem_free(&problem);
  }
  free(want);
}

/* Float32 tiles against float64, linear and by a kernel. */
Test(engine_removal, single_precision) {
  enum { ROWS = 2000, COLUMNS = 30, HELD = 300 };
  float *stored = reference_allocate((int64_t)ROWS * COLUMNS, sizeof *stored);
  for (int number = 0; number < 6; number++) {
    struct brute_problem problem;
    struct diva_analysis *narrow = NULL;
    struct diva_columns a, b;
    struct diva_summary summary;
    struct diva_error error;
    problem_make(&(struct problem_spec){ROWS, COLUMNS, 4, HELD, KIND_LABELS, WEIGHTS_POOL, 12},
                 &problem);
    for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
      stored[i] = (float)problem.train.features[i];
      problem.train.features[i] = (double)stored[i];
    }
    problem.scale = (enum diva_scale)(number % 3);
    problem.lambda = 5.0;
    struct diva_analysis_options options = problem_options(&problem);
    options.removal = true;
    options.kernel = number < 3 ? DIVA_KERNEL_LINEAR : DIVA_KERNEL_RBF;
    options.rbf_features = 128;
    struct diva_dataset *train =
        problem_dataset(&problem, &problem.train, problem.weights, DIVA_FLOAT32, stored);
    struct diva_dataset *held =
        problem_dataset(&problem, &problem.validation, NULL, DIVA_FLOAT64, NULL);
    cr_assert(diva_analysis_run(train, held, &options, &narrow, &error) == DIVA_OK, "%s",
              error.message);
    struct diva_analysis *wide = problem_run(&problem, &options);
    diva_analysis_columns(narrow, &a);
    diva_analysis_columns(wide, &b);
    diva_analysis_summary(narrow, &summary);
    cr_expect(summary.precision == DIVA_PRECISION_FLOAT32);
    const double worst = problem_error(a.removal, b.removal, ROWS, 1.0, false);
    printf("float32, %s, %s: %.1e\n", diva_kernel_name(options.kernel),
           diva_scale_name(options.scale), worst);
    cr_expect(worst <= 1e-4, "wrong by %.1e", worst);
    diva_analysis_destroy(narrow);
    diva_analysis_destroy(wide);
    diva_dataset_close(train);
    diva_dataset_close(held);
    problem_free(&problem);
  }
  free(stored);
}

static void expect_refusal(const struct brute_problem *problem,
                           const struct diva_analysis_options *options) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  cr_expect(problem_try(problem, options, &analysis, &error) == DIVA_ERROR_USAGE && !analysis);
  cr_expect(strstr(error.message, "removal") && strstr(error.message, "squared"), "%s",
            error.message);
}

/* Asked for only where it means something; not there unless asked for. */
Test(engine_removal, refusals) {
  struct brute_problem problem;
  struct diva_columns columns;
  problem_make(&(struct problem_spec){30, 4, 2, 8, KIND_LABELS, WEIGHTS_POOL, 77}, &problem);
  const struct diva_analysis_options plain = problem_options(&problem);
  struct diva_analysis *analysis = problem_run(&problem, &plain);
  diva_analysis_columns(analysis, &columns);
  cr_expect(columns.removal == NULL);
  diva_analysis_destroy(analysis);
  struct diva_analysis_options options = plain;
  options.removal = true;
  options.loss = DIVA_LOSS_CROSS_ENTROPY;
  expect_refusal(&problem, &options);
  options.loss = DIVA_LOSS_SQUARED;
  options.derivative = false;
  expect_refusal(&problem, &options);
  options.derivative = true;
  brute_rows_free(&problem.validation);
  expect_refusal(&problem, &options);
  problem_free(&problem);
}
