/**
 * @file sidecar.h
 * The provenance beside an output, and the refusal to write over an input.
 */
#ifndef DIVA_OUTPUT_SIDECAR_H
#define DIVA_OUTPUT_SIDECAR_H

#include <diva/dataset.h>

#include "host/output/atomic.h"

/** DIVA_ERROR_USAGE if `path` is one of the dataset's own files, links included. A dataset of NULL
 * has none. */
enum diva_status diva_sidecar_refuse_input(const struct diva_dataset *dataset, const char *path,
                                           struct diva_error *error);

/**
 * Writes `provenance` to a file that will be PATH.provenance.json once committed.
 * @param dataset  whose files must not be written over; NULL: none
 * @param file     owned by the caller whatever came of it: commit or diva_atomic_abandon()
 */
enum diva_status diva_sidecar_write(const char *path, const char *provenance,
                                    const struct diva_dataset *dataset,
                                    struct diva_atomic_file *file, struct diva_error *error);

#endif
