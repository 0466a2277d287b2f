/**
 * @file group_codes.h
 * Codes in place of the texts that say which rows belong together.
 */
#ifndef DIVA_GROUP_CODES_H
#define DIVA_GROUP_CODES_H

#include "host/dataset/string_table.h"

/**
 * Codes 0 .. in the order of first rows, -1 for an empty text.
 * @param names  the text of each row; becomes the text of each code
 * @param codes  one a row, owned by the caller: free()
 */
enum diva_status diva_group_codes_make(struct diva_string_table *names, int32_t **codes,
                                       struct diva_error *error);

#endif
