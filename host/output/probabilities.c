/** Out-of-sample class probabilities as a .npy file: scores wait in it for their temperature. */
#define _POSIX_C_SOURCE 200809L
#include <diva/probabilities.h>

#include "host/core/core.h"
#include "host/output/atomic.h"
#include "host/output/npy.h"
#include "host/output/sidecar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct diva_probabilities {
  const struct diva_dataset *dataset;
  char *path; /* as the caller spelled it, for messages */
  struct diva_atomic_file file;
  struct diva_atomic_file sidecar;
  bool with_sidecar;
  bool finished;
  int64_t header; /* bytes before the first row */
  int64_t rows, classes;
  int64_t taken; /* rows so far */
  int64_t block_rows;
  float *block; /* block_rows x classes */
  double *row;  /* classes */
};

/* pwrite and pread may do a part, and a signal may come between. */
static bool write_at(int descriptor, const char *from, size_t bytes, int64_t at) {
  while (bytes > 0) {
    const ssize_t done = pwrite(descriptor, from, bytes, (off_t)at);
    if (done < 0 && errno != EINTR) {
      return false;
    }
    if (done > 0) {
      from += done;
      at += done;
      bytes -= (size_t)done;
    }
  }
  return true;
}

static bool read_at(int descriptor, char *to, size_t bytes, int64_t at) {
  while (bytes > 0) {
    const ssize_t done = pread(descriptor, to, bytes, (off_t)at);
    if (done == 0) {
      errno = EIO; /* shorter than what was written */
      return false;
    }
    if (done < 0 && errno != EINTR) {
      return false;
    }
    if (done > 0) {
      to += done;
      at += done;
      bytes -= (size_t)done;
    }
  }
  return true;
}

static size_t block_bytes(const struct diva_probabilities *probabilities, int64_t rows) {
  return (size_t)(rows * probabilities->classes) * sizeof(float);
}

static int64_t position(const struct diva_probabilities *probabilities, int64_t row) {
  return probabilities->header + row * probabilities->classes * (int64_t)sizeof(float);
}

static enum diva_status write_header(struct diva_probabilities *probabilities,
                                     struct diva_error *error) {
  const struct diva_npy npy = {.kind = 'f',
                               .item_size = (int64_t)sizeof(float),
                               .big_endian = diva_machine_big_endian(),
                               .rank = 2,
                               .shape = {probabilities->rows, probabilities->classes}};
  struct diva_text header = {0};
  enum diva_status status = DIVA_OK;
  diva_npy_header_append(&npy, &header);
  if (header.failed) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory", probabilities->path);
  } else if (!write_at(fileno(probabilities->file.stream), header.data, (size_t)header.length, 0)) {
    status = diva_atomic_write_error(probabilities->path, error);
  }
  probabilities->header = header.length;
  diva_text_free(&header);
  return status;
}

static enum diva_status check(const char *path, const struct diva_dataset *dataset,
                              struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  if (info.has_targets) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: probabilities are of class labels; the dataset has targets", path);
  }
  if (strcmp(path, "-") == 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "probabilities are not written to standard output; name a file");
  }
  return diva_sidecar_refuse_input(dataset, path, error);
}

static enum diva_status allocate(struct diva_probabilities *probabilities, const char *path,
                                 struct diva_error *error) {
  enum { BLOCK_VALUES = 1 << 18 };
  const size_t length = strlen(path) + 1;
  const int64_t fit = BLOCK_VALUES / probabilities->classes;
  probabilities->block_rows = fit > 0 ? fit : 1;
  enum diva_status status =
      diva_allocate((int64_t)length, 1, "a file name", (void **)&probabilities->path, error);
  if (status == DIVA_OK) {
    memcpy(probabilities->path, path, length);
    status = diva_allocate(probabilities->block_rows * probabilities->classes,
                           sizeof *probabilities->block, "a block of probabilities",
                           (void **)&probabilities->block, error);
  }
  return status == DIVA_OK
             ? diva_allocate(probabilities->classes, sizeof *probabilities->row,
                             "probabilities of a row", (void **)&probabilities->row, error)
             : status;
}

static enum diva_status open_file(struct diva_probabilities *probabilities,
                                  struct diva_error *error) {
  int64_t bytes;
  if (!diva_size_multiply(probabilities->rows, probabilities->classes, (int64_t)sizeof(float),
                          &bytes)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: %lld x %lld probabilities overflow",
                          probabilities->path, (long long)probabilities->rows,
                          (long long)probabilities->classes);
  }
  enum diva_status status = diva_atomic_open(probabilities->path, &probabilities->file, error);
  if (status == DIVA_OK && !probabilities->file.temporary) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "%s: is a device or a pipe; probabilities need a regular file",
                          probabilities->path);
  }
  if (status == DIVA_OK) {
    status = diva_atomic_require(&probabilities->file, bytes, error);
  }
  return status == DIVA_OK ? write_header(probabilities, error) : status;
}

