/* Kernel models against refits in features made anew, and what their options promise. */
#include "fourier_map.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double TOLERANCE = 1e-8;
static const double FLOOR = 1e-3;

static struct diva_analysis_options kernel_options(const struct brute_problem *problem,
                                                   const struct fourier_spec *spec) {
  struct diva_analysis_options options = problem_options(problem);
  options.kernel = DIVA_KERNEL_RBF;
  options.rbf_features = spec->features;
  options.rbf_bandwidth = spec->bandwidth;
  options.seed = spec->seed;
  return options;
}

static void expect_close(const char *column, double error, double tolerance,
                         const struct brute_problem *problem) {
  cr_expect(error <= tolerance,
            "%s is wrong by %.2e (lambda %g, scale %s, loss %s, intercept %d, %s, weights %d, "
            "validation %d)",
            column, error, problem->lambda, diva_scale_name(problem->scale),
            diva_loss_name(problem->loss), problem->intercept,
            problem->train.labels ? "labels" : "targets", problem->weights != NULL,
            problem->validation.rows > 0);
}

/* Effects of removals, where there are any, against those of the problem in the mapped features. */
static void compare_removal(const struct brute_problem *problem, const struct brute_problem *mapped,
                            const double *removal) {
  double *want = reference_allocate(problem->train.rows, sizeof *want);
  if (removal) {
    brute_remove(mapped, -1, want);
    expect_close("removal", problem_error(removal, want, problem->train.rows, FLOOR, false),
                 TOLERANCE, problem);
  }
  free(want);
}

/* Every column against refits of the same problem in the mapped features. */
static double compare(const struct brute_problem *problem, const struct fourier_spec *spec) {
  struct diva_analysis_options options = kernel_options(problem, spec);
  struct brute_problem mapped;
  struct brute_answer answer;
  struct diva_columns columns;
  struct diva_summary summary;
  double sigma;
  options.removal = problem->validation.rows > 0 && problem->loss == DIVA_LOSS_SQUARED;
  fourier_map_problem(problem, spec, &mapped, &sigma);
  brute_solve(&mapped, -1, &answer);
  struct diva_analysis *analysis = problem_run(problem, &options);
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  const struct {
    const char *name;
    const double *got, *want;
    double floor;
  } checks[] = {{"leverage", columns.leverage, answer.leverage, 1.0},
                {"loo_loss", columns.loo_loss, answer.loo_loss, FLOOR},
                {"loo_margin", columns.loo_margin, answer.loo_margin, FLOOR},
                {"label_quality", columns.label_quality, answer.label_quality, FLOOR},
                {"derivative", columns.derivative, answer.derivative, FLOOR}};
  double worst = 0.0;
  for (size_t c = 0; c < sizeof checks / sizeof checks[0]; c++) {
    const double error =
        problem_error(checks[c].got, checks[c].want, columns.rows, checks[c].floor, false);
    expect_close(checks[c].name, error, TOLERANCE, problem);
    worst = fmax(worst, error);
  }
  compare_removal(problem, &mapped, columns.removal);
  if (problem->validation.rows > 0) {
    expect_close("validation loss", fabs(summary.validation.loss / answer.validation_mean - 1.0),
                 TOLERANCE, problem);
  }
  expect_close("sigma", fabs(summary.sigma / sigma - 1.0), 1e-10, problem);
  cr_expect(summary.kernel == DIVA_KERNEL_RBF && summary.solver == DIVA_SOLVER_PRIMAL);
  cr_expect(summary.rbf_features == spec->features && summary.rbf_bandwidth == spec->bandwidth);
  diva_analysis_destroy(analysis);
  brute_free(&answer);
  fourier_map_free(&mapped);
  return worst;
}

Test(engine_kernel, refits_and_derivatives_through_refits) {
  static const enum diva_scale scales[] = {DIVA_SCALE_NONE, DIVA_SCALE_L2, DIVA_SCALE_STANDARDIZE};
  double worst = 0.0;
  int number = 0;
  for (int bits = 0; bits < 8 * KIND_COUNT; bits++) {
    const enum problem_kind kind = (enum problem_kind)(bits / 8);
    if (bits & 1 && kind == KIND_REGRESSION) {
      continue;
    }
    for (int s = 0; s < 3; s++, number++) {
      const struct problem_spec shape = {26,
                                         4,
                                         3,
                                         bits & 4 ? 7 : 0,
                                         kind,
                                         (enum problem_weights)(number % 7 % 3),
                                         (uint64_t)number + 1};
      const struct fourier_spec spec = {number % 2 ? 8 : 6, 0.5 + 0.25 * (number % 5),
                                        (uint64_t)number * 77};
      struct brute_problem problem;
      problem_make(&shape, &problem);
      problem.loss = bits & 1 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
      problem.intercept = bits & 2;
      problem.scale = scales[s];
      problem.lambda = number % 3 == 0 ? 0.02 : 0.7;
      worst = fmax(worst, compare(&problem, &spec));
      problem_free(&problem);
    }
  }
  printf("against refits: error %.1e\n", worst);
}

