/** The rows of a manifest as an HDF5 file, one dataset a column. */
#include "hdf5_rows.h"

#include "host/core/core.h"
#include "host/output/hdf5_out.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 8192 };

/* How a column lies in the file. */
enum storage { STORE_REAL, STORE_BOOLEAN, STORE_CLASS_NUMBER, STORE_INTEGER, STORE_STRING };

/* One column being written, with the room for a block of it. */
struct column_writer {
  const struct diva_manifest *manifest;
  const struct diva_column *column; /* NULL for the id */
  enum storage storage;
  void *values;        /* BLOCK_ROWS of 8 bytes */
  const char **string; /* BLOCK_ROWS pointers */
  char (*scratch)[DIVA_ID_SCRATCH_SIZE];
};

static int64_t row_at(const struct diva_manifest *manifest, int64_t position) {
  return manifest->order ? manifest->order[position] : position;
}

static const char *string_at(const struct column_writer *writer, int64_t row, char *scratch) {
  const struct diva_column *const column = writer->column;
  if (!column) {
    return diva_dataset_id(writer->manifest->dataset, row, scratch);
  }
  if (column->type == DIVA_COLUMN_ROW) {
    const int64_t other = column->data ? ((const int64_t *)column->data)[row] : -1;
    return other < 0 ? "" : diva_dataset_id(writer->manifest->dataset, other, scratch);
  }
  if (column->type == DIVA_COLUMN_CHOICE) {
    return column->choices[((const uint8_t *)column->data)[row]];
  }
  const int32_t label = column->data ? ((const int32_t *)column->data)[row] : -1;
  const char *const name =
      label < 0 ? NULL : diva_dataset_class_name(writer->manifest->dataset, label);
  return name ? name : "";
}

static int64_t longest_string(const struct column_writer *writer) {
  size_t longest = 0;
  for (int64_t i = 0; i < writer->manifest->order_count; i++) {
    const size_t length =
        strlen(string_at(writer, row_at(writer->manifest, i), writer->scratch[0]));
    longest = length > longest ? length : longest;
  }
  return (int64_t)longest;
}

static hid_t file_type(const struct column_writer *writer) {
  switch (writer->storage) {
  case STORE_REAL:
    return H5Tcopy(H5T_IEEE_F64LE);
  case STORE_BOOLEAN:
    return diva_h5_out_boolean();
  case STORE_CLASS_NUMBER:
    return H5Tcopy(H5T_STD_I32LE);
  case STORE_INTEGER:
    return H5Tcopy(H5T_STD_I64LE);
  default:
    return diva_h5_out_string(longest_string(writer));
  }
}

static hid_t memory_type(enum storage storage) {
  switch (storage) {
  case STORE_REAL:
    return H5Tcopy(H5T_NATIVE_DOUBLE);
  case STORE_BOOLEAN:
    return diva_h5_out_boolean();
  case STORE_CLASS_NUMBER:
    return H5Tcopy(H5T_NATIVE_INT32);
  default:
    return H5Tcopy(H5T_NATIVE_INT64);
  }
}

static void gather_value(const struct column_writer *writer, int64_t i, int64_t row) {
  const void *const data = writer->column ? writer->column->data : NULL;
  switch (writer->storage) {
  case STORE_REAL:
    ((double *)writer->values)[i] = ((const double *)data)[row];
    break;
  case STORE_BOOLEAN:
    ((signed char *)writer->values)[i] = ((const uint8_t *)data)[row] != 0;
    break;
  case STORE_CLASS_NUMBER:
    ((int32_t *)writer->values)[i] = data ? ((const int32_t *)data)[row] : -1;
    break;
  case STORE_INTEGER:
    ((int64_t *)writer->values)[i] = data ? ((const int64_t *)data)[row] : row;
    break;
  case STORE_STRING:
    writer->string[i] = string_at(writer, row, writer->scratch[i]);
    break;
  }
}

