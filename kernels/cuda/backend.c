/* Opening the CUDA backend: the device, its libraries and streams, its scratch and its table of
 * operations. */
#include "cuda.h"
#include "halves.h"

#include <stdio.h>
#include <stdlib.h>

enum { OLDEST_CAPABILITY = 8 };

static int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The major version of CUDA that the driver supports: one of CUDA 13.1 says 13010. */
static enum diva_status find_driver(int *major, struct diva_error *error) {
  int driver = 0;
  *major = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "no CUDA driver");
  }
  if (driver / 1000 < CUDART_VERSION / 1000) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "driver too old: it supports CUDA %d.%d, this build needs CUDA %d",
                          driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000);
  }
  *major = driver / 1000;
  return DIVA_OK;
}

/* What a machine has: the driver's CUDA, how many devices, and the one that is taken, the first
 * that CUDA_VISIBLE_DEVICES leaves. */
struct machine {
  int driver;
  int count;
  struct cudaDeviceProp device;
};

static enum diva_status find_device(struct machine *out, struct diva_error *error) {
  struct cudaDeviceProp *device = &out->device;
  *out = (struct machine){0};
  enum diva_status status = find_driver(&out->driver, error);
  if (status != DIVA_OK) {
    return status;
  }
  const cudaError_t code = cudaGetDeviceCount(&out->count);
  if (code != cudaSuccess || out->count < 1) {
    cudaGetLastError();
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "no CUDA device: %s",
                          code != cudaSuccess ? cudaGetErrorString(code) : "none is visible");
  }
  status = diva_cuda_check(cudaGetDeviceProperties(device, DIVA_CUDA_DEVICE), "the device", error);
  if (status == DIVA_OK && device->major < OLDEST_CAPABILITY) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "device too old: %s has compute capability %d.%d, %d.0 is needed",
                          device->name, device->major, device->minor, OLDEST_CAPABILITY);
  }
  return status;
}

static enum diva_status find_machine(struct machine *machine, struct diva_cuda_libraries *libraries,
                                     struct diva_error *error) {
  const enum diva_status status = find_device(machine, error);
  return status == DIVA_OK ? diva_cuda_libraries_load(machine->driver, libraries, error) : status;
}

/* Of several devices, which: by its number among those that are visible, and by its place on the
 * bus, which does not depend on what is visible. */
static void name_device(const struct machine *machine, char *out, size_t size) {
  const struct cudaDeviceProp *device = &machine->device;
  out[0] = '\0';
  if (machine->count > 1) {
    snprintf(out, size, ", device %d of %d at %04x:%02x:%02x", DIVA_CUDA_DEVICE, machine->count,
             (unsigned)device->pciDomainID, (unsigned)device->pciBusID,
             (unsigned)device->pciDeviceID);
  }
}

static enum diva_backend_state cuda_probe(char *detail, size_t detail_size) {
  struct machine machine;
  struct diva_cuda_libraries libraries;
  struct diva_error error;
  char which[64];
  const struct diva_backend_config any = {0};
  int64_t narrowest = 0;
  enum diva_status status = diva_cuda_choose_products(&any, &narrowest, &error);
  if (status == DIVA_OK) {
    status = find_machine(&machine, &libraries, &error);
  }
  if (status != DIVA_OK) {
    snprintf(detail, detail_size, "%s", error.message);
    return DIVA_BACKEND_NO_DEVICE;
  }
  int major = 0;
  int minor = 0;
  libraries.get_property(MAJOR_VERSION, &major);
  libraries.get_property(MINOR_VERSION, &minor);
  name_device(&machine, which, sizeof which);
  snprintf(detail, detail_size, "%s (sm_%d%d, %.0f GiB%s), cuBLAS %d.%d", machine.device.name,
           machine.device.major, machine.device.minor,
           (double)machine.device.totalGlobalMem / 0x1p30, which, major, minor);
  return DIVA_BACKEND_READY;
}

/* Parts of the scratch start on 256 bytes, as allocations of their own would. */
static int64_t part_bytes(int64_t values, int64_t element) {
  enum { ALIGNMENT = 256 };
  return round_up(larger(values, 1) * element, ALIGNMENT);
}

static int64_t element_bytes(const struct diva_backend_config *config) {
  return config->double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
}

static int64_t padded(int64_t columns) {
  enum { UNIT = 16 };
  return round_up(larger(columns, 1), UNIT);
}

static int64_t tile_stride(const struct diva_backend_config *config) {
  return padded(larger(config->columns, config->outputs));
}

static int64_t chunk_count(const struct diva_backend_config *config) {
  return (config->tile_rows + DIVA_CUDA_CHUNK_ROWS - 1) / DIVA_CUDA_CHUNK_ROWS;
}

/* Chunks of rows whose partial sums are held at once: as many as stay in the cache. */
static int64_t partial_count(const struct diva_backend_config *config) {
  const int64_t bytes = 32 << 20;
  const int64_t one = DIVA_CUDA_BLOCK_COLUMNS * tile_stride(config) * element_bytes(config);
  return larger(smaller(bytes / one, chunk_count(config)), 1);
}

