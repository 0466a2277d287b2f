/** One array becomes one dataset: its type, rank and rows checked against its role. */
#include "import.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

static bool is_text(const struct diva_npy *npy) {
  return npy->kind == 'U' || npy->kind == 'S';
}

enum diva_status diva_import_rows(struct diva_import *import, int64_t rows, const char *source,
                                  struct diva_error *error) {
  if (import->rows < 0) {
    import->rows = rows;
    snprintf(import->rows_source, sizeof import->rows_source, "%s", source);
  }
  if (import->rows != rows) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: has %lld rows, but %s has %lld", source,
                          (long long)rows, import->rows_source, (long long)import->rows);
  }
  return DIVA_OK;
}

/* The HDF5 type of numbers as they lie in the array; to be closed. */
static hid_t stored_type(const struct diva_npy *npy, bool big_endian) {
  const int bytes = (int)npy->item_size;
  if (npy->kind == 'b') {
    return diva_h5_out_boolean();
  }
  if (npy->kind == 'f' && bytes == 2) {
    return diva_h5_out_half(big_endian);
  }
  hid_t type = -1;
  if (npy->kind == 'f') {
    type = H5Tcopy(bytes == 4 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE);
  } else {
    type = H5Tcopy(npy->kind == 'i' ? H5T_STD_I8LE : H5T_STD_U8LE);
    H5Tset_size(type, (size_t)bytes);
    H5Tset_precision(type, (size_t)bytes * 8);
  }
  if (big_endian) {
    H5Tset_order(type, H5T_ORDER_BE);
  }
  return type;
}

/* Features and targets are floating-point: small integers fit float32 exactly, large ones float64
 * (up to 2^53). */
static hid_t floating_type(const struct diva_npy *npy) {
  if (npy->kind == 'f') {
    return stored_type(npy, false);
  }
  return H5Tcopy(npy->item_size <= 2 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE);
}

/* Copies block by block; HDF5 converts where the two types differ. */
static enum diva_status copy_numbers(struct diva_import *import, const char *name,
                                     struct diva_array *array, hid_t file_type, hid_t memory_type,
                                     struct diva_error *error) {
  const struct diva_npy *const npy = &array->npy;
  const int64_t rows = diva_npy_rows(npy);
  const int64_t block = diva_array_block_rows(array);
  void *data = NULL;
  hid_t dataset = H5I_INVALID_HID;
  enum diva_status status =
      diva_allocate(block, array->row_bytes, "a block of an array", &data, error);
  if (status == DIVA_OK) {
    status =
        diva_h5_out_dataset(&import->out, name, file_type, npy->rank, npy->shape, &dataset, error);
  }
  for (int64_t first = 0; first < rows && npy->elements > 0 && status == DIVA_OK; first += block) {
    const int64_t count = rows - first < block ? rows - first : block;
    status = diva_array_read(array, count, data, error);
    if (status == DIVA_OK) {
      status = diva_h5_out_rows(&import->out, dataset, memory_type, first, count, data, error);
    }
    if (status == DIVA_OK) {
      status = diva_progress_report(&import->options->progress, name, first + count, rows, error);
    }
  }
  diva_h5_close_id(&dataset);
  free(data);
  return status;
}

/* What is done with the texts of a block, `count` elements from `first` on. */
typedef enum diva_status (*text_sink)(void *context, int64_t first, int64_t count,
                                      const char *const *texts, struct diva_error *error);

static enum diva_status pass_block(const struct diva_array *array, const char *elements,
                                   int64_t first, int64_t count, struct diva_text *bytes,
                                   const char **texts, text_sink sink, void *context,
                                   struct diva_error *error) {
  bytes->length = 0;
  for (int64_t i = 0; i < count; i++) {
    diva_array_text(array, elements + i * array->npy.item_size, bytes);
  }
  if (bytes->failed) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for text", array->source);
  }
  const char *at = bytes->data;
  for (int64_t i = 0; i < count; i++) {
    texts[i] = at;
    at += strlen(at) + 1;
  }
  return sink(context, first, count, texts, error);
}

