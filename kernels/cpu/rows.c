/* What each row gets from its residual: loss, margin, gradient, derivative; and the LOO path. */
#include "cpu_internal.h"
#include "kernels/formulas.h"

#include <omp.h>
#include <string.h>

static struct diva_residual_row residual_row(const struct diva_backend *backend,
                                             struct diva_matrix e, int64_t i,
                                             const struct diva_row_facts *facts) {
  const double *weight = diva_cpu_reals(facts->weight);
  const double *form = diva_cpu_reals(facts->form);
  const void *values = diva_cpu_address(e, i, 0, backend->element);
  const bool doubles = backend->config.double_tiles;
  return (struct diva_residual_row){
      .e = values,
      .is_double = doubles,
      .outputs = e.columns,
      .one_minus_h = form ? diva_one_minus_leverage(weight[i], form[i]) : 1.0,
  };
}

static struct diva_target row_target(const struct diva_row_facts *facts, int64_t i) {
  if (facts->targets.buffer) {
    return (struct diva_target){diva_cpu_address(facts->targets, i, 0, sizeof(double)), -1};
  }
  return (struct diva_target){NULL, diva_cpu_integers(facts->labels)[i]};
}

static double target_sum(struct diva_target target, int64_t outputs) {
  if (!target.values) {
    return target.label >= 0 ? 1.0 : 0.0;
  }
  double sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    sum += target.values[c];
  }
  return sum;
}

static void set_real(struct diva_vector vector, int64_t i, double value) {
  if (vector.buffer) {
    diva_cpu_reals(vector)[i] = value;
  }
}

/* What a row's gradient is made with: v, and the share c alpha of e to be taken from it. */
struct gradient_terms {
  double importance;
  double residual_share;
};

/* g = v dl/dF by output; writes g / (1 - h) - c alpha e where wanted and returns g . r. */
static double write_gradient(const struct diva_backend *backend, struct diva_residual_row row,
                             struct diva_target target, const struct diva_softmax *softmax,
                             struct gradient_terms terms, struct diva_matrix out, int64_t i) {
  const double y_sum = softmax ? target_sum(target, row.outputs) : 0.0;
  double gradient_dot_r = 0.0;
  for (int64_t c = 0; c < row.outputs; c++) {
    const double r = diva_loo_residual(row, c);
    double gradient = 0.0;
    if (terms.importance != 0.0) {
      gradient = terms.importance *
                 (softmax ? diva_cross_entropy_gradient(*softmax, diva_loo_score(row, target, c),
                                                        diva_target_value(target, c), y_sum)
                          : diva_squared_gradient(r));
    }
    gradient_dot_r += gradient * r;
    if (out.buffer) {
      const double scaled =
          gradient / row.one_minus_h - terms.residual_share * diva_training_residual(row, c);
      void *to = diva_cpu_address(out, i, c, backend->element);
      if (backend->config.double_tiles) {
        *(double *)to = scaled;
      } else {
        *(float *)to = (float)scaled;
      }
    }
  }
  return gradient_dot_r;
}

static void write_scores(struct diva_residual_row row, struct diva_target target,
                         const struct diva_row_results *results, int64_t i) {
  const int64_t place = results->score_rows.buffer ? diva_cpu_integers(results->score_rows)[i] : i;
  if (results->scores.buffer && place >= 0) {
    double *scores = diva_cpu_address(results->scores, place, 0, sizeof(double));
    for (int64_t c = 0; c < row.outputs; c++) {
      scores[c] = diva_loo_score(row, target, c);
    }
  }
  if (results->margin.buffer || results->suggested.buffer) {
    const struct diva_row_scores scores = diva_row_scores_of(row, target);
    set_real(results->margin, i, scores.margin);
    if (results->suggested.buffer) {
      diva_cpu_integers(results->suggested)[i] = scores.best;
    }
  }
}