/* Rows left out by groups, and rows of weight 0, whose model is the same kernel's. */
Test(engine_kernel, groups_left_out_together) {
  enum { ROWS = 24 };
  int32_t groups[ROWS];
  for (int32_t i = 0; i < ROWS; i++) {
    groups[i] = i % 5 == 4 ? -1 : i / 3;
  }
  for (int validation = 0; validation < 2; validation++) {
    const struct problem_spec shape = {ROWS, 4, 3, 5 * validation, KIND_LABELS, WEIGHTS_POOL, 71};
    const struct fourier_spec spec = {6, 0.9, 12};
    struct brute_problem problem;
    problem_make(&shape, &problem);
    problem.groups = groups;
    problem.lambda = 0.4;
    compare(&problem, &spec);
    problem_free(&problem);
  }
}

/* Rows that do not count alike in either objective, alone and by groups. */
Test(engine_kernel, importances) {
  enum { ROWS = 24, HELD = 6 };
  static const double held[HELD] = {0.5, 0.0, 3.0, 1.0, 7.0, 0.25};
  double importance[ROWS];
  int32_t groups[ROWS];
  for (int32_t i = 0; i < ROWS; i++) {
    importance[i] = i % 4 == 1 ? 0.0 : 0.1 * (double)(i + 1);
    groups[i] = i % 5 == 4 ? -1 : i / 3;
  }
  for (int number = 0; number < 6; number++) {
    const bool validation = number < 2;
    const struct problem_spec shape = {ROWS,         4, 3, validation ? HELD : 0, KIND_LABELS,
                                       WEIGHTS_POOL, 72};
    const struct fourier_spec spec = {6, 0.9, 12};
    struct brute_problem problem;
    problem_make(&shape, &problem);
    problem.importance = importance;
    problem.validation_importance = validation ? held : NULL;
    problem.groups = number < 4 ? NULL : groups;
    problem.loss = number % 2 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    problem.lambda = 0.4;
    compare(&problem, &spec);
    problem_free(&problem);
  }
}

/* More features than rows, columns that lie far from zero, one column, a column that is constant.
 */
Test(engine_kernel, unusual_shapes) {
  static const struct {
    int64_t rows, columns, features;
    double offset;
  } shapes[] = {{14, 3, 30, 0.0}, {30, 5, 6, 1e4}, {20, 1, 4, 0.0}, {11, 19, 2, 0.0}};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    const struct problem_spec shape = {shapes[s].rows, shapes[s].columns, 2,     5,
                                       KIND_LABELS,    WEIGHTS_MIXED,     40 + s};
    const struct fourier_spec spec = {shapes[s].features, 0.8, 5};
    struct brute_problem problem;
    problem_make(&shape, &problem);
    for (int64_t i = 0; i < shape.rows * shape.columns; i++) {
      problem.train.features[i] += shapes[s].offset;
    }
    for (int64_t i = 0; i < shape.rows && s == 1; i++) {
      problem.train.features[i * shape.columns + 2] = 3.0;
    }
    for (int64_t i = 0; i < 5 * shape.columns; i++) {
      problem.validation.features[i] += shapes[s].offset;
    }
    problem.scale = s == 1 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    problem.lambda = 0.3;
    compare(&problem, &spec);
    problem_free(&problem);
  }
}

/* Products of the mapped rows are the kernel, but for the error of a mean over D / 2 frequencies:
 * at most 1 / sqrt(D) each, and all of 780 pairs below five times that. */
