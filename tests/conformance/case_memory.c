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

/* A copy beside the queue comes after what was called before it, and before what is called after it
 * was finished. */
static void expect_order_beside(struct conformance *self, struct diva_buffer *a,
                                struct diva_buffer *b) {
  enum { TURNS = 16 };
  const struct diva_backend_ops *ops = self->ops;
  struct diva_error error;
  unsigned char *host = NULL;
  unsigned char old[BYTES];
  int64_t room = 0;
  cr_assert(ops->memory_free(self->backend, &room, &error) == DIVA_OK && room > 0);
  cr_assert(ops->host_create(self->backend, BYTES, (void **)&host, &error) == DIVA_OK);
  for (int turn = 0; turn < TURNS; turn++) {
    memset(old, turn, BYTES);
    cr_expect(ops->upload(self->backend, a, 0, old, BYTES, &error) == DIVA_OK);
    cr_expect(ops->copy(self->backend, a, b, BYTES, &error) == DIVA_OK);
    memset(host, 100 + turn, BYTES);
    cr_expect(ops->upload_begin(self->backend, a, 0, host, BYTES, &error) == DIVA_OK);
    cr_expect(ops->upload_finish(self->backend, &error) == DIVA_OK);
    expect_bytes(self, b, old, "an upload beside the queue into what was copied before");
    cr_expect(ops->copy(self->backend, a, b, BYTES, &error) == DIVA_OK);
    expect_bytes(self, b, host, "a copy of what was uploaded beside the queue");
  }
  ops->host_destroy(self->backend, host);
}

void case_memory(struct conformance *self) {
  const struct diva_backend_ops *ops = self->ops;
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
  if (ops->upload_begin) {
    expect_order_beside(self, a, b);
  }
  ops->buffer_destroy(self->backend, a);
  ops->buffer_destroy(self->backend, b);
  ops->buffer_destroy(self->backend, empty);
  ops->buffer_destroy(self->backend, small);
}
