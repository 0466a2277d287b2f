/* Guarded device memory and the measure of errors. */
#include "harness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 0xff, PADDING = 5 };

int64_t conformance_element_bytes(const struct conformance *self, enum element element) {
  switch (element) {
  case ELEMENT_TILE:
    return self->config.double_tiles ? 8 : 4;
  case ELEMENT_REAL:
    return 8;
  case ELEMENT_INTEGER:
  case ELEMENT_SINGLE:
    return 4;
  case ELEMENT_WORD:
    return 2;
  }
  return 0;
}

/* Tile elements are one of the two real types. */
static enum element plain_element(const struct conformance *self, enum element element) {
  if (element == ELEMENT_TILE) {
    return self->config.double_tiles ? ELEMENT_REAL : ELEMENT_SINGLE;
  }
  return element;
}

static void encode(enum element element, double value, unsigned char *to) {
  const float single = (float)value;
  if (element == ELEMENT_REAL) {
    memcpy(to, &value, sizeof value);
  } else if (element == ELEMENT_SINGLE) {
    memcpy(to, &single, sizeof single);
  } else if (element == ELEMENT_INTEGER) {
    const int32_t integer = (int32_t)value;
    memcpy(to, &integer, sizeof integer);
  } else {
    const uint16_t word = (uint16_t)value;
    memcpy(to, &word, sizeof word);
  }
}

static double decode(enum element element, const unsigned char *from) {
  double value = 0.0;
  float single = 0.0F;
  int32_t integer = 0;
  uint16_t word = 0;
  switch (element) {
  case ELEMENT_REAL:
    memcpy(&value, from, sizeof value);
    return value;
  case ELEMENT_SINGLE:
    memcpy(&single, from, sizeof single);
    return (double)single;
  case ELEMENT_INTEGER:
    memcpy(&integer, from, sizeof integer);
    return (double)integer;
  default:
    memcpy(&word, from, sizeof word);
    return (double)word;
  }
}

static unsigned char *element_at(const struct conformance *self, const struct guarded *object,
                                 unsigned char *image, int64_t i, int64_t j) {
  const int64_t bytes = conformance_element_bytes(self, object->element);
  return image + (object->lead + i * object->stride + j) * bytes;
}

static void open_backend(struct conformance *self) {
  struct diva_error error;
  const enum diva_status status = self->ops->open(&self->config, &self->backend, &error);
  cr_assert(status == DIVA_OK, "%s cannot be opened: %s", self->ops->name, error.message);
}

void conformance_open(struct conformance *self, const struct diva_backend_ops *ops,
                      struct diva_backend_config config, struct shape shape,
                      struct accuracy *accuracy) {
  *self = (struct conformance){.ops = ops,
                               .config = config,
                               .shape = shape,
                               .random = {0x9e3779b97f4a7c15U},
                               .accuracy = accuracy};
  open_backend(self);
}

void conformance_clear(struct conformance *self) {
  for (int i = 0; i < self->object_count; i++) {
    struct guarded *object = &self->objects[i];
    self->ops->buffer_destroy(self->backend, object->buffer);
    free(object->values);
    free(object->result);
    free(object->image);
  }
  self->object_count = 0;
}

void conformance_close(struct conformance *self) {
  conformance_clear(self);
  self->ops->close(self->backend);
  self->backend = NULL;
}

void conformance_make_room(struct conformance *self, int64_t rows, int64_t columns) {
  conformance_close(self);
  self->config.tile_rows = rows;
  self->config.columns = columns;
  open_backend(self);
}

/* Reserves the place of a matrix; vectors have no rows to pad. */
static struct guarded *reserve(struct conformance *self, enum element element, int64_t rows,
                               int64_t columns) {
  cr_assert(self->object_count < CONFORMANCE_OBJECTS, "the harness holds too few objects");
  struct guarded *object = &self->objects[self->object_count++];
  const bool vector = rows == 1;
  *object = (struct guarded){
      .element = element,
      .rows = rows,
      .columns = columns,
      .stride = vector ? columns : columns + PADDING + self->object_count % 3,
      .lead = 3 + self->object_count % 4,
  };
  object->stride = object->stride > 0 ? object->stride : 1;
  const int64_t elements = object->lead + rows * object->stride + PADDING;
  object->bytes = elements * conformance_element_bytes(self, element);
  object->image = reference_allocate(object->bytes, 1);
  object->values = reference_allocate(rows * columns, sizeof(double));
  object->result = reference_allocate(rows * columns, sizeof(double));
  memset(object->image, GUARD, (size_t)object->bytes);
  return object;
}

static void put_on_device(struct conformance *self, struct guarded *object) {
  struct diva_error error;
  enum diva_status status =
      self->ops->buffer_create(self->backend, object->bytes, &object->buffer, &error);
  if (status == DIVA_OK) {
    status =
        self->ops->upload(self->backend, object->buffer, 0, object->image, object->bytes, &error);
  }
  if (status != DIVA_OK) {
    cr_assert_fail("%s: no buffer: %s", self->ops->name, error.message);
  }
}

