/**
 * @file hdf5_driver.h
 * An HDF5 file driver for writing that lives through a full disk.
 *
 * HDF5 cannot close a file whose last writes failed: it stays open, and the process crashes when it
 * ends. This driver notes the first failure, drops what is written from then on, and lets HDF5
 * close; the file is then thrown away by whoever asked.
 */
#ifndef DIVA_OUTPUT_HDF5_DRIVER_H
#define DIVA_OUTPUT_HDF5_DRIVER_H

#include <hdf5.h>

/** What happened to a file; must outlive it. Start from {0}. */
struct diva_h5_fault {
  int code; /**< errno of the first write that failed; 0: none */
};

/**
 * Creates (truncates) a file for writing. Check `fault` after every call that may write and after
 * H5Fclose(): HDF5 itself reports success.
 * @param fault  borrowed until the file is closed
 * @return the file, or a negative id with HDF5's error stack set
 */
hid_t diva_h5_driver_create(const char *path, struct diva_h5_fault *fault);

#endif
