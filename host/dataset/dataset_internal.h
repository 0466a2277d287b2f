/**
 * @file dataset_internal.h
 * What an open dataset is made of, whatever it is read from.
 */
#ifndef DIVA_DATASET_INTERNAL_H
#define DIVA_DATASET_INTERNAL_H

#include "host/dataset/hdf5_dataset.h"
#include "host/dataset/paths.h"
#include "host/dataset/schema.h"
#include "host/dataset/string_table.h"

/** Where rows come from: files (shards.h), arrays in memory, or other datasets (view.h). */
struct diva_reader_ops {
  /**
   * Reads rows of the features (as stored), targets or base outputs (as float64); the range has
   * been checked, the part exists. Errors are complete: file, dataset and dataset row are in them.
   */
  enum diva_status (*read_rows)(void *reader, enum diva_part part, int64_t first, int64_t count,
                                void *out, struct diva_error *error);
  void (*close)(void *reader);
  /** The dataset that a row is taken from and, in `row`, which of its rows it is; NULL: rows are
   * this dataset's own. */
  const struct diva_dataset *(*origin)(const void *reader, int64_t *row);
  /** All features as stored, one after another in memory; NULL: they have to be read. */
  const void *(*stored)(const void *reader);
};

struct diva_digests;

struct diva_dataset {
  struct diva_dataset_info info;
  char layout[DIVA_H5_LAYOUT_SIZE]; /**< info.layout points here */
  int32_t *labels;                  /**< NULL: targets */
  bool labels_optional;             /**< no row need have a label */
  double *weights;                  /**< NULL: none */
  struct diva_string_table ids;     /**< empty: none */
  struct diva_string_table class_names;
  int32_t *groups;                      /**< NULL: none */
  struct diva_string_table group_names; /**< by code */
  struct diva_path_list paths;          /**< one a shard; empty in memory */
  struct diva_digests *digests;         /**< of the files; NULL in memory; owned (digests.h) */
  const struct diva_reader_ops *ops;
  void *reader; /**< owned */
};

/** A dataset with nothing in it. */
enum diva_status diva_dataset_allocate(struct diva_dataset **out, struct diva_error *error);

/**
 * The checks that need the whole set: at least two classes, unique ids, some weight > 0; and what
 * info says of labels. Errors have no context yet but name the part: "ids: ...".
 * @param outputs  where something else than the labels tells it, else 0
 */
enum diva_status diva_dataset_finish(struct diva_dataset *dataset, int64_t outputs,
                                     bool some_weight, struct diva_error *error);

/** The shards behind a dataset opened from files; NULL for one in memory. */
struct diva_shards;
struct diva_shards *diva_dataset_shards(const struct diva_dataset *dataset);

#endif
