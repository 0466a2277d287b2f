/**
 * @file relabel.h
 * Rows given another class, by name or number, one at a time or from a file.
 */
#ifndef DIVA_CLI_RELABEL_H
#define DIVA_CLI_RELABEL_H

#include "row_ids.h"

/** Labels being changed; everything borrowed. */
struct cli_relabelling {
  const struct diva_dataset *dataset; /**< of class labels */
  const struct cli_row_ids *ids;
  int32_t *asked; /**< class asked for each row, -1: none yet */
};

/** The class of a name or, where no class is called so, of a number; -1 for none. */
int32_t cli_class_find(const struct diva_dataset *dataset, const char *text);

/** What to say after a class there is not: the one that was meant, or which there are. */
const char *cli_class_hint(const struct diva_dataset *dataset, const char *text,
                           char out[CLI_HINT_SIZE]);

/** "ID=CLASS", or "@FILE" for cli_relabel_file(). @return DIVA_ERROR_USAGE, or those of the file */
enum diva_status cli_relabel(const struct cli_relabelling *relabelling, const char *text,
                             struct diva_error *error);

/**
 * Reads a CSV or JSONL of columns id and label. Where it also has action and suggested_label, as
 * what clean writes has, the rows whose action is relabel take the suggested one, and no other row
 * changes.
 * @return DIVA_ERROR_INPUT naming file and line of an id or class that there is not
 */
enum diva_status cli_relabel_file(const struct cli_relabelling *relabelling, const char *path,
                                  struct diva_error *error);

#endif
