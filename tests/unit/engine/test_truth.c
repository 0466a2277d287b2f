/* The closed forms against brute force: refits, and derivatives through refits. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

/* The promise for float64 features: relative to the value, or to a thousandth of the largest. */
static const double TOLERANCE = 1e-8;
static const double FLOOR = 1e-3;

/* Worst error so far of each column. */
struct worst {
  double leverage, loss, margin, quality, derivative;
};

struct truth_case {
  const struct brute_problem *problem;
  const struct brute_answer *answer;
  const char *name;
  enum diva_solver solver;
};

static void expect_close(const struct truth_case *truth, const char *column, double error,
                         double *worst) {
  const struct brute_problem *p = truth->problem;
  *worst = fmax(*worst, error);
  cr_expect(error <= TOLERANCE,
            "%s, %s: %s is wrong by %.2e (lambda %g, scale %s, loss %s, intercept %d, %s%s%s)",
            truth->name, diva_solver_name(truth->solver), column, error, p->lambda,
            diva_scale_name(p->scale), diva_loss_name(p->loss), p->intercept,
            p->train.labels ? "labels" : "targets",
            p->train.base_outputs ? " and base outputs" : "",
            p->validation.rows > 0 ? ", validation" : "");
}

static void compare(const struct truth_case *truth, const struct diva_analysis *analysis,
                    struct worst *worst) {
  const struct brute_answer *answer = truth->answer;
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  const int64_t n = columns.rows;
  expect_close(truth, "leverage", problem_error(columns.leverage, answer->leverage, n, 1.0, false),
               &worst->leverage);
  expect_close(truth, "loo_loss",
               problem_error(columns.loo_loss, answer->loo_loss, n, FLOOR, false), &worst->loss);
  expect_close(truth, "loo_margin",
               problem_error(columns.loo_margin, answer->loo_margin, n, FLOOR, false),
               &worst->margin);
  expect_close(truth, "label_quality",
               problem_error(columns.label_quality, answer->label_quality, n, FLOOR, false),
               &worst->quality);
  expect_close(truth, "derivative",
               problem_error(columns.derivative, answer->derivative, n, FLOOR, false),
               &worst->derivative);
  expect_close(truth, "mean LOO loss", fabs(summary.loo.loss / answer->loo_mean - 1.0),
               &worst->loss);
  for (int64_t i = 0; i < n; i++) {
    if (columns.suggested_label[i] != answer->suggested_label[i]) {
      cr_expect_fail("%s: row %lld is suggested %d, not %d", truth->name, (long long)i,
                     columns.suggested_label[i], answer->suggested_label[i]);
    }
  }
  if (truth->problem->validation.rows > 0) {
    expect_close(truth, "mean validation loss",
                 fabs(summary.validation.loss / answer->validation_mean - 1.0), &worst->loss);
    const bool same = isnan(answer->validation_error)
                          ? isnan(summary.validation.error)
                          : fabs(summary.validation.error - answer->validation_error) < 1e-12;
    cr_expect(same, "%s: validation error %g, not %g", truth->name, summary.validation.error,
              answer->validation_error);
  } else {
    cr_expect(summary.validation.rows == 0);
  }
}

/* One problem by each solver named. */
static void check(const struct brute_problem *problem, const char *name, bool primal, bool dual,
                  struct worst *worst) {
  struct brute_answer answer;
  brute_solve(problem, -1, &answer);
  for (int s = 0; s < 2; s++) {
    if (s == 0 ? !primal : !dual) {
      continue;
    }
    struct diva_analysis_options options = problem_options(problem);
    struct diva_summary summary;
    options.solver = s == 0 ? DIVA_SOLVER_PRIMAL : DIVA_SOLVER_DUAL;
    const struct truth_case truth = {problem, &answer, name, options.solver};
    struct diva_analysis *analysis = problem_run(problem, &options);
    diva_analysis_summary(analysis, &summary);
    cr_expect(summary.solver == options.solver && summary.precision == DIVA_PRECISION_FLOAT64);
    compare(&truth, analysis, worst);
    diva_analysis_destroy(analysis);
  }
  brute_free(&answer);
}

static void print(const char *name, const struct worst *worst) {
  printf("%-22s leverage %.1e, loss %.1e, margin %.1e, quality %.1e, derivative %.1e\n", name,
         worst->leverage, worst->loss, worst->margin, worst->quality, worst->derivative);
}

struct sweep {
  const char *name;
  int64_t rows, columns;
  double lambdas[3];
  bool primal[3], dual[3]; /**< which solvers a lambda is for */
};

/* Each solver is asked only where it is the right one or the system is mild: with fewer rows than
 * columns 1 - h cancels in the primal, with more the kernel matrix is singular but for lambda.
 * Cross-entropy has no meaning for regression targets; everything else is combined. */
