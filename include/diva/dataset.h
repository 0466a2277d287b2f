/**
 * @file dataset.h
 * A training set: features, labels or targets, and what else is known of each row.
 *
 * Opening checks everything but the feature values (NaN and infinity are found by the first pass
 * that reads them). Features are never held whole in memory; labels, weights and ids are.
 */
#ifndef DIVA_DATASET_H
#define DIVA_DATASET_H

#include <diva/error.h>
#include <diva/progress.h>

DIVA_BEGIN_DECLARATIONS

struct diva_dataset;

/** Element types of features as stored. */
enum diva_dtype { DIVA_FLOAT16, DIVA_BFLOAT16, DIVA_FLOAT32, DIVA_FLOAT64 };

/** Bytes of one element. */
DIVA_API int64_t diva_dtype_size(enum diva_dtype type);

/** "float16", "bfloat16", "float32", "float64". */
DIVA_API const char *diva_dtype_name(enum diva_dtype type);

/** What is asked of the answers, labels or targets, of a dataset. */
enum diva_labelling {
  DIVA_LABELLING_REQUIRED, /**< they are there, and some row has one */
  DIVA_LABELLING_OPTIONAL, /**< rows may all be unlabelled, as those of a pool, also by a file that
                                holds neither labels nor targets */
  DIVA_LABELLING_IGNORED   /**< not looked for: every row is unlabelled */
};

/** Where in the HDF5 file things are. A NULL name means the default, which may then be absent if it
 * is optional; a name given must exist. */
struct diva_dataset_options {
  int version;
  const char *features;     /**< default "features": rows x columns, float16/bfloat16/32/64 */
  const char *labels;       /**< default "labels": rows, any integer type, -1 = unlabelled */
  const char *targets;      /**< default "targets": rows x outputs, float; used where no labels are
                                 or where named */
  const char *ids;          /**< default "ids", optional: rows, strings or integers, unique */
  const char *base_outputs; /**< default "base_outputs", optional: rows x outputs, float */
  const char *weights;      /**< default "weights", optional: rows, finite and >= 0 */
  const char *group;        /**< NAME of /groups/NAME (or a path that begins with '/'): rows,
                                 strings or integers, equal for rows that belong together; NULL:
                                 none is read */
  bool allow_external;      /**< follow external links, external storage and virtual datasets */
  int64_t memory;           /**< bytes that may be used; 0: what the machine has */
  enum diva_labelling labelling;
  bool single_class; /**< allow a set with one class or one row, as a validation set may
                          be */
};

DIVA_API void diva_dataset_options_init(struct diva_dataset_options *options);

/** What an open dataset holds. Strings are borrowed from the dataset. */
struct diva_dataset_info {
  int64_t rows;          /**< n */
  int64_t columns;       /**< d */
  int64_t outputs;       /**< k: classes, or target columns */
  int64_t labelled_rows; /**< rows with a label (or a target) */
  int64_t files;         /**< shards */
  enum diva_dtype feature_type;
  bool has_targets; /**< regression or soft labels: no class labels */
  bool has_ids;
  bool has_weights;
  bool has_base_outputs;
  bool has_class_names;
  const char *layout; /**< "contiguous", "chunked", "chunked+gzip", "memory" ... */
};

/**
 * Opens one HDF5 file, or several that together are one dataset (rows in the order given).
 *
 * Each path is a file, a glob pattern that matches files (sorted by name), or '@LIST', a text file
 * with one path a line relative to the list's folder. Shards must agree in names, widths, element
 * type and class names.
 *
 * @param paths    borrowed for the call
 * @param out      owned by the caller: diva_dataset_close()
 * @return DIVA_ERROR_INPUT with the file, dataset and row at fault for anything malformed;
 *         DIVA_ERROR_RESOURCE if memory for the per-row columns cannot be had within `memory`
 * Cost: reads labels, ids and weights; no features.
 */
DIVA_API enum diva_status diva_dataset_open(const char *const *paths, int64_t path_count,
                                            const struct diva_dataset_options *options,
                                            struct diva_dataset **out, struct diva_error *error);

/** Arrays of a dataset already in memory: what diva_dataset_from_arrays() takes. NULL = absent. */
struct diva_dataset_arrays {
  int version;
  int64_t rows;
  int64_t columns;
  int64_t outputs; /**< 0: from the labels or class names */
  enum diva_dtype feature_type;
  const void *features;           /**< rows x columns, row-major, feature_type */
  const int32_t *labels;          /**< rows; -1 = unlabelled */
  const double *targets;          /**< rows x outputs; either this or labels */
  const double *base_outputs;     /**< rows x outputs */
  const double *weights;          /**< rows */
  const char *const *ids;         /**< rows */
  const char *const *class_names; /**< outputs */
  bool unlabelled; /**< neither labels nor targets are given: every row is unlabelled */
};

DIVA_API void diva_dataset_arrays_init(struct diva_dataset_arrays *arrays);

/**
 * A dataset over arrays in memory, checked as a file would be. Features, targets and base outputs
 * are borrowed until diva_dataset_close(); the rest is copied.
 */
