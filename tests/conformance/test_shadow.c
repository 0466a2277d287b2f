/* The shadow backend notices what it is there to notice. */
#define _POSIX_C_SOURCE 200809L
#include "kernels/backend.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4, COLUMNS = 3, REAL = sizeof(double) };

struct device {
  const struct diva_backend_ops *ops;
  struct diva_backend *backend;
  struct diva_buffer *buffer;
};

static struct device open_device(void) {
  const struct diva_backend_config config = {
      .double_tiles = true, .threads = 1, .tile_rows = ROWS, .columns = COLUMNS, .outputs = 1};
  struct device device = {0};
  struct diva_error error;
  cr_assert(diva_backend_choose("shadow", &device.ops, &error) == DIVA_OK, "%s", error.message);
  cr_assert(device.ops->open(&config, &device.backend, &error) == DIVA_OK);
  cr_assert(device.ops->buffer_create(device.backend, 64L * REAL, &device.buffer, &error) ==
            DIVA_OK);
  return device;
}

static void close_device(struct device *device) {
  device->ops->buffer_destroy(device->backend, device->buffer);
  device->ops->close(device->backend);
}

static struct diva_matrix view(const struct device *device, int64_t offset, int64_t rows,
                               int64_t columns) {
  return (struct diva_matrix){device->buffer, offset, rows, columns, columns};
}

/* G += Z'Z on views of one buffer: both must lie in it, and apart. */
static enum diva_status gram(const struct device *device, struct diva_matrix z,
                             struct diva_matrix sum) {
  struct diva_error error;
  return device->ops->gram_accumulate(device->backend, z, (struct diva_vector){0}, sum, &error);
}

Test(shadow, refuses_wrong_views) {
  struct device device = open_device();
  const struct diva_matrix z = view(&device, 0, ROWS, COLUMNS);
  cr_expect(gram(&device, z, view(&device, 12, COLUMNS, COLUMNS)) == DIVA_OK);
  cr_expect(gram(&device, z, view(&device, 11, COLUMNS, COLUMNS)) == DIVA_ERROR_INTERNAL,
            "overlap");
  cr_expect(gram(&device, z, view(&device, 56, COLUMNS, COLUMNS)) == DIVA_ERROR_INTERNAL, "end");
  cr_expect(gram(&device, view(&device, 0, ROWS + 1, COLUMNS),
                 view(&device, 20, COLUMNS, COLUMNS)) == DIVA_ERROR_INTERNAL,
            "a tile larger than told");
  close_device(&device);
}

Test(shadow, never_auto_and_not_listed) {
  const struct diva_backend_ops *ops = NULL;
  struct diva_backend_info info;
  struct diva_error error;
  cr_assert(unsetenv("DIVA_BACKEND") == 0);
  cr_expect(diva_backend_choose("auto", &ops, &error) == DIVA_OK &&
            strcmp(ops->name, "shadow") != 0);
  cr_assert(setenv("DIVA_BACKEND", "shadow", 1) == 0);
  cr_expect(diva_backend_choose(NULL, &ops, &error) == DIVA_OK && strcmp(ops->name, "shadow") == 0);
  for (int b = 0; diva_backend_describe(b, &info); b++) {
    cr_expect(strcmp(info.name, "shadow") != 0);
  }
}

/* Memory that nobody wrote is NaN; an upload is what it was when it was called, in its turn. */
Test(shadow, order) {
  struct device device = open_device();
  struct diva_error error;
  double value = 0.0;
  cr_expect(device.ops->download(device.backend, device.buffer, 0, &value, REAL, &error) ==
            DIVA_OK);
  cr_expect(isnan(value), "fresh memory is %g", value);
  value = 3.0;
  cr_expect(device.ops->upload(device.backend, device.buffer, 0, &value, REAL, &error) == DIVA_OK);
  value = 4.0;
  cr_expect(gram(&device, view(&device, 0, 1, 1), view(&device, 1, 1, 1)) == DIVA_OK);
  cr_expect(device.ops->zero(device.backend, device.buffer, 0, REAL, &error) == DIVA_OK);
  cr_expect(device.ops->download(device.backend, device.buffer, 0, &value, REAL, &error) ==
            DIVA_OK);
  cr_expect(value == 0.0);
  close_device(&device);
}

/* A copy beside the queue owns its bytes at both ends until it is finished. */
Test(shadow, copies_beside_the_queue) {
  struct device device = open_device();
  const struct diva_backend_ops *ops = device.ops;
  struct diva_error error;
  double *host = NULL;
  double value = 0.0;
  cr_assert(ops->host_create(device.backend, REAL, (void **)&host, &error) == DIVA_OK);
  *host = 1.0;
  cr_expect(ops->upload_begin(device.backend, device.buffer, 0, host, REAL, &error) == DIVA_OK);
  cr_expect(ops->zero(device.backend, device.buffer, 0, REAL, &error) == DIVA_ERROR_INTERNAL);
  cr_expect(ops->zero(device.backend, device.buffer, REAL, REAL, &error) == DIVA_OK);
  *host = 2.0;
  cr_expect(ops->upload_finish(device.backend, &error) == DIVA_OK);
  cr_expect(ops->download(device.backend, device.buffer, 0, &value, REAL, &error) == DIVA_OK);
  cr_expect(value == 2.0, "the host's memory was read too soon to notice its reuse");
  ops->host_destroy(device.backend, host);
  close_device(&device);
}