/* Partial sums of a block of a Gram or cross matrix; or moments of a tile, in float64. */
static int64_t partial_bytes(const struct diva_backend_config *config) {
  const int64_t side = smaller(larger(config->columns, config->outputs), DIVA_CUDA_BLOCK_COLUMNS);
  const int64_t moment_chunks =
      (config->tile_rows + DIVA_CUDA_MOMENT_ROWS - 1) / DIVA_CUDA_MOMENT_ROWS;
  return larger(
      part_bytes(partial_count(config) * side * tile_stride(config), element_bytes(config)),
      part_bytes(moment_chunks * 2 * config->columns, (int64_t)sizeof(double)));
}

/* A choice that is not known has been refused before. */
static int64_t narrowest_halves(const struct diva_backend_config *config) {
  int64_t narrowest = INT64_MAX;
  return diva_cuda_choose_products(config, &narrowest, NULL) == DIVA_OK ? narrowest : INT64_MAX;
}

/* The parts of the scratch, laid out from `data`; returns its end. With `data` NULL only the
 * difference of the two is of use. */
static int64_t lay_out_scratch(const struct diva_backend_config *config, char *data,
                               struct diva_cuda_scratch *out) {
  const int64_t element = element_bytes(config);
  const int64_t real = (int64_t)sizeof(double);
  const int64_t stride = tile_stride(config);
  const int64_t output_stride = padded(config->outputs);
  struct diva_cuda_halves_scratch halves = {.narrowest = narrowest_halves(config)};
  const int64_t sizes[] = {part_bytes(config->tile_rows * stride, element),
                           part_bytes(config->tile_rows * output_stride, element),
                           part_bytes(config->outputs * stride, element),
                           part_bytes(config->columns, real),
                           part_bytes(config->tile_rows, real),
                           partial_bytes(config),
                           part_bytes(2, (int64_t)sizeof(int)),
                           part_bytes(config->tile_rows, (int64_t)sizeof(int32_t)),
                           part_bytes(config->outputs + 1, (int64_t)sizeof(int32_t))};
  enum { PARTS = sizeof sizes / sizeof sizes[0] };
  int64_t starts[PARTS];
  int64_t end = 0;
  for (int i = 0; i < PARTS; i++) {
    starts[i] = end;
    end += sizes[i];
  }
  if (halves.narrowest < INT64_MAX) {
    end += diva_cuda_halves_lay_out(config, stride, data ? data + end : NULL, &halves);
  }
  if (data) {
    *out = (struct diva_cuda_scratch){
        .data = data,
        .stride = stride,
        .rows = data + starts[0],
        .output_stride = output_stride,
        .outputs = data + starts[1],
        .lambda_weights = data + starts[2],
        .shrinkage = (double *)(void *)(data + starts[3]),
        .row_values = (double *)(void *)(data + starts[4]),
        .partials = data + starts[5],
        .partial_count = partial_count(config),
        .found = (int *)(void *)(data + starts[6]),
        .order = (int32_t *)(void *)(data + starts[7]),
        .starts = (int32_t *)(void *)(data + starts[8]),
        .halves = halves,
    };
  }
  return end;
}

static int64_t cuda_scratch_bytes(const struct diva_backend_config *config) {
  return lay_out_scratch(config, NULL, NULL);
}

static const char *cuda_products(const struct diva_backend_config *config) {
  if (config->double_tiles) {
    return "float64";
  }
  return narrowest_halves(config) < INT64_MAX ? "float32 by halves" : "float32";
}

static void cuda_close(struct diva_backend *backend) {
  if (!backend) {
    return;
  }
  if (backend->solver) {
    backend->libraries.solver_destroy(backend->solver);
  }
  if (backend->blas) {
    backend->libraries.destroy(backend->blas);
  }
  diva_cuda_staging_close(&backend->staging);
  cudaFree(backend->work);
  cudaFree(backend->scratch.data);
  if (backend->prepared) {
    cudaEventDestroy(backend->prepared);
  }
  if (backend->copy_stream) {
    cudaStreamDestroy(backend->copy_stream);
  }
  if (backend->stream) {
    cudaStreamDestroy(backend->stream);
  }
  free(backend);
}

