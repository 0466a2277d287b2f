/* What must not change when the question is put differently. */
#include "problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The columns and summary of a run, and what owns them. */
struct outcome {
  struct diva_analysis *analysis;
  struct diva_columns columns;
  struct diva_summary summary;
};

static struct outcome run(const struct brute_problem *problem,
                          const struct diva_analysis_options *options) {
  struct outcome outcome = {.analysis = problem_run(problem, options)};
  diva_analysis_columns(outcome.analysis, &outcome.columns);
  diva_analysis_summary(outcome.analysis, &outcome.summary);
  return outcome;
}

static void make(struct brute_problem *problem, int64_t rows, int64_t columns, int number) {
  static const enum problem_kind kinds[] = {KIND_LABELS, KIND_LABELS_AND_BASE, KIND_SOFT_LABELS};
  problem_make(&(struct problem_spec){rows, columns, 3, number % 2 ? 20 : 0, kinds[number % 3],
                                      WEIGHTS_POOL, (uint64_t)number + 7},
               problem);
  problem->loss = number / 2 % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
  problem->scale = (enum diva_scale)(number / 4 % 3);
  problem->lambda = 0.7;
}

/* Columns of two runs, row i of one against row place[i] (NULL: i) of the other. */
static double differ(const struct diva_columns *a, const struct diva_columns *b, int64_t rows,
                     const int64_t *place) {
  const double *mine[] = {a->derivative, a->leverage, a->loo_loss, a->loo_margin, a->label_quality};
  const double *its[] = {b->derivative, b->leverage, b->loo_loss, b->loo_margin, b->label_quality};
  double *moved = reference_allocate(rows, sizeof *moved);
  double worst = 0.0;
  for (int c = 0; c < 5; c++) {
    for (int64_t i = 0; i < rows; i++) {
      moved[i] = its[c][place ? place[i] : i];
    }
    worst = fmax(worst, problem_error(mine[c], moved, rows, 1e-3, false));
  }
  free(moved);
  return worst;
}

static bool same_bytes(const struct diva_columns *a, const struct diva_columns *b) {
  const size_t bytes = (size_t)a->rows * sizeof(double);
  return memcmp(a->derivative, b->derivative, bytes) == 0 &&
         memcmp(a->leverage, b->leverage, bytes) == 0 &&
         memcmp(a->loo_loss, b->loo_loss, bytes) == 0 &&
         memcmp(a->loo_margin, b->loo_margin, bytes) == 0 &&
         memcmp(a->label_quality, b->label_quality, bytes) == 0 &&
         memcmp(a->suggested_label, b->suggested_label, (size_t)a->rows * sizeof(int32_t)) == 0;
}

/* Copies row `from` of one set of rows to row `to` of another that is as wide. */
static void copy_row(const struct brute_problem *problem, const struct brute_rows *source,
                     int64_t from, struct brute_rows *target, int64_t to) {
  const int64_t d = problem->columns;
  const int64_t k = problem->outputs;
  memcpy(target->features + to * d, source->features + from * d, (size_t)d * sizeof(double));
  if (source->labels) {
    target->labels[to] = source->labels[from];
  }
  if (source->targets) {
    memcpy(target->targets + to * k, source->targets + from * k, (size_t)k * sizeof(double));
  }
  if (source->base_outputs) {
    memcpy(target->base_outputs + to * k, source->base_outputs + from * k,
           (size_t)k * sizeof(double));
  }
}

/* The same problem with `rows` training rows, row i a copy of row source[i]. */
static struct brute_problem rebuild(const struct brute_problem *problem, const int64_t *source,
                                    int64_t rows) {
  struct brute_problem built = *problem;
  const struct brute_rows *old = &problem->train;
  const struct brute_rows *held = &problem->validation;
  const int64_t d = problem->columns;
  const int64_t k = problem->outputs;
  built.weights = reference_allocate(rows, sizeof(double));
  struct brute_rows *sets[] = {&built.train, &built.validation};
  for (int s = 0; s < 2; s++) {
    const int64_t count = s == 0 ? rows : held->rows;
    *sets[s] = (struct brute_rows){
        .rows = count,
        .features = reference_allocate(count * d, sizeof(double)),
        .labels = old->labels ? reference_allocate(count, sizeof(int32_t)) : NULL,
        .targets = old->targets ? reference_allocate(count * k, sizeof(double)) : NULL,
        .base_outputs = old->base_outputs ? reference_allocate(count * k, sizeof(double)) : NULL,
    };
  }
  for (int64_t i = 0; i < rows; i++) {
    copy_row(problem, old, source[i], &built.train, i);
    built.weights[i] = problem->weights ? problem->weights[source[i]] : 1.0;
  }
  for (int64_t i = 0; i < held->rows; i++) {
    copy_row(problem, held, i, &built.validation, i);
  }
  return built;
}

