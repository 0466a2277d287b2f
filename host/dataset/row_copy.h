/**
 * @file row_copy.h
 * Copying a dataset's files into one new file that holds some of the rows.
 *
 * Three steps: the tree of the first file is walked and made again, with a dataset of the new
 * length for each one that has a row a row (tree_copy.c); then those are filled (row_copy.c);
 * what an HDF5 object is made of besides its data is in object_copy.c.
 */
#ifndef DIVA_ROW_COPY_H
#define DIVA_ROW_COPY_H

#include "host/dataset/shards.h"
#include "host/output/hdf5_driver.h"

/** Which values a dataset of rows gets. */
enum diva_row_values {
  DIVA_ROW_VALUES_KEPT,   /**< its own */
  DIVA_ROW_VALUES_LABELS, /**< diva_row_copy.labels */
  DIVA_ROW_VALUES_WEIGHTS /**< diva_row_copy.weights */
};

/** A dataset to be filled. */
struct diva_row_dataset {
  char *path; /**< without a leading slash; owned */
  enum diva_row_values values;
};

/** An object already copied, so that a second link to it stays a link. */
struct diva_copied_object {
  char *file; /**< owned */
  hobj_ref_t address;
  char *path; /**< owned */
};

/** One copy under way. Zeroed but for what the caller gives. */
struct diva_row_copy {
  struct diva_shards *shards; /**< borrowed, like all that the caller gives */
  const int64_t *rows;
  int64_t row_count;
  const int32_t *labels;
  const double *weights;
  const char *path;                     /**< of the new file, for messages */
  const struct diva_progress *progress; /**< NULL: none */
  hid_t out;                            /**< the new file */
  struct diva_h5_fault fault;           /**< the write to it that failed, if one did */
  hid_t link_creation;                  /**< makes the groups of a path; owned by the caller */
  bool weights_placed;                  /**< the file had weights, and they were replaced */
  struct diva_row_dataset *datasets;
  int64_t dataset_count, dataset_size;
  struct diva_copied_object *copied;
  int64_t copied_count, copied_size;
};

/** Makes the tree of the first file in the new one; `datasets` tells what remains to be filled. */
enum diva_status diva_tree_copy(struct diva_row_copy *copy, struct diva_error *error);

/** Fills one dataset from all shards. */
enum diva_status diva_row_copy_fill(struct diva_row_copy *copy,
                                    const struct diva_row_dataset *dataset,
                                    struct diva_error *error);

/** Frees the lists. */
void diva_row_copy_free(struct diva_row_copy *copy);

/** DIVA_ERROR_RESOURCE where a write has failed: HDF5 itself is not told (hdf5_driver.h). */
enum diva_status diva_row_copy_check(const struct diva_row_copy *copy, struct diva_error *error);

/** "PATH: /NAME: cannot be written: reason" from the HDF5 call that failed last. */
enum diva_status diva_row_copy_fail(const struct diva_row_copy *copy, const char *name,
                                    struct diva_error *error);

/** Copies all attributes but those that refer to other objects, which would refer to nothing. */
enum diva_status diva_attributes_copy(const struct diva_row_copy *copy, hid_t from, hid_t to,
                                      const char *name, struct diva_error *error);

/** Creates an empty group like another one, with its attributes. */
enum diva_status diva_group_create_like(const struct diva_row_copy *copy, hid_t from,
                                        const char *name, struct diva_error *error);

/** Creates the dataset of `row_count` rows that stands for `from`, with its attributes. */
enum diva_status diva_dataset_create_like(const struct diva_row_copy *copy,
                                          const struct diva_h5_dataset *from,
                                          enum diva_row_values values, struct diva_error *error);

/** Opens a dataset of the new file with a cache for one row of chunks; < 0 on failure. */
hid_t diva_row_copy_open_out(const struct diva_row_copy *copy, const char *name);

#endif
