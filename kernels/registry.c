/* The backends this build knows, best first: the only file that names them. */
#include "kernels/backend.h"

#include "kernels/cpu/cpu.h"

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

static enum diva_status choose_first_ready(const struct diva_backend_ops **out,
                                           struct diva_error *error) {
  struct diva_backend_info info = {0};
  for (int i = 0; diva_backend_describe(i, &info); i++) {
    if (info.state == DIVA_BACKEND_READY) {
      *out = diva_backend_at(i)->ops;
      return DIVA_OK;
    }
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

enum diva_status diva_backend_choose(const char *name, const struct diva_backend_ops **out,
                                     struct diva_error *error) {
  const char *preferred = getenv("DIVA_BACKEND");
  *out = NULL;
  if (name && strcmp(name, "auto") != 0) {
    return choose_by_name(name, out, error);
  }
  return preferred && *preferred ? choose_by_name(preferred, out, error)
                                 : choose_first_ready(out, error);
}
