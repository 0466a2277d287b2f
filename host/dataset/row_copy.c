/* Filling a dataset of a new file with some rows of the same dataset in all shards. */
#include "host/dataset/row_copy.h"

#include "host/core/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 8 << 20, CACHE_BYTES = 256 << 20, GAP_BYTES = 64 << 10 };

/* A row to be written, and where: rows of a block are read in the order of the file. */
struct pick {
  int64_t row;      /* of the dataset */
  int64_t position; /* in the block */
};

/* One dataset being filled, block by block. */
struct filling {
  struct diva_row_copy *copy;
  const struct diva_row_dataset *dataset;
  struct diva_h5_dataset from; /* in the shard that is open */
  int64_t shard;               /* which shard `from` is in; -1: none */
  hid_t to;
  hid_t type; /* in memory */
  int64_t row_bytes;
  int64_t block_rows;
  bool has_pointers; /* strings or lists of varying length: HDF5 owns what they point to */
  struct pick *picks;
  char *block;
  char *window; /* rows read at once, some of which are not wanted */
};

static int compare_picks(const void *a, const void *b) {
  const struct pick *one = a;
  const struct pick *other = b;
  if (one->row != other->row) {
    return one->row < other->row ? -1 : 1;
  }
  return (one->position > other->position) - (one->position < other->position);
}

static bool same_shape(const struct diva_h5_dataset *dataset, const struct filling *filling,
                       int64_t rows) {
  return dataset->rank >= 1 && dataset->dims[0] == rows &&
         diva_h5_dataset_width(dataset) * (int64_t)H5Tget_size(filling->type) ==
             filling->row_bytes &&
         H5Tequal(dataset->type, filling->type) > 0;
}

/* Opens the same dataset in another shard. */
static enum diva_status use_shard(struct filling *filling, int64_t index,
                                  struct diva_error *error) {
  struct diva_shards *shards = filling->copy->shards;
  if (filling->shard == index) {
    return DIVA_OK;
  }
  diva_h5_dataset_close(&filling->from);
  filling->shard = -1;
  enum diva_status status = diva_shards_use(shards, index, error);
  if (!status) {
    status = diva_h5_dataset_find(&shards->source.file, filling->dataset->path, true,
                                  &filling->from, error);
  }
  if (!status && !same_shape(&filling->from, filling, shards->shards[index].rows)) {
    status = diva_h5_dataset_fail(&filling->from, DIVA_ERROR_INPUT, error,
                                  "differs in rows, shape or type from that of %s",
                                  shards->shards[0].path);
  }
  if (!status) {
    status = diva_h5_dataset_cache_chunks(&filling->from, CACHE_BYTES, error);
  }
  if (!status) {
    filling->shard = index;
  }
  return status;
}

/* How many of the picks from `start` are read at once: those of one shard that lie in a window,
 * with small gaps. Values with pointers are read without gaps or repeats, so that each is written,
 * and given back to HDF5, exactly once. */
static int64_t run_length(const struct filling *filling, const struct pick *picks, int64_t start,
                          int64_t count) {
  const struct diva_shards *shards = filling->copy->shards;
  const struct diva_shard *shard = &shards->shards[diva_shards_find(shards, picks[start].row)];
  int64_t gap = filling->has_pointers ? 1 : 1 + GAP_BYTES / filling->row_bytes;
  int64_t end = start + 1;
  while (end < count && picks[end].row < shard->first + shard->rows) {
    int64_t step = picks[end].row - picks[end - 1].row;
    bool inside = picks[end].row - picks[start].row < filling->block_rows;
    if (step > gap || !inside || (step == 0 && filling->has_pointers)) {
      break;
    }
    end++;
  }
  return end - start;
}

