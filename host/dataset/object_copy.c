/* What an HDF5 object is made of besides its data: attributes, type, shape, layout, filters. */
#include "host/dataset/row_copy.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_type.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum diva_status diva_row_copy_check(const struct diva_row_copy *copy, struct diva_error *error) {
  if (!copy->fault.code) {
    return DIVA_OK;
  }
  diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: cannot be written: %s", copy->path,
                 strerror(copy->fault.code));
  if (error) {
    error->foreign_code = copy->fault.code;
  }
  return DIVA_ERROR_RESOURCE;
}

enum diva_status diva_row_copy_fail(const struct diva_row_copy *copy, const char *name,
                                    struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  if (copy->fault.code) {
    return diva_row_copy_check(copy, error);
  }
  diva_h5_reason(reason);
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: /%s: cannot be written: %s", copy->path,
                        name, reason);
}

/* Reads an attribute as it is and writes it: strings and lists come as pointers that are given back
 * to HDF5. */
static bool copy_attribute_value(hid_t attribute, hid_t type, hid_t space, hid_t to,
                                 const char *name) {
  hssize_t count = H5Sget_simple_extent_npoints(space);
  hid_t copy = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  void *values = calloc(count > 0 ? (size_t)count : 1, H5Tget_size(type));
  bool done = copy > 0 && values && count >= 0;
  if (done && count > 0) {
    done = H5Aread(attribute, type, values) >= 0;
    if (done) {
      done = H5Awrite(copy, type, values) >= 0;
      H5Dvlen_reclaim(type, space, H5P_DEFAULT, values);
    }
  }
  free(values);
  diva_h5_close_id(&copy);
  return done;
}

static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *info, void *context) {
  (void)info;
  hid_t to = *(const hid_t *)context;
  hid_t attribute = H5Aopen(from, name, H5P_DEFAULT);
  hid_t stored = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  hid_t type = H5Tcopy(stored); /* a named type of the other file cannot be used in this one */
  bool done = attribute > 0 && type > 0 && space > 0;
  if (done && H5Tdetect_class(type, H5T_REFERENCE) <= 0) {
    done = copy_attribute_value(attribute, type, space, to, name);
  }
  diva_h5_close_id(&type);
  diva_h5_close_id(&space);
  diva_h5_close_id(&stored);
  diva_h5_close_id(&attribute);
  return done ? 0 : -1;
}

enum diva_status diva_attributes_copy(const struct diva_row_copy *copy, hid_t from, hid_t to,
                                      const char *name, struct diva_error *error) {
  hsize_t position = 0;
  if (H5Aiterate2(from, H5_INDEX_NAME, H5_ITER_INC, &position, copy_attribute, &to) < 0) {
    return diva_row_copy_fail(copy, name, error);
  }
  return DIVA_OK;
}

enum diva_status diva_group_create_like(const struct diva_row_copy *copy, hid_t from,
                                        const char *name, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  hid_t creation = H5Gget_create_plist(from);
  hid_t group = H5I_INVALID_HID;
  if (creation > 0 && H5Pset_obj_track_times(creation, false) >= 0) {
    group = H5Gcreate2(copy->out, name, copy->link_creation, creation, H5P_DEFAULT);
  }
  if (group < 0) {
    status = diva_row_copy_fail(copy, name, error);
  } else {
    status = diva_attributes_copy(copy, from, group, name, error);
  }
  diva_h5_close_id(&group);
  diva_h5_close_id(&creation);
  return status;
}

/* Removes what can be read here but not written, such as szip on many systems. */
static bool remove_read_only_filters(hid_t creation) {
  for (int i = H5Pget_nfilters(creation) - 1; i >= 0; i--) {
    unsigned flags, config;
    size_t count = 0;
    H5Z_filter_t id = H5Pget_filter2(creation, (unsigned)i, &flags, &count, NULL, 0, NULL, &config);
    if (!(config & H5Z_FILTER_CONFIG_ENCODE_ENABLED) && H5Premove_filter(creation, id) < 0) {
      return false;
    }
  }
  return true;
}

static bool adapt_chunks(hid_t creation, int rank, int64_t rows) {
  hsize_t chunk[H5S_MAX_RANK];
  if (H5Pget_chunk(creation, H5S_MAX_RANK, chunk) != rank) {
    return false;
  }
  chunk[0] = chunk[0] > (hsize_t)rows ? (hsize_t)rows : chunk[0];
  return H5Pset_chunk(creation, rank, chunk) >= 0 && remove_read_only_filters(creation);
}