Test(engine_kernel, features_approximate_the_kernel) {
  const struct problem_spec shape = {40, 6, 3, 0, KIND_LABELS, WEIGHTS_MIXED, 9};
  const struct fourier_spec spec = {4096, 0.7, 3};
  struct brute_problem problem;
  struct brute_problem mapped;
  double sigma;
  double worst = 0.0;
  double squares = 0.0;
  problem_make(&shape, &problem);
  problem.scale = DIVA_SCALE_STANDARDIZE;
  fourier_map_problem(&problem, &spec, &mapped, &sigma);
  for (int64_t a = 0; a < shape.rows; a++) {
    for (int64_t b = a; b < shape.rows; b++) {
      double product = 0.0;
      for (int64_t j = 0; j < mapped.columns; j++) {
        product += mapped.train.features[a * mapped.columns + j] *
                   mapped.train.features[b * mapped.columns + j];
      }
      const double error = fabs(product - fourier_map_exact(&problem, sigma, a, b));
      worst = fmax(worst, error);
      squares += error * error;
    }
  }
  const double deviation = 1.0 / sqrt((double)spec.features);
  const double typical = sqrt(squares / (double)(shape.rows * (shape.rows + 1) / 2));
  printf("kernel: error %.4f, root mean square %.4f, expected at most %.4f\n", worst, typical,
         deviation);
  cr_expect(worst < 5.0 * deviation && typical < 1.5 * deviation);
  fourier_map_free(&mapped);
  problem_free(&problem);
}

static uint64_t digest_columns(const struct diva_analysis *analysis) {
  struct diva_columns columns;
  diva_analysis_columns(analysis, &columns);
  const size_t bytes = (size_t)columns.rows * sizeof(double);
  uint64_t digest = reference_digest(0, columns.loo_margin, bytes);
  digest = reference_digest(digest, columns.derivative, bytes);
  return reference_digest(digest, columns.leverage, bytes);
}

static uint64_t digest_run(const struct brute_problem *problem, uint64_t seed, int threads,
                           enum diva_precision precision) {
  struct diva_analysis_options options = problem_options(problem);
  options.kernel = DIVA_KERNEL_RBF;
  options.seed = seed;
  options.threads = threads;
  options.deterministic = true;
  options.precision = precision;
  options.lambda = 0.0;
  struct diva_analysis *analysis = problem_run(problem, &options);
  const uint64_t digest = digest_columns(analysis);
  diva_analysis_destroy(analysis);
  return digest;
}

Test(engine_kernel, the_seed_decides_the_bytes) {
  const struct problem_spec shape = {700, 5, 3, 0, KIND_LABELS, WEIGHTS_POOL, 21};
  static const enum diva_precision precisions[] = {DIVA_PRECISION_FLOAT32, DIVA_PRECISION_FLOAT64};
  struct brute_problem problem;
  problem_make(&shape, &problem);
  problem.scale = DIVA_SCALE_STANDARDIZE;
  for (int p = 0; p < 2; p++) {
    const uint64_t once = digest_run(&problem, 4, 1, precisions[p]);
    cr_expect(digest_run(&problem, 4, 1, precisions[p]) == once, "the same run, other bytes");
    cr_expect(digest_run(&problem, 4, 3, precisions[p]) == once, "other bytes with 3 threads");
    cr_expect(digest_run(&problem, 5, 1, precisions[p]) != once, "the seed changes nothing");
  }
  problem_free(&problem);
}

/* Neither a factor on all features nor a shift of them changes a kernel whose bandwidth goes by
 * their distances. */
Test(engine_kernel, units_do_not_matter) {
  const struct problem_spec shape = {300, 6, 3, 0, KIND_LABELS, WEIGHTS_MIXED, 31};
  const struct fourier_spec spec = {64, 0.7, 0};
  struct brute_problem problem;
  problem_make(&shape, &problem);
  problem.lambda = 0.1;
  const struct diva_analysis_options options = kernel_options(&problem, &spec);
  struct diva_analysis *before = problem_run(&problem, &options);
  for (int64_t i = 0; i < shape.rows * shape.columns; i++) {
    problem.train.features[i] = 1e6 * problem.train.features[i] - 5e5;
  }
  struct diva_analysis *after = problem_run(&problem, &options);
  struct diva_columns a;
  struct diva_columns b;
  struct diva_summary first;
  struct diva_summary second;
  diva_analysis_columns(before, &a);
  diva_analysis_columns(after, &b);
  diva_analysis_summary(before, &first);
  diva_analysis_summary(after, &second);
  expect_close("loo_margin", problem_error(b.loo_margin, a.loo_margin, a.rows, FLOOR, false), 1e-9,
               &problem);
  expect_close("derivative", problem_error(b.derivative, a.derivative, a.rows, FLOOR, false), 1e-8,
               &problem);
  expect_close("sigma", fabs(second.sigma / first.sigma / 1e6 - 1.0), 1e-9, &problem);
  diva_analysis_destroy(before);
  diva_analysis_destroy(after);
  problem_free(&problem);
}

