/**
 * @file copies.h
 * Rows that are equal or near-duplicates, as groups. Internal.
 */
#ifndef DIVA_CHECK_COPIES_H
#define DIVA_CHECK_COPIES_H

#include "run.h"

/**
 * Groups by diva_duplicates_find(), joined with those of rows that have the same values: these are
 * found whatever a search by distance says of them.
 * @param hashes  rows: diva_content.row_hash
 * @param codes   rows, written: 0 .. by first row, -1 for a row that is alone
 */
enum diva_status diva_check_copies(const struct diva_check_run *run, struct diva_dataset *dataset,
                                   const uint64_t *hashes, int64_t rows, int32_t *codes,
                                   struct diva_error *error);

#endif
