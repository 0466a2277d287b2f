/* Leave one group out against refits without the group, and derivatives through those refits. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The promise for float64 features: relative to the value, or to a thousandth of the largest. */
static const double TOLERANCE = 1e-8;
static const double FLOOR = 1e-3;

struct worst {
  double loss, margin, quality, derivative;
};

static void expect_column(const char *name, const char *column, double error, double *worst) {
  *worst = fmax(*worst, error);
  cr_expect(error <= TOLERANCE, "%s: %s is wrong by %.2e", name, column, error);
}

static void compare(const char *name, const struct diva_analysis *analysis,
                    const struct brute_answer *want, struct worst *worst) {
  struct diva_columns got;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &got);
  diva_analysis_summary(analysis, &summary);
  const int64_t n = got.rows;
  expect_column(name, "loss", problem_error(got.loo_loss, want->loo_loss, n, FLOOR, false),
                &worst->loss);
  expect_column(name, "margin", problem_error(got.loo_margin, want->loo_margin, n, FLOOR, false),
                &worst->margin);
  expect_column(name, "quality",
                problem_error(got.label_quality, want->label_quality, n, FLOOR, false),
                &worst->quality);
  expect_column(name, "derivative",
                problem_error(got.derivative, want->derivative, n, FLOOR, false),
                &worst->derivative);
  expect_column(name, "leverage", problem_error(got.leverage, want->leverage, n, 1.0, false),
                &worst->loss);
  expect_column(name, "mean", fabs(summary.loo.loss / want->loo_mean - 1.0), &worst->loss);
  cr_expect(!memcmp(got.suggested_label, want->suggested_label, (size_t)n * sizeof(int32_t)),
            "%s: suggestions differ", name);
}

/* Scores handed out while a run goes on. */
struct sink {
  double *scores;
  int64_t outputs;
};

static enum diva_status take_scores(void *context, int64_t first, int64_t rows,
                                    const double *scores, struct diva_error *error) {
  struct sink *sink = context;
  (void)error;
  memcpy(sink->scores + first * sink->outputs, scores,
         (size_t)(rows * sink->outputs) * sizeof *scores);
  return DIVA_OK;
}

static void check(const struct brute_problem *problem, const char *name, enum diva_solver solver,
                  const struct brute_answer *want, struct worst *worst) {
  struct diva_analysis_options options = problem_options(problem);
  const int64_t values = problem->train.rows * problem->outputs;
  struct sink sink = {reference_allocate(values, sizeof(double)), problem->outputs};
  char text[96];
  snprintf(text, sizeof text, "%s, %s, %s, intercept %d", name, diva_solver_name(solver),
           diva_loss_name(problem->loss), problem->intercept);
  options.solver = solver;
  options.scores = take_scores;
  options.scores_context = &sink;
  struct diva_analysis *analysis = problem_run(problem, &options);
  compare(text, analysis, want, worst);
  const double error = problem_error(sink.scores, want->scores, values, 1.0, false);
  cr_expect(error <= TOLERANCE, "%s: scores are wrong by %.2e", text, error);
  diva_analysis_destroy(analysis);
  free(sink.scores);
}

/* What rows belong together. */
enum pattern {
  PAIRS_AND_ALONE, /* pairs and threes from all over, some rows alone */
  ONE_LARGE,       /* a group of half the rows, pairs beside it */
  FEW_LARGE        /* four groups of everything */
};

static void make_groups(enum pattern pattern, int64_t rows, int32_t *groups) {
  for (int64_t i = 0; i < rows; i++) {
    const int32_t pair = (int32_t)(i * 7 % rows / 2);
    if (pattern == FEW_LARGE) {
      groups[i] = (int32_t)(1000000 * (i % 4));
    } else if (pattern == ONE_LARGE) {
      groups[i] = i % 2 == 0 ? INT32_MAX : pair;
    } else {
      groups[i] = i % 5 == 3 ? -1 : (int32_t)(pair / 2 + (i % 3 == 0));
    }
  }
}

