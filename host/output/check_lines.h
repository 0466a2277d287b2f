/**
 * @file check_lines.h
 * Where rows stand in a JSONL manifest. Internal.
 */
#ifndef DIVA_OUTPUT_CHECK_LINES_H
#define DIVA_OUTPUT_CHECK_LINES_H

#include <diva/check.h>

/**
 * Finds the lines of rows: by the `id` of a record, or where it has none by its `index`. The
 * manifest is read once, a line at a time; memory is that of the rows.
 * @param path   NULL: no manifest, every line is 0
 * @param rows   count of them; NULL: none, line 0
 * @param lines  count, from 1; 0: the row is not there
 * @return DIVA_ERROR_INPUT for a file that cannot be read, or a line that is no JSON object
 */
enum diva_status diva_check_lines_find(const char *path, const struct diva_check_row *const *rows,
                                       int64_t count, int64_t *lines, struct diva_error *error);

#endif
