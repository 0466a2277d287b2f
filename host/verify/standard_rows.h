/**
 * @file standard_rows.h
 * Rows of a dataset in memory as the learner wants them: float32, standardised by column.
 */
#ifndef DIVA_STANDARD_ROWS_H
#define DIVA_STANDARD_ROWS_H

#include <diva/dataset.h>
#include <diva/progress.h>

/** Rows held, and the scale they were brought to. */
struct diva_standard_rows {
  int64_t count;
  int64_t columns;
  float *values;      /**< count x columns; owned */
  double *shift;      /**< columns: taken away before rounding to float32; owned */
  double *mean;       /**< columns: of what is left, over the rows that set the scale; owned */
  double *multiplier; /**< columns: 1 / standard deviation, 0 for a constant column; owned */
};

/** Rows of a tile when a dataset of these columns is read for standardising. */
int64_t diva_standard_tile_rows(const struct diva_dataset_info *info);

/**
 * Reads the rows of `index` (ascending) in one pass and standardises them by the mean and deviation
 * of those that `sets_scale` marks. Free with diva_standard_rows_free(), whatever came of this.
 * @param index       count dataset rows
 * @param sets_scale  count; not 0 for at least one
 * @return DIVA_ERROR_INPUT naming the row of a NaN or infinity; the errors of reading
 */
enum diva_status diva_standard_rows_load(struct diva_dataset *dataset, const int64_t *index,
                                         const uint8_t *sets_scale, int64_t count,
                                         const struct diva_progress *progress,
                                         struct diva_standard_rows *out, struct diva_error *error);

/** Brings rows of any dataset of these columns to the same scale. */
enum diva_status diva_standard_rows_convert(const struct diva_standard_rows *scale,
                                            enum diva_dtype type, const void *stored,
                                            int64_t first_row, int64_t count, float *out,
                                            struct diva_error *error);

/** Frees; safe on an empty struct. */
void diva_standard_rows_free(struct diva_standard_rows *rows);

#endif
