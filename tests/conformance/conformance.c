/* The conformance suite: one table of cases over every backend that is ready on this machine, and
 * over every way in which it multiplies; printed is the worst error of each. */
#include "harness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Around a chunk of rows (256), the leaves (96) and blocks (512) of triangles; d > n; wide outputs;
 * more rows than any way of products adds in float32, of columns and outputs that none is too
 * narrow for. */
static const struct shape SHAPES[] = {
    {0, 5, 3},    {1, 1, 1},     {1, 2, 2},    {2, 97, 3},   {255, 95, 3}, {256, 96, 10},
    {257, 97, 4}, {513, 193, 7}, {60, 513, 5}, {90, 600, 3}, {40, 3, 150}, {1100, 67, 66},
};

/* By what size a product is too narrow for another way, where a backend has several. */
enum products { ONE_WAY, BY_COLUMNS, BY_OUTPUTS };

/*
 * Bounds on the error of any one element, as a multiple of the sum of absolute terms that the
 * element is made of: float32 has 6e-8 and float64 1.1e-16 a rounding, and up to 600 terms a sum.
 * Operations that compute in float64 whatever the tile type have the same bound twice.
 */
static const struct operation {
  const char *name;
  void (*run)(struct conformance *self);
  double float32_bound, float64_bound;
  int64_t most_columns; /**< beyond which the naive reference takes too long */
  enum products products;
} OPERATIONS[] = {
    {"memory", case_memory, 0.0, 0.0, 600, ONE_WAY},
    {"label_rows", case_label_rows, 0.0, 0.0, 600, ONE_WAY},
    {"convert", case_convert, 6e-8, 0.0, 600, ONE_WAY},
    {"prepare_rows", case_prepare_rows, 2e-7, 4e-15, 600, ONE_WAY},
    {"prepare_rows: faults", case_faults, 0.0, 0.0, 600, ONE_WAY},
    {"prepare_rows: half values", case_half_values, 0.0, 0.0, 1, ONE_WAY},
    {"fourier_rows", case_fourier_rows, 2e-7, 1e-15, 600, ONE_WAY},
    {"fourier_rows: overflow", case_fourier_overflow, 0.0, 0.0, 1, ONE_WAY},
    {"moments_accumulate", case_moments, 5e-15, 5e-15, 600, ONE_WAY},
    {"gram_accumulate", case_gram, 1e-6, 2e-15, 600, BY_COLUMNS},
    {"cross_accumulate", case_cross, 5e-7, 1e-15, 600, BY_OUTPUTS},
    {"class_accumulate", case_classes, 1e-15, 1e-15, 600, ONE_WAY},
    {"residual", case_residual, 5e-7, 1e-15, 600, BY_OUTPUTS},
    {"row_leverage", case_leverage, 1e-6, 2e-15, 600, BY_COLUMNS},
    {"row_quadform", case_quadform, 1e-6, 2e-15, 600, BY_COLUMNS},
    {"gram_accumulate: scales", case_gram_scales, 1e-6, 2e-15, 200, BY_COLUMNS},
    {"cross_accumulate: scales", case_cross_scales, 1e-6, 2e-15, 200, BY_OUTPUTS},
    {"residual: scales", case_residual_scales, 1e-6, 2e-15, 200, BY_OUTPUTS},
    {"row forms: scales", case_form_scales, 1e-6, 2e-15, 200, BY_COLUMNS},
    {"loo_rows", case_loo_rows, 1e-7, 1e-13, 600, ONE_WAY},
    {"expect_rows", case_expect_rows, 1e-7, 1e-14, 600, ONE_WAY},
    {"scatter_rows", case_scatter_rows, 0.0, 0.0, 600, ONE_WAY},
    {"derivative_rows", case_derivative_rows, 5e-7, 1e-15, 600, BY_OUTPUTS},
    {"path_rows", case_path_rows, 1e-7, 1e-14, 600, ONE_WAY},
    {"multiply", case_multiply, 1e-6, 1e-15, 200, BY_OUTPUTS},
    {"symmetrize, fold_symmetric", case_triangles, 0.0, 0.0, 600, ONE_WAY},
    {"cholesky, solve, inverse", case_cholesky, 4e-15, 4e-15, 200, ONE_WAY},
    {"cholesky: singular", case_singular, 0.0, 0.0, 200, ONE_WAY},
    {"eigen", case_eigen, 5e-6, 2e-14, 200, ONE_WAY},
};

/* How elements are held, and multiplied. */
static const struct way {
  const char *title;
  bool double_tiles;
  enum diva_products products;
} WAYS[] = {{"float32", false, DIVA_PRODUCTS_PLAIN},
            {"by halves", false, DIVA_PRODUCTS_HALVES},
            {"float64", true, DIVA_PRODUCTS_PLAIN}};

enum { WAY_COUNT = sizeof WAYS / sizeof WAYS[0] };