/* The number of features follows from the rows; a linear run says that it has none. */
Test(engine_kernel, defaults) {
  static const struct {
    int64_t rows, features;
  } cases[] = {{20, 64}, {213, 64}, {214, 128}, {427, 256}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    const struct problem_spec shape = {cases[c].rows, 3, 2, 0, KIND_LABELS, WEIGHTS_NONE, 3};
    struct brute_problem problem;
    struct diva_summary summary;
    problem_make(&shape, &problem);
    struct diva_analysis_options options = problem_options(&problem);
    struct diva_analysis *analysis = problem_run(&problem, &options);
    diva_analysis_summary(analysis, &summary);
    cr_expect(summary.kernel == DIVA_KERNEL_LINEAR && summary.rbf_features == 0 &&
              summary.rbf_bandwidth == 0.0 && summary.sigma == 0.0);
    diva_analysis_destroy(analysis);
    options.kernel = DIVA_KERNEL_RBF;
    analysis = problem_run(&problem, &options);
    diva_analysis_summary(analysis, &summary);
    cr_expect(summary.rbf_features == cases[c].features, "%lld features for %lld rows",
              (long long)summary.rbf_features, (long long)cases[c].rows);
    cr_expect(summary.rbf_bandwidth == 0.7 && summary.sigma > 0.0);
    diva_analysis_destroy(analysis);
    problem_free(&problem);
  }
}

static double loo_loss_at(const struct brute_problem *problem,
                          const struct diva_analysis_options *options, double lambda) {
  struct diva_analysis_options given = *options;
  struct diva_summary summary;
  given.lambda = lambda;
  struct diva_analysis *analysis = problem_run(problem, &given);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_destroy(analysis);
  return summary.loo.loss;
}

/* Lambda of a wide system is searched for without eigenvectors; of a narrow one it is not. Either
 * way nothing near it does better. */
Test(engine_kernel, chosen_lambda_is_the_least) {
  enum { ROWS = 240 };
  static const int64_t features[] = {128, 2100};
  static const enum problem_kind kinds[] = {KIND_LABELS, KIND_LABELS_AND_BASE, KIND_SOFT_LABELS};
  double importance[ROWS];
  for (int i = 0; i < ROWS; i++) {
    importance[i] = i < ROWS / 8 ? 1.0 : 0.0;
  }
  for (int number = 0; number < 4; number++) {
    const struct problem_spec shape = {ROWS, 4, 3, 0, kinds[number % 3], WEIGHTS_POOL, 61};
    struct brute_problem problem;
    struct diva_summary summary;
    problem_make(&shape, &problem);
    problem.scale = DIVA_SCALE_STANDARDIZE;
    problem.importance = number == 2 ? importance : NULL;
    const struct fourier_spec spec = {features[number > 0], 0.7, 0};
    struct diva_analysis_options options = kernel_options(&problem, &spec);
    options.derivative = false;
    options.lambda = 0.0;
    options.threads = 2;
    struct diva_analysis *analysis = problem_run(&problem, &options);
    diva_analysis_summary(analysis, &summary);
    diva_analysis_destroy(analysis);
    cr_expect(summary.lambda_chosen && !summary.lambda_at_edge);
    const double least = summary.loo.loss;
    printf("lambda of %lld features: %g, loss %.4f\n", (long long)spec.features, summary.lambda,
           least);
    cr_expect(loo_loss_at(&problem, &options, summary.lambda) == least, "not what is solved at");
    cr_expect(loo_loss_at(&problem, &options, 3.0 * summary.lambda) > least);
    cr_expect(loo_loss_at(&problem, &options, summary.lambda / 3.0) > least);
    problem_free(&problem);
  }
}

