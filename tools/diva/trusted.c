/* The rows whose labels a person vouches for: a text file with one id a line. */
#define _POSIX_C_SOURCE 200809L
#include "trusted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
  char *id; /* owned */
  int64_t number;
  bool found;
};

struct lines {
  struct line *line;
  int64_t count;
  int64_t capacity;
};

static void free_lines(struct lines *lines) {
  for (int64_t i = 0; i < lines->count; i++) {
    free(lines->line[i].id);
  }
  free(lines->line);
}

/* Takes over the text. */
static bool add_line(struct lines *lines, char *id, int64_t number) {
  if (lines->count == lines->capacity) {
    const int64_t capacity = lines->capacity ? 2 * lines->capacity : 256;
    struct line *more = realloc(lines->line, (size_t)capacity * sizeof *more);
    if (!more) {
      return false;
    }
    lines->line = more;
    lines->capacity = capacity;
  }
  lines->line[lines->count++] = (struct line){.id = id, .number = number};
  return true;
}

static enum diva_status read_lines(FILE *file, struct lines *lines, struct diva_error *error) {
  char *text = NULL;
  size_t size = 0;
  int64_t number = 0;
  enum diva_status status = DIVA_OK;
  for (ssize_t length; !status && (length = getline(&text, &size, file)) >= 0;) {
    number++;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
      text[--length] = '\0';
    }
    char *id = length > 0 ? strdup(text) : NULL;
    if (length > 0 && (!id || !add_line(lines, id, number))) {
      free(id);
      status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %lld ids",
                              (long long)number);
    }
  }
  if (!status && ferror(file)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s", strerror(errno));
  }
  if (!status && !lines->count) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "no id in it; one a line is expected");
  }
  free(text);
  return status;
}

static int compare_ids(const void *a, const void *b) {
  return strcmp(((const struct line *)a)->id, ((const struct line *)b)->id);
}

/* Marks the row and every line that names it; equal lines lie side by side. */
static bool mark_lines(struct lines *lines, const char *id) {
  int64_t low = 0;
  int64_t high = lines->count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (strcmp(lines->line[middle].id, id) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const int64_t first = low;
  for (; low < lines->count && strcmp(lines->line[low].id, id) == 0; low++) {
    lines->line[low].found = true;
  }
  return low > first;
}

static enum diva_status check_found(const struct lines *lines, struct diva_error *error) {
  const struct line *first = NULL;
  for (int64_t i = 0; i < lines->count; i++) {
    if (!lines->line[i].found && (!first || lines->line[i].number < first->number)) {
      first = &lines->line[i];
    }
  }
  return first ? diva_error_set(error, DIVA_ERROR_INPUT, "line %lld: no row has the id '%s'",
                                (long long)first->number, first->id)
               : DIVA_OK;
}

static enum diva_status mark_rows(struct lines *lines, const struct diva_dataset *dataset,
                                  uint8_t **out, struct diva_error *error) {
  struct diva_dataset_info info;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  diva_dataset_describe(dataset, &info);
  *out = calloc((size_t)info.rows, 1);
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %lld rows",
                          (long long)info.rows);
  }
  if (lines->line) {
    qsort(lines->line, (size_t)lines->count, sizeof *lines->line, compare_ids);
  }
  for (int64_t i = 0; i < info.rows; i++) {
    (*out)[i] = mark_lines(lines, diva_dataset_id(dataset, i, scratch));
  }
  return check_found(lines, error);
}

enum diva_status cli_trusted_read(const char *path, const struct diva_dataset *dataset,
                                  uint8_t **out, struct diva_error *error) {
  struct lines lines = {0};
  *out = NULL;
  FILE *file = fopen(path, "re");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  enum diva_status status = read_lines(file, &lines, error);
  if (!status) {
    status = mark_rows(&lines, dataset, out, error);
  }
  if (status) {
    diva_error_prefix(error, "%s: ", path);
    free(*out);
    *out = NULL;
  }
  free_lines(&lines);
  fclose(file);
  return status;
}
