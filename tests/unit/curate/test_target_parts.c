/* What target importances are made of, each against brute force: the density ratio and its
 * leave-one-out criterion, least squares without negative coefficients, shrinkage, label shift. */
#include "host/curate/label_shift.h"
#include "host/curate/nnls.h"
#include "host/curate/proportions.h"
#include "host/curate/ulsif.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a normal distribution of variance 1 in each column. */
static double *draw_normal(struct reference_random *random, int64_t rows, int64_t columns,
                           double mean, double deviation) {
  double *out = reference_allocate(rows * columns, sizeof *out);
  for (int64_t i = 0; i < rows * columns; i++) {
    out[i] = mean + deviation * reference_normal(random);
  }
  return out;
}

static double kernel(const double *a, const double *b, int64_t columns, double sigma) {
  double sum = 0.0;
  for (int64_t j = 0; j < columns; j++) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return exp(-sum / (2.0 * sigma * sigma));
}

/* Solves A x = b by elimination; A and b are overwritten. */
static void eliminate(double *a, double *b, int64_t n) {
  for (int64_t p = 0; p < n; p++) {
    for (int64_t i = p + 1; i < n; i++) {
      const double factor = a[i * n + p] / a[p * n + p];
      for (int64_t j = p; j < n; j++) {
        a[i * n + j] -= factor * a[p * n + j];
      }
      b[i] -= factor * b[p];
    }
  }
  for (int64_t p = n - 1; p >= 0; p--) {
    for (int64_t j = p + 1; j < n; j++) {
      b[p] -= a[p * n + j] * b[j];
    }
    b[p] /= a[p * n + p];
  }
}

/* Samples with one row of either left out (-1: none), fitted from scratch, at a row. With v the
 * training rows weighted by it stand for the target. */
static double refit(const struct diva_ulsif_problem *problem, const struct diva_ulsif *like,
                    const double *v, int64_t train_out, int64_t target_out, const double *at) {
  const int64_t b = like->centres;
  const int64_t d = problem->columns;
  double *h = reference_allocate(b * b, sizeof *h);
  double *means = reference_allocate(b, sizeof *means);
  double *phi = reference_allocate(b, sizeof *phi);
  const double n = (double)(problem->train_rows - (train_out >= 0));
  const double m = (double)(problem->target_rows - (target_out >= 0));
  for (int64_t i = 0; i < problem->train_rows; i++) {
    for (int64_t l = 0; l < b && i != train_out; l++) {
      phi[l] = kernel(problem->train + i * d, like->centre + l * d, d, like->sigma);
    }
    for (int64_t e = 0; e < b * b && i != train_out; e++) {
      h[e] += phi[e / b] * phi[e % b] / n;
    }
    for (int64_t l = 0; l < b && v && i != train_out; l++) {
      means[l] += v[i] * phi[l] / n;
    }
  }
  for (int64_t i = 0; i < problem->target_rows && !v; i++) {
    for (int64_t l = 0; l < b && i != target_out; l++) {
      means[l] += kernel(problem->target + i * d, like->centre + l * d, d, like->sigma) / m;
    }
  }
  for (int64_t l = 0; l < b; l++) {
    h[l * b + l] += like->ridge;
  }
  eliminate(h, means, b);
  double ratio = 0.0;
  for (int64_t l = 0; l < b; l++) {
    ratio += means[l] * kernel(at, like->centre + l * d, d, like->sigma);
  }
  free(h);
  free(means);
  free(phi);
  return fmax(ratio, 0.0);
}

static void fit(const struct diva_ulsif_problem *problem, struct diva_ulsif *out) {
  struct diva_error error = {0};
  cr_assert(diva_ulsif_fit(problem, out, &error) == DIVA_OK, "%s", error.message);
}

static bool is_centre(const struct diva_ulsif *found, const double *row) {
  for (int64_t l = 0; l < found->centres; l++) {
    if (memcmp(row, found->centre + l * found->columns, (size_t)found->columns * sizeof *row) ==
        0) {
      return true;
    }
  }
  return false;
}

/* Ratios of all rows by refits without them, of the target itself or of the rival; NaN of centres.
 */