static uint64_t run_case(const struct diva_backend_ops *ops, const struct operation *operation,
                         struct shape shape, const struct way *way, int threads,
                         struct accuracy *accuracy) {
  const struct diva_backend_config config = {
      .double_tiles = way->double_tiles,
      .products = way->products,
      .deterministic = true,
      .threads = threads,
      .tile_rows = shape.rows > 0 ? shape.rows : 1,
      .columns = shape.columns,
      .outputs = shape.outputs,
  };
  struct conformance self;
  cr_expect(ops->scratch_bytes(&config) >= 0);
  cr_expect(!ops->products || ops->products(&config)[0]);
  conformance_open(&self, ops, config, shape, accuracy);
  operation->run(&self);
  conformance_close(&self);
  return self.digest;
}

static bool is_way_of(const struct diva_backend_ops *ops, const struct way *way) {
  return way->products != DIVA_PRODUCTS_HALVES || strcmp(ops->name, "cuda") == 0;
}

/* Whether an operation is run at a shape: not where the reference takes too long for nothing, nor
 * where products are too narrow to be made in another way. */
static bool takes_shape(const struct operation *operation, const struct way *way,
                        struct shape shape) {
  enum { NARROW = 64, MOST_ROWS = 1024 };
  const bool narrow = shape.rows < NARROW || shape.columns < NARROW ||
                      (operation->products == BY_OUTPUTS && shape.outputs < NARROW);
  const bool idle = operation->products == ONE_WAY && shape.rows > MOST_ROWS;
  return shape.columns <= operation->most_columns && !idle &&
         !(way->products == DIVA_PRODUCTS_HALVES && narrow);
}

/* Every shape with three threads; those of several chunks with one as well, to the same bytes.
 * Returns the worst error. */
static long double run_operation(const struct diva_backend_ops *ops,
                                 const struct operation *operation, const struct way *way) {
  struct accuracy accuracy = {.operation = operation->name};
  const double bound = way->double_tiles ? operation->float64_bound : operation->float32_bound;
  for (size_t s = 0; s < sizeof SHAPES / sizeof SHAPES[0]; s++) {
    const struct shape shape = SHAPES[s];
    if (!takes_shape(operation, way, shape)) {
      continue;
    }
    const uint64_t three = run_case(ops, operation, shape, way, 3, &accuracy);
    if (shape.rows > 256 || shape.columns > 512) {
      const uint64_t alone = run_case(ops, operation, shape, way, 1, &accuracy);
      cr_expect(alone == three, "%s %s: 3 threads give other bytes than 1 at %lld x %lld x %lld",
                ops->name, operation->name, (long long)shape.rows, (long long)shape.columns,
                (long long)shape.outputs);
    }
  }
  cr_expect(accuracy.worst <= (long double)bound, "%s %s %s: error %.3Le exceeds %.1e", ops->name,
            way->title, operation->name, accuracy.worst, bound);
  return accuracy.worst;
}

/* A line of the table: the error of each way, and the bounds on them. */
static void run_ways(const struct diva_backend_ops *ops, const struct operation *operation) {
  printf("%-26s", operation->name);
  for (size_t w = 0; w < WAY_COUNT; w++) {
    if (!is_way_of(ops, &WAYS[w])) {
      continue;
    }
    if (WAYS[w].products == DIVA_PRODUCTS_HALVES && operation->products == ONE_WAY) {
      printf("  %9s", "");
    } else {
      printf("  %9.2Le", run_operation(ops, operation, &WAYS[w]));
    }
    fflush(stdout);
  }
  printf("  bounds %.0e, %.0e\n", operation->float32_bound, operation->float64_bound);
}

static void print_heading(const struct diva_backend_ops *ops) {
  printf("%-26s", ops->name);
  for (size_t w = 0; w < WAY_COUNT; w++) {
    if (is_way_of(ops, &WAYS[w])) {
      printf("  %9s", WAYS[w].title);
    }
  }
  printf("\n");
}

/* DIVA_CONFORMANCE names the one operation to run; unset: all. */
static bool is_wanted(const struct operation *operation) {
  const char *only = getenv("DIVA_CONFORMANCE");
  return !only || !*only || strcmp(only, operation->name) == 0;
}

/* DIVA_BACKEND, which says what "auto" is, says here what is tested; unset: all that is ready. */
Test(conformance, every_operation_of_every_ready_backend) {
  const struct diva_backend_entry *entry = NULL;
  const char *only = getenv("DIVA_BACKEND");
  int ready = 0;
  for (int b = 0; (entry = diva_backend_at(b)); b++) {
    const struct diva_backend_ops *ops = NULL;
    struct diva_error error;
    if (only && *only && strcmp(only, entry->name) != 0) {
      continue;
    }
    if (diva_backend_choose(entry->name, &ops, &error) != DIVA_OK) {
      printf("not tested: %s\n", error.message);
      continue;
    }
    ready++;
    cr_expect(ops->version == DIVA_BACKEND_VERSION);
    print_heading(ops);
    for (size_t o = 0; o < sizeof OPERATIONS / sizeof OPERATIONS[0]; o++) {
      if (is_wanted(&OPERATIONS[o])) {
        run_ways(ops, &OPERATIONS[o]);
      }
    }
  }
  cr_expect(ready > 0, "no backend is ready");
}
