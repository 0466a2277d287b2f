/**
 * @file accumulate.h
 * Terms of the sums, put together on a device. Internal.
 */
#ifndef DIVA_STATE_ACCUMULATE_H
#define DIVA_STATE_ACCUMULATE_H

#include "host/engine/engine.h"
#include "sums.h"

/** An opened device and what lies on it. */
struct diva_accumulator {
  struct diva_engine engine; /**< device and buffers only */
  struct diva_analysis_options options;
  int64_t columns, outputs;
  int64_t tile_rows; /**< the most rows that one call may add */
  int64_t taken;     /**< rows added so far */
  bool unit_rows;
  bool same_centre; /**< rows as prepared for the products serve the moments too */
  struct diva_matrix raw, z, wide_y, y, gram, cross, moments;
  struct diva_vector weight, share, centre, row_centre;
  struct diva_buffer *fault;
  double *host_moments; /**< 2 x columns of all tiles, then of one (owned) */
};

/** What rows contribute. */
struct diva_contribution {
  int64_t rows;
  const void *features; /**< as stored, contiguous */
  const double *weight; /**< rows: of either sign, in the Gram sums; NULL: all 1 */
  const double *y;      /**< rows x outputs: the term in the cross sums, weighted already */
  const double *share;  /**< rows: 1 for a row that comes, -1 for one that leaves, 0; NULL: all 1 */
};

/**
 * Opens the backend of the options for rows like those of a dataset, no more than `most_rows` of
 * them at a time. Close it whatever came of it.
 */
enum diva_status diva_accumulator_open(struct diva_accumulator *accumulator,
                                       const struct diva_analysis_options *options,
                                       const struct diva_dataset_info *info, int64_t most_rows,
                                       struct diva_error *error);

/** Zeroes the terms; from now on they are about these means. */
enum diva_status diva_accumulator_start(struct diva_accumulator *accumulator, const double *mean,
                                        const double *row_mean, struct diva_error *error);

/** Plain means of a few rows as stored: near enough to the means of all for nothing to cancel.
 * Before diva_accumulator_start(). */
enum diva_status diva_accumulator_guess(struct diva_accumulator *accumulator, const void *features,
                                        int64_t rows, double *mean, double *row_mean,
                                        struct diva_error *error);

enum diva_status diva_accumulator_add(struct diva_accumulator *accumulator,
                                      const struct diva_contribution *contribution,
                                      struct diva_error *error);

/** Place of the first NaN or infinity: the how manieth row added and its column; -1 for none. */
enum diva_status diva_accumulator_fault(struct diva_accumulator *accumulator, int64_t *row,
                                        int64_t *column, struct diva_error *error);

/** Puts the terms into sums that hold the means they are about. See diva_sums_add_terms(). */
enum diva_status diva_accumulator_finish(struct diva_accumulator *accumulator, double weight,
                                         int64_t rows, struct diva_sums *sums,
                                         struct diva_error *error);

/** Frees; a zeroed one is fine. */
void diva_accumulator_close(struct diva_accumulator *accumulator);

#endif