static enum diva_status write_column(const struct column_writer *writer, const char *name,
                                     const struct diva_h5_out *out,
                                     const struct diva_progress *progress,
                                     struct diva_error *error) {
  const int64_t rows = writer->manifest->order_count;
  hid_t type = file_type(writer);
  hid_t memory = memory_type(writer->storage);
  hid_t dataset = -1;
  enum diva_status status = diva_h5_out_dataset(out, name, type, 1, &rows, &dataset, error);
  for (int64_t first = 0; first < rows && status == DIVA_OK; first += BLOCK_ROWS) {
    const int64_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
    for (int64_t i = 0; i < count; i++) {
      gather_value(writer, i, row_at(writer->manifest, first + i));
    }
    status = writer->storage == STORE_STRING
                 ? diva_h5_out_strings(out, dataset, first, count, writer->string, error)
                 : diva_h5_out_rows(out, dataset, memory, first, count, writer->values, error);
    if (status == DIVA_OK) {
      status = diva_progress_report(progress, "write", first + count, rows, error);
    }
  }
  diva_h5_close_id(&dataset);
  diva_h5_close_id(&memory);
  diva_h5_close_id(&type);
  return status;
}

static enum storage storage_of(const struct diva_column *column, bool class_names) {
  switch (column->type) {
  case DIVA_COLUMN_REAL:
    return STORE_REAL;
  case DIVA_COLUMN_BOOLEAN:
    return STORE_BOOLEAN;
  case DIVA_COLUMN_CLASS:
    return class_names ? STORE_STRING : STORE_CLASS_NUMBER;
  case DIVA_COLUMN_COUNT:
    return STORE_INTEGER;
  default:
    return STORE_STRING;
  }
}

static enum diva_status write_columns(struct column_writer *writer, const struct diva_h5_out *out,
                                      const struct diva_progress *progress,
                                      struct diva_error *error) {
  const struct diva_manifest *const manifest = writer->manifest;
  struct diva_dataset_info info;
  diva_dataset_describe(manifest->dataset, &info);
  const struct diva_column label = {
      .name = "label", .type = DIVA_COLUMN_CLASS, .data = diva_dataset_labels(manifest->dataset)};
  writer->column = NULL;
  writer->storage = STORE_STRING;
  enum diva_status status = write_column(writer, "id", out, progress, error);
  if (status == DIVA_OK) {
    writer->storage = STORE_INTEGER;
    status = write_column(writer, "index", out, progress, error);
  }
  for (int64_t i = -1; i < manifest->column_count && status == DIVA_OK; i++) {
    writer->column = i < 0 ? &label : &manifest->columns[i];
    writer->storage = storage_of(writer->column, info.has_class_names);
    status = write_column(writer, writer->column->name, out, progress, error);
  }
  writer->column = NULL; /* may be the one above, which ends here */
  return status;
}

enum diva_status diva_hdf5_rows_write(const struct diva_manifest *manifest, const char *where,
                                      const char *path, const struct diva_progress *progress,
                                      struct diva_error *error) {
  struct diva_h5_scope scope;
  diva_h5_enter(&scope);
  struct diva_h5_out out = {.file = H5I_INVALID_HID};
  struct column_writer writer = {.manifest = manifest};
  void *values = NULL;
  void *strings = NULL;
  void *scratch = NULL;
  enum diva_status status = diva_allocate(BLOCK_ROWS, 8, "a block of rows", &values, error);
  if (status == DIVA_OK) {
    status = diva_allocate(BLOCK_ROWS, sizeof(char *), "a block of rows", &strings, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(BLOCK_ROWS, DIVA_ID_SCRATCH_SIZE, "a block of ids", &scratch, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_create(where, path, &out, error);
  }
  if (status == DIVA_OK) {
    writer.values = values;
    writer.string = strings;
    writer.scratch = scratch;
    status = write_columns(&writer, &out, progress, error);
  }
  struct diva_error *const close_error = status == DIVA_OK ? error : NULL;
  const enum diva_status closed = diva_h5_out_close(&out, close_error);
  free(scratch);
  free(strings);
  free(values);
  diva_h5_leave(&scope);
  return status == DIVA_OK ? closed : status;
}
