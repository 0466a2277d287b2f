/** A dataset file from .npy files: features, and labels and ids from files of their own. */
#define _POSIX_C_SOURCE 200809L
#include "import.h"

#include "host/core/core.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static enum diva_status open_input(const char *path, FILE **out, int64_t *size,
                                   struct diva_error *error) {
  struct stat found;
  if (stat(path, &found) != 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  if (!S_ISREG(found.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not a regular file", path);
  }
  *size = found.st_size;
  *out = fopen(path, "rb");
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  return DIVA_OK;
}

static enum diva_status import_file(struct diva_import *import, const char *path,
                                    enum diva_role role, const char *name,
                                    struct diva_error *error) {
  FILE *file = NULL;
  int64_t size = 0;
  struct diva_array array = {0};
  enum diva_status status = open_input(path, &file, &size, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_byte_stream stream = diva_file_stream(file);
  status = diva_array_open(&stream, size, file, path, &array, error);
  if (status == DIVA_OK) {
    status = diva_import_array(import, role, name, &array, error);
  }
  diva_array_close(&array);
  fclose(file);
  return status;
}

enum diva_status diva_import_npy(const char *from, struct diva_import *import,
                                 struct diva_error *error) {
  const struct diva_convert_options *const options = import->options;
  enum diva_status status = import_file(import, from, DIVA_ROLE_FEATURES, "features", error);
  if (status == DIVA_OK && options->labels) {
    status = import_file(import, options->labels, DIVA_ROLE_LABELS, "labels", error);
  }
  if (status == DIVA_OK && options->ids) {
    status = import_file(import, options->ids, DIVA_ROLE_IDS, "ids", error);
  }
  return status;
}
