/**
 * @file trusted.h
 * The rows whose labels a person vouches for: a text file with one id a line.
 */
#ifndef DIVA_CLI_TRUSTED_H
#define DIVA_CLI_TRUSTED_H

#include <diva/dataset.h>

/**
 * Marks the rows that the file names. Empty lines are passed over, a carriage return at the end of
 * a line is no part of the id.
 * @param out  one mark a row of the dataset, to be freed by the caller
 * @return DIVA_ERROR_INPUT naming the file and the first line whose id no row has, or where there
 *         is no id in it
 */
enum diva_status cli_trusted_read(const char *path, const struct diva_dataset *dataset,
                                  uint8_t **out, struct diva_error *error);

#endif
