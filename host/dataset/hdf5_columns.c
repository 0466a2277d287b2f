/* Labels, weights, ids and class names of one file, read and checked. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/hdf5_source.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_type.h"
#include "host/dataset/labels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A longer id is no id; a type that claims more is taken for a damaged file. */
enum { STRING_SIZE_MAX = 1 << 16 };

enum { BLOCK_ROWS = 8192, BLOCK_BYTES = 1 << 20 };

static int64_t block_length(int64_t first, int64_t rows, int64_t block) {
  return rows - first < block ? rows - first : block;
}

enum diva_status diva_h5_labels_read(const struct diva_h5_source *source, int64_t outputs,
                                     bool named_classes, int64_t dataset_rows, int32_t *out,
                                     struct diva_error *error) {
  const struct diva_h5_dataset *labels = &source->parts[DIVA_PART_LABELS];
  const struct diva_h5_dataset *base = &source->parts[DIVA_PART_BASE_OUTPUTS];
  struct diva_label_limit limit = diva_label_limit_make(outputs, dataset_rows);
  limit.base_outputs = diva_h5_dataset_is_open(base) && !named_classes ? base->name : NULL;
  bool is_unsigned = diva_h5_is_unsigned(labels->type);
  hid_t memory_type = is_unsigned ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
  int64_t *block = malloc(BLOCK_ROWS * sizeof *block);
  enum diva_status status = DIVA_OK;
  if (!block) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for labels");
  }
  for (int64_t first = 0; !status && first < source->rows; first += BLOCK_ROWS) {
    int64_t count = block_length(first, source->rows, BLOCK_ROWS);
    status = diva_h5_dataset_read_rows(labels, memory_type, first, count, block, error);
    if (status) {
      break;
    }
    status = diva_labels_narrow(&limit, block, is_unsigned, first, count, out + first, error);
    if (status) {
      diva_h5_dataset_prefix(labels, error);
    }
  }
  free(block);
  return status;
}

enum diva_status diva_h5_weights_read(const struct diva_h5_source *source, double *out,
                                      bool *positive, struct diva_error *error) {
  const struct diva_h5_dataset *weights = &source->parts[DIVA_PART_WEIGHTS];
  enum diva_status status =
      diva_h5_dataset_read_rows(weights, H5T_NATIVE_DOUBLE, 0, source->rows, out, error);
  if (!status) {
    status = diva_weights_check(out, 0, source->rows, positive, error);
    if (status) {
      diva_h5_dataset_prefix(weights, error);
    }
  }
  return status;
}

/* Bytes of a fixed-length string without its padding. */
static int64_t unpadded_length(const char *text, size_t size, H5T_str_t padding) {
  size_t length = strnlen(text, size);
  while (padding == H5T_STR_SPACEPAD && length > 0 && text[length - 1] == ' ') {
    length--;
  }
  return (int64_t)length;
}

/* A block of `count` strings as HDF5 hands them out: pointers, or cells of the type's size. */
static enum diva_status append_strings(hid_t type, bool varying, const void *block, int64_t count,
                                       struct diva_string_table *table, int64_t *failed,
                                       struct diva_error *error) {
  size_t size = H5Tget_size(type);
  H5T_str_t padding = H5Tget_strpad(type);
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; !status && i < count; i++) {
    const char *text = (const char *)block + (size_t)i * size;
    int64_t length;
    if (varying) {
      text = ((const char *const *)block)[i];
      text = text ? text : "";
      length = (int64_t)strlen(text);
    } else {
      length = unpadded_length(text, size, padding);
    }
    status = diva_string_table_append(table, text, length, error);
    *failed = i;
  }
  return status;
}

static enum diva_status fail_at_row(const struct diva_h5_dataset *ids, int64_t row,
                                    enum diva_status status, struct diva_error *error) {
  if (status == DIVA_ERROR_INPUT) {
    diva_error_prefix(error, "row %" PRId64 ": ", row);
    if (error) {
      error->row = row;
    }
  }
  diva_h5_dataset_prefix(ids, error);
  return status;
}

static enum diva_status read_strings(const struct diva_h5_source *source, enum diva_part part,
                                     struct diva_string_table *table, struct diva_error *error) {
  const struct diva_h5_dataset *ids = &source->parts[part];
  bool varying = H5Tis_variable_str(ids->type) > 0;
  size_t size = H5Tget_size(ids->type);
  if (size > STRING_SIZE_MAX) {
    return diva_h5_dataset_fail(ids, DIVA_ERROR_INPUT, error,
                                "%s are strings of %zu bytes (limit %d)",
                                part == DIVA_PART_IDS ? "ids" : "groups", size, STRING_SIZE_MAX);
  }
  int64_t block_rows = (int64_t)(BLOCK_BYTES / size);
  char *block = malloc((size_t)block_rows * size);
  enum diva_status status = DIVA_OK;
  if (!block) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for strings");
  }
  for (int64_t first = 0; !status && first < source->rows; first += block_rows) {
    int64_t failed = 0;
    int64_t count = block_length(first, source->rows, block_rows);
    status = diva_h5_dataset_read_rows(ids, ids->type, first, count, block, error);
    if (status) {
      break;
    }
    status = append_strings(ids->type, varying, block, count, table, &failed, error);
    if (status) {
      fail_at_row(ids, first + failed, status, error);
    }
    if (varying) {
      hsize_t length = (hsize_t)count;
      hid_t space = H5Screate_simple(1, &length, NULL);
      H5Dvlen_reclaim(ids->type, space, H5P_DEFAULT, block);
      diva_h5_close_id(&space);
    }
  }
  free(block);
  return status;
}

