/* Opening the CPU backend: its memory, its scratch and its table of operations. */
#include "cpu.h"
#include "cpu_internal.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t element_bytes(const struct diva_backend_config *config) {
  return config->double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
}

/* A stride of a multiple of 4 KiB would send a whole column to one cache set. */
static int64_t padded_stride(int64_t columns) {
  const int64_t stride = round_up(columns, 16);
  return stride % 512 == 0 ? stride + 16 : stride;
}

static int64_t widest(const struct diva_backend_config *config) {
  return larger(config->columns, config->outputs);
}

int64_t diva_cpu_chunk_rows(const struct diva_backend_config *config) {
  enum { FIXED = 256, FEWEST = 128, MOST = 512 };
  const int64_t share = config->tile_rows / config->threads / FEWEST * FEWEST;
  const int64_t most = share < MOST ? share : MOST;
  return config->deterministic ? FIXED : larger(most, FEWEST);
}

int64_t diva_cpu_blocks_a_side(const struct diva_backend_config *config) {
  enum { FIXED = 4, MOST = 8, NARROWEST = 128 };
  const int64_t wanted = config->deterministic ? FIXED : config->threads;
  const int64_t fitting = larger(config->columns / NARROWEST, 1);
  const int64_t most = fitting < MOST ? fitting : MOST;
  return wanted < most ? wanted : most;
}

/* A thread needs a chunk of rows as wide as the tile, a block of a square sum, or a piece of
 * outputs by 128 columns. */
static int64_t thread_scratch_bytes(const struct diva_backend_config *config) {
  const int64_t piece = 128;
  const int64_t slack = 32;
  const int64_t chunk = diva_cpu_chunk_rows(config) * padded_stride(widest(config));
  const int64_t side = config->columns / diva_cpu_blocks_a_side(config) + slack;
  const int64_t values = larger(larger(chunk, side * side), config->outputs * piece);
  return round_up(values * element_bytes(config), ALIGNMENT);
}

static int64_t weighted_bytes(const struct diva_backend_config *config) {
  return round_up(config->tile_rows * padded_stride(widest(config)) * element_bytes(config),
                  ALIGNMENT);
}

static int64_t lambda_weight_bytes(const struct diva_backend_config *config) {
  return round_up((config->outputs + 1) * config->columns * (int64_t)sizeof(double), ALIGNMENT);
}

static int64_t place_bytes(const struct diva_backend_config *config) {
  return round_up(larger(config->tile_rows, 1) * (int64_t)sizeof(int64_t), ALIGNMENT);
}

static int64_t cpu_scratch_bytes(const struct diva_backend_config *config) {
  return weighted_bytes(config) + lambda_weight_bytes(config) + place_bytes(config) +
         config->threads * thread_scratch_bytes(config);
}

static enum diva_backend_state cpu_probe(char *detail, size_t detail_size) {
  struct diva_blas blas;
  struct diva_error error;
  if (diva_blas_load(&blas, &error) != DIVA_OK) {
    snprintf(detail, detail_size, "%s", error.message);
    return DIVA_BACKEND_NO_DEVICE;
  }
  snprintf(detail, detail_size, "%s", blas.description);
  return DIVA_BACKEND_READY;
}

static void cpu_close(struct diva_backend *backend) {
  if (backend) {
    free(backend->weighted);
    free(backend->places);
    free(backend->lambda_weights);
    free(backend->thread_scratch);
    free(backend);
  }
}

static enum diva_status cpu_open(const struct diva_backend_config *config,
                                 struct diva_backend **out, struct diva_error *error) {
  *out = NULL;
  struct diva_backend *backend = calloc(1, sizeof *backend);
  if (!backend) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the CPU backend");
  }
  enum diva_status status = diva_blas_load(&backend->blas, error);
  if (status != DIVA_OK) {
    cpu_close(backend);
    return status;
  }
  backend->config = *config;
  backend->chunk_rows = diva_cpu_chunk_rows(config);
  backend->element = element_bytes(config);
  backend->scratch_stride = padded_stride(widest(config));
  backend->thread_bytes = thread_scratch_bytes(config);
  backend->weighted = aligned_alloc(ALIGNMENT, (size_t)weighted_bytes(config));
  backend->places = aligned_alloc(ALIGNMENT, (size_t)place_bytes(config));
  backend->lambda_weights = aligned_alloc(ALIGNMENT, (size_t)lambda_weight_bytes(config));
  backend->thread_scratch =
      aligned_alloc(ALIGNMENT, (size_t)(config->threads * backend->thread_bytes));
  if (!backend->weighted || !backend->places || !backend->lambda_weights ||
      !backend->thread_scratch) {
    cpu_close(backend);
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "out of memory for the CPU backend's scratch: %lld bytes",
                          (long long)cpu_scratch_bytes(config));
  }
  if (backend->blas.set_threads) {
    backend->blas.set_threads(1);
  }
  *out = backend;
  return DIVA_OK;
}

