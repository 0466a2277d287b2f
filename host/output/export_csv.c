/** Ids, labels and features of a file as CSV. */
#include "export.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_type.h"

#include <math.h>
#include <stdlib.h>

/* The columns of the table, and a block of their rows. */
struct csv_table {
  struct diva_export *export;
  struct diva_h5_dataset features;
  struct diva_string_table ids; /* empty: no such column */
  int64_t *labels;              /* NULL: no such column */
  int64_t rows;
  int64_t columns;
  bool wide; /* float64 */
};

static enum diva_status check_column(const struct diva_h5_dataset *dataset, int64_t rows,
                                     struct diva_error *error) {
  if (dataset->rank < 1 || dataset->dims[0] != rows || diva_h5_dataset_width(dataset) != 1) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "is not one value for each of the %lld rows", (long long)rows);
  }
  return DIVA_OK;
}

static enum diva_status open_features(struct csv_table *table, struct diva_error *error) {
  enum { CHUNK_CACHE = 256 << 20 };
  struct diva_h5_dataset *const features = &table->features;
  enum diva_dtype type;
  const enum diva_status status =
      diva_h5_dataset_find(&table->export->source.file, "features", true, features, error);
  if (status != DIVA_OK) {
    return status;
  }
  if (features->rank != 2 || !diva_h5_float_classify(features->type, &type)) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error,
                                "is not rows x columns of floating-point numbers");
  }
  table->rows = features->dims[0];
  table->columns = features->dims[1];
  table->wide = type == DIVA_FLOAT64;
  if (diva_export_check_row(features, sizeof(double), error) != DIVA_OK) {
    return DIVA_ERROR_INPUT;
  }
  return diva_h5_dataset_cache_chunks(features, CHUNK_CACHE, error);
}

