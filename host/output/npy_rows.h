/**
 * @file npy_rows.h
 * One vector of a manifest as a .npy file.
 */
#ifndef DIVA_OUTPUT_NPY_ROWS_H
#define DIVA_OUTPUT_NPY_ROWS_H

#include <diva/manifest.h>

#include <stdio.h>

/**
 * Writes npy_indices (int64) or npy_values (npy_type), whichever is set, to a stream.
 * @param path  of the stream, for messages
 */
enum diva_status diva_npy_rows_write(const struct diva_manifest *manifest, FILE *stream,
                                     const char *path, const struct diva_progress *progress,
                                     struct diva_error *error);

#endif
