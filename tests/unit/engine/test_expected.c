/* The derivative of rows without a label: the mean over what it is with each label in turn. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUTPUTS = 3, HELD = 9 };

/* The probability of class c at the scores of a row. */
static double probability(const double *scores, double temperature, int64_t c) {
  double sum = 0.0;
  for (int64_t o = 0; o < OUTPUTS; o++) {
    sum += exp(temperature * (scores[o] - scores[c]));
  }
  return 1.0 / sum;
}

/* By refits, each row without a label given every label; rows of weight 0 do not see each other. */
static double *expect(const struct brute_problem *problem) {
  const int64_t rows = problem->train.rows;
  double *mean = reference_allocate(rows, sizeof *mean);
  int32_t *labels = reference_allocate(rows, sizeof *labels);
  double *weights = reference_allocate(rows, sizeof *weights);
  struct brute_problem asked = *problem;
  asked.train.labels = labels;
  asked.weights = weights;
  for (int32_t c = 0; c < OUTPUTS; c++) {
    struct brute_answer answer;
    for (int64_t i = 0; i < rows; i++) {
      const bool bare = problem->train.labels[i] < 0;
      labels[i] = bare ? c : problem->train.labels[i];
      weights[i] = bare ? 0.0 : problem->weights[i];
    }
    brute_solve(&asked, -1, &answer);
    for (int64_t i = 0; i < rows; i++) {
      const double p = problem->train.labels[i] < 0
                           ? probability(answer.scores + i * OUTPUTS, problem->temperature, c)
                           : 1.0 / OUTPUTS;
      mean[i] += p * answer.derivative[i];
    }
    brute_free(&answer);
  }
  free(labels);
  free(weights);
  return mean;
}

static void check(const struct brute_problem *problem, enum diva_solver solver,
                  enum diva_precision precision, const double *want, double *worst) {
  const double tolerance = precision == DIVA_PRECISION_FLOAT32 ? 1e-4 : 1e-8;
  struct diva_analysis_options options = problem_options(problem);
  struct diva_columns with, without;
  options.solver = solver;
  options.precision = precision;
  struct diva_analysis *plain = problem_run(problem, &options);
  options.expect_unlabelled = true;
  struct diva_analysis *analysis = problem_run(problem, &options);
  diva_analysis_columns(plain, &without);
  diva_analysis_columns(analysis, &with);
  const double floor = precision == DIVA_PRECISION_FLOAT32 ? 1.0 : 1e-3;
  const double error = problem_error(with.derivative, want, with.rows, floor, false);
  cr_expect(error <= tolerance, "%s, %s, %s, validation %d: wrong by %.2e",
            diva_solver_name(solver), diva_precision_name(precision), diva_loss_name(problem->loss),
            problem->validation.rows > 0, error);
  for (int64_t i = 0; i < with.rows; i++) {
    const bool bare = problem->train.labels[i] < 0;
    cr_expect(isnan(without.derivative[i]) == bare);
    cr_expect(isnan(with.loo_loss[i]) == bare && isnan(with.loo_margin[i]) == bare &&
              isnan(with.label_quality[i]) == bare);
    cr_expect(with.suggested_label[i] == without.suggested_label[i]);
    cr_expect(bare || with.derivative[i] - without.derivative[i] == 0.0);
  }
  *worst = fmax(*worst, error / tolerance);
  diva_analysis_destroy(plain);
  diva_analysis_destroy(analysis);
}

Test(engine_expected, against_every_label_in_turn) {
  double worst = 0.0;
  for (int number = 0; number < 16; number++) {
    const struct problem_spec spec = {31,
                                      5,
                                      OUTPUTS,
                                      number & 1 ? HELD : 0,
                                      number & 2 ? KIND_LABELS : KIND_LABELS_AND_BASE,
                                      WEIGHTS_POOL,
                                      (uint64_t)number + 3};
    struct brute_problem problem;
    problem_make(&spec, &problem);
    problem.loss = number & 4 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.intercept = number & 8;
    double *want = expect(&problem);
    check(&problem, DIVA_SOLVER_PRIMAL, DIVA_PRECISION_FLOAT64, want, &worst);
    check(&problem, DIVA_SOLVER_PRIMAL, DIVA_PRECISION_FLOAT32, want, &worst);
    check(&problem, DIVA_SOLVER_DUAL, DIVA_PRECISION_FLOAT64, want, &worst);
    free(want);
    problem_free(&problem);
  }
  printf("largest error: %.1e of what is allowed\n", worst);
}

Test(engine_expected, not_with_groups) {
  const struct problem_spec spec = {20, 4, OUTPUTS, 0, KIND_LABELS, WEIGHTS_NONE, 5};
  struct brute_problem problem;
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  int32_t groups[20] = {0};
  problem_make(&spec, &problem);
  struct diva_analysis_options options = problem_options(&problem);
  options.expect_unlabelled = true;
  options.groups = groups;
  cr_expect(problem_try(&problem, &options, &analysis, &error) == DIVA_ERROR_USAGE);
  cr_expect_str_eq(error.message,
                   "the expected derivative of unlabelled rows is not to be had with groups");
  problem_free(&problem);
}