Test(engine_properties, permuting_rows_permutes_the_columns) {
  enum { ROWS = 70 };
  struct reference_random random = {99};
  int64_t place[ROWS];
  int64_t source[ROWS];
  for (int number = 0; number < 24; number++) {
    struct brute_problem problem;
    make(&problem, ROWS, number < 12 ? 6 : 90, number);
    for (int64_t i = 0; i < ROWS; i++) {
      const int64_t j = reference_below(&random, i + 1);
      source[i] = source[j];
      source[j] = i;
    }
    for (int64_t i = 0; i < ROWS; i++) {
      place[source[i]] = i;
    }
    struct brute_problem permuted = rebuild(&problem, source, ROWS);
    const struct diva_analysis_options options = problem_options(&problem);
    struct outcome a = run(&problem, &options);
    struct outcome b = run(&permuted, &options);
    const double difference = differ(&a.columns, &b.columns, ROWS, place);
    cr_expect(difference <= 1e-9, "problem %d: %.1e", number, difference);
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&permuted);
    problem_free(&problem);
  }
}

/*
 * Every row twice and lambda doubled: the model is the same, so are its predictions elsewhere, and
 * leaving out a row with its twin is leaving out the row. r of the pair follows from its residual
 * and leverages: (I - K) r = e with K = h in all four places, so r = e / (1 - 2 h).
 */
Test(engine_properties, rows_twice_with_twice_the_lambda) {
  enum { ROWS = 40 };
  int64_t source[2 * ROWS];
  for (int64_t i = 0; i < 2 * ROWS; i++) {
    source[i] = i % ROWS;
  }
  for (int number = 0; number < 4; number++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){ROWS, number < 2 ? 5 : 100, 3, 15, KIND_SOFT_LABELS,
                                        WEIGHTS_NONE, (uint64_t)number + 3},
                 &problem);
    problem.intercept = number % 2;
    problem.scale = DIVA_SCALE_L2;
    problem.lambda = 0.05;
    struct brute_problem doubled = rebuild(&problem, source, 2 * ROWS);
    doubled.lambda = 2.0 * problem.lambda;
    const struct diva_analysis_options once = problem_options(&problem);
    const struct diva_analysis_options twice = problem_options(&doubled);
    struct outcome a = run(&problem, &once);
    struct outcome b = run(&doubled, &twice);
    cr_expect(fabs(a.summary.validation.loss / b.summary.validation.loss - 1.0) <= 1e-11);
    for (int64_t i = 0; i < ROWS; i++) {
      const double h = b.columns.leverage[i];
      const double group = sqrt(b.columns.loo_loss[i]) * (1.0 - h) / (1.0 - 2.0 * h);
      const double error = fabs(group / sqrt(a.columns.loo_loss[i]) - 1.0);
      cr_expect(error <= 1e-9, "row %lld: the pair's residual is off by %.1e", (long long)i, error);
      cr_expect(fabs(2.0 * h / a.columns.leverage[i] - 1.0) <= 1e-10);
    }
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&doubled);
    problem_free(&problem);
  }
}

/* Features times c and lambda times c^2; columns moved and stretched under standardisation; rows
 * stretched under l2. */