/* Hands every row of a text array of one dimension (or n x 1, or a scalar) to the sink. */
static enum diva_status for_each_text(struct diva_array *array, text_sink sink, void *context,
                                      struct diva_error *error) {
  const int64_t rows = array->npy.elements;
  const int64_t block = diva_array_block_rows(array);
  struct diva_text bytes = {0};
  void *elements = NULL;
  void *texts = NULL;
  enum diva_status status =
      diva_allocate(block, array->row_bytes, "a block of text", &elements, error);
  if (status == DIVA_OK) {
    status = diva_allocate(block, sizeof(char *), "a block of text", &texts, error);
  }
  for (int64_t first = 0; first < rows && status == DIVA_OK; first += block) {
    const int64_t count = rows - first < block ? rows - first : block;
    status = diva_array_read(array, count, elements, error);
    if (status == DIVA_OK) {
      status = pass_block(array, elements, first, count, &bytes, texts, sink, context, error);
    }
  }
  diva_text_free(&bytes);
  free(texts);
  free(elements);
  return status;
}

/* A dataset of strings being filled. */
struct string_copy {
  const struct diva_h5_out *out;
  hid_t dataset;
};

static enum diva_status store_texts(void *context, int64_t first, int64_t count,
                                    const char *const *texts, struct diva_error *error) {
  const struct string_copy *const copy = context;
  return diva_h5_out_strings(copy->out, copy->dataset, first, count, texts, error);
}

static enum diva_status copy_text(struct diva_import *import, const char *name,
                                  struct diva_array *array, struct diva_error *error) {
  struct string_copy copy = {.out = &import->out, .dataset = H5I_INVALID_HID};
  if (diva_npy_row_elements(&array->npy) != 1) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: text of %d dimension%s is not read",
                          array->source, array->npy.rank, diva_plural(array->npy.rank));
  }
  hid_t type = diva_h5_out_string(array->npy.item_size);
  enum diva_status status = diva_h5_out_dataset(&import->out, name, type, array->npy.rank,
                                                array->npy.shape, &copy.dataset, error);
  if (status == DIVA_OK) {
    status = for_each_text(array, store_texts, &copy, error);
  }
  diva_h5_close_id(&copy.dataset);
  diva_h5_close_id(&type);
  return status;
}

/* Label texts becoming codes. */
struct label_codes {
  struct diva_import *import;
  int32_t *codes;
};

static enum diva_status collect_labels(void *context, int64_t first, int64_t count,
                                       const char *const *texts, struct diva_error *error) {
  const struct label_codes *const labels = context;
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = diva_import_label_code(labels->import, texts[i], &labels->codes[first + i], error);
    if (status != DIVA_OK && error) {
      error->row = first + i;
      diva_error_prefix(error, "row %lld: ", (long long)(first + i));
    }
  }
  return status;
}

static enum diva_status import_text_labels(struct diva_import *import, struct diva_array *array,
                                           struct diva_error *error) {
  struct label_codes labels = {.import = import};
  void *codes = NULL;
  enum diva_status status =
      diva_allocate(array->npy.elements, sizeof(int32_t), "labels", &codes, error);
  labels.codes = codes;
  if (status == DIVA_OK) {
    status = for_each_text(array, collect_labels, &labels, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "%s: ", array->source);
    }
  }
  if (status == DIVA_OK) {
    status = diva_import_label_codes(import, codes, array->npy.elements, error);
  }
  free(codes);
  return status;
}

/* One element a row: n, or n x 1. */
static bool is_column(const struct diva_npy *npy) {
  return npy->rank == 1 || (npy->rank == 2 && npy->shape[1] == 1);
}

