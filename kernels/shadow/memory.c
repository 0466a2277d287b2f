/* Memory that is closed but while an operation runs, and that tells when it was misused. */
#define _GNU_SOURCE
#include "shadow_internal.h"

#include "kernels/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* All ones is a NaN in every float type, and an odd sight in integers. */
enum { POISON = 0xff, ALIGNMENT = 64, DEVICE_BYTES = 1 << 30 };

static int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

static int64_t mapping_bytes(const struct diva_buffer *buffer) {
  return buffer->page_bytes + 2 * sysconf(_SC_PAGESIZE);
}

static enum diva_status set_access(char *pages, int64_t bytes, int access,
                                   struct diva_error *error) {
  if (mprotect(pages, (size_t)bytes, access) != 0) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "shadow memory cannot be protected");
  }
  return DIVA_OK;
}

/* Of the pages on which a span lies. */
static enum diva_status set_span_access(const struct diva_shadow_span *span, int access,
                                        struct diva_error *error) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t start = span->buffer->data - span->buffer->mapping;
  const int64_t first = (start + span->first) / page * page;
  const int64_t end = round_up(start + span->end, page);
  return span->first < span->end
             ? set_access(span->buffer->mapping + first, end - first, access, error)
             : DIVA_OK;
}

static enum diva_status map_pages(struct diva_buffer *buffer, struct diva_error *error) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t used = round_up(buffer->bytes, ALIGNMENT);
  buffer->page_bytes = used > 0 ? round_up(used, page) : page;
  void *mapping = mmap(NULL, (size_t)mapping_bytes(buffer), PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a buffer of %lld bytes",
                          (long long)buffer->bytes);
  }
  buffer->mapping = mapping;
  buffer->data = buffer->mapping + page + buffer->page_bytes - used;
  char *pages = buffer->mapping + page;
  enum diva_status status = set_access(pages, buffer->page_bytes, PROT_READ | PROT_WRITE, error);
  if (status == DIVA_OK) {
    memset(pages, POISON, (size_t)buffer->page_bytes);
    status = set_access(pages, buffer->page_bytes, PROT_NONE, error);
  }
  return status;
}

enum diva_status diva_shadow_memory_free(struct diva_backend *backend, int64_t *bytes,
                                         struct diva_error *error) {
  (void)error;
  *bytes = DEVICE_BYTES - backend->bytes_taken;
  return DIVA_OK;
}

/* Who reserves has planned all of a run's memory: nothing is taken in its passes. */
static enum diva_status check_room(struct diva_backend *backend, int64_t bytes,
                                   struct diva_error *error) {
  int64_t room = 0;
  if (backend->config.reserves && backend->started) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "a buffer is created after the first tile");
  }
  const enum diva_status status = diva_shadow_memory_free(backend, &room, error);
  return status == DIVA_OK && bytes > room
             ? diva_error_set(error, DIVA_ERROR_RESOURCE,
                              "out of shadow memory: %lld bytes are needed, %lld are free",
                              (long long)bytes, (long long)room)
             : status;
}

enum diva_status diva_shadow_buffer_create(struct diva_backend *backend, int64_t bytes,
                                           struct diva_buffer **out, struct diva_error *error) {
  *out = NULL;
  struct diva_buffer *buffer = calloc(1, sizeof *buffer);
  if (!buffer) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a buffer");
  }
  buffer->bytes = bytes;
  enum diva_status status = check_room(backend, bytes, error);
  if (status == DIVA_OK) {
    status = map_pages(buffer, error);
  }
  if (status == DIVA_OK) {
    /* The CPU does not tell a buffer that it wraps from one of its own. */
    status = diva_cpu_ops.wrap(backend->cpu, buffer->data, bytes, &buffer->inner, error);
  }
  if (status != DIVA_OK) {
    if (buffer->mapping) {
      munmap(buffer->mapping, (size_t)mapping_bytes(buffer));
    }
    free(buffer);
    return status;
  }
  buffer->next = backend->buffers;
  backend->buffers = buffer;
  backend->bytes_taken += bytes;
  *out = buffer;
  return DIVA_OK;
}

static enum diva_status run_destroy(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  (void)error;
  struct diva_buffer *buffer = call->buffer[0];
  diva_cpu_ops.buffer_destroy(cpu, buffer->inner);
  munmap(buffer->mapping, (size_t)mapping_bytes(buffer));
  buffer->mapping = NULL;
  return DIVA_OK;
}

/* The memory goes when its turn comes; the handle stays, so that its further use is noticed. */
void diva_shadow_buffer_destroy(struct diva_backend *backend, struct diva_buffer *buffer) {
  if (!buffer || buffer->destroyed) {
    return;
  }
  struct diva_shadow_call call = {.run = run_destroy, .buffer = {buffer}, .release = true};
  buffer->destroyed = true;
  backend->bytes_taken -= buffer->bytes;
  diva_shadow_enqueue(backend, &call, NULL);
}

void diva_shadow_buffers_forget(struct diva_backend *backend) {
  struct diva_buffer *buffer = backend->buffers;
  while (buffer) {
    struct diva_buffer *next = buffer->next;
    if (buffer->destroyed) {
      free(buffer);
    }
    buffer = next;
  }
  backend->buffers = NULL;
}

/* What is written comes last: its pages may be those of an input as well. */
enum diva_status diva_shadow_spans_open(const struct diva_shadow_span *spans, int count,
                                        struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < count && status == DIVA_OK; i++) {
    status = spans[i].written ? DIVA_OK : set_span_access(&spans[i], PROT_READ, error);
  }
  for (int i = 0; i < count && status == DIVA_OK; i++) {
    status = spans[i].written ? set_span_access(&spans[i], PROT_READ | PROT_WRITE, error) : DIVA_OK;
  }
  return status;
}

static bool slack_is_untouched(const struct diva_buffer *buffer) {
  const int64_t end = round_up(buffer->bytes, ALIGNMENT);
  for (int64_t i = buffer->bytes; i < end; i++) {
    if ((unsigned char)buffer->data[i] != POISON) {
      return false;
    }
  }
  return true;
}

/* Of a span that reaches to the last page; others cannot have written there. */
static enum diva_status check_slack(const struct diva_shadow_span *span, struct diva_error *error) {
  const struct diva_buffer *buffer = span->buffer;
  const bool reaches = span->first < span->end && span->end == buffer->bytes;
  if (!span->written || !reaches || slack_is_untouched(buffer)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_INTERNAL,
                        "an operation wrote past the end of a buffer of %lld bytes",
                        (long long)buffer->bytes);
}

enum diva_status diva_shadow_spans_close(const struct diva_shadow_span *spans, int count,
                                         struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < count && status == DIVA_OK; i++) {
    status = check_slack(&spans[i], error);
  }
  for (int i = 0; i < count; i++) {
    const enum diva_status closed =
        set_span_access(&spans[i], PROT_NONE, status == DIVA_OK ? error : NULL);
    status = status == DIVA_OK ? closed : status;
  }
  return status;
}
