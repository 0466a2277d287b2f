/* Conformance of buffers: what goes up comes down, and nothing reaches outside. */
#include "harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 1000, SMALL = 64 };

static void expect_bytes(struct conformance *self, const struct diva_buffer *buffer,
                         const unsigned char *want, const char *what) {
  struct diva_error error;
  unsigned char got[BYTES];
  cr_assert(self->ops->download(self->backend, buffer, 0, got, BYTES, &error) == DIVA_OK);
  cr_expect(memcmp(got, want, BYTES) == 0, "%s: other bytes after %s", self->ops->name, what);
}

/* Ranges that leave a buffer of BYTES, each of which must be refused without harm. */
static void expect_refusals(struct conformance *self, struct diva_buffer *buffer) {
  static const int64_t ranges[][2] = {{0, BYTES + 1}, {BYTES, 1}, {-1, 4}, {8, -4}, {BYTES - 3, 4}};
  unsigned char host[BYTES + 1] = {0};
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    const int64_t offset = ranges[i][0];
    const int64_t bytes = ranges[i][1];
    struct diva_error error;
    cr_expect(self->ops->upload(self->backend, buffer, offset, host, bytes, &error) ==
              DIVA_ERROR_INTERNAL);
    cr_expect(self->ops->download(self->backend, buffer, offset, host, bytes, NULL) ==
              DIVA_ERROR_INTERNAL);
    cr_expect(self->ops->zero(self->backend, buffer, offset, bytes, &error) == DIVA_ERROR_INTERNAL);
  }
}

/* Stored rows that copies beside the queue replace, and their prepared rows. */
struct rows_beside {
  struct diva_matrix stored, z;
  struct diva_buffer *fault;
};

enum { ROWS = 4, COLUMNS = 16, STORED_BYTES = ROWS * COLUMNS * sizeof(float) };

static void open_rows(struct conformance *self, struct rows_beside *rows) {
  const struct diva_backend_ops *ops = self->ops;
  const int64_t element = conformance_element_bytes(self, ELEMENT_TILE);
  struct diva_error error;
  *rows = (struct rows_beside){.stored = {NULL, 0, ROWS, COLUMNS, COLUMNS},
                               .z = {NULL, 0, ROWS, COLUMNS, COLUMNS}};
  cr_assert(ops->buffer_create(self->backend, STORED_BYTES, &rows->stored.buffer, &error) ==
            DIVA_OK);
  cr_assert(ops->buffer_create(self->backend, ROWS * COLUMNS * element, &rows->z.buffer, &error) ==
            DIVA_OK);
  cr_assert(ops->buffer_create(self->backend, sizeof(int64_t), &rows->fault, &error) == DIVA_OK);
  cr_assert(ops->zero(self->backend, rows->fault, 0, sizeof(int64_t), &error) == DIVA_OK);
}

static void close_rows(struct conformance *self, struct rows_beside *rows) {
  self->ops->buffer_destroy(self->backend, rows->stored.buffer);
  self->ops->buffer_destroy(self->backend, rows->z.buffer);
  self->ops->buffer_destroy(self->backend, rows->fault);
}

static void prepare(struct conformance *self, const struct rows_beside *rows) {
  const struct diva_preparation preparation = {.type = DIVA_FLOAT32};
  struct diva_error error;
  cr_expect(self->ops->prepare_rows(self->backend, rows->stored, &preparation, 0, rows->z,
                                    rows->fault, &error) == DIVA_OK);
}

static void expect_rows(struct conformance *self, const struct rows_beside *rows, float want,
                        const char *what) {
  double got[ROWS * COLUMNS];
  struct diva_error error;
  const bool doubles = self->config.double_tiles;
  const int64_t bytes = ROWS * COLUMNS * conformance_element_bytes(self, ELEMENT_TILE);
  cr_assert(self->ops->download(self->backend, rows->z.buffer, 0, got, bytes, &error) == DIVA_OK);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    float single;
    memcpy(&single, (const char *)(const void *)got + (size_t)i * sizeof single, sizeof single);
    conformance_expect(self, (doubles ? got[i] : (double)single) == (double)want, what, i);
  }
}

static void fill(float *values, float value) {
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = value;
  }
}

/* A copy beside the queue comes after the rows that it replaces were prepared, and before what is
 * called after it was finished; work that is called in between does not hold it up, nor does it
 * disturb the work. */
