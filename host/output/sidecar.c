/** The provenance beside an output, and the refusal to write over an input. */
#include "sidecar.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether two paths are one file, links included. */
static bool same_file(const char *path, const struct stat *other) {
  struct stat found;
  return stat(path, &found) == 0 && found.st_dev == other->st_dev && found.st_ino == other->st_ino;
}

enum diva_status diva_sidecar_refuse_input(const struct diva_dataset *dataset, const char *path,
                                           struct diva_error *error) {
  struct stat target;
  if (!dataset || stat(path, &target) != 0) {
    return DIVA_OK;
  }
  const char *input = NULL;
  for (int64_t i = 0; (input = diva_dataset_path(dataset, i)) != NULL; i++) {
    if (same_file(input, &target)) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "%s: is the input itself; write to another file", path);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_sidecar_write(const char *path, const char *provenance,
                                    const struct diva_dataset *dataset,
                                    struct diva_atomic_file *file, struct diva_error *error) {
  static const char suffix[] = ".provenance.json";
  const size_t length = strlen(path) + sizeof suffix;
  void *name;
  enum diva_status status = diva_allocate((int64_t)length, 1, "a file name", &name, error);
  if (status != DIVA_OK) {
    return status;
  }
  snprintf(name, length, "%s%s", path, suffix);
  status = diva_sidecar_refuse_input(dataset, name, error);
  if (status == DIVA_OK) {
    status = diva_atomic_open(name, file, error);
  }
  const size_t size = strlen(provenance);
  const bool newline = size > 0 && provenance[size - 1] == '\n';
  if (status == DIVA_OK && (fwrite(provenance, 1, size, file->stream) != size ||
                            (!newline && fputc('\n', file->stream) == EOF))) {
    status = diva_atomic_write_error(name, error);
  }
  free(name);
  return status;
}
