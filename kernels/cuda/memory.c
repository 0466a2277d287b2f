/* Device memory, and the ways into and out of it. */
#include "cuda.h"
#include "cuda_internal.h"

#include <stdlib.h>
#include <string.h>

enum { STAGING_HALF = 4 << 20, STAGING_ALIGNMENT = 16 };

/*
 * Uploads of at most so many bytes are copied by a kernel. All copies from the host share one
 * engine, in the order in which they were asked for: behind a tile of some hundred MiB a few words
 * for the tile before it would wait for milliseconds, and with them the operations that the tile's
 * copy is meant to run beside. A MiB over the bus takes a kernel some 20 microseconds; more than
 * that is left to the engine, which takes no part of the device's cores.
 */
enum { LARGEST_BY_KERNEL = 1 << 20 };

static const double MEBIBYTE = 0x1p20;

static enum diva_status fail(const char *what, const char *why, int code,
                             struct diva_error *error) {
  diva_error_set(error, DIVA_ERROR_RESOURCE, "CUDA: %s: %s (%d)", what, why, code);
  if (error) {
    error->foreign_code = code;
  }
  return DIVA_ERROR_RESOURCE;
}

/* A failure that has been reported is not left for the next launch to find. */
enum diva_status diva_cuda_check(cudaError_t code, const char *what, struct diva_error *error) {
  if (code == cudaSuccess) {
    return DIVA_OK;
  }
  cudaGetLastError();
  return fail(what, cudaGetErrorString(code), (int)code, error);
}

enum diva_status diva_cuda_check_blas(cublasStatus_t code, const char *what,
                                      struct diva_error *error) {
  return code == CUBLAS_STATUS_SUCCESS ? DIVA_OK : fail(what, "cuBLAS status", (int)code, error);
}

enum diva_status diva_cuda_check_solver(cusolverStatus_t code, const char *what,
                                        struct diva_error *error) {
  return code == CUSOLVER_STATUS_SUCCESS ? DIVA_OK
                                         : fail(what, "cuSOLVER status", (int)code, error);
}

enum diva_status diva_cuda_allocate(int64_t bytes, const char *what, void **out,
                                    struct diva_error *error) {
  size_t available = 0;
  size_t total = 0;
  *out = NULL;
  const cudaError_t code = cudaMalloc(out, (size_t)(bytes > 0 ? bytes : 1));
  if (code == cudaSuccess) {
    return DIVA_OK;
  }
  if (code != cudaErrorMemoryAllocation) { /* that of a kernel before */
    return diva_cuda_check(code, what, error);
  }
  cudaGetLastError();
  cudaMemGetInfo(&available, &total);
  diva_error_set(error, DIVA_ERROR_RESOURCE,
                 "out of device memory: %s needs %.1f MiB; %.1f MiB of %.1f MiB are free", what,
                 (double)bytes / MEBIBYTE, (double)available / MEBIBYTE, (double)total / MEBIBYTE);
  if (error) {
    error->foreign_code = (int)code;
  }
  return DIVA_ERROR_RESOURCE;
}

enum diva_status diva_cuda_reserve_work(struct diva_backend *backend, int64_t bytes,
                                        struct diva_error *error) {
  if (bytes <= backend->work_bytes) {
    return DIVA_OK;
  }
  void *data = NULL;
  cudaFree(backend->work);
  backend->work = NULL;
  backend->work_bytes = 0;
  const enum diva_status status = diva_cuda_allocate(bytes, "a factorisation", &data, error);
  if (status == DIVA_OK) {
    backend->work = data;
    backend->work_bytes = bytes;
  }
  return status;
}

enum diva_status diva_cuda_staging_open(struct diva_cuda_staging *staging,
                                        struct diva_error *error) {
  void *data = NULL;
  enum diva_status status = diva_cuda_check(cudaMallocHost(&data, (size_t)2 * STAGING_HALF),
                                            "pinned memory to upload through", error);
  staging->data = data;
  for (int i = 0; i < 2 && status == DIVA_OK; i++) {
    status = diva_cuda_check(cudaEventCreateWithFlags(&staging->done[i], cudaEventDisableTiming),
                             "an event", error);
  }
  return status;
}

