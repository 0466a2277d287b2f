/* Calls wait here until somebody must see what they did. */
#include "shadow_internal.h"

#include <stdlib.h>

static void note(struct diva_shadow_call *call, struct diva_shadow_span span) {
  if (call->span_count < DIVA_SHADOW_SPANS) {
    call->spans[call->span_count] = span;
  }
  call->span_count++;
}

struct diva_matrix diva_shadow_matrix(struct diva_shadow_call *call, struct diva_matrix view,
                                      int64_t element, bool written) {
  if (view.buffer) {
    const bool empty = view.rows == 0 || view.columns == 0;
    const int64_t elements = empty ? 0 : (view.rows - 1) * view.stride + view.columns;
    note(call, (struct diva_shadow_span){.buffer = view.buffer,
                                         .first = view.offset * element,
                                         .end = (view.offset + elements) * element,
                                         .written = written});
    view.buffer = view.buffer->inner;
  }
  return view;
}

struct diva_vector diva_shadow_vector(struct diva_shadow_call *call, struct diva_vector view,
                                      int64_t element, bool written) {
  if (view.buffer) {
    view.buffer =
        diva_shadow_bytes(call, view.buffer, view.offset * element, view.length * element, written);
  }
  return view;
}

struct diva_buffer *diva_shadow_bytes(struct diva_shadow_call *call, struct diva_buffer *buffer,
                                      int64_t offset, int64_t bytes, bool written) {
  /* A length below zero must not look like an end before the start that is inside. */
  const int64_t end = bytes < 0 ? INT64_MAX : offset + bytes;
  note(call, (struct diva_shadow_span){
                 .buffer = buffer, .first = offset, .end = end, .written = written});
  return buffer->inner;
}

static enum diva_status check_span(const struct diva_shadow_span *span, struct diva_error *error) {
  if (span->buffer->destroyed) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "a buffer is used that was destroyed");
  }
  if (span->first < 0 || span->end > span->buffer->bytes) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "bytes %lld to %lld leave a buffer of %lld",
                          (long long)span->first, (long long)span->end,
                          (long long)span->buffer->bytes);
  }
  return DIVA_OK;
}

/* A device computes the elements of an output in any order: no input may lie under it. */
static enum diva_status check_apart(const struct diva_shadow_span *a,
                                    const struct diva_shadow_span *b, struct diva_error *error) {
  const bool overlap = a->buffer == b->buffer && a->first < b->end && b->first < a->end;
  if (overlap && (a->written || b->written)) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL,
                          "bytes %lld to %lld are written while bytes %lld to %lld of the same "
                          "buffer are in use",
                          (long long)a->first, (long long)a->end, (long long)b->first,
                          (long long)b->end);
  }
  return DIVA_OK;
}

/* What a copy beside the queue is writing is its own until it is finished. */
static enum diva_status check_copies(const struct diva_backend *backend,
                                     const struct diva_shadow_span *span,
                                     struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < backend->copying && status == DIVA_OK; i++) {
    status = check_apart(&backend->copies[i].span, span, error);
  }
  return status;
}

enum diva_status diva_shadow_check(const struct diva_backend *backend,
                                   const struct diva_shadow_call *call, struct diva_error *error) {
  if (call->span_count > DIVA_SHADOW_SPANS) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "a call has more than %d views",
                          DIVA_SHADOW_SPANS);
  }
  if (call->oversize) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL,
                          "a tile is larger than the backend was opened for");
  }
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < call->span_count && status == DIVA_OK; i++) {
    status = check_span(&call->spans[i], error);
    for (int j = 0; j < i && status == DIVA_OK; j++) {
      status = check_apart(&call->spans[i], &call->spans[j], error);
    }
    if (status == DIVA_OK) {
      status = check_copies(backend, &call->spans[i], error);
    }
  }
  return status;
}

void diva_shadow_mark(struct diva_backend *backend) {
  for (struct diva_buffer *buffer = backend->buffers; buffer; buffer = buffer->next) {
    buffer->touched_first = buffer->touched_end = 0;
  }
}

static void touch(const struct diva_shadow_span *span) {
  struct diva_buffer *buffer = span->buffer;
  const bool first = buffer->touched_first == buffer->touched_end;
  if (span->first < span->end) {
    buffer->touched_first =
        first || span->first < buffer->touched_first ? span->first : buffer->touched_first;
    buffer->touched_end =
        first || span->end > buffer->touched_end ? span->end : buffer->touched_end;
  }
}

enum diva_status diva_shadow_check_untouched(const struct diva_shadow_span *span,
                                             struct diva_error *error) {
  const struct diva_buffer *buffer = span->buffer;
  if (span->first < buffer->touched_end && buffer->touched_first < span->end) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL,
                          "bytes %lld to %lld are copied to beside operations that may be at "
                          "work on bytes %lld to %lld of the same buffer",
                          (long long)span->first, (long long)span->end,
                          (long long)buffer->touched_first, (long long)buffer->touched_end);
  }
  return DIVA_OK;
}

enum diva_status diva_shadow_enqueue(struct diva_backend *backend, struct diva_shadow_call *call,
                                     struct diva_error *error) {
  enum diva_status status = diva_shadow_check(backend, call, error);
  if (status == DIVA_OK && backend->queued == DIVA_SHADOW_QUEUE) {
    status = diva_shadow_drain(backend, error);
  }
  if (status != DIVA_OK && !call->release) {
    free(call->snapshot);
    return status;
  }
  backend->queue[backend->queued++] = *call;
  for (int i = 0; status == DIVA_OK && i < call->span_count; i++) {
    touch(&call->spans[i]);
  }
  return status;
}

static enum diva_status run_call(struct diva_backend *backend, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  enum diva_status status = diva_shadow_spans_open(call->spans, call->span_count, error);
  if (status == DIVA_OK) {
    status = call->run(backend->cpu, call, error);
  }
  const enum diva_status closed =
      diva_shadow_spans_close(call->spans, call->span_count, status == DIVA_OK ? error : NULL);
  return status == DIVA_OK ? closed : status;
}

enum diva_status diva_shadow_drain(struct diva_backend *backend, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < backend->queued; i++) {
    const struct diva_shadow_call *call = &backend->queue[i];
    if (status == DIVA_OK || call->release) {
      const enum diva_status own = run_call(backend, call, status == DIVA_OK ? error : NULL);
      status = status == DIVA_OK ? own : status;
    }
    free(call->snapshot);
  }
  backend->queued = 0;
  return status;
}
