/**
 * @file id_list.h
 * Rows named by a text file with one id a line.
 */
#ifndef DIVA_CLI_ID_LIST_H
#define DIVA_CLI_ID_LIST_H

#include "row_ids.h"

/**
 * Marks the rows that the file names. Empty lines are passed over, a carriage return at the end of
 * a line is no part of the id.
 * @param marks  one a row; set to 1 where named, else left
 * @return DIVA_ERROR_INPUT naming the file and the first line whose id no row has, or where there
 *         is no id in it
 */
enum diva_status cli_id_list_read(const char *path, const struct cli_row_ids *ids, uint8_t *marks,
                                  struct diva_error *error);

#endif
