/* Finds OpenBLAS at run time and makes it use the processor it is on. */
#define _GNU_SOURCE
#include "blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Core types by what the processor can do; names that every OpenBLAS since 0.3.7 knows. NULL: its
 * own detection is as good. On AMD family 19h (Zen 3 and 4) the 256-bit kernels measured faster. */
static const char *best_core_type(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512cd");
  if (wide && !__builtin_cpu_is("amdfam19h")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return "Haswell";
  }
#endif
  return NULL;
}

/* A variable that OpenBLAS reads once, while it is loaded. */
struct setting {
  const char *name;
  const char *value; /* NULL: leave it alone */
};

/* Sets what the user has not set; false where nothing was changed. */
static bool apply_setting(struct setting setting) {
  return setting.value && !getenv(setting.name) && setenv(setting.name, setting.value, 1) == 0;
}

static void *open_library(const char *name) {
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (library) {
    return library;
  }
  /* The timeout, 2^4 cycles, sends idle threads of OpenBLAS to sleep at once: they would otherwise
   * spin for a while after each call, on cores that OpenMP has work for. */
  const struct setting settings[] = {{"OPENBLAS_CORETYPE", best_core_type()},
                                     {"OPENBLAS_THREAD_TIMEOUT", "4"}};
  bool applied[sizeof settings / sizeof settings[0]];
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    applied[i] = apply_setting(settings[i]);
  }
  library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    if (applied[i]) {
      unsetenv(settings[i].name);
    }
  }
  return library;
}

/* A data pointer from dlsym() is copied into a function pointer byte for byte: ISO C has no cast.
 */
static bool find_symbol(void *library, const char *name, void *function_pointer) {
  void *symbol = dlsym(library, name);
  memcpy(function_pointer, &symbol, sizeof symbol);
  return symbol != NULL;
}

static const char *find_missing_symbol(struct diva_blas *blas) {
  const struct {
    const char *name;
    void *pointer;
  } wanted[] = {
      {"cblas_sgemm", &blas->sgemm}, {"cblas_dgemm", &blas->dgemm}, {"cblas_ssyrk", &blas->ssyrk},
      {"cblas_dsyrk", &blas->dsyrk}, {"cblas_strmm", &blas->strmm}, {"cblas_dtrmm", &blas->dtrmm},
      {"dpotrf_", &blas->dpotrf},    {"dpotrs_", &blas->dpotrs},    {"dtrtri_", &blas->dtrtri},
      {"dsyevd_", &blas->dsyevd},    {"ssyevd_", &blas->ssyevd},    {"cblas_dgemv", &blas->dgemv},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    if (!find_symbol(blas->library, wanted[i].name, wanted[i].pointer)) {
      return wanted[i].name;
    }
  }
  return NULL;
}

static void describe(struct diva_blas *blas, const char *library_name) {
  char *(*get_config)(void) = NULL;
  char *(*get_core)(void) = NULL;
  if (find_symbol(blas->library, "openblas_get_config", &get_config) &&
      find_symbol(blas->library, "openblas_get_corename", &get_core)) {
    /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the first two words name it. */
    const char *config = get_config();
    const char *first_space = strchr(config, ' ');
    const char *second_space = first_space ? strchr(first_space + 1, ' ') : NULL;
    const int length = (int)(second_space ? second_space - config : (long)strlen(config));
    snprintf(blas->description, sizeof blas->description, "%.*s (%s)", length, config, get_core());
  } else {
    snprintf(blas->description, sizeof blas->description, "%s", library_name);
  }
}

enum diva_status diva_blas_load(struct diva_blas *out, struct diva_error *error) {
  const char *chosen = getenv("DIVA_BLAS");
  const char *const names[] = {chosen && *chosen ? chosen : "libopenblas.so.0", "libopenblas.so"};
  *out = (struct diva_blas){0};
  const char *name = names[0];
  out->library = open_library(name);
  if (!out->library && !(chosen && *chosen)) {
    name = names[1];
    out->library = open_library(name);
  }
  if (!out->library) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "no BLAS: %s cannot be loaded (install OpenBLAS, or name a library with "
                          "CBLAS and LAPACK in DIVA_BLAS)",
                          names[0]);
  }
  const char *missing = find_missing_symbol(out);
  if (missing) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "BLAS library %s lacks %s", name, missing);
  }
  find_symbol(out->library, "openblas_set_num_threads", &out->set_threads);
  describe(out, name);
  return DIVA_OK;
}
