/**
 * @file hdf5_file.h
 * HDF5 without its surprises: one file opened read-only, failures as one line, nothing printed.
 *
 * Every function that calls HDF5 does so between diva_h5_enter() and diva_h5_leave(). The functions
 * declared below expect their caller to be inside such a scope, unless they say otherwise.
 */
#ifndef DIVA_HDF5_FILE_H
#define DIVA_HDF5_FILE_H

#include <diva/error.h>

#include <hdf5.h>

/** What a scope puts back when it ends. */
struct diva_h5_scope {
  H5E_auto2_t report;
  void *context;
};

/**
 * Starts a stretch of HDF5 calls: silences its error printing and keeps other threads of this
 * library out, because HDF5 need not be built thread-safe. Not recursive.
 */
void diva_h5_enter(struct diva_h5_scope *scope);

/** Ends the stretch: the caller's error printing is as it was. */
void diva_h5_leave(const struct diva_h5_scope *scope);

enum { DIVA_H5_TEXT_SIZE = 256 };

/** The most specific message of the HDF5 call that failed last, on one line. */
void diva_h5_reason(char text[DIVA_H5_TEXT_SIZE]);

/** Closes any kind of HDF5 handle and marks it closed (H5I_INVALID_HID); a closed one is fine. */
void diva_h5_close_id(hid_t *id);

/** One open file. Must not move while it is open: the link access list points to it. */
struct diva_h5_file {
  hid_t id;
  hid_t link_access;
  const char *path; /**< borrowed from the caller of diva_h5_file_open() */
  bool allow_external;
  char refused[DIVA_H5_TEXT_SIZE]; /**< file of the external link refused last; empty: none */
};

/**
 * Opens a file read-only with a shared lock.
 * @param path  borrowed until diva_h5_file_close()
 * @return DIVA_ERROR_INPUT "PATH: ..." for a file that is missing, empty, locked by a writer, not
 *         HDF5 or truncated
 */
enum diva_status diva_h5_file_open(struct diva_h5_file *file, const char *path, bool allow_external,
                                   struct diva_error *error);

/** Closes; a file that is not open is fine as long as it was zeroed or opened once. */
void diva_h5_file_close(struct diva_h5_file *file);

#endif
