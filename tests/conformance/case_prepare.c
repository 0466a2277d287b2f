/* Conformance of prepare_rows: every stored type, scaling, and the finite check. */
#include "harness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const enum diva_dtype TYPES[] = {DIVA_FLOAT16, DIVA_BFLOAT16, DIVA_FLOAT32, DIVA_FLOAT64};
enum { TYPE_COUNT = sizeof TYPES / sizeof TYPES[0] };

static enum element stored_element(enum diva_dtype type) {
  if (type == DIVA_FLOAT64) {
    return ELEMENT_REAL;
  }
  return type == DIVA_FLOAT32 ? ELEMENT_SINGLE : ELEMENT_WORD;
}

/* What to store so that the device sees `value` in that type: half types are words of bits. */
static double stored_value(enum diva_dtype type, double value) {
  if (type == DIVA_FLOAT16) {
    return reference_half_bits(value);
  }
  return type == DIVA_BFLOAT16 ? reference_bfloat_bits(value) : value;
}

static double real_value(enum diva_dtype type, double stored) {
  if (type == DIVA_FLOAT16) {
    return reference_half_value((uint16_t)stored);
  }
  return type == DIVA_BFLOAT16 ? reference_bfloat_value((uint16_t)stored) : stored;
}

/* Rows of very different sizes, among them a zero row and, in float64, rows whose squares leave the
 * range of the type. */
static double *make_rows(struct conformance *self, enum diva_dtype type) {
  const int64_t rows = self->shape.rows;
  const int64_t columns = self->shape.columns;
  double *stored = reference_allocate(rows * columns, sizeof *stored);
  for (int64_t i = 0; i < rows; i++) {
    double size = i % 7 == 3 ? 0.0 : ldexp(1.0, (int)(i % 5) * 4 - 8);
    if (type == DIVA_FLOAT64 && self->config.double_tiles && i % 11 >= 9) {
      size = i % 11 == 9 ? 1e200 : 1e-200;
    }
    for (int64_t j = 0; j < columns; j++) {
      stored[i * columns + j] = stored_value(type, size * reference_uniform(&self->random));
    }
  }
  return stored;
}

struct scaling {
  bool unit_rows, constant_column, shifted, multiplied;
};

static void check_row(struct conformance *self, const struct guarded *raw, const struct guarded *z,
                      const struct guarded *shift, const struct guarded *multiplier,
                      const struct diva_preparation *preparation, int64_t i) {
  const int64_t columns = raw->columns;
  long double squares = 0.0L;
  for (int64_t j = 0; j < columns; j++) {
    const long double x = real_value(preparation->type, raw->values[i * columns + j]);
    squares += x * x;
  }
  const long double norm = preparation->unit_rows && squares > 0.0L ? sqrtl(squares) : 1.0L;
  for (int64_t j = 0; j < columns; j++) {
    const long double x = real_value(preparation->type, raw->values[i * columns + j]) / norm;
    const long double s = shift ? shift->values[j] : 0.0L;
    const long double m = multiplier ? multiplier->values[j] : 1.0L;
    conformance_compare(self, z->result[i * z->columns + j], (x - s) * m,
                        (fabsl(x) + fabsl(s)) * fabsl(m));
  }
  if (preparation->constant_column) {
    conformance_expect(self, z->result[i * z->columns + columns] == 1.0, "constant column", i);
  }
}

static void prepare(struct conformance *self, enum diva_dtype type, struct scaling scaling) {
  struct diva_error error;
  const int64_t columns = self->shape.columns;
  double *stored = make_rows(self, type);
  const double none = 0x1p62;
  const struct guarded *raw =
      conformance_input(self, stored_element(type), self->shape.rows, columns, stored);
  const struct guarded *shift = conformance_random(self, ELEMENT_REAL, 1, columns);
  const struct guarded *multiplier = conformance_random(self, ELEMENT_REAL, 1, columns);
  const struct guarded *z = conformance_output(self, ELEMENT_TILE, self->shape.rows,
                                               columns + (scaling.constant_column ? 1 : 0));
  const struct diva_preparation preparation = {
      .type = type,
      .unit_rows = scaling.unit_rows,
      .constant_column = scaling.constant_column,
      .shift = scaling.shifted ? conformance_vector(shift) : (struct diva_vector){0},
      .multiplier = scaling.multiplied ? conformance_vector(multiplier) : (struct diva_vector){0},
  };
  struct diva_buffer *fault = NULL;
  const int64_t before = (int64_t)none;
  int64_t after = 0;
  cr_assert(self->ops->buffer_create(self->backend, sizeof before, &fault, &error) == DIVA_OK);
  cr_assert(self->ops->upload(self->backend, fault, 0, &before, sizeof before, &error) == DIVA_OK);
  conformance_finish(self,
                     self->ops->prepare_rows(self->backend, conformance_matrix(raw), &preparation,
                                             1000, conformance_matrix(z), fault, &error),
                     &error);
  cr_assert(self->ops->download(self->backend, fault, 0, &after, sizeof after, &error) == DIVA_OK);
  cr_assert(after == before, "%s: finite rows of %s are called faulty", self->ops->name,
            diva_dtype_name(type));
  for (int64_t i = 0; i < self->shape.rows; i++) {
    check_row(self, raw, z, scaling.shifted ? shift : NULL, scaling.multiplied ? multiplier : NULL,
              &preparation, i);
  }
  self->ops->buffer_destroy(self->backend, fault);
  free(stored);
  conformance_clear(self);
}