/* What float32 may differ by where `auto` has the choice. */
Test(engine_kernel, automatic_precision_keeps_its_promise) {
  static const double lambdas[] = {3.0, 0.3, 0.03, 0.003};
  enum { ROWS = 1500, COLUMNS = 20 };
  const struct problem_spec shape = {ROWS, COLUMNS, 4, 0, KIND_LABELS, WEIGHTS_NONE, 51};
  struct brute_problem problem;
  bool single = false;
  problem_make(&shape, &problem);
  float *stored = reference_allocate(ROWS * COLUMNS, sizeof *stored);
  for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
    stored[i] = (float)problem.train.features[i];
    problem.train.features[i] = (double)stored[i];
  }
  for (int number = 0; number < 8; number++) {
    struct diva_analysis *narrow = NULL;
    struct diva_columns a;
    struct diva_columns b;
    struct diva_summary summary;
    struct diva_error error;
    problem.lambda = lambdas[number / 2];
    problem.scale = number % 2 ? DIVA_SCALE_L2 : DIVA_SCALE_STANDARDIZE;
    const struct fourier_spec spec = {256, 0.7, 0};
    const struct diva_analysis_options options = kernel_options(&problem, &spec);
    struct diva_dataset *dataset =
        problem_dataset(&problem, &problem.train, NULL, DIVA_FLOAT32, stored);
    cr_assert(diva_analysis_run(dataset, NULL, &options, &narrow, &error) == DIVA_OK, "%s",
              error.message);
    diva_dataset_close(dataset);
    struct diva_analysis *wide = problem_run(&problem, &options);
    diva_analysis_columns(narrow, &a);
    diva_analysis_columns(wide, &b);
    diva_analysis_summary(narrow, &summary);
    const double margin = problem_error(a.loo_margin, b.loo_margin, ROWS, 1.0, false);
    const double derivative = problem_error(a.derivative, b.derivative, ROWS, 1.0, false);
    printf("lambda %g, %s: %s, condition %.1e, margin %.1e, derivative %.1e\n", problem.lambda,
           diva_scale_name(problem.scale), diva_precision_name(summary.precision),
           summary.condition, margin, derivative);
    expect_close("loo_margin", margin, 1e-4, &problem);
    expect_close("derivative", derivative, 1e-4, &problem);
    single |= summary.precision == DIVA_PRECISION_FLOAT32;
    diva_analysis_destroy(narrow);
    diva_analysis_destroy(wide);
  }
  cr_expect(single, "auto never stays with float32");
  free(stored);
  problem_free(&problem);
}

/* Rows that are all the same have no distances: the intercept is what is left of the model. */
Test(engine_kernel, identical_rows) {
  const struct problem_spec shape = {12, 3, 2, 0, KIND_LABELS, WEIGHTS_NONE, 1};
  struct brute_problem problem;
  struct diva_columns columns;
  problem_make(&shape, &problem);
  for (int64_t i = 0; i < shape.rows * shape.columns; i++) {
    problem.train.features[i] = 2.5;
  }
  const struct fourier_spec spec = {4, 0.7, 0};
  struct diva_analysis_options options = kernel_options(&problem, &spec);
  struct diva_analysis *analysis = problem_run(&problem, &options);
  diva_analysis_columns(analysis, &columns);
  for (int64_t i = 0; i < columns.rows; i++) {
    cr_expect(fabs(columns.leverage[i] - 1.0 / (double)shape.rows) < 1e-12);
  }
  diva_analysis_destroy(analysis);
  struct diva_error error;
  options.lambda = 0.0;
  cr_expect(problem_try(&problem, &options, &analysis, &error) == DIVA_ERROR_NUMERICAL);
  problem_free(&problem);
}

Test(engine_kernel, refused_options_and_the_plan) {
  const struct problem_spec shape = {50, 6, 2, 0, KIND_LABELS, WEIGHTS_NONE, 2};
  struct brute_problem problem;
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  problem_make(&shape, &problem);
  const struct fourier_spec good = {16, 1.0, 0};
  for (int bad = 0; bad < 5; bad++) {
    struct diva_analysis_options options = kernel_options(&problem, &good);
    options.rbf_features = bad == 0 ? 7 : (bad == 1 ? -2 : 16);
    options.rbf_bandwidth = bad == 2 ? -1.0 : (bad == 3 ? (double)NAN : 1.0);
    options.solver = bad == 4 ? DIVA_SOLVER_DUAL : DIVA_SOLVER_AUTO;
    cr_expect(problem_try(&problem, &options, &analysis, &error) == DIVA_ERROR_USAGE, "%d", bad);
    cr_expect(analysis == NULL);
  }
  struct diva_dataset *dataset =
      problem_dataset(&problem, &problem.train, NULL, DIVA_FLOAT64, NULL);
  struct diva_analysis_options options = problem_options(&problem);
  struct diva_plan linear;
  struct diva_plan kernel;
  cr_assert(diva_analysis_plan(dataset, NULL, &options, &linear, &error) == DIVA_OK);
  options.kernel = DIVA_KERNEL_RBF;
  options.rbf_features = 1000;
  cr_assert(diva_analysis_plan(dataset, NULL, &options, &kernel, &error) == DIVA_OK);
  cr_expect(kernel.passes == linear.passes + 1 && kernel.solver == DIVA_SOLVER_PRIMAL);
  cr_expect(kernel.memory > 1000 * 1000 * 40 && kernel.flops > 50.0 * linear.flops);
  /* A memory too small for the width of the kernel is refused beforehand. */
  options.memory = linear.memory * 4;
  cr_expect(problem_try(&problem, &options, &analysis, &error) == DIVA_ERROR_RESOURCE);
  diva_dataset_close(dataset);
  problem_free(&problem);
}
