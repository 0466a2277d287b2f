/** CSV as RFC 4180 has it, one record at a time: quotes, doubled quotes, line breaks within them.
 */
#define _POSIX_C_SOURCE 200809L
#include "csv_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A quote left open would otherwise read a whole file of any size into memory. */
enum { LONGEST_RECORD = 1 << 28 };

enum diva_status diva_csv_open(const char *path, struct diva_csv *csv, struct diva_error *error) {
  struct stat found;
  *csv = (struct diva_csv){.path = path, .line = 1};
  if (stat(path, &found) != 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  if (!S_ISREG(found.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not a regular file", path);
  }
  csv->file = fopen(path, "rb");
  if (!csv->file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  static const char mark[] = "\xef\xbb\xbf";
  char start[3];
  if (fread(start, 1, 3, csv->file) != 3 || memcmp(start, mark, 3) != 0) {
    rewind(csv->file);
  }
  return DIVA_OK;
}

void diva_csv_close(struct diva_csv *csv) {
  if (csv->file) {
    fclose(csv->file);
  }
  diva_text_free(&csv->bytes);
  free(csv->starts);
  *csv = (struct diva_csv){0};
}

const char *diva_csv_field(const struct diva_csv *csv, int64_t field) {
  return csv->bytes.data + csv->starts[field];
}

static enum diva_status malformed(const struct diva_csv *csv, const char *what,
                                  struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: line %lld: %s", csv->path,
                        (long long)csv->record_line, what);
}

static bool begin_field(struct diva_csv *csv) {
  if (csv->fields == csv->capacity) {
    const int64_t capacity = csv->capacity == 0 ? 64 : 2 * csv->capacity;
    int64_t *const starts = realloc(csv->starts, (size_t)capacity * sizeof *starts);
    if (!starts) {
      return false;
    }
    csv->starts = starts;
    csv->capacity = capacity;
  }
  csv->starts[csv->fields++] = csv->bytes.length;
  return true;
}

static void append_character(struct diva_csv *csv, int c) {
  const char byte = (char)c;
  struct diva_text *const bytes = &csv->bytes;
  if (bytes->length < bytes->capacity) {
    bytes->data[bytes->length++] = byte;
  } else {
    diva_text_append(bytes, &byte, 1);
  }
}

static int next_byte(struct diva_csv *csv) {
  const int c = getc_unlocked(csv->file);
  csv->line += c == '\n';
  return c;
}

/* The next character outside quotes, with CR LF as one LF. */
static int next_character(struct diva_csv *csv) {
  const int c = next_byte(csv);
  if (c != '\r') {
    return c;
  }
  const int after = getc_unlocked(csv->file);
  if (after == '\n') {
    csv->line++;
    return after;
  }
  if (after != EOF) {
    ungetc(after, csv->file);
  }
  return c;
}

/* A field from its first character on; *end is the separator after it. */
static enum diva_status read_plain(struct diva_csv *csv, int c, int *end,
                                   struct diva_error *error) {
  for (; c != ',' && c != '\n' && c != EOF; c = next_character(csv)) {
    if (c == '\0') {
      return malformed(csv, "holds a NUL byte; is it text?", error);
    }
    append_character(csv, c);
    if (csv->bytes.length > LONGEST_RECORD) {
      return malformed(csv, "a record of more than 256 MiB", error);
    }
  }
  *end = c;
  return DIVA_OK;
}

static enum diva_status read_quoted(struct diva_csv *csv, int *end, struct diva_error *error) {
  for (;;) {
    int c = next_byte(csv);
    if (c == '"') {
      c = next_character(csv);
      if (c == ',' || c == '\n' || c == EOF) {
        *end = c;
        return DIVA_OK;
      }
      if (c != '"') {
        return malformed(csv, "text after a closing quote", error);
      }
    }
    if (c == EOF) {
      return malformed(csv, "a quote that opens here is never closed", error);
    }
    if (c == '\0') {
      return malformed(csv, "holds a NUL byte; is it text?", error);
    }
    append_character(csv, c);
    if (csv->bytes.length > LONGEST_RECORD) {
      return malformed(csv, "a quote that is not closed for 256 MiB", error);
    }
  }
}

enum diva_status diva_csv_next(struct diva_csv *csv, bool *found, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  int c = '\n';
  csv->fields = 0;
  csv->bytes.length = 0;
  while (c == '\n') {
    csv->record_line = csv->line;
    c = next_character(csv);
  }
  *found = c != EOF;
  if (!*found) {
    return ferror(csv->file) ? malformed(csv, "cannot be read", error) : DIVA_OK;
  }
  int end = ',';
  while (end == ',' && status == DIVA_OK) {
    if (!begin_field(csv)) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for a record",
                            csv->path);
    }
    status = c == '"' ? read_quoted(csv, &end, error) : read_plain(csv, c, &end, error);
    append_character(csv, '\0');
    if (status == DIVA_OK && end == ',') {
      c = next_character(csv);
    }
  }
  if (status == DIVA_OK && csv->bytes.failed) {
    status =
        diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for a record", csv->path);
  }
  return status;
}
