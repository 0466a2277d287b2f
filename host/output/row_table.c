/** Columns read back from a table of rows: CSV with a header, or JSONL. */
#define _POSIX_C_SOURCE 200809L
#include <diva/row_table.h>

#include "host/core/core.h"
#include "host/output/csv_reader.h"
#include "host/output/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct diva_row_table {
  const char *path;           /* borrowed while reading */
  const char *const *columns; /* likewise */
  int column_count;
  bool *has;              /* by column */
  int64_t *starts;        /* rows x columns: of each cell in `bytes`, -1 for none */
  int64_t *lines;         /* by row */
  struct diva_text bytes; /* cells, each terminated */
  int64_t rows;
  int64_t capacity;
};

static bool ends_with(const char *path, const char *extension) {
  const size_t length = strlen(path);
  const size_t tail = strlen(extension);
  return length > tail && strcasecmp(path + length - tail, extension) == 0;
}

bool diva_row_table_is_path(const char *path) {
  return ends_with(path, ".csv") || ends_with(path, ".jsonl") || ends_with(path, ".ndjson");
}

static bool grow(struct diva_row_table *table) {
  const int64_t capacity = table->capacity ? 2 * table->capacity : 256;
  int64_t *lines = realloc(table->lines, (size_t)capacity * sizeof *lines);
  if (!lines) {
    return false;
  }
  table->lines = lines;
  int64_t *starts =
      realloc(table->starts, (size_t)capacity * (size_t)table->column_count * sizeof *starts);
  if (!starts) {
    return false;
  }
  table->starts = starts;
  table->capacity = capacity;
  return true;
}

/* A further row, its cells all absent. */
static enum diva_status begin_row(struct diva_row_table *table, int64_t line,
                                  struct diva_error *error) {
  if (table->rows == table->capacity && !grow(table)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for its rows",
                          table->path);
  }
  for (int c = 0; c < table->column_count; c++) {
    table->starts[table->rows * table->column_count + c] = -1;
  }
  table->lines[table->rows++] = line;
  return DIVA_OK;
}

static void put_cell(struct diva_row_table *table, int column, const char *text) {
  table->starts[(table->rows - 1) * table->column_count + column] = table->bytes.length;
  diva_text_append(&table->bytes, text, (int64_t)strlen(text) + 1);
}

static enum diva_status put_json(struct diva_row_table *table, int column, const json_t *value,
                                 struct diva_error *error) {
  char digits[DIVA_REAL_SIZE];
  if (json_is_string(value)) {
    put_cell(table, column, json_string_value(value));
  } else if (json_is_boolean(value)) {
    put_cell(table, column, json_is_true(value) ? "true" : "false");
  } else if (json_is_integer(value)) {
    snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    put_cell(table, column, digits);
  } else if (json_is_real(value)) {
    snprintf(digits, sizeof digits, "%.17g", json_real_value(value));
    put_cell(table, column, digits);
  } else if (!json_is_null(value)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: line %lld: '%s' is no single value",
                          table->path, (long long)table->lines[table->rows - 1],
                          table->columns[column]);
  }
  return DIVA_OK;
}

static enum diva_status take_json(struct diva_row_table *table, const char *text, size_t length,
                                  int64_t line, struct diva_error *error) {
  json_error_t about;
  json_t *record = json_loadb(text, length, 0, &about);
  if (!json_is_object(record)) {
    json_decref(record);
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: line %lld: %s", table->path,
                          (long long)line, record ? "is not a JSON object" : about.text);
  }
  enum diva_status status = begin_row(table, line, error);
  for (int c = 0; c < table->column_count && !status; c++) {
    const json_t *value = json_object_get(record, table->columns[c]);
    table->has[c] = table->has[c] || value;
    status = value ? put_json(table, c, value, error) : DIVA_OK;
  }
  json_decref(record);
  return status;
}

static enum diva_status read_jsonl(struct diva_row_table *table, struct diva_error *error) {
  char *text = NULL;
  size_t size = 0;
  int64_t line = 0;
  enum diva_status status = DIVA_OK;
  FILE *file = fopen(table->path, "rb");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", table->path, strerror(errno));
  }
  for (ssize_t length; !status && (length = getline(&text, &size, file)) >= 0;) {
    line++;
    if ((size_t)length > strspn(text, " \t\r\n")) {
      status = take_json(table, text, (size_t)length, line, error);
    }
  }
  if (!status && ferror(file)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", table->path, strerror(errno));
  }
  free(text);
  fclose(file);
  return status;
}

