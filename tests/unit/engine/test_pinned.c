/* Features in memory that a device takes them from without reading them first: for a backend with
 * such memory. */
#include "problem.h"

#include "kernels/backend.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ROWS = 1200, COLUMNS = 6 };

static struct diva_analysis *run(const struct brute_problem *problem, const void *features,
                                 int64_t memory) {
  struct diva_analysis_options options = problem_options(problem);
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  options.solver = DIVA_SOLVER_PRIMAL;
  options.derivative = true;
  options.memory = memory;
  struct diva_dataset *train =
      problem_dataset(problem, &problem->train, problem->weights, DIVA_FLOAT64, features);
  cr_assert(diva_analysis_run(train, NULL, &options, &analysis, &error) == DIVA_OK, "%s",
            error.message);
  diva_dataset_close(train);
  return analysis;
}

static void expect_same(const struct diva_analysis *got, const struct diva_analysis *want,
                        int64_t bytes_read) {
  struct diva_columns a;
  struct diva_columns b;
  struct diva_summary mine;
  diva_analysis_columns(got, &a);
  diva_analysis_columns(want, &b);
  diva_analysis_summary(got, &mine);
  cr_expect(problem_error(a.derivative, b.derivative, ROWS, 1e-3, false) <= 1e-9);
  cr_expect(problem_error(a.leverage, b.leverage, ROWS, 1e-3, false) <= 1e-9);
  cr_expect(problem_error(a.loo_loss, b.loo_loss, ROWS, 1e-3, false) <= 1e-9);
  cr_expect(mine.bytes_read == bytes_read, "%lld bytes were read", (long long)mine.bytes_read);
}

/* Memory with which the rows do not stay on the device. */
static int64_t find_less(const struct brute_problem *problem, const struct diva_analysis *plenty) {
  struct diva_summary summary;
  diva_analysis_summary(plenty, &summary);
  const int64_t once = summary.bytes_read;
  int64_t memory = summary.device_memory_planned;
  while (summary.bytes_read == once) {
    memory -= once / 8;
    struct diva_analysis *analysis = run(problem, NULL, memory);
    diva_analysis_summary(analysis, &summary);
    diva_analysis_destroy(analysis);
  }
  return memory;
}

/* With room for all rows one pass takes them up; with less, each of three does, tile by tile. */
Test(engine_pinned, the_same_from_wherever) {
  const int64_t bytes = (int64_t)ROWS * COLUMNS * (int64_t)sizeof(double);
  const struct diva_backend_config smallest = {
      .threads = 1, .tile_rows = 1, .columns = 1, .outputs = 1};
  const struct diva_backend_ops *ops = NULL;
  struct diva_backend *backend = NULL;
  struct brute_problem problem;
  struct diva_error error;
  void *pinned = NULL;
  problem_make(&(struct problem_spec){ROWS, COLUMNS, 2, 0, KIND_LABELS, WEIGHTS_MIXED, 5},
               &problem);
  cr_assert(diva_backend_choose(NULL, &ops, &error) == DIVA_OK && ops->host_create);
  cr_assert(ops->open(&smallest, &backend, &error) == DIVA_OK);
  cr_assert(ops->host_create(backend, bytes, &pinned, &error) == DIVA_OK);
  memcpy(pinned, problem.train.features, (size_t)bytes);
  cr_expect(ops->host_is_fast(backend, pinned, bytes));
  struct diva_analysis *want = run(&problem, NULL, 0);
  struct diva_analysis *got = run(&problem, pinned, 0);
  expect_same(got, want, bytes);
  diva_analysis_destroy(got);
  const int64_t less = find_less(&problem, want);
  struct diva_analysis *streamed = run(&problem, NULL, less);
  got = run(&problem, pinned, less);
  expect_same(got, want, 3 * bytes);
  expect_same(streamed, want, 3 * bytes);
  diva_analysis_destroy(want);
  diva_analysis_destroy(got);
  diva_analysis_destroy(streamed);
  ops->host_destroy(backend, pinned);
  ops->close(backend);
  problem_free(&problem);
}