static void expect_order_beside(struct conformance *self, struct diva_buffer *a,
                                struct diva_buffer *b) {
  enum { TURNS = 16 };
  const struct diva_backend_ops *ops = self->ops;
  struct rows_beside rows;
  struct diva_error error;
  float old[ROWS * COLUMNS];
  unsigned char bytes[BYTES];
  float *host = NULL;
  int64_t room = 0;
  conformance_expect(self, ops->memory_free(self->backend, &room, &error) == DIVA_OK && room > 0,
                     "free memory", 0);
  cr_assert(ops->host_create(self->backend, STORED_BYTES, (void **)&host, &error) == DIVA_OK);
  open_rows(self, &rows);
  for (int turn = 0; turn < TURNS; turn++) {
    fill(old, (float)turn);
    fill(host, (float)(100 + turn));
    memset(bytes, turn, BYTES);
    cr_expect(ops->upload(self->backend, rows.stored.buffer, 0, old, STORED_BYTES, &error) ==
              DIVA_OK);
    prepare(self, &rows);
    cr_expect(ops->upload(self->backend, a, 0, bytes, BYTES, &error) == DIVA_OK);
    cr_expect(ops->copy(self->backend, a, b, BYTES, &error) == DIVA_OK);
    cr_expect(ops->upload_begin(self->backend, rows.stored.buffer, 0, host, STORED_BYTES, &error) ==
              DIVA_OK);
    cr_expect(ops->upload_finish(self->backend, &error) == DIVA_OK);
    if (turn % 2 == 0) {
      expect_rows(self, &rows, old[0], "rows prepared before they were replaced");
    }
    prepare(self, &rows);
    expect_rows(self, &rows, host[0], "rows prepared after they were replaced");
    expect_bytes(self, b, bytes, "work beside a copy");
  }
  close_rows(self, &rows);
  ops->host_destroy(self->backend, host);
}

/* More than goes at once, and just as much as still goes the short way; the host may use its memory
 * again at once. No shape matters: at one of them. */
static void expect_large(struct conformance *self) {
  enum { LARGE = 9 << 20, SHORT = 1 << 20 };
  const struct diva_backend_ops *ops = self->ops;
  struct diva_error error;
  struct diva_buffer *buffer = NULL;
  unsigned char *want = reference_allocate(LARGE, 1);
  unsigned char *got = reference_allocate(LARGE, 1);
  cr_assert(ops->buffer_create(self->backend, LARGE, &buffer, &error) == DIVA_OK);
  for (int64_t i = 0; i < LARGE; i++) {
    want[i] = (unsigned char)(i * i / 1021 + i);
  }
  memcpy(got, want, LARGE);
  cr_expect(ops->upload(self->backend, buffer, 0, got, LARGE, &error) == DIVA_OK);
  memset(got, 7, LARGE);
  cr_expect(ops->upload(self->backend, buffer, 4096, got, SHORT, &error) == DIVA_OK);
  memset(got, 9, LARGE);
  cr_expect(ops->upload(self->backend, buffer, LARGE - 13, got, 13, &error) == DIVA_OK);
  memset(want + 4096, 7, SHORT);
  memset(want + LARGE - 13, 9, 13);
  cr_expect(ops->download(self->backend, buffer, 0, got, LARGE, &error) == DIVA_OK);
  conformance_expect(self, memcmp(got, want, LARGE) == 0, "bytes of a large upload", 0);
  ops->buffer_destroy(self->backend, buffer);
  free(want);
  free(got);
}

void case_memory(struct conformance *self) {
  const struct diva_backend_ops *ops = self->ops;
  conformance_make_room(self, ROWS, COLUMNS);
  struct diva_error error;
  struct diva_buffer *a = NULL;
  struct diva_buffer *b = NULL;
  struct diva_buffer *empty = NULL;
  struct diva_buffer *small = NULL;
  unsigned char bytes[BYTES];
  for (size_t i = 0; i < BYTES; i++) {
    bytes[i] = (unsigned char)(reference_below(&self->random, 256));
  }
  cr_assert(ops->buffer_create(self->backend, BYTES, &a, &error) == DIVA_OK);
  cr_assert(ops->buffer_create(self->backend, BYTES, &b, &error) == DIVA_OK);
  cr_assert(ops->buffer_create(self->backend, 0, &empty, &error) == DIVA_OK);
  cr_assert(ops->buffer_create(self->backend, SMALL, &small, &error) == DIVA_OK);
  cr_expect(ops->upload(self->backend, a, 0, bytes, BYTES, &error) == DIVA_OK);
  expect_bytes(self, a, bytes, "upload");
  expect_refusals(self, a);
  expect_bytes(self, a, bytes, "refusals");
  cr_expect(ops->copy(self->backend, a, b, BYTES, &error) == DIVA_OK);
  expect_bytes(self, b, bytes, "copy");
  cr_expect(ops->copy(self->backend, a, small, SMALL + 1, &error) == DIVA_ERROR_INTERNAL);
  cr_expect(ops->copy(self->backend, small, a, SMALL + 1, &error) == DIVA_ERROR_INTERNAL);
  memset(bytes + 17, 0, 101);
  cr_expect(ops->zero(self->backend, b, 17, 101, &error) == DIVA_OK);
  cr_expect(ops->upload(self->backend, b, 500, bytes, 33, &error) == DIVA_OK);
  memmove(bytes + 500, bytes, 33);
  cr_expect(ops->synchronize(self->backend, &error) == DIVA_OK);
  expect_bytes(self, b, bytes, "a partial zero and upload");
  cr_expect(ops->upload(self->backend, empty, 0, NULL, 0, &error) == DIVA_OK);
  cr_expect(ops->zero(self->backend, a, BYTES, 0, &error) == DIVA_OK);
  if (self->shape.columns == 1) {
    expect_large(self);
  }
  if (ops->upload_begin) {
    expect_order_beside(self, a, b);
  }
  ops->buffer_destroy(self->backend, a);
  ops->buffer_destroy(self->backend, b);
  ops->buffer_destroy(self->backend, empty);
  ops->buffer_destroy(self->backend, small);
}
