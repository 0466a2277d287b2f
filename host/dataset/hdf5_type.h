/**
 * @file hdf5_type.h
 * What an HDF5 datatype is in DIVA's terms.
 */
#ifndef DIVA_HDF5_TYPE_H
#define DIVA_HDF5_TYPE_H

#include <diva/dataset.h>

#include <hdf5.h>

/** One of the four float formats, in either byte order; false for anything else. */
bool diva_h5_float_classify(hid_t type, enum diva_dtype *out);

/** An integer of at most 64 bits, or an enumeration of such (h5py's booleans). */
bool diva_h5_is_integer(hid_t type);

/** Whether an integer type (or the base of an enumeration) has no sign. */
bool diva_h5_is_unsigned(hid_t type);

/** "int32", "float64", "strings", "a compound type" ... for messages. */
enum { DIVA_H5_TYPE_TEXT_SIZE = 48 };
void diva_h5_type_describe(hid_t type, char text[DIVA_H5_TYPE_TEXT_SIZE]);

/**
 * The same type in this machine's byte order, so that reading converts at most the order: HDF5's
 * general conversion of 16-bit floats is slower than the disk. To be closed by the caller.
 */
hid_t diva_h5_type_native_order(hid_t type);

#endif
