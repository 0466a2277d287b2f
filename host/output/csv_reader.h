/**
 * @file csv_reader.h
 * CSV as RFC 4180 has it, one record at a time: quotes, doubled quotes, line breaks within them.
 */
#ifndef DIVA_OUTPUT_CSV_READER_H
#define DIVA_OUTPUT_CSV_READER_H

#include "host/output/text.h"

#include <diva/error.h>

#include <stdio.h>

/** A file being read and its record at hand. */
struct diva_csv {
  FILE *file;
  const char *path;       /**< for messages; borrowed */
  int64_t line;           /**< of the next character, from 1 */
  int64_t record_line;    /**< where the record at hand starts */
  struct diva_text bytes; /**< its fields, each terminated */
  int64_t *starts;        /**< of each field in bytes */
  int64_t fields;
  int64_t capacity;
};

/** Opens a file. @param csv  owned by the caller: diva_csv_close() */
enum diva_status diva_csv_open(const char *path, struct diva_csv *csv, struct diva_error *error);

/**
 * Reads the next record; blank lines are passed over. Ends a line with LF or CR LF; a byte order
 * mark at the start of the file is dropped.
 * @param found  false at the end of the file
 * @return DIVA_ERROR_INPUT, naming the line, for an open quote, text after a closing one, a NUL
 * byte or a record beyond any sane size
 */
enum diva_status diva_csv_next(struct diva_csv *csv, bool *found, struct diva_error *error);

/** Field of the record at hand, valid until the next record. */
const char *diva_csv_field(const struct diva_csv *csv, int64_t field);

void diva_csv_close(struct diva_csv *csv);

#endif
