/* Errors, allocation, progress and the clock: what every room of the host leans on. */
#define _POSIX_C_SOURCE 200809L
#include "core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void replace_control_characters(char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7f) {
      *text = '?';
    }
  }
}

enum diva_status diva_error_set(struct diva_error *error, enum diva_status status,
                                const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    replace_control_characters(error->message);
    error->status = status;
    error->foreign_code = 0;
    error->row = -1;
  }
  return status;
}

void diva_error_prefix(struct diva_error *error, const char *format, ...) {
  if (!error) {
    return;
  }
  char message[DIVA_ERROR_MESSAGE_SIZE];
  memcpy(message, error->message, sizeof message);
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  if (length < 0) {
    length = 0;
  }
  if ((size_t)length < sizeof error->message) {
    snprintf(error->message + length, sizeof error->message - (size_t)length, "%s", message);
  }
  replace_control_characters(error->message);
}

bool diva_size_multiply(int64_t a, int64_t b, int64_t c, int64_t *out) {
  int64_t product;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, out);
}

enum diva_status diva_allocate(int64_t count, int64_t size, const char *what, void **out,
                               struct diva_error *error) {
  int64_t bytes;
  *out = NULL;
  if (!diva_size_multiply(count, size, 1, &bytes)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "memory for %s overflows: %lld elements of %lld bytes", what,
                          (long long)count, (long long)size);
  }
  /* calloc() knows when fresh pages are zero already; clearing large arrays by hand costs a pass.
   */
  void *memory = calloc(bytes > 0 ? (size_t)bytes : 1, 1);
  if (!memory) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %s: %lld bytes", what,
                          (long long)bytes);
  }
  *out = memory;
  return DIVA_OK;
}

enum diva_status diva_progress_report(const struct diva_progress *progress, const char *phase,
                                      int64_t done, int64_t total, struct diva_error *error) {
  if (progress && progress->report && progress->report(progress->context, phase, done, total)) {
    return diva_error_set(error, DIVA_ERROR_CANCELLED, "interrupted during %s", phase);
  }
  return DIVA_OK;
}

const char *diva_plural(int64_t count) {
  return count == 1 ? "" : "s";
}

double diva_clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum diva_status diva_version_check(int version, const char *struct_name,
                                    struct diva_error *error) {
  if (version != DIVA_STRUCT_VERSION) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s has version %d; this library knows %d (was it initialised?)",
                          struct_name, version, DIVA_STRUCT_VERSION);
  }
  return DIVA_OK;
}
