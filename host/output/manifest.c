/** Manifests: the choice of a format, and the file and its provenance as one piece. */
#define _POSIX_C_SOURCE 200809L
#include <diva/manifest.h>

#include "host/core/core.h"
#include "host/output/atomic.h"
#include "host/output/hdf5_rows.h"
#include "host/output/npy_rows.h"
#include "host/output/sidecar.h"
#include "host/output/text_rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Names a user may give and extensions, each with the format meant. */
struct format_name {
  const char *text;
  enum diva_format format;
};

static bool find_format(const struct format_name *names, size_t count, const char *text,
                        enum diva_format *out) {
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(names[i].text, text) == 0) {
      *out = names[i].format;
      return true;
    }
  }
  return false;
}

static enum diva_status format_by_name(const char *name, enum diva_format *out,
                                       struct diva_error *error) {
  static const struct format_name names[] = {{"jsonl", DIVA_FORMAT_JSONL},
                                             {"csv", DIVA_FORMAT_CSV},
                                             {"npy", DIVA_FORMAT_NPY},
                                             {"hdf5", DIVA_FORMAT_HDF5}};
  if (find_format(names, sizeof names / sizeof *names, name, out)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_USAGE,
                        "format '%s' is not known; jsonl, csv, npy and hdf5 are", name);
}

enum diva_status diva_format_choose(const char *name, const char *path, enum diva_format *out,
                                    struct diva_error *error) {
  static const struct format_name extensions[] = {
      {".jsonl", DIVA_FORMAT_JSONL}, {".ndjson", DIVA_FORMAT_JSONL}, {".csv", DIVA_FORMAT_CSV},
      {".npy", DIVA_FORMAT_NPY},     {".h5", DIVA_FORMAT_HDF5},      {".hdf5", DIVA_FORMAT_HDF5}};
  if (name) {
    return format_by_name(name, out, error);
  }
  if (strcmp(path, "-") == 0) {
    *out = DIVA_FORMAT_JSONL;
    return DIVA_OK;
  }
  const char *const slash = strrchr(path, '/');
  const char *const dot = strrchr(slash ? slash : path, '.');
  if (dot && find_format(extensions, sizeof extensions / sizeof *extensions, dot, out)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_USAGE,
                        "%s: the extension does not say the format; .jsonl, .ndjson, .csv, .npy, "
                        ".h5 and .hdf5 do (or name the format)",
                        path);
}

const char *diva_format_name(enum diva_format format) {
  switch (format) {
  case DIVA_FORMAT_JSONL:
    return "jsonl";
  case DIVA_FORMAT_CSV:
    return "csv";
  case DIVA_FORMAT_NPY:
    return "npy";
  case DIVA_FORMAT_HDF5:
    return "hdf5";
  }
  return NULL;
}

void diva_manifest_init(struct diva_manifest *manifest) {
  *manifest = (struct diva_manifest){
      .version = DIVA_STRUCT_VERSION, .real_digits = 17, .npy_type = DIVA_FLOAT64};
}

static enum diva_status check_order(const struct diva_manifest *manifest, int64_t rows,
                                    struct diva_error *error) {
  for (int64_t i = 0; manifest->order && i < manifest->order_count; i++) {
    if (manifest->order[i] < 0 || manifest->order[i] >= rows) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "manifest: order[%lld] is %lld, but the dataset has %lld rows",
                            (long long)i, (long long)manifest->order[i], (long long)rows);
    }
  }
  return DIVA_OK;
}

static enum diva_status check_request(const struct diva_manifest *manifest, const char *path,
                                      enum diva_format format, struct diva_error *error) {
  const bool rows = format != DIVA_FORMAT_NPY;
  const bool text = format == DIVA_FORMAT_JSONL || format == DIVA_FORMAT_CSV;
  if (!text && strcmp(path, "-") == 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s is not written to standard output",
                          diva_format_name(format));
  }
  if (!rows && !manifest->npy_indices == !manifest->npy_values) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: there is no one vector to write as .npy here", path);
  }
  if (!rows && manifest->npy_type != DIVA_FLOAT64 && manifest->npy_type != DIVA_FLOAT32) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: reals are written as float64 or float32",
                          path);
  }
  if (rows && !manifest->dataset) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: a manifest needs its dataset", path);
  }
  return DIVA_OK;
}

