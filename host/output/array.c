/** A .npy array read as a stream, a block of rows at a time. */
#define _POSIX_C_SOURCE 200809L
#include "array.h"

#include "host/core/core.h"
#include "host/dataset/sizes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t read_file(void *context, void *out, int64_t bytes) {
  FILE *const file = context;
  const size_t got = fread(out, 1, (size_t)bytes, file);
  return ferror(file) ? -1 : (int64_t)got;
}

struct diva_byte_stream diva_file_stream(FILE *file) {
  return (struct diva_byte_stream){.read = read_file, .context = file};
}

static enum diva_status read_exactly(const struct diva_array *array, void *out, int64_t bytes,
                                     const char *what, struct diva_error *error) {
  const int64_t got = array->stream.read(array->stream.context, out, bytes);
  if (got < 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s cannot be read: damaged data",
                          array->source, what);
  }
  if (got < bytes) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: truncated in its %s (%lld of %lld bytes)",
                          array->source, what, (long long)got, (long long)bytes);
  }
  return DIVA_OK;
}

/* Length of the dictionary; *header_bytes counts all bytes up to its end. */
static enum diva_status read_prefix(const struct diva_array *array, int64_t *length,
                                    int64_t *header_bytes, struct diva_error *error) {
  /* numpy writes about 100 bytes; only structured types, which are refused, need many more. */
  enum { LONGEST_HEADER = 1 << 20 };
  unsigned char prefix[DIVA_NPY_PREFIX + DIVA_NPY_LENGTH_V2];
  enum diva_status status = read_exactly(array, prefix, DIVA_NPY_PREFIX, "header", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (memcmp(prefix, "\x93NUMPY", 6) != 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not a .npy array", array->source);
  }
  if (prefix[6] < 1 || prefix[6] > 3) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: .npy version %d is not read; 1, 2 and 3 are", array->source,
                          prefix[6]);
  }
  const int count = prefix[6] == 1 ? DIVA_NPY_LENGTH_V1 : DIVA_NPY_LENGTH_V2;
  status = read_exactly(array, prefix + DIVA_NPY_PREFIX, count, "header", error);
  if (status != DIVA_OK) {
    return status;
  }
  *length = 0;
  for (int i = count - 1; i >= 0; i--) {
    *length = *length << 8 | prefix[DIVA_NPY_PREFIX + i];
  }
  if (*length > LONGEST_HEADER) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: its header claims %lld bytes, limit %d",
                          array->source, (long long)*length, LONGEST_HEADER);
  }
  *header_bytes = DIVA_NPY_PREFIX + count + *length;
  return DIVA_OK;
}

static enum diva_status read_header(struct diva_array *array, int64_t *header_bytes,
                                    struct diva_error *error) {
  int64_t length = 0;
  enum diva_status status = read_prefix(array, &length, header_bytes, error);
  if (status != DIVA_OK) {
    return status;
  }
  void *text;
  status = diva_allocate(length, 1, "a .npy header", &text, error);
  if (status == DIVA_OK) {
    status = read_exactly(array, text, length, "header", error);
  }
  if (status == DIVA_OK) {
    status = diva_npy_header_parse(text, length, array->source, &array->npy, error);
  }
  free(text);
  return status;
}

static enum diva_status spool_error(const struct diva_array *array, struct diva_error *error) {
  return diva_error_set(
      error, DIVA_ERROR_RESOURCE,
      "%s: is in Fortran order and does not fit the temporary folder (%lld bytes)", array->source,
      (long long)array->npy.bytes);
}

/* Columns of a compressed member can only be sought in a copy. */
static enum diva_status spool_columns(struct diva_array *array, struct diva_error *error) {
  enum { PIECE = 1 << 20 };
  void *piece = NULL;
  enum diva_status status = diva_allocate(PIECE, 1, "a block to copy", &piece, error);
  array->columns = status == DIVA_OK ? tmpfile() : NULL;
  array->owns_columns = array->columns != NULL;
  array->columns_start = 0;
  if (status == DIVA_OK && !array->columns) {
    status = spool_error(array, error);
  }
  for (int64_t done = 0; done < array->npy.bytes && status == DIVA_OK; done += PIECE) {
    const int64_t left = array->npy.bytes - done;
    const int64_t here = left < PIECE ? left : PIECE;
    status = read_exactly(array, piece, here, "data", error);
    if (status == DIVA_OK && fwrite(piece, 1, (size_t)here, array->columns) != (size_t)here) {
      status = spool_error(array, error);
    }
  }
  if (status == DIVA_OK && fflush(array->columns) != 0) {
    status = spool_error(array, error);
  }
  free(piece);
  return status;
}

