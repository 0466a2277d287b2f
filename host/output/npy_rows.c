/** One vector of a manifest as a .npy file. */
#include "npy_rows.h"

#include "host/core/core.h"
#include "host/output/atomic.h"
#include "host/output/npy.h"

static enum diva_status write_header(const struct diva_npy *npy, FILE *stream, const char *path,
                                     struct diva_error *error) {
  struct diva_text header = {0};
  enum diva_status status = DIVA_OK;
  diva_npy_header_append(npy, &header);
  if (header.failed) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory", path);
  } else if (fwrite(header.data, 1, (size_t)header.length, stream) != (size_t)header.length) {
    status = diva_atomic_write_error(path, error);
  }
  diva_text_free(&header);
  return status;
}

/* Reals as float32, by pieces. */
static bool write_narrow(const double *values, size_t count, FILE *stream) {
  enum { PIECE = 4096 };
  float piece[PIECE];
  for (size_t first = 0; first < count; first += PIECE) {
    const size_t here = count - first < PIECE ? count - first : PIECE;
    for (size_t i = 0; i < here; i++) {
      piece[i] = (float)values[first + i];
    }
    if (fwrite(piece, sizeof *piece, here, stream) != here) {
      return false;
    }
  }
  return true;
}

enum diva_status diva_npy_rows_write(const struct diva_manifest *manifest, FILE *stream,
                                     const char *path, const struct diva_progress *progress,
                                     struct diva_error *error) {
  enum { BLOCK = 1 << 20 };
  const bool indices = manifest->npy_indices != NULL;
  const bool narrow = !indices && manifest->npy_type == DIVA_FLOAT32;
  const struct diva_npy npy = {.kind = indices ? 'i' : 'f',
                               .item_size = narrow ? 4 : 8,
                               .big_endian = diva_machine_big_endian(),
                               .rank = manifest->npy_columns > 0 ? 2 : 1,
                               .shape = {manifest->npy_count, manifest->npy_columns}};
  const char *const data =
      indices ? (const char *)manifest->npy_indices : (const char *)manifest->npy_values;
  int64_t count;
  if (!diva_size_multiply(manifest->npy_count,
                          manifest->npy_columns > 0 ? manifest->npy_columns : 1, 8, &count)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: the size of the array overflows", path);
  }
  count /= 8;
  enum diva_status status = write_header(&npy, stream, path, error);
  for (int64_t first = 0; first < count && status == DIVA_OK; first += BLOCK) {
    const size_t here = (size_t)(count - first < BLOCK ? count - first : BLOCK);
    const bool written = narrow ? write_narrow(manifest->npy_values + first, here, stream)
                                : fwrite(data + first * 8, 8, here, stream) == here;
    if (!written) {
      status = diva_atomic_write_error(path, error);
    } else {
      status = diva_progress_report(progress, "write", first + (int64_t)here, count, error);
    }
  }
  return status;
}
