/* Steps and paths of weights: bounds, one weight a group, a falling objective, a guard; the
 * derivative of a group's weight against differences of the objective. */
#include "host/curate/weight_path.h"
#include "tests/unit/engine/problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 60, COLUMNS = 4, CLASSES = 3, HELD = 12, GROUPS = 4, STEPS = 12 };

static const struct diva_weight_bounds wide = {
    .minimum = 1e-3, .maximum = 30.0, .least_effective = 0.1};

static double mean_of(const double *weights, int64_t rows) {
  double sum = 0.0;
  double trained = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    sum += weights[i];
    trained += weights[i] > 0.0;
  }
  return sum / trained;
}

/* Weights over six powers of ten have to be cut at both ends, and the others make up for it. */
Test(weight_path, bounds) {
  enum { COUNT = 500 };
  const struct diva_weight_bounds bounds = {.minimum = 0.05, .maximum = 4.0};
  struct reference_random random = {7};
  double weights[COUNT];
  double before[COUNT];
  for (int i = 0; i < COUNT; i++) {
    weights[i] = i % 9 == 0 ? 0.0 : exp(4.0 * reference_normal(&random));
  }
  memcpy(before, weights, sizeof before);
  diva_weight_bound(weights, COUNT, &bounds);
  double factor = 0.0;
  int cut[2] = {0, 0};
  for (int i = 0; i < COUNT; i++) {
    if (before[i] == 0.0) {
      cr_assert(weights[i] == 0.0, "row %d comes in", i);
      continue;
    }
    cr_assert(weights[i] >= bounds.minimum && weights[i] <= bounds.maximum);
    if (weights[i] == bounds.minimum || weights[i] == bounds.maximum) {
      cut[weights[i] == bounds.maximum]++;
      continue;
    }
    factor = factor > 0.0 ? factor : weights[i] / before[i];
    cr_assert(fabs(weights[i] / before[i] / factor - 1.0) < 1e-12, "not one factor");
  }
  cr_expect(cut[0] > 0 && cut[1] > 0);
  cr_expect(fabs(mean_of(weights, COUNT) - 1.0) < 1e-12, "mean %.17g", mean_of(weights, COUNT));
}

Test(weight_path, effective_share) {
  const double even[] = {2.0, 0.0, 2.0, 2.0};
  const double uneven[] = {1.0, 3.0};
  const double none[] = {0.0};
  cr_expect(fabs(diva_weight_effective(even, 4) - 1.0) < 1e-15);
  cr_expect(fabs(diva_weight_effective(uneven, 2) - 16.0 / 10.0 / 2.0) < 1e-15);
  cr_expect(diva_weight_effective(none, 1) == 0.0);
}

/* Where no bound is met, a step is the formula of the header. */
Test(weight_path, step) {
  const double weights[] = {0.5, 1.5, 0.0, 1.0};
  const double gradient[] = {0.2, -0.1, 9.0, -30.0};
  const double unit = diva_weight_gradient_size(weights, gradient, 4);
  const double size = 0.3;
  double got[4];
  double want[4];
  cr_expect(fabs(unit - 30.3 / 3.0) < 1e-12);
  diva_weight_step(weights, gradient, unit, size, 4, &wide, got);
  for (int i = 0; i < 4; i++) {
    want[i] = weights[i] * exp(-fmin(fmax(size * gradient[i] / unit, -1.0), 1.0));
  }
  const double sum = (want[0] + want[1] + want[3]) / 3.0;
  for (int i = 0; i < 4; i++) {
    cr_expect(fabs(got[i] - want[i] / sum) < 1e-12, "weight %d is %g", i, got[i]);
  }
  diva_weight_step(weights, gradient, unit, 1e6, 4, &wide, got);
  cr_expect(fabs(got[3] / got[0] / (2.0 * exp(2.0)) - 1.0) < 1e-12, "the exponent is not clipped");
}

/* A problem, its datasets and a path's request over it. */
struct stage {
  struct brute_problem problem;
  struct diva_dataset *train, *target;
  struct diva_analysis_options options;
  double *uniform;
  int32_t by[ROWS];
  uint8_t guard[ROWS];
  struct diva_weight_request request;
};

