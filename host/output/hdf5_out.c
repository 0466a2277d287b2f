/** Writing HDF5: a file made of plain contiguous datasets, the same bytes on every run. */
#define _POSIX_C_SOURCE 200809L
#include "hdf5_out.h"

#include "host/core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum diva_status fail(enum diva_status status, const char *path, const char *name,
                             const char *what, const char *reason, struct diva_error *error) {
  const bool rooted = name && name[0] == '/';
  return diva_error_set(error, status, "%s: %s%s%s%s: %s", path, name && !rooted ? "/" : "",
                        name ? name : "", name ? ": " : "", what, reason);
}

enum diva_status diva_h5_out_error(enum diva_status status, const char *path, const char *name,
                                   const char *what, struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  diva_h5_reason(reason);
  return fail(status, path, name, what, reason, error);
}

hid_t diva_h5_out_boolean(void) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  const signed char no = 0;
  const signed char yes = 1;
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  return type;
}

hid_t diva_h5_out_half(bool big_endian) {
  hid_t type = H5Tcopy(big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

hid_t diva_h5_out_string(int64_t longest) {
  enum { LONGEST_FIXED = 64 };
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, longest > LONGEST_FIXED ? H5T_VARIABLE : longest > 0 ? (size_t)longest : 1);
  H5Tset_strpad(type, longest > LONGEST_FIXED ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/* A write that the driver dropped, which HDF5 knows nothing of. */
static enum diva_status check_fault(const struct diva_h5_out *out, struct diva_error *error) {
  if (out->fault.code == 0) {
    return DIVA_OK;
  }
  diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: cannot be written: %s", out->path,
                 strerror(out->fault.code));
  if (error) {
    error->foreign_code = out->fault.code;
  }
  return DIVA_ERROR_RESOURCE;
}

enum diva_status diva_h5_out_create(const char *where, const char *path, struct diva_h5_out *out,
                                    struct diva_error *error) {
  *out = (struct diva_h5_out){.path = path};
  out->file = diva_h5_driver_create(where, &out->fault);
  if (out->file < 0 && out->fault.code == 0) {
    return diva_h5_out_error(DIVA_ERROR_RESOURCE, path, NULL, "cannot be created", error);
  }
  return check_fault(out, error);
}

enum diva_status diva_h5_out_close(struct diva_h5_out *out, struct diva_error *error) {
  const hid_t file = out->file;
  out->file = H5I_INVALID_HID;
  if (file < 0) {
    return DIVA_OK;
  }
  if (H5Fclose(file) < 0 && out->fault.code == 0) {
    return diva_h5_out_error(DIVA_ERROR_RESOURCE, out->path, NULL, "cannot be written", error);
  }
  return check_fault(out, error);
}

/* Times of creation would make each run's bytes differ. */
static hid_t creation_properties(void) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, false);
  H5Pset_fill_time(properties, H5D_FILL_TIME_IFSET);
  return properties;
}

enum diva_status diva_h5_out_dataset(const struct diva_h5_out *out, const char *name, hid_t type,
                                     int rank, const int64_t *shape, hid_t *dataset,
                                     struct diva_error *error) {
  hsize_t dims[H5S_MAX_RANK] = {0};
  for (int i = 0; i < rank; i++) {
    dims[i] = (hsize_t)shape[i];
  }
  hid_t space = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  hid_t properties = creation_properties();
  H5Pset_create_intermediate_group(links, 1);
  *dataset = H5Dcreate2(out->file, name, type, space, links, properties, H5P_DEFAULT);
  enum diva_status status = DIVA_OK;
  if (*dataset < 0) {
    status = diva_h5_out_error(DIVA_ERROR_RESOURCE, out->path, name, "cannot be created", error);
  } else {
    status = check_fault(out, error);
  }
  diva_h5_close_id(&properties);
  diva_h5_close_id(&links);
  diva_h5_close_id(&space);
  return status;
}

/* Selects rows [first, first + count) in the file and a like block in memory. */
static bool select_rows(hid_t dataset, int64_t first, int64_t count, hid_t *file_space,
                        hid_t *memory_space) {
  hsize_t start[H5S_MAX_RANK] = {0};
  hsize_t size[H5S_MAX_RANK];
  *memory_space = -1;
  *file_space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_dims(*file_space, size, NULL);
  if (rank < 0) {
    return false;
  }
  if (rank == 0) {
    *memory_space = H5Screate(H5S_SCALAR);
    return *memory_space >= 0;
  }
  start[0] = (hsize_t)first;
  size[0] = (hsize_t)count;
  *memory_space = H5Screate_simple(rank, size, NULL);
  return *memory_space >= 0 &&
         H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0;
}

enum diva_status diva_h5_out_rows(const struct diva_h5_out *out, hid_t dataset, hid_t type,
                                  int64_t first, int64_t count, const void *data,
                                  struct diva_error *error) {
  hid_t file_space = -1;
  hid_t memory_space = -1;
  enum diva_status status = DIVA_OK;
  if (!select_rows(dataset, first, count, &file_space, &memory_space) ||
      H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, data) < 0) {
    char reason[DIVA_H5_TEXT_SIZE];
    char name[128] = "";
    diva_h5_reason(reason); /* before the next call of HDF5 wipes it */
    H5Iget_name(dataset, name, sizeof name);
    status = fail(DIVA_ERROR_RESOURCE, out->path, name, "cannot be written", reason, error);
  }
  diva_h5_close_id(&memory_space);
  diva_h5_close_id(&file_space);
  return status == DIVA_OK ? check_fault(out, error) : status;
}

/* Strings of a fixed size lie side by side, padded with zeros. */
static enum diva_status write_packed(const struct diva_h5_out *out, hid_t dataset, hid_t type,
                                     int64_t first, int64_t count, const char *const *strings,
                                     struct diva_error *error) {
  const size_t size = H5Tget_size(type);
  void *packed;
  enum diva_status status =
      diva_allocate(count, (int64_t)size, "a block of strings", &packed, error);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    memcpy((char *)packed + (size_t)i * size, strings[i], strnlen(strings[i], size));
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_rows(out, dataset, type, first, count, packed, error);
  }
  free(packed);
  return status;
}

enum diva_status diva_h5_out_strings(const struct diva_h5_out *out, hid_t dataset, int64_t first,
                                     int64_t count, const char *const *strings,
                                     struct diva_error *error) {
  hid_t type = H5Dget_type(dataset);
  const enum diva_status status =
      H5Tis_variable_str(type) > 0
          ? diva_h5_out_rows(out, dataset, type, first, count, strings, error)
          : write_packed(out, dataset, type, first, count, strings, error);
  diva_h5_close_id(&type);
  return status;
}

enum diva_status diva_h5_out_attribute(const struct diva_h5_out *out, const char *name,
                                       int64_t count, const char *const *strings,
                                       struct diva_error *error) {
  const hsize_t size = (hsize_t)count;
  hid_t type = diva_h5_out_string(INT64_MAX);
  hid_t space = H5Screate_simple(1, &size, NULL);
  hid_t attribute = H5Acreate2(out->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  enum diva_status status = DIVA_OK;
  if (attribute < 0 || H5Awrite(attribute, type, strings) < 0) {
    status = diva_h5_out_error(DIVA_ERROR_RESOURCE, out->path, name, "cannot be written", error);
  }
  diva_h5_close_id(&attribute);
  diva_h5_close_id(&space);
  diva_h5_close_id(&type);
  return status;
}