Test(engine_properties, scaling_changes_nothing) {
  for (int number = 0; number < 24; number++) {
    struct brute_problem problem;
    make(&problem, 60, number < 12 ? 6 : 80, number);
    const struct diva_analysis_options options = problem_options(&problem);
    struct outcome a = run(&problem, &options);
    struct diva_analysis_options scaled = options;
    struct brute_rows *sets[] = {&problem.train, &problem.validation};
    const double c = number % 2 ? 0.37 : 51.0;
    for (int s = 0; s < 2; s++) {
      for (int64_t i = 0; i < sets[s]->rows * problem.columns; i++) {
        const int64_t column = i % problem.columns;
        double *x = &sets[s]->features[i];
        if (problem.scale == DIVA_SCALE_NONE) {
          *x *= c;
          scaled.lambda = options.lambda * c * c;
        } else if (problem.scale == DIVA_SCALE_L2) {
          *x *= 1.0 + (double)(i / problem.columns);
        } else {
          *x = *x * (1.0 + (double)column) - 4.0 * (double)column;
        }
      }
    }
    struct outcome b = run(&problem, &scaled);
    const double difference = differ(&a.columns, &b.columns, 60, NULL);
    cr_expect(difference <= 1e-9, "problem %d: %.1e", number, difference);
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&problem);
  }
}

/* Again: the same bytes. Another number of threads: the same to rounding, and if asked, the same
 * bytes. Several tiles, both solvers, both precisions. */
Test(engine_properties, reruns_and_threads) {
  static const struct {
    int64_t rows, columns;
    enum diva_precision precision;
    double tolerance;
  } cases[] = {{16400, 6, DIVA_PRECISION_FLOAT64, 1e-12},
               {16400, 6, DIVA_PRECISION_FLOAT32, 1e-6},
               {700, 200, DIVA_PRECISION_FLOAT64, 1e-12},
               {150, 200, DIVA_PRECISION_FLOAT64, 1e-10}};
  for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
    for (int fixed = 0; fixed < 2; fixed++) {
      struct brute_problem problem;
      make(&problem, cases[n].rows, cases[n].columns, fixed ? 8 : 3);
      struct diva_analysis_options options = problem_options(&problem);
      options.precision = cases[n].precision;
      options.deterministic = fixed;
      options.lambda = fixed ? 0.0 : 2.0;
      options.temperature = 0.0;
      struct outcome first = run(&problem, &options);
      for (int threads = 1; threads <= 3; threads++) {
        options.threads = threads;
        struct outcome a = run(&problem, &options);
        struct outcome b = run(&problem, &options);
        const double difference = differ(&a.columns, &first.columns, cases[n].rows, NULL);
        cr_expect(same_bytes(&a.columns, &b.columns), "case %zu: a rerun differs", n);
        cr_expect(difference <= cases[n].tolerance, "case %zu: %d threads differ by %.1e", n,
                  threads, difference);
        cr_expect(!fixed || same_bytes(&a.columns, &first.columns),
                  "case %zu: %d threads give other bytes", n, threads);
        diva_analysis_destroy(a.analysis);
        diva_analysis_destroy(b.analysis);
      }
      diva_analysis_destroy(first.analysis);
      problem_free(&problem);
    }
  }
}

/* Unlabelled rows among the others change nothing for them, and are scored. */
Test(engine_properties, unlabelled_rows_are_bystanders) {
  enum { ROWS = 60, MORE = 85 };
  for (int number = 0; number < 16; number++) {
    struct brute_problem problem;
    int64_t source[MORE];
    int64_t place[ROWS];
    int64_t taken = 0;
    problem_make(&(struct problem_spec){ROWS, number < 8 ? 5 : 75, 3, number % 2 ? 11 : 0,
                                        KIND_LABELS, WEIGHTS_MIXED, (uint64_t)number + 70},
                 &problem);
    problem.loss = number / 2 % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.scale = number / 4 % 2 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    for (int64_t i = 0; i < MORE; i++) {
      const bool original =
          i % 17 != 3 && i % 17 != 4 && i % 17 != 9 && i % 17 != 11 && i % 17 != 16;
      source[i] = original && taken < ROWS ? taken : i % ROWS;
      if (original && taken < ROWS) {
        place[taken++] = i;
      }
    }
    cr_assert(taken == ROWS);
    struct brute_problem larger = rebuild(&problem, source, MORE);
    for (int64_t i = 0, next = 0; i < MORE; i++) {
      const bool original = next < ROWS && place[next] == i;
      next += original;
      larger.train.labels[i] = original ? larger.train.labels[i] : -1;
      larger.train.features[i * problem.columns] += original ? 0.0 : 100.0;
    }
    const struct diva_analysis_options options = problem_options(&problem);
    struct outcome a = run(&problem, &options);
    struct outcome b = run(&larger, &options);
    const double difference = differ(&a.columns, &b.columns, ROWS, place);
    cr_expect(difference <= 1e-10, "problem %d: %.1e", number, difference);
    cr_expect(fabs(a.summary.loo.loss / b.summary.loo.loss - 1.0) <= 1e-12);
    cr_expect(a.summary.loo.error == b.summary.loo.error && b.summary.loo.rows == ROWS);
    for (int64_t i = 0; i < MORE; i++) {
      if (larger.train.labels[i] < 0) {
        const bool null = isnan(b.columns.derivative[i]) && isnan(b.columns.loo_loss[i]) &&
                          isnan(b.columns.loo_margin[i]) && isnan(b.columns.label_quality[i]);
        cr_expect(null && b.columns.leverage[i] == 0.0 && b.columns.weight[i] == 0.0 &&
                  b.columns.suggested_label[i] >= 0);
      }
    }
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&larger);
    problem_free(&problem);
  }
}

