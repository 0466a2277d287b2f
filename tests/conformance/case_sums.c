/* Conformance of the products over a tile: sums over rows, residuals, forms, the LOO path. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

/* Weights of either sign with zeros among them. */
static const struct guarded *make_weights(struct conformance *self, int64_t rows, bool negative) {
  double *weights = reference_allocate(rows, sizeof *weights);
  for (int64_t i = 0; i < rows; i++) {
    const double value = reference_uniform(&self->random);
    weights[i] = i % 5 == 2 ? 0.0 : (negative ? 3.0 * value : fabs(value) + 0.25);
  }
  const struct guarded *made = conformance_input(self, ELEMENT_REAL, 1, rows, weights);
  free(weights);
  return made;
}

/* sum += a' diag(w) b against three loops; `upper` leaves out what lies below the diagonal. */
static void compare_sum(struct conformance *self, const struct guarded *a, const double *weight,
                        const struct guarded *b, const struct guarded *sum, bool upper) {
  for (int64_t p = 0; p < sum->rows; p++) {
    for (int64_t q = upper ? p : 0; q < sum->columns; q++) {
      const int64_t at = p * sum->columns + q;
      long double want = sum->values[at];
      long double scale = fabsl(want);
      for (int64_t i = 0; i < a->rows; i++) {
        const long double term = (weight ? (long double)weight[i] : 1.0L) *
                                 (long double)a->values[i * a->columns + p] *
                                 (long double)b->values[i * b->columns + q];
        want += term;
        scale += fabsl(term);
      }
      conformance_compare(self, sum->result[at], want, scale);
    }
  }
}

enum { WEIGHTS_ABSENT, WEIGHTS_POSITIVE, WEIGHTS_SIGNED, WEIGHT_KINDS };

void case_gram(struct conformance *self) {
  const struct shape shape = self->shape;
  for (int kind = 0; kind < WEIGHT_KINDS; kind++) {
    struct diva_error error;
    const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
    const struct guarded *weight = make_weights(self, shape.rows, kind == WEIGHTS_SIGNED);
    const struct guarded *sum =
        conformance_changes(conformance_random(self, ELEMENT_REAL, shape.columns, shape.columns));
    const struct diva_vector given =
        kind == WEIGHTS_ABSENT ? (struct diva_vector){0} : conformance_vector(weight);
    conformance_finish(self,
                       self->ops->gram_accumulate(self->backend, conformance_matrix(z), given,
                                                  conformance_matrix(sum), &error),
                       &error);
    compare_sum(self, z, kind == WEIGHTS_ABSENT ? NULL : weight->values, z, sum, true);
    conformance_clear(self);
  }
}

void case_cross(struct conformance *self) {
  const struct shape shape = self->shape;
  for (int kind = 0; kind < WEIGHT_KINDS; kind++) {
    struct diva_error error;
    const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
    const struct guarded *y = conformance_random(self, ELEMENT_TILE, shape.rows, shape.outputs);
    const struct guarded *weight = make_weights(self, shape.rows, kind == WEIGHTS_SIGNED);
    const struct guarded *sum =
        conformance_changes(conformance_random(self, ELEMENT_REAL, shape.outputs, shape.columns));
    const struct diva_vector given =
        kind == WEIGHTS_ABSENT ? (struct diva_vector){0} : conformance_vector(weight);
    conformance_finish(self,
                       self->ops->cross_accumulate(self->backend, conformance_matrix(y), given,
                                                   conformance_matrix(z), conformance_matrix(sum),
                                                   &error),
                       &error);
    compare_sum(self, y, kind == WEIGHTS_ABSENT ? NULL : weight->values, z, sum, false);
    conformance_clear(self);
  }
}

/* Labels in no order, some rows with none, and classes without a row. */
static const struct guarded *make_labels(struct conformance *self, double *one_hot) {
  const struct shape shape = self->shape;
  double *labels = reference_allocate(shape.rows, sizeof *labels);
  for (int64_t i = 0; i < shape.rows; i++) {
    const int64_t label = reference_below(&self->random, shape.outputs);
    labels[i] = i % 7 == 4 || label == 1 ? -1.0 : (double)label;
    for (int64_t c = 0; c < shape.outputs; c++) {
      one_hot[i * shape.outputs + c] = labels[i] == (double)c ? 1.0 : 0.0;
    }
  }
  const struct guarded *made = conformance_input(self, ELEMENT_INTEGER, 1, shape.rows, labels);
  free(labels);
  return made;
}