static void refit_ratios(const struct diva_ulsif_problem *problem, const struct diva_ulsif *found,
                         bool rival, double *out) {
  const int64_t n = problem->train_rows;
  const int64_t d = problem->columns;
  for (int64_t i = 0; i < n; i++) {
    out[i] = refit(problem, found, rival ? problem->rival : NULL, i, -1, problem->train + i * d);
  }
  for (int64_t i = 0; i < problem->target_rows; i++) {
    const double *v = rival ? problem->rival_folds + i % problem->folds * n : NULL;
    const double *row = problem->target + i * d;
    out[n + i] =
        is_centre(found, row) ? (double)NAN : refit(problem, found, v, -1, rival ? -1 : i, row);
  }
}

/* Mean, and variance of it, of values that are not NaN. */
static double mean_of(const double *values, int64_t count, double *variance) {
  double rows = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (!isnan(values[i])) {
      rows += 1.0;
      sum += values[i];
    }
  }
  for (int64_t i = 0; i < count; i++) {
    squares += isnan(values[i]) ? 0.0 : (values[i] - sum / rows) * (values[i] - sum / rows);
  }
  *variance = squares / rows / rows;
  return sum / rows;
}

/* Training rows count by half the square of their ratio, target rows by its negative. */
static double criterion_of(const double *ratios, int64_t n, int64_t m, double *terms,
                           double *variance) {
  double part[2];
  for (int64_t i = 0; i < n + m; i++) {
    terms[i] = i < n ? 0.5 * ratios[i] * ratios[i] : -ratios[i];
  }
  const double criterion = mean_of(terms, n, &part[0]) + mean_of(terms + n, m, &part[1]);
  *variance = part[0] + part[1];
  return criterion;
}

static void expect_criteria(const struct diva_ulsif_problem *problem,
                            const struct diva_ulsif *found) {
  const int64_t n = problem->train_rows;
  const int64_t m = problem->target_rows;
  double *ratios = reference_allocate(n + m, sizeof *ratios);
  double *own = reference_allocate(n + m, sizeof *own);
  double *other = reference_allocate(n + m, sizeof *other);
  double parts[2];
  refit_ratios(problem, found, false, ratios);
  const double want = criterion_of(ratios, n, m, own, &parts[0]);
  cr_expect(fabs(found->criterion / want - 1.0) < 1e-9, "%.12g, not %.12g", found->criterion, want);
  if (problem->rival) {
    refit_ratios(problem, found, true, ratios);
    const double rival = criterion_of(ratios, n, m, other, &parts[0]);
    cr_expect(fabs(found->rival_criterion / rival - 1.0) < 1e-9, "rival: %.12g, not %.12g",
              found->rival_criterion, rival);
    for (int64_t i = 0; i < n + m; i++) {
      own[i] -= other[i];
    }
    mean_of(own, n, &parts[0]);
    mean_of(own + n, m, &parts[1]);
    const double error = sqrt(parts[0] + parts[1]);
    cr_expect(fabs(found->rival_error / error - 1.0) < 1e-9, "error: %.12g, not %.12g",
              found->rival_error, error);
  } else {
    cr_expect(isnan(found->rival_criterion) && isnan(found->rival_error));
  }
  free(ratios);
  free(own);
  free(other);
}

/* Each row's ratio by a refit without it gives the criteria that the closed forms gave. */
Test(target_parts, criterion_is_that_of_refits) {
  enum { N = 40, M = 25, D = 2, FOLDS = 2 };
  const struct diva_progress silent = {0};
  struct reference_random random = {7};
  double *train = draw_normal(&random, N, D, 0.0, 1.0);
  double *target = draw_normal(&random, M, D, 0.7, 0.8);
  double *v = reference_allocate((1 + FOLDS) * N, sizeof *v);
  const double ridges[] = {0.001, 0.1, 3.0};
  for (int64_t i = 0; i < (int64_t)(1 + FOLDS) * N; i++) {
    v[i] = exp(0.5 * reference_normal(&random));
  }
  for (int r = 0; r < 3; r++) {
    const struct diva_ulsif_problem problem = {.train = train,
                                               .target = target,
                                               .train_rows = N,
                                               .target_rows = M,
                                               .stride = D,
                                               .columns = D,
                                               .centres = 8,
                                               .rival = r == 2 ? NULL : v,
                                               .rival_folds = v + N,
                                               .folds = FOLDS,
                                               .sigma = 0.9,
                                               .ridge = ridges[r],
                                               .threads = 1 + r % 2,
                                               .progress = &silent};
    struct diva_ulsif found;
    fit(&problem, &found);
    expect_criteria(&problem, &found);
    for (int64_t i = 0; i < N; i++) {
      const double ratio = refit(&problem, &found, NULL, -1, -1, train + i * D);
      cr_expect(fabs(diva_ulsif_ratio(&found, train + i * D) - ratio) < 1e-9);
    }
    diva_ulsif_free(&found);
  }
  free(train);
  free(target);
  free(v);
}

