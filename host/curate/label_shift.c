/* Class proportions of rows without labels. */
#include "label_shift.h"

#include "host/core/core.h"
#include "host/core/random.h"
#include "nnls.h"
#include "proportions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BOOTSTRAPS = 50, FOLDS = DIVA_LABEL_SHIFT_FOLDS };

/* A fit in progress; arrays owned. k classes. */
struct fit {
  const struct diva_label_shift_problem *problem;
  int64_t *order;    /* training rows by class */
  int64_t *begin;    /* k + 1: where each class begins in it */
  double *confusion; /* k x k: row c holds the mean probabilities of the rows of class c */
  double *mean;      /* k: of the target rows */
  double *gram;      /* k x k */
  double *cross;     /* k */
  double *estimate;  /* k */
  double *sums;      /* 2 x k: of bootstrap estimates and their squares */
};

static enum diva_status allocate(struct fit *fit, struct diva_error *error) {
  const int64_t k = fit->problem->classes;
  const struct {
    void **place;
    int64_t count;
  } arrays[] = {{(void **)&fit->order, fit->problem->train_rows},
                {(void **)&fit->begin, k + 1},
                {(void **)&fit->confusion, k * k},
                {(void **)&fit->mean, k},
                {(void **)&fit->gram, k * k},
                {(void **)&fit->cross, k},
                {(void **)&fit->estimate, k},
                {(void **)&fit->sums, 2 * k}};
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays && status == DIVA_OK; i++) {
    status = diva_allocate(arrays[i].count, (int64_t)sizeof(double), "class proportions",
                           arrays[i].place, error);
  }
  return status;
}

static void sort_by_class(struct fit *fit) {
  const struct diva_label_shift_problem *problem = fit->problem;
  int64_t at = 0;
  for (int64_t i = 0; i < problem->train_rows; i++) {
    fit->begin[problem->labels[i] + 1]++;
  }
  for (int64_t c = 0; c < problem->classes; c++) {
    fit->begin[c + 1] += fit->begin[c];
  }
  for (int64_t c = 0; c < problem->classes; c++) {
    for (int64_t i = 0; i < problem->train_rows; i++) {
      if (problem->labels[i] == c) {
        fit->order[at++] = i;
      }
    }
  }
}

/* The next row of a sample: `random` NULL takes the rows as they are. */
static int64_t pick(struct diva_random *random, int64_t i, int64_t count) {
  return random ? diva_random_below(random, count) : i;
}

static void add(const double *row, int64_t classes, int64_t count, double *mean) {
  for (int64_t c = 0; c < classes; c++) {
    mean[c] += row[c] / (double)count;
  }
}

static void average_training(struct fit *fit, struct diva_random *random) {
  const struct diva_label_shift_problem *problem = fit->problem;
  const int64_t k = problem->classes;
  memset(fit->confusion, 0, (size_t)(k * k) * sizeof *fit->confusion);
  for (int64_t c = 0; c < k; c++) {
    const int64_t count = fit->begin[c + 1] - fit->begin[c];
    for (int64_t i = 0; i < count; i++) {
      const int64_t row = fit->order[fit->begin[c] + pick(random, i, count)];
      add(problem->train + row * k, k, count, fit->confusion + c * k);
    }
  }
}

static void average_target(struct fit *fit, struct diva_random *random) {
  const struct diva_label_shift_problem *problem = fit->problem;
  const int64_t k = problem->classes;
  const int64_t rows = problem->target_rows;
  memset(fit->mean, 0, (size_t)k * sizeof *fit->mean);
  for (int64_t i = 0; i < rows; i++) {
    add(problem->target + pick(random, i, rows) * k, k, rows, fit->mean);
  }
}

/* Every so-many-th row is held out. */
static void average_target_without(struct fit *fit, int fold) {
  const struct diva_label_shift_problem *problem = fit->problem;
  const int64_t k = problem->classes;
  const int64_t rows = problem->target_rows - (problem->target_rows + FOLDS - 1 - fold) / FOLDS;
  memset(fit->mean, 0, (size_t)k * sizeof *fit->mean);
  for (int64_t i = 0; i < problem->target_rows; i++) {
    if (i % FOLDS != fold) {
      add(problem->target + i * k, k, rows, fit->mean);
    }
  }
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    sum += a[i] * b[i];
  }
  return sum;
}

