/* Conformance of products of rows and columns of very different size. What is measured by is what
 * the result has of each: a row that is 1e24 times another may not touch what that one adds where
 * weights or outputs make up for it, nor may the scale of a feature that coefficients make up for.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

/* Random values times a scale of their row and one of their column. */
static struct guarded *make_scaled(struct conformance *self, int64_t rows, int64_t columns,
                                   const double *row_scale, const double *column_scale) {
  double *values = reference_allocate(rows * columns, sizeof *values);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      values[i * columns + j] = reference_uniform(&self->random) *
                                (row_scale ? row_scale[i] : 1.0) *
                                (column_scale ? column_scale[j] : 1.0);
    }
  }
  struct guarded *made = conformance_input(self, ELEMENT_TILE, rows, columns, values);
  free(values);
  return made;
}

/* 10^-size, 1 or 10^size, in turns. */
static double *make_turns(int64_t count, double size) {
  double *scales = reference_allocate(count, sizeof *scales);
  for (int64_t i = 0; i < count; i++) {
    scales[i] = pow(10.0, size * (double)(i % 3 - 1));
  }
  return scales;
}

static long double norm(const double *values, int64_t count, int64_t step) {
  long double squares = 0.0L;
  for (int64_t i = 0; i < count; i++) {
    squares += (long double)values[i * step] * (long double)values[i * step];
  }
  return sqrtl(squares);
}

/* Norms of rows or columns; 1 of those that are zero. */
static double *make_norms(const double *values, int64_t count, int64_t apart, int64_t length,
                          int64_t step) {
  double *norms = reference_allocate(count, sizeof *norms);
  for (int64_t l = 0; l < count; l++) {
    const double size = (double)norm(values + l * apart, length, step);
    norms[l] = size > 0.0 ? size : 1.0;
  }
  return norms;
}

/* sum += Z' diag(w) Z against sqrt(sum |w| z_p^2 sum |w| z_q^2). */
static void compare_gram(struct conformance *self, const struct guarded *z,
                         const struct guarded *weight, const struct guarded *sum) {
  const int64_t d = z->columns;
  for (int64_t p = 0; p < d; p++) {
    for (int64_t q = p; q < d; q++) {
      long double want = sum->values[p * d + q];
      long double squares[] = {fabsl(want), fabsl(want)};
      for (int64_t i = 0; i < z->rows; i++) {
        const long double w = weight ? weight->values[i] : 1.0;
        const long double left = z->values[i * d + p];
        const long double right = z->values[i * d + q];
        want += w * left * right;
        squares[0] += fabsl(w) * left * left;
        squares[1] += fabsl(w) * right * right;
      }
      conformance_compare(self, sum->result[p * d + q], want, sqrtl(squares[0] * squares[1]));
    }
  }
}

void case_gram_scales(struct conformance *self) {
  const struct shape shape = self->shape;
  double *scales = make_turns(shape.rows, 12.0);
  double *weights = reference_allocate(shape.rows, sizeof *weights);
  for (int64_t i = 0; i < shape.rows; i++) {
    weights[i] = reference_uniform(&self->random) / (scales[i] * scales[i]);
  }
  for (int weighted = 0; weighted < 2; weighted++) {
    struct diva_error error;
    const struct guarded *z = make_scaled(self, shape.rows, shape.columns, scales, NULL);
    const struct guarded *weight =
        weighted ? conformance_input(self, ELEMENT_REAL, 1, shape.rows, weights) : NULL;
    const struct guarded *sum =
        conformance_changes(conformance_random(self, ELEMENT_REAL, shape.columns, shape.columns));
    conformance_finish(
        self,
        self->ops->gram_accumulate(self->backend, conformance_matrix(z),
                                   weight ? conformance_vector(weight) : (struct diva_vector){0},
                                   conformance_matrix(sum), &error),
        &error);
    compare_gram(self, z, weight, sum);
    conformance_clear(self);
  }
  free(weights);
  free(scales);
}

/* sum += Y' diag(w) Z against |w y_c |z_i|| |z_p / |z_i||, norms over the rows. */
static void compare_cross(struct conformance *self, const struct guarded *y,
                          const struct guarded *weight, const struct guarded *z,
                          const struct guarded *sum) {
  const int64_t d = z->columns;
  double *sizes = make_norms(z->values, z->rows, d, d, 1);
  for (int64_t at = 0; at < sum->rows * d; at++) {
    long double want = sum->values[at];
    long double left = 0.0L;
    long double right = 0.0L;
    for (int64_t i = 0; i < z->rows; i++) {
      const long double size = sizes[i];
      const long double scaled =
          (long double)weight->values[i] * (long double)y->values[i * y->columns + at / d];
      const long double value = z->values[i * d + at % d];
      want += scaled * value;
      left += scaled * size * scaled * size;
      right += value / size * (value / size);
    }
    conformance_compare(self, sum->result[at], want, sqrtl(left * right) + fabsl(want));
  }
  free(sizes);
}

