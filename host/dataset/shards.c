/* Rows of one or several HDF5 files as one sequence, one file open at a time. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/shards.h"

#include "host/dataset/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum diva_status get_facts(const char *path, struct diva_shard *out,
                                  struct diva_error *error) {
  struct stat facts;
  if (stat(path, &facts)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read: %s", path, strerror(errno));
  }
  out->device = facts.st_dev;
  out->inode = facts.st_ino;
  out->size = facts.st_size;
  out->modified = facts.st_mtim;
  return DIVA_OK;
}

static bool same_facts(const struct diva_shard *a, const struct diva_shard *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

enum diva_status diva_shards_remember(struct diva_shards *shards, int64_t index,
                                      struct diva_error *error) {
  return get_facts(shards->shards[index].path, &shards->shards[index], error);
}

enum diva_status diva_shards_use(struct diva_shards *shards, int64_t index,
                                 struct diva_error *error) {
  const struct diva_shard *shard = &shards->shards[index];
  struct diva_shard now = {0};
  if (shards->current == index) {
    return DIVA_OK;
  }
  if (shards->current >= 0) {
    shards->current = -1;
    diva_h5_source_close(&shards->source);
  }
  enum diva_status status =
      diva_h5_source_open(&shards->source, shard->path, &shards->schema, error);
  if (status) {
    return status;
  }
  shards->current = index;
  if (!shard->inode) {
    return DIVA_OK; /* opened for the first time */
  }
  /* Compared while the lock is held, so that the file cannot change after the comparison. */
  status = get_facts(shard->path, &now, error);
  if (!status && !same_facts(shard, &now)) {
    status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: has changed since it was opened", shard->path);
  }
  if (status) {
    shards->current = -1;
    diva_h5_source_close(&shards->source);
  }
  return status;
}

int64_t diva_shards_find(const struct diva_shards *shards, int64_t row) {
  int64_t low = 0;
  int64_t high = shards->count - 1;
  while (low < high) {
    int64_t middle = low + (high - low + 1) / 2;
    if (shards->shards[middle].first <= row) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/* Rows of the one shard that is open. */
static enum diva_status read_local(const struct diva_shards *shards, enum diva_part part,
                                   int64_t first, int64_t count, void *out,
                                   struct diva_error *error) {
  const struct diva_h5_dataset *dataset = &shards->source.parts[part];
  if (part == DIVA_PART_FEATURES) {
    return diva_h5_dataset_read_rows(dataset, shards->source.feature_memory_type, first, count, out,
                                     error);
  }
  enum diva_status status =
      diva_h5_dataset_read_rows(dataset, H5T_NATIVE_DOUBLE, first, count, out, error);
  if (!status) {
    status = diva_values_check_finite(out, first, count, shards->outputs, error);
    if (status) {
      diva_h5_dataset_prefix(dataset, error);
    }
  }
  return status;
}

static int64_t row_size(const struct diva_shards *shards, enum diva_part part) {
  return part == DIVA_PART_FEATURES ? shards->columns * diva_dtype_size(shards->source.feature_type)
                                    : shards->outputs * (int64_t)sizeof(double);
}

static enum diva_status read_shards(struct diva_shards *shards, enum diva_part part, int64_t first,
                                    int64_t count, char *out, struct diva_error *error) {
  int64_t index = diva_shards_find(shards, first);
  while (count > 0) {
    const struct diva_shard *shard = &shards->shards[index];
    int64_t local = first - shard->first;
    int64_t taken = shard->rows - local < count ? shard->rows - local : count;
    enum diva_status status = diva_shards_use(shards, index, error);
    if (!status) {
      status = read_local(shards, part, local, taken, out, error);
      if (status && error && error->row >= 0) {
        error->row += shard->first;
      }
    }
    if (status) {
      return status;
    }
    out += taken * row_size(shards, part);
    first += taken;
    count -= taken;
    index++;
  }
  return DIVA_OK;
}

static enum diva_status read_rows(void *reader, enum diva_part part, int64_t first, int64_t count,
                                  void *out, struct diva_error *error) {
  struct diva_h5_scope scope;
  diva_h5_enter(&scope);
  enum diva_status status = read_shards(reader, part, first, count, out, error);
  diva_h5_leave(&scope);
  return status;
}

static void close_shards(void *reader) {
  struct diva_shards *shards = reader;
  struct diva_h5_scope scope;
  diva_h5_enter(&scope);
  if (shards->current >= 0) {
    diva_h5_source_close(&shards->source);
  }
  diva_h5_leave(&scope);
  diva_schema_free(&shards->schema);
  free(shards->shards);
  free(shards);
}

const struct diva_reader_ops *diva_shards_ops(void) {
  static const struct diva_reader_ops ops = {.read_rows = read_rows, .close = close_shards};
  return &ops;
}
