/* Memory of the device: what is planned before the first tile is what is taken, no less and little
 * more, and what does not fit is refused before any work. */
#define _POSIX_C_SOURCE 200809L
#include "problem.h"

#include "kernels/cuda/cuda.h"
#include "tests/support/cuda_emulation/machine.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t PLENTY = (int64_t)1 << 30;

/* A run, and how it is varied. */
struct variant {
  const char *name;
  int64_t rows, columns, held; /* held: rows of a validation set */
  enum problem_kind kind;
  enum problem_weights weights;
  double lambda; /* 0: chosen */
  enum diva_loss loss;
  enum diva_solver solver;
  enum diva_kernel kernel;
  int64_t largest_group; /* 0: no groups */
  bool removal;
  bool float32; /* asked for */
};

static const struct variant VARIANTS[] = {
    {.name = "lambda given", .rows = 400, .columns = 40, .lambda = 1.0},
    {.name = "lambda chosen", .rows = 400, .columns = 40},
    {.name = "float32", .rows = 400, .columns = 40, .float32 = true},
    {.name = "wide", .rows = 300, .columns = 120, .solver = DIVA_SOLVER_PRIMAL, .float32 = true},
    {.name = "few columns", .rows = 450, .columns = 2, .lambda = 1.0},
    {.name = "targets", .rows = 400, .columns = 40, .kind = KIND_REGRESSION},
    {.name = "cross-entropy", .rows = 400, .columns = 40, .loss = DIVA_LOSS_CROSS_ENTROPY},
    {.name = "validation", .rows = 400, .columns = 40, .held = 300, .lambda = 1.0},
    {.name = "removal", .rows = 400, .columns = 40, .held = 300, .lambda = 1.0, .removal = true},
    {.name = "groups", .rows = 400, .columns = 40, .largest_group = 9},
    {.name = "large groups", .rows = 400, .columns = 20, .lambda = 1.0, .largest_group = 60},
    {.name = "rbf", .rows = 400, .columns = 20, .kernel = DIVA_KERNEL_RBF},
    {.name = "dual", .rows = 80, .columns = 120, .solver = DIVA_SOLVER_DUAL},
    {.name = "dual, groups",
     .rows = 80,
     .columns = 120,
     .solver = DIVA_SOLVER_DUAL,
     .largest_group = 5},
    {.name = "dual, pool",
     .rows = 80,
     .columns = 120,
     .held = 60,
     .weights = WEIGHTS_POOL,
     .lambda = 1.0,
     .solver = DIVA_SOLVER_DUAL,
     .removal = true},
};

enum { VARIANT_COUNT = sizeof VARIANTS / sizeof VARIANTS[0], MOST_ROWS = 1024 };

/* A problem and the options of a variant of it, which borrow from it. */
struct arranged {
  struct brute_problem problem;
  struct diva_analysis_options options;
  int32_t groups[MOST_ROWS];
  int64_t tile_rows;   /* of the last run */
  int64_t allocations; /* when the first tile was reached; -1: it was not */
};

/* The first word of a pass. */
static bool note_first(void *context, const char *phase, int64_t done, int64_t total) {
  struct arranged *arranged = context;
  (void)phase;
  (void)done;
  (void)total;
  if (arranged->allocations < 0) {
    arranged->allocations = emulation_allocations();
  }
  return false;
}

static void arrange(const struct variant *variant, struct arranged *out) {
  const struct problem_spec spec = {variant->rows, variant->columns, 3, variant->held,
                                    variant->kind, variant->weights, 1};
  problem_make(&spec, &out->problem);
  out->problem.loss = variant->loss;
  out->problem.lambda = variant->lambda;
  out->problem.temperature = 0.0;
  out->options = problem_options(&out->problem);
  out->options.solver = variant->solver;
  out->options.kernel = variant->kernel;
  out->options.rbf_bandwidth = variant->kernel == DIVA_KERNEL_RBF ? 1.0 : 0.0;
  out->options.removal = variant->removal;
  out->options.backend = "cuda";
  out->options.precision = variant->float32 ? DIVA_PRECISION_FLOAT32 : DIVA_PRECISION_FLOAT64;
  out->options.progress = (struct diva_progress){note_first, out};
  out->allocations = -1;
  for (int64_t i = 0; i < variant->rows && variant->largest_group; i++) {
    out->groups[i] = (int32_t)(i / variant->largest_group);
  }
  out->options.groups = variant->largest_group ? out->groups : NULL;
}

