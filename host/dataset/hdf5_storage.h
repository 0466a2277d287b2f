/**
 * @file hdf5_storage.h
 * Where and how a dataset is stored: layout, filters, other files.
 */
#ifndef DIVA_HDF5_STORAGE_H
#define DIVA_HDF5_STORAGE_H

#include "host/dataset/hdf5_dataset.h"

/**
 * Refuses data kept in other files without leave (or whose files are missing), and filters that
 * this HDF5 cannot undo. Needs id, type and creation of the dataset, not its shape.
 */
enum diva_status diva_h5_storage_check(const struct diva_h5_dataset *dataset,
                                       struct diva_error *error);

#endif