void case_classes(struct conformance *self) {
  const struct shape shape = self->shape;
  for (int kind = 0; kind < WEIGHT_KINDS && self->ops->class_accumulate; kind++) {
    struct diva_error error;
    double *one_hot = reference_allocate(shape.rows * shape.outputs, sizeof *one_hot);
    const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
    const struct guarded *labels = make_labels(self, one_hot);
    const struct guarded *weight = make_weights(self, shape.rows, kind == WEIGHTS_SIGNED);
    const struct guarded *sum =
        conformance_changes(conformance_random(self, ELEMENT_REAL, shape.outputs, shape.columns));
    const struct guarded y = {.rows = shape.rows, .columns = shape.outputs, .values = one_hot};
    const struct diva_vector given =
        kind == WEIGHTS_ABSENT ? (struct diva_vector){0} : conformance_vector(weight);
    conformance_finish(self,
                       self->ops->class_accumulate(self->backend, conformance_vector(labels), given,
                                                   conformance_matrix(z), conformance_matrix(sum),
                                                   &error),
                       &error);
    compare_sum(self, &y, kind == WEIGHTS_ABSENT ? NULL : weight->values, z, sum, false);
    conformance_clear(self);
    free(one_hot);
  }
}

void case_residual(struct conformance *self) {
  struct diva_error error;
  const struct shape shape = self->shape;
  const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
  const struct guarded *w = conformance_random(self, ELEMENT_TILE, shape.outputs, shape.columns);
  const struct guarded *y =
      conformance_changes(conformance_random(self, ELEMENT_TILE, shape.rows, shape.outputs));
  conformance_finish(self,
                     self->ops->residual(self->backend, conformance_matrix(z),
                                         conformance_matrix(w), conformance_matrix(y), &error),
                     &error);
  for (int64_t i = 0; i < shape.rows; i++) {
    for (int64_t c = 0; c < shape.outputs; c++) {
      long double want = y->values[i * shape.outputs + c];
      long double scale = fabsl(want);
      for (int64_t j = 0; j < shape.columns; j++) {
        const long double term = (long double)z->values[i * shape.columns + j] *
                                 (long double)w->values[c * shape.columns + j];
        want -= term;
        scale += fabsl(term);
      }
      conformance_compare(self, y->result[i * shape.outputs + c], want, scale);
    }
  }
}

/* An upper triangular matrix of tile type, zero below the diagonal. */
static const struct guarded *make_upper(struct conformance *self, int64_t n) {
  double *values = reference_allocate(n * n, sizeof *values);
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = i; j < n; j++) {
      values[i * n + j] = reference_uniform(&self->random);
    }
  }
  const struct guarded *upper = conformance_input(self, ELEMENT_TILE, n, n, values);
  free(values);
  return upper;
}

/* |z' U|^2 or z' U z of one row; the scale is the same with all terms absolute. */
static void compare_form(struct conformance *self, const double *z, const struct guarded *upper,
                         bool squared, double got) {
  const int64_t n = upper->columns;
  long double want = 0.0L;
  long double scale = 0.0L;
  for (int64_t j = 0; j < n; j++) {
    long double product = 0.0L;
    long double size = 0.0L;
    for (int64_t i = 0; i <= j; i++) {
      const long double term = (long double)z[i] * (long double)upper->values[i * n + j];
      product += term;
      size += fabsl(term);
    }
    want += product * (squared ? product : (long double)z[j]);
    scale += size * (squared ? size : fabsl((long double)z[j]));
  }
  conformance_compare(self, got, want, scale);
}