static enum diva_status check_role(enum diva_role role, const struct diva_array *array,
                                   struct diva_error *error) {
  const struct diva_npy *const npy = &array->npy;
  char type[64];
  diva_npy_type_name(npy, type);
  if (role == DIVA_ROLE_FEATURES && npy->rank != 2) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: has %d dimension%s; features are rows x columns", array->source,
                          npy->rank, diva_plural(npy->rank));
  }
  if (role == DIVA_ROLE_FEATURES && npy->elements == 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: has %lld rows and %lld columns",
                          array->source, (long long)npy->shape[0], (long long)npy->shape[1]);
  }
  if ((role == DIVA_ROLE_FEATURES || role == DIVA_ROLE_PER_ROW) && is_text(npy)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is %s; numbers belong here", array->source,
                          type);
  }
  if ((role == DIVA_ROLE_LABELS || role == DIVA_ROLE_IDS) && !is_column(npy)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: has %d dimension%s; one value a row is read", array->source,
                          npy->rank, diva_plural(npy->rank));
  }
  if ((role == DIVA_ROLE_LABELS || role == DIVA_ROLE_IDS) && npy->kind == 'f') {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is %s; %s are integers or text%s",
                          array->source, type, role == DIVA_ROLE_LABELS ? "labels" : "ids",
                          role == DIVA_ROLE_LABELS ? " (an array 'targets' may be real)" : "");
  }
  if (role == DIVA_ROLE_CLASS_NAMES && (!is_text(npy) || npy->rank != 1)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: class names are a vector of text",
                          array->source);
  }
  return DIVA_OK;
}

static enum diva_status collect_names(void *context, int64_t first, int64_t count,
                                      const char *const *texts, struct diva_error *error) {
  struct diva_import *const import = context;
  for (int64_t i = 0; i < count; i++) {
    int64_t number = 0;
    if (!diva_name_set_add(&import->classes, texts[i], &number)) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for class names");
    }
    if (number != first + i) {
      return diva_error_set(error, DIVA_ERROR_INPUT, "class name '%s' appears twice", texts[i]);
    }
  }
  return DIVA_OK;
}

static enum diva_status import_class_names(struct diva_import *import, struct diva_array *array,
                                           struct diva_error *error) {
  if (import->classes_given) {
    return DIVA_OK; /* those of the options come before the file's */
  }
  import->classes_given = true;
  const enum diva_status status = for_each_text(array, collect_names, import, error);
  if (status != DIVA_OK) {
    diva_error_prefix(error, "%s: ", array->source);
  }
  return status;
}

static enum diva_status import_numbers(struct diva_import *import, enum diva_role role,
                                       const char *name, struct diva_array *array,
                                       struct diva_error *error) {
  struct diva_npy stored = array->npy;
  if (role != DIVA_ROLE_OTHER && stored.kind == 'b') {
    stored.kind = 'u'; /* a label or a number in what follows, no truth value */
  }
  const bool floating = role == DIVA_ROLE_FEATURES || role == DIVA_ROLE_PER_ROW;
  hid_t file_type = floating ? floating_type(&stored) : stored_type(&stored, false);
  hid_t memory_type = stored_type(&stored, stored.big_endian);
  const enum diva_status status = copy_numbers(import, name, array, file_type, memory_type, error);
  diva_h5_close_id(&memory_type);
  diva_h5_close_id(&file_type);
  return status;
}

enum diva_status diva_import_array(struct diva_import *import, enum diva_role role,
                                   const char *name, struct diva_array *array,
                                   struct diva_error *error) {
  enum diva_status status = check_role(role, array, error);
  if (status == DIVA_OK && role != DIVA_ROLE_OTHER && role != DIVA_ROLE_CLASS_NAMES) {
    status = diva_import_rows(import, diva_npy_rows(&array->npy), array->source, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (role == DIVA_ROLE_CLASS_NAMES) {
    return import_class_names(import, array, error);
  }
  if (!is_text(&array->npy)) {
    return import_numbers(import, role, name, array, error);
  }
  return role == DIVA_ROLE_LABELS ? import_text_labels(import, array, error)
                                  : copy_text(import, name, array, error);
}