static enum diva_status open_streams(struct diva_backend *backend, struct diva_error *error) {
  enum diva_status status = diva_cuda_check(
      cudaStreamCreateWithFlags(&backend->stream, cudaStreamNonBlocking), "a stream", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check(
        cudaStreamCreateWithFlags(&backend->copy_stream, cudaStreamNonBlocking), "a stream", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(cudaEventCreateWithFlags(&backend->prepared, cudaEventDisableTiming),
                             "an event", error);
  }
  return status;
}

static enum diva_status open_handles(struct diva_backend *backend, struct diva_error *error) {
  const struct diva_cuda_libraries *use = &backend->libraries;
  enum diva_status status = diva_cuda_check_blas(use->create(&backend->blas), "cuBLAS", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check_blas(use->set_stream(backend->blas, backend->stream), "cuBLAS", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check_solver(use->solver_create(&backend->solver), "cuSOLVER", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check_solver(use->solver_set_stream(backend->solver, backend->stream),
                                    "cuSOLVER", error);
  }
  return status;
}

static enum diva_status open_scratch(struct diva_backend *backend, struct diva_error *error) {
  void *data = NULL;
  const enum diva_status status = diva_cuda_allocate(cuda_scratch_bytes(&backend->config),
                                                     "the scratch of tiles", &data, error);
  if (status == DIVA_OK) {
    lay_out_scratch(&backend->config, data, &backend->scratch);
  }
  return status;
}

static enum diva_status cuda_reserve_bytes(struct diva_backend *backend,
                                           const struct diva_backend_config *config, int64_t *bytes,
                                           struct diva_error *error) {
  const enum diva_status status = diva_cuda_algebra_bytes(backend, config, bytes, error);
  *bytes += cuda_scratch_bytes(config);
  return status;
}

static enum diva_status cuda_reserve(struct diva_backend *backend,
                                     const struct diva_backend_config *config,
                                     struct diva_error *error) {
  int64_t work = 0;
  backend->config = *config;
  enum diva_status status = diva_cuda_algebra_bytes(backend, config, &work, error);
  if (status == DIVA_OK) {
    status = open_scratch(backend, error);
  }
  return status == DIVA_OK ? diva_cuda_reserve_work(backend, work, error) : status;
}

static enum diva_status cuda_open(const struct diva_backend_config *config,
                                  struct diva_backend **out, struct diva_error *error) {
  struct machine machine;
  int64_t narrowest = 0;
  *out = NULL;
  struct diva_backend *backend = calloc(1, sizeof *backend);
  if (!backend) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the CUDA backend");
  }
  backend->config = *config;
  backend->element = element_bytes(config);
  enum diva_status status = diva_cuda_choose_products(config, &narrowest, error);
  if (status == DIVA_OK) {
    status = find_machine(&machine, &backend->libraries, error);
  }
  if (status == DIVA_OK) {
    /* The caller's thread may be at work on another device. */
    status = diva_cuda_check(cudaSetDevice(DIVA_CUDA_DEVICE), "the device", error);
  }
  if (status == DIVA_OK) {
    status = open_streams(backend, error);
  }
  if (status == DIVA_OK) {
    status = open_handles(backend, error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_staging_open(&backend->staging, error);
  }
  if (status == DIVA_OK && !config->reserves) {
    status = open_scratch(backend, error);
  }
  if (status != DIVA_OK) {
    cuda_close(backend);
    return status;
  }
  *out = backend;
  return DIVA_OK;
}

const struct diva_backend_ops diva_cuda_ops = {
    .version = DIVA_BACKEND_VERSION,
    .name = "cuda",
    .probe = cuda_probe,
    .open = cuda_open,
    .close = cuda_close,
    .scratch_bytes = cuda_scratch_bytes,
    .products = cuda_products,
    .buffer_create = diva_cuda_buffer_create,
    .buffer_destroy = diva_cuda_buffer_destroy,
    .upload = diva_cuda_upload,
    .download = diva_cuda_download,
    .wrap = NULL,
    .zero = diva_cuda_zero,
    .copy = diva_cuda_copy,
    .synchronize = diva_cuda_synchronize,
    .prepare_rows = diva_cuda_prepare_rows,
    .fourier_rows = diva_cuda_fourier_rows,
    .label_rows = diva_cuda_label_rows,
    .convert = diva_cuda_convert,
    .gram_accumulate = diva_cuda_gram_accumulate,
    .moments_accumulate = diva_cuda_moments_accumulate,
    .cross_accumulate = diva_cuda_cross_accumulate,
    .class_accumulate = diva_cuda_class_accumulate,
    .residual = diva_cuda_residual,
    .row_leverage = diva_cuda_row_leverage,
    .row_quadform = diva_cuda_row_quadform,
    .loo_rows = diva_cuda_loo_rows,
    .expect_rows = diva_cuda_expect_rows,
    .scatter_rows = diva_cuda_scatter_rows,
    .derivative_rows = diva_cuda_derivative_rows,
    .path_rows = diva_cuda_path_rows,
    .multiply = diva_cuda_multiply,
    .symmetrize = diva_cuda_symmetrize,
    .fold_symmetric = diva_cuda_fold_symmetric,
    .cholesky = diva_cuda_cholesky,
    .cholesky_solve = diva_cuda_cholesky_solve,
    .triangular_inverse = diva_cuda_triangular_inverse,
    .eigen = diva_cuda_eigen,
    .memory_free = diva_cuda_memory_free,
    .reserve_bytes = cuda_reserve_bytes,
    .reserve = cuda_reserve,
    .host_create = diva_cuda_host_create,
    .host_destroy = diva_cuda_host_destroy,
    .host_is_fast = diva_cuda_host_is_fast,
    .upload_begin = diva_cuda_upload_begin,
    .upload_finish = diva_cuda_upload_finish,
};
