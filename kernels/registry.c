/* The backends this build knows, best first: the only file that names them. */
#include "kernels/backend.h"

#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#ifdef DIVA_HAVE_CUDA
#include "kernels/cuda/cuda.h"
#endif

static const struct diva_backend_entry BACKENDS[] = {
#ifdef DIVA_HAVE_CUDA
    {"cuda", &diva_cuda_ops},
#else
    {"cuda", NULL},
#endif
    {"cpu", &diva_cpu_ops},
};

enum { BACKEND_COUNT = sizeof BACKENDS / sizeof BACKENDS[0] };

const struct diva_backend_entry *diva_backend_at(int index) {
  return index >= 0 && index < BACKEND_COUNT ? &BACKENDS[index] : NULL;
}

bool diva_backend_describe(int index, struct diva_backend_info *out) {
  const struct diva_backend_entry *entry = diva_backend_at(index);
  if (!entry) {
    return false;
  }
  out->name = entry->name;
  out->detail[0] = '\0';
  if (!entry->ops) {
    out->state = DIVA_BACKEND_NOT_COMPILED;
    snprintf(out->detail, sizeof out->detail, "not compiled into this build");
  } else {
    out->state = entry->ops->probe(out->detail, sizeof out->detail);
  }
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

enum diva_status diva_backend_choose(const char *name, const struct diva_backend_ops **out,
                                     struct diva_error *error) {
  *out = NULL;
  if (!name || strcmp(name, "auto") == 0) {
    return choose_first_ready(out, error);
  }
  struct diva_backend_info info;
  for (int i = 0; diva_backend_describe(i, &info); i++) {
    if (strcmp(name, info.name) != 0) {
      continue;
    }
    if (info.state != DIVA_BACKEND_READY) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "backend %s is not available: %s", name,
                            info.detail);
    }
    *out = diva_backend_at(i)->ops;
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_USAGE, "unknown backend '%s' (known: auto, cuda, cpu)",
                        name);
}