void diva_cuda_staging_close(struct diva_cuda_staging *staging) {
  for (int i = 0; i < 2; i++) {
    if (staging->done[i]) {
      cudaEventDestroy(staging->done[i]);
    }
  }
  if (staging->data) {
    cudaFreeHost(staging->data);
  }
}

/* Goes on with the other half once its copies are through. An event never recorded has passed. */
static enum diva_status turn_staging(struct diva_backend *backend, struct diva_error *error) {
  struct diva_cuda_staging *staging = &backend->staging;
  enum diva_status status = diva_cuda_check(
      cudaEventRecord(staging->done[staging->half], backend->stream), "an upload", error);
  if (status == DIVA_OK) {
    staging->half = 1 - staging->half;
    staging->used = 0;
    status =
        diva_cuda_check(cudaEventSynchronize(staging->done[staging->half]), "an upload", error);
  }
  return status;
}

enum diva_status diva_cuda_buffer_create(struct diva_backend *backend, int64_t bytes,
                                         struct diva_buffer **out, struct diva_error *error) {
  (void)backend;
  void *data = NULL;
  *out = NULL;
  struct diva_buffer *buffer = malloc(sizeof *buffer);
  if (!buffer) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a buffer");
  }
  const enum diva_status status = diva_cuda_allocate(bytes, "a buffer", &data, error);
  if (status != DIVA_OK) {
    free(buffer);
    return status;
  }
  buffer->data = data;
  buffer->bytes = bytes;
  *out = buffer;
  return DIVA_OK;
}

void diva_cuda_buffer_destroy(struct diva_backend *backend, struct diva_buffer *buffer) {
  (void)backend;
  if (buffer) {
    cudaFree(buffer->data);
    free(buffer);
  }
}

static enum diva_status check_range(const struct diva_buffer *buffer, int64_t offset, int64_t bytes,
                                    struct diva_error *error) {
  if (offset < 0 || bytes < 0 || offset > buffer->bytes - bytes) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL,
                          "a copy of %lld bytes at %lld leaves a buffer of %lld", (long long)bytes,
                          (long long)offset, (long long)buffer->bytes);
  }
  return DIVA_OK;
}

/* As much as the present half of the staging memory still holds; returns how many bytes. */
static enum diva_status upload_piece(struct diva_backend *backend, char *to, const char *host,
                                     int64_t bytes, int64_t *done, struct diva_error *error) {
  struct diva_cuda_staging *staging = &backend->staging;
  if (staging->used >= STAGING_HALF) {
    const enum diva_status status = turn_staging(backend, error);
    if (status != DIVA_OK) {
      return status;
    }
  }
  const int64_t room = STAGING_HALF - staging->used;
  const int64_t piece = bytes < room ? bytes : room;
  char *from = staging->data + staging->half * (int64_t)STAGING_HALF + staging->used;
  memcpy(from, host, (size_t)piece);
  staging->used += (piece + STAGING_ALIGNMENT - 1) / STAGING_ALIGNMENT * STAGING_ALIGNMENT;
  *done = piece;
  const bool words =
      (uintptr_t)to % sizeof(uint32_t) == 0 && piece % (int64_t)sizeof(uint32_t) == 0;
  if (words && bytes <= LARGEST_BY_KERNEL) {
    return diva_cuda_check(
        diva_cuda_launch_copy_words(from, to, piece / (int64_t)sizeof(uint32_t), backend->stream),
        "an upload", error);
  }
  return diva_cuda_check(
      cudaMemcpyAsync(to, from, (size_t)piece, cudaMemcpyHostToDevice, backend->stream),
      "an upload", error);
}

enum diva_status diva_cuda_upload(struct diva_backend *backend, struct diva_buffer *buffer,
                                  int64_t byte_offset, const void *host, int64_t bytes,
                                  struct diva_error *error) {
  enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  for (int64_t at = 0; at < bytes && status == DIVA_OK;) {
    int64_t done = 0;
    status = upload_piece(backend, buffer->data + byte_offset + at, (const char *)host + at,
                          bytes - at, &done, error);
    at += done;
  }
  return status;
}

