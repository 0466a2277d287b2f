/**
 * @file hdf5_source.h
 * One file of a dataset, open: its parts, checked against each other before any row is read.
 *
 * Callers are inside a scope of diva_h5_enter().
 */
#ifndef DIVA_HDF5_SOURCE_H
#define DIVA_HDF5_SOURCE_H

#include "host/dataset/hdf5_dataset.h"
#include "host/dataset/schema.h"
#include "host/dataset/string_table.h"

/** Must not move while open. */
struct diva_h5_source {
  struct diva_h5_file file;
  struct diva_h5_dataset parts[DIVA_PARTS];
  int64_t rows;
  int64_t columns;
  int64_t outputs; /**< from class names, base outputs or targets; 0: the labels decide */
  enum diva_dtype feature_type;
  hid_t feature_memory_type;
  struct diva_string_table class_names; /**< empty: none */
};

/**
 * Opens a file and checks everything that shows without reading rows.
 * @param schema  borrowed until the source is closed
 */
enum diva_status diva_h5_source_open(struct diva_h5_source *source, const char *path,
                                     const struct diva_schema *schema, struct diva_error *error);

/** Closes; a zeroed source is fine. */
void diva_h5_source_close(struct diva_h5_source *source);

/** Reads the class_names attribute, of the labels if they have one, else of the file. */
enum diva_status diva_h5_class_names_read(struct diva_h5_source *source, struct diva_error *error);

/**
 * Labels of the whole file, checked.
 * @param named_classes  `outputs` comes from class names, not from base outputs alone
 */
enum diva_status diva_h5_labels_read(const struct diva_h5_source *source, int64_t outputs,
                                     bool named_classes, int64_t dataset_rows, int32_t *out,
                                     struct diva_error *error);

/** Weights of the whole file, checked; *positive is set where one is > 0. */
enum diva_status diva_h5_weights_read(const struct diva_h5_source *source, double *out,
                                      bool *positive, struct diva_error *error);

/** Groups of the whole file as text, appended to a table with room for them; empty for negative
 * integers. */
enum diva_status diva_h5_groups_read(const struct diva_h5_source *source,
                                     struct diva_string_table *table, struct diva_error *error);

/** Ids of the whole file, appended to a table with room for them. */
enum diva_status diva_h5_ids_read(const struct diva_h5_source *source,
                                  struct diva_string_table *table, struct diva_error *error);

#endif