void case_cross_scales(struct conformance *self) {
  struct diva_error error;
  const struct shape shape = self->shape;
  double *scales = make_turns(shape.rows, 12.0);
  double *output_scales = make_turns(shape.rows, -12.0);
  const struct guarded *z = make_scaled(self, shape.rows, shape.columns, scales, NULL);
  const struct guarded *y = make_scaled(self, shape.rows, shape.outputs, output_scales, NULL);
  const struct guarded *weight = conformance_random(self, ELEMENT_REAL, 1, shape.rows);
  const struct guarded *sum =
      conformance_changes(conformance_random(self, ELEMENT_REAL, shape.outputs, shape.columns));
  conformance_finish(self,
                     self->ops->cross_accumulate(self->backend, conformance_matrix(y),
                                                 conformance_vector(weight), conformance_matrix(z),
                                                 conformance_matrix(sum), &error),
                     &error);
  compare_cross(self, y, weight, z, sum);
  free(output_scales);
  free(scales);
}

/* |z q| |b / q| over `count` elements. */
static long double product_scale(const double *z, const double *b, int64_t step, const double *q,
                                 int64_t count) {
  long double left = 0.0L;
  long double right = 0.0L;
  for (int64_t l = 0; l < count; l++) {
    const long double own = (long double)z[l] * (long double)q[l];
    const long double other = (long double)b[l * step] / (long double)q[l];
    left += own * own;
    right += other * other;
  }
  return sqrtl(left * right);
}

void case_residual_scales(struct conformance *self) {
  struct diva_error error;
  const struct shape shape = self->shape;
  const int64_t d = shape.columns;
  double *rows = make_turns(shape.rows, 8.0);
  double *columns = make_turns(d, 8.0);
  double *inverse = make_turns(d, -8.0);
  const struct guarded *z = make_scaled(self, shape.rows, d, rows, columns);
  const struct guarded *w = make_scaled(self, shape.outputs, d, NULL, inverse);
  const struct guarded *y =
      conformance_changes(make_scaled(self, shape.rows, shape.outputs, rows, NULL));
  double *q = make_norms(w->values, d, 1, shape.outputs, d);
  conformance_finish(self,
                     self->ops->residual(self->backend, conformance_matrix(z),
                                         conformance_matrix(w), conformance_matrix(y), &error),
                     &error);
  for (int64_t at = 0; at < shape.rows * shape.outputs; at++) {
    const double *row = z->values + at / shape.outputs * d;
    const double *output = w->values + at % shape.outputs * d;
    long double want = y->values[at];
    const long double scale = fabsl(want) + product_scale(row, output, 1, q, d);
    for (int64_t l = 0; l < d; l++) {
      want -= (long double)row[l] * (long double)output[l];
    }
    conformance_compare(self, y->result[at], want, scale);
  }
  free(q);
  free(inverse);
  free(columns);
  free(rows);
}

/* |z' U|^2 of one row, or z' U z, against the same of the sizes of its products. */
static void compare_form(struct conformance *self, const double *z, const struct guarded *upper,
                         const double *q, bool squared, double got) {
  const int64_t n = upper->columns;
  long double want = 0.0L;
  long double scale = 0.0L;
  for (int64_t j = 0; j < n; j++) {
    long double product = 0.0L;
    for (int64_t i = 0; i < n; i++) {
      product += (long double)z[i] * (long double)upper->values[i * n + j];
    }
    const long double size = product_scale(z, upper->values + j, n, q, n);
    want += product * (squared ? product : (long double)z[j]);
    scale += size * (squared ? size : fabsl((long double)z[j]));
  }
  conformance_compare(self, got, want, scale);
}

static const struct guarded *make_upper(struct conformance *self, int64_t n, const double *scale) {
  double *values = reference_allocate(n * n, sizeof *values);
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = i; j < n; j++) {
      values[i * n + j] = reference_uniform(&self->random) * scale[i];
    }
  }
  const struct guarded *upper = conformance_input(self, ELEMENT_TILE, n, n, values);
  free(values);
  return upper;
}

void case_form_scales(struct conformance *self) {
  const struct shape shape = self->shape;
  const int64_t d = shape.columns;
  double *rows = make_turns(shape.rows, 5.0);
  double *columns = make_turns(d, 5.0);
  double *inverse = make_turns(d, -5.0);
  for (int squared = 0; squared < 2; squared++) {
    struct diva_error error;
    const struct guarded *z = make_scaled(self, shape.rows, d, rows, columns);
    const struct guarded *upper = make_upper(self, d, inverse);
    const struct guarded *out = conformance_output(self, ELEMENT_REAL, 1, shape.rows);
    double *q = make_norms(upper->values, d, d, d, 1);
    conformance_finish(self,
                       (squared ? self->ops->row_leverage : self->ops->row_quadform)(
                           self->backend, conformance_matrix(z), conformance_matrix(upper),
                           conformance_vector(out), &error),
                       &error);
    for (int64_t i = 0; i < shape.rows; i++) {
      compare_form(self, z->values + i * d, upper, q, squared, out->result[i]);
    }
    conformance_clear(self);
    free(q);
  }
  free(inverse);
  free(columns);
  free(rows);
}
