/**
 * @file hdf5_missing.h
 * What to say of a dataset that is not in the file.
 */
#ifndef DIVA_HDF5_MISSING_H
#define DIVA_HDF5_MISSING_H

#include "host/dataset/hdf5_file.h"

/**
 * Records "PATH: there is no WHAT; the file has ..." with what its root holds and, where a name is
 * near `name`, that one. Returns DIVA_ERROR_INPUT.
 */
enum diva_status diva_h5_fail_missing(const struct diva_h5_file *file, const char *what,
                                      const char *name, struct diva_error *error);

#endif