/* Classes without a row have their training share; the others share the rest. */
static void fill_up(struct fit *fit) {
  const struct diva_label_shift_problem *problem = fit->problem;
  double absent = 0.0;
  double sum = 0.0;
  for (int64_t c = 0; c < problem->classes; c++) {
    const bool seen = fit->begin[c + 1] > fit->begin[c];
    absent += seen ? 0.0 : problem->training[c];
    sum += seen ? fit->estimate[c] : 0.0;
  }
  for (int64_t c = 0; c < problem->classes; c++) {
    const bool seen = fit->begin[c + 1] > fit->begin[c];
    fit->estimate[c] =
        seen && sum > 0.0 ? fit->estimate[c] * (1.0 - absent) / sum : problem->training[c];
  }
}

/* q of C q = mean, q >= 0, scaled to a distribution. */
static enum diva_status estimate(struct fit *fit, struct diva_error *error) {
  const int64_t k = fit->problem->classes;
  for (int64_t a = 0; a < k; a++) {
    fit->cross[a] = dot(fit->confusion + a * k, fit->mean, k);
    for (int64_t b = 0; b <= a; b++) {
      fit->gram[a * k + b] = dot(fit->confusion + a * k, fit->confusion + b * k, k);
      fit->gram[b * k + a] = fit->gram[a * k + b];
    }
  }
  const enum diva_status status = diva_nnls(fit->gram, fit->cross, k, fit->estimate, error);
  if (status == DIVA_OK) {
    fill_up(fit);
  }
  return status;
}

/* The variance of the estimate, summed over the classes. */
static enum diva_status bootstrap(struct fit *fit, double *errors, double *variance,
                                  struct diva_error *error) {
  const int64_t k = fit->problem->classes;
  struct diva_random random = {.state = fit->problem->seed};
  enum diva_status status = DIVA_OK;
  for (int b = 0; b < BOOTSTRAPS && status == DIVA_OK; b++) {
    average_training(fit, &random);
    average_target(fit, &random);
    status = estimate(fit, error);
    for (int64_t c = 0; c < k; c++) {
      fit->sums[c] += fit->estimate[c];
      fit->sums[k + c] += fit->estimate[c] * fit->estimate[c];
    }
  }
  *variance = 0.0;
  for (int64_t c = 0; c < k; c++) {
    const double mean = fit->sums[c] / BOOTSTRAPS;
    const double square = fmax(fit->sums[k + c] / BOOTSTRAPS - mean * mean, 0.0);
    errors[c] = sqrt(square);
    *variance += square;
  }
  return status;
}

static enum diva_status cross_fit(struct fit *fit, double variance, double *out,
                                  struct diva_error *error) {
  const struct diva_label_shift_problem *problem = fit->problem;
  const int64_t k = problem->classes;
  enum diva_status status = DIVA_OK;
  average_training(fit, NULL);
  for (int fold = 0; fold < FOLDS && status == DIVA_OK; fold++) {
    average_target_without(fit, fold);
    status = estimate(fit, error);
    memcpy(out + fold * k, fit->estimate, (size_t)k * sizeof *out);
    diva_proportions_shrink(problem->training, k, variance, out + fold * k);
  }
  return status;
}

static enum diva_status run(struct fit *fit, struct diva_label_shift *out,
                            struct diva_error *error) {
  const struct diva_label_shift_problem *problem = fit->problem;
  const size_t bytes = (size_t)problem->classes * sizeof *out->proportions;
  double variance = 0.0;
  sort_by_class(fit);
  memcpy(fit->estimate, problem->training, bytes);
  average_training(fit, NULL);
  average_target(fit, NULL);
  enum diva_status status = estimate(fit, error);
  if (status == DIVA_OK) {
    memcpy(out->proportions, fit->estimate, bytes);
    status = bootstrap(fit, out->standard_errors, &variance, error);
  }
  if (status == DIVA_OK) {
    out->kept =
        diva_proportions_shrink(problem->training, problem->classes, variance, out->proportions);
  }
  return status == DIVA_OK && out->fold_proportions
             ? cross_fit(fit, variance, out->fold_proportions, error)
             : status;
}

enum diva_status diva_label_shift_fit(const struct diva_label_shift_problem *problem,
                                      struct diva_label_shift *out, struct diva_error *error) {
  struct fit fit = {.problem = problem};
  enum diva_status status = allocate(&fit, error);
  if (status == DIVA_OK) {
    status = run(&fit, out, error);
  }
  free(fit.order);
  free(fit.begin);
  free(fit.confusion);
  free(fit.mean);
  free(fit.gram);
  free(fit.cross);
  free(fit.estimate);
  free(fit.sums);
  return status;
}