/* The layout of `from` for another number of rows; contiguous where that layout cannot be had. */
static hid_t make_creation(const struct diva_h5_dataset *from, int64_t rows) {
  enum { COMPACT_MAX = 60000 };
  H5D_layout_t layout = H5Pget_layout(from->creation);
  bool elsewhere = layout == H5D_VIRTUAL || H5Pget_external_count(from->creation) > 0;
  hid_t creation = elsewhere ? H5Pcreate(H5P_DATASET_CREATE) : H5Pcopy(from->creation);
  int64_t bytes;
  bool done = creation > 0;
  if (done && layout == H5D_CHUNKED) {
    done = adapt_chunks(creation, from->rank, rows);
  } else if (done && layout == H5D_COMPACT &&
             (!diva_size_multiply(rows, diva_h5_dataset_width(from),
                                  (int64_t)H5Tget_size(from->type), &bytes) ||
              bytes > COMPACT_MAX)) {
    done = H5Pset_layout(creation, H5D_CONTIGUOUS) >= 0;
  }
  if (done) {
    done = H5Pset_obj_track_times(creation, false) >= 0;
  }
  if (!done) {
    diva_h5_close_id(&creation);
  }
  return creation;
}

static hid_t make_space(const struct diva_h5_dataset *from, int64_t rows) {
  hsize_t dims[H5S_MAX_RANK];
  hsize_t most[H5S_MAX_RANK];
  hid_t space = H5Dget_space(from->id);
  int rank = space > 0 ? H5Sget_simple_extent_dims(space, dims, most) : -1;
  diva_h5_close_id(&space);
  if (rank < 1) {
    return H5I_INVALID_HID;
  }
  dims[0] = (hsize_t)rows;
  most[0] = most[0] == H5S_UNLIMITED ? H5S_UNLIMITED : dims[0];
  bool chunked = H5Pget_layout(from->creation) == H5D_CHUNKED;
  return H5Screate_simple(rank, dims, chunked ? most : NULL);
}

/* Whether every label written fits in an integer type of the file. */
static bool labels_fit(const struct diva_row_copy *copy, hid_t type) {
  int64_t least = 0;
  int64_t most = 0;
  for (int64_t i = 0; i < copy->row_count; i++) {
    int32_t label = copy->labels[copy->rows[i]];
    least = label < least ? label : least;
    most = label > most ? label : most;
  }
  if (H5Tget_class(type) != H5T_INTEGER) {
    return false;
  }
  bool is_unsigned = diva_h5_is_unsigned(type);
  size_t bits = H5Tget_precision(type) - (is_unsigned ? 0 : 1);
  return bits >= 32 - 1 ? !is_unsigned || least >= 0
                        : most < (INT64_C(1) << bits) && (least == 0 || !is_unsigned);
}

static hid_t make_type(const struct diva_row_copy *copy, const struct diva_h5_dataset *from,
                       enum diva_row_values values) {
  if (values == DIVA_ROW_VALUES_WEIGHTS) {
    return H5Tcopy(H5T_IEEE_F64LE);
  }
  if (values == DIVA_ROW_VALUES_LABELS && !labels_fit(copy, from->type)) {
    return H5Tcopy(H5T_STD_I32LE);
  }
  return H5Tcopy(from->type);
}

enum diva_status diva_dataset_create_like(const struct diva_row_copy *copy,
                                          const struct diva_h5_dataset *from,
                                          enum diva_row_values values, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  hid_t type = make_type(copy, from, values);
  hid_t space = make_space(from, copy->row_count);
  hid_t creation = make_creation(from, copy->row_count);
  hid_t dataset = H5I_INVALID_HID;
  if (type > 0 && space > 0 && creation > 0) {
    dataset =
        H5Dcreate2(copy->out, from->name, type, space, copy->link_creation, creation, H5P_DEFAULT);
  }
  if (dataset < 0) {
    status = diva_row_copy_fail(copy, from->name, error);
  } else {
    status = diva_attributes_copy(copy, from->id, dataset, from->name, error);
  }
  diva_h5_close_id(&dataset);
  diva_h5_close_id(&creation);
  diva_h5_close_id(&space);
  diva_h5_close_id(&type);
  return status;
}