static void loo_row(const struct diva_backend *backend, struct diva_matrix e,
                    const struct diva_row_facts *facts, const struct diva_row_results *results,
                    int64_t i) {
  const struct diva_residual_row row = residual_row(backend, e, i, facts);
  const struct diva_target target = row_target(facts, i);
  const bool fitted = !isnan(facts->temperature);
  const bool entropy = facts->loss == DIVA_LOSS_CROSS_ENTROPY;
  const bool wants_softmax = fitted && (entropy || results->quality.buffer);
  struct diva_softmax softmax = {0};
  if (wants_softmax) {
    softmax = diva_softmax_prepare(row, target, facts->temperature);
  }
  write_scores(row, target, results, i);
  if (results->quality.buffer) {
    const bool known = fitted && target.label >= 0;
    set_real(results->quality, i,
             known ? diva_softmax_probability(softmax, diva_loo_score(row, target, target.label))
                   : NAN);
  }
  if (entropy && !fitted) {
    return;
  }
  if (results->loss.buffer) {
    set_real(results->loss, i,
             entropy ? diva_cross_entropy_loss(row, target, softmax) : diva_squared_loss(row));
  }
  if (results->gradient_dot_r.buffer || results->adjoint.buffer ||
      results->scaled_gradient.buffer) {
    const double weight = facts->weight.buffer ? diva_cpu_reals(facts->weight)[i] : 0.0;
    const struct gradient_terms terms = {diva_cpu_reals(facts->importance)[i],
                                         facts->gradient_shift * weight};
    const double gradient_dot_r = write_gradient(backend, row, target, entropy ? &softmax : NULL,
                                                 terms, results->scaled_gradient, i);
    set_real(results->gradient_dot_r, i, gradient_dot_r);
    set_real(results->adjoint, i, diva_adjoint_weight(weight, gradient_dot_r, row.one_minus_h));
  }
}

static void expect_row(const struct diva_backend *backend, struct diva_matrix e, int64_t i,
                       double temperature) {
  const struct diva_row_facts none = {0};
  const struct diva_residual_row row = residual_row(backend, e, i, &none);
  const struct diva_target target = {NULL, -1};
  const struct diva_softmax softmax = diva_softmax_prepare(row, target, temperature);
  for (int64_t c = 0; c < row.outputs; c++) {
    void *to = diva_cpu_address(e, i, c, backend->element);
    const double expected = diva_expected_residual(softmax, row, c);
    if (backend->config.double_tiles) {
      *(double *)to = expected;
    } else {
      *(float *)to = (float)expected;
    }
  }
}

