/**
 * @file hdf5_out.h
 * Writing HDF5: a file made of plain contiguous datasets, the same bytes on every run.
 *
 * All of it inside a scope of diva_h5_enter().
 */
#ifndef DIVA_OUTPUT_HDF5_OUT_H
#define DIVA_OUTPUT_HDF5_OUT_H

#include "host/dataset/hdf5_file.h"
#include "host/output/hdf5_driver.h"

/** "PATH: /name: what: HDF5's innermost words" as `status`; name may be NULL. */
enum diva_status diva_h5_out_error(enum diva_status status, const char *path, const char *name,
                                   const char *what, struct diva_error *error);

/** The boolean of h5py: an 8-bit enumeration of FALSE and TRUE. Owned by the caller. */
hid_t diva_h5_out_boolean(void);

/** IEEE half precision. Owned by the caller. */
hid_t diva_h5_out_half(bool big_endian);

/**
 * A UTF-8 string type for strings of up to `longest` bytes: of fixed size where that is short, so
 * that the file stays small and quick, else of variable length. Owned by the caller.
 */
hid_t diva_h5_out_string(int64_t longest);

/** A file being written; must not move while open. Start from {.file = H5I_INVALID_HID}. */
struct diva_h5_out {
  hid_t file;
  const char *path; /**< for messages; borrowed */
  struct diva_h5_fault fault;
};

/** Creates the file at `where`, speaking of it as `path`. */
enum diva_status diva_h5_out_create(const char *where, const char *path, struct diva_h5_out *out,
                                    struct diva_error *error);

/** Closes; DIVA_ERROR_RESOURCE where what was buffered cannot be written. One that is not open is
 * fine. */
enum diva_status diva_h5_out_close(struct diva_h5_out *out, struct diva_error *error);

/**
 * Creates a dataset (and the groups of its name).
 * @param type     of the file, borrowed
 * @param dataset  owned by the caller: diva_h5_close_id()
 */
enum diva_status diva_h5_out_dataset(const struct diva_h5_out *out, const char *name, hid_t type,
                                     int rank, const int64_t *shape, hid_t *dataset,
                                     struct diva_error *error);

/** Writes rows [first, first + count) of a dataset from memory of `type`. */
enum diva_status diva_h5_out_rows(const struct diva_h5_out *out, hid_t dataset, hid_t type,
                                  int64_t first, int64_t count, const void *data,
                                  struct diva_error *error);

/** As diva_h5_out_rows() for a dataset of diva_h5_out_string(). */
enum diva_status diva_h5_out_strings(const struct diva_h5_out *out, hid_t dataset, int64_t first,
                                     int64_t count, const char *const *strings,
                                     struct diva_error *error);

/** Writes an attribute of strings (variable length) on the root group. */
enum diva_status diva_h5_out_attribute(const struct diva_h5_out *out, const char *name,
                                       int64_t count, const char *const *strings,
                                       struct diva_error *error);

#endif