/* Mean squared error of the ratio over the training rows, as a share of its own mean square about
 * 1: 1 is as bad as no ratio at all. Training is N(0, 1), the target N(mean, 1). */
static double relative_error(int64_t columns, double mean, struct diva_ulsif *found) {
  enum { N = 2000, M = 1500 };
  const struct diva_progress silent = {0};
  struct reference_random random = {11};
  double *train = draw_normal(&random, N, columns, 0.0, 1.0);
  double *target = draw_normal(&random, M, columns, mean, 1.0);
  const struct diva_ulsif_problem problem = {.train = train,
                                             .target = target,
                                             .train_rows = N,
                                             .target_rows = M,
                                             .stride = columns,
                                             .columns = columns,
                                             .centres = 100,
                                             .threads = 2,
                                             .progress = &silent};
  double error = 0.0;
  double spread = 0.0;
  fit(&problem, found);
  for (int64_t i = 0; i < N; i++) {
    double exponent = 0.0;
    for (int64_t j = 0; j < columns; j++) {
      exponent += mean * train[i * columns + j] - 0.5 * mean * mean;
    }
    const double want = exp(exponent);
    const double got = diva_ulsif_ratio(found, train + i * columns);
    error += (got - want) * (got - want);
    spread += (want - 1.0) * (want - 1.0);
  }
  free(train);
  free(target);
  return error / spread;
}

Test(target_parts, ratio_of_two_normal_distributions) {
  struct diva_ulsif found;
  /* Without a ratio all of it would be missed. */
  const double flat = relative_error(1, 0.6, &found);
  cr_expect(flat < 0.06, "one dimension: %g", flat);
  cr_expect(found.sigma > 0.0 && found.ridge > 0.0 && found.centres == 100);
  diva_ulsif_free(&found);
  const double deep = relative_error(5, 0.3, &found);
  cr_expect(deep < 0.4, "five dimensions: %g", deep);
  diva_ulsif_free(&found);
  printf("share of the ratio that is missed: %.4f in one dimension, %.4f in five\n", flat, deep);
}

/* The target is the training distribution: the ratio is 1, and no sigma or ridge makes more of it.
 */
Test(target_parts, ratio_of_one_distribution) {
  enum { N = 1500 };
  const struct diva_progress silent = {0};
  struct reference_random random = {13};
  double *rows = draw_normal(&random, 2 * (int64_t)N, 3, 0.0, 1.0);
  const struct diva_ulsif_problem problem = {.train = rows,
                                             .target = rows + (int64_t)3 * N,
                                             .train_rows = N,
                                             .target_rows = N,
                                             .stride = 3,
                                             .columns = 3,
                                             .centres = 100,
                                             .threads = 1,
                                             .progress = &silent};
  struct diva_ulsif found, again;
  double error = 0.0;
  fit(&problem, &found);
  fit(&problem, &again);
  for (int64_t i = 0; i < N; i++) {
    const double ratio = diva_ulsif_ratio(&found, rows + 3 * i);
    error += (ratio - 1.0) * (ratio - 1.0) / N;
    cr_expect(ratio == diva_ulsif_ratio(&again, rows + 3 * i));
  }
  cr_expect(error < 0.03, "mean squared error %g", error);
  cr_expect(fabs(found.criterion + 0.5) < 0.02, "criterion %g", found.criterion);
  cr_expect(found.criterion == again.criterion);
  diva_ulsif_free(&found);
  diva_ulsif_free(&again);
  free(rows);
}