/* Bytes of the device that a run planned; the most it took come back too. */
static int64_t run(struct arranged *arranged, int64_t *peak) {
  struct diva_summary summary;
  struct diva_analysis *analysis = NULL;
  arranged->allocations = -1;
  emulation_forget_peak();
  const int64_t before = emulation_memory_peak();
  analysis = problem_run(&arranged->problem, &arranged->options);
  diva_analysis_summary(analysis, &summary);
  *peak = emulation_memory_peak() - before;
  arranged->tile_rows = summary.tile_rows;
  diva_analysis_destroy(analysis);
  cr_expect(arranged->allocations == emulation_allocations(),
            "memory was taken after the first tile");
  return summary.device_memory_planned;
}

static void expect_refused(struct arranged *arranged, const char *name, const char *why) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  arranged->allocations = -1;
  emulation_forget_peak();
  const int64_t before = emulation_memory_peak();
  cr_expect(problem_try(&arranged->problem, &arranged->options, &analysis, &error) ==
                DIVA_ERROR_RESOURCE,
            "%s: not refused", name);
  cr_expect(arranged->allocations < 0, "%s: refused after the work began", name);
  cr_expect(emulation_memory_peak() == before, "%s: refused with memory taken", name);
  cr_expect(strstr(error.message, why) && strstr(error.message, "--backend cpu"), "%s: %s", name,
            error.message);
  diva_analysis_destroy(analysis);
}

/* Gives the device less and less, each time a byte less than was planned: what may stay there is
 * left out, then the run is refused. Returns the least that it ran in. */
static int64_t find_least(struct arranged *arranged, const char *name) {
  int64_t planned = PLENTY;
  int64_t least = 0;
  emulation_set_memory(PLENTY);
  for (bool fits = true; fits;) {
    int64_t peak = 0;
    const int64_t now = run(arranged, &peak);
    printf("%-18s planned %8lld, taken %8lld\n", name, (long long)now, (long long)peak);
    cr_expect(peak > 0 && now >= peak && (double)now <= 1.3 * (double)peak,
              "%s: %lld bytes planned, %lld taken", name, (long long)now, (long long)peak);
    cr_assert(now < planned, "%s: %lld bytes planned, %lld were there", name, (long long)now,
              (long long)planned - 1);
    least = planned = now;
    emulation_set_memory(planned - 1 + DIVA_CUDA_HEADROOM);
    struct diva_analysis *analysis = NULL;
    fits = problem_try(&arranged->problem, &arranged->options, &analysis, NULL) == DIVA_OK;
    diva_analysis_destroy(analysis);
  }
  emulation_set_memory(PLENTY);
  return least;
}

Test(device_memory, is_planned_before_the_first_tile) {
  static struct arranged arranged;
  for (int v = 0; v < VARIANT_COUNT; v++) {
    const struct variant *variant = &VARIANTS[v];
    int64_t peak = 0;
    arrange(variant, &arranged);
    const int64_t least = find_least(&arranged, variant->name);
    emulation_set_memory(least + DIVA_CUDA_HEADROOM);
    cr_expect(run(&arranged, &peak) == least && arranged.tile_rows == variant->rows);
    emulation_set_memory(least - 1 + DIVA_CUDA_HEADROOM);
    expect_refused(&arranged, variant->name, "are free");
    problem_free(&arranged.problem);
  }
}

Test(device_memory, halves_the_tile_first) {
  static struct arranged arranged;
  struct variant variant = {.name = "tile", .rows = 1024, .columns = 30, .lambda = 1.0};
  arrange(&variant, &arranged);
  const int64_t least = find_least(&arranged, variant.name);
  cr_expect(arranged.tile_rows == 256, "tiles of %lld rows at last", (long long)arranged.tile_rows);
  emulation_set_memory(least - 1 + DIVA_CUDA_HEADROOM);
  expect_refused(&arranged, variant.name, "tiles of 256 rows");
  problem_free(&arranged.problem);
}

