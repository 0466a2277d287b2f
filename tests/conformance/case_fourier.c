/* Conformance of the random Fourier features and of the moments they are scaled by. */
#include "harness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* Projections of very different sizes by row, up to 1e4 and, where any reduction has its limit, far
 * beyond; among them multiples of pi / 4, where quadrants meet, and both zeros. */
static double *make_projections(struct conformance *self) {
  static const double sizes[] = {1.0, 30.0, 1e4, 11999.0, 1e7, 0.0, 1e-20};
  const int64_t rows = self->shape.rows;
  const int64_t columns = self->shape.columns;
  double *u = reference_allocate(rows * columns, sizeof *u);
  for (int64_t i = 0; i < rows; i++) {
    const double size = sizes[i % (int64_t)(sizeof sizes / sizeof sizes[0])];
    for (int64_t j = 0; j < columns; j++) {
      const double value = size * reference_uniform(&self->random);
      const double eighth_turn = 0.78539816339744831;
      u[i * columns + j] = j % 3 == 1 ? eighth_turn * round(value / eighth_turn) : value;
    }
  }
  return u;
}

static void check_map(struct conformance *self, const struct guarded *u, const struct guarded *z,
                      const struct guarded *shift, double scale) {
  const int64_t p = u->columns;
  for (int64_t i = 0; i < u->rows; i++) {
    for (int64_t j = 0; j < 2 * p; j++) {
      const long double angle = u->values[i * p + j % p];
      const long double wave = j < p ? cosl(angle) : sinl(angle);
      const long double s = shift ? shift->values[j] : 0.0L;
      conformance_compare(self, z->result[i * z->columns + j], scale * wave - s, scale + fabsl(s));
    }
    if (z->columns > 2 * p) {
      conformance_expect(self, z->result[i * z->columns + 2 * p] == 1.0, "constant column", i);
    }
  }
}

static void map(struct conformance *self, bool shifted, bool constant_column, double scale) {
  struct diva_error error;
  const int64_t rows = self->shape.rows;
  const int64_t p = self->shape.columns;
  double *values = make_projections(self);
  const struct guarded *u = conformance_input(self, ELEMENT_TILE, rows, p, values);
  const struct guarded *shift = conformance_random(self, ELEMENT_REAL, 1, 2 * p);
  const struct guarded *z =
      conformance_output(self, ELEMENT_TILE, rows, 2 * p + (constant_column ? 1 : 0));
  const struct diva_vector offset = shifted ? conformance_vector(shift) : (struct diva_vector){0};
  conformance_finish(self,
                     self->ops->fourier_rows(self->backend, conformance_matrix(u), scale, offset,
                                             constant_column, conformance_matrix(z), &error),
                     &error);
  check_map(self, u, z, shifted ? shift : NULL, scale);
  free(values);
  conformance_clear(self);
}

void case_fourier_rows(struct conformance *self) {
  conformance_make_room(self, self->config.tile_rows, 2 * self->shape.columns + 1);
  for (int bits = 0; bits < 4; bits++) {
    map(self, bits & 1, bits & 2, bits & 1 ? 1.0 : sqrt(2.0 / 4096.0));
  }
}

/* A projection that overflowed is not hidden by the map. */
void case_fourier_overflow(struct conformance *self) {
  static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  struct diva_error error;
  double values[3] = {0.0, 0.0, 2.0};
  conformance_make_room(self, 1, 6);
  for (int kind = 0; kind < 3; kind++) {
    values[1] = bad[kind];
    const struct guarded *u = conformance_input(self, ELEMENT_TILE, 1, 3, values);
    const struct guarded *z = conformance_output(self, ELEMENT_TILE, 1, 6);
    conformance_finish(self,
                       self->ops->fourier_rows(self->backend, conformance_matrix(u), 1.0,
                                               (struct diva_vector){0}, false,
                                               conformance_matrix(z), &error),
                       &error);
    conformance_expect(self, isnan(z->result[1]) && isnan(z->result[4]), "not finite", kind);
    conformance_expect(self, z->result[0] == 1.0 && z->result[3] == 0.0, "its neighbour", kind);
    conformance_clear(self);
  }
}

static void check_moments(struct conformance *self, const struct guarded *z,
                          const struct guarded *weight, const struct guarded *sum) {
  const int64_t columns = z->columns;
  for (int64_t j = 0; j < columns; j++) {
    long double first = sum->values[j];
    long double second = sum->values[columns + j];
    long double first_size = fabsl(first);
    long double second_size = fabsl(second);
    for (int64_t i = 0; i < z->rows; i++) {
      const long double w = weight ? weight->values[i] : 1.0L;
      const long double value = z->values[i * columns + j];
      first += w * value;
      second += w * value * value;
      first_size += fabsl(w * value);
      second_size += fabsl(w * value * value);
    }
    conformance_compare(self, sum->result[j], first, first_size);
    conformance_compare(self, sum->result[columns + j], second, second_size);
  }
}

void case_moments(struct conformance *self) {
  const int64_t columns = self->shape.columns;
  for (int weighted = 0; weighted < 2; weighted++) {
    struct diva_error error;
    const struct guarded *z = conformance_random(self, ELEMENT_TILE, self->shape.rows, columns);
    const struct guarded *weight = conformance_random(self, ELEMENT_REAL, 1, self->shape.rows);
    const struct guarded *sum =
        conformance_changes(conformance_random(self, ELEMENT_REAL, 2, columns));
    const struct diva_vector weights =
        weighted ? conformance_vector(weight) : (struct diva_vector){0};
    conformance_finish(self,
                       self->ops->moments_accumulate(self->backend, conformance_matrix(z), weights,
                                                     conformance_matrix(sum), &error),
                       &error);
    check_moments(self, z, weighted ? weight : NULL, sum);
    conformance_clear(self);
  }
}
