/* The scores on their way out of the engine: their values, their order, and a sink that refuses. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* What a sink was given, and when it shall refuse. */
struct record {
  int64_t outputs;
  double *scores; /**< rows x outputs */
  int64_t next;   /**< the row that should come */
  int calls, restarts;
  int refuse_at; /**< this call, counted from 1; 0: none */
  enum diva_status refusal;
};

static enum diva_status take(void *context, int64_t first_row, int64_t rows, const double *scores,
                             struct diva_error *error) {
  struct record *record = context;
  record->calls++;
  if (record->calls == record->refuse_at) {
    return diva_error_set(error, record->refusal, "the sink has had enough");
  }
  if (first_row == 0 && record->next > 0) {
    record->restarts++;
    record->next = 0;
  }
  cr_assert(first_row == record->next && rows > 0, "row %lld after %lld", (long long)first_row,
            (long long)record->next);
  for (int64_t i = 0; i < rows * record->outputs; i++) {
    record->scores[first_row * record->outputs + i] = scores[i];
  }
  record->next += rows;
  return DIVA_OK;
}

static void record_open(struct record *record, const struct brute_problem *problem,
                        struct diva_analysis_options *options) {
  *record = (struct record){.outputs = problem->outputs};
  record->scores =
      reference_allocate(problem->train.rows * problem->outputs, sizeof *record->scores);
  options->scores = take;
  options->scores_context = record;
}

static double quality(const double *scores, int64_t outputs, int32_t label, double temperature) {
  double sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    sum += exp(temperature * (scores[c] - scores[label]));
  }
  return 1.0 / sum;
}

/* The scores must say what the columns of the same run say. */
static void expect_columns(const struct record *record, const struct brute_problem *problem,
                           const struct diva_analysis *analysis, double tolerance) {
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  cr_assert(record->next == problem->train.rows, "%lld rows", (long long)record->next);
  for (int64_t i = 0; i < columns.rows; i++) {
    const double *scores = record->scores + i * record->outputs;
    const int32_t label = problem->train.labels[i];
    int32_t best = 0;
    for (int32_t c = 1; c < record->outputs; c++) {
      best = scores[c] > scores[best] ? c : best;
    }
    cr_expect(best == columns.suggested_label[i], "row %lld", (long long)i);
    if (label < 0) {
      continue;
    }
    const double want = quality(scores, record->outputs, label, summary.temperature);
    cr_expect(fabs(columns.label_quality[i] - want) <= tolerance, "row %lld: quality %.17g, not %g",
              (long long)i, columns.label_quality[i], want);
  }
}

/* Trained on, in the pool or unlabelled, with base outputs or without, by either solver: F of the
 * refit. The temperature given or fitted, the derivative asked for or not, it is the same F. */
Test(engine_scores, against_refits) {
  for (int number = 0; number < KIND_COUNT * 3 * 2; number++) {
    const enum problem_kind kind = (enum problem_kind)(number % KIND_COUNT);
    struct brute_problem problem;
    struct brute_answer answer;
    problem_make(&(struct problem_spec){26, 5, 3, 0, kind,
                                        (enum problem_weights)(number / KIND_COUNT % 3),
                                        300 + (uint64_t)number},
                 &problem);
    problem.scale = (enum diva_scale)(number % 3);
    problem.intercept = number % 2 == 0;
    brute_solve(&problem, 0, &answer);
    for (int s = 0; s < 4; s++) {
      struct record record;
      struct diva_analysis_options options = problem_options(&problem);
      options.solver = s % 2 ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
      options.temperature = s / 2 ? 0.0 : 1.5;
      options.derivative = s == 0;
      options.loss = kind == KIND_REGRESSION ? DIVA_LOSS_SQUARED : DIVA_LOSS_CROSS_ENTROPY;
      record_open(&record, &problem, &options);
      diva_analysis_destroy(problem_run(&problem, &options));
      cr_expect(record.next == problem.train.rows && record.restarts == 0);
      const double error = problem_error(record.scores, answer.scores,
                                         problem.train.rows * problem.outputs, 1e-3, false);
      cr_expect(error <= 1e-8, "problem %d, %s: wrong by %.1e", number,
                diva_solver_name(options.solver), error);
      free(record.scores);
    }
    brute_free(&answer);
    problem_free(&problem);
  }
}

/* Rows at the seams of tiles: a primal run, a dual run of training rows alone (memory for smaller
 * tiles), and a dual run of few training rows in a large pool. */
