/**
 * @file array.h
 * A .npy array read as a stream, a block of rows at a time.
 */
#ifndef DIVA_OUTPUT_ARRAY_H
#define DIVA_OUTPUT_ARRAY_H

#include "host/output/npy.h"

#include <stdio.h>

/** Where bytes come from. */
struct diva_byte_stream {
  /** Up to `bytes` bytes to `out`; fewer only at the end; -1 where reading fails. */
  int64_t (*read)(void *context, void *out, int64_t bytes);
  void *context; /**< borrowed */
};

/** An array whose rows are read from the first to the last; start from {0}. */
struct diva_array {
  struct diva_npy npy;
  const char *source; /**< for messages; borrowed */
  struct diva_byte_stream stream;
  FILE *columns;         /**< a Fortran-order array's data, to be read by columns; else NULL */
  bool owns_columns;     /**< a temporary file of ours */
  int64_t columns_start; /**< offset of the data in `columns` */
  int64_t row_bytes;
  int64_t rows_read;
};

/**
 * Reads the header and checks it against the bytes there are.
 * @param stream    at the magic number
 * @param size      bytes of the whole stream; -1: not known
 * @param seekable  the file that the stream reads; NULL: a Fortran-order array is first copied to a
 *                  temporary file
 * @param out       owned by the caller: diva_array_close()
 * @return DIVA_ERROR_INPUT for anything that is not a readable .npy array
 */
enum diva_status diva_array_open(const struct diva_byte_stream *stream, int64_t size,
                                 FILE *seekable, const char *source, struct diva_array *out,
                                 struct diva_error *error);

/** Rows that make a block of a few megabytes, at least 1. */
int64_t diva_array_block_rows(const struct diva_array *array);

/** Reads the next `count` rows in C order, elements as stored (byte order included). */
enum diva_status diva_array_read(struct diva_array *array, int64_t count, void *out,
                                 struct diva_error *error);

/** The text of one element ('U' or 'S') as UTF-8, appended with a terminator. */
void diva_array_text(const struct diva_array *array, const void *element, struct diva_text *out);

/** Frees what the array owns; the stream is its owner's. */
void diva_array_close(struct diva_array *array);

/** A stream over a stdio file. */
struct diva_byte_stream diva_file_stream(FILE *file);

#endif