struct guarded *conformance_input(struct conformance *self, enum element element, int64_t rows,
                                  int64_t columns, const double *values) {
  struct guarded *object = reserve(self, element, rows, columns);
  const enum element plain = plain_element(self, element);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      unsigned char *at = element_at(self, object, object->image, i, j);
      encode(plain, values[i * columns + j], at);
      object->values[i * columns + j] = decode(plain, at);
    }
  }
  put_on_device(self, object);
  return object;
}

struct guarded *conformance_random(struct conformance *self, enum element element, int64_t rows,
                                   int64_t columns) {
  double *values = reference_allocate(rows * columns, sizeof *values);
  for (int64_t i = 0; i < rows * columns; i++) {
    values[i] = reference_uniform(&self->random);
  }
  struct guarded *object = conformance_input(self, element, rows, columns, values);
  free(values);
  return object;
}

struct guarded *conformance_changes(struct guarded *object) {
  object->output = true;
  return object;
}

struct guarded *conformance_output(struct conformance *self, enum element element, int64_t rows,
                                   int64_t columns) {
  struct guarded *object = reserve(self, element, rows, columns);
  object->output = true;
  put_on_device(self, object);
  return object;
}

struct diva_matrix conformance_matrix(const struct guarded *object) {
  return (struct diva_matrix){.buffer = object->buffer,
                              .offset = object->lead,
                              .rows = object->rows,
                              .columns = object->columns,
                              .stride = object->stride};
}

struct diva_vector conformance_vector(const struct guarded *object) {
  return (struct diva_vector){
      .buffer = object->buffer, .offset = object->lead, .length = object->columns};
}

/* The bytes from `first` to `end` must be what they were. */
static void expect_untouched(const struct conformance *self, const struct guarded *object,
                             const unsigned char *now, int64_t first, int64_t end) {
  const int64_t bytes = conformance_element_bytes(self, object->element);
  if (memcmp(now + first * bytes, object->image + first * bytes, (size_t)((end - first) * bytes)) !=
      0) {
    cr_assert_fail("%s %s (%lld x %lld x %lld): %s %d of %lld x %lld was overwritten between "
                   "elements %lld and %lld",
                   self->ops->name, self->accuracy->operation, (long long)self->shape.rows,
                   (long long)self->shape.columns, (long long)self->shape.outputs,
                   object->output ? "output" : "input", (int)(object - self->objects),
                   (long long)object->rows, (long long)object->columns, (long long)first,
                   (long long)end);
  }
}

static void expect_guards(const struct conformance *self, const struct guarded *object,
                          const unsigned char *now) {
  const int64_t elements = object->bytes / conformance_element_bytes(self, object->element);
  int64_t first = 0;
  for (int64_t i = 0; i < object->rows && object->output; i++) {
    const int64_t row = object->lead + i * object->stride;
    expect_untouched(self, object, now, first, row);
    first = row + object->columns;
  }
  expect_untouched(self, object, now, first, elements);
}

static void inspect(struct conformance *self, struct guarded *object) {
  struct diva_error error;
  unsigned char *now = reference_allocate(object->bytes, 1);
  const enum diva_status status =
      self->ops->download(self->backend, object->buffer, 0, now, object->bytes, &error);
  if (status != DIVA_OK) {
    cr_assert_fail("%s: no download: %s", self->ops->name, error.message);
  }
  expect_guards(self, object, now);
  for (int64_t i = 0; i < object->rows && object->output; i++) {
    for (int64_t j = 0; j < object->columns; j++) {
      object->result[i * object->columns + j] =
          decode(plain_element(self, object->element), element_at(self, object, now, i, j));
    }
  }
  if (object->output) {
    self->digest = reference_digest(self->digest, now, (size_t)object->bytes);
  }
  free(now);
}

void conformance_finish(struct conformance *self, enum diva_status status,
                        const struct diva_error *error) {
  if (status != DIVA_OK) {
    cr_assert_fail("%s %s: %s", self->ops->name, self->accuracy->operation, error->message);
  }
  for (int i = 0; i < self->object_count; i++) {
    inspect(self, &self->objects[i]);
  }
}

void conformance_compare(struct conformance *self, long double got, long double want,
                         long double scale) {
  long double error = fabsl(got - want);
  if (isnan(got) && isnan(want)) {
    error = 0.0L;
  } else if (isnan(error)) {
    error = (long double)INFINITY;
  } else if (error > 0.0L) {
    error /= scale;
  }
  if (error > self->accuracy->worst) {
    self->accuracy->worst = error;
  }
}

void conformance_expect(const struct conformance *self, bool held, const char *what, int64_t at) {
  if (!held) {
    cr_assert_fail("%s %s: %s (at %lld)", self->ops->name, self->accuracy->operation, what,
                   (long long)at);
  }
}
