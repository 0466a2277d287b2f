/* One step of exponentiated gradient (Kivinen and Warmuth, Inf. Comput. 132, 1997). */
#include "weight_step.h"

#include <math.h>
#include <string.h>

static double bounded(double weight, double factor, const struct diva_weight_bounds *bounds) {
  return fmin(fmax(weight * factor, bounds->minimum), bounds->maximum);
}

/* Mean of the training rows' weights times a factor, cut at the bounds. */
static double bounded_mean(const double *weights, int64_t rows, double factor,
                           const struct diva_weight_bounds *bounds) {
  double sum = 0.0;
  double trained = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    if (weights[i] > 0.0) {
      sum += bounded(weights[i], factor, bounds);
      trained += 1.0;
    }
  }
  return sum / trained;
}

void diva_weight_bound(double *weights, int64_t rows, const struct diva_weight_bounds *bounds) {
  enum { HALVINGS = 60 };
  double smallest = INFINITY;
  double largest = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    if (weights[i] > 0.0) {
      smallest = fmin(smallest, weights[i]);
      largest = fmax(largest, weights[i]);
    }
  }
  if (!(largest > 0.0)) {
    return;
  }
  double low = log(bounds->minimum / largest);
  double high = log(bounds->maximum / smallest);
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = 0.5 * (low + high);
    if (bounded_mean(weights, rows, exp(middle), bounds) < 1.0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const double factor = exp(0.5 * (low + high));
  for (int64_t i = 0; i < rows; i++) {
    weights[i] = weights[i] > 0.0 ? bounded(weights[i], factor, bounds) : 0.0;
  }
}

double diva_weight_effective(const double *weights, int64_t rows) {
  double sum = 0.0;
  double squares = 0.0;
  double trained = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    sum += weights[i];
    squares += weights[i] * weights[i];
    trained += weights[i] > 0.0;
  }
  return trained > 0.0 ? sum * sum / squares / trained : 0.0;
}

double diva_weight_gradient_size(const double *weights, const double *gradient, int64_t rows) {
  double sum = 0.0;
  double trained = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    if (weights[i] > 0.0) {
      sum += fabs(gradient[i]);
      trained += 1.0;
    }
  }
  return trained > 0.0 ? sum / trained : 0.0;
}

static int64_t group_of(const struct diva_weight_groups *by, int64_t row) {
  return by->codes[row] < 0 ? by->count : by->codes[row];
}

/* A group without training rows sums to 0 and would make the mean too small. */
static double count_groups(const struct diva_weight_groups *by, const double *start, int64_t rows,
                           double *seen) {
  double count = 0.0;
  memset(seen, 0, (size_t)(by->count + 1) * sizeof *seen);
  for (int64_t i = 0; i < rows; i++) {
    double *mark = &seen[group_of(by, i)];
    count += start[i] > 0.0 && !(*mark > 0.0);
    *mark = start[i] > 0.0 ? 1.0 : *mark;
  }
  return count;
}

double diva_weight_pool(const struct diva_weight_groups *by, const double *start, double *gradient,
                        int64_t rows, double *sums) {
  const double groups = count_groups(by, start, rows, sums);
  double size = 0.0;
  memset(sums, 0, (size_t)(by->count + 1) * sizeof *sums);
  for (int64_t i = 0; i < rows; i++) {
    if (start[i] > 0.0) {
      sums[group_of(by, i)] += start[i] * gradient[i];
    }
  }
  for (int64_t g = 0; g <= by->count; g++) {
    size += fabs(sums[g]);
  }
  for (int64_t i = 0; i < rows; i++) {
    gradient[i] = sums[group_of(by, i)];
  }
  return groups > 0.0 ? size / groups : 0.0;
}

void diva_weight_step(const double *weights, const double *gradient, double unit, double size,
                      int64_t rows, const struct diva_weight_bounds *bounds, double *out) {
  for (int64_t i = 0; i < rows; i++) {
    const double exponent = fmin(fmax(size * gradient[i] / unit, -1.0), 1.0);
    out[i] = weights[i] > 0.0 ? weights[i] * exp(-exponent) : 0.0;
  }
  diva_weight_bound(out, rows, bounds);
}