Test(engine_scores, several_tiles) {
  static const struct {
    int64_t rows, columns;
    enum diva_solver solver;
    int64_t trained; /* 0: all */
  } cases[] = {{8192 * 2 + 1, 3, DIVA_SOLVER_PRIMAL, 0},
               {700, 3, DIVA_SOLVER_DUAL, 0},
               {8192 + 5, 3, DIVA_SOLVER_DUAL, 40}};
  for (size_t t = 0; t < sizeof cases / sizeof cases[0]; t++) {
    struct brute_problem problem;
    struct record record;
    struct diva_plan plan;
    problem_make(&(struct problem_spec){cases[t].rows, cases[t].columns, 3, 0, KIND_LABELS_AND_BASE,
                                        WEIGHTS_MIXED, 20 + t},
                 &problem);
    const int64_t step = cases[t].trained ? cases[t].rows / cases[t].trained : 1;
    for (int64_t i = 0; i < cases[t].rows; i++) {
      problem.weights[i] *= i < 3 || i % step == 0 ? 1.0 : 0.0;
    }
    if (cases[t].trained) {
      problem.train.labels[cases[t].rows - 1] = -1;
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = cases[t].solver;
    options.temperature = 0.0;
    struct diva_dataset *train =
        problem_dataset(&problem, &problem.train, problem.weights, DIVA_FLOAT64, NULL);
    cr_assert(diva_analysis_plan(train, NULL, &options, &plan, NULL) == DIVA_OK);
    if (plan.tile_rows == cases[t].rows) {
      options.memory = plan.memory - 1;
    }
    diva_dataset_close(train);
    record_open(&record, &problem, &options);
    struct diva_analysis *analysis = problem_run(&problem, &options);
    cr_expect(record.calls > 1 && record.restarts == 0, "%d tiles", record.calls);
    expect_columns(&record, &problem, analysis, 1e-12);
    diva_analysis_destroy(analysis);
    free(record.scores);
    problem_free(&problem);
  }
}

static void run_restarting(const struct brute_problem *problem, enum diva_precision precision,
                           enum diva_solver solver) {
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error error;
  struct record record;
  struct diva_analysis_options options = problem_options(problem);
  const int64_t values = problem->train.rows * problem->columns;
  float *stored = reference_allocate(values, sizeof *stored);
  for (int64_t i = 0; i < values; i++) {
    stored[i] = (float)problem->train.features[i];
  }
  options.temperature = 0.0;
  record_open(&record, problem, &options);
  struct diva_dataset *train =
      problem_dataset(problem, &problem->train, NULL, DIVA_FLOAT32, stored);
  const enum diva_status status = diva_analysis_run(train, NULL, &options, &analysis, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_analysis_summary(analysis, &summary);
  cr_expect(summary.precision == precision && summary.solver == solver);
  cr_expect(record.restarts > 0, "a run that turned did not start again");
  expect_columns(&record, problem, analysis, 1e-12);
  diva_analysis_destroy(analysis);
  diva_dataset_close(train);
  free(record.scores);
  free(stored);
}

/* A row of high leverage turns a run of float32 to float64; hardly any ridge, few rows and rows all
 * but interpolated turn it to the dual. What counts is what comes after the last row 0. */
Test(engine_scores, a_run_that_turns_starts_again) {
  struct brute_problem problem;
  problem_make(&(struct problem_spec){400, 6, 3, 0, KIND_LABELS, WEIGHTS_NONE, 5}, &problem);
  for (int64_t i = 0; i < 400; i++) {
    problem.train.features[i * 6 + 4] = 0.0;
  }
  problem.train.features[11 * 6 + 4] = sqrt(1.0 / 0.03);
  run_restarting(&problem, DIVA_PRECISION_FLOAT64, DIVA_SOLVER_PRIMAL);
  problem_free(&problem);
  problem_make(&(struct problem_spec){40, 38, 3, 0, KIND_LABELS, WEIGHTS_NONE, 6}, &problem);
  problem.lambda = 1e-4;
  run_restarting(&problem, DIVA_PRECISION_FLOAT64, DIVA_SOLVER_DUAL);
  problem_free(&problem);
}

/* Whatever the sink returns, at the first tile or a later one, ends the run and is handed on. */
Test(engine_scores, a_sink_that_refuses) {
  static const enum diva_status refusals[] = {DIVA_ERROR_CANCELLED, DIVA_ERROR_RESOURCE};
  for (int number = 0; number < 8; number++) {
    struct brute_problem problem;
    struct record record;
    struct diva_analysis *analysis = (struct diva_analysis *)(void *)&record;
    struct diva_error error = {0};
    const bool dual = number % 2;
    const int64_t rows = 32768 + 2; /* more than any backend's tile has */
    problem_make(&(struct problem_spec){rows, 3, 2, 0, KIND_LABELS, WEIGHTS_MIXED, 9}, &problem);
    for (int64_t i = 30; i < rows && dual; i++) {
      problem.weights[i] = 0.0;
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = dual ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    record_open(&record, &problem, &options);
    record.refuse_at = 1 + number / 2 % 2;
    record.refusal = refusals[number / 4];
    const enum diva_status status = problem_try(&problem, &options, &analysis, &error);
    cr_expect(status == record.refusal && error.status == record.refusal);
    cr_expect(record.calls == record.refuse_at, "%d calls", record.calls);
    cr_expect(analysis == NULL);
    cr_expect_str_eq(error.message, "the sink has had enough");
    free(record.scores);
    problem_free(&problem);
  }
}
