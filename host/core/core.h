/**
 * @file core.h
 * Errors, checked allocation and progress: what every room of the host uses.
 */
#ifndef DIVA_CORE_H
#define DIVA_CORE_H

#include <diva/error.h>
#include <diva/progress.h>

/** a * b * c into *out for non-negative sizes; false where it overflows int64_t. */
bool diva_size_multiply(int64_t a, int64_t b, int64_t c, int64_t *out);

/**
 * count * size bytes, zeroed; never NULL for DIVA_OK, even of zero bytes. Freed
 * with free(). DIVA_ERROR_RESOURCE names `what` and the size.
 */
enum diva_status diva_allocate(int64_t count, int64_t size, const char *what, void **out,
                               struct diva_error *error);

/** Calls the callback if there is one; DIVA_ERROR_CANCELLED where it asks to stop. */
enum diva_status diva_progress_report(const struct diva_progress *progress, const char *phase,
                                      int64_t done, int64_t total, struct diva_error *error);

/** The "s" that a noun after `count` takes, or "". */
const char *diva_plural(int64_t count);

/** Seconds of a clock that only goes forward. */
double diva_clock_seconds(void);

/** Refuses a versioned struct this library does not know. */
enum diva_status diva_version_check(int version, const char *struct_name, struct diva_error *error);

/** The version every options struct of this library carries. */
enum { DIVA_STRUCT_VERSION = 1 };

#endif