/* Nothing else does it wait for, so nothing else may be at work where it writes. */
Test(shadow, copies_wait_for_the_last_preparation) {
  struct device device = open_device();
  const struct diva_backend_ops *ops = device.ops;
  const struct diva_preparation preparation = {.type = DIVA_FLOAT64};
  const struct diva_matrix stored = view(&device, 0, 1, 1);
  struct diva_buffer *fault = NULL;
  struct diva_error error;
  double *host = NULL;
  cr_assert(ops->buffer_create(device.backend, REAL, &fault, &error) == DIVA_OK);
  cr_assert(ops->host_create(device.backend, REAL, (void **)&host, &error) == DIVA_OK);
  *host = 1.0;
  cr_expect(ops->zero(device.backend, device.buffer, 0, REAL, &error) == DIVA_OK);
  cr_expect(ops->zero(device.backend, fault, 0, REAL, &error) == DIVA_OK);
  cr_expect(ops->upload_begin(device.backend, device.buffer, 0, host, REAL, &error) ==
                DIVA_ERROR_INTERNAL,
            "an operation of before is not waited for");
  cr_expect(ops->upload_begin(device.backend, device.buffer, REAL, host, REAL, &error) == DIVA_OK,
            "other bytes are free");
  cr_expect(ops->upload_finish(device.backend, &error) == DIVA_OK);
  cr_expect(ops->prepare_rows(device.backend, stored, &preparation, 0, view(&device, 8, 1, 1),
                              fault, &error) == DIVA_OK);
  cr_expect(ops->upload_begin(device.backend, device.buffer, 0, host, REAL, &error) == DIVA_OK,
            "a preparation is waited for");
  cr_expect(ops->upload_finish(device.backend, &error) == DIVA_OK);
  double value = 0.0;
  cr_expect(ops->download(device.backend, device.buffer, 0, &value, REAL, &error) == DIVA_OK);
  cr_expect(value == 1.0);
  cr_expect(ops->upload_begin(device.backend, device.buffer, 0, host, REAL, &error) == DIVA_OK,
            "all that a download has waited for is over");
  cr_expect(ops->upload_finish(device.backend, &error) == DIVA_OK);
  ops->host_destroy(device.backend, host);
  ops->buffer_destroy(device.backend, fault);
  close_device(&device);
}

Test(shadow, use_after_destruction) {
  struct device device = open_device();
  struct diva_error error;
  double value = 0.0;
  device.ops->buffer_destroy(device.backend, device.buffer);
  cr_expect(device.ops->download(device.backend, device.buffer, 0, &value, REAL, &error) ==
            DIVA_ERROR_INTERNAL);
  cr_expect(device.ops->zero(device.backend, device.buffer, 0, REAL, &error) ==
            DIVA_ERROR_INTERNAL);
  device.ops->close(device.backend);
}

Test(shadow, memory_has_an_end) {
  struct device device = open_device();
  struct diva_error error;
  struct diva_buffer *second = NULL;
  int64_t room = 0;
  cr_assert(device.ops->memory_free(device.backend, &room, &error) == DIVA_OK);
  cr_expect(device.ops->buffer_create(device.backend, room + 1, &second, &error) ==
            DIVA_ERROR_RESOURCE);
  cr_expect(second == NULL);
  close_device(&device);
}

/* Where all memory was planned, none is taken once rows are prepared. */
Test(shadow, nothing_is_taken_in_the_passes) {
  struct diva_backend_config config = {.double_tiles = true,
                                       .threads = 1,
                                       .tile_rows = ROWS,
                                       .columns = COLUMNS,
                                       .outputs = 1,
                                       .reserves = true};
  const int64_t no_fault = INT64_MAX;
  struct device device = {0};
  struct diva_buffer *more = NULL;
  struct diva_buffer *fault = NULL;
  struct diva_error error;
  int64_t bytes = 0;
  cr_assert(diva_backend_choose("shadow", &device.ops, &error) == DIVA_OK, "%s", error.message);
  const struct diva_backend_ops *ops = device.ops;
  cr_assert(ops->open(&config, &device.backend, &error) == DIVA_OK);
  cr_assert(ops->reserve_bytes(device.backend, &config, &bytes, &error) == DIVA_OK &&
            bytes >= ops->scratch_bytes(&config));
  cr_assert(ops->reserve(device.backend, &config, &error) == DIVA_OK);
  cr_assert(ops->buffer_create(device.backend, 64L * REAL, &device.buffer, &error) == DIVA_OK);
  cr_assert(ops->buffer_create(device.backend, REAL, &fault, &error) == DIVA_OK);
  cr_assert(ops->zero(device.backend, device.buffer, 0, 64L * REAL, &error) == DIVA_OK);
  cr_assert(ops->upload(device.backend, fault, 0, &no_fault, REAL, &error) == DIVA_OK);
  const struct diva_preparation preparation = {.type = DIVA_FLOAT64};
  cr_assert(ops->prepare_rows(device.backend, view(&device, 0, ROWS, COLUMNS), &preparation, 0,
                              view(&device, 32, ROWS, COLUMNS), fault, &error) == DIVA_OK);
  cr_expect(ops->buffer_create(device.backend, REAL, &more, &error) == DIVA_ERROR_INTERNAL);
  cr_expect(more == NULL);
  ops->buffer_destroy(device.backend, fault);
  close_device(&device);
}
