/* Rows picked out of a dataset. */
#define _POSIX_C_SOURCE 200809L
#include "selection.h"
#include "group_name.h"
#include "id_list.h"
#include "relabel.h"

#include <diva/row_table.h>

#include <stdlib.h>
#include <string.h>

enum { ID, KEEP, COLUMNS };

static void clear(struct cli_selection *selection) {
  memset(selection->marks, 0, (size_t)selection->ids->rows);
}

static enum diva_status take_record(struct cli_selection *selection,
                                    const struct diva_row_table *table, int64_t row,
                                    struct diva_error *error) {
  const char *id = diva_row_table_cell(table, row, ID);
  const char *keep = diva_row_table_cell(table, row, KEEP);
  if (!id || !keep || (strcmp(keep, "true") != 0 && strcmp(keep, "false") != 0)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s",
                          id ? "keep must be true or false" : "no id");
  }
  const int64_t at = cli_row_ids_find(selection->ids, id);
  if (at < 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no row has the id '%s'", id);
  }
  selection->marks[at] = strcmp(keep, "false") == 0;
  return DIVA_OK;
}

static enum diva_status select_table(struct cli_selection *selection, const char *path,
                                     struct diva_error *error) {
  static const char *const columns[COLUMNS] = {"id", "keep"};
  struct diva_row_table *table = NULL;
  enum diva_status status = diva_row_table_read(path, columns, COLUMNS, &table, error);
  if (status) {
    return status;
  }
  if (!diva_row_table_has(table, ID) || !diva_row_table_has(table, KEEP)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT,
                            "%s: there must be columns id and keep; ids alone go in a text file, "
                            "one a line",
                            path);
  }
  for (int64_t i = 0; i < diva_row_table_rows(table) && !status; i++) {
    status = take_record(selection, table, i, error);
    if (status) {
      diva_error_prefix(error, "%s: line %lld: ", path, (long long)diva_row_table_line(table, i));
    }
  }
  diva_row_table_destroy(table);
  return status;
}

enum diva_status cli_select_ids(struct cli_selection *selection, const char *text,
                                struct diva_error *error) {
  char hint[CLI_HINT_SIZE];
  clear(selection);
  if (*text == '@') {
    return diva_row_table_is_path(text + 1)
               ? select_table(selection, text + 1, error)
               : cli_id_list_read(text + 1, selection->ids, selection->marks, error);
  }
  const int64_t row = cli_row_ids_find(selection->ids, text);
  if (row < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "no row has the id '%s'%s", text,
                          cli_row_ids_hint(selection->ids, text, hint));
  }
  selection->marks[row] = 1;
  return DIVA_OK;
}

/* Digits up to `end`, which is moved behind them; -1 for none, or for more than a row can have. */
static int64_t read_index(const char *text, const char **end) {
  enum { MOST_DIGITS = 18 };
  const size_t length = strspn(text, "0123456789");
  *end = text + length;
  return length && length <= MOST_DIGITS ? strtoll(text, NULL, 10) : -1;
}

enum diva_status cli_select_index(struct cli_selection *selection, const char *text,
                                  struct diva_error *error) {
  const char *end;
  const int64_t first = read_index(text, &end);
  const int64_t last = *end == '-' ? read_index(end + 1, &end) : first;
  clear(selection);
  if (first < 0 || last < first || *end) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "must be a row I or rows I-J, I at most J");
  }
  if (last >= selection->ids->rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the rows are 0 to %lld",
                          (long long)selection->ids->rows - 1);
  }
  memset(selection->marks + first, 1, (size_t)(last - first + 1));
  return DIVA_OK;
}

/* A dataset reads one column of groups when it is opened, so for another name it is opened again:
 * labels and ids, no features. */
static enum diva_status open_group(struct cli_selection *selection, const char *name, size_t length,
                                   struct diva_error *error) {
  const struct cli_request *request = selection->request;
  if (selection->grouped && length == selection->group_length &&
      strncmp(selection->group, name, length) == 0) {
    return DIVA_OK;
  }
  cli_selection_close(selection);
  struct diva_dataset_options options = request->settings->dataset;
  char *copy = strndup(name, length);
  if (!copy) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the name of a group");
  }
  options.group = copy;
  const enum diva_status status =
      diva_dataset_open((const char *const *)request->files, request->file_count, &options,
                        &selection->grouped, error);
  selection->group = name;
  selection->group_length = length;
  free(copy);
  return status;
}

enum diva_status cli_select_group(struct cli_selection *selection, const char *text,
                                  struct diva_error *error) {
  const char *separator = strchr(text, '=');
  clear(selection);
  if (!separator || separator == text) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "must be NAME=VALUE, a value of /groups/NAME");
  }
  const char *value = separator + 1;
  const enum diva_status status = open_group(selection, text, (size_t)(separator - text), error);
  if (status) {
    return status;
  }
  const int32_t *codes = diva_dataset_groups(selection->grouped);
  const int64_t code = cli_group_find(selection->grouped, value);
  if (code < 0) {
    char hint[CLI_HINT_SIZE];
    return diva_error_set(error, DIVA_ERROR_USAGE, "no row has the value '%s'%s", value,
                          cli_group_hint(selection->grouped, value, hint));
  }
  for (int64_t i = 0; i < selection->ids->rows; i++) {
    selection->marks[i] = codes[i] == code;
  }
  return DIVA_OK;
}

enum diva_status cli_select_class(struct cli_selection *selection, const char *text,
                                  struct diva_error *error) {
  char hint[CLI_HINT_SIZE];
  const int32_t label = cli_class_find(selection->dataset, text);
  if (label < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "there is no class '%s'%s", text,
                          cli_class_hint(selection->dataset, text, hint));
  }
  for (int64_t i = 0; i < selection->ids->rows; i++) {
    selection->marks[i] = selection->labels[i] == label;
  }
  return DIVA_OK;
}

void cli_selection_close(struct cli_selection *selection) {
  diva_dataset_close(selection->grouped);
  selection->grouped = NULL;
}
