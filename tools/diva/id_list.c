/* Rows named by a text file with one id a line. */
#define _POSIX_C_SOURCE 200809L
#include "id_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status mark_row(const struct cli_row_ids *ids, const char *id, int64_t line,
                                 uint8_t *marks, struct diva_error *error) {
  const int64_t row = cli_row_ids_find(ids, id);
  if (row < 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "line %lld: no row has the id '%s'",
                          (long long)line, id);
  }
  marks[row] = 1;
  return DIVA_OK;
}

static enum diva_status read_lines(FILE *file, const struct cli_row_ids *ids, uint8_t *marks,
                                   struct diva_error *error) {
  char *text = NULL;
  size_t size = 0;
  int64_t number = 0;
  bool any = false;
  enum diva_status status = DIVA_OK;
  for (ssize_t length; !status && (length = getline(&text, &size, file)) >= 0;) {
    number++;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
      text[--length] = '\0';
    }
    any = any || length > 0;
    status = length > 0 ? mark_row(ids, text, number, marks, error) : DIVA_OK;
  }
  if (!status && ferror(file)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s", strerror(errno));
  }
  if (!status && !any) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "no id in it; one a line is expected");
  }
  free(text);
  return status;
}

enum diva_status cli_id_list_read(const char *path, const struct cli_row_ids *ids, uint8_t *marks,
                                  struct diva_error *error) {
  FILE *file = fopen(path, "re");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  const enum diva_status status = read_lines(file, ids, marks, error);
  if (status) {
    diva_error_prefix(error, "%s: ", path);
  }
  fclose(file);
  return status;
}
