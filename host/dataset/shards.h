/**
 * @file shards.h
 * Rows of one or several HDF5 files as one sequence. One file is open at a time, so that their
 * number is not limited by that of file descriptors.
 */
#ifndef DIVA_SHARDS_H
#define DIVA_SHARDS_H

#include "host/dataset/dataset_internal.h"
#include "host/dataset/hdf5_source.h"

#include <sys/types.h>
#include <time.h>

/** One file, and what tells that it has changed since it was checked. */
struct diva_shard {
  const char *path; /**< borrowed from the dataset */
  int64_t first;    /**< dataset row of its first row */
  int64_t rows;
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified;
};

struct diva_shards {
  struct diva_schema schema;
  struct diva_shard *shards; /**< owned */
  int64_t count;
  int64_t columns;
  int64_t outputs;
  int64_t current; /**< the shard whose source is open, or -1 */
  struct diva_h5_source source;
};

/** The reader of a dataset of files; its object is a struct diva_shards. */
const struct diva_reader_ops *diva_shards_ops(void);

/** Takes the facts of shard `index`, which is the one open, for later comparison. */
enum diva_status diva_shards_remember(struct diva_shards *shards, int64_t index,
                                      struct diva_error *error);

/**
 * Opens a shard, closing the one that was open. Inside a scope of diva_h5_enter().
 * @return DIVA_ERROR_INPUT for a file that has changed since diva_shards_remember()
 */
enum diva_status diva_shards_use(struct diva_shards *shards, int64_t index,
                                 struct diva_error *error);

/** The shard that a row of the dataset is in. */
int64_t diva_shards_find(const struct diva_shards *shards, int64_t row);

#endif