enum diva_status diva_probabilities_open(const char *path, const struct diva_dataset *dataset,
                                         struct diva_probabilities **out,
                                         struct diva_error *error) {
  struct diva_probabilities *probabilities = NULL;
  struct diva_dataset_info info;
  *out = NULL;
  enum diva_status status = check(path, dataset, error);
  if (status == DIVA_OK) {
    status =
        diva_allocate(1, sizeof *probabilities, "probabilities", (void **)&probabilities, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  diva_dataset_describe(dataset, &info);
  probabilities->dataset = dataset;
  probabilities->rows = info.rows;
  probabilities->classes = info.outputs;
  status = allocate(probabilities, path, error);
  if (status == DIVA_OK) {
    status = open_file(probabilities, error);
  }
  if (status != DIVA_OK) {
    diva_probabilities_destroy(probabilities);
    return status;
  }
  *out = probabilities;
  return DIVA_OK;
}

/* The softmax only knows differences; taken from the largest score, they keep in float32 the digits
 * that a large temperature or large base outputs would make count. */
static void store_row(const double *scores, int64_t classes, float *out) {
  double largest = scores[0];
  for (int64_t c = 1; c < classes; c++) {
    largest = scores[c] > largest ? scores[c] : largest;
  }
  for (int64_t c = 0; c < classes; c++) {
    out[c] = (float)(scores[c] - largest);
  }
}

enum diva_status diva_probabilities_take(void *context, int64_t first_row, int64_t rows,
                                         const double *scores, struct diva_error *error) {
  struct diva_probabilities *probabilities = context;
  const int64_t classes = probabilities->classes;
  if ((first_row != 0 && first_row != probabilities->taken) || probabilities->finished ||
      rows < 0 || rows > probabilities->rows - first_row) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: scores of %lld rows from row %lld do not follow the %lld taken",
                          probabilities->path, (long long)rows, (long long)first_row,
                          (long long)probabilities->taken);
  }
  const int descriptor = fileno(probabilities->file.stream);
  for (int64_t done = 0; done < rows; done += probabilities->block_rows) {
    const int64_t left = rows - done;
    const int64_t here = left < probabilities->block_rows ? left : probabilities->block_rows;
    for (int64_t i = 0; i < here; i++) {
      store_row(scores + (done + i) * classes, classes, probabilities->block + i * classes);
    }
    if (!write_at(descriptor, (const char *)probabilities->block, block_bytes(probabilities, here),
                  position(probabilities, first_row + done))) {
      return diva_atomic_write_error(probabilities->path, error);
    }
  }
  probabilities->taken = first_row + rows;
  return DIVA_OK;
}

/* False where a score is not a number. The largest of a row is 0, so that the sum is at least 1. */
static bool convert_row(const struct diva_probabilities *probabilities, double temperature,
                        float *values) {
  double sum = 0.0;
  for (int64_t c = 0; c < probabilities->classes; c++) {
    probabilities->row[c] = exp(temperature * (double)values[c]);
    sum += probabilities->row[c];
  }
  for (int64_t c = 0; c < probabilities->classes; c++) {
    values[c] = (float)(probabilities->row[c] / sum);
  }
  return isfinite(sum);
}

static enum diva_status convert_block(struct diva_probabilities *probabilities, double temperature,
                                      int64_t first, int64_t rows, struct diva_error *error) {
  const int descriptor = fileno(probabilities->file.stream);
  const size_t bytes = block_bytes(probabilities, rows);
  const int64_t at = position(probabilities, first);
  if (!read_at(descriptor, (char *)probabilities->block, bytes, at)) {
    return diva_atomic_write_error(probabilities->path, error);
  }
  for (int64_t i = 0; i < rows; i++) {
    if (!convert_row(probabilities, temperature,
                     probabilities->block + i * probabilities->classes)) {
      return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                            "row %lld overflows: its scores are not finite; scale the features "
                            "down (--scale standardize)",
                            (long long)(first + i));
    }
  }
  return write_at(descriptor, (const char *)probabilities->block, bytes, at)
             ? DIVA_OK
             : diva_atomic_write_error(probabilities->path, error);
}

static enum diva_status convert(struct diva_probabilities *probabilities, double temperature,
                                const struct diva_progress *progress, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  int64_t here = 0;
  for (int64_t first = 0; first < probabilities->rows && status == DIVA_OK; first += here) {
    const int64_t left = probabilities->rows - first;
    here = left < probabilities->block_rows ? left : probabilities->block_rows;
    status = diva_progress_report(progress, "probabilities", first, probabilities->rows, error);
    if (status == DIVA_OK) {
      status = convert_block(probabilities, temperature, first, here, error);
    }
  }
  return status;
}

enum diva_status diva_probabilities_finish(struct diva_probabilities *probabilities,
                                           double temperature, const char *provenance,
                                           const struct diva_progress *progress,
                                           struct diva_error *error) {
  if (probabilities->finished) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: is finished already", probabilities->path);
  }
  if (probabilities->taken != probabilities->rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: has the scores of %lld of %lld rows",
                          probabilities->path, (long long)probabilities->taken,
                          (long long)probabilities->rows);
  }
  if (!isfinite(temperature) || temperature <= 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: the temperature is %g; it must be positive and finite",
                          probabilities->path, temperature);
  }
  probabilities->finished = true;
  enum diva_status status = convert(probabilities, temperature, progress, error);
  if (status == DIVA_OK && provenance) {
    probabilities->with_sidecar = true;
    status = diva_sidecar_write(probabilities->path, provenance, probabilities->dataset,
                                &probabilities->sidecar, error);
  }
  if (status == DIVA_OK && provenance) {
    status = diva_atomic_complete(&probabilities->sidecar, error);
  }
  return status == DIVA_OK ? diva_atomic_complete(&probabilities->file, error) : status;
}

enum diva_status diva_probabilities_commit(struct diva_probabilities *probabilities,
                                           struct diva_error *error) {
  if (!probabilities->file.temporary || probabilities->file.stream) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: is not finished, or committed already",
                          probabilities->path);
  }
  return diva_atomic_commit_pair(
      &probabilities->file, probabilities->with_sidecar ? &probabilities->sidecar : NULL, error);
}

void diva_probabilities_destroy(struct diva_probabilities *probabilities) {
  if (probabilities) {
    diva_atomic_abandon(&probabilities->file);
    diva_atomic_abandon(&probabilities->sidecar);
    free(probabilities->path);
    free(probabilities->block);
    free(probabilities->row);
    free(probabilities);
  }
}
