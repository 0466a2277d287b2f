/**
 * @file npy.h
 * The header of a .npy file: what numpy calls the dtype, the order and the shape of an array.
 */
#ifndef DIVA_OUTPUT_NPY_H
#define DIVA_OUTPUT_NPY_H

#include <diva/error.h>

#include "host/output/text.h"

enum { DIVA_NPY_MAX_RANK = 32 };

/** Element type and shape of an array. */
struct diva_npy {
  char kind;         /**< 'f' float, 'i' int, 'u' unsigned, 'b' bool, 'U' UCS-4 text, 'S' bytes */
  int64_t item_size; /**< bytes of an element; f: 2, 4, 8; i, u: 1, 2, 4, 8; U: 4 a character */
  bool big_endian;
  bool fortran; /**< the first index runs fastest; never where the order makes no difference */
  int rank;
  int64_t shape[DIVA_NPY_MAX_RANK];
  int64_t elements; /**< product of the shape */
  int64_t bytes;    /**< elements * item_size */
};

/** Elements of one row: the product of the shape past the first dimension. */
int64_t diva_npy_row_elements(const struct diva_npy *npy);

/** Length of the first dimension; 1 for a scalar. */
int64_t diva_npy_rows(const struct diva_npy *npy);

/** "float32", "int64", "text of 7 characters" ... for messages. */
const char *diva_npy_type_name(const struct diva_npy *npy, char scratch[64]);

/** Whether this machine keeps the most significant byte first. */
bool diva_machine_big_endian(void);

/**
 * Appends a version 1.0 header (magic, length, dictionary, padding to 64 bytes) to `out`. Uses
 * kind, item_size, big_endian, rank and shape; C order.
 */
void diva_npy_header_append(const struct diva_npy *npy, struct diva_text *out);

/** Bytes before the dictionary: magic, version and the longest form of the length. */
enum { DIVA_NPY_PREFIX = 8, DIVA_NPY_LENGTH_V1 = 2, DIVA_NPY_LENGTH_V2 = 4 };

/**
 * Parses the dictionary of a header.
 * @param text    `length` bytes, not terminated, not trusted
 * @param source  whose header it is, for messages
 * @return DIVA_ERROR_INPUT for a dictionary that is none, a type that is not read here, a shape
 *         that is negative, of too many dimensions or overflows
 */
enum diva_status diva_npy_header_parse(const char *text, int64_t length, const char *source,
                                       struct diva_npy *out, struct diva_error *error);

#endif