static double loss(const double *gram, const double *cross, const double *x, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum -= cross[i] * x[i];
    for (int64_t j = 0; j < n; j++) {
      sum += 0.5 * x[i] * gram[i * n + j] * x[j];
    }
  }
  return sum;
}

/* The least loss over every set of coefficients that may differ from 0. */
static double search_sets(const double *gram, const double *cross, int64_t n, double *best) {
  double least = 0.0;
  memset(best, 0, (size_t)n * sizeof *best);
  double *a = reference_allocate(n * n, sizeof *a);
  double *b = reference_allocate(n, sizeof *b);
  for (uint64_t set = 1; set < 1U << n; set++) {
    bool feasible = true;
    for (int64_t i = 0; i < n; i++) {
      const bool in = set >> i & 1;
      b[i] = in ? cross[i] : 0.0;
      for (int64_t j = 0; j < n; j++) {
        a[i * n + j] = in && set >> j & 1 ? gram[i * n + j] : (double)(i == j);
      }
    }
    eliminate(a, b, n);
    for (int64_t i = 0; i < n; i++) {
      feasible = feasible && b[i] >= 0.0;
    }
    if (feasible && loss(gram, cross, b, n) < least) {
      least = loss(gram, cross, b, n);
      memcpy(best, b, (size_t)n * sizeof *best);
    }
  }
  free(a);
  free(b);
  return least;
}

Test(target_parts, least_squares_against_every_active_set) {
  enum { N = 6, ROWS = 8 };
  struct reference_random random = {17};
  int64_t bounded = 0;
  for (int trial = 0; trial < 200; trial++) {
    double rows[ROWS * N], side[ROWS], gram[N * N] = {0}, cross[N] = {0}, want[N], got[N];
    struct diva_error error = {0};
    for (int i = 0; i < ROWS; i++) {
      side[i] = reference_normal(&random);
      for (int j = 0; j < N; j++) {
        rows[i * N + j] = reference_normal(&random) + 0.3 * trial / 50.0;
      }
    }
    for (int64_t e = 0; e < (int64_t)N * N; e++) {
      for (int i = 0; i < ROWS; i++) {
        gram[e] += rows[i * N + e / N] * rows[i * N + e % N];
      }
    }
    for (int j = 0; j < N; j++) {
      for (int i = 0; i < ROWS; i++) {
        cross[j] += rows[i * N + j] * side[i];
      }
    }
    search_sets(gram, cross, N, want);
    for (int start = 0; start < 2; start++) {
      for (int j = 0; j < N; j++) {
        got[j] = start ? 1.0 / N : 0.0;
      }
      cr_assert(diva_nnls(gram, cross, N, got, &error) == DIVA_OK);
      for (int j = 0; j < N; j++) {
        cr_expect(got[j] >= 0.0 && fabs(got[j] - want[j]) < 1e-6,
                  "trial %d, coefficient %d: %.9g, not %.9g", trial, j, got[j], want[j]);
        bounded += start && want[j] == 0.0;
      }
    }
  }
  cr_expect(bounded > 200 && bounded < 1000, "%lld of 1200 at the bound", (long long)bounded);
}

/* A coefficient that makes no difference keeps it finite. */
Test(target_parts, least_squares_of_what_is_singular) {
  const double gram[9] = {2, 2, 0, 2, 2, 0, 0, 0, 0};
  const double cross[3] = {1, 1, 0};
  double x[3] = {0.5, 0.5, 0.5};
  struct diva_error error = {0};
  cr_assert(diva_nnls(gram, cross, 3, x, &error) == DIVA_OK);
  cr_expect(fabs(x[0] + x[1] - 0.5) < 1e-6 && x[0] >= 0.0 && x[1] >= 0.0 && isfinite(x[2]));
}