enum diva_status diva_cpu_expect_rows(struct diva_backend *backend, struct diva_vector labels,
                                      double temperature, struct diva_matrix e,
                                      struct diva_error *error) {
  (void)error;
  const int32_t *label = diva_cpu_integers(labels);
#pragma omp parallel for schedule(static) num_threads(backend->config.threads)
  for (int64_t i = 0; i < e.rows; i++) {
    if (label[i] < 0) {
      expect_row(backend, e, i, temperature);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_scatter_rows(struct diva_backend *backend, struct diva_matrix from,
                                       struct diva_vector order, struct diva_matrix to,
                                       struct diva_error *error) {
  (void)error;
  const int32_t *place = diva_cpu_integers(order);
  for (int64_t i = 0; i < from.rows; i++) {
    memcpy(diva_cpu_address(to, place[i], 0, backend->element),
           diva_cpu_address(from, i, 0, backend->element),
           (size_t)(from.columns * backend->element));
  }
  return DIVA_OK;
}

enum diva_status diva_cpu_loo_rows(struct diva_backend *backend, struct diva_matrix e,
                                   const struct diva_row_facts *facts,
                                   const struct diva_row_results *results,
                                   struct diva_error *error) {
  (void)error;
#pragma omp parallel for num_threads(backend->config.threads)
  for (int64_t i = 0; i < e.rows; i++) {
    loo_row(backend, e, facts, results, i);
  }
  return DIVA_OK;
}

static double element_value(const struct diva_backend *backend, const void *values, int64_t i) {
  return backend->config.double_tiles ? ((const double *)values)[i]
                                      : (double)((const float *)values)[i];
}

static double row_dot(const struct diva_backend *backend, const void *a, const void *b, int64_t n) {
  double sum = 0.0;
  for (int64_t c = 0; c < n; c++) {
    sum += element_value(backend, a, c) * element_value(backend, b, c);
  }
  return sum;
}

enum diva_status diva_cpu_derivative_rows(struct diva_backend *backend, struct diva_matrix z,
                                          struct diva_matrix m, struct diva_matrix e,
                                          const struct diva_row_facts *facts,
                                          struct diva_vector gradient_dot_r,
                                          struct diva_vector quadratic, struct diva_vector out,
                                          struct diva_error *error) {
  (void)error;
  const double *pull = diva_cpu_reals(gradient_dot_r);
  const double *form = diva_cpu_reals(facts->form);
  const double *weight = diva_cpu_reals(facts->weight);
  const double *curvature = diva_cpu_reals(quadratic);
  double *derivative = diva_cpu_reals(out);
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
  for (int64_t first = 0; first < z.rows; first += backend->chunk_rows) {
    char *direct = diva_cpu_thread_scratch(backend);
    const int64_t rows = diva_cpu_project_chunk(
        backend, z, first, diva_cpu_address(m, 0, 0, backend->element), m.stride, m.rows, direct);
    for (int64_t i = 0; i < rows; i++) {
      const int64_t row = first + i;
      const double value = row_dot(backend, direct + i * m.rows * backend->element,
                                   diva_cpu_address(e, row, 0, backend->element), m.rows);
      derivative[row] =
          diva_derivative(value, pull ? pull[row] : 0.0, pull ? form[row] : 0.0,
                          pull ? diva_one_minus_leverage(weight[row], form[row]) : 1.0,
                          curvature ? curvature[row] : 0.0);
    }
  }
  return DIVA_OK;
}

/* 1 / (s_a + lambda) by direction, in the scratch row that follows the weights of a lambda. */
static const double *find_shrinkage(const struct diva_backend *backend, struct diva_matrix cross,
                                    const double *eigenvalues, const double *penalised,
                                    double lambda) {
  double *shrinkage = backend->lambda_weights + cross.rows * cross.columns;
  for (int64_t a = 0; a < cross.columns; a++) {
    shrinkage[a] = diva_shrinkage(eigenvalues[a], lambda * penalised[a]);
  }
  return shrinkage;
}

/* W' of one lambda in the eigenbasis: cross sums times the shrinkage, in tile type. */
static void shrink_cross(const struct diva_backend *backend, struct diva_matrix cross,
                         const double *shrinkage) {
  for (int64_t c = 0; c < cross.rows; c++) {
    const double *from = diva_cpu_address(cross, c, 0, sizeof(double));
    for (int64_t a = 0; a < cross.columns; a++) {
      const double value = from[a] * shrinkage[a];
      const int64_t at = c * cross.columns + a;
      if (backend->config.double_tiles) {
        backend->lambda_weights[at] = value;
      } else {
        ((float *)backend->lambda_weights)[at] = (float)value;
      }
    }
  }
}

/* sum_a T_ia^2 / (s_a + lambda). */
static double path_form(const struct diva_backend *backend, const void *t, int64_t columns,
                        const double *shrinkage) {
  double form = 0.0;
  if (backend->config.double_tiles) {
    const double *values = t;
#pragma omp simd reduction(+ : form)
    for (int64_t a = 0; a < columns; a++) {
      form += values[a] * values[a] * shrinkage[a];
    }
  } else {
    const float *values = t;
#pragma omp simd reduction(+ : form)
    for (int64_t a = 0; a < columns; a++) {
      form += (double)(values[a] * values[a]) * shrinkage[a];
    }
  }
  return form;
}

enum diva_status diva_cpu_path_rows(struct diva_backend *backend, struct diva_matrix t,
                                    struct diva_matrix y, struct diva_vector eigenvalues,
                                    struct diva_vector penalised, struct diva_matrix cross,
                                    struct diva_vector weight, struct diva_vector share,
                                    struct diva_vector lambdas, struct diva_vector sums,
                                    struct diva_error *error) {
  (void)error;
  const double *s = diva_cpu_reals(eigenvalues);
  const double *has_penalty = diva_cpu_reals(penalised);
  const double *alpha = diva_cpu_reals(weight);
  const double *shares = diva_cpu_reals(share);
  const int64_t outputs = y.columns;
  for (int64_t l = 0; l < lambdas.length; l++) {
    const double lambda = diva_cpu_reals(lambdas)[l];
    const double *shrinkage = find_shrinkage(backend, cross, s, has_penalty, lambda);
    shrink_cross(backend, cross, shrinkage);
    double *row_losses = (double *)(void *)backend->weighted;
#pragma omp parallel for schedule(dynamic) num_threads(backend->config.threads)
    for (int64_t first = 0; first < t.rows; first += backend->chunk_rows) {
      char *fitted = diva_cpu_thread_scratch(backend);
      const int64_t rows = diva_cpu_project_chunk(backend, t, first, backend->lambda_weights,
                                                  t.columns, outputs, fitted);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t row = first + i;
        const double form =
            path_form(backend, diva_cpu_address(t, row, 0, backend->element), t.columns, shrinkage);
        const double one_minus_h = diva_one_minus_leverage(alpha[row], form);
        const void *target = diva_cpu_address(y, row, 0, backend->element);
        double loss = 0.0;
        for (int64_t c = 0; c < outputs; c++) {
          const double r = (element_value(backend, target, c) -
                            element_value(backend, fitted + i * outputs * backend->element, c)) /
                           one_minus_h;
          loss += r * r;
        }
        row_losses[row] = shares[row] * loss;
      }
    }
    double total = 0.0;
    for (int64_t i = 0; i < t.rows; i++) {
      total += row_losses[i];
    }
    diva_cpu_reals(sums)[l] += total;
  }
  return DIVA_OK;
}
