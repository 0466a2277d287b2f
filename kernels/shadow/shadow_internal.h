/**
 * @file shadow_internal.h
 * What the files of the shadow backend share: device memory, and the calls that wait in its queue.
 *
 * A buffer of the shadow holds a buffer of the CPU backend over its pages. The two are of the same
 * name and of different types, so that views are translated where a call is queued: `inner` views
 * go to the CPU and are never looked into here.
 */
#ifndef DIVA_SHADOW_INTERNAL_H
#define DIVA_SHADOW_INTERNAL_H

#include "kernels/backend.h"

enum { DIVA_SHADOW_SPANS = 20, DIVA_SHADOW_QUEUE = 128, DIVA_SHADOW_COPIES = 16 };

/** Memory between two pages that are never open; its own pages are open to operations alone. */
struct diva_buffer {
  struct diva_buffer *next;  /**< of all that were created, the newest first */
  struct diva_buffer *inner; /**< the CPU's, over `data` */
  char *mapping;             /**< guard page, pages of data, guard page */
  int64_t page_bytes;        /**< of the pages of data */
  char *data;                /**< ends as near to the second guard page as alignment allows */
  int64_t bytes;
  bool destroyed;
  int64_t touched_first, touched_end; /**< between these, by calls that no copy waits for */
};

/** Bytes of a buffer that a call reads, or writes. */
struct diva_shadow_span {
  struct diva_buffer *buffer;
  int64_t first, end;
  bool written;
};

/** One call of the table of operations, with its arguments as they were; views are `inner`. */
struct diva_shadow_call {
  enum diva_status (*run)(struct diva_backend *cpu, const struct diva_shadow_call *call,
                          struct diva_error *error);
  struct diva_shadow_span spans[DIVA_SHADOW_SPANS];
  int span_count;
  struct diva_matrix matrix[3];
  struct diva_vector vector[7];
  struct diva_buffer *buffer[2];
  struct diva_preparation preparation;
  struct diva_row_facts facts;
  struct diva_row_results results;
  bool flag[3];
  double scale;
  int64_t number; /**< first row, or bytes */
  int64_t offset; /**< bytes */
  void *snapshot; /**< what an upload found at the host (owned) */
  bool oversize;  /**< a tile is larger than open() was told */
  bool release;   /**< is carried out after a failure too */
};

/** A copy begun beside the queue. */
struct diva_shadow_copy {
  struct diva_shadow_span span;
  const void *host;
};

struct diva_backend {
  struct diva_backend *cpu;
  struct diva_backend_config config;
  struct diva_buffer *buffers;
  int64_t bytes_taken; /**< by buffers that are not destroyed */
  bool started;        /**< rows have been prepared */
  struct diva_shadow_call queue[DIVA_SHADOW_QUEUE];
  int queued;
  struct diva_shadow_copy copies[DIVA_SHADOW_COPIES];
  int copying;
};

/* memory.c */

enum diva_status diva_shadow_buffer_create(struct diva_backend *backend, int64_t bytes,
                                           struct diva_buffer **out, struct diva_error *error);
void diva_shadow_buffer_destroy(struct diva_backend *backend, struct diva_buffer *buffer);

/** The device has a GiB. */
enum diva_status diva_shadow_memory_free(struct diva_backend *backend, int64_t *bytes,
                                         struct diva_error *error);

/** Frees what destroyed buffers have left. One that never was destroyed stays, and is a leak. */
void diva_shadow_buffers_forget(struct diva_backend *backend);

/** Opens the pages on which spans lie, for reading alone or for both. */
enum diva_status diva_shadow_spans_open(const struct diva_shadow_span *spans, int count,
                                        struct diva_error *error);

/** Closes them; DIVA_ERROR_INTERNAL where bytes behind the end of a written buffer have changed. */
enum diva_status diva_shadow_spans_close(const struct diva_shadow_span *spans, int count,
                                         struct diva_error *error);

/* queue.c */

/** The arguments of the call being built, translated to the CPU's; each is noted as a span. An
 * absent view stays absent. */
struct diva_matrix diva_shadow_matrix(struct diva_shadow_call *call, struct diva_matrix view,
                                      int64_t element, bool written);
struct diva_vector diva_shadow_vector(struct diva_shadow_call *call, struct diva_vector view,
                                      int64_t element, bool written);
struct diva_buffer *diva_shadow_bytes(struct diva_shadow_call *call, struct diva_buffer *buffer,
                                      int64_t offset, int64_t bytes, bool written);

/** Refuses a call whose views are wrong: DIVA_ERROR_INTERNAL says how. */
enum diva_status diva_shadow_check(const struct diva_backend *backend,
                                   const struct diva_shadow_call *call, struct diva_error *error);

/** Checks a call and queues it; a full queue runs first. The call's snapshot passes to
 * the queue, or is freed. */
enum diva_status diva_shadow_enqueue(struct diva_backend *backend, struct diva_shadow_call *call,
                                     struct diva_error *error);

/** Copies that are begun from now on wait for all calls so far. */
void diva_shadow_mark(struct diva_backend *backend);

/** Refuses a copy beside the queue into bytes that calls since the mark have touched. */
enum diva_status diva_shadow_check_untouched(const struct diva_shadow_span *span,
                                             struct diva_error *error);

/** Runs what is queued, in order; what follows a failure is dropped. */
enum diva_status diva_shadow_drain(struct diva_backend *backend, struct diva_error *error);

/* backend.c */
enum diva_backend_state diva_shadow_probe(char *detail, size_t detail_size);
int64_t diva_shadow_scratch_bytes(const struct diva_backend_config *config);
enum diva_status diva_shadow_reserve_bytes(struct diva_backend *backend,
                                           const struct diva_backend_config *config, int64_t *bytes,
                                           struct diva_error *error);
enum diva_status diva_shadow_reserve(struct diva_backend *backend,
                                     const struct diva_backend_config *config,
                                     struct diva_error *error);
enum diva_status diva_shadow_open(const struct diva_backend_config *config,
                                  struct diva_backend **out, struct diva_error *error);
void diva_shadow_close(struct diva_backend *backend);
enum diva_status diva_shadow_upload(struct diva_backend *backend, struct diva_buffer *buffer,
                                    int64_t byte_offset, const void *host, int64_t bytes,
                                    struct diva_error *error);
enum diva_status diva_shadow_download(struct diva_backend *backend,
                                      const struct diva_buffer *buffer, int64_t byte_offset,
                                      void *host, int64_t bytes, struct diva_error *error);
enum diva_status diva_shadow_zero(struct diva_backend *backend, struct diva_buffer *buffer,
                                  int64_t byte_offset, int64_t bytes, struct diva_error *error);
enum diva_status diva_shadow_copy(struct diva_backend *backend, const struct diva_buffer *from,
                                  struct diva_buffer *to, int64_t bytes, struct diva_error *error);
enum diva_status diva_shadow_synchronize(struct diva_backend *backend, struct diva_error *error);
enum diva_status diva_shadow_host_create(struct diva_backend *backend, int64_t bytes, void **out,
                                         struct diva_error *error);
void diva_shadow_host_destroy(struct diva_backend *backend, void *memory);
bool diva_shadow_host_is_fast(struct diva_backend *backend, const void *memory, int64_t bytes);
enum diva_status diva_shadow_upload_begin(struct diva_backend *backend, struct diva_buffer *buffer,
                                          int64_t byte_offset, const void *host, int64_t bytes,
                                          struct diva_error *error);
enum diva_status diva_shadow_upload_finish(struct diva_backend *backend, struct diva_error *error);

#endif