Test(device_memory, keeps_to_the_limit_that_is_given) {
  static struct arranged arranged;
  struct variant variant = {.name = "limit", .rows = 400, .columns = 40};
  int64_t peak = 0;
  arrange(&variant, &arranged);
  const int64_t least = find_least(&arranged, variant.name);
  arranged.options.memory = least;
  cr_expect(run(&arranged, &peak) == least && peak <= least);
  arranged.options.memory = least - 1;
  expect_refused(&arranged, variant.name, "allowed by --memory");
  problem_free(&arranged.problem);
}

/* What the refusal says would fit does, and a little more does not. */
Test(device_memory, says_what_would_fit) {
  static struct arranged arranged;
  struct variant variant = {.name = "remedy", .rows = 400, .columns = 60, .lambda = 1.0};
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  long long fitting = 0;
  arrange(&variant, &arranged);
  const int64_t least = find_least(&arranged, variant.name);
  const int64_t room = least * 2 / 3 + DIVA_CUDA_HEADROOM;
  emulation_set_memory(room);
  cr_assert(problem_try(&arranged.problem, &arranged.options, &analysis, &error) ==
            DIVA_ERROR_RESOURCE);
  const char *colons = strrchr(error.message, ':');
  cr_assert(colons && sscanf(colons, ": %lld of the 60 columns", &fitting) == 1, "%s",
            error.message);
  cr_assert(fitting > 1 && fitting < 60);
  problem_free(&arranged.problem);
  for (int more = 0; more < 2; more++) {
    variant.columns = fitting + more;
    arrange(&variant, &arranged);
    emulation_set_memory(room);
    const enum diva_status status =
        problem_try(&arranged.problem, &arranged.options, &analysis, &error);
    cr_expect(status == (more ? DIVA_ERROR_RESOURCE : DIVA_OK), "%lld columns: %s", fitting + more,
              error.message);
    diva_analysis_destroy(analysis);
    analysis = NULL;
    problem_free(&arranged.problem);
  }
}

