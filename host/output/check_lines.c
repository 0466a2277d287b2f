/** Where rows stand in a JSONL manifest. */
#define _POSIX_C_SOURCE 200809L
#include "check_lines.h"

#include "host/output/name_set.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 24 };

/* What is looked for: ids, and indices as text, each with the line where it was met first. */
struct index {
  struct diva_name_set names;
  int64_t *lines; /* by number of a name; 0: not met yet */
};

struct wanted {
  struct index ids, indices;
};

static bool add_name(struct index *index, const char *name) {
  int64_t number;
  return diva_name_set_add(&index->names, name, &number);
}

static bool add_rows(struct wanted *wanted, const struct diva_check_row *const *rows,
                     int64_t count) {
  char digits[DIGITS];
  for (int64_t i = 0; i < count; i++) {
    if (rows[i] && rows[i]->index >= 0) {
      snprintf(digits, sizeof digits, "%lld", (long long)rows[i]->index);
      if (!add_name(&wanted->ids, rows[i]->id) || !add_name(&wanted->indices, digits)) {
        return false;
      }
    }
  }
  wanted->ids.lines = calloc((size_t)wanted->ids.names.count + 1, sizeof *wanted->ids.lines);
  wanted->indices.lines =
      calloc((size_t)wanted->indices.names.count + 1, sizeof *wanted->indices.lines);
  return wanted->ids.lines && wanted->indices.lines;
}

static void note(struct index *index, const char *name, int64_t line) {
  const int64_t number = diva_name_set_find(&index->names, name);
  if (number >= 0 && index->lines[number] == 0) {
    index->lines[number] = line;
  }
}

static int64_t line_of(const struct index *index, const char *name) {
  const int64_t number = diva_name_set_find(&index->names, name);
  return number >= 0 && index->lines ? index->lines[number] : 0;
}

static enum diva_status take_line(struct wanted *wanted, const char *path, const char *text,
                                  size_t length, int64_t line, struct diva_error *error) {
  char digits[DIGITS];
  json_error_t about;
  json_t *const record = json_loadb(text, length, 0, &about);
  if (!json_is_object(record)) {
    json_decref(record);
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: line %lld: %s", path, (long long)line,
                          record ? "is not a JSON object" : about.text);
  }
  const json_t *const id = json_object_get(record, "id");
  const json_t *const index = json_object_get(record, "index");
  const json_t *const number = json_is_integer(id) ? id : index;
  snprintf(digits, sizeof digits, "%lld",
           json_is_integer(number) ? (long long)json_integer_value(number) : -1);
  if (json_is_string(id)) {
    note(&wanted->ids, json_string_value(id), line);
  } else {
    note(number == id ? &wanted->ids : &wanted->indices, digits, line);
  }
  json_decref(record);
  return DIVA_OK;
}

static enum diva_status read_manifest(struct wanted *wanted, const char *path,
                                      struct diva_error *error) {
  char *text = NULL;
  size_t size = 0;
  int64_t line = 0;
  enum diva_status status = DIVA_OK;
  FILE *const file = fopen(path, "rb");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  errno = 0;
  for (ssize_t length; !status && (length = getline(&text, &size, file)) >= 0;) {
    line++;
    if ((size_t)length > strspn(text, " \t\r\n")) {
      status = take_line(wanted, path, text, (size_t)length, line, error);
    }
  }
  if (!status && ferror(file)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  free(text);
  fclose(file);
  return status;
}

static void give_lines(const struct wanted *wanted, const struct diva_check_row *const *rows,
                       int64_t count, int64_t *lines) {
  char digits[DIGITS];
  for (int64_t i = 0; i < count; i++) {
    if (rows[i] && rows[i]->index >= 0) {
      snprintf(digits, sizeof digits, "%lld", (long long)rows[i]->index);
      const int64_t by_id = line_of(&wanted->ids, rows[i]->id);
      lines[i] = by_id ? by_id : line_of(&wanted->indices, digits);
    }
  }
}

enum diva_status diva_check_lines_find(const char *path, const struct diva_check_row *const *rows,
                                       int64_t count, int64_t *lines, struct diva_error *error) {
  struct wanted wanted = {0};
  enum diva_status status = DIVA_OK;
  memset(lines, 0, (size_t)count * sizeof *lines);
  if (!path) {
    return DIVA_OK;
  }
  if (!add_rows(&wanted, rows, count)) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for its lines", path);
  } else {
    status = read_manifest(&wanted, path, error);
  }
  if (!status) {
    give_lines(&wanted, rows, count, lines);
  }
  diva_name_set_free(&wanted.ids.names);
  diva_name_set_free(&wanted.indices.names);
  free(wanted.ids.lines);
  free(wanted.indices.lines);
  return status;
}