static void stage_open(struct stage *stage, bool with_target) {
  *stage = (struct stage){0};
  problem_make(&(struct problem_spec){ROWS, COLUMNS, CLASSES, HELD, KIND_LABELS, WEIGHTS_NONE, 3},
               &stage->problem);
  stage->problem.loss = DIVA_LOSS_CROSS_ENTROPY;
  stage->problem.temperature = with_target ? 3.0 : 0.0;
  stage->problem.lambda = 0.4;
  stage->train = problem_dataset(&stage->problem, &stage->problem.train, NULL, DIVA_FLOAT64, NULL);
  stage->target =
      problem_dataset(&stage->problem, &stage->problem.validation, NULL, DIVA_FLOAT64, NULL);
  stage->options = problem_options(&stage->problem);
  stage->uniform = reference_allocate(ROWS, sizeof *stage->uniform);
  for (int i = 0; i < ROWS; i++) {
    stage->uniform[i] = i % 11 == 5 ? 0.0 : 1.0;
    stage->by[i] = (int32_t)(i * i % (GROUPS + 1)) - 1;
    stage->guard[i] = i % 4 == 2;
  }
  stage->request = (struct diva_weight_request){.train = stage->train,
                                                .target = with_target ? stage->target : NULL,
                                                .options = &stage->options,
                                                .target_share = with_target ? 0.3 : 0.0,
                                                .bounds = wide,
                                                .step_size = 0.3};
}

static void stage_close(struct stage *stage) {
  diva_dataset_close(stage->train);
  diva_dataset_close(stage->target);
  free(stage->uniform);
  problem_free(&stage->problem);
}

static void open_problem(const struct stage *stage, struct diva_weight_problem *problem) {
  struct diva_error error;
  cr_assert(diva_weight_problem_open(&stage->request, problem, &error) == DIVA_OK, "%s",
            error.message);
}

static void open_path(const struct diva_weight_problem *problem, const double *start,
                      struct diva_weight_path *path) {
  struct diva_error error;
  cr_assert(diva_weight_path_open(problem, start, path, &error) == DIVA_OK, "%s", error.message);
}

/* The objective by the public interface alone. */
static double objective_at(const struct stage *stage, const double *weights) {
  struct diva_analysis_options options = stage->options;
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error error;
  options.weights = weights;
  cr_assert(diva_analysis_run(stage->train, stage->request.target, &options, &analysis, &error) ==
            DIVA_OK);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_destroy(analysis);
  const double share = stage->request.target_share;
  return (1.0 - share) * summary.loo.loss + (share > 0.0 ? share * summary.validation.loss : 0.0);
}

static double difference(const struct stage *stage, const double *start, int64_t group) {
  const double h = 1e-5;
  double value[2];
  for (int side = 0; side < 2; side++) {
    double weights[ROWS];
    for (int i = 0; i < ROWS; i++) {
      const int64_t mine = stage->by[i] < 0 ? GROUPS : stage->by[i];
      weights[i] = start[i] * (mine == group ? 1.0 + (side ? h : -h) : 1.0);
    }
    value[side] = objective_at(stage, weights);
  }
  return (value[1] - value[0]) / (2.0 * h);
}

/* Uneven starting weights; a fitted temperature, which is at its optimum and so plays no part, and
 * a fixed one with a target. */
Test(weight_path, derivative_of_a_group) {
  for (int with_target = 0; with_target < 2; with_target++) {
    struct stage stage;
    struct diva_weight_problem problem;
    struct diva_weight_path path;
    double sums[GROUPS + 1];
    stage_open(&stage, with_target);
    const struct diva_weight_groups by = {.codes = stage.by, .count = GROUPS};
    for (int i = 0; i < ROWS; i++) {
      stage.uniform[i] *= 1.0 + 0.5 * sin((double)i);
    }
    open_problem(&stage, &problem);
    open_path(&problem, stage.uniform, &path);
    cr_expect(fabs(path.now.objective - objective_at(&stage, path.now.weights)) < 1e-12);
    diva_weight_pool(&by, path.start, path.now.gradient, ROWS, sums);
    for (int64_t g = 0; g <= GROUPS; g++) {
      const double want = difference(&stage, path.start, g);
      cr_expect(fabs(sums[g] - want) < 1e-8, "target %d, group %lld: %g, not %g", with_target,
                (long long)g, sums[g], want);
    }
    diva_weight_path_close(&path);
    diva_weight_problem_close(&problem);
    stage_close(&stage);
  }
}