static enum diva_status write_body(const struct diva_manifest *manifest, const char *path,
                                   enum diva_format format, struct diva_atomic_file *file,
                                   const struct diva_progress *progress, struct diva_error *error) {
  const char *where = NULL;
  enum diva_status status = DIVA_OK;
  switch (format) {
  case DIVA_FORMAT_JSONL:
  case DIVA_FORMAT_CSV:
    return diva_text_rows_write(manifest, format == DIVA_FORMAT_CSV, file->stream, path, progress,
                                error);
  case DIVA_FORMAT_NPY:
    return diva_npy_rows_write(manifest, file->stream, path, progress, error);
  case DIVA_FORMAT_HDF5:
    status = diva_atomic_by_path(file, &where, error);
    return status == DIVA_OK ? diva_hdf5_rows_write(manifest, where, path, progress, error)
                             : status;
  }
  return diva_error_set(error, DIVA_ERROR_USAGE, "%s: format %d is not known", path, (int)format);
}

static enum diva_status write_to_stdout(const struct diva_manifest *manifest,
                                        enum diva_format format,
                                        const struct diva_progress *progress,
                                        struct diva_error *error) {
  const enum diva_status status = diva_text_rows_write(manifest, format == DIVA_FORMAT_CSV, stdout,
                                                       "standard output", progress, error);
  if (status == DIVA_OK && fflush(stdout) != 0) {
    return diva_atomic_write_error("standard output", error);
  }
  return status;
}

/* A device or a pipe has no name beside it that could carry a provenance. */
static bool wants_provenance(const struct diva_atomic_file *file, const char *provenance) {
  return provenance && file->temporary;
}

/* Checks everything that needs no file, and fills in what the caller left out. */
static enum diva_status prepare(const struct diva_manifest *manifest, const char *path,
                                enum diva_format format, struct diva_manifest *complete,
                                struct diva_error *error) {
  struct diva_dataset_info info = {0};
  enum diva_status status = diva_version_check(manifest->version, "diva_manifest", error);
  if (status == DIVA_OK) {
    status = check_request(manifest, path, format, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  *complete = *manifest;
  if (manifest->dataset) {
    diva_dataset_describe(manifest->dataset, &info);
  }
  if (!manifest->order) {
    complete->order_count = info.rows;
  }
  return check_order(manifest, info.rows, error);
}

static enum diva_status write_to_file(const struct diva_manifest *manifest, const char *path,
                                      enum diva_format format, const char *provenance,
                                      const struct diva_progress *progress,
                                      struct diva_error *error) {
  struct diva_atomic_file file = {0};
  struct diva_atomic_file sidecar = {0};
  enum diva_status status = diva_sidecar_refuse_input(manifest->dataset, path, error);
  if (status == DIVA_OK) {
    status = diva_atomic_open(path, &file, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const bool with_provenance = wants_provenance(&file, provenance);
  if (with_provenance) {
    status = diva_sidecar_write(path, provenance, manifest->dataset, &sidecar, error);
  }
  if (status == DIVA_OK) {
    status = write_body(manifest, path, format, &file, progress, error);
  }
  if (status == DIVA_OK) {
    return diva_atomic_commit_pair(&file, with_provenance ? &sidecar : NULL, error);
  }
  diva_atomic_abandon(&sidecar);
  diva_atomic_abandon(&file);
  return status;
}

enum diva_status diva_manifest_write(const struct diva_manifest *manifest, const char *path,
                                     enum diva_format format, const char *provenance,
                                     const struct diva_progress *progress,
                                     struct diva_error *error) {
  struct diva_manifest complete;
  const enum diva_status status = prepare(manifest, path, format, &complete, error);
  if (status != DIVA_OK) {
    return status;
  }
  return strcmp(path, "-") == 0
             ? write_to_stdout(&complete, format, progress, error)
             : write_to_file(&complete, path, format, provenance, progress, error);
}
