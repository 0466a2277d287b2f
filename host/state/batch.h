/**
 * @file batch.h
 * Scattered rows gathered into tiles for the device. Internal.
 */
#ifndef DIVA_STATE_BATCH_H
#define DIVA_STATE_BATCH_H

#include "accumulate.h"

/** Rows waiting; borrows the accumulator. */
struct diva_batch {
  struct diva_accumulator *accumulator;
  int64_t row_bytes;
  int64_t outputs;
  int64_t capacity, count;
  char *features; /**< all five owned */
  double *weight, *y, *share;
  int64_t *origin;
  const struct diva_dataset *dataset; /**< the new version, for faults */
};

/** Room for a tile. */
enum diva_status diva_batch_open(struct diva_batch *batch, struct diva_accumulator *accumulator,
                                 const struct diva_dataset *dataset, struct diva_error *error);

/**
 * Adds a row, sending the tile off first where it is full.
 * @param row  of the dataset, for faults; -1: a row known to be finite
 * @param y    set to the row's outputs, zeroed, to be filled before the next call
 */
enum diva_status diva_batch_add(struct diva_batch *batch, const void *features, double weight,
                                double share, int64_t row, double **y, struct diva_error *error);

/** Sends off the rows waiting. DIVA_ERROR_INPUT for NaN or infinity among them. */
enum diva_status diva_batch_flush(struct diva_batch *batch, struct diva_error *error);

/** Frees; a zeroed one is fine. */
void diva_batch_close(struct diva_batch *batch);

#endif