static void expect_weights(const struct stage *stage, const struct diva_weight_path *path) {
  const double *weights = path->now.weights;
  cr_expect(fabs(mean_of(weights, ROWS) - 1.0) < 1e-12);
  for (int i = 0; i < ROWS; i++) {
    cr_expect((weights[i] > 0.0) == (stage->uniform[i] > 0.0));
    cr_expect(weights[i] == 0.0 || (weights[i] >= path->problem->request.bounds.minimum &&
                                    weights[i] <= path->problem->request.bounds.maximum));
    for (int j = 0; j < i && stage->request.by.codes; j++) {
      const bool same = stage->by[i] == stage->by[j] && weights[i] > 0.0 && weights[j] > 0.0;
      cr_expect(!same || fabs(weights[i] / weights[j] - 1.0) < 1e-12,
                "rows %d and %d of one group differ", i, j);
    }
  }
}

/* Each step lowers the objective and leaves the guarded rows no worse; all by the interface. */
static int follow(struct stage *stage) {
  struct diva_weight_problem problem;
  struct diva_weight_path path;
  struct diva_error error;
  open_problem(stage, &problem);
  open_path(&problem, stage->uniform, &path);
  for (int t = 0; t < STEPS && !path.done; t++) {
    const double objective = path.now.objective;
    const double guard = path.now.guard;
    const int steps = path.steps;
    cr_assert(diva_weight_path_step(&path, &error) == DIVA_OK, "%s", error.message);
    cr_expect(path.done ? path.steps == steps : path.steps == steps + 1);
    cr_expect(path.done ? path.now.objective == objective : path.now.objective < objective);
    cr_expect(isnan(guard) ? !stage->request.guard : path.now.guard <= guard);
    cr_expect(fabs(path.now.objective - objective_at(stage, path.now.weights)) < 1e-12);
    expect_weights(stage, &path);
  }
  const int steps = path.steps;
  diva_weight_path_close(&path);
  diva_weight_problem_close(&problem);
  return steps;
}

Test(weight_path, objective_falls) {
  for (int kind = 0; kind < 8; kind++) {
    struct stage stage;
    stage_open(&stage, kind & 1);
    if (kind & 2) {
      stage.request.by = (struct diva_weight_groups){.codes = stage.by, .count = GROUPS};
    }
    stage.request.guard = kind & 4 ? stage.guard : NULL;
    const int steps = follow(&stage);
    cr_expect(steps > 0, "kind %d takes no step", kind);
    stage_close(&stage);
  }
}

/* Without the guard the guarded rows do lose, so that the guard is what keeps them. */
Test(weight_path, guard) {
  struct stage stage;
  double loss[2];
  stage_open(&stage, false);
  for (int i = 0; i < ROWS; i++) {
    stage.guard[i] = stage.problem.train.labels[i] == 0;
  }
  for (int guarded = 0; guarded < 2; guarded++) {
    struct diva_weight_problem problem;
    struct diva_weight_path path;
    struct diva_error error;
    double *importance = reference_allocate(ROWS, sizeof *importance);
    for (int i = 0; i < ROWS; i++) {
      importance[i] = stage.guard[i] ? 0.0 : 1.0;
    }
    stage.options.importance = importance;
    stage.request.guard = stage.guard;
    open_problem(&stage, &problem);
    problem.request.guard = guarded ? stage.guard : NULL;
    open_path(&problem, stage.uniform, &path);
    for (int t = 0; t < STEPS && !path.done; t++) {
      cr_assert(diva_weight_path_step(&path, &error) == DIVA_OK);
    }
    problem.request.guard = stage.guard;
    double sum = 0.0;
    double count = 0.0;
    for (int i = 0; i < ROWS; i++) {
      if (stage.guard[i] && stage.uniform[i] > 0.0) {
        sum += path.now.loss[i];
        count += 1.0;
      }
    }
    loss[guarded] = sum / count;
    diva_weight_path_close(&path);
    diva_weight_problem_close(&problem);
    free(importance);
  }
  cr_expect(loss[1] < loss[0], "guarded %g, unguarded %g", loss[1], loss[0]);
  stage_close(&stage);
}

/* A floor that the start just satisfies lets no step through. */
Test(weight_path, effective_rows) {
  struct stage stage;
  stage_open(&stage, false);
  stage.request.bounds.least_effective = 0.99999;
  cr_expect(follow(&stage) == 0);
  stage_close(&stage);
}
