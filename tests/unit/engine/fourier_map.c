/* Random Fourier features by their definition, in long double. */
#include "fourier_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 as published: the state steps by the golden ratio and is mixed. */
static uint64_t next_bits(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static double uniform(uint64_t *state) {
  return ((double)(next_bits(state) >> 11) + 1.0) / 9007199254740992.0;
}

/* D / 2 x d standard normal numbers, in pairs by Box and Muller. */
static double *draw_normals(const struct fourier_spec *spec, int64_t columns) {
  const int64_t count = spec->features / 2 * columns;
  double *normals = reference_allocate(count + 1, sizeof *normals);
  uint64_t state = spec->seed ^ UINT64_C(0x466f757269657221);
  for (int64_t i = 0; i < count; i += 2) {
    const double radius = sqrt(-2.0 * log(uniform(&state)));
    const double angle = 2.0 * acos(-1.0) * uniform(&state);
    normals[i] = radius * cos(angle);
    normals[i + 1] = radius * sin(angle);
  }
  return normals;
}

static double weight_of(const struct brute_problem *problem, int64_t i) {
  const bool unlabelled = problem->train.labels && problem->train.labels[i] < 0;
  return unlabelled ? 0.0 : (problem->weights ? problem->weights[i] : 1.0);
}

static long double *scale_l2(const struct brute_problem *problem, const struct brute_rows *rows) {
  const int64_t d = problem->columns;
  long double *x = reference_allocate(rows->rows * d, sizeof *x);
  for (int64_t i = 0; i < rows->rows; i++) {
    long double squares = 0.0L;
    for (int64_t j = 0; j < d; j++) {
      x[i * d + j] = rows->features[i * d + j];
      squares += x[i * d + j] * x[i * d + j];
    }
    for (int64_t j = 0; j < d && problem->scale == DIVA_SCALE_L2 && squares > 0.0L; j++) {
      x[i * d + j] /= sqrtl(squares);
    }
  }
  return x;
}

struct moments {
  long double *mean, *deviation; /* of each column; the first zero where nothing is centred */
  long double norm;              /* root of the mean squared norm */
};

static struct moments find_moments(const struct brute_problem *problem, const long double *x) {
  const int64_t d = problem->columns;
  const bool standardize = problem->scale == DIVA_SCALE_STANDARDIZE;
  struct moments moments = {reference_allocate(d, sizeof(long double)),
                            reference_allocate(d, sizeof(long double)), 0.0L};
  for (int64_t j = 0; j < d; j++) {
    long double total = 0.0L;
    long double squares = 0.0L;
    for (int64_t i = 0; i < problem->train.rows; i++) {
      total += weight_of(problem, i);
      moments.mean[j] += weight_of(problem, i) * x[i * d + j];
    }
    moments.mean[j] = problem->intercept || standardize ? moments.mean[j] / total : 0.0L;
    for (int64_t i = 0; i < problem->train.rows; i++) {
      const long double centred = x[i * d + j] - moments.mean[j];
      squares += weight_of(problem, i) * centred * centred;
    }
    moments.deviation[j] = standardize ? sqrtl(squares / total) : 1.0L;
    if (moments.deviation[j] > 0.0L) {
      moments.norm += squares / total / (moments.deviation[j] * moments.deviation[j]);
    }
  }
  moments.norm = sqrtl(moments.norm);
  return moments;
}

/* The linear columns of rows: scaled, centred, of mean squared norm 1. */
static long double *linear_columns(const struct brute_problem *problem,
                                   const struct brute_rows *rows, double *norm) {
  const int64_t d = problem->columns;
  long double *train = scale_l2(problem, &problem->train);
  long double *x = scale_l2(problem, rows);
  const struct moments moments = find_moments(problem, train);
  for (int64_t i = 0; i < rows->rows; i++) {
    for (int64_t j = 0; j < d; j++) {
      const long double spread = moments.deviation[j] * moments.norm;
      x[i * d + j] = spread > 0.0L ? (x[i * d + j] - moments.mean[j]) / spread : 0.0L;
    }
  }
  *norm = (double)moments.norm;
  free(moments.mean);
  free(moments.deviation);
  free(train);
  return x;
}

static long double distance(const long double *a, const long double *b, int64_t d) {
  long double sum = 0.0L;
  for (int64_t j = 0; j < d; j++) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sqrtl(sum);
}

static int compare_reals(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_distance(const struct brute_problem *problem, const long double *x) {
  const int64_t n = problem->train.rows;
  const int64_t d = problem->columns;
  double *distances = reference_allocate(n * n, sizeof *distances);
  size_t pairs = 0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = i + 1; j < n; j++) {
      if (weight_of(problem, i) > 0.0 && weight_of(problem, j) > 0.0) {
        distances[pairs] = (double)distance(x + i * d, x + j * d, d);
        pairs += distances[pairs] > 0.0;
      }
    }
  }
  qsort(distances, pairs, sizeof *distances, compare_reals);
  const double median = pairs > 0 ? distances[pairs / 2] : 1.0;
  free(distances);
  return median;
}

/* Rows in the features of the kernel: linear columns, cosines, sines. */
static void map_rows(const struct brute_problem *problem, const struct fourier_spec *spec,
                     double bandwidth, const struct brute_rows *rows, struct brute_rows *out) {
  const int64_t d = problem->columns;
  const int64_t p = spec->features / 2;
  const int64_t width = d + 2 * p;
  double norm;
  double *normals = draw_normals(spec, d);
  long double *x = linear_columns(problem, rows, &norm);
  *out = *rows;
  out->features = reference_allocate(rows->rows * width, sizeof *out->features);
  for (int64_t i = 0; i < rows->rows; i++) {
    double *z = out->features + i * width;
    for (int64_t j = 0; j < d; j++) {
      z[j] = (double)x[i * d + j];
    }
    for (int64_t f = 0; f < p; f++) {
      long double u = 0.0L;
      for (int64_t j = 0; j < d; j++) {
        u += x[i * d + j] * (long double)normals[f * d + j] / bandwidth;
      }
      z[d + f] = (double)(cosl(u) / sqrtl((long double)p));
      z[d + p + f] = (double)(sinl(u) / sqrtl((long double)p));
    }
  }
  free(x);
  free(normals);
}

void fourier_map_problem(const struct brute_problem *problem, const struct fourier_spec *spec,
                         struct brute_problem *out, double *sigma) {
  double norm;
  long double *x = linear_columns(problem, &problem->train, &norm);
  const double bandwidth = spec->bandwidth * median_distance(problem, x);
  free(x);
  *out = *problem;
  out->columns = problem->columns + spec->features;
  out->scale = DIVA_SCALE_NONE;
  map_rows(problem, spec, bandwidth, &problem->train, &out->train);
  map_rows(problem, spec, bandwidth, &problem->validation, &out->validation);
  if (sigma) {
    *sigma = bandwidth * norm;
  }
}

double fourier_map_exact(const struct brute_problem *problem, double sigma, int64_t a, int64_t b) {
  const int64_t d = problem->columns;
  double norm;
  long double *x = linear_columns(problem, &problem->train, &norm);
  long double product = 0.0L;
  for (int64_t j = 0; j < d; j++) {
    product += x[a * d + j] * x[b * d + j];
  }
  const long double ratio = distance(x + a * d, x + b * d, d) * norm / sigma;
  free(x);
  return (double)(product + expl(-0.5L * ratio * ratio));
}

void fourier_map_free(struct brute_problem *mapped) {
  free(mapped->train.features);
  free(mapped->validation.features);
  mapped->train.features = mapped->validation.features = NULL;
}