/* The field of each column, -1 for a column that is not there. */
static void find_fields(struct diva_row_table *table, const struct diva_csv *csv, int64_t *fields) {
  for (int c = 0; c < table->column_count; c++) {
    fields[c] = -1;
    for (int64_t f = 0; f < csv->fields && fields[c] < 0; f++) {
      fields[c] = strcmp(diva_csv_field(csv, f), table->columns[c]) == 0 ? f : -1;
    }
    table->has[c] = fields[c] >= 0;
  }
}

static enum diva_status take_record(struct diva_row_table *table, const struct diva_csv *csv,
                                    const int64_t *fields, int64_t width,
                                    struct diva_error *error) {
  if (csv->fields != width) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: line %lld: %lld field%s; the header has %lld", table->path,
                          (long long)csv->record_line, (long long)csv->fields,
                          diva_plural(csv->fields), (long long)width);
  }
  const enum diva_status status = begin_row(table, csv->record_line, error);
  for (int c = 0; c < table->column_count && !status; c++) {
    const char *text = fields[c] >= 0 ? diva_csv_field(csv, fields[c]) : "";
    if (*text) {
      put_cell(table, c, text);
    }
  }
  return status;
}

static enum diva_status read_records(struct diva_row_table *table, struct diva_csv *csv,
                                     struct diva_error *error) {
  bool found = false;
  int64_t *fields = NULL;
  enum diva_status status = diva_csv_next(csv, &found, error);
  if (!status && !found) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: is empty; a header line is expected",
                            table->path);
  }
  if (!status) {
    status = diva_allocate(table->column_count, sizeof *fields, "columns", (void **)&fields, error);
  }
  if (status) {
    return status;
  }
  const int64_t width = csv->fields;
  find_fields(table, csv, fields);
  while (!status && found) {
    status = diva_csv_next(csv, &found, error);
    if (!status && found) {
      status = take_record(table, csv, fields, width, error);
    }
  }
  free(fields);
  return status;
}

static enum diva_status read_csv(struct diva_row_table *table, struct diva_error *error) {
  struct diva_csv csv;
  enum diva_status status = diva_csv_open(table->path, &csv, error);
  if (!status) {
    status = read_records(table, &csv, error);
  }
  diva_csv_close(&csv);
  return status;
}

enum diva_status diva_row_table_read(const char *path, const char *const *columns, int column_count,
                                     struct diva_row_table **out, struct diva_error *error) {
  struct diva_row_table *table = NULL;
  *out = NULL;
  if (!diva_row_table_is_path(path)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: a table of rows ends in .csv or .jsonl",
                          path);
  }
  enum diva_status status = diva_allocate(1, sizeof *table, "a table", (void **)&table, error);
  if (status) {
    return status;
  }
  *table = (struct diva_row_table){.path = path, .columns = columns, .column_count = column_count};
  status = diva_allocate(column_count, sizeof *table->has, "columns", (void **)&table->has, error);
  if (!status) {
    status = ends_with(path, ".csv") ? read_csv(table, error) : read_jsonl(table, error);
  }
  if (!status && table->bytes.failed) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for its cells", path);
  }
  if (status) {
    diva_row_table_destroy(table);
    return status;
  }
  *out = table;
  return DIVA_OK;
}

int64_t diva_row_table_rows(const struct diva_row_table *table) {
  return table->rows;
}

bool diva_row_table_has(const struct diva_row_table *table, int column) {
  return table->has[column];
}

const char *diva_row_table_cell(const struct diva_row_table *table, int64_t row, int column) {
  const int64_t start = table->starts[row * table->column_count + column];
  return start < 0 ? NULL : table->bytes.data + start;
}

int64_t diva_row_table_line(const struct diva_row_table *table, int64_t row) {
  return table->lines[row];
}

void diva_row_table_destroy(struct diva_row_table *table) {
  if (table) {
    diva_text_free(&table->bytes);
    free(table->has);
    free(table->starts);
    free(table->lines);
    free(table);
  }
}