void case_prepare_rows(struct conformance *self) {
  /* The tile must hold the constant column. */
  self->shape.columns -= self->shape.columns > 1 ? 1 : 0;
  const bool room = self->config.columns > self->shape.columns;
  for (int t = 0; t < TYPE_COUNT; t++) {
    for (int bits = 0; bits < 16; bits++) {
      const struct scaling scaling = {bits & 1, bits & 2 && room, bits & 4, bits & 8};
      prepare(self, TYPES[t], scaling);
    }
  }
}

/* Runs prepare_rows on rows of bits and returns what became of a fault. */
static int64_t find_fault(struct conformance *self, enum diva_dtype type, const double *stored,
                          int64_t first_row, int64_t before, bool unit_rows,
                          const struct guarded **out) {
  struct diva_error error;
  struct diva_buffer *fault = NULL;
  int64_t after = 0;
  const struct guarded *raw =
      conformance_input(self, stored_element(type), self->shape.rows, self->shape.columns, stored);
  const struct guarded *z =
      conformance_output(self, ELEMENT_TILE, self->shape.rows, self->shape.columns);
  const struct diva_preparation preparation = {.type = type, .unit_rows = unit_rows};
  cr_assert(self->ops->buffer_create(self->backend, sizeof before, &fault, &error) == DIVA_OK);
  cr_assert(self->ops->upload(self->backend, fault, 0, &before, sizeof before, &error) == DIVA_OK);
  conformance_finish(self,
                     self->ops->prepare_rows(self->backend, conformance_matrix(raw), &preparation,
                                             first_row, conformance_matrix(z), fault, &error),
                     &error);
  cr_assert(self->ops->download(self->backend, fault, 0, &after, sizeof after, &error) == DIVA_OK);
  self->ops->buffer_destroy(self->backend, fault);
  *out = z;
  return after;
}

/* Bits of a NaN or an infinity in a stored type. */
static double bad_value(enum diva_dtype type, int kind) {
  static const double reals[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  static const uint16_t halves[] = {0x7c01, 0x7c00, 0xfc00};
  static const uint16_t bfloats[] = {0xffff, 0x7f80, 0xff80};
  if (type == DIVA_FLOAT16) {
    return halves[kind];
  }
  return type == DIVA_BFLOAT16 ? bfloats[kind] : reals[kind];
}

/* One bad value at a time, at places where loops start, turn and end; then two at once. */
void case_faults(struct conformance *self) {
  const int64_t count = self->shape.rows * self->shape.columns;
  const int64_t places[] = {0, self->shape.columns - 1, count / 2, count - 1};
  double *stored = reference_allocate(count, sizeof *stored);
  const struct guarded *z = NULL;
  for (int t = 0; t < TYPE_COUNT && count > 0; t++) {
    const bool unit = t % 2 == 1;
    for (int p = 0; p < 4; p++) {
      for (int kind = 0; kind < 3; kind++) {
        stored[places[p]] = bad_value(TYPES[t], kind);
        const int64_t first = 3000000000;
        const int64_t want = first * self->shape.columns + places[p];
        cr_expect(find_fault(self, TYPES[t], stored, first, INT64_MAX, unit, &z) == want,
                  "%s: bad value %d of %s at %lld is not found", self->ops->name, kind,
                  diva_dtype_name(TYPES[t]), (long long)places[p]);
        cr_expect(find_fault(self, TYPES[t], stored, 0, 0, unit, &z) == 0,
                  "an earlier fault is lost");
        stored[places[p]] = 0.0;
        conformance_clear(self);
      }
    }
    stored[count - 1] = bad_value(TYPES[t], 1);
    stored[count / 2] = bad_value(TYPES[t], 0);
    cr_expect(find_fault(self, TYPES[t], stored, 0, INT64_MAX, unit, &z) == count / 2);
    stored[count - 1] = stored[count / 2] = 0.0;
    conformance_clear(self);
  }
  free(stored);
}

/* All 65536 values of both half types come out exact; the first that is not finite is the fault. */
void case_half_values(struct conformance *self) {
  enum { COUNT = 65536, WIDTH = 256 };
  static const enum diva_dtype halves[] = {DIVA_FLOAT16, DIVA_BFLOAT16};
  static const int64_t first_bad[] = {0x7c00, 0x7f80};
  double *stored = reference_allocate(COUNT, sizeof *stored);
  const struct guarded *z = NULL;
  for (int64_t i = 0; i < COUNT; i++) {
    stored[i] = (double)i;
  }
  self->shape = (struct shape){COUNT / WIDTH, WIDTH, 1};
  conformance_make_room(self, COUNT / WIDTH, WIDTH);
  for (int t = 0; t < 2; t++) {
    cr_expect(find_fault(self, halves[t], stored, 0, INT64_MAX, false, &z) == first_bad[t],
              "%s: another first fault than %lld", self->ops->name, (long long)first_bad[t]);
    for (int64_t i = 0; i < COUNT; i++) {
      const double want = real_value(halves[t], stored[i]);
      const double got = z->result[i];
      const bool same = isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want);
      conformance_expect(self, same, diva_dtype_name(halves[t]), i);
    }
    conformance_clear(self);
  }
  free(stored);
}