static enum diva_status read_run(struct filling *filling, const struct pick *picks, int64_t count,
                                 struct diva_error *error) {
  const struct diva_shards *shards = filling->copy->shards;
  int64_t index = diva_shards_find(shards, picks[0].row);
  size_t row_bytes = (size_t)filling->row_bytes;
  enum diva_status status = use_shard(filling, index, error);
  if (!status) {
    status = diva_h5_dataset_read_rows(
        &filling->from, filling->type, picks[0].row - shards->shards[index].first,
        picks[count - 1].row - picks[0].row + 1, filling->window, error);
  }
  for (int64_t i = 0; !status && i < count; i++) {
    memcpy(filling->block + (size_t)picks[i].position * row_bytes,
           filling->window + (size_t)(picks[i].row - picks[0].row) * row_bytes, row_bytes);
  }
  return status;
}

static enum diva_status read_block(struct filling *filling, int64_t first, int64_t count,
                                   struct diva_error *error) {
  for (int64_t i = 0; i < count; i++) {
    filling->picks[i] = (struct pick){filling->copy->rows[first + i], i};
  }
  qsort(filling->picks, (size_t)count, sizeof *filling->picks, compare_picks);
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; !status && i < count;) {
    int64_t length = run_length(filling, filling->picks, i, count);
    status = read_run(filling, filling->picks + i, length, error);
    i += length;
  }
  return status;
}

/* Values that the caller gives instead of the file's. */
static void gather_given(struct filling *filling, int64_t first, int64_t count) {
  const struct diva_row_copy *copy = filling->copy;
  for (int64_t i = 0; i < count; i++) {
    int64_t row = copy->rows[first + i];
    if (filling->dataset->values == DIVA_ROW_VALUES_LABELS) {
      ((int32_t *)(void *)filling->block)[i] = copy->labels[row];
    } else {
      ((double *)(void *)filling->block)[i] = copy->weights[row];
    }
  }
}

static enum diva_status write_block(struct filling *filling, int64_t first, int64_t count,
                                    struct diva_error *error) {
  hsize_t start[H5S_MAX_RANK] = {0};
  hsize_t size[H5S_MAX_RANK] = {0};
  enum diva_status status = DIVA_OK;
  hid_t memory_space = H5I_INVALID_HID;
  hid_t space = H5Dget_space(filling->to);
  int rank = H5Sget_simple_extent_dims(space, size, NULL);
  start[0] = (hsize_t)first;
  size[0] = (hsize_t)count;
  if (rank > 0) {
    memory_space = H5Screate_simple(rank, size, NULL);
  }
  if (memory_space < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
      H5Dwrite(filling->to, filling->type, memory_space, space, H5P_DEFAULT, filling->block) < 0) {
    status = diva_row_copy_fail(filling->copy, filling->dataset->path, error);
  }
  diva_h5_close_id(&memory_space);
  diva_h5_close_id(&space);
  return status;
}

/* After a failed read some pointers are not set; the block was zeroed for them. */
static void give_back_pointers(struct filling *filling, int64_t count) {
  int64_t elements_a_row = filling->row_bytes / (int64_t)H5Tget_size(filling->type);
  hsize_t elements = (hsize_t)count * (hsize_t)elements_a_row;
  hid_t space = H5Screate_simple(1, &elements, NULL);
  H5Dvlen_reclaim(filling->type, space, H5P_DEFAULT, filling->block);
  diva_h5_close_id(&space);
}

static enum diva_status fill_block(struct filling *filling, int64_t first, int64_t count,
                                   struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (filling->dataset->values != DIVA_ROW_VALUES_KEPT) {
    gather_given(filling, first, count);
  } else {
    memset(filling->block, 0, (size_t)(count * filling->row_bytes));
    status = read_block(filling, first, count, error);
  }
  if (!status) {
    status = write_block(filling, first, count, error);
  }
  if (!status) {
    status = diva_row_copy_check(filling->copy, error);
  }
  if (filling->has_pointers) {
    give_back_pointers(filling, count);
  }
  return status;
}

static bool type_has_pointers(hid_t type) {
  H5T_class_t class = H5Tget_class(type);
  return H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tis_variable_str(type) > 0 ||
         ((class == H5T_COMPOUND || class == H5T_ARRAY) && H5Tdetect_class(type, H5T_STRING) > 0);
}

