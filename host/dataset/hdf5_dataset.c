/* One dataset of an HDF5 file: found, opened, described, read by rows. */
#include "host/dataset/hdf5_dataset.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_missing.h"
#include "host/dataset/hdf5_storage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct diva_h5_dataset diva_h5_dataset_none(void) {
  return (struct diva_h5_dataset){
      .id = H5I_INVALID_HID, .type = H5I_INVALID_HID, .creation = H5I_INVALID_HID};
}

bool diva_h5_dataset_is_open(const struct diva_h5_dataset *dataset) {
  return dataset->id > 0;
}

void diva_h5_dataset_close(struct diva_h5_dataset *dataset) {
  diva_h5_close_id(&dataset->creation);
  diva_h5_close_id(&dataset->type);
  diva_h5_close_id(&dataset->id);
}

void diva_h5_dataset_prefix(const struct diva_h5_dataset *dataset, struct diva_error *error) {
  diva_error_prefix(error, "%s: /%s: ", dataset->file->path, dataset->name);
}

enum diva_status diva_h5_dataset_fail(const struct diva_h5_dataset *dataset,
                                      enum diva_status status, struct diva_error *error,
                                      const char *format, ...) {
  char message[DIVA_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  diva_error_set(error, status, "%s", message);
  diva_h5_dataset_prefix(dataset, error);
  return status;
}

static enum diva_status fail_refused(const struct diva_h5_dataset *dataset,
                                     struct diva_error *error) {
  return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                              "is an external link to %s; links out of the file are followed only "
                              "with --allow-external-links",
                              dataset->file->refused);
}

/* H5Lexists() looks at the last part of a path only, so each part is asked for in turn. */
static bool link_exists(const struct diva_h5_file *file, const char *name) {
  char part[1024];
  size_t length = strlen(name);
  if (!length || length >= sizeof part) {
    return false;
  }
  for (size_t i = 1; i <= length; i++) {
    if (name[i] != '/' && name[i] != '\0') {
      continue;
    }
    memcpy(part, name, i);
    part[i] = '\0';
    if (H5Lexists(file->id, part, file->link_access) <= 0) {
      return false;
    }
  }
  return true;
}

static enum diva_status read_shape(struct diva_h5_dataset *dataset, struct diva_error *error) {
  hsize_t dims[H5S_MAX_RANK];
  enum diva_status status = DIVA_OK;
  hid_t space = H5Dget_space(dataset->id);
  dataset->rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
  if (dataset->rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL) {
    status = diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error, "has no shape");
  }
  for (int i = 0; !status && i < dataset->rank; i++) {
    dataset->dims[i] = (int64_t)dims[i];
    if (dims[i] > INT64_MAX) {
      status = diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                    "dimension %d is %" PRIu64 ", which overflows", i,
                                    (uint64_t)dims[i]);
    }
  }
  diva_h5_close_id(&space);
  return status;
}

static enum diva_status fail_kind(const struct diva_h5_dataset *dataset, H5I_type_t kind,
                                  struct diva_error *error) {
  return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error, "is a %s, not a dataset",
                              kind == H5I_GROUP ? "group" : "named datatype");
}

enum diva_status diva_h5_dataset_open(struct diva_h5_file *file, const char *name,
                                      struct diva_h5_dataset *out, struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  enum diva_status status = DIVA_OK;
  *out = diva_h5_dataset_none();
  out->file = file;
  out->name = name;
  file->refused[0] = '\0';
  out->id = H5Oopen(file->id, name, file->link_access);
  if (out->id < 0) {
    diva_h5_reason(reason);
    return file->refused[0]
               ? fail_refused(out, error)
               : diva_h5_dataset_fail(out, DIVA_ERROR_INPUT, error, "cannot be opened: %s", reason);
  }
  if (H5Iget_type(out->id) != H5I_DATASET) {
    status = fail_kind(out, H5Iget_type(out->id), error);
    goto done;
  }
  out->type = H5Dget_type(out->id);
  out->creation = H5Dget_create_plist(out->id);
  if (out->type < 0 || out->creation < 0) {
    diva_h5_reason(reason);
    status = diva_h5_dataset_fail(out, DIVA_ERROR_INPUT, error, "cannot be read: %s", reason);
    goto done;
  }
  /* Before the shape is asked for: that of a virtual dataset may come from the other files. */
  status = diva_h5_storage_check(out, error);
  if (!status) {
    status = read_shape(out, error);
  }
done:
  if (status) {
    diva_h5_dataset_close(out);
  }
  return status;
}