struct shape {
  const char *name;
  int64_t rows, columns;
  double lambda;
  bool primal, dual;
};

/* Every kind of target, loss, weights and intercept, by turns. */
static void sweep(const struct shape *shape) {
  struct worst worst = {0};
  int32_t *groups = reference_allocate(shape->rows, sizeof *groups);
  for (int number = 0; number < 4 * KIND_COUNT * 3; number++) {
    const enum problem_kind kind = (enum problem_kind)(number / 4 % KIND_COUNT);
    const bool entropy = number & 1;
    struct brute_problem problem;
    struct brute_answer answer;
    if (entropy && kind == KIND_REGRESSION) {
      continue;
    }
    const struct problem_spec spec = {
        shape->rows,         shape->columns, 3, 0, kind, (enum problem_weights)(number % 3),
        (uint64_t)number + 9};
    problem_make(&spec, &problem);
    make_groups((enum pattern)(number / 4 / KIND_COUNT), shape->rows, groups);
    problem.groups = groups;
    problem.loss = entropy ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
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
    problem_free(&problem);
  }
  free(groups);
  printf("%-24s loss %.1e, margin %.1e, quality %.1e, derivative %.1e\n", shape->name, worst.loss,
         worst.margin, worst.quality, worst.derivative);
}

Test(engine_groups, against_refits_without_the_group) {
  const struct shape shapes[] = {{"more rows than columns", 29, 5, 0.3, true, true},
                                 {"hardly more", 23, 16, 2.0, true, true},
                                 {"fewer rows", 14, 19, 0.05, false, true}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    sweep(&shapes[i]);
  }
}

/* Largest difference of two columns, beside the largest value. */
static double difference(const double *a, const double *b, int64_t rows) {
  return problem_error(a, b, rows, 1.0, false);
}

static void make_plain(struct brute_problem *problem, int64_t rows, int64_t columns) {
  const struct problem_spec spec = {rows, columns, 3, 0, KIND_LABELS, WEIGHTS_POOL, 4};
  problem_make(&spec, problem);
}

