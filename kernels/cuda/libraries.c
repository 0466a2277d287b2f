/* Finds cuBLAS and cuSOLVER at run time. */
#include "libraries.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* A library by any of the names it has had, newest first, unless the environment names it. */
struct sought {
  const char *variable;
  const char *names[3];
};

static const struct sought CUBLAS = {"DIVA_CUBLAS", {"libcublas.so.13", "libcublas.so.12", NULL}};
static const struct sought CUSOLVER = {"DIVA_CUSOLVER",
                                       {"libcusolver.so.12", "libcusolver.so.11", NULL}};

static enum diva_status open_library(const struct sought *sought, void **out,
                                     struct diva_error *error) {
  const char *chosen = getenv(sought->variable);
  const char *const given[] = {chosen, NULL};
  const char *const *names = chosen && *chosen ? given : sought->names;
  const char *reason = NULL;
  *out = NULL;
  for (int i = 0; names[i] && !*out; i++) {
    *out = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    reason = *out ? NULL : dlerror();
  }
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "%s cannot be loaded (install it, or name it in %s): %s", names[0],
                          sought->variable, reason ? reason : "no reason is given");
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

static enum diva_status find_cublas(struct diva_cuda_libraries *out, struct diva_error *error) {
  const struct wanted wanted[] = {
      {"cublasCreate_v2", &out->create},          {"cublasDestroy_v2", &out->destroy},
      {"cublasSetStream_v2", &out->set_stream},   {"cublasGetProperty", &out->get_property},
      {"cublasGemmStridedBatchedEx", &out->gemm}, {"cublasDtrsm_v2", &out->dtrsm},
  };
  const enum diva_status status = open_library(&CUBLAS, &out->cublas, error);
  return status == DIVA_OK
             ? find_symbols(out->cublas, wanted, sizeof wanted / sizeof wanted[0], error)
             : status;
}

static enum diva_status find_cusolver(struct diva_cuda_libraries *out, struct diva_error *error) {
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
  const enum diva_status status = open_library(&CUSOLVER, &out->cusolver, error);
  return status == DIVA_OK
             ? find_symbols(out->cusolver, wanted, sizeof wanted / sizeof wanted[0], error)
             : status;
}

enum diva_status diva_cuda_libraries_load(struct diva_cuda_libraries *out,
                                          struct diva_error *error) {
  *out = (struct diva_cuda_libraries){0};
  const enum diva_status status = find_cublas(out, error);
  return status == DIVA_OK ? find_cusolver(out, error) : status;
}
