/**
 * @file export.h
 * A dataset file being read for another format: each HDF5 dataset seen as a numpy array.
 *
 * All of it inside a scope of diva_h5_enter().
 */
#ifndef DIVA_OUTPUT_EXPORT_H
#define DIVA_OUTPUT_EXPORT_H

#include <diva/convert.h>

#include "host/dataset/hdf5_source.h"
#include "host/output/atomic.h"
#include "host/output/npy.h"

/** The file being read. Must not move while open; start from {0}. */
struct diva_export {
  const struct diva_convert_options *options;
  struct diva_h5_source source; /**< its file, labels, ids and class names; no schema */
};

/** Opens the file, finds labels and ids, reads the class names. */
enum diva_status diva_export_open(struct diva_export *export, const char *from,
                                  const struct diva_convert_options *options,
                                  struct diva_error *error);

/** Closes; {0} is fine. */
void diva_export_close(struct diva_export *export);

/** Refuses (DIVA_ERROR_INPUT) a claim of `count` things of `size` bytes each, to be held in memory
 * at once, that this machine cannot hold. */
enum diva_status diva_export_check_memory(const struct diva_h5_dataset *dataset, int64_t count,
                                          int64_t size, const char *what, struct diva_error *error);

/** Refuses (DIVA_ERROR_INPUT) rows too long to be held, or spread over an absurd number of chunks,
 * which HDF5 would visit for each of them. */
enum diva_status diva_export_check_row(const struct diva_h5_dataset *dataset, int64_t item_size,
                                       struct diva_error *error);

/** One dataset as an array: little-endian, C order. */
struct diva_export_array {
  struct diva_npy npy;
  struct diva_h5_dataset dataset;
  hid_t memory_type;
  struct diva_string_table strings; /**< of a dataset of text, else empty */
};

/**
 * Describes an open dataset as an array. float16/32/64 and integers keep their type, bfloat16 is
 * widened to float32 (numpy has none), booleans of h5py become bool, strings fixed-width text.
 * @param dataset  moved from the caller, whatever is returned
 * @param out      owned by the caller: diva_export_array_close()
 * @param known    false, and DIVA_OK, for a type or shape that no plain array can hold
 */
enum diva_status diva_export_array_open(struct diva_export *export, struct diva_h5_dataset *dataset,
                                        struct diva_export_array *out, bool *known,
                                        struct diva_error *error);

/** The class names as an array of text. @param out  as above */
enum diva_status diva_export_names_open(struct diva_export *export, struct diva_export_array *out,
                                        struct diva_error *error);

/** Rows that make a block of a few megabytes, at least 1. */
int64_t diva_export_block_rows(const struct diva_npy *npy);

/** Reads rows [first, first + count) as the bytes of a .npy file. */
enum diva_status diva_export_array_read(struct diva_export_array *array, int64_t first,
                                        int64_t count, void *out, struct diva_error *error);

void diva_export_array_close(struct diva_export_array *array);

/** The targets of a conversion, one a kind of file; `file` is committed by the caller. */
enum diva_status diva_export_npy(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error);
enum diva_status diva_export_npz(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error);
enum diva_status diva_export_csv(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error);

#endif
