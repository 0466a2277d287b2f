/**
 * @file content.h
 * What one reading of the features tells of rows and columns: hashes, moments, values that are
 * none. Internal.
 */
#ifndef DIVA_CHECK_CONTENT_H
#define DIVA_CHECK_CONTENT_H

#include <diva/dataset.h>

/** Moments are of the finite values of a column. Arrays owned; `rows` and `columns` of them. */
struct diva_content {
  int64_t rows, columns;
  uint64_t *row_hash;    /**< rows: equal for rows of equal values, whatever they are stored as */
  uint64_t *stored_hash; /**< rows: of the bytes, as a saved state has it */
  uint64_t *column_hash; /**< columns: likewise */
  double *first;         /**< columns: value of the first row */
  uint8_t *constant;     /**< columns: every value is that of the first row */
  double *mean;          /**< columns */
  double *square;        /**< columns: mean of squares about the mean */
  int64_t *fault_row;    /**< columns: first row with NaN or infinity, -1: none */
  int64_t *fault_count;  /**< columns: how many there are */
  int32_t *fault_column; /**< rows: first column with NaN or infinity, -1: none */
  int64_t faulty_rows;
};

/**
 * Reads all features once.
 * @param threads  0: one a core; the result does not depend on it
 * Cost: one pass, about ten operations a value; 20 bytes a row.
 */
enum diva_status diva_content_read(struct diva_dataset *dataset, int threads,
                                   const struct diva_progress *progress, const char *phase,
                                   struct diva_content *out, struct diva_error *error);

/** Frees; a zeroed content is fine. */
void diva_content_free(struct diva_content *content);

#endif
