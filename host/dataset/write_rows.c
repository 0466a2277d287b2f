/* A new dataset file with some of the rows of an open dataset. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/row_copy.h"

#include "host/output/atomic.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static enum diva_status check_rows(const struct diva_dataset *dataset, const int64_t *rows,
                                   int64_t row_count, struct diva_error *error) {
  if (row_count < 1) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "no row is to be written");
  }
  for (int64_t i = 0; i < row_count; i++) {
    if (rows[i] < 0 || rows[i] >= dataset->info.rows) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "row %" PRId64 " is not in a dataset of %" PRId64 " rows", rows[i],
                            dataset->info.rows);
    }
  }
  return DIVA_OK;
}

/* Labels of another range would make a file that cannot be opened again. */
static enum diva_status check_labels(const struct diva_dataset *dataset, const int32_t *labels,
                                     struct diva_error *error) {
  if (!labels) {
    return DIVA_OK;
  }
  if (!dataset->labels) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "labels are given for a dataset of targets");
  }
  for (int64_t i = 0; i < dataset->info.rows; i++) {
    if (labels[i] < -1 || labels[i] >= dataset->info.outputs) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "row %" PRId64 ": label %" PRId32 " is not one of %" PRId64 " classes",
                            i, labels[i], dataset->info.outputs);
    }
  }
  return DIVA_OK;
}

static enum diva_status check_path(const struct diva_dataset *dataset, const char *path,
                                   struct diva_error *error) {
  struct stat target, input;
  if (stat(path, &target)) {
    return DIVA_OK; /* a new file */
  }
  for (int64_t i = 0; i < dataset->paths.count; i++) {
    if (!stat(dataset->paths.paths[i], &input) && input.st_dev == target.st_dev &&
        input.st_ino == target.st_ino) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "%s: is one of the files being read; write to another", path);
    }
  }
  return DIVA_OK;
}

/* Weights where the files had none. */
static enum diva_status add_weights(struct diva_row_copy *copy, struct diva_error *error) {
  char *name = copy->shards->schema.parts[DIVA_PART_WEIGHTS].name;
  struct diva_row_dataset weights = {.values = DIVA_ROW_VALUES_WEIGHTS};
  hsize_t rows = (hsize_t)copy->row_count;
  name += strspn(name, "/");
  hid_t space = H5Screate_simple(1, &rows, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t dataset = H5I_INVALID_HID;
  if (space > 0 && creation > 0 && H5Pset_obj_track_times(creation, false) >= 0) {
    dataset = H5Dcreate2(copy->out, name, H5T_IEEE_F64LE, space, copy->link_creation, creation,
                         H5P_DEFAULT);
  }
  enum diva_status status = dataset < 0 ? diva_row_copy_fail(copy, name, error) : DIVA_OK;
  diva_h5_close_id(&dataset);
  diva_h5_close_id(&creation);
  diva_h5_close_id(&space);
  if (!status) {
    weights.path = name;
    status = diva_row_copy_fill(copy, &weights, error);
  }
  return status;
}

static enum diva_status fill_file(struct diva_row_copy *copy, struct diva_error *error) {
  enum diva_status status = diva_tree_copy(copy, error);
  for (int64_t i = 0; !status && i < copy->dataset_count; i++) {
    status = diva_row_copy_fill(copy, &copy->datasets[i], error);
  }
  if (!status && copy->weights && !copy->weights_placed) {
    status = add_weights(copy, error);
  }
  return status;
}

static enum diva_status write_file(struct diva_row_copy *copy, const char *where,
                                   struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  copy->link_creation = H5Pcreate(H5P_LINK_CREATE);
  copy->out = diva_h5_driver_create(where, &copy->fault);
  if (copy->out < 0 || copy->link_creation < 0 ||
      H5Pset_create_intermediate_group(copy->link_creation, 1) < 0 ||
      H5Fset_libver_bounds(copy->out, H5F_LIBVER_V18, H5F_LIBVER_LATEST) < 0) {
    status = diva_row_copy_fail(copy, "", error);
  } else {
    status = fill_file(copy, error);
  }
  diva_h5_close_id(&copy->link_creation);
  /* What HDF5 has buffered may fail to be written as late as here. */
  if (copy->out > 0 && H5Fclose(copy->out) < 0 && !status) {
    status = diva_row_copy_fail(copy, "", error);
  }
  return status ? status : diva_row_copy_check(copy, error);
}

/* Where a file may be without labels, they are written as they were read. */
static const int32_t *labels_to_write(const struct diva_dataset *dataset,
                                      const struct diva_shards *shards, const int32_t *given) {
  const bool optional = shards && shards->schema.labelling == DIVA_LABELLING_OPTIONAL;
  return given || !optional ? given : dataset->labels;
}

enum diva_status diva_dataset_write_rows(struct diva_dataset *dataset, const int64_t *rows,
                                         int64_t row_count, const int32_t *labels,
                                         const double *weights, const char *path,
                                         const struct diva_progress *progress,
                                         struct diva_error *error) {
  struct diva_shards *shards = diva_dataset_shards(dataset);
  struct diva_row_copy copy = {.shards = shards,
                               .rows = rows,
                               .row_count = row_count,
                               .labels = labels_to_write(dataset, shards, labels),
                               .weights = weights,
                               .path = path,
                               .progress = progress};
  struct diva_atomic_file file = {0};
  const char *where = NULL;
  if (!copy.shards) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset in memory has no file whose rows could be written");
  }
  enum diva_status status = check_rows(dataset, rows, row_count, error);
  if (!status) {
    status = check_labels(dataset, labels, error);
  }
  if (!status) {
    status = check_path(dataset, path, error);
  }
  if (!status) {
    status = diva_atomic_open(path, &file, error);
  }
  if (!status) {
    status = diva_atomic_by_path(&file, &where, error);
  }
  if (!status) {
    struct diva_h5_scope scope;
    diva_h5_enter(&scope);
    status = write_file(&copy, where, error);
    diva_h5_leave(&scope);
  }
  if (!status) {
    status = diva_atomic_commit(&file, error);
  }
  diva_atomic_abandon(&file);
  diva_row_copy_free(&copy);
  return status;
}