DIVA_API enum diva_status diva_dataset_from_arrays(const struct diva_dataset_arrays *arrays,
                                                   struct diva_dataset **out,
                                                   struct diva_error *error);

/** Closes and frees; NULL is fine. */
DIVA_API void diva_dataset_close(struct diva_dataset *dataset);

DIVA_API void diva_dataset_describe(const struct diva_dataset *dataset,
                                    struct diva_dataset_info *out);

/** Labels, one a row, 0 .. outputs-1 or -1; borrowed; NULL for a dataset of targets. */
DIVA_API const int32_t *diva_dataset_labels(const struct diva_dataset *dataset);

/** Given weight of each row; borrowed; NULL where the file has none (all are 1). */
DIVA_API const double *diva_dataset_weights(const struct diva_dataset *dataset);

/** Group of each row, 0 .. by first row, or -1 for a row of its own (an empty string, a negative
 * integer); borrowed; NULL where no group was asked for. */
DIVA_API const int32_t *diva_dataset_groups(const struct diva_dataset *dataset);

/** Which of the file's datasets the groups are of, "groups/NAME" or a path, borrowed; NULL where no
 * group was asked for. */
DIVA_API const char *diva_dataset_group_factor(const struct diva_dataset *dataset);

/** Name of a group, or its integer as text, borrowed; NULL out of range. */
DIVA_API const char *diva_dataset_group_name(const struct diva_dataset *dataset, int64_t group);

/** Name of a class, borrowed; NULL where there are no class names or the class is out of range. */
DIVA_API const char *diva_dataset_class_name(const struct diva_dataset *dataset,
                                             int64_t class_index);

/** Id of a row as a string: the file's, else the row number written to `scratch`. Either is valid
 * until the dataset closes or scratch is reused. */
enum { DIVA_ID_SCRATCH_SIZE = 24 };
DIVA_API const char *diva_dataset_id(const struct diva_dataset *dataset, int64_t row,
                                     char scratch[DIVA_ID_SCRATCH_SIZE]);

/** Path of a file of the dataset as opened, borrowed; NULL in memory or out of range. */
DIVA_API const char *diva_dataset_path(const struct diva_dataset *dataset, int64_t file);

/** The file a row is in, borrowed, and its row there; NULL (and `row` itself) in memory. */
DIVA_API const char *diva_dataset_row_path(const struct diva_dataset *dataset, int64_t row,
                                           int64_t *row_in_file);

/**
 * Reads rows [first, first + count) of the features as they are stored, row-major.
 * @param out  count x columns elements of feature_type, owned by the caller
 * Not safe to call from two threads at once.
 */
DIVA_API enum diva_status diva_dataset_read_features(struct diva_dataset *dataset, int64_t first,
                                                     int64_t count, void *out,
                                                     struct diva_error *error);

/** Reads rows of /targets as float64 (count x outputs); values are checked finite. */
DIVA_API enum diva_status diva_dataset_read_targets(struct diva_dataset *dataset, int64_t first,
                                                    int64_t count, double *out,
                                                    struct diva_error *error);

/** Reads rows of /base_outputs as float64 (count x outputs); values are checked finite. */
DIVA_API enum diva_status diva_dataset_read_base_outputs(struct diva_dataset *dataset,
                                                         int64_t first, int64_t count, double *out,
                                                         struct diva_error *error);

/**
 * Begins to compute the SHA-256 of every file in a thread of its own, for diva_dataset_sha256() to
 * hand out later: the digests of large files then cost no waiting. Never fails; calling is
 * optional.
 */
DIVA_API void diva_dataset_sha256_start(const struct diva_dataset *dataset);

/** SHA-256 of a file of the dataset as 64 hex digits and a terminator. The first call for a file
 * reads it; later ones remember. */
enum { DIVA_SHA256_SIZE = 65 };
DIVA_API enum diva_status diva_dataset_sha256(const struct diva_dataset *dataset, int64_t file,
                                              char out[DIVA_SHA256_SIZE], struct diva_error *error);

/**
 * Writes the rows named (ascending or not) with everything the file holds of them: each dataset
 * whose first dimension is n is cut to these rows, all else (attributes, groups, other datasets) is
 * copied. Left out is what could not be copied whole and the analysis does not use: datasets and
 * attributes that hold references to objects or regions (so dimension scales come loose from what
 * they describe), links out of the file that are not followed or lead nowhere, and datasets that
 * cannot be read. `labels`, if not NULL, replaces the labels (length of the whole dataset);
 * `weights` likewise is written as /weights. Rows of a file without labels, where these are
 * optional, are written with label -1. The file appears under its name only when complete.
 * @param progress  nullable; called between blocks
 * @return DIVA_ERROR_USAGE for a dataset in memory, or if `path` is one of the inputs
 */
DIVA_API enum diva_status diva_dataset_write_rows(struct diva_dataset *dataset, const int64_t *rows,
                                                  int64_t row_count, const int32_t *labels,
                                                  const double *weights, const char *path,
                                                  const struct diva_progress *progress,
                                                  struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
