/* Conformance of the algebra between the passes: products, triangles, Cholesky, eigenvectors. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Element (i, j) of op(a). */
static long double pick(const double *a, int64_t columns, bool transposed, int64_t i, int64_t j) {
  return transposed ? a[j * columns + i] : a[i * columns + j];
}

static void run_multiply(struct conformance *self, bool doubles, bool transpose_a,
                         bool transpose_b) {
  struct diva_error error;
  const int64_t m = self->shape.rows;
  const int64_t n = self->shape.columns;
  const int64_t k = self->shape.outputs;
  const enum element element = doubles ? ELEMENT_REAL : ELEMENT_TILE;
  const struct guarded *a =
      conformance_random(self, element, transpose_a ? k : m, transpose_a ? m : k);
  const struct guarded *b =
      conformance_random(self, element, transpose_b ? n : k, transpose_b ? k : n);
  const struct guarded *c = conformance_output(self, element, m, n);
  conformance_finish(self,
                     self->ops->multiply(self->backend, doubles, transpose_a, transpose_b,
                                         conformance_matrix(a), conformance_matrix(b),
                                         conformance_matrix(c), &error),
                     &error);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      long double want = 0.0L;
      long double scale = 0.0L;
      for (int64_t l = 0; l < k; l++) {
        const long double term = pick(a->values, a->columns, transpose_a, i, l) *
                                 pick(b->values, b->columns, transpose_b, l, j);
        want += term;
        scale += fabsl(term);
      }
      conformance_compare(self, c->result[i * n + j], want, scale);
    }
  }
  conformance_clear(self);
}

void case_multiply(struct conformance *self) {
  for (int bits = 0; bits < 8; bits++) {
    run_multiply(self, bits & 1, bits & 2, bits & 4);
  }
}

void case_triangles(struct conformance *self) {
  struct diva_error error;
  const int64_t n = self->shape.columns;
  const struct guarded *whole = conformance_changes(conformance_random(self, ELEMENT_REAL, n, n));
  conformance_finish(self, self->ops->symmetrize(self->backend, conformance_matrix(whole), &error),
                     &error);
  for (int64_t i = 0; i < n * n; i++) {
    const int64_t row = i / n < i % n ? i / n : i % n;
    const int64_t column = i / n < i % n ? i % n : i / n;
    conformance_compare(self, whole->result[i], whole->values[row * n + column], 0.0L);
  }
  conformance_clear(self);
  const struct guarded *folded = conformance_changes(conformance_random(self, ELEMENT_REAL, n, n));
  conformance_finish(
      self, self->ops->fold_symmetric(self->backend, conformance_matrix(folded), &error), &error);
  for (int64_t i = 0; i < n * n; i++) {
    const long double factor = i / n > i % n ? 0.0L : (i / n == i % n ? 1.0L : 2.0L);
    conformance_compare(self, folded->result[i], factor * folded->values[i], 0.0L);
  }
}

/* A positive definite matrix: Gram of random rows plus a ridge. Below the diagonal, where nobody
 * may look, it holds NaN. */
static double *make_definite(struct conformance *self, int64_t n, bool hide_lower) {
  double *root = reference_allocate(n * n, sizeof *root);
  double *a = reference_allocate(n * n, sizeof *a);
  for (int64_t i = 0; i < n * n; i++) {
    root[i] = reference_uniform(&self->random);
  }
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = i == j ? 0.5 : 0.0;
      for (int64_t l = 0; l < n; l++) {
        sum += root[l * n + i] * root[l * n + j];
      }
      a[i * n + j] = hide_lower && i > j ? (double)NAN : sum;
    }
  }
  free(root);
  return a;
}

/* Compares the product of two n x n matrices, op(a) b, with what it should be. */
static void compare_product(struct conformance *self, const double *a, bool transpose_a,
                            const double *b, int64_t n, const double *want, bool upper) {
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = upper ? i : 0; j < n; j++) {
      long double sum = 0.0L;
      long double scale = 0.0L;
      for (int64_t l = 0; l < n; l++) {
        const long double term = pick(a, n, transpose_a, i, l) * (long double)b[l * n + j];
        sum += term;
        scale += fabsl(term);
      }
      const long double expected = want ? (long double)want[i * n + j] : (i == j ? 1.0L : 0.0L);
      conformance_compare(self, sum, expected, scale + fabsl(expected));
    }
  }
}

/* A x = b for every right-hand side: the residual against |A| |x| + |b|. */
static void compare_solution(struct conformance *self, const double *a, const struct guarded *b,
                             int64_t n) {
  for (int64_t s = 0; s < b->rows; s++) {
    for (int64_t i = 0; i < n; i++) {
      long double left = 0.0L;
      long double scale = fabsl((long double)b->values[s * n + i]);
      for (int64_t j = 0; j < n; j++) {
        const int64_t at = i < j ? i * n + j : j * n + i;
        const long double term = (long double)a[at] * b->result[s * n + j];
        left += term;
        scale += fabsl(term);
      }
      conformance_compare(self, left, b->values[s * n + i], scale);
    }
  }
}

