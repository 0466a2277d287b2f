/* The temperature at which softmax of the LOO scores predicts the labels best. */
#include "engine.h"

#include <math.h>

static double target_value(const struct diva_temperature_problem *problem, int64_t i, int64_t c) {
  if (problem->labels) {
    return problem->labels[i] == c ? 1.0 : 0.0;
  }
  return problem->targets[i * problem->outputs + c];
}

/* First and second derivative in t of one row's cross-entropy: y (E_p[F] - F) and variance. */
static void add_row(const struct diva_temperature_problem *problem, int64_t i, double t,
                    double *slope, double *curvature) {
  const double *score = problem->scores + i * problem->outputs;
  double largest = -INFINITY;
  for (int64_t c = 0; c < problem->outputs; c++) {
    largest = fmax(largest, score[c]);
  }
  double mass = 0.0;
  double mean = 0.0;
  double square = 0.0;
  for (int64_t c = 0; c < problem->outputs; c++) {
    const double shifted = score[c] - largest;
    const double p = exp(t * shifted);
    mass += p;
    mean += p * shifted;
    square += p * shifted * shifted;
  }
  mean /= mass;
  square /= mass;
  const double share = problem->shares ? problem->shares[i] : 1.0;
  for (int64_t c = 0; c < problem->outputs; c++) {
    const double y = share * target_value(problem, i, c);
    *slope += y * (mean - (score[c] - largest));
    *curvature += y * (square - mean * mean);
  }
}

/* Sums over all rows, by groups of blocks of fixed size, so that they are added in one order on any
 * number of threads. */
static void add_rows(const struct diva_temperature_problem *problem, double t, double *slope,
                     double *curvature) {
  enum { BLOCK = 1024, BLOCKS = 64 };
  for (int64_t first = 0; first < problem->rows; first += (int64_t)BLOCK * BLOCKS) {
    double slopes[BLOCKS] = {0};
    double curvatures[BLOCKS] = {0};
#pragma omp parallel for schedule(dynamic) num_threads(problem->threads)
    for (int64_t b = 0; b < BLOCKS; b++) {
      const int64_t start = first + b * BLOCK;
      const int64_t end = start + BLOCK < problem->rows ? start + BLOCK : problem->rows;
      for (int64_t i = start; i < end; i++) {
        add_row(problem, i, t, &slopes[b], &curvatures[b]);
      }
    }
    for (int64_t b = 0; b < BLOCKS; b++) {
      *slope += slopes[b];
      *curvature += curvatures[b];
    }
  }
}

double diva_temperature_fit(const struct diva_temperature_problem *problem) {
  enum { ITERATIONS = 100 };
  double low = 1e-3;
  double high = 1e4;
  double t = 1.0;
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    double slope = 0.0;
    double curvature = 0.0;
    add_rows(problem, t, &slope, &curvature);
    if (slope > 0.0) {
      high = t;
    } else {
      low = t;
    }
    double next = t - slope / curvature;
    if (!(next > low && next < high)) {
      next = sqrt(low * high);
    }
    const bool converged = fabs(next - t) <= 1e-12 * t || high / low < 1.0 + 1e-12;
    t = next;
    if (converged) {
      break;
    }
  }
  return t;
}
