/* Least squares without negative coefficients, by active sets. */
#include "nnls.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A problem in progress; arrays owned but for the first two. */
struct problem {
  const double *gram, *cross;
  int64_t size;
  double ridge;
  int64_t *free; /* coefficients that may be positive */
  int64_t count; /* of them */
  double *lower; /* Cholesky factor of their part of gram */
  double *trial; /* their minimiser without bounds */
};

static double element(const struct problem *problem, int64_t i, int64_t j) {
  const int64_t a = problem->free[i];
  const int64_t b = problem->free[j];
  return problem->gram[a * problem->size + b] + (a == b ? problem->ridge : 0.0);
}

static void factor(struct problem *problem) {
  double *lower = problem->lower;
  const int64_t n = problem->count;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j <= i; j++) {
      double sum = element(problem, i, j);
      for (int64_t l = 0; l < j; l++) {
        sum -= lower[i * n + l] * lower[j * n + l];
      }
      /* Rounding alone can bring a pivot below the ridge. */
      lower[i * n + j] = i == j ? sqrt(fmax(sum, problem->ridge)) : sum / lower[j * n + j];
    }
  }
}

static void solve(struct problem *problem) {
  const double *lower = problem->lower;
  double *trial = problem->trial;
  const int64_t n = problem->count;
  factor(problem);
  for (int64_t i = 0; i < n; i++) {
    trial[i] = problem->cross[problem->free[i]];
    for (int64_t j = 0; j < i; j++) {
      trial[i] -= lower[i * n + j] * trial[j];
    }
    trial[i] /= lower[i * n + i];
  }
  for (int64_t i = n - 1; i >= 0; i--) {
    for (int64_t j = i + 1; j < n; j++) {
      trial[i] -= lower[j * n + i] * trial[j];
    }
    trial[i] /= lower[i * n + i];
  }
}

/* Goes from x towards the trial until a coefficient reaches 0, which is free no more. Returns
 * whether the trial was reached. */
static bool approach(struct problem *problem, double *x) {
  double step = 1.0;
  int64_t blocking = -1;
  for (int64_t i = 0; i < problem->count; i++) {
    const double from = x[problem->free[i]];
    if (problem->trial[i] <= 0.0 && from / (from - problem->trial[i]) < step) {
      step = from / (from - problem->trial[i]);
      blocking = i;
    }
  }
  int64_t kept = 0;
  for (int64_t i = 0; i < problem->count; i++) {
    const int64_t at = problem->free[i];
    x[at] += step * (problem->trial[i] - x[at]);
    if (i == blocking || !(x[at] > 0.0)) {
      x[at] = 0.0;
    } else {
      problem->free[kept++] = at;
    }
  }
  const bool reached = kept == problem->count;
  problem->count = kept;
  return reached;
}

/* The coefficient at 0 that the loss falls fastest along; -1 where it falls along none. */
static int64_t find_entering(const struct problem *problem, const double *x, double tolerance) {
  int64_t best = -1;
  double steepest = tolerance;
  for (int64_t i = 0; i < problem->size; i++) {
    double slope = problem->cross[i];
    for (int64_t j = 0; j < problem->size; j++) {
      slope -= problem->gram[i * problem->size + j] * x[j];
    }
    if (!(x[i] > 0.0) && slope > steepest) {
      best = i;
      steepest = slope;
    }
  }
  return best;
}

static void minimise(struct problem *problem, double *x) {
  double largest = 0.0;
  for (int64_t i = 0; i < problem->size; i++) {
    largest = fmax(largest, fabs(problem->cross[i]));
    if (x[i] > 0.0) {
      problem->free[problem->count++] = i;
    }
  }
  /* Each round lowers the loss; the bound is for what rounding may do. */
  for (int64_t round = 0; round < 10 * problem->size + 10; round++) {
    do {
      solve(problem);
    } while (!approach(problem, x));
    const int64_t entering = find_entering(problem, x, 1e-12 * largest);
    if (entering < 0) {
      return;
    }
    problem->free[problem->count++] = entering;
  }
}

enum diva_status diva_nnls(const double *gram, const double *cross, int64_t size, double *x,
                           struct diva_error *error) {
  const double share = 1e-10;
  struct problem problem = {.gram = gram, .cross = cross, .size = size};
  for (int64_t i = 0; i < size; i++) {
    problem.ridge = fmax(problem.ridge, share * gram[i * size + i]);
  }
  if (!(problem.ridge > 0.0)) {
    return DIVA_OK;
  }
  enum diva_status status =
      diva_allocate(size, sizeof *problem.free, "least squares", (void **)&problem.free, error);
  if (status == DIVA_OK) {
    status = diva_allocate(size * size, sizeof *problem.lower, "least squares",
                           (void **)&problem.lower, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_allocate(size, sizeof *problem.trial, "least squares", (void **)&problem.trial, error);
  }
  if (status == DIVA_OK) {
    minimise(&problem, x);
  }
  free(problem.free);
  free(problem.lower);
  free(problem.trial);
  return status;
}
