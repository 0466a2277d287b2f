/**
 * @file hdf5_rows.h
 * The rows of a manifest as an HDF5 file, one dataset a column.
 */
#ifndef DIVA_OUTPUT_HDF5_ROWS_H
#define DIVA_OUTPUT_HDF5_ROWS_H

#include <diva/manifest.h>

/**
 * Writes a file at `where`, speaking of it as `path`. id, choices and class names are UTF-8 strings
 * (an absent class the empty string), index int64, classes without names int32 (-1 absent), reals
 * float64 (NaN absent), booleans as h5py stores them.
 */
enum diva_status diva_hdf5_rows_write(const struct diva_manifest *manifest, const char *where,
                                      const char *path, const struct diva_progress *progress,
                                      struct diva_error *error);

#endif
