/* Least squares without negative coefficients, by block principal pivoting. */
#include "nnls.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How often all coefficients may change sides without fewer of them being on the wrong one. */
enum { PATIENCE = 3 };

/* A problem in progress; arrays below the tolerance are owned. */
struct problem {
  const double *gram, *cross;
  int64_t size;
  double ridge;
  double tolerance; /* of a slope */
  bool *is_free;    /* size: not held at 0 */
  int64_t *chosen;  /* the free ones */
  int64_t count;    /* of them */
  double *upper;    /* count x count: R of R' R = their part of gram */
  double *solution; /* count */
};

static void factor(struct problem *problem) {
  const int64_t n = problem->count;
  for (int64_t i = 0; i < n; i++) {
    double *row = problem->upper + i * n;
    for (int64_t j = i; j < n; j++) {
      row[j] = problem->gram[problem->chosen[i] * problem->size + problem->chosen[j]];
    }
    row[i] += problem->ridge;
  }
  for (int64_t p = 0; p < n; p++) {
    double *pivot = problem->upper + p * n;
    /* Rounding alone can bring a pivot below the ridge. */
    const double inverse = 1.0 / sqrt(fmax(pivot[p], problem->ridge));
    for (int64_t j = p; j < n; j++) {
      pivot[j] *= inverse;
    }
    pivot[p] = 1.0 / inverse;
    for (int64_t i = p + 1; i < n; i++) {
      double *row = problem->upper + i * n;
      for (int64_t j = i; j < n; j++) {
        row[j] -= pivot[i] * pivot[j];
      }
    }
  }
}

static void solve(struct problem *problem) {
  const int64_t n = problem->count;
  double *x = problem->solution;
  factor(problem);
  for (int64_t i = 0; i < n; i++) {
    x[i] = problem->cross[problem->chosen[i]];
  }
  for (int64_t p = 0; p < n; p++) {
    const double *row = problem->upper + p * n;
    x[p] /= row[p];
    for (int64_t j = p + 1; j < n; j++) {
      x[j] -= row[j] * x[p];
    }
  }
  for (int64_t p = n - 1; p >= 0; p--) {
    const double *row = problem->upper + p * n;
    for (int64_t j = p + 1; j < n; j++) {
      x[p] -= row[j] * x[j];
    }
    x[p] /= row[p];
  }
}

/* The minimiser with the coefficients that are free now and no bounds, the others at 0. */
static void minimise_free(struct problem *problem, double *x) {
  problem->count = 0;
  for (int64_t i = 0; i < problem->size; i++) {
    if (problem->is_free[i]) {
      problem->chosen[problem->count++] = i;
    }
  }
  solve(problem);
  memset(x, 0, (size_t)problem->size * sizeof *x);
  for (int64_t i = 0; i < problem->count; i++) {
    x[problem->chosen[i]] = problem->solution[i];
  }
}

/* A free coefficient below 0, or one at 0 along which the loss falls. */
static bool is_misplaced(const struct problem *problem, const double *x, int64_t i) {
  if (problem->is_free[i]) {
    return x[i] < 0.0;
  }
  double slope = problem->cross[i];
  for (int64_t j = 0; j < problem->size; j++) {
    slope -= problem->gram[i * problem->size + j] * x[j];
  }
  return slope > problem->tolerance;
}

/* Lists misplaced coefficients in `out`; returns how many there are. */
static int64_t find_misplaced(const struct problem *problem, const double *x, int64_t *out) {
  int64_t count = 0;
  for (int64_t i = 0; i < problem->size; i++) {
    if (is_misplaced(problem, x, i)) {
      out[count++] = i;
    }
  }
  return count;
}

static void minimise(struct problem *problem, double *x) {
  int64_t fewest = problem->size + 1;
  int patience = PATIENCE;
  /* Single changes, always of the last, end by themselves; the bound is for what rounding may do.
   */
  for (int64_t round = 0; round < 10 * problem->size + 100; round++) {
    minimise_free(problem, x);
    const int64_t count = find_misplaced(problem, x, problem->chosen);
    if (count == 0) {
      break;
    }
    const bool ahead = count < fewest;
    patience = ahead ? PATIENCE : patience - 1;
    fewest = ahead ? count : fewest;
    for (int64_t i = patience >= 0 ? 0 : count - 1; i < count; i++) {
      const int64_t at = problem->chosen[i];
      problem->is_free[at] = !problem->is_free[at];
    }
  }
  for (int64_t i = 0; i < problem->size; i++) {
    x[i] = fmax(x[i], 0.0);
  }
}

static enum diva_status allocate(struct problem *problem, struct diva_error *error) {
  const int64_t n = problem->size;
  enum diva_status status = diva_allocate(n, sizeof *problem->is_free, "least squares",
                                          (void **)&problem->is_free, error);
  if (status == DIVA_OK) {
    status = diva_allocate(n, sizeof *problem->chosen, "least squares", (void **)&problem->chosen,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(n * n, sizeof *problem->upper, "least squares", (void **)&problem->upper,
                           error);
  }
  return status == DIVA_OK ? diva_allocate(n, sizeof *problem->solution, "least squares",
                                           (void **)&problem->solution, error)
                           : status;
}

enum diva_status diva_nnls(const double *gram, const double *cross, int64_t size, double *x,
                           struct diva_error *error) {
  const double ridge_share = 1e-10;
  const double slope_share = 1e-12;
  struct problem problem = {.gram = gram, .cross = cross, .size = size};
  for (int64_t i = 0; i < size; i++) {
    problem.ridge = fmax(problem.ridge, ridge_share * gram[i * size + i]);
    problem.tolerance = fmax(problem.tolerance, slope_share * fabs(cross[i]));
  }
  if (!(problem.ridge > 0.0)) {
    return DIVA_OK;
  }
  const enum diva_status status = allocate(&problem, error);
  if (status == DIVA_OK) {
    for (int64_t i = 0; i < size; i++) {
      problem.is_free[i] = x[i] > 0.0;
    }
    minimise(&problem, x);
  }
  free(problem.is_free);
  free(problem.chosen);
  free(problem.upper);
  free(problem.solution);
  return status;
}
