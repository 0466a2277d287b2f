/**
 * @file atomic.h
 * Files that appear under their name only when they are complete.
 */
#ifndef DIVA_OUTPUT_ATOMIC_H
#define DIVA_OUTPUT_ATOMIC_H

#include <diva/error.h>

#include <stdio.h>

/**
 * A file being written beside the one it will replace; start from {0}.
 *
 * An output that exists and is no regular file (a device, a pipe) cannot be replaced and is written
 * in place. A symbolic link is kept: the file it points to is replaced.
 */
struct diva_atomic_file {
  FILE *stream;    /**< what to write to; NULL once closed */
  char *path;      /**< the file to be, links resolved; owned */
  char *temporary; /**< where the bytes go until the commit; owned; NULL when written in place */
};

/**
 * Creates the file beside `path`.
 * @param out  owned by the caller: diva_atomic_commit() or diva_atomic_abandon()
 * @return DIVA_ERROR_RESOURCE for a folder that is missing or refuses, or a path that is a folder
 */
enum diva_status diva_atomic_open(const char *path, struct diva_atomic_file *out,
                                  struct diva_error *error);

/**
 * Closes the stream for a writer that goes by path (HDF5, zip) and gives that path in *where.
 * @param where  borrowed from `file`
 * @return DIVA_ERROR_RESOURCE where the output is a device or a pipe
 */
enum diva_status diva_atomic_by_path(struct diva_atomic_file *file, const char **where,
                                     struct diva_error *error);

/**
 * Refuses a size that the disk has no room for, before it is written. A damaged input can claim any
 * size. DIVA_ERROR_RESOURCE with both numbers.
 */
enum diva_status diva_atomic_require(const struct diva_atomic_file *file, int64_t bytes,
                                     struct diva_error *error);

/**
 * Closes the stream and puts the bytes on the disk: everything of a commit that can fail for want
 * of space, for a caller that has other files to finish before any gets its name.
 */
enum diva_status diva_atomic_complete(struct diva_atomic_file *file, struct diva_error *error);

/**
 * Puts the bytes on the disk and gives the file its name. Done or failed, nothing is left to free;
 * failed, the file that was there before is still there.
 * @return DIVA_ERROR_RESOURCE where the disk is full or the rename is refused
 */
enum diva_status diva_atomic_commit(struct diva_atomic_file *file, struct diva_error *error);

/** Commits two files, both or neither. `second` may be NULL. */
enum diva_status diva_atomic_commit_pair(struct diva_atomic_file *first,
                                         struct diva_atomic_file *second, struct diva_error *error);

/** Removes what was written; does nothing to {0} or after a commit. */
void diva_atomic_abandon(struct diva_atomic_file *file);

/** Records the failed write of `path` from errno: DIVA_ERROR_RESOURCE. */
enum diva_status diva_atomic_write_error(const char *path, struct diva_error *error);

#endif