static void run_forms(struct conformance *self, bool squared) {
  struct diva_error error;
  const struct shape shape = self->shape;
  const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
  const struct guarded *upper = make_upper(self, shape.columns);
  const struct guarded *out = conformance_output(self, ELEMENT_REAL, 1, shape.rows);
  conformance_finish(self,
                     (squared ? self->ops->row_leverage : self->ops->row_quadform)(
                         self->backend, conformance_matrix(z), conformance_matrix(upper),
                         conformance_vector(out), &error),
                     &error);
  for (int64_t i = 0; i < shape.rows; i++) {
    compare_form(self, z->values + i * shape.columns, upper, squared, out->result[i]);
  }
}

void case_leverage(struct conformance *self) {
  run_forms(self, true);
}

void case_quadform(struct conformance *self) {
  run_forms(self, false);
}

struct path {
  const struct guarded *t, *y, *eigenvalues, *penalised, *cross, *weight, *share, *lambdas, *sums;
};

/* Shrinks of all directions at one lambda. */
static long double shrink(const struct path *path, int64_t a, long double lambda) {
  return 1.0L / (path->eigenvalues->values[a] + lambda * path->penalised->values[a]);
}

static void compare_path(struct conformance *self, const struct path *path, int64_t l) {
  const int64_t d = self->shape.columns;
  const int64_t k = self->shape.outputs;
  const long double lambda = path->lambdas->values[l];
  long double want = path->sums->values[l];
  long double scale = fabsl(want);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    const double *t = path->t->values + i * d;
    const long double share = path->share->values[i];
    long double form = 0.0L;
    for (int64_t a = 0; a < d; a++) {
      form += (long double)t[a] * (long double)t[a] * shrink(path, a, lambda);
    }
    const long double slack = 1.0L - path->weight->values[i] * form;
    for (int64_t c = 0; c < k; c++) {
      long double e = path->y->values[i * k + c];
      long double size = fabsl(e);
      for (int64_t a = 0; a < d; a++) {
        const long double term =
            t[a] * (long double)path->cross->values[c * d + a] * shrink(path, a, lambda);
        e -= term;
        size += fabsl(term);
      }
      want += share * (e / slack) * (e / slack);
      scale += share * (size / slack) * (size / slack) / slack;
    }
  }
  conformance_compare(self, path->sums->result[l], want, scale);
}

/* Eigenvalues large enough that no leverage passes 0.9; one direction has no penalty. */
void case_path_rows(struct conformance *self) {
  enum { LAMBDAS = 4 };
  static const double lambdas[LAMBDAS] = {1e-3, 1.0, 50.0, 1e6};
  struct diva_error error;
  const struct shape shape = self->shape;
  double *eigenvalues = reference_allocate(shape.columns, sizeof *eigenvalues);
  double *penalised = reference_allocate(shape.columns, sizeof *penalised);
  for (int64_t a = 0; a < shape.columns; a++) {
    eigenvalues[a] = (double)shape.columns * (1.5 + fabs(reference_uniform(&self->random)));
    penalised[a] = a + 1 < shape.columns ? 1.0 : 0.0;
  }
  const struct path path = {
      .t = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns),
      .y = conformance_random(self, ELEMENT_TILE, shape.rows, shape.outputs),
      .eigenvalues = conformance_input(self, ELEMENT_REAL, 1, shape.columns, eigenvalues),
      .penalised = conformance_input(self, ELEMENT_REAL, 1, shape.columns, penalised),
      .cross = conformance_random(self, ELEMENT_REAL, shape.outputs, shape.columns),
      .weight = make_weights(self, shape.rows, false),
      .share = make_weights(self, shape.rows, false),
      .lambdas = conformance_input(self, ELEMENT_REAL, 1, LAMBDAS, lambdas),
      .sums = conformance_changes(conformance_random(self, ELEMENT_REAL, 1, LAMBDAS)),
  };
  conformance_finish(
      self,
      self->ops->path_rows(self->backend, conformance_matrix(path.t), conformance_matrix(path.y),
                           conformance_vector(path.eigenvalues), conformance_vector(path.penalised),
                           conformance_matrix(path.cross), conformance_vector(path.weight),
                           conformance_vector(path.share), conformance_vector(path.lambdas),
                           conformance_vector(path.sums), &error),
      &error);
  for (int64_t l = 0; l < LAMBDAS; l++) {
    compare_path(self, &path, l);
  }
  free(eigenvalues);
  free(penalised);
}
