/* Finds cuBLAS and cuSOLVER at run time. */
#include "libraries.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The libraries of one major version of CUDA, which needs a driver of it, or of a newer one. */
struct release {
  int cuda;
  const char *cublas;
  const char *cusolver;
};

/* Newest first. */
static const struct release RELEASES[] = {
    {13, "libcublas.so.13", "libcusolver.so.12"},
    {12, "libcublas.so.12", "libcusolver.so.11"},
};

enum { RELEASE_COUNT = sizeof RELEASES / sizeof RELEASES[0] };

/* The library that the environment names, else the one given. */
static enum diva_status open_library(const char *variable, const char *name, void **out,
                                     struct diva_error *error) {
  const char *chosen = getenv(variable);
  const char *opened = chosen && *chosen ? chosen : name;
  *out = dlopen(opened, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!*out) {
    const char *reason = dlerror();
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "%s cannot be loaded (install it, or name it in %s): %s", opened,
                          variable, reason ? reason : "no reason is given");
  }
  return DIVA_OK;
}

struct wanted {
  const char *name;
  void *pointer;
};

/* A data pointer from dlsym() is copied into a function pointer byte for byte: ISO C has no cast.
 */
static enum diva_status find_symbols(void *library, const struct wanted *wanted, size_t count,
                                     struct diva_error *error) {
  for (size_t i = 0; i < count; i++) {
    void *symbol = dlsym(library, wanted[i].name);
    if (!symbol) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "the CUDA libraries lack %s",
                            wanted[i].name);
    }
    memcpy(wanted[i].pointer, &symbol, sizeof symbol);
  }
  return DIVA_OK;
}

/* cuBLAS counts its versions as CUDA does. One that is newer than the driver loads, and fails only
 * once it is used. */
static enum diva_status check_driver(const struct diva_cuda_libraries *libraries, int driver,
                                     struct diva_error *error) {
  int major = 0;
  libraries->get_property(MAJOR_VERSION, &major);
  return major > driver ? diva_error_set(error, DIVA_ERROR_RESOURCE,
                                         "cuBLAS %d is too new for the driver, which supports "
                                         "CUDA %d: install cuBLAS %d, or name it in DIVA_CUBLAS",
                                         major, driver, driver)
                        : DIVA_OK;
}

static enum diva_status find_cublas(struct diva_cuda_libraries *out, const char *name,
                                    struct diva_error *error) {
  const struct wanted wanted[] = {
      {"cublasCreate_v2", &out->create},          {"cublasDestroy_v2", &out->destroy},
      {"cublasSetStream_v2", &out->set_stream},   {"cublasGetProperty", &out->get_property},
      {"cublasGemmStridedBatchedEx", &out->gemm}, {"cublasDtrsm_v2", &out->dtrsm},
  };
  const enum diva_status status = open_library("DIVA_CUBLAS", name, &out->cublas, error);
  return status == DIVA_OK
             ? find_symbols(out->cublas, wanted, sizeof wanted / sizeof wanted[0], error)
             : status;
}

static enum diva_status find_cusolver(struct diva_cuda_libraries *out, const char *name,
                                      struct diva_error *error) {
  const struct wanted wanted[] = {
      {"cusolverDnCreate", &out->solver_create},
      {"cusolverDnDestroy", &out->solver_destroy},
      {"cusolverDnSetStream", &out->solver_set_stream},
      {"cusolverDnDpotrf_bufferSize", &out->dpotrf_size},
      {"cusolverDnDpotrf", &out->dpotrf},
      {"cusolverDnDsyevd_bufferSize", &out->dsyevd_size},
      {"cusolverDnDsyevd", &out->dsyevd},
      {"cusolverDnSsyevd_bufferSize", &out->ssyevd_size},
      {"cusolverDnSsyevd", &out->ssyevd},
  };
  const enum diva_status status = open_library("DIVA_CUSOLVER", name, &out->cusolver, error);
  return status == DIVA_OK
             ? find_symbols(out->cusolver, wanted, sizeof wanted / sizeof wanted[0], error)
             : status;
}

static enum diva_status load(const struct release *release, int driver,
                             struct diva_cuda_libraries *out, struct diva_error *error) {
  *out = (struct diva_cuda_libraries){0};
  enum diva_status status = find_cublas(out, release->cublas, error);
  if (status == DIVA_OK) {
    status = check_driver(out, driver, error);
  }
  return status == DIVA_OK ? find_cusolver(out, release->cusolver, error) : status;
}

/* Both of one release. The reason that is told is that of the newest the driver supports. */
enum diva_status diva_cuda_libraries_load(int driver, struct diva_cuda_libraries *out,
                                          struct diva_error *error) {
  enum diva_status status = DIVA_ERROR_RESOURCE;
  bool told = false;
  for (int i = 0; i < RELEASE_COUNT && status != DIVA_OK; i++) {
    if (RELEASES[i].cuda <= driver) {
      status = load(&RELEASES[i], driver, out, told ? NULL : error);
      told = true;
    }
  }
  return told ? status
              : diva_error_set(error, DIVA_ERROR_RESOURCE,
                               "driver too old: it supports CUDA %d, the libraries need %d", driver,
                               RELEASES[RELEASE_COUNT - 1].cuda);
}