static enum diva_status cpu_buffer_create(struct diva_backend *backend, int64_t bytes,
                                          struct diva_buffer **out, struct diva_error *error) {
  (void)backend;
  *out = NULL;
  struct diva_buffer *buffer = malloc(sizeof *buffer);
  char *data = aligned_alloc(ALIGNMENT, (size_t)round_up(larger(bytes, 1), ALIGNMENT));
  if (!buffer || !data) {
    free(buffer);
    free(data);
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a buffer of %lld bytes",
                          (long long)bytes);
  }
  buffer->data = data;
  buffer->bytes = bytes;
  buffer->borrowed = false;
  *out = buffer;
  return DIVA_OK;
}

static enum diva_status cpu_wrap(struct diva_backend *backend, const void *host, int64_t bytes,
                                 struct diva_buffer **out, struct diva_error *error) {
  (void)backend;
  *out = malloc(sizeof **out);
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a buffer");
  }
  /* Operations only read what is wrapped; a view has no const to say so. */
  memcpy(&(*out)->data, &host, sizeof host);
  (*out)->bytes = bytes;
  (*out)->borrowed = true;
  return DIVA_OK;
}

static void cpu_buffer_destroy(struct diva_backend *backend, struct diva_buffer *buffer) {
  (void)backend;
  if (buffer) {
    free(buffer->borrowed ? NULL : buffer->data);
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

static enum diva_status cpu_upload(struct diva_backend *backend, struct diva_buffer *buffer,
                                   int64_t byte_offset, const void *host, int64_t bytes,
                                   struct diva_error *error) {
  (void)backend;
  const enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status == DIVA_OK && bytes > 0) {
    memcpy(buffer->data + byte_offset, host, (size_t)bytes);
  }
  return status;
}

static enum diva_status cpu_download(struct diva_backend *backend, const struct diva_buffer *buffer,
                                     int64_t byte_offset, void *host, int64_t bytes,
                                     struct diva_error *error) {
  (void)backend;
  const enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status == DIVA_OK && bytes > 0) {
    memcpy(host, buffer->data + byte_offset, (size_t)bytes);
  }
  return status;
}

static enum diva_status cpu_zero(struct diva_backend *backend, struct diva_buffer *buffer,
                                 int64_t byte_offset, int64_t bytes, struct diva_error *error) {
  (void)backend;
  const enum diva_status status = check_range(buffer, byte_offset, bytes, error);
  if (status == DIVA_OK && bytes > 0) {
    memset(buffer->data + byte_offset, 0, (size_t)bytes);
  }
  return status;
}

static enum diva_status cpu_copy(struct diva_backend *backend, const struct diva_buffer *from,
                                 struct diva_buffer *to, int64_t bytes, struct diva_error *error) {
  (void)backend;
  enum diva_status status = check_range(from, 0, bytes, error);
  if (status == DIVA_OK) {
    status = check_range(to, 0, bytes, error);
  }
  if (status == DIVA_OK && bytes > 0) {
    memcpy(to->data, from->data, (size_t)bytes);
  }
  return status;
}

static enum diva_status cpu_synchronize(struct diva_backend *backend, struct diva_error *error) {
  (void)backend;
  (void)error;
  return DIVA_OK;
}

void *diva_cpu_thread_scratch(const struct diva_backend *backend) {
  return backend->thread_scratch + omp_get_thread_num() * backend->thread_bytes;
}

const struct diva_backend_ops diva_cpu_ops = {
    .version = DIVA_BACKEND_VERSION,
    .name = "cpu",
    .probe = cpu_probe,
    .open = cpu_open,
    .close = cpu_close,
    .scratch_bytes = cpu_scratch_bytes,
    .buffer_create = cpu_buffer_create,
    .buffer_destroy = cpu_buffer_destroy,
    .wrap = cpu_wrap,
    .upload = cpu_upload,
    .download = cpu_download,
    .zero = cpu_zero,
    .copy = cpu_copy,
    .synchronize = cpu_synchronize,
    .prepare_rows = diva_cpu_prepare_rows,
    .fourier_rows = diva_cpu_fourier_rows,
    .label_rows = diva_cpu_label_rows,
    .convert = diva_cpu_convert,
    .gram_accumulate = diva_cpu_gram_accumulate,
    .moments_accumulate = diva_cpu_moments_accumulate,
    .cross_accumulate = diva_cpu_cross_accumulate,
    .residual = diva_cpu_residual,
    .row_leverage = diva_cpu_row_leverage,
    .row_quadform = diva_cpu_row_quadform,
    .loo_rows = diva_cpu_loo_rows,
    .expect_rows = diva_cpu_expect_rows,
    .scatter_rows = diva_cpu_scatter_rows,
    .derivative_rows = diva_cpu_derivative_rows,
    .path_rows = diva_cpu_path_rows,
    .multiply = diva_cpu_multiply,
    .symmetrize = diva_cpu_symmetrize,
    .fold_symmetric = diva_cpu_fold_symmetric,
    .cholesky = diva_cpu_cholesky,
    .cholesky_solve = diva_cpu_cholesky_solve,
    .triangular_inverse = diva_cpu_triangular_inverse,
    .eigen = diva_cpu_eigen,
};
