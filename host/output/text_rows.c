/** The rows of a manifest as JSON lines or CSV. */
#include "text_rows.h"

#include "host/core/core.h"
#include "host/output/atomic.h"
#include "host/output/text.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* What is the same for every row, prepared once. */
struct row_format {
  const struct diva_manifest *manifest;
  const int32_t *labels; /* NULL for a dataset of targets */
  bool class_names;
  bool csv;
  struct diva_text *keys; /* per column: what comes before its value */
};

static void append_string(struct diva_text *text, const struct row_format *format,
                          const char *string) {
  if (format->csv) {
    diva_text_csv(text, string);
  } else {
    diva_text_json(text, string);
  }
}

static void append_null(struct diva_text *text, const struct row_format *format) {
  if (!format->csv) {
    diva_text_append(text, "null", 4);
  }
}

static void append_class(struct diva_text *text, const struct row_format *format, int32_t label) {
  const char *name = NULL;
  if (label >= 0 && format->class_names) {
    name = diva_dataset_class_name(format->manifest->dataset, label);
  }
  if (label < 0) {
    append_null(text, format);
  } else if (name) {
    append_string(text, format, name);
  } else {
    diva_text_integer(text, label);
  }
}

static void append_id(struct diva_text *text, const struct row_format *format, int64_t row) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  if (row < 0) {
    append_null(text, format);
  } else {
    append_string(text, format, diva_dataset_id(format->manifest->dataset, row, scratch));
  }
}

static void append_count(struct diva_text *text, const struct row_format *format, int64_t count) {
  if (count < 0) {
    append_null(text, format);
  } else {
    diva_text_integer(text, count);
  }
}

static void append_value(struct diva_text *text, const struct row_format *format,
                         const struct diva_column *column, int64_t row) {
  switch (column->type) {
  case DIVA_COLUMN_REAL: {
    const double value = ((const double *)column->data)[row];
    if (isfinite(value)) {
      diva_text_real(text, value, format->manifest->real_digits);
    } else {
      append_null(text, format);
    }
    break;
  }
  case DIVA_COLUMN_BOOLEAN:
    diva_text_string(text, ((const uint8_t *)column->data)[row] ? "true" : "false");
    break;
  case DIVA_COLUMN_CLASS:
    append_class(text, format, column->data ? ((const int32_t *)column->data)[row] : -1);
    break;
  case DIVA_COLUMN_CHOICE:
    append_string(text, format, column->choices[((const uint8_t *)column->data)[row]]);
    break;
  case DIVA_COLUMN_COUNT:
    append_count(text, format, ((const int64_t *)column->data)[row]);
    break;
  case DIVA_COLUMN_ROW:
    append_id(text, format, column->data ? ((const int64_t *)column->data)[row] : -1);
    break;
  }
}

static void append_row(struct diva_text *text, const struct row_format *format, int64_t row) {
  const struct diva_manifest *const manifest = format->manifest;
  diva_text_string(text, format->csv ? "" : "{\"id\": ");
  append_id(text, format, row);
  diva_text_string(text, format->csv ? "," : ", \"index\": ");
  diva_text_integer(text, row);
  diva_text_string(text, format->csv ? "," : ", \"label\": ");
  append_class(text, format, format->labels ? format->labels[row] : -1);
  for (int64_t i = 0; i < manifest->column_count; i++) {
    diva_text_append(text, format->keys[i].data, format->keys[i].length);
    append_value(text, format, &manifest->columns[i], row);
  }
  diva_text_string(text, format->csv ? "\n" : "}\n");
}

/* Formats rows [first, last) of the order into an emptied buffer. */
static void format_block(struct diva_text *text, const struct row_format *format, int64_t first,
                         int64_t last) {
  text->length = 0;
  for (int64_t i = first; i < last; i++) {
    append_row(text, format, format->manifest->order ? format->manifest->order[i] : i);
  }
}

static void append_header(struct diva_text *text, const struct diva_manifest *manifest) {
  diva_text_string(text, "id,index,label");
  for (int64_t i = 0; i < manifest->column_count; i++) {
    diva_text_string(text, ",");
    diva_text_csv(text, manifest->columns[i].name);
  }
  diva_text_string(text, "\n");
}

