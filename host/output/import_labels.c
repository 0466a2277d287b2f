/** Labels of a dataset being made: class names collected, sorted and written. */
#define _POSIX_C_SOURCE 200809L
#include "import.h"

#include "host/core/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status out_of_memory(struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for class names");
}

static enum diva_status add_given_name(struct diva_import *import, const char *path,
                                       const char *name, struct diva_error *error) {
  const int64_t before = import->classes.count;
  int64_t number = 0;
  if (!diva_name_set_add(&import->classes, name, &number)) {
    return out_of_memory(error);
  }
  if (number < before) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: class name '%s' appears twice", path, name);
  }
  return DIVA_OK;
}

static enum diva_status read_names_file(struct diva_import *import, const char *path,
                                        struct diva_error *error) {
  FILE *const file = fopen(path, "r");
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  enum diva_status status = DIVA_OK;
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  while (status == DIVA_OK && (length = getline(&line, &capacity, file)) >= 0) {
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
      line[--length] = '\0';
    }
    if (length > 0) {
      status = add_given_name(import, path, line, error);
    }
  }
  if (status == DIVA_OK && ferror(file)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read", path);
  }
  if (status == DIVA_OK && import->classes.count == 0) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: has no class names", path);
  }
  free(line);
  fclose(file);
  import->classes_given = true;
  return status;
}

enum diva_status diva_import_begin(struct diva_import *import, const char *to,
                                   const struct diva_convert_options *options,
                                   struct diva_error *error) {
  const char *where = NULL;
  import->options = options;
  import->rows = -1;
  enum diva_status status = DIVA_OK;
  if (options->class_names) {
    status = read_names_file(import, options->class_names, error);
  }
  if (status == DIVA_OK) {
    status = diva_atomic_open(to, &import->file, error);
  }
  if (status == DIVA_OK) {
    status = diva_atomic_by_path(&import->file, &where, error);
  }
  return status == DIVA_OK ? diva_h5_out_create(where, to, &import->out, error) : status;
}

enum diva_status diva_import_label_code(struct diva_import *import, const char *text, int32_t *code,
                                        struct diva_error *error) {
  int64_t number = -1;
  if (import->classes_given) {
    number = diva_name_set_find(&import->classes, text);
  } else if (*text && !diva_name_set_add(&import->classes, text, &number)) {
    return out_of_memory(error);
  }
  if (*text && number < 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "label '%s' is not among the class names given",
                          text);
  }
  if (number > INT32_MAX) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "more than %d classes", INT32_MAX);
  }
  *code = (int32_t)number;
  return DIVA_OK;
}

/* Numbers the classes by their sorted names instead of by first appearance. */
static enum diva_status sort_classes(struct diva_import *import, int32_t *codes, int64_t rows,
                                     struct diva_error *error) {
  const int64_t count = import->classes.count;
  struct diva_name_set sorted = {0};
  void *order = NULL;
  void *rank = NULL;
  enum diva_status status = diva_allocate(count, sizeof(int64_t), "class names", &order, error);
  if (status == DIVA_OK) {
    status = diva_allocate(count, sizeof(int32_t), "class names", &rank, error);
  }
  if (status != DIVA_OK) {
    goto done;
  }
  diva_name_set_sort(&import->classes, order);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    const int64_t old = ((const int64_t *)order)[i];
    int64_t number = 0;
    ((int32_t *)rank)[old] = (int32_t)i;
    if (!diva_name_set_add(&sorted, diva_name_set_get(&import->classes, old), &number)) {
      status = out_of_memory(error);
    }
  }
  if (status != DIVA_OK) {
    goto done;
  }
  for (int64_t i = 0; i < rows; i++) {
    codes[i] = codes[i] < 0 ? -1 : ((const int32_t *)rank)[codes[i]];
  }
  diva_name_set_free(&import->classes);
  import->classes = sorted;
  sorted = (struct diva_name_set){0};

done:
  diva_name_set_free(&sorted);
  free(rank);
  free(order);
  return status;
}

enum diva_status diva_import_label_codes(struct diva_import *import, int32_t *codes, int64_t rows,
                                         struct diva_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  enum diva_status status = DIVA_OK;
  if (!import->classes_given) {
    status = sort_classes(import, codes, rows, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_dataset(&import->out, "labels", H5T_STD_I32LE, 1, &rows, &dataset, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_rows(&import->out, dataset, H5T_NATIVE_INT32, 0, rows, codes, error);
  }
  diva_h5_close_id(&dataset);
  return status;
}

static enum diva_status write_class_names(struct diva_import *import, struct diva_error *error) {
  const int64_t count = import->classes.count;
  void *names;
  enum diva_status status = diva_allocate(count, sizeof(char *), "class names", &names, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < count; i++) {
    ((const char **)names)[i] = diva_name_set_get(&import->classes, i);
  }
  status = diva_h5_out_attribute(&import->out, "class_names", count, names, error);
  free(names);
  return status;
}

enum diva_status diva_import_finish(struct diva_import *import, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (import->classes.count > 0) {
    status = write_class_names(import, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_close(&import->out, error);
  }
  return status == DIVA_OK ? diva_atomic_commit(&import->file, error) : status;
}

void diva_import_end(struct diva_import *import) {
  diva_h5_out_close(&import->out, NULL);
  diva_atomic_abandon(&import->file);
  diva_name_set_free(&import->classes);
}
