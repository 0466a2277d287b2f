/* Rows given another class. */
#define _POSIX_C_SOURCE 200809L
#include "relabel.h"

#include <diva/row_table.h>
#include <diva/suggest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID, LABEL, ACTION, SUGGESTED, COLUMNS };

static int64_t class_count(const struct diva_dataset *dataset) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  return info.outputs;
}

int32_t cli_class_find(const struct diva_dataset *dataset, const char *text) {
  enum { MOST_DIGITS = 9 };
  const int64_t classes = class_count(dataset);
  for (int64_t c = 0; c < classes; c++) {
    const char *name = diva_dataset_class_name(dataset, c);
    if (name && strcmp(name, text) == 0) {
      return (int32_t)c;
    }
  }
  const size_t length = strlen(text);
  if (!length || length > MOST_DIGITS || text[strspn(text, "0123456789")]) {
    return -1;
  }
  const long number = strtol(text, NULL, 10);
  return number < classes ? (int32_t)number : -1;
}

const char *cli_class_hint(const struct diva_dataset *dataset, const char *text,
                           char out[CLI_HINT_SIZE]) {
  const int64_t classes = class_count(dataset);
  const char *first = diva_dataset_class_name(dataset, 0);
  const char *near = NULL;
  for (int64_t c = 0; first && c < classes; c++) {
    const char *name = diva_dataset_class_name(dataset, c);
    const char *const pair[] = {near ? near : name, name, NULL};
    near = diva_suggest(text, pair);
  }
  if (near) {
    snprintf(out, CLI_HINT_SIZE, " (did you mean '%.100s'?)", near);
  } else if (first) {
    snprintf(out, CLI_HINT_SIZE, "; the %lld classes are '%.40s' to '%.40s', 0 to %lld",
             (long long)classes, first, diva_dataset_class_name(dataset, classes - 1),
             (long long)classes - 1);
  } else {
    snprintf(out, CLI_HINT_SIZE, "; the classes are 0 to %lld", (long long)classes - 1);
  }
  return out;
}

/* `blame` is the status of a row or class that there is not. */
static enum diva_status ask(const struct cli_relabelling *relabelling, const char *id,
                            const char *class_text, enum diva_status blame,
                            struct diva_error *error) {
  char hint[CLI_HINT_SIZE];
  const int64_t row = cli_row_ids_find(relabelling->ids, id);
  if (row < 0) {
    return diva_error_set(error, blame, "no row has the id '%s'%s", id,
                          cli_row_ids_hint(relabelling->ids, id, hint));
  }
  const int32_t label = cli_class_find(relabelling->dataset, class_text);
  if (label < 0) {
    return diva_error_set(error, blame, "there is no class '%s'%s", class_text,
                          cli_class_hint(relabelling->dataset, class_text, hint));
  }
  int32_t *asked = &relabelling->asked[row];
  if (*asked >= 0 && *asked != label) {
    return diva_error_set(error, blame, "row '%s' is given two classes, %d and %d", id, *asked,
                          label);
  }
  *asked = label;
  return DIVA_OK;
}

/* The '=' between id and class, either of which may hold one: the last with a class behind it, else
 * the last. NULL: none. */
static const char *find_separator(const struct diva_dataset *dataset, const char *text) {
  const char *last = strrchr(text, '=');
  for (const char *at = last; at && at > text; at--) {
    if (*at == '=' && cli_class_find(dataset, at + 1) >= 0) {
      return at;
    }
  }
  return last == text ? NULL : last;
}

enum diva_status cli_relabel(const struct cli_relabelling *relabelling, const char *text,
                             struct diva_error *error) {
  if (*text == '@') {
    return cli_relabel_file(relabelling, text + 1, error);
  }
  const char *separator = find_separator(relabelling->dataset, text);
  char *id = separator ? strdup(text) : NULL;
  if (!separator) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "must be ID=CLASS, or @FILE");
  }
  if (!id) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for an id");
  }
  id[separator - text] = '\0';
  const enum diva_status status = ask(relabelling, id, separator + 1, DIVA_ERROR_USAGE, error);
  free(id);
  return status;
}

/* One record of the file; which column says the class depends on what kind of table it is. */
static enum diva_status take_record(const struct cli_relabelling *relabelling,
                                    const struct diva_row_table *table, int64_t row, bool cleaned,
                                    struct diva_error *error) {
  const char *id = diva_row_table_cell(table, row, ID);
  const char *action = diva_row_table_cell(table, row, ACTION);
  const char *label = diva_row_table_cell(table, row, cleaned ? SUGGESTED : LABEL);
  if (cleaned && (!action || strcmp(action, "relabel") != 0)) {
    return DIVA_OK;
  }
  if (!id || !label) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no %s", id ? "class" : "id");
  }
  return ask(relabelling, id, label, DIVA_ERROR_INPUT, error);
}

enum diva_status cli_relabel_file(const struct cli_relabelling *relabelling, const char *path,
                                  struct diva_error *error) {
  static const char *const columns[COLUMNS] = {"id", "label", "action", "suggested_label"};
  struct diva_row_table *table = NULL;
  enum diva_status status = diva_row_table_read(path, columns, COLUMNS, &table, error);
  if (status) {
    return status;
  }
  const bool cleaned = diva_row_table_has(table, ACTION) && diva_row_table_has(table, SUGGESTED);
  if (!diva_row_table_has(table, ID) || !(cleaned || diva_row_table_has(table, LABEL))) {
    status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: there must be columns id and label", path);
  }
  for (int64_t i = 0; i < diva_row_table_rows(table) && !status; i++) {
    status = take_record(relabelling, table, i, cleaned, error);
    if (status) {
      diva_error_prefix(error, "%s: line %lld: ", path, (long long)diva_row_table_line(table, i));
    }
  }
  diva_row_table_destroy(table);
  return status;
}