Test(target_parts, shrinkage_as_defined) {
  const double training[4] = {0.7, 0.2, 0.1, 0.0};
  const double estimate[4] = {0.30, 0.36, 0.34, 0.0};
  double got[4];
  double squares = 0.0;
  for (int c = 0; c < 3; c++) {
    squares += (estimate[c] - 1.0 / 3.0) * (estimate[c] - 1.0 / 3.0);
  }
  /* Nearer to equal shares of the three classes there are than to those in training. */
  const double variances[] = {0.0, 0.25 * squares, squares, 5.0 * squares};
  const double kept[] = {1.0, 0.75, 0.0, 0.0};
  for (int v = 0; v < 4; v++) {
    memcpy(got, estimate, sizeof got);
    cr_expect(fabs(diva_proportions_shrink(training, 4, variances[v], got) - kept[v]) < 1e-12);
    for (int c = 0; c < 3; c++) {
      cr_expect(fabs(got[c] - 1.0 / 3.0 - kept[v] * (estimate[c] - 1.0 / 3.0)) < 1e-12);
    }
    cr_expect(got[3] == 0.0);
  }
  /* Nearer to training: all noise leaves exactly that. */
  const double near[4] = {0.66, 0.22, 0.12, 0.0};
  memcpy(got, near, sizeof got);
  cr_expect(diva_proportions_shrink(training, 4, 1.0, got) == 0.0);
  cr_expect(memcmp(got, training, sizeof got) == 0);
}

/* Probabilities as a model that confuses neighbouring classes gives them. */
static void draw_probabilities(struct reference_random *random, int32_t own, int64_t classes,
                               double *out) {
  double sum = 0.0;
  for (int64_t c = 0; c < classes; c++) {
    const double centre = c == own ? 2.0 : (c == (own + 1) % classes ? 1.0 : 0.0);
    out[c] = exp(centre + 0.7 * reference_normal(random));
    sum += out[c];
  }
  for (int64_t c = 0; c < classes; c++) {
    out[c] /= sum;
  }
}

static int32_t draw_class(struct reference_random *random, const double *proportions) {
  double left = 0.5 * (reference_uniform(random) + 1.0);
  int32_t c = 0;
  for (; c < 3 && left >= proportions[c]; c++) {
    left -= proportions[c];
  }
  return c;
}

Test(target_parts, label_shift_is_found) {
  enum { K = 4, N = 3000, M = 2000 };
  const double training[K] = {0.4, 0.3, 0.2, 0.1};
  const double wanted[K] = {0.05, 0.15, 0.2, 0.6};
  double proportions[K], errors[K], folds[DIVA_LABEL_SHIFT_FOLDS * K];
  struct diva_error error = {0};
  struct reference_random random = {23};
  double *train = reference_allocate(N * K, sizeof *train);
  double *target = reference_allocate(M * K, sizeof *target);
  int32_t *labels = reference_allocate(N, sizeof *labels);
  double sum = 0.0;
  for (int64_t i = 0; i < N; i++) {
    labels[i] = draw_class(&random, training);
    draw_probabilities(&random, labels[i], K, train + i * K);
  }
  for (int64_t i = 0; i < M; i++) {
    draw_probabilities(&random, draw_class(&random, wanted), K, target + i * K);
  }
  const struct diva_label_shift_problem problem = {.train = train,
                                                   .labels = labels,
                                                   .target = target,
                                                   .training = training,
                                                   .train_rows = N,
                                                   .target_rows = M,
                                                   .classes = K};
  struct diva_label_shift shift = {
      .proportions = proportions, .standard_errors = errors, .fold_proportions = folds};
  cr_assert(diva_label_shift_fit(&problem, &shift, &error) == DIVA_OK, "%s", error.message);
  for (int c = 0; c < K; c++) {
    cr_expect(errors[c] > 0.005 && errors[c] < 0.05, "standard error of class %d: %g", c,
              errors[c]);
    cr_expect(fabs(proportions[c] - wanted[c]) < 4.0 * errors[c], "class %d: %g, not %g", c,
              proportions[c], wanted[c]);
    sum += proportions[c];
  }
  cr_expect(fabs(sum - 1.0) < 1e-12);
  cr_expect(shift.kept > 0.9 && shift.kept <= 1.0);
  for (int e = 0; e < DIVA_LABEL_SHIFT_FOLDS * K; e++) {
    cr_expect(fabs(folds[e] - wanted[e % K]) < 5.0 * errors[e % K]);
    cr_expect(folds[e] != proportions[e % K]);
  }
  free(train);
  free(target);
  free(labels);
}