enum diva_status diva_cuda_download(struct diva_backend *backend, const struct diva_buffer *buffer,
                                    int64_t byte_offset, void *host, int64_t bytes,
                                    struct diva_error *error) {
  enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status == DIVA_OK && bytes > 0) {
    status = diva_cuda_check(cudaMemcpyAsync(host, buffer->data + byte_offset, (size_t)bytes,
                                             cudaMemcpyDeviceToHost, backend->stream),
                             "a download", error);
  }
  return status == DIVA_OK ? diva_cuda_synchronize(backend, error) : status;
}

enum diva_status diva_cuda_zero(struct diva_backend *backend, struct diva_buffer *buffer,
                                int64_t byte_offset, int64_t bytes, struct diva_error *error) {
  const enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status != DIVA_OK || bytes == 0) {
    return status;
  }
  return diva_cuda_check(
      cudaMemsetAsync(buffer->data + byte_offset, 0, (size_t)bytes, backend->stream),
      "clearing memory", error);
}

enum diva_status diva_cuda_copy(struct diva_backend *backend, const struct diva_buffer *from,
                                struct diva_buffer *to, int64_t bytes, struct diva_error *error) {
  enum diva_status status = check_range(from, 0, bytes, error);
  if (status == DIVA_OK) {
    status = check_range(to, 0, bytes, error);
  }
  if (status != DIVA_OK || bytes == 0) {
    return status;
  }
  return diva_cuda_check(cudaMemcpyAsync(to->data, from->data, (size_t)bytes,
                                         cudaMemcpyDeviceToDevice, backend->stream),
                         "a copy", error);
}

enum diva_status diva_cuda_synchronize(struct diva_backend *backend, struct diva_error *error) {
  return diva_cuda_check(cudaStreamSynchronize(backend->stream), "the operations queued", error);
}

enum diva_status diva_cuda_memory_free(struct diva_backend *backend, int64_t *bytes,
                                       struct diva_error *error) {
  (void)backend;
  size_t available = 0;
  size_t total = 0;
  const enum diva_status status =
      diva_cuda_check(cudaMemGetInfo(&available, &total), "the device's memory", error);
  *bytes = (int64_t)available > DIVA_CUDA_HEADROOM ? (int64_t)available - DIVA_CUDA_HEADROOM : 0;
  return status;
}

enum diva_status diva_cuda_host_create(struct diva_backend *backend, int64_t bytes, void **out,
                                       struct diva_error *error) {
  (void)backend;
  *out = NULL;
  const cudaError_t code = cudaMallocHost(out, (size_t)(bytes > 0 ? bytes : 1));
  if (code != cudaSuccess) {
    cudaGetLastError();
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of pinned memory: %.1f MiB are needed",
                          (double)bytes / MEBIBYTE);
  }
  return DIVA_OK;
}

void diva_cuda_host_destroy(struct diva_backend *backend, void *memory) {
  (void)backend;
  if (memory) {
    cudaFreeHost(memory);
  }
}

static bool is_pinned(const void *place) {
  struct cudaPointerAttributes attributes = {0};
  if (cudaPointerGetAttributes(&attributes, place) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeHost;
}

/* An allocation is pinned as a whole; that both ends are in the same one the caller vouches for. */
bool diva_cuda_host_is_fast(struct diva_backend *backend, const void *memory, int64_t bytes) {
  (void)backend;
  return bytes > 0 && is_pinned(memory) && is_pinned((const char *)memory + bytes - 1);
}

enum diva_status diva_cuda_upload_begin(struct diva_backend *backend, struct diva_buffer *buffer,
                                        int64_t byte_offset, const void *host, int64_t bytes,
                                        struct diva_error *error) {
  enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status != DIVA_OK || bytes == 0) {
    return status;
  }
  status = diva_cuda_check(cudaStreamWaitEvent(backend->copy_stream, backend->prepared, 0),
                           "an upload", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check(cudaMemcpyAsync(buffer->data + byte_offset, host, (size_t)bytes,
                                             cudaMemcpyHostToDevice, backend->copy_stream),
                             "an upload", error);
  }
  return status;
}

enum diva_status diva_cuda_upload_finish(struct diva_backend *backend, struct diva_error *error) {
  return diva_cuda_check(cudaStreamSynchronize(backend->copy_stream), "uploads begun", error);
}