static enum diva_status prepare_keys(struct row_format *format, struct diva_error *error) {
  const struct diva_manifest *const manifest = format->manifest;
  void *keys;
  const enum diva_status status =
      diva_allocate(manifest->column_count, sizeof(struct diva_text), "column names", &keys, error);
  if (status != DIVA_OK) {
    return status;
  }
  format->keys = keys;
  for (int64_t i = 0; i < manifest->column_count; i++) {
    struct diva_text *const key = &format->keys[i];
    diva_text_string(key, format->csv ? "," : ", ");
    if (!format->csv) {
      diva_text_json(key, manifest->columns[i].name);
      diva_text_string(key, ": ");
    }
    if (key->failed) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for column names");
    }
  }
  return DIVA_OK;
}

static void free_texts(struct diva_text *texts, int64_t count) {
  for (int64_t i = 0; texts && i < count; i++) {
    diva_text_free(&texts[i]);
  }
  free(texts);
}

static enum diva_status write_text(const struct diva_text *text, FILE *stream, const char *path,
                                   struct diva_error *error) {
  if (text->failed) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for rows of text", path);
  }
  if (text->length > 0 &&
      fwrite(text->data, 1, (size_t)text->length, stream) != (size_t)text->length) {
    return diva_atomic_write_error(path, error);
  }
  return DIVA_OK;
}

/* Waves of blocks: all threads format, then one writes, so that memory stays at one wave. */
static enum diva_status write_blocks(const struct row_format *format, struct diva_text *blocks,
                                     int64_t block_count, FILE *stream, const char *path,
                                     const struct diva_progress *progress,
                                     struct diva_error *error) {
  enum { BLOCK_ROWS = 512 };
  const int64_t rows = format->manifest->order_count;
  enum diva_status status = DIVA_OK;
  for (int64_t wave = 0; wave < rows && status == DIVA_OK; wave += block_count * BLOCK_ROWS) {
    const int64_t left = (rows - wave + BLOCK_ROWS - 1) / BLOCK_ROWS;
    const int64_t here = left < block_count ? left : block_count;
#pragma omp parallel for schedule(dynamic)
    for (int64_t b = 0; b < here; b++) {
      const int64_t first = wave + b * BLOCK_ROWS;
      const int64_t last = rows - first < BLOCK_ROWS ? rows : first + BLOCK_ROWS;
      format_block(&blocks[b], format, first, last);
    }
    for (int64_t b = 0; b < here && status == DIVA_OK; b++) {
      status = write_text(&blocks[b], stream, path, error);
    }
    if (status == DIVA_OK) {
      const int64_t done = wave + here * BLOCK_ROWS;
      status = diva_progress_report(progress, "write", done < rows ? done : rows, rows, error);
    }
  }
  return status;
}

enum diva_status diva_text_rows_write(const struct diva_manifest *manifest, bool csv, FILE *stream,
                                      const char *path, const struct diva_progress *progress,
                                      struct diva_error *error) {
  enum { BLOCKS_A_THREAD = 4 };
  const int64_t block_count = (int64_t)omp_get_max_threads() * BLOCKS_A_THREAD;
  struct diva_dataset_info info;
  diva_dataset_describe(manifest->dataset, &info);
  struct row_format format = {.manifest = manifest,
                              .labels = diva_dataset_labels(manifest->dataset),
                              .class_names = info.has_class_names,
                              .csv = csv};
  struct diva_text header = {0};
  void *blocks = NULL;
  enum diva_status status = prepare_keys(&format, error);
  if (status != DIVA_OK) {
    goto done;
  }
  status = diva_allocate(block_count, sizeof(struct diva_text), "blocks of rows", &blocks, error);
  if (status != DIVA_OK) {
    goto done;
  }
  if (csv) {
    append_header(&header, manifest);
    status = write_text(&header, stream, path, error);
  }
  if (status == DIVA_OK) {
    status = write_blocks(&format, blocks, block_count, stream, path, progress, error);
  }

done:
  diva_text_free(&header);
  free_texts(blocks, block_count);
  free_texts(format.keys, manifest->column_count);
  return status;
}
