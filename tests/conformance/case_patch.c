/* Conformance of what is put in the place of residuals: expected ones, and rows from elsewhere. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

static long double softmax(const double *e, int64_t k, double t, int64_t output) {
  long double largest = -(long double)INFINITY;
  for (int64_t c = 0; c < k; c++) {
    largest = fmaxl(largest, -(long double)e[c] * t);
  }
  long double sum = 0.0L;
  for (int64_t c = 0; c < k; c++) {
    sum += expl(-(long double)e[c] * t - largest);
  }
  return expl(-(long double)e[output] * t - largest) / sum;
}

static void run_expect(struct conformance *self, double t) {
  const int64_t rows = self->shape.rows;
  const int64_t k = self->shape.outputs;
  struct diva_error error;
  double *label = reference_allocate(rows, sizeof *label);
  for (int64_t i = 0; i < rows; i++) {
    label[i] = i % 3 == 1 ? -1.0 : (double)(i % k);
  }
  const struct guarded *labels = conformance_input(self, ELEMENT_INTEGER, 1, rows, label);
  const struct guarded *e = conformance_changes(conformance_random(self, ELEMENT_TILE, rows, k));
  conformance_finish(self,
                     self->ops->expect_rows(self->backend, conformance_vector(labels), t,
                                            conformance_matrix(e), &error),
                     &error);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t c = 0; c < k; c++) {
      const double before = e->values[i * k + c];
      const double got = e->result[i * k + c];
      if (label[i] >= 0.0) {
        conformance_expect(self, got == before, "a labelled row changed", i);
        continue;
      }
      const long double p = softmax(e->values + i * k, k, t, c);
      conformance_compare(self, got, before + p, fabs(before) + 1.0 + t);
    }
  }
  free(label);
  conformance_clear(self);
}

void case_expect_rows(struct conformance *self) {
  run_expect(self, 1.0);
  run_expect(self, 30.0);
}

/* Every third row, the last first. */
void case_scatter_rows(struct conformance *self) {
  const int64_t rows = self->shape.rows;
  const int64_t k = self->shape.outputs;
  const int64_t count = (rows + 2) / 3;
  struct diva_error error;
  double *place = reference_allocate(count, sizeof *place);
  for (int64_t i = 0; i < count; i++) {
    place[i] = (double)(3 * (count - 1 - i));
  }
  const struct guarded *from = conformance_random(self, ELEMENT_TILE, count, k);
  const struct guarded *order = conformance_input(self, ELEMENT_INTEGER, 1, count, place);
  const struct guarded *to = conformance_changes(conformance_random(self, ELEMENT_TILE, rows, k));
  conformance_finish(self,
                     self->ops->scatter_rows(self->backend, conformance_matrix(from),
                                             conformance_vector(order), conformance_matrix(to),
                                             &error),
                     &error);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t c = 0; c < k; c++) {
      const double want =
          i % 3 == 0 ? from->values[(count - 1 - i / 3) * k + c] : to->values[i * k + c];
      conformance_expect(self, to->result[i * k + c] == want, "a row out of place", i);
    }
  }
  free(place);
}