static void run_sweep(const struct sweep *sweep) {
  static const enum diva_scale scales[] = {DIVA_SCALE_NONE, DIVA_SCALE_L2, DIVA_SCALE_STANDARDIZE};
  struct worst worst = {0};
  int number = 0;
  for (int bits = 0; bits < 8 * KIND_COUNT; bits++) {
    const enum problem_kind kind = (enum problem_kind)(bits / 8);
    const bool entropy = bits & 1;
    const bool validation = bits & 4;
    if (entropy && kind == KIND_REGRESSION) {
      continue;
    }
    for (int l = 0; l < 3; l++, number++) {
      const struct problem_spec spec = {
          sweep->rows,         sweep->columns, 3,
          validation ? 9 : 0,  kind,           (enum problem_weights)(number % 7 % 3),
          (uint64_t)number + 1};
      struct brute_problem problem;
      problem_make(&spec, &problem);
      problem.loss = entropy ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
      problem.intercept = bits & 2;
      problem.scale = scales[number % 3];
      problem.lambda = sweep->lambdas[l];
      problem.temperature = number % 2 == 0 ? 1.0 : 3.5;
      check(&problem, sweep->name, sweep->primal[l], sweep->dual[l], &worst);
      problem_free(&problem);
    }
  }
  print(sweep->name, &worst);
}

Test(engine_truth, more_rows_than_columns) {
  const struct sweep sweep = {
      "more rows than columns", 26, 5, {1e-3, 0.3, 20.0}, {true, true, true}, {false, true, true}};
  run_sweep(&sweep);
}

Test(engine_truth, fewer_rows_than_columns) {
  const struct sweep sweep = {
      "fewer rows than columns", 13, 19, {1e-6, 1e-2, 3.0}, {false, true, true},
      {true, true, true}};
  run_sweep(&sweep);
}

/* A square problem, one column, one row more than columns: the edges of the choice of solver. */
Test(engine_truth, narrow_shapes) {
  static const struct { int64_t rows, columns; } shapes[] = {{8, 8}, {9, 8}, {6, 1}, {5, 40}};
  struct worst worst = {0};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    for (int bits = 0; bits < 8; bits++) {
      const struct problem_spec spec = {shapes[s].rows, shapes[s].columns, 2,      bits & 4 ? 5 : 0,
                                        KIND_LABELS,    WEIGHTS_MIXED,     100 + s};
      struct brute_problem problem;
      problem_make(&spec, &problem);
      problem.loss = bits & 1 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
      problem.intercept = bits & 2;
      problem.lambda = 0.05;
      check(&problem, "narrow shapes", shapes[s].rows >= shapes[s].columns, true, &worst);
      problem_free(&problem);
    }
  }
  print("narrow shapes", &worst);
}

/* More rows than any backend's tile has: every sum over tiles, and rows at the seams. */
Test(engine_truth, several_tiles) {
  struct worst worst = {0};
  for (int validation = 0; validation < 2; validation++) {
    const struct problem_spec spec = {
        32768 + 1, 3, 2, validation ? 8192 + 3 : 0, KIND_LABELS_AND_BASE, WEIGHTS_POOL, 7};
    struct brute_problem problem;
    struct brute_answer answer;
    struct diva_plan plan;
    problem_make(&spec, &problem);
    problem.scale = DIVA_SCALE_STANDARDIZE;
    problem.loss = DIVA_LOSS_CROSS_ENTROPY;
    brute_solve(&problem, 6, &answer);
    struct diva_analysis_options options = problem_options(&problem);
    options.threads = 2;
    struct diva_analysis *analysis = problem_run(&problem, &options);
    struct diva_columns columns;
    diva_analysis_columns(analysis, &columns);
    const struct truth_case truth = {&problem, &answer, "several tiles", options.solver};
    struct diva_dataset *train =
        problem_dataset(&problem, &problem.train, problem.weights, DIVA_FLOAT64, NULL);
    cr_assert(diva_analysis_plan(train, NULL, &options, &plan, NULL) == DIVA_OK);
    cr_expect(plan.tile_rows < spec.rows, "the test has one tile only");
    diva_dataset_close(train);
    expect_close(&truth, "loo_loss",
                 problem_error(columns.loo_loss, answer.loo_loss, spec.rows, FLOOR, false),
                 &worst.loss);
    expect_close(&truth, "loo_margin",
                 problem_error(columns.loo_margin, answer.loo_margin, spec.rows, FLOOR, false),
                 &worst.margin);
    expect_close(&truth, "derivative",
                 problem_error(columns.derivative, answer.derivative, spec.rows, FLOOR, true),
                 &worst.derivative);
    diva_analysis_destroy(analysis);
    brute_free(&answer);
    problem_free(&problem);
  }
  print("several tiles", &worst);
}
