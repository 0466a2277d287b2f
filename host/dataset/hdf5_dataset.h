/**
 * @file hdf5_dataset.h
 * One dataset of an HDF5 file: found, opened, described, read by rows.
 *
 * Callers are inside a scope of diva_h5_enter().
 */
#ifndef DIVA_HDF5_DATASET_H
#define DIVA_HDF5_DATASET_H

#include "host/dataset/hdf5_file.h"

/** One open dataset, or none: id is H5I_INVALID_HID. Borrows the file and the name. */
struct diva_h5_dataset {
  const struct diva_h5_file *file;
  const char *name; /**< without a leading slash */
  hid_t id;
  hid_t type;
  hid_t creation; /**< property list: layout and filters */
  int rank;
  int64_t dims[H5S_MAX_RANK];
};

/** A dataset that is not open. */
struct diva_h5_dataset diva_h5_dataset_none(void);

/**
 * Finds and opens a dataset. One that is absent and not required is DIVA_OK, and not open.
 * @return DIVA_ERROR_INPUT for one that is missing, not a dataset, reached through an external link
 *         or stored elsewhere without leave, or with a filter that cannot be undone here
 */
enum diva_status diva_h5_dataset_find(struct diva_h5_file *file, const char *name, bool required,
                                      struct diva_h5_dataset *out, struct diva_error *error);

/** Opens a dataset that is known to be there; the same refusals. */
enum diva_status diva_h5_dataset_open(struct diva_h5_file *file, const char *name,
                                      struct diva_h5_dataset *out, struct diva_error *error);

bool diva_h5_dataset_is_open(const struct diva_h5_dataset *dataset);

/** Closes; one that is not open is fine. */
void diva_h5_dataset_close(struct diva_h5_dataset *dataset);

/** Records "PATH: /NAME: ..." and returns `status`. */
enum diva_status diva_h5_dataset_fail(const struct diva_h5_dataset *dataset,
                                      enum diva_status status, struct diva_error *error,
                                      const char *format, ...) DIVA_PRINTF(4, 5);

/** Puts "PATH: /NAME: " before a message already recorded. */
void diva_h5_dataset_prefix(const struct diva_h5_dataset *dataset, struct diva_error *error);

/** Elements of one row: the product of all dimensions but the first. */
int64_t diva_h5_dataset_width(const struct diva_h5_dataset *dataset);

/** "10 x 3", for messages. */
enum { DIVA_H5_SHAPE_SIZE = 96 };
void diva_h5_dataset_shape(const struct diva_h5_dataset *dataset, char text[DIVA_H5_SHAPE_SIZE]);

/** "contiguous", "chunked+gzip", ... */
enum { DIVA_H5_LAYOUT_SIZE = 96 };
void diva_h5_dataset_layout(const struct diva_h5_dataset *dataset, char text[DIVA_H5_LAYOUT_SIZE]);

/**
 * Bytes of one chunk and the chunks side by side in one row of chunks; 0 and 0 where the dataset is
 * not chunked. false where the size overflows.
 */
bool diva_h5_dataset_chunk(const struct diva_h5_dataset *dataset, int64_t *bytes, int64_t *across);

/**
 * Opens the dataset again with a cache that holds one row of its chunks, so that reading by rows
 * inflates each chunk once. No-op where it is not chunked or that takes more than `limit` bytes.
 */
enum diva_status diva_h5_dataset_cache_chunks(struct diva_h5_dataset *dataset, int64_t limit,
                                              struct diva_error *error);

/**
 * Reads rows [first, first + count), all of each row.
 * @param memory_type  what the values become
 * @return DIVA_ERROR_INPUT "PATH: /NAME: rows A to B cannot be read: ..."
 */
enum diva_status diva_h5_dataset_read_rows(const struct diva_h5_dataset *dataset, hid_t memory_type,
                                           int64_t first, int64_t count, void *out,
                                           struct diva_error *error);

#endif
