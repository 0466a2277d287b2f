/**
 * @file device_rows.h
 * Tiles of stored rows brought to the device and scaled there, outside of an analysis. Internal.
 */
#ifndef DIVA_DEVICE_ROWS_H
#define DIVA_DEVICE_ROWS_H

#include "host/dataset/prefetch.h"
#include "host/engine/engine.h"

/** Rows of one dataset after another of the same columns and type, a tile at a time, float32. */
struct diva_device_rows {
  struct diva_dataset_info info;
  struct diva_analysis_options run; /**< what the device side is told */
  struct diva_engine engine;
  int64_t tile_rows;
  struct diva_preparation preparation; /**< how rows are scaled; set before the first tile */
  struct diva_matrix raw;              /**< tile_rows x columns, as stored */
  struct diva_matrix z;                /**< tile_rows x columns, as scaled */
  struct diva_buffer *fault;
};

/** What the device side of a run is told; borrowed for the call. */
struct diva_device_request {
  struct diva_dataset *dataset;
  int64_t most_tile_rows;
  int64_t widest; /**< columns of the widest product */
  const char *backend;
  int threads;
  const struct diva_progress *progress;
};

/** Opens the device. Free with diva_device_rows_close(), whatever came of this. */
enum diva_status diva_device_rows_open(const struct diva_device_request *request,
                                       struct diva_device_rows *out, struct diva_error *error);

/** Stored rows (at most tile_rows) to scaled ones in the first rows of `z`. */
enum diva_status diva_device_rows_prepare(struct diva_device_rows *rows, const void *stored,
                                          int64_t first, int64_t count, struct diva_error *error);

/** A visit to each tile of a dataset, its rows prepared in `z`. */
typedef enum diva_status (*diva_device_rows_visit)(void *context,
                                                   const struct diva_prefetch_tile *tile,
                                                   struct diva_error *error);

/** Visits all rows of a dataset in tiles. @param phase  for the progress
 * @return DIVA_ERROR_INPUT for NaN or infinity, with row and column */
enum diva_status diva_device_rows_each(struct diva_device_rows *rows, struct diva_dataset *dataset,
                                       const char *phase, diva_device_rows_visit visit,
                                       void *context, struct diva_error *error);

/** The first `count` rows of a float32 matrix to contiguous rows on the host. */
enum diva_status diva_device_rows_download(const struct diva_device_rows *rows,
                                           struct diva_matrix from, int64_t count, float *to,
                                           struct diva_error *error);

/** Closes; a zeroed struct is fine. */
void diva_device_rows_close(struct diva_device_rows *rows);

#endif