/* The sample of lambda and the features of a kernel are named where they are at fault. */
Test(device_memory, says_what_is_at_fault) {
  static struct arranged arranged;
  static const struct {
    struct variant variant;
    double share; /* of what is needed, that is there */
    const char *says;
  } faults[] = {
      {{.name = "sample", .rows = 450, .columns = 60}, 0.95, "a given --lambda would fit"},
      {{.name = "kernel", .rows = 450, .columns = 8, .kernel = DIVA_KERNEL_RBF},
       0.8,
       "--rbf-features"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    arrange(&faults[i].variant, &arranged);
    const int64_t least = find_least(&arranged, faults[i].variant.name);
    emulation_set_memory((int64_t)(faults[i].share * (double)least) + DIVA_CUDA_HEADROOM);
    expect_refused(&arranged, faults[i].variant.name, faults[i].says);
    problem_free(&arranged.problem);
  }
}

/* Status of a run on float32 features; what it planned on the device, if it ran. */
static enum diva_status run_narrow(struct arranged *arranged, enum diva_precision precision,
                                   int64_t *planned, struct diva_error *error) {
  const struct brute_rows *rows = &arranged->problem.train;
  const int64_t count = rows->rows * arranged->problem.columns;
  float *features = reference_allocate(count, sizeof *features);
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary = {0};
  for (int64_t i = 0; i < count; i++) {
    features[i] = (float)rows->features[i];
  }
  struct diva_dataset *dataset =
      problem_dataset(&arranged->problem, rows, NULL, DIVA_FLOAT32, features);
  arranged->options.precision = precision;
  const enum diva_status status =
      diva_analysis_run(dataset, NULL, &arranged->options, &analysis, error);
  if (status == DIVA_OK) {
    diva_analysis_summary(analysis, &summary);
  }
  *planned = summary.device_memory_planned;
  diva_analysis_destroy(analysis);
  diva_dataset_close(dataset);
  free(features);
  return status;
}

/* A run that may turn to float64 on its way has room for that from the start, or is told how not to
 * turn. */
Test(device_memory, has_room_for_what_a_run_may_turn_to) {
  static struct arranged arranged;
  const struct variant variant = {.name = "turn", .rows = 400, .columns = 60, .lambda = 1.0};
  struct diva_error error = {0};
  int64_t narrow = 0;
  int64_t wide = 0;
  int64_t planned = 0;
  setenv("DIVA_CUDA_FLOAT32", "plain", 1); /* float16 parts take more than float64 does */
  arrange(&variant, &arranged);
  cr_assert(run_narrow(&arranged, DIVA_PRECISION_FLOAT32, &narrow, &error) == DIVA_OK);
  cr_assert(run_narrow(&arranged, DIVA_PRECISION_FLOAT64, &wide, &error) == DIVA_OK);
  cr_assert(narrow < wide);
  emulation_set_memory(narrow + DIVA_CUDA_HEADROOM);
  cr_expect(run_narrow(&arranged, DIVA_PRECISION_AUTO, &planned, &error) == DIVA_ERROR_RESOURCE &&
                strstr(error.message, "--precision float32 avoids it"),
            "%s", error.message);
  cr_expect(run_narrow(&arranged, DIVA_PRECISION_FLOAT32, &planned, &error) == DIVA_OK, "%s",
            error.message);
  emulation_set_memory(wide + DIVA_CUDA_HEADROOM);
  cr_expect(run_narrow(&arranged, DIVA_PRECISION_AUTO, &planned, &error) == DIVA_OK, "%s",
            error.message);
  problem_free(&arranged.problem);
}

Test(device_memory, has_room_for_the_dual_too) {
  static struct arranged arranged;
  const struct variant variant = {.name = "dual turn", .rows = 240, .columns = 125, .lambda = 1.0};
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  int64_t peak = 0;
  arrange(&variant, &arranged);
  arranged.options.solver = DIVA_SOLVER_DUAL;
  const int64_t dual = find_least(&arranged, variant.name);
  arranged.options.solver = DIVA_SOLVER_PRIMAL;
  const int64_t primal = find_least(&arranged, variant.name);
  cr_assert(primal < dual);
  emulation_set_memory(dual - 1 + DIVA_CUDA_HEADROOM);
  cr_expect(run(&arranged, &peak) >= primal);
  arranged.options.solver = DIVA_SOLVER_AUTO;
  expect_refused(&arranged, variant.name, "--solver primal avoids it");
  emulation_set_memory(dual + DIVA_CUDA_HEADROOM);
  cr_expect(problem_try(&arranged.problem, &arranged.options, &analysis, &error) == DIVA_OK, "%s",
            error.message);
  diva_analysis_destroy(analysis);
  problem_free(&arranged.problem);
}

/* Where a piece of the memory that only saves time is gone, the answer is the same. Such pieces are
 * taken from allocation `first` on; returns how many there are. */
static int64_t expect_same_without(struct arranged *arranged, int64_t first,
                                   const struct diva_analysis *want) {
  const int64_t rows = arranged->problem.train.rows;
  const int64_t before = emulation_allocations();
  struct diva_columns a;
  diva_analysis_columns(want, &a);
  diva_analysis_destroy(problem_run(&arranged->problem, &arranged->options));
  const int64_t count = emulation_allocations() - before;
  for (int64_t k = first; k < count; k++) {
    struct diva_columns b;
    emulation_fail_allocation(k);
    struct diva_analysis *analysis = problem_run(&arranged->problem, &arranged->options);
    emulation_fail_allocation(-1);
    diva_analysis_columns(analysis, &b);
    cr_expect(problem_error(b.loo_loss, a.loo_loss, rows, 1e-3, false) <= 1e-9);
    cr_expect(problem_error(b.derivative, a.derivative, rows, 1e-3, false) <= 1e-9);
    diva_analysis_destroy(analysis);
  }
  return count - first;
}

/* Memory that was free when the run was planned may be gone when it is taken. */
Test(device_memory, that_is_gone_is_an_error_and_no_harm) {
  static struct arranged arranged;
  /* The dual takes nothing that it could do without. */
  const struct variant *variants[] = {&VARIANTS[1], &VARIANTS[VARIANT_COUNT - 1]};
  for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
    struct diva_analysis *analysis = NULL;
    struct diva_error error = {0};
    int64_t failures = 0;
    enum diva_status status = DIVA_ERROR_RESOURCE;
    arrange(variants[v], &arranged);
    emulation_set_memory(PLENTY);
    while (status == DIVA_ERROR_RESOURCE) {
      emulation_forget_peak();
      const int64_t before = emulation_memory_peak();
      emulation_fail_allocation(failures);
      status = problem_try(&arranged.problem, &arranged.options, &analysis, &error);
      emulation_fail_allocation(-1);
      emulation_forget_peak();
      cr_expect(emulation_memory_peak() == before, "memory was left behind");
      cr_expect(status == DIVA_OK || strstr(error.message, "out of device memory"), "%s",
                error.message);
      failures += status == DIVA_ERROR_RESOURCE;
    }
    cr_expect(status == DIVA_OK && failures > 10, "%lld failures, then %s", (long long)failures,
              error.message);
    const int64_t spared = expect_same_without(&arranged, failures, analysis);
    cr_expect(v == 0 ? spared > 5 : spared == 0, "%lld pieces", (long long)spared);
    diva_analysis_destroy(analysis);
    problem_free(&arranged.problem);
  }
}