/* Weight 2 is the row twice: the same fit, so the same predictions and validation derivatives. */
Test(engine_properties, weight_two_is_the_row_twice) {
  enum { ROWS = 45 };
  for (int number = 0; number < 8; number++) {
    struct brute_problem problem;
    int64_t source[2 * ROWS];
    int64_t count = 0;
    problem_make(&(struct problem_spec){ROWS, number < 4 ? 5 : 95, 3, 14, KIND_LABELS_AND_BASE,
                                        WEIGHTS_MIXED, (uint64_t)number + 30},
                 &problem);
    problem.loss = number % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.scale = number / 2 % 2 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    for (int64_t i = 0; i < ROWS; i++) {
      problem.weights[i] = i % 3 == 0 ? 2.0 : 1.0;
      source[count++] = i;
    }
    for (int64_t i = 0; i < ROWS; i += 3) {
      source[count++] = i;
    }
    struct brute_problem longer = rebuild(&problem, source, count);
    for (int64_t i = 0; i < count; i++) {
      longer.weights[i] = 1.0;
    }
    const struct diva_analysis_options options = problem_options(&problem);
    struct outcome a = run(&problem, &options);
    struct outcome b = run(&longer, &options);
    const double error =
        problem_error(b.columns.derivative, a.columns.derivative, ROWS, 1e-3, false);
    cr_expect(error <= 1e-9, "problem %d: derivatives differ by %.1e", number, error);
    cr_expect(fabs(a.summary.validation.loss / b.summary.validation.loss - 1.0) <= 1e-11);
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&longer);
    problem_free(&problem);
  }
}

/* A constant column is left at zero and counted, and changes nothing. */
Test(engine_properties, constant_columns_are_left_out) {
  enum { ROWS = 50, COLUMNS = 6 };
  for (int wide = 0; wide < 2; wide++) {
    struct brute_problem problem;
    problem_make(&(struct problem_spec){ROWS, COLUMNS, 2, 0, KIND_LABELS, WEIGHTS_MIXED, 8},
                 &problem);
    problem.scale = DIVA_SCALE_STANDARDIZE;
    struct brute_problem more = rebuild(&problem, (int64_t[ROWS]){0}, ROWS);
    more.columns = COLUMNS + 2;
    free(more.train.features);
    more.train.features = reference_allocate(ROWS * more.columns, sizeof(double));
    for (int64_t i = 0; i < ROWS; i++) {
      double *x = more.train.features + i * more.columns;
      memcpy(x + 1, problem.train.features + i * COLUMNS, COLUMNS * sizeof *x);
      x[0] = 0.1;
      x[COLUMNS + 1] = -7e5 / 3.0;
      more.weights[i] = problem.weights[i];
      more.train.labels[i] = problem.train.labels[i];
    }
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = wide ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
    struct outcome a = run(&problem, &options);
    struct outcome b = run(&more, &options);
    cr_expect(a.summary.constant_columns == 0 && b.summary.constant_columns == 2, "%lld",
              (long long)b.summary.constant_columns);
    cr_expect(differ(&a.columns, &b.columns, ROWS, NULL) <= 1e-9);
    diva_analysis_destroy(a.analysis);
    diva_analysis_destroy(b.analysis);
    problem_free(&more);
    problem_free(&problem);
  }
}
