/**
 * @file formulas.h
 * The scalar algebra of one row, written once for C11 and CUDA.
 *
 * Notation: e is the training residual of a row, h its leverage, r = e / (1 - h) its leave-one-out
 * (LOO) residual, y its target, F = y - r its LOO prediction, g = v dl/dF the weighted gradient of
 * its loss (Dukler et al., ICLR 2022, prop. 2 and 3). Rows of e may be float or double; the algebra
 * is double.
 */
#ifndef DIVA_FORMULAS_H
#define DIVA_FORMULAS_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define DIVA_FORMULA static __host__ __device__ inline
#else
#define DIVA_FORMULA static inline
#endif

/**
 * 1 - h for h = weight * form, form = z' C z. Rounding can push h past 1; the floor keeps r finite
 * and, being far below any genuine 1 - h in float64, only touches rows that the model interpolates.
 */
DIVA_FORMULA double diva_one_minus_leverage(double weight, double form) {
  const double floor = 1e-14;
  const double slack = 1.0 - weight * form;
  return slack > floor ? slack : floor;
}

/** The target of a row by output: a class label, or a row of targets where labels are absent. */
struct diva_target {
  const double *values; /**< NULL: one-hot of `label`; all zero for label -1 */
  int32_t label;
};

DIVA_FORMULA double diva_target_value(struct diva_target target, int64_t output) {
  return target.values ? target.values[output] : (output == target.label ? 1.0 : 0.0);
}

/** One row's residuals e, in the type the tile was computed in, and what turns them into F. */
struct diva_residual_row {
  const void *e; /**< outputs values, double or float */
  bool is_double;
  int64_t outputs;
  double one_minus_h;
};

/** e_c. */
DIVA_FORMULA double diva_training_residual(struct diva_residual_row row, int64_t output) {
  return row.is_double ? ((const double *)row.e)[output] : (double)((const float *)row.e)[output];
}

/** r_c = e_c / (1 - h). */
DIVA_FORMULA double diva_loo_residual(struct diva_residual_row row, int64_t output) {
  return diva_training_residual(row, output) / row.one_minus_h;
}

/** F_c = y_c - r_c. */
DIVA_FORMULA double diva_loo_score(struct diva_residual_row row, struct diva_target target,
                                   int64_t output) {
  return diva_target_value(target, output) - diva_loo_residual(row, output);
}

/** ||r||^2, the squared loss of F against y. */
DIVA_FORMULA double diva_squared_loss(struct diva_residual_row row) {
  double sum = 0.0;
  for (int64_t c = 0; c < row.outputs; c++) {
    const double r = diva_loo_residual(row, c);
    sum += r * r;
  }
  return sum;
}

/** Largest t F_c and log sum_c exp(t F_c), safe against overflow. */
struct diva_softmax {
  double temperature;
  double largest;
  double log_sum;
};

DIVA_FORMULA struct diva_softmax
diva_softmax_prepare(struct diva_residual_row row, struct diva_target target, double temperature) {
  struct diva_softmax softmax = {temperature, -INFINITY, 0.0};
  for (int64_t c = 0; c < row.outputs; c++) {
    const double logit = temperature * diva_loo_score(row, target, c);
    softmax.largest = logit > softmax.largest ? logit : softmax.largest;
  }
  double sum = 0.0;
  for (int64_t c = 0; c < row.outputs; c++) {
    sum += exp(temperature * diva_loo_score(row, target, c) - softmax.largest);
  }
  softmax.log_sum = softmax.largest + log(sum);
  return softmax;
}

DIVA_FORMULA double diva_softmax_probability(struct diva_softmax softmax, double score) {
  return exp(softmax.temperature * score - softmax.log_sum);
}

/** softmax(t F)_c - F_c from e = -F: the mean of y_c - F_c over labels y that are as likely as the
 * model says. */
DIVA_FORMULA double diva_expected_residual(struct diva_softmax softmax,
                                           struct diva_residual_row row, int64_t output) {
  const double e = diva_training_residual(row, output);
  return e + diva_softmax_probability(softmax, -e);
}

/** -sum_c y_c log softmax(t F)_c. */
DIVA_FORMULA double diva_cross_entropy_loss(struct diva_residual_row row, struct diva_target target,
                                            struct diva_softmax softmax) {
  double loss = 0.0;
  for (int64_t c = 0; c < row.outputs; c++) {
    const double y = diva_target_value(target, c);
    if (y != 0.0) {
      loss += y * (softmax.log_sum - softmax.temperature * diva_loo_score(row, target, c));
    }
  }
  return loss;
}

/** dl/dF_c of the squared loss. */
DIVA_FORMULA double diva_squared_gradient(double r) {
  return -2.0 * r;
}

/** dl/dF_c of the cross-entropy: t (p_c sum(y) - y_c). */
DIVA_FORMULA double diva_cross_entropy_gradient(struct diva_softmax softmax, double score, double y,
                                                double y_sum) {
  return softmax.temperature * (diva_softmax_probability(softmax, score) * y_sum - y);
}

/** Largest score of another class minus that of `label`, and the class of the largest score (ties:
 * the lower class). For label -1 the margin is NaN. */
struct diva_row_scores {
  double margin;
  int32_t best;
};

DIVA_FORMULA struct diva_row_scores diva_row_scores_of(struct diva_residual_row row,
                                                       struct diva_target target) {
  struct diva_row_scores scores = {NAN, 0};
  double best = -INFINITY;
  double best_other = -INFINITY;
  for (int64_t c = 0; c < row.outputs; c++) {
    const double score = diva_loo_score(row, target, c);
    if (score > best) {
      best = score;
      scores.best = (int32_t)c;
    }
    if (c != target.label && score > best_other) {
      best_other = score;
    }
  }
  if (target.label >= 0) {
    scores.margin = best_other - diva_loo_score(row, target, target.label);
  }
  return scores;
}

/** Weight of z z' in the second Gram matrix: b = alpha (g . r) / (1 - h). */
DIVA_FORMULA double diva_adjoint_weight(double weight, double gradient_dot_r, double one_minus_h) {
  return weight * gradient_dot_r / one_minus_h;
}

/** dL/dalpha_j = z_j' M e_j - (g_j . r_j) k_jj / (1 - h_j) + z_j' P z_j. */
DIVA_FORMULA double diva_derivative(double direct, double gradient_dot_r, double form,
                                    double one_minus_h, double quadratic) {
  return direct - gradient_dot_r * form / one_minus_h + quadratic;
}

/**
 * What a squared validation loss changes by when the weight of one row does, exactly, since
 * W changes by C z e' step / slack: D step / slack + q |e|^2 (step / slack)^2.
 * @param step        change of the weight: -alpha takes the row out
 * @param slack       1 + step k: 1 - h for a row that is taken out
 * @param derivative  D, of the loss by the weight
 * @param square      |e|^2 of the residual as trained
 * @param spread      q = z' C (sum_v v z_v z_v') C z over the validation rows
 */
DIVA_FORMULA double diva_weight_effect(double step, double slack, double derivative, double square,
                                       double spread) {
  const double scale = step / slack;
  return scale * derivative + scale * scale * square * spread;
}

/** One term of the LOO path: residual and leverage as sums over eigenvectors, squared LOO error. */
DIVA_FORMULA double diva_shrinkage(double eigenvalue, double lambda) {
  return 1.0 / (eigenvalue + lambda);
}

#endif