/* Left open, the backend is the CPU for little work; a device that cannot take more work is passed
 * over, which is said; named, it fails. */
Test(device_memory, an_open_choice_goes_to_the_cpu) {
  static struct arranged arranged;
  struct variant variant = {.name = "open", .rows = 1000, .columns = 1000, .lambda = 1.0};
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error error = {0};
  cr_assert(unsetenv("DIVA_BACKEND") == 0);
  const struct diva_backend_ops *ops = NULL;
  cr_expect(diva_backend_choose_for("auto", 2.9e10, &ops, &error) == DIVA_OK &&
            !strcmp(ops->name, "cpu"));
  cr_expect(diva_backend_choose_for(NULL, 3.1e10, &ops, &error) == DIVA_OK &&
            !strcmp(ops->name, "cuda"));
  cr_expect(diva_backend_choose_for("cuda", 0.0, &ops, &error) == DIVA_OK &&
            !strcmp(ops->name, "cuda"));

  variant.rows = 7600;
  variant.solver = DIVA_SOLVER_PRIMAL;
  arrange(&variant, &arranged);
  arranged.options.precision = DIVA_PRECISION_FLOAT32;
  emulation_set_memory(DIVA_CUDA_HEADROOM + (8 << 20));
  expect_refused(&arranged, variant.name, "are free");
  arranged.options.backend = NULL;
  analysis = problem_run(&arranged.problem, &arranged.options);
  diva_analysis_summary(analysis, &summary);
  cr_expect(!strcmp(summary.backend, "cpu") && summary.device_memory_planned == 0);
  cr_expect(summary.backend_note && strstr(summary.backend_note, "cuda was ready") &&
                strstr(summary.backend_note, "MiB"),
            "%s", summary.backend_note ? summary.backend_note : "no note");
  diva_analysis_destroy(analysis);

  /* One whose libraries fail once they are used. */
  emulation_set_memory(PLENTY);
  emulation_set_cublas(13, false);
  analysis = problem_run(&arranged.problem, &arranged.options);
  diva_analysis_summary(analysis, &summary);
  cr_expect(!strcmp(summary.backend, "cpu") && strstr(summary.backend_note, "cuBLAS"));
  diva_analysis_destroy(analysis);
  analysis = NULL;
  arranged.options.backend = "cuda";
  cr_expect(problem_try(&arranged.problem, &arranged.options, &analysis, &error) ==
            DIVA_ERROR_RESOURCE);
  problem_free(&arranged.problem);
}
