/**
 * @file row_table.h
 * Columns read back from a table of rows: CSV with a header, or JSONL; a manifest, say.
 */
#ifndef DIVA_ROW_TABLE_H
#define DIVA_ROW_TABLE_H

#include <diva/error.h>

DIVA_BEGIN_DECLARATIONS

struct diva_row_table;

/** Whether a path ends like a table: .csv, .jsonl or .ndjson, in capitals or not. */
DIVA_API bool diva_row_table_is_path(const char *path);

/**
 * Reads the named columns of every record as text. JSON integers become digits, true and false
 * these words, null nothing; a CSV field is what it is, an empty one nothing.
 * @param columns  column_count names
 * @param out      owned by the caller: diva_row_table_destroy()
 * @return DIVA_ERROR_INPUT with file and line for what is malformed, or for a value of a named
 *         column that is an array or an object; DIVA_ERROR_USAGE for another extension;
 *         DIVA_ERROR_RESOURCE
 * Memory: the text of the named columns.
 */
DIVA_API enum diva_status diva_row_table_read(const char *path, const char *const *columns,
                                              int column_count, struct diva_row_table **out,
                                              struct diva_error *error);

DIVA_API int64_t diva_row_table_rows(const struct diva_row_table *table);

/** Whether the CSV header, or some JSONL record, has the column. */
DIVA_API bool diva_row_table_has(const struct diva_row_table *table, int column);

/** The text of a cell, borrowed; NULL where it is absent or null. */
DIVA_API const char *diva_row_table_cell(const struct diva_row_table *table, int64_t row,
                                         int column);

/** The line of the file that a record starts on, from 1. */
DIVA_API int64_t diva_row_table_line(const struct diva_row_table *table, int64_t row);

/** Frees; NULL is fine. */
DIVA_API void diva_row_table_destroy(struct diva_row_table *table);

DIVA_END_DECLARATIONS

#endif
