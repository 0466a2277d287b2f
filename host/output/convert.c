/** Between HDF5 and .npy, .npz and CSV: which way, and the file that comes of it. */
#define _POSIX_C_SOURCE 200809L
#include <diva/convert.h>

#include "host/core/core.h"
#include "host/output/export.h"
#include "host/output/import.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum kind { KIND_UNKNOWN, KIND_HDF5, KIND_NPY, KIND_NPZ, KIND_CSV };

void diva_convert_options_init(struct diva_convert_options *options) {
  *options = (struct diva_convert_options){.version = DIVA_STRUCT_VERSION};
}

static enum kind kind_of(const char *path) {
  static const struct {
    const char *extension;
    enum kind kind;
  } kinds[] = {{".h5", KIND_HDF5},
               {".hdf5", KIND_HDF5},
               {".npy", KIND_NPY},
               {".npz", KIND_NPZ},
               {".csv", KIND_CSV}};
  const char *const slash = strrchr(path, '/');
  const char *const dot = strrchr(slash ? slash : path, '.');
  for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++) {
    if (strcasecmp(dot, kinds[i].extension) == 0) {
      return kinds[i].kind;
    }
  }
  return KIND_UNKNOWN;
}

static enum diva_status check_paths(const char *from, const char *to, struct diva_error *error) {
  const enum kind source = kind_of(from);
  const enum kind target = kind_of(to);
  struct stat a;
  struct stat b;
  if (source == KIND_UNKNOWN || target == KIND_UNKNOWN ||
      (source == KIND_HDF5) == (target == KIND_HDF5)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s to %s: convert goes from .npy, .npz or .csv to .h5, and back", from,
                          to);
  }
  if (stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: is the input itself", to);
  }
  return DIVA_OK;
}

static enum diva_status convert_to_hdf5(const char *from, const char *to,
                                        const struct diva_convert_options *options,
                                        struct diva_error *error) {
  struct diva_import import = {.out = {.file = H5I_INVALID_HID}};
  enum diva_status status = diva_import_begin(&import, to, options, error);
  if (status == DIVA_OK) {
    switch (kind_of(from)) {
    case KIND_NPY:
      status = diva_import_npy(from, &import, error);
      break;
    case KIND_NPZ:
      status = diva_import_npz(from, &import, error);
      break;
    default:
      status = diva_import_csv(from, &import, error);
      break;
    }
  }
  if (status == DIVA_OK) {
    status = diva_import_finish(&import, error);
  }
  diva_import_end(&import);
  return status;
}

static enum diva_status convert_from_hdf5(const char *from, const char *to,
                                          const struct diva_convert_options *options,
                                          struct diva_error *error) {
  struct diva_export export = {0};
  struct diva_atomic_file file = {0};
  enum diva_status status = diva_export_open(&export, from, options, error);
  if (status == DIVA_OK) {
    status = diva_atomic_open(to, &file, error);
  }
  if (status == DIVA_OK) {
    switch (kind_of(to)) {
    case KIND_NPY:
      status = diva_export_npy(&export, &file, error);
      break;
    case KIND_NPZ:
      status = diva_export_npz(&export, &file, error);
      break;
    default:
      status = diva_export_csv(&export, &file, error);
      break;
    }
  }
  diva_export_close(&export);
  if (status == DIVA_OK) {
    return diva_atomic_commit(&file, error);
  }
  diva_atomic_abandon(&file);
  return status;
}

enum diva_status diva_convert(const char *from, const char *to,
                              const struct diva_convert_options *options,
                              struct diva_error *error) {
  struct diva_convert_options defaults;
  if (!options) {
    diva_convert_options_init(&defaults);
    options = &defaults;
  }
  enum diva_status status = diva_version_check(options->version, "diva_convert_options", error);
  if (status == DIVA_OK) {
    status = check_paths(from, to, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_h5_scope scope;
  diva_h5_enter(&scope);
  status = kind_of(to) == KIND_HDF5 ? convert_to_hdf5(from, to, options, error)
                                    : convert_from_hdf5(from, to, options, error);
  diva_h5_leave(&scope);
  return status;
}
