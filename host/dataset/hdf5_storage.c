/* Where and how a dataset is stored: layout, filters, other files. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/hdf5_storage.h"

#include "host/core/core.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILTER_NAME_SIZE = 32, SOURCE_SIZE = 1024 };

struct known_filter {
  H5Z_filter_t id;
  const char *name;
};

/* The short name of a filter: HDF5's own, those registered that people use, else its number. */
static void name_filter(H5Z_filter_t id, char text[FILTER_NAME_SIZE]) {
  static const struct known_filter filters[] = {
      {H5Z_FILTER_DEFLATE, "gzip"},
      {H5Z_FILTER_SHUFFLE, "shuffle"},
      {H5Z_FILTER_FLETCHER32, "fletcher32"},
      {H5Z_FILTER_SZIP, "szip"},
      {H5Z_FILTER_NBIT, "nbit"},
      {H5Z_FILTER_SCALEOFFSET, "scaleoffset"},
      {32000, "lzf"},
      {32001, "blosc"},
      {32004, "lz4"},
      {32008, "bitshuffle"},
      {32015, "zstd"},
      {32026, "blosc2"},
  };
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
    if (filters[i].id == id) {
      snprintf(text, FILTER_NAME_SIZE, "%s", filters[i].name);
      return;
    }
  }
  snprintf(text, FILTER_NAME_SIZE, "filter-%d", (int)id);
}

static H5Z_filter_t get_filter(hid_t creation, int index) {
  unsigned flags;
  size_t count = 0;
  return H5Pget_filter2(creation, (unsigned)index, &flags, &count, NULL, 0, NULL, NULL);
}

static enum diva_status check_filters(const struct diva_h5_dataset *dataset,
                                      struct diva_error *error) {
  char name[FILTER_NAME_SIZE];
  int count = H5Pget_nfilters(dataset->creation);
  for (int i = 0; i < count; i++) {
    H5Z_filter_t id = get_filter(dataset->creation, i);
    if (id >= 0 && H5Zfilter_avail(id) > 0) {
      continue;
    }
    name_filter(id, name);
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "is compressed with %s (filter %d), which this HDF5 cannot read; "
                                "its plugin is looked for in HDF5_PLUGIN_PATH",
                                name, (int)id);
  }
  return DIVA_OK;
}

static enum diva_status refuse_elsewhere(const struct diva_h5_dataset *dataset, const char *what,
                                         const char *where, struct diva_error *error) {
  return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                              "is %s in %s; data in other files is read only with "
                              "--allow-external-links",
                              what, where);
}

/* HDF5 reads zeros where the file behind a virtual dataset is missing. It looks for the name as it
 * is and beside the file. */
static bool source_exists(const struct diva_h5_dataset *dataset, const char *source) {
  char beside[2 * SOURCE_SIZE];
  const char *slash = strrchr(dataset->file->path, '/');
  int folder = slash ? (int)(slash - dataset->file->path) + 1 : 0;
  if (!strcmp(source, ".") || strchr(source, '%') || !access(source, R_OK)) {
    return true;
  }
  snprintf(beside, sizeof beside, "%.*s%s", folder, dataset->file->path, source);
  return !access(beside, R_OK);
}

static enum diva_status check_virtual(const struct diva_h5_dataset *dataset,
                                      struct diva_error *error) {
  char source[SOURCE_SIZE] = "other files";
  size_t count = 0;
  H5Pget_virtual_count(dataset->creation, &count);
  if (!dataset->file->allow_external) {
    H5Pget_virtual_filename(dataset->creation, 0, source, sizeof source);
    return refuse_elsewhere(dataset, "a virtual dataset over data", source, error);
  }
  for (size_t i = 0; i < count; i++) {
    if (H5Pget_virtual_filename(dataset->creation, i, source, sizeof source) < 0 ||
        !source_exists(dataset, source)) {
      return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                  "is a virtual dataset, and its file %s is missing", source);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_h5_storage_check(const struct diva_h5_dataset *dataset,
                                       struct diva_error *error) {
  char source[SOURCE_SIZE] = "another file";
  if (H5Pget_layout(dataset->creation) == H5D_VIRTUAL) {
    return check_virtual(dataset, error);
  }
  if (H5Pget_external_count(dataset->creation) > 0 && !dataset->file->allow_external) {
    off_t offset;
    hsize_t size;
    H5Pget_external(dataset->creation, 0, sizeof source, source, &offset, &size);
    source[sizeof source - 1] = '\0';
    return refuse_elsewhere(dataset, "stored", source, error);
  }
  return check_filters(dataset, error);
}

static const char *layout_name(hid_t creation) {
  switch (H5Pget_layout(creation)) {
  case H5D_COMPACT:
    return "compact";
  case H5D_CHUNKED:
    return "chunked";
  case H5D_VIRTUAL:
    return "virtual";
  default:
    return H5Pget_external_count(creation) > 0 ? "external" : "contiguous";
  }
}

void diva_h5_dataset_layout(const struct diva_h5_dataset *dataset, char text[DIVA_H5_LAYOUT_SIZE]) {
  char name[FILTER_NAME_SIZE];
  int count = H5Pget_nfilters(dataset->creation);
  snprintf(text, DIVA_H5_LAYOUT_SIZE, "%s", layout_name(dataset->creation));
  for (int i = 0; i < count; i++) {
    size_t used = strlen(text);
    name_filter(get_filter(dataset->creation, i), name);
    snprintf(text + used, DIVA_H5_LAYOUT_SIZE - used, "+%s", name);
  }
}

bool diva_h5_dataset_chunk(const struct diva_h5_dataset *dataset, int64_t *bytes, int64_t *across) {
  hsize_t chunk[H5S_MAX_RANK];
  *bytes = 0;
  *across = 0;
  if (H5Pget_layout(dataset->creation) != H5D_CHUNKED ||
      H5Pget_chunk(dataset->creation, H5S_MAX_RANK, chunk) < 0) {
    return true;
  }
  *across = 1;
  *bytes = (int64_t)H5Tget_size(dataset->type);
  for (int i = 0; i < dataset->rank; i++) {
    int64_t size = (int64_t)chunk[i];
    int64_t chunks = size > 0 ? dataset->dims[i] / size + (dataset->dims[i] % size != 0) : 1;
    if (!diva_size_multiply(*bytes, size, 1, bytes) ||
        (i > 0 && !diva_size_multiply(*across, chunks, 1, across))) {
      return false;
    }
  }
  return true;
}