static enum diva_status read_labels(struct csv_table *table, struct diva_error *error) {
  const struct diva_h5_dataset *const labels = &table->export->source.parts[DIVA_PART_LABELS];
  if (!diva_h5_dataset_is_open(labels)) {
    return DIVA_OK;
  }
  if (!diva_h5_is_integer(labels->type)) {
    return diva_h5_dataset_fail(labels, DIVA_ERROR_INPUT, error, "labels are not integers");
  }
  void *memory;
  enum diva_status status = check_column(labels, table->rows, error);
  if (status == DIVA_OK) {
    status = diva_export_check_memory(labels, table->rows, sizeof(int64_t), "labels", error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(table->rows, sizeof(int64_t), "labels", &memory, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  table->labels = memory;
  return diva_h5_dataset_read_rows(labels, H5T_NATIVE_INT64, 0, table->rows, memory, error);
}

static enum diva_status read_ids(struct csv_table *table, struct diva_error *error) {
  struct diva_h5_source *const source = &table->export->source;
  const struct diva_h5_dataset *const ids = &source->parts[DIVA_PART_IDS];
  if (!diva_h5_dataset_is_open(ids)) {
    return DIVA_OK;
  }
  if (H5Tget_class(ids->type) != H5T_STRING && !diva_h5_is_integer(ids->type)) {
    return diva_h5_dataset_fail(ids, DIVA_ERROR_INPUT, error, "ids are strings or integers");
  }
  enum diva_status status = check_column(ids, table->rows, error);
  if (status == DIVA_OK) {
    status = diva_export_check_memory(ids, table->rows, 2 * sizeof(int64_t), "ids", error);
  }
  if (status == DIVA_OK) {
    status = diva_string_table_init(&table->ids, table->rows, INT64_MAX, error);
  }
  source->rows = table->rows;
  return status == DIVA_OK ? diva_h5_ids_read(source, &table->ids, error) : status;
}

static void append_header(const struct csv_table *table, struct diva_text *text) {
  const char *separator = "";
  if (table->ids.count > 0) {
    diva_text_string(text, "id");
    separator = ",";
  }
  if (table->labels) {
    diva_text_string(text, separator);
    diva_text_string(text, "label");
    separator = ",";
  }
  for (int64_t i = 0; i < table->columns; i++) {
    diva_text_string(text, separator);
    diva_text_string(text, "f");
    diva_text_integer(text, i);
    separator = ",";
  }
  diva_text_string(text, "\n");
}

/* The class name, where there is one; nothing for an absent label. */
static void append_label(const struct csv_table *table, int64_t label, struct diva_text *text) {
  const char *const name = diva_string_table_get(&table->export->source.class_names, label);
  if (name) {
    diva_text_csv(text, name);
  } else if (label != -1) {
    diva_text_integer(text, label);
  }
}

static enum diva_status append_row(const struct csv_table *table, int64_t row,
                                   const double *features, struct diva_text *text,
                                   struct diva_error *error) {
  const char *separator = "";
  if (table->ids.count > 0) {
    diva_text_csv(text, diva_string_table_get(&table->ids, row));
    separator = ",";
  }
  if (table->labels) {
    diva_text_string(text, separator);
    append_label(table, table->labels[row], text);
    separator = ",";
  }
  for (int64_t i = 0; i < table->columns; i++) {
    if (!isfinite(features[i])) {
      diva_h5_dataset_fail(&table->features, DIVA_ERROR_INPUT, error,
                           "row %lld, column %lld is not finite", (long long)row, (long long)i);
      if (error) {
        error->row = row;
      }
      return DIVA_ERROR_INPUT;
    }
    diva_text_string(text, separator);
    if (table->wide) {
      diva_text_real(text, features[i], 17);
    } else {
      diva_text_float(text, features[i]);
    }
    separator = ",";
  }
  diva_text_string(text, "\n");
  return DIVA_OK;
}

static enum diva_status write_text(struct diva_text *text, struct diva_atomic_file *file,
                                   struct diva_error *error) {
  if (text->failed) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for rows", file->path);
  }
  const size_t length = (size_t)text->length;
  text->length = 0;
  return fwrite(text->data, 1, length, file->stream) == length
             ? DIVA_OK
             : diva_atomic_write_error(file->path, error);
}

static enum diva_status write_rows(const struct csv_table *table, struct diva_atomic_file *file,
                                   struct diva_text *text, struct diva_error *error) {
  enum { BLOCK_VALUES = 1 << 18 };
  const int64_t fitting = table->columns > 0 ? BLOCK_VALUES / table->columns : BLOCK_VALUES;
  const int64_t block = fitting > 0 ? fitting : 1;
  void *features;
  enum diva_status status =
      diva_allocate(block * table->columns, sizeof(double), "a block of rows", &features, error);
  for (int64_t first = 0; first < table->rows && status == DIVA_OK; first += block) {
    const int64_t left = table->rows - first;
    const int64_t count = left < block ? left : block;
    status = diva_h5_dataset_read_rows(&table->features, H5T_NATIVE_DOUBLE, first, count, features,
                                       error);
    for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
      const double *const row = (const double *)features + i * table->columns;
      status = append_row(table, first + i, row, text, error);
    }
    if (status == DIVA_OK) {
      status = write_text(text, file, error);
    }
    if (status == DIVA_OK) {
      status = diva_progress_report(&table->export->options->progress, "convert", first + count,
                                    table->rows, error);
    }
  }
  free(features);
  return status;
}

enum diva_status diva_export_csv(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error) {
  struct csv_table table = {.export = export, .features = diva_h5_dataset_none()};
  struct diva_text text = {0};
  enum diva_status status = open_features(&table, error);
  if (status == DIVA_OK) {
    status = read_labels(&table, error);
  }
  if (status == DIVA_OK) {
    status = read_ids(&table, error);
  }
  if (status == DIVA_OK) {
    append_header(&table, &text);
    status = write_text(&text, file, error);
  }
  if (status == DIVA_OK) {
    status = write_rows(&table, file, &text, error);
  }
  diva_text_free(&text);
  diva_string_table_free(&table.ids);
  free(table.labels);
  diva_h5_dataset_close(&table.features);
  return status;
}
