/* Opening the shadow, and what goes to and from its memory. */
#include "shadow_internal.h"

#include "host/core/core.h"
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum diva_backend_state diva_shadow_probe(char *detail, size_t detail_size) {
  char library[128];
  const enum diva_backend_state state = diva_cpu_ops.probe(library, sizeof library);
  snprintf(detail, detail_size, "shadow of %s", library);
  return state;
}

int64_t diva_shadow_scratch_bytes(const struct diva_backend_config *config) {
  return diva_cpu_ops.scratch_bytes(config);
}

enum diva_status diva_shadow_open(const struct diva_backend_config *config,
                                  struct diva_backend **out, struct diva_error *error) {
  struct diva_backend *backend = NULL;
  *out = NULL;
  enum diva_status status =
      diva_allocate(1, sizeof *backend, "the shadow backend", (void **)&backend, error);
  if (status != DIVA_OK) {
    return status;
  }
  backend->config = *config;
  if (!config->reserves) {
    status = diva_cpu_ops.open(config, &backend->cpu, error);
  }
  if (status != DIVA_OK) {
    free(backend);
    return status;
  }
  *out = backend;
  return DIVA_OK;
}

enum diva_status diva_shadow_reserve_bytes(struct diva_backend *backend,
                                           const struct diva_backend_config *config, int64_t *bytes,
                                           struct diva_error *error) {
  (void)backend;
  (void)error;
  *bytes = diva_shadow_scratch_bytes(config);
  return DIVA_OK;
}

enum diva_status diva_shadow_reserve(struct diva_backend *backend,
                                     const struct diva_backend_config *config,
                                     struct diva_error *error) {
  backend->config = *config;
  return diva_cpu_ops.open(config, &backend->cpu, error);
}

void diva_shadow_close(struct diva_backend *backend) {
  if (backend) {
    diva_shadow_drain(backend, NULL);
    diva_shadow_buffers_forget(backend);
    if (backend->cpu) {
      diva_cpu_ops.close(backend->cpu);
    }
    free(backend);
  }
}

static enum diva_status run_upload(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                   struct diva_error *error) {
  return diva_cpu_ops.upload(cpu, call->buffer[0], call->offset, call->snapshot, call->number,
                             error);
}

/* The host may overwrite what it has handed over: it is taken now and written in its turn. */
enum diva_status diva_shadow_upload(struct diva_backend *backend, struct diva_buffer *buffer,
                                    int64_t byte_offset, const void *host, int64_t bytes,
                                    struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_upload, .number = bytes, .offset = byte_offset};
  call.buffer[0] = diva_shadow_bytes(&call, buffer, byte_offset, bytes, true);
  if (bytes > 0) {
    const enum diva_status status = diva_allocate(bytes, 1, "an upload", &call.snapshot, error);
    if (status != DIVA_OK) {
      return status;
    }
    memcpy(call.snapshot, host, (size_t)bytes);
  }
  return diva_shadow_enqueue(backend, &call, error);
}

enum diva_status diva_shadow_download(struct diva_backend *backend,
                                      const struct diva_buffer *buffer, int64_t byte_offset,
                                      void *host, int64_t bytes, struct diva_error *error) {
  enum diva_status status = diva_shadow_synchronize(backend, error);
  if (status != DIVA_OK) {
    return status;
  }
  /* Opening and closing leave a buffer as it was. */
  struct diva_shadow_call call = {.number = bytes};
  struct diva_buffer *source = NULL;
  memcpy(&source, &buffer, sizeof source);
  diva_shadow_bytes(&call, source, byte_offset, bytes, false);
  status = diva_shadow_check(backend, &call, error);
  if (status == DIVA_OK) {
    status = diva_shadow_spans_open(call.spans, 1, error);
  }
  if (status == DIVA_OK) {
    status = diva_cpu_ops.download(backend->cpu, buffer->inner, byte_offset, host, bytes, error);
    const enum diva_status closed = diva_shadow_spans_close(call.spans, 1, NULL);
    status = status == DIVA_OK ? closed : status;
  }
  return status;
}

static enum diva_status run_zero(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  return diva_cpu_ops.zero(cpu, call->buffer[0], call->offset, call->number, error);
}

enum diva_status diva_shadow_zero(struct diva_backend *backend, struct diva_buffer *buffer,
                                  int64_t byte_offset, int64_t bytes, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_zero, .number = bytes, .offset = byte_offset};
  call.buffer[0] = diva_shadow_bytes(&call, buffer, byte_offset, bytes, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_copy(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  return diva_cpu_ops.copy(cpu, call->buffer[0], call->buffer[1], call->number, error);
}

enum diva_status diva_shadow_copy(struct diva_backend *backend, const struct diva_buffer *from,
                                  struct diva_buffer *to, int64_t bytes, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_copy, .number = bytes};
  struct diva_buffer *source = NULL;
  memcpy(&source, &from, sizeof source);
  call.buffer[0] = diva_shadow_bytes(&call, source, 0, bytes, false);
  call.buffer[1] = diva_shadow_bytes(&call, to, 0, bytes, true);
  return diva_shadow_enqueue(backend, &call, error);
}

enum diva_status diva_shadow_synchronize(struct diva_backend *backend, struct diva_error *error) {
  diva_shadow_mark(backend);
  return diva_shadow_drain(backend, error);
}

enum diva_status diva_shadow_host_create(struct diva_backend *backend, int64_t bytes, void **out,
                                         struct diva_error *error) {
  (void)backend;
  return diva_allocate(bytes, 1, "host memory for copies", out, error);
}

void diva_shadow_host_destroy(struct diva_backend *backend, void *memory) {
  (void)backend;
  free(memory);
}

/* All memory is alike here. */
bool diva_shadow_host_is_fast(struct diva_backend *backend, const void *memory, int64_t bytes) {
  (void)backend;
  (void)memory;
  return bytes > 0;
}

enum diva_status diva_shadow_upload_begin(struct diva_backend *backend, struct diva_buffer *buffer,
                                          int64_t byte_offset, const void *host, int64_t bytes,
                                          struct diva_error *error) {
  if (backend->copying == DIVA_SHADOW_COPIES) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "more than %d copies at a time",
                          DIVA_SHADOW_COPIES);
  }
  struct diva_shadow_call call = {.number = bytes};
  diva_shadow_bytes(&call, buffer, byte_offset, bytes, true);
  enum diva_status status = diva_shadow_check(backend, &call, error);
  if (status == DIVA_OK) {
    status = diva_shadow_check_untouched(&call.spans[0], error);
  }
  if (status == DIVA_OK && bytes > 0) {
    backend->copies[backend->copying++] = (struct diva_shadow_copy){call.spans[0], host};
  }
  return status;
}

/* The host's memory is read as late as its owner was told to leave it alone. */
enum diva_status diva_shadow_upload_finish(struct diva_backend *backend, struct diva_error *error) {
  const int count = backend->copying;
  enum diva_status status = DIVA_OK;
  backend->copying = 0;
  for (int i = 0; i < count && status == DIVA_OK; i++) {
    const struct diva_shadow_span *span = &backend->copies[i].span;
    status = diva_shadow_upload(backend, span->buffer, span->first, backend->copies[i].host,
                                span->end - span->first, error);
  }
  return status;
}
