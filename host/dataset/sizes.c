/* Whether sizes that a file claims are possible here, before anything is allocated for them. */
#include "host/dataset/sizes.h"

#include <diva/system.h>

#include "host/core/core.h"

#include <inttypes.h>
#include <stdio.h>

/* What a run needs at the least, by experience rather than to the byte: columns of results and ids
 * for each row, and a few copies of the system that is solved. */
enum { BYTES_PER_ROW = 200, COPIES_OF_SYSTEM = 5 };

enum { TEXT_SIZE = 32 };

static void format_bytes(int64_t bytes, char text[TEXT_SIZE]) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = 0;
  double value = (double)bytes;
  while (value >= 1024 && unit < 6) {
    value /= 1024;
    unit++;
  }
  snprintf(text, TEXT_SIZE, "%.*f %s", unit && value < 100 ? 1 : 0, value,
           bytes == 1 ? "byte" : units[unit]);
}

struct diva_memory_limit diva_memory_limit_make(int64_t memory) {
  int64_t machine = diva_memory_available();
  return (struct diva_memory_limit){.allowed = memory > 0 && memory < machine ? memory : machine,
                                    .machine = machine};
}

enum diva_status diva_memory_check(int64_t bytes, const char *what,
                                   const struct diva_memory_limit *limit,
                                   struct diva_error *error) {
  char needed[TEXT_SIZE];
  char have[TEXT_SIZE];
  format_bytes(bytes, needed);
  if (bytes > limit->machine) {
    format_bytes(limit->machine, have);
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s needs %s of memory; this machine has %s",
                          what, needed, have);
  }
  if (bytes > limit->allowed) {
    format_bytes(limit->allowed, have);
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s needs %s of memory; %s %s allowed", what,
                          needed, have, limit->allowed == 1 ? "is" : "are");
  }
  return DIVA_OK;
}

static enum diva_status check_product(int64_t a, int64_t b, int64_t c, const char *what,
                                      const struct diva_memory_limit *limit,
                                      struct diva_error *error) {
  int64_t bytes;
  if (!diva_size_multiply(a, b, c, &bytes)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s needs more memory than any machine has",
                          what);
  }
  return diva_memory_check(bytes, what, limit, error);
}

enum diva_status diva_sizes_check(const struct diva_sizes *sizes,
                                  const struct diva_memory_limit *limit, struct diva_error *error) {
  char what[96];
  int64_t bytes;
  if (!diva_size_multiply(sizes->rows, sizes->columns, sizes->element_size, &bytes)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%" PRId64 " rows x %" PRId64 " columns overflow any memory", sizes->rows,
                          sizes->columns);
  }
  snprintf(what, sizeof what, "work on %" PRId64 " rows", sizes->rows);
  enum diva_status status = check_product(sizes->rows, BYTES_PER_ROW, 1, what, limit, error);
  /* The dual system is solved where there are fewer rows than columns. */
  int64_t order = sizes->rows < sizes->columns ? sizes->rows : sizes->columns;
  if (!status) {
    snprintf(what, sizeof what, "a system of %" PRId64 " x %" PRId64, order, order);
    status =
        check_product(order, order, COPIES_OF_SYSTEM * (int64_t)sizeof(double), what, limit, error);
  }
  if (!status) {
    snprintf(what, sizeof what, "one row of %" PRId64 " columns", sizes->columns);
    status = check_product(sizes->columns, 2 * (int64_t)sizeof(double), 1, what, limit, error);
  }
  if (!status) {
    snprintf(what, sizeof what, "a model of %" PRId64 " columns x %" PRId64 " outputs",
             sizes->columns, sizes->outputs);
    status =
        check_product(sizes->columns, sizes->outputs, (int64_t)sizeof(double), what, limit, error);
  }
  return status;
}