/* A factor as it was computed, given to the next operation as its input. */
static const struct guarded *continue_with(struct conformance *self, const double *values,
                                           int64_t n) {
  double *copy = reference_allocate(n * n, sizeof *copy);
  memcpy(copy, values, (size_t)(n * n) * sizeof *copy);
  conformance_clear(self);
  const struct guarded *made = conformance_input(self, ELEMENT_REAL, n, n, copy);
  free(copy);
  return made;
}

void case_cholesky(struct conformance *self) {
  struct diva_error error;
  const int64_t n = self->shape.columns;
  double *a = make_definite(self, n, true);
  const struct guarded *r = conformance_changes(conformance_input(self, ELEMENT_REAL, n, n, a));
  conformance_finish(self, self->ops->cholesky(self->backend, conformance_matrix(r), &error),
                     &error);
  for (int64_t i = 0; i < n * n; i++) {
    conformance_expect(self, i / n <= i % n || r->result[i] == 0.0, "not zero below", i);
  }
  compare_product(self, r->result, true, r->result, n, a, true);
  r = continue_with(self, r->result, n);
  const struct guarded *b =
      conformance_changes(conformance_random(self, ELEMENT_REAL, self->shape.outputs, n));
  conformance_finish(self,
                     self->ops->cholesky_solve(self->backend, conformance_matrix(r),
                                               conformance_matrix(b), &error),
                     &error);
  compare_solution(self, a, b, n);
  double *factor = reference_allocate(n * n, sizeof *factor);
  memcpy(factor, r->values, (size_t)(n * n) * sizeof *factor);
  continue_with(self, factor, n);
  const struct guarded *inverse = conformance_changes(&self->objects[0]);
  conformance_finish(
      self, self->ops->triangular_inverse(self->backend, conformance_matrix(inverse), &error),
      &error);
  compare_product(self, factor, false, inverse->result, n, NULL, true);
  for (int64_t i = 0; i < n * n; i++) {
    conformance_expect(self, i / n <= i % n || inverse->result[i] == 0.0, "not zero below", i);
  }
  free(factor);
  free(a);
}

/* Cholesky of a matrix whose pivot `at` is spoilt must name that pivot, from 1. */
static void expect_pivot(struct conformance *self, double *a, int64_t n, int64_t at,
                         double spoilt) {
  const double good = a[at * n + at];
  struct diva_error error = {0};
  a[at * n + at] = spoilt;
  const struct guarded *object =
      conformance_changes(conformance_input(self, ELEMENT_REAL, n, n, a));
  const enum diva_status status =
      self->ops->cholesky(self->backend, conformance_matrix(object), &error);
  conformance_expect(self, status == DIVA_ERROR_NUMERICAL && error.status == status,
                     "Cholesky passes a pivot that is not positive", at + 1);
  conformance_expect(self, error.foreign_code == (int)at + 1, "another pivot is named", at + 1);
  a[at * n + at] = good;
  conformance_clear(self);
}

void case_singular(struct conformance *self) {
  const int64_t n = self->shape.columns;
  const int64_t places[] = {0, n / 2, n - 1};
  double *a = make_definite(self, n, false);
  double *diagonal = reference_allocate(n * n, sizeof *diagonal);
  for (int64_t i = 0; i < n; i++) {
    diagonal[i * n + i] = 1.0 + (double)i;
  }
  for (int p = 0; p < 3; p++) {
    expect_pivot(self, diagonal, n, places[p], 0.0);
    expect_pivot(self, diagonal, n, places[p], -1.0);
    expect_pivot(self, diagonal, n, places[p], (double)NAN);
    expect_pivot(self, a, n, places[p], -1.0);
    expect_pivot(self, a, n, places[p], (double)NAN);
  }
  free(diagonal);
  free(a);
}

void case_eigen(struct conformance *self) {
  struct diva_error error;
  const int64_t n = self->shape.columns;
  double *a = make_definite(self, n, true);
  const struct guarded *vectors =
      conformance_changes(conformance_input(self, ELEMENT_REAL, n, n, a));
  const struct guarded *values = conformance_output(self, ELEMENT_REAL, 1, n);
  conformance_finish(self,
                     self->ops->eigen(self->backend, conformance_matrix(vectors),
                                      conformance_vector(values), &error),
                     &error);
  const double *v = vectors->result;
  const double largest = values->result[n - 1];
  for (int64_t i = 0; i < n; i++) {
    conformance_expect(self, i == 0 || values->result[i] >= values->result[i - 1],
                       "eigenvalues do not ascend", i);
    for (int64_t j = i; j < n; j++) {
      long double dot = 0.0L;
      long double sum = 0.0L;
      for (int64_t l = 0; l < n; l++) {
        dot += (long double)v[i * n + l] * v[j * n + l];
        sum += (long double)v[l * n + i] * values->result[l] * v[l * n + j];
      }
      conformance_compare(self, dot, i == j ? 1.0L : 0.0L, 1.0L);
      conformance_compare(self, sum, a[i * n + j], largest);
    }
  }
  free(a);
}
