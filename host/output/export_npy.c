/** One dataset of a file as .npy. */
#include "export.h"

#include "host/core/core.h"

#include <stdlib.h>

static enum diva_status copy_rows(struct diva_export *export, struct diva_export_array *array,
                                  struct diva_atomic_file *file, struct diva_error *error) {
  const struct diva_npy *const npy = &array->npy;
  const int64_t rows = diva_npy_rows(npy);
  const int64_t block = diva_export_block_rows(npy);
  const int64_t row_bytes = rows > 0 ? npy->bytes / rows : 0;
  void *data = NULL;
  enum diva_status status = diva_allocate(block, row_bytes, "a block of rows", &data, error);
  for (int64_t first = 0; first < rows && npy->bytes > 0 && status == DIVA_OK; first += block) {
    const int64_t count = rows - first < block ? rows - first : block;
    const size_t bytes = (size_t)(count * row_bytes);
    status = diva_export_array_read(array, first, count, data, error);
    if (status == DIVA_OK && fwrite(data, 1, bytes, file->stream) != bytes) {
      status = diva_atomic_write_error(file->path, error);
    }
    if (status == DIVA_OK) {
      status =
          diva_progress_report(&export->options->progress, "convert", first + count, rows, error);
    }
  }
  free(data);
  return status;
}

static enum diva_status write_array(struct diva_export *export, struct diva_export_array *array,
                                    struct diva_atomic_file *file, struct diva_error *error) {
  struct diva_text header = {0};
  enum diva_status status = DIVA_OK;
  diva_npy_header_append(&array->npy, &header);
  if (header.failed) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory", file->path);
  } else if (fwrite(header.data, 1, (size_t)header.length, file->stream) != (size_t)header.length) {
    status = diva_atomic_write_error(file->path, error);
  }
  diva_text_free(&header);
  return status == DIVA_OK ? copy_rows(export, array, file, error) : status;
}

enum diva_status diva_export_npy(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error) {
  const char *const name = export->options->array ? export->options->array : "features";
  struct diva_h5_dataset dataset = diva_h5_dataset_none();
  struct diva_export_array array;
  bool known = false;
  enum diva_status status = diva_h5_dataset_find(&export->source.file, name, true, &dataset, error);
  if (status != DIVA_OK) {
    return status;
  }
  status = diva_export_array_open(export, &dataset, &array, &known, error);
  if (status == DIVA_OK && !known) {
    status = diva_h5_dataset_fail(&array.dataset, DIVA_ERROR_INPUT, error,
                                  "is of a type that .npy arrays do not have");
  }
  if (status == DIVA_OK) {
    status = diva_atomic_require(file, array.npy.bytes, error);
  }
  if (status == DIVA_OK) {
    status = write_array(export, &array, file, error);
  }
  diva_export_array_close(&array);
  return status;
}
