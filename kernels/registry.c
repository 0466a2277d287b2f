/* The backends this build knows, best first: the only file that names them. */
#include "kernels/backend.h"

#include "kernels/cpu/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DIVA_HAVE_CUDA
#include "kernels/cuda/cuda.h"
#endif
#ifdef DIVA_HAVE_SHADOW
#include "kernels/shadow/shadow.h"
#endif

static const struct diva_backend_entry BACKENDS[] = {
#ifdef DIVA_HAVE_CUDA
    {.name = "cuda", .ops = &diva_cuda_ops},
#else
    {.name = "cuda"},
#endif
    {.name = "cpu", .ops = &diva_cpu_ops},
#ifdef DIVA_HAVE_SHADOW
    {.name = "shadow", .ops = &diva_shadow_ops, .for_tests = true},
#endif
};

enum { BACKEND_COUNT = sizeof BACKENDS / sizeof BACKENDS[0] };

const struct diva_backend_entry *diva_backend_at(int index) {
  return index >= 0 && index < BACKEND_COUNT ? &BACKENDS[index] : NULL;
}

static void describe(const struct diva_backend_entry *entry, struct diva_backend_info *out) {
  out->name = entry->name;
  out->detail[0] = '\0';
  if (!entry->ops) {
    out->state = DIVA_BACKEND_NOT_COMPILED;
    snprintf(out->detail, sizeof out->detail, "not compiled into this build");
  } else {
    out->state = entry->ops->probe(out->detail, sizeof out->detail);
  }
}

bool diva_backend_describe(int index, struct diva_backend_info *out) {
  const struct diva_backend_entry *entry = diva_backend_at(index);
  if (!entry || entry->for_tests) {
    return false;
  }
  describe(entry, out);
  return true;
}

/*
 * Flops below which a device is not worth its start: a context, cuBLAS, cuSOLVER and page-locked
 * memory take about .3 s before the first tile, in which two cores do 3e10 flops at the 1e11 a
 * second that they reach in float32 products.
 */
static const double LEAST_DEVICE_FLOPS = 3e10;

static bool has_own_memory(const struct diva_backend_entry *entry) {
  return entry->ops && entry->ops->memory_free;
}

static bool find_ready(double flops, const struct diva_backend_ops **out,
                       struct diva_backend_info *info) {
  const struct diva_backend_entry *entry = NULL;
  for (int i = 0; (entry = diva_backend_at(i)) && !entry->for_tests; i++) {
    if (flops < LEAST_DEVICE_FLOPS && has_own_memory(entry)) {
      continue;
    }
    describe(entry, info);
    if (info->state == DIVA_BACKEND_READY) {
      *out = entry->ops;
      return true;
    }
  }
  return false;
}

static enum diva_status choose_ready(double flops, const struct diva_backend_ops **out,
                                     struct diva_error *error) {
  struct diva_backend_info info = {0};
  if (find_ready(flops, out, &info) || find_ready(INFINITY, out, &info)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "no backend is ready: %s: %s", info.name,
                        info.detail);
}

static enum diva_status choose_by_name(const char *name, const struct diva_backend_ops **out,
                                       struct diva_error *error) {
  const struct diva_backend_entry *entry = NULL;
  for (int i = 0; (entry = diva_backend_at(i)) && strcmp(name, entry->name) != 0; i++) {
  }
  if (!entry) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "unknown backend '%s' (known: auto, cuda, cpu)",
                          name);
  }
  struct diva_backend_info info;
  describe(entry, &info);
  if (info.state != DIVA_BACKEND_READY) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "backend %s is not available: %s", name,
                          info.detail);
  }
  *out = entry->ops;
  return DIVA_OK;
}

/* The name that decides; NULL: none does. */
static const char *find_name(const char *name) {
  const char *preferred = getenv("DIVA_BACKEND");
  if (name && strcmp(name, "auto") != 0) {
    return name;
  }
  return preferred && *preferred ? preferred : NULL;
}

bool diva_backend_left_open(const char *name) {
  return !find_name(name);
}

enum diva_status diva_backend_choose_for(const char *name, double flops,
                                         const struct diva_backend_ops **out,
                                         struct diva_error *error) {
  const char *decides = find_name(name);
  *out = NULL;
  return decides ? choose_by_name(decides, out, error) : choose_ready(flops, out, error);
}

enum diva_status diva_backend_choose(const char *name, const struct diva_backend_ops **out,
                                     struct diva_error *error) {
  return diva_backend_choose_for(name, INFINITY, out, error);
}
