/**
 * @file selection.h
 * Rows picked out of a dataset: by id, from a file, by index, by group, by class.
 */
#ifndef DIVA_CLI_SELECTION_H
#define DIVA_CLI_SELECTION_H

#include "cli.h"
#include "row_ids.h"

struct cli_selection {
  const struct cli_request *request;
  const struct diva_dataset *dataset;
  const struct cli_row_ids *ids;
  const int32_t *labels;        /**< by which a class is picked; NULL for targets */
  uint8_t *marks;               /**< one a row: 1 where picked */
  struct diva_dataset *grouped; /**< the files opened again, with groups; owned. NULL: not yet */
  const char *group;            /**< the name they were opened with, `group_length` of it */
  size_t group_length;
};

/** Marks what `text` picks, and nothing else. @return DIVA_ERROR_USAGE saying what there is, or the
 * errors of a file */
typedef enum diva_status (*cli_selector)(struct cli_selection *selection, const char *text,
                                         struct diva_error *error);

/** "ID"; or "@FILE": a text file with one id a line, or a .csv or .jsonl with columns id and keep,
 * of which the rows with keep false. */
enum diva_status cli_select_ids(struct cli_selection *selection, const char *text,
                                struct diva_error *error);

/** "I" or "I-J", from 0, both ends in. */
enum diva_status cli_select_index(struct cli_selection *selection, const char *text,
                                  struct diva_error *error);

/** "NAME=VALUE" of /groups/NAME. */
enum diva_status cli_select_group(struct cli_selection *selection, const char *text,
                                  struct diva_error *error);

/** "CLASS", a name or a number. */
enum diva_status cli_select_class(struct cli_selection *selection, const char *text,
                                  struct diva_error *error);

/** Closes what was opened. */
void cli_selection_close(struct cli_selection *selection);

#endif