/* Integers as text; negative groups are empty. */
static enum diva_status read_integers(const struct diva_h5_source *source, enum diva_part part,
                                      struct diva_string_table *table, struct diva_error *error) {
  const struct diva_h5_dataset *ids = &source->parts[part];
  bool is_unsigned = diva_h5_is_unsigned(ids->type);
  hid_t memory_type = is_unsigned ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
  int64_t *block = malloc(BLOCK_ROWS * sizeof *block);
  enum diva_status status = DIVA_OK;
  if (!block) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for strings");
  }
  for (int64_t first = 0; !status && first < source->rows; first += BLOCK_ROWS) {
    int64_t count = block_length(first, source->rows, BLOCK_ROWS);
    status = diva_h5_dataset_read_rows(ids, memory_type, first, count, block, error);
    for (int64_t i = 0; !status && i < count; i++) {
      char text[24];
      int length = is_unsigned ? snprintf(text, sizeof text, "%" PRIu64, (uint64_t)block[i])
                               : snprintf(text, sizeof text, "%" PRId64, block[i]);
      length = part == DIVA_PART_GROUP && text[0] == '-' ? 0 : length;
      status = diva_string_table_append(table, text, length, error);
      if (status) {
        fail_at_row(ids, first + i, status, error);
      }
    }
  }
  free(block);
  return status;
}

static enum diva_status read_names(const struct diva_h5_source *source, enum diva_part part,
                                   struct diva_string_table *table, struct diva_error *error) {
  return H5Tget_class(source->parts[part].type) == H5T_STRING
             ? read_strings(source, part, table, error)
             : read_integers(source, part, table, error);
}

enum diva_status diva_h5_ids_read(const struct diva_h5_source *source,
                                  struct diva_string_table *table, struct diva_error *error) {
  return read_names(source, DIVA_PART_IDS, table, error);
}

enum diva_status diva_h5_groups_read(const struct diva_h5_source *source,
                                     struct diva_string_table *table, struct diva_error *error) {
  return read_names(source, DIVA_PART_GROUP, table, error);
}

static enum diva_status fail_names(const struct diva_h5_source *source, struct diva_error *error,
                                   const char *problem) {
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: attribute class_names %s", source->file.path,
                        problem);
}

static enum diva_status read_name_strings(struct diva_h5_source *source, hid_t attribute,
                                          hid_t type, hid_t space, struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  hssize_t count = H5Sget_simple_extent_npoints(space);
  size_t size = H5Tget_size(type);
  bool varying = H5Tis_variable_str(type) > 0;
  if (count < 1 || count > DIVA_CLASSES_MAX || size > STRING_SIZE_MAX) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: attribute class_names has %lld names of %zu bytes (limits 1 to %d, "
                          "and %d)",
                          source->file.path, (long long)count, size, DIVA_CLASSES_MAX,
                          STRING_SIZE_MAX);
  }
  char *block = calloc((size_t)count, size);
  if (!block) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for class names");
  }
  enum diva_status status = diva_string_table_init(&source->class_names, count, INT64_MAX, error);
  if (!status && H5Aread(attribute, type, block) < 0) {
    diva_h5_reason(reason);
    status = fail_names(source, error, reason);
  } else if (!status) {
    int64_t failed = 0;
    status = append_strings(type, varying, block, count, &source->class_names, &failed, error);
    if (status) {
      diva_error_prefix(error, "%s: attribute class_names, class %" PRId64 ": ", source->file.path,
                        failed);
    }
    if (varying) {
      H5Dvlen_reclaim(type, space, H5P_DEFAULT, block);
    }
  }
  free(block);
  return status;
}

enum diva_status diva_h5_class_names_read(struct diva_h5_source *source, struct diva_error *error) {
  static const char name[] = "class_names";
  const struct diva_h5_dataset *labels = &source->parts[DIVA_PART_LABELS];
  bool on_labels = diva_h5_dataset_is_open(labels) && H5Aexists(labels->id, name) > 0;
  hid_t owner = on_labels ? labels->id : source->file.id;
  enum diva_status status = DIVA_OK;
  if (!on_labels && H5Aexists(owner, name) <= 0) {
    return DIVA_OK;
  }
  hid_t attribute = H5Aopen(owner, name, H5P_DEFAULT);
  hid_t type = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  if (attribute < 0 || type < 0 || space < 0) {
    status = fail_names(source, error, "cannot be read");
  } else if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_ndims(space) != 1) {
    status = fail_names(source, error, "is not a list of strings");
  } else {
    status = read_name_strings(source, attribute, type, space, error);
    if (!status) {
      status = diva_class_names_check(&source->class_names, error);
      if (status) {
        diva_error_prefix(error, "%s: attribute class_names: ", source->file.path);
      }
    }
  }
  diva_h5_close_id(&space);
  diva_h5_close_id(&type);
  diva_h5_close_id(&attribute);
  return status;
}