enum diva_status diva_h5_dataset_find(struct diva_h5_file *file, const char *name, bool required,
                                      struct diva_h5_dataset *out, struct diva_error *error) {
  char what[DIVA_H5_TEXT_SIZE];
  while (*name == '/') {
    name++;
  }
  *out = diva_h5_dataset_none();
  out->file = file;
  out->name = name;
  file->refused[0] = '\0';
  if (link_exists(file, name)) {
    return diva_h5_dataset_open(file, name, out, error);
  }
  if (file->refused[0]) {
    return fail_refused(out, error);
  }
  if (!required) {
    return DIVA_OK;
  }
  snprintf(what, sizeof what, "dataset /%s", name);
  return diva_h5_fail_missing(file, what, name, error);
}

int64_t diva_h5_dataset_width(const struct diva_h5_dataset *dataset) {
  int64_t width = 1;
  for (int i = 1; i < dataset->rank; i++) {
    if (!diva_size_multiply(width, dataset->dims[i], 1, &width)) {
      return INT64_MAX;
    }
  }
  return width;
}

void diva_h5_dataset_shape(const struct diva_h5_dataset *dataset, char text[DIVA_H5_SHAPE_SIZE]) {
  size_t used = 0;
  snprintf(text, DIVA_H5_SHAPE_SIZE, "a single value");
  for (int i = 0; i < dataset->rank && used < DIVA_H5_SHAPE_SIZE; i++) {
    int length = snprintf(text + used, DIVA_H5_SHAPE_SIZE - used, "%s%" PRId64, i ? " x " : "",
                          dataset->dims[i]);
    used += length > 0 ? (size_t)length : 0;
  }
}

static hid_t make_dataset_access(int64_t cache_bytes, int64_t across) {
  enum { SLOTS_BY_DEFAULT = 521 };
  size_t slots = 2 * (size_t)across + 1;
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  /* 1: chunks that were read to the end go first. */
  if (access > 0 && H5Pset_chunk_cache(access, slots > SLOTS_BY_DEFAULT ? slots : SLOTS_BY_DEFAULT,
                                       (size_t)cache_bytes, 1.0) < 0) {
    diva_h5_close_id(&access);
  }
  return access;
}

enum diva_status diva_h5_dataset_cache_chunks(struct diva_h5_dataset *dataset, int64_t limit,
                                              struct diva_error *error) {
  enum { BYTES_BY_DEFAULT = 1 << 20 };
  char reason[DIVA_H5_TEXT_SIZE];
  int64_t bytes, across, row;
  if (!diva_h5_dataset_chunk(dataset, &bytes, &across) || !bytes ||
      !diva_size_multiply(bytes, across, 1, &row) || row <= BYTES_BY_DEFAULT || row > limit) {
    return DIVA_OK;
  }
  hid_t access = make_dataset_access(row, across);
  /* The cache is made when a dataset is first opened, so it has to be closed in between. */
  H5Idec_ref(dataset->id);
  dataset->id = H5Dopen2(dataset->file->id, dataset->name, access);
  diva_h5_close_id(&access);
  if (dataset->id < 0) {
    diva_h5_reason(reason);
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error, "cannot be opened: %s", reason);
  }
  return DIVA_OK;
}

static enum diva_status select_rows(const struct diva_h5_dataset *dataset, int64_t first,
                                    int64_t count, hid_t *file_space, hid_t *memory_space) {
  hsize_t start[H5S_MAX_RANK] = {0};
  hsize_t size[H5S_MAX_RANK];
  for (int i = 0; i < dataset->rank; i++) {
    size[i] = (hsize_t)dataset->dims[i];
  }
  start[0] = (hsize_t)first;
  size[0] = (hsize_t)count;
  *file_space = H5Dget_space(dataset->id);
  *memory_space = H5Screate_simple(dataset->rank, size, NULL);
  if (*file_space < 0 || *memory_space < 0 ||
      H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, size, NULL) < 0) {
    return DIVA_ERROR_INTERNAL;
  }
  return DIVA_OK;
}

enum diva_status diva_h5_dataset_read_rows(const struct diva_h5_dataset *dataset, hid_t memory_type,
                                           int64_t first, int64_t count, void *out,
                                           struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  enum diva_status status = DIVA_OK;
  hid_t file_space = H5I_INVALID_HID;
  hid_t memory_space = H5I_INVALID_HID;
  if (count == 0) {
    return DIVA_OK;
  }
  if (select_rows(dataset, first, count, &file_space, &memory_space) ||
      H5Dread(dataset->id, memory_type, memory_space, file_space, H5P_DEFAULT, out) < 0) {
    diva_h5_reason(reason);
    status = diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                  "rows %" PRId64 " to %" PRId64 " cannot be read: %s", first,
                                  first + count - 1, reason);
    if (error) {
      error->row = first;
    }
  }
  diva_h5_close_id(&memory_space);
  diva_h5_close_id(&file_space);
  return status;
}
