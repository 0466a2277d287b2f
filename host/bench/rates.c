/* The rates that phases are compared with, by the operations of backend.h alone. */
#include "rates.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <math.h>
#include <stdlib.h>

enum { FIRST_SIDE = 1024, LAST_SIDE = 8192, TRIES = 3, COPY_BYTES = 64 << 20 };

/* Shorter runs measure the start of a product, and the clock. */
static const double LONG_ENOUGH = 0.1;

struct bench_device {
  const struct diva_backend_ops *ops;
  struct diva_backend *backend;
  struct diva_buffer *a, *b, *c; /**< matrices; a takes the copies too */
  char *host; /**< COPY_BYTES of noise, of the kind that copies are fastest from */
  int64_t element;
};

static void close_device(struct bench_device *device) {
  struct diva_buffer *const buffers[] = {device->a, device->b, device->c};
  for (int i = 0; i < 3 && device->backend; i++) {
    device->ops->buffer_destroy(device->backend, buffers[i]);
  }
  if (device->ops->host_destroy) {
    device->ops->host_destroy(device->backend, device->host);
  } else {
    free(device->host);
  }
  if (device->backend) {
    device->ops->close(device->backend);
  }
}

/* Small numbers without order: zeros would flatter some devices. */
static void fill_noise(const struct bench_device *device) {
  struct diva_random random = {1};
  for (int64_t i = 0; i < COPY_BYTES / device->element; i++) {
    const double value = (double)(diva_random_next(&random) >> 11) * 0x1p-53 - 0.5;
    if (device->element == (int64_t)sizeof(double)) {
      ((double *)(void *)device->host)[i] = value;
    } else {
      ((float *)(void *)device->host)[i] = (float)value;
    }
  }
}

/* A backend that has several ways to multiply takes that of a tile for what is no larger than one.
 */
static enum diva_status open_device(struct bench_device *device, struct diva_backend_config config,
                                    struct diva_error *error) {
  config.tile_rows = config.columns = device->ops->products ? LAST_SIDE : FIRST_SIDE;
  config.outputs = 1;
  enum diva_status status = device->ops->open(&config, &device->backend, error);
  if (status == DIVA_OK) {
    status =
        device->ops->host_create
            ? device->ops->host_create(device->backend, COPY_BYTES, (void **)&device->host, error)
            : diva_allocate(COPY_BYTES, 1, "copies", (void **)&device->host, error);
  }
  if (status == DIVA_OK) {
    fill_noise(device);
  }
  return status;
}

static enum diva_status create_matrix(struct bench_device *device, int64_t bytes,
                                      struct diva_buffer **out, struct diva_error *error) {
  device->ops->buffer_destroy(device->backend, *out);
  *out = NULL;
  enum diva_status status = device->ops->buffer_create(device->backend, bytes, out, error);
  for (int64_t at = 0; at < bytes && status == DIVA_OK; at += COPY_BYTES) {
    const int64_t piece = bytes - at < COPY_BYTES ? bytes - at : COPY_BYTES;
    status = device->ops->upload(device->backend, *out, at, device->host, piece, error);
  }
  return status;
}

/* Seconds of the quickest of several products of two matrices of this side. */
static enum diva_status time_product(struct bench_device *device, int64_t side, double *seconds,
                                     struct diva_error *error) {
  const struct diva_backend_ops *ops = device->ops;
  const bool doubles = device->element == (int64_t)sizeof(double);
  const int64_t bytes = side * side * device->element;
  struct diva_buffer **const buffers[] = {&device->a, &device->b, &device->c};
  enum diva_status status = DIVA_OK;
  *seconds = (double)INFINITY;
  for (int i = 0; i < 3 && status == DIVA_OK; i++) {
    status = create_matrix(device, bytes, buffers[i], error);
  }
  const struct diva_matrix a = {device->a, 0, side, side, side};
  const struct diva_matrix b = {device->b, 0, side, side, side};
  const struct diva_matrix c = {device->c, 0, side, side, side};
  for (int i = 0; i < TRIES && status == DIVA_OK; i++) {
    status = ops->synchronize(device->backend, error);
    const double start = diva_clock_seconds();
    if (status == DIVA_OK) {
      status = ops->multiply(device->backend, doubles, false, false, a, b, c, error);
    }
    if (status == DIVA_OK) {
      status = ops->synchronize(device->backend, error);
    }
    *seconds = fmin(*seconds, diva_clock_seconds() - start);
  }
  return status;
}

/* Larger matrices until a product takes long enough. */
static enum diva_status measure_matrix(struct bench_device *device, double *rate,
                                       struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  double seconds = 0.0;
  for (int64_t side = FIRST_SIDE; side <= LAST_SIDE && seconds < LONG_ENOUGH && status == DIVA_OK;
       side *= 2) {
    status = time_product(device, side, &seconds, error);
    if (status == DIVA_OK) {
      *rate = fmax(*rate, 2.0 * pow((double)side, 3.0) / seconds);
    }
  }
  return status;
}

static enum diva_status upload(struct bench_device *device, int64_t bytes,
                               struct diva_error *error) {
  const struct diva_backend_ops *ops = device->ops;
  if (!ops->upload_begin) {
    const enum diva_status status =
        ops->upload(device->backend, device->a, 0, device->host, bytes, error);
    return status == DIVA_OK ? ops->synchronize(device->backend, error) : status;
  }
  const enum diva_status status =
      ops->upload_begin(device->backend, device->a, 0, device->host, bytes, error);
  return status == DIVA_OK ? ops->upload_finish(device->backend, error) : status;
}

static enum diva_status measure_copy(struct bench_device *device, double *rate,
                                     struct diva_error *error) {
  enum diva_status status = create_matrix(device, COPY_BYTES, &device->a, error);
  for (int i = 0; i < TRIES && status == DIVA_OK; i++) {
    status = device->ops->synchronize(device->backend, error);
    const double start = diva_clock_seconds();
    if (status == DIVA_OK) {
      status = upload(device, COPY_BYTES, error);
    }
    *rate = fmax(*rate, (double)COPY_BYTES / (diva_clock_seconds() - start));
  }
  return status;
}

enum diva_status diva_rates_measure(const struct diva_backend_ops *ops,
                                    struct diva_backend_config config, struct diva_rates *rates,
                                    struct diva_error *error) {
  struct bench_device device = {.ops = ops,
                                .element = config.double_tiles ? (int64_t)sizeof(double)
                                                               : (int64_t)sizeof(float)};
  enum diva_status status = open_device(&device, config, error);
  if (status == DIVA_OK) {
    status = measure_matrix(&device, &rates->matrix, error);
  }
  if (status == DIVA_OK) {
    status = measure_copy(&device, &rates->copy, error);
  }
  close_device(&device);
  return status;
}