static hid_t memory_type(const struct filling *filling) {
  switch (filling->dataset->values) {
  case DIVA_ROW_VALUES_LABELS:
    return H5Tcopy(H5T_NATIVE_INT32);
  case DIVA_ROW_VALUES_WEIGHTS:
    return H5Tcopy(H5T_NATIVE_DOUBLE);
  default:
    return H5Dget_type(filling->to);
  }
}

/* Type, sizes and buffers, from the dataset that was created. */
static enum diva_status prepare(struct filling *filling, struct diva_error *error) {
  hsize_t dims[H5S_MAX_RANK] = {0};
  hid_t space = H5Dget_space(filling->to);
  int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  diva_h5_close_id(&space);
  filling->type = memory_type(filling);
  filling->row_bytes = (int64_t)H5Tget_size(filling->type);
  for (int i = 1; i < rank; i++) {
    if (!diva_size_multiply(filling->row_bytes, (int64_t)dims[i], 1, &filling->row_bytes)) {
      return diva_error_set(error, DIVA_ERROR_INPUT, "/%s: a row overflows any memory",
                            filling->dataset->path);
    }
  }
  if (filling->row_bytes < 1) {
    return DIVA_OK; /* rows without values: nothing to fill */
  }
  filling->has_pointers = type_has_pointers(filling->type);
  filling->block_rows = BLOCK_BYTES / filling->row_bytes;
  filling->block_rows = filling->block_rows < 1 ? 1 : filling->block_rows;
  void *block = NULL;
  void *window = NULL;
  void *picks = NULL;
  enum diva_status status =
      diva_allocate(filling->block_rows, filling->row_bytes, "a block of rows", &block, error);
  if (!status) {
    status =
        diva_allocate(filling->block_rows, filling->row_bytes, "a block of rows", &window, error);
  }
  if (!status) {
    status = diva_allocate(filling->block_rows, (int64_t)sizeof *filling->picks, "a list of rows",
                           &picks, error);
  }
  filling->block = block;
  filling->window = window;
  filling->picks = picks;
  return status;
}

static void finish(struct filling *filling) {
  diva_h5_dataset_close(&filling->from);
  diva_h5_close_id(&filling->type);
  diva_h5_close_id(&filling->to);
  free(filling->block);
  free(filling->window);
  free(filling->picks);
}

hid_t diva_row_copy_open_out(const struct diva_row_copy *copy, const char *name) {
  struct diva_h5_file file = {.id = copy->out, .link_access = H5P_DEFAULT, .path = copy->path};
  struct diva_h5_dataset dataset = diva_h5_dataset_none();
  hid_t id = H5I_INVALID_HID;
  file.allow_external = true;
  if (!diva_h5_dataset_open(&file, name, &dataset, NULL) &&
      !diva_h5_dataset_cache_chunks(&dataset, CACHE_BYTES, NULL)) {
    id = dataset.id;
    dataset.id = H5I_INVALID_HID;
  }
  diva_h5_dataset_close(&dataset);
  return id;
}

enum diva_status diva_row_copy_fill(struct diva_row_copy *copy,
                                    const struct diva_row_dataset *dataset,
                                    struct diva_error *error) {
  struct filling filling = {.copy = copy,
                            .dataset = dataset,
                            .from = diva_h5_dataset_none(),
                            .shard = -1,
                            .type = H5I_INVALID_HID};
  filling.to = diva_row_copy_open_out(copy, dataset->path);
  enum diva_status status =
      filling.to < 0 ? diva_row_copy_fail(copy, dataset->path, error) : prepare(&filling, error);
  for (int64_t first = 0; !status && filling.row_bytes && first < copy->row_count;
       first += filling.block_rows) {
    int64_t left = copy->row_count - first;
    status = diva_progress_report(copy->progress, dataset->path, first, copy->row_count, error);
    if (!status) {
      status =
          fill_block(&filling, first, left < filling.block_rows ? left : filling.block_rows, error);
    }
  }
  finish(&filling);
  return status;
}
