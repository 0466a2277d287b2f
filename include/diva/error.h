/**
 * @file error.h
 * How every fallible function of DIVA reports: a status returned, a message in a caller-owned
 * struct.
 */
#ifndef DIVA_ERROR_H
#define DIVA_ERROR_H

#include <diva/api.h>

DIVA_BEGIN_DECLARATIONS

/** What went wrong, by whose fault it is. The program's exit codes follow from it. */
enum diva_status {
  DIVA_OK = 0,
  DIVA_ERROR_USAGE,     /**< an option or argument the caller can correct (exit 3) */
  DIVA_ERROR_INPUT,     /**< a file that is missing, malformed or absurd (exit 4) */
  DIVA_ERROR_NUMERICAL, /**< a matrix that cannot be factored, a value that overflowed (exit 5) */
  DIVA_ERROR_RESOURCE,  /**< device, memory, disk, a library that is not there (exit 6) */
  DIVA_ERROR_CANCELLED, /**< the progress callback asked to stop */
  DIVA_ERROR_INTERNAL   /**< a defect of DIVA (exit 70) */
};

enum { DIVA_ERROR_MESSAGE_SIZE = 1024 };

/**
 * One failure, told in one line: what, where, the value found, the limit.
 *
 * Owned by the caller, passed last and nullable. The lowest layer that knows writes it; the layers
 * above may put context in front (diva_error_prefix) and never overwrite. Contents are unspecified
 * after DIVA_OK.
 */
struct diva_error {
  enum diva_status status;
  int foreign_code; /**< errno, LAPACK info, cudaError_t ... of the call that failed, or 0 */
  int64_t row;      /**< the dataset row at fault, or -1 */
  char message[DIVA_ERROR_MESSAGE_SIZE]; /**< no newline, always terminated */
};

/** Records a failure (printf style; control characters are replaced) and returns `status`. */
DIVA_API enum diva_status diva_error_set(struct diva_error *error, enum diva_status status,
                                         const char *format, ...) DIVA_PRINTF(3, 4);

/** Puts context, usually "FILE: ", before the message of a failure already recorded. */
DIVA_API void diva_error_prefix(struct diva_error *error, const char *format, ...)
    DIVA_PRINTF(2, 3);

DIVA_END_DECLARATIONS

#endif