/* Groups of one, and groups of rows that are not trained on, change nothing at all. */
Test(engine_groups, of_one_are_plain) {
  for (int solver = DIVA_SOLVER_PRIMAL; solver <= DIVA_SOLVER_DUAL; solver++) {
    struct brute_problem problem;
    struct diva_columns plain, grouped;
    make_plain(&problem, 60, 7);
    int32_t *groups = reference_allocate(60, sizeof *groups);
    for (int64_t i = 0; i < 60; i++) {
      const bool trained = problem.train.labels[i] >= 0 && problem.weights[i] > 0.0;
      groups[i] = !trained ? 7000 : i % 2 == 0 ? (int32_t)i : -1;
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = (enum diva_solver)solver;
    struct diva_analysis *alone = problem_run(&problem, &options);
    options.groups = groups;
    struct diva_analysis *together = problem_run(&problem, &options);
    diva_analysis_columns(alone, &plain);
    diva_analysis_columns(together, &grouped);
    cr_expect(!memcmp(plain.loo_loss, grouped.loo_loss, 60 * sizeof(double)));
    cr_expect(!memcmp(plain.label_quality, grouped.label_quality, 60 * sizeof(double)));
    cr_expect(!memcmp(plain.derivative, grouped.derivative, 60 * sizeof(double)));
    diva_analysis_destroy(alone);
    diva_analysis_destroy(together);
    problem_free(&problem);
    free(groups);
  }
}

static void swap_rows(struct brute_problem *problem, int64_t a, int64_t b) {
  for (int64_t j = 0; j < problem->columns; j++) {
    double *x = problem->train.features;
    const double kept = x[a * problem->columns + j];
    x[a * problem->columns + j] = x[b * problem->columns + j];
    x[b * problem->columns + j] = kept;
  }
  const int32_t label = problem->train.labels[a];
  problem->train.labels[a] = problem->train.labels[b];
  problem->train.labels[b] = label;
  const double weight = problem->weights[a];
  problem->weights[a] = problem->weights[b];
  problem->weights[b] = weight;
}

/* Rows in another order have the same columns. */
Test(engine_groups, order_does_not_matter) {
  enum { ROWS = 90 };
  struct brute_problem problem;
  struct diva_columns before, after;
  int32_t groups[ROWS];
  double turned[ROWS];
  make_plain(&problem, ROWS, 6);
  make_groups(ONE_LARGE, ROWS, groups);
  problem.groups = groups;
  struct diva_analysis_options options = problem_options(&problem);
  struct diva_analysis *first = problem_run(&problem, &options);
  for (int64_t i = 0; i < ROWS / 2; i++) {
    const int32_t code = groups[i];
    swap_rows(&problem, i, ROWS - 1 - i);
    groups[i] = groups[ROWS - 1 - i];
    groups[ROWS - 1 - i] = code;
  }
  struct diva_analysis *second = problem_run(&problem, &options);
  diva_analysis_columns(first, &before);
  diva_analysis_columns(second, &after);
  const double *pairs[][2] = {{before.loo_loss, after.loo_loss},
                              {before.label_quality, after.label_quality},
                              {before.derivative, after.derivative}};
  for (int c = 0; c < 3; c++) {
    for (int64_t i = 0; i < ROWS; i++) {
      turned[i] = pairs[c][1][ROWS - 1 - i];
    }
    cr_expect(difference(turned, pairs[c][0], ROWS) < 1e-10, "column %d", c);
  }
  diva_analysis_destroy(first);
  diva_analysis_destroy(second);
  problem_free(&problem);
}

/* More grouped rows than a tile, a group of more rows than one, float32 beside float64: a group's
 * rows are scored as a pool is that was never trained on. */
Test(engine_groups, several_tiles) {
  enum { ROWS = 20000, LARGE = 9000 };
  struct brute_problem problem;
  struct diva_columns columns, pool;
  const struct problem_spec spec = {ROWS, 5, 3, 0, KIND_LABELS_AND_BASE, WEIGHTS_MIXED, 4};
  problem_make(&spec, &problem);
  int32_t *groups = reference_allocate(ROWS, sizeof *groups);
  float *narrow = reference_allocate(ROWS * 5, sizeof *narrow);
  double *weights = reference_allocate(ROWS, sizeof *weights);
  for (int64_t i = 0; i < ROWS; i++) {
    groups[i] = i * 7 % ROWS < LARGE ? 0 : (int32_t)(1 + i * 7 % ROWS / 2);
    weights[i] = groups[i] == 0 ? 0.0 : problem.weights[i];
  }
  for (int64_t i = 0; i < ROWS * 5; i++) {
    narrow[i] = (float)problem.train.features[i];
    problem.train.features[i] = (double)narrow[i];
  }
  problem.groups = groups;
  struct diva_analysis_options options = problem_options(&problem);
  options.threads = 2;
  struct diva_analysis *wide = problem_run(&problem, &options);
  diva_analysis_columns(wide, &columns);

  options.precision = DIVA_PRECISION_FLOAT32;
  struct diva_dataset *dataset =
      problem_dataset(&problem, &problem.train, problem.weights, DIVA_FLOAT32, narrow);
  struct diva_analysis *single = NULL;
  struct diva_error error;
  struct diva_columns singles;
  cr_assert(diva_analysis_run(dataset, NULL, &options, &single, &error) == DIVA_OK, "%s",
            error.message);
  diva_analysis_columns(single, &singles);
  cr_expect(difference(singles.loo_loss, columns.loo_loss, ROWS) < 1e-4);
  cr_expect(difference(singles.derivative, columns.derivative, ROWS) < 1e-4);
  diva_analysis_destroy(single);
  diva_dataset_close(dataset);

  options.precision = DIVA_PRECISION_AUTO;
  options.groups = NULL;
  options.weights = weights;
  struct diva_analysis *refit = problem_run(&problem, &options);
  diva_analysis_columns(refit, &pool);
  for (int64_t i = 0; i < ROWS; i++) {
    if (groups[i] == 0 && !(fabs(pool.loo_loss[i] - columns.loo_loss[i]) < 1e-9)) {
      cr_expect_fail("row %lld: %g, not %g", (long long)i, columns.loo_loss[i], pool.loo_loss[i]);
      break;
    }
  }
  diva_analysis_destroy(refit);
  diva_analysis_destroy(wide);
  problem_free(&problem);
  free(groups);
  free(narrow);
  free(weights);
}

/* Ten copies of a wrongly labelled row agree with each other; left out together they do not. */
Test(engine_groups, copies_do_not_vouch_for_each_other) {
  enum { ROWS = 200, COPIES = 10, COLUMNS = 30 };
  struct brute_problem problem;
  struct diva_columns plain, grouped;
  int32_t groups[ROWS];
  const struct problem_spec spec = {ROWS, COLUMNS, 2, 0, KIND_LABELS, WEIGHTS_NONE, 11};
  problem_make(&spec, &problem);
  for (int64_t i = 0; i < ROWS; i++) {
    groups[i] = i < COPIES ? 0 : -1;
    problem.train.labels[i] = i % 2 == 0;
    problem.train.features[i * COLUMNS] = i % 2 == 0 ? 2.0 : -2.0;
  }
  for (int64_t i = 0; i < COPIES; i++) {
    memcpy(problem.train.features + i * COLUMNS, problem.train.features, COLUMNS * sizeof(double));
    problem.train.labels[i] = 0;
  }
  struct diva_analysis_options options = problem_options(&problem);
  struct diva_analysis *alone = problem_run(&problem, &options);
  options.groups = groups;
  struct diva_analysis *together = problem_run(&problem, &options);
  diva_analysis_columns(alone, &plain);
  diva_analysis_columns(together, &grouped);
  for (int64_t i = 0; i < COPIES; i++) {
    cr_expect(plain.loo_margin[i] < 0.0 && plain.suggested_label[i] == 0);
    cr_expect(grouped.loo_margin[i] > 0.0 && grouped.suggested_label[i] == 1);
  }
  diva_analysis_destroy(alone);
  diva_analysis_destroy(together);
  problem_free(&problem);
}

/* A validation loss knows no groups; and what cannot be left out is refused. */
Test(engine_groups, validation_and_refusals) {
  static const enum diva_solver solvers[] = {DIVA_SOLVER_PRIMAL, DIVA_SOLVER_DUAL};
  for (int s = 0; s < 2; s++) {
    struct brute_problem problem;
    struct diva_columns plain, grouped;
    struct diva_analysis *refused;
    struct diva_error error;
    int32_t groups[40];
    const struct problem_spec spec = {40, 6, 3, 12, KIND_LABELS, WEIGHTS_POOL, 5};
    problem_make(&spec, &problem);
    make_groups(FEW_LARGE, 40, groups);
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = solvers[s];
    struct diva_analysis *alone = problem_run(&problem, &options);
    options.groups = groups;
    struct diva_analysis *together = problem_run(&problem, &options);
    diva_analysis_columns(alone, &plain);
    diva_analysis_columns(together, &grouped);
    cr_expect(difference(grouped.derivative, plain.derivative, 40) < 1e-12);
    cr_expect(difference(grouped.loo_loss, plain.loo_loss, 40) > 1e-3);
    diva_analysis_destroy(alone);
    diva_analysis_destroy(together);

    groups[17] = -2;
    cr_expect(problem_try(&problem, &options, &refused, &error) == DIVA_ERROR_USAGE);
    cr_expect(strstr(error.message, "row 17"), "%s", error.message);
    memset(groups, 0, sizeof groups);
    cr_expect(problem_try(&problem, &options, &refused, &error) == DIVA_ERROR_USAGE);
    cr_expect(strstr(error.message, "all"), "%s", error.message);
    problem_free(&problem);
  }
}
