/* Columns of rows give the same results wherever they are: on the device for the whole run, or of
 * one tile at a time. */
#include "problem.h"

#include <criterion/criterion.h>

enum { ROWS = 1100, COLUMNS = 12, VALIDATION = 900, MOST_STEPS = 10 };

struct subject {
  const char *name;
  enum problem_kind kind;
  enum problem_weights weights;
  bool validation, removal, groups;
  enum diva_loss loss;
};

static const struct subject SUBJECTS[] = {
    {"plain", KIND_LABELS, WEIGHTS_NONE, false, false, false, DIVA_LOSS_SQUARED},
    {"pool", KIND_LABELS, WEIGHTS_POOL, false, false, false, DIVA_LOSS_CROSS_ENTROPY},
    {"targets", KIND_REGRESSION, WEIGHTS_MIXED, false, false, false, DIVA_LOSS_SQUARED},
    {"base outputs", KIND_LABELS_AND_BASE, WEIGHTS_MIXED, false, false, false, DIVA_LOSS_SQUARED},
    {"validation", KIND_LABELS, WEIGHTS_POOL, true, true, false, DIVA_LOSS_SQUARED},
    {"groups", KIND_LABELS, WEIGHTS_MIXED, false, false, true, DIVA_LOSS_SQUARED},
};

static void compare(const struct subject *subject, int step, const struct diva_analysis *got,
                    const struct diva_analysis *want) {
  struct diva_columns a;
  struct diva_columns b;
  struct diva_summary mine;
  struct diva_summary other;
  diva_analysis_columns(got, &a);
  diva_analysis_columns(want, &b);
  diva_analysis_summary(got, &mine);
  diva_analysis_summary(want, &other);
  const double *const pairs[][2] = {
      {a.derivative, b.derivative}, {a.removal, b.removal},
      {a.leverage, b.leverage},     {a.loo_loss, b.loo_loss},
      {a.loo_margin, b.loo_margin}, {a.label_quality, b.label_quality},
      {a.weight, b.weight},         {&mine.loo.loss, &other.loo.loss},
  };
  for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
    const int64_t rows = pairs[p][0] == &mine.loo.loss ? 1 : ROWS;
    const double error =
        pairs[p][0] ? problem_error(pairs[p][0], pairs[p][1], rows, 1e-3, false) : 0.0;
    cr_expect(error <= 1e-9, "%s, step %d: column %d is off by %.1e", subject->name, step, (int)p,
              error);
  }
  for (int64_t i = 0; i < ROWS; i++) {
    if (a.suggested_label[i] != b.suggested_label[i]) {
      cr_expect(false, "%s, step %d: row %d has another suggestion", subject->name, step, (int)i);
      break;
    }
  }
  const bool scored = subject->validation;
  cr_expect(!scored ||
            problem_error(&mine.validation.loss, &other.validation.loss, 1, 1.0, false) <= 1e-9);
  cr_expect(!scored ||
            problem_error(&mine.validation.error, &other.validation.error, 1, 1.0, false) <= 1e-9);
}

/* Less and less memory than a run likes: columns travel by the tile, and tiles become smaller,
 * until it is refused. Returns how many sizes of tiles there were. */
static int run_with_less(const struct subject *subject, const struct brute_problem *problem,
                         struct diva_analysis_options options, const struct diva_analysis *want) {
  struct diva_summary summary;
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  int sizes = 0;
  int64_t tile = 0;
  diva_analysis_summary(want, &summary);
  const bool device = summary.device_memory_planned > summary.memory_planned;
  double memory = (double)(device ? summary.device_memory_planned : summary.memory_planned);
  for (int step = 0; step < MOST_STEPS; step++) {
    options.memory = (int64_t)memory;
    memory *= 0.85;
    if (problem_try(problem, &options, &analysis, &error) != DIVA_OK) {
      cr_expect(error.status == DIVA_ERROR_RESOURCE, "%s: %s", subject->name, error.message);
      break;
    }
    compare(subject, step, analysis, want);
    diva_analysis_summary(analysis, &summary);
    sizes += summary.tile_rows != tile;
    tile = summary.tile_rows;
    diva_analysis_destroy(analysis);
  }
  return sizes;
}

static void run_subject(const struct subject *subject) {
  struct brute_problem problem;
  int32_t groups[ROWS];
  problem_make(&(struct problem_spec){ROWS, COLUMNS, 3, subject->validation ? VALIDATION : 0,
                                      subject->kind, subject->weights, 41},
               &problem);
  for (int i = 0; i < ROWS; i++) {
    groups[i] = i % 5 == 0 ? -1 : i * 7 % 300;
  }
  struct diva_analysis_options options = problem_options(&problem);
  options.solver = DIVA_SOLVER_PRIMAL;
  options.loss = subject->loss;
  options.derivative = true;
  options.removal = subject->removal;
  options.temperature = 0.0;
  options.groups = subject->groups ? groups : NULL;
  struct diva_analysis *want = problem_run(&problem, &options);
  cr_expect(run_with_less(subject, &problem, options, want) > 1, "%s: one size of tiles",
            subject->name);
  diva_analysis_destroy(want);
  problem_free(&problem);
}

Test(engine_columns, the_same_wherever_they_are) {
  for (size_t s = 0; s < sizeof SUBJECTS / sizeof SUBJECTS[0]; s++) {
    run_subject(&SUBJECTS[s]);
  }
}