enum diva_status diva_array_open(const struct diva_byte_stream *stream, int64_t size,
                                 FILE *seekable, const char *source, struct diva_array *out,
                                 struct diva_error *error) {
  *out = (struct diva_array){.source = source, .stream = *stream};
  int64_t header_bytes = 0;
  enum diva_status status = read_header(out, &header_bytes, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_npy *const npy = &out->npy;
  if (size >= 0 && npy->bytes > size - header_bytes) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: truncated: its header claims %lld bytes of data, the file has %lld",
                          source, (long long)npy->bytes, (long long)(size - header_bytes));
  }
  out->row_bytes = diva_npy_row_elements(npy) * npy->item_size;
  const struct diva_memory_limit limit = diva_memory_limit_make(0);
  status = diva_memory_check(out->row_bytes, "one row", &limit, error);
  if (status != DIVA_OK) {
    diva_error_prefix(error, "%s: ", source);
    return status;
  }
  if (!npy->fortran) {
    return DIVA_OK;
  }
  if (!seekable) {
    return spool_columns(out, error);
  }
  out->columns = seekable;
  out->columns_start = header_bytes;
  return DIVA_OK;
}

int64_t diva_array_block_rows(const struct diva_array *array) {
  const int64_t block_bytes = 8 << 20;
  const int64_t rows = array->row_bytes > 0 ? block_bytes / array->row_bytes : block_bytes;
  const int64_t total = diva_npy_rows(&array->npy);
  const int64_t limited = rows < total ? rows : total;
  return limited > 0 ? limited : 1;
}

/* Where the column-major column `column` of a row lies in the row-major row. */
static int64_t position_in_row(const struct diva_npy *npy, int64_t column) {
  int64_t position = 0;
  int64_t stride = diva_npy_row_elements(npy);
  for (int i = 1; i < npy->rank; i++) {
    stride /= npy->shape[i];
    position += column % npy->shape[i] * stride;
    column /= npy->shape[i];
  }
  return position;
}

static bool read_at(FILE *file, void *out, int64_t bytes, int64_t offset) {
  char *at = out;
  while (bytes > 0) {
    const ssize_t got = pread(fileno(file), at, (size_t)bytes, (off_t)offset);
    if (got <= 0) {
      return false;
    }
    at += got;
    offset += got;
    bytes -= got;
  }
  return true;
}

static enum diva_status read_columns(struct diva_array *array, int64_t count, char *out,
                                     struct diva_error *error) {
  const struct diva_npy *const npy = &array->npy;
  const int64_t rows = diva_npy_rows(npy);
  const int64_t width = diva_npy_row_elements(npy);
  const size_t size = (size_t)npy->item_size;
  void *column = NULL;
  enum diva_status status =
      diva_allocate(count, npy->item_size, "a column of an array", &column, error);
  for (int64_t j = 0; j < width && status == DIVA_OK; j++) {
    const int64_t offset = array->columns_start + (j * rows + array->rows_read) * npy->item_size;
    if (!read_at(array->columns, column, count * npy->item_size, offset)) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: column %lld cannot be read",
                              array->source, (long long)j);
      break;
    }
    char *target = out + position_in_row(npy, j) * npy->item_size;
    for (int64_t i = 0; i < count; i++) {
      memcpy(target + i * array->row_bytes, (const char *)column + (size_t)i * size, size);
    }
  }
  free(column);
  return status;
}

enum diva_status diva_array_read(struct diva_array *array, int64_t count, void *out,
                                 struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (array->columns) {
    status = read_columns(array, count, out, error);
  } else {
    status = read_exactly(array, out, count * array->row_bytes, "data", error);
  }
  array->rows_read += count;
  return status;
}

/* U+FFFD for what is no character, so that the text is UTF-8 whatever the array holds. */
static void append_character(struct diva_text *out, uint32_t character) {
  if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) {
    character = 0xfffd;
  }
  char bytes[4];
  int64_t length = 0;
  if (character < 0x80) {
    bytes[length++] = (char)character;
  } else if (character < 0x800) {
    bytes[length++] = (char)(0xc0 | character >> 6);
    bytes[length++] = (char)(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    bytes[length++] = (char)(0xe0 | character >> 12);
    bytes[length++] = (char)(0x80 | (character >> 6 & 0x3f));
    bytes[length++] = (char)(0x80 | (character & 0x3f));
  } else {
    bytes[length++] = (char)(0xf0 | character >> 18);
    bytes[length++] = (char)(0x80 | (character >> 12 & 0x3f));
    bytes[length++] = (char)(0x80 | (character >> 6 & 0x3f));
    bytes[length++] = (char)(0x80 | (character & 0x3f));
  }
  diva_text_append(out, bytes, length);
}

void diva_array_text(const struct diva_array *array, const void *element, struct diva_text *out) {
  const unsigned char *const bytes = element;
  if (array->npy.kind == 'S') {
    diva_text_append(out, element, (int64_t)strnlen(element, (size_t)array->npy.item_size));
  } else {
    for (int64_t i = 0; i + 3 < array->npy.item_size; i += 4) {
      const unsigned char *const b = bytes + i;
      const uint32_t character =
          array->npy.big_endian
              ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
              : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
      if (character == 0) {
        break;
      }
      append_character(out, character);
    }
  }
  diva_text_append(out, "", 1);
}

void diva_array_close(struct diva_array *array) {
  if (array->owns_columns) {
    fclose(array->columns);
  }
  *array = (struct diva_array){0};
}
