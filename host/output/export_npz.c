/** Every dataset of numbers or text as an array of one .npz archive. */
#define _POSIX_C_SOURCE 200809L
#include "export.h"

#include "host/core/core.h"
#include "host/output/name_set.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* One array on its way into the archive; libzip pulls its bytes. */
struct member {
  struct diva_export *export;
  struct diva_export_array array;
  struct diva_text block; /* header, then one block of rows after the other */
  int64_t block_read;
  int64_t header_bytes;
  int64_t next_row;
  enum diva_status *status; /* of the whole archive: the first failure */
  struct diva_error *failure;
  zip_error_t zip_failure;
};

static enum diva_status append_header(struct member *member) {
  member->block.length = 0;
  member->block_read = 0;
  member->next_row = 0;
  diva_npy_header_append(&member->array.npy, &member->block);
  member->header_bytes = member->block.length;
  return member->block.failed
             ? diva_error_set(member->failure, DIVA_ERROR_RESOURCE, "out of memory for an array")
             : DIVA_OK;
}

/* Replaces the block that was read to its end by the next one; empty at the end of the array. */
static enum diva_status next_block(struct member *member) {
  const struct diva_npy *const npy = &member->array.npy;
  const int64_t rows = npy->bytes > 0 ? diva_npy_rows(npy) : 0;
  const int64_t block = diva_export_block_rows(npy);
  const int64_t left = rows - member->next_row;
  const int64_t count = left < block ? left : block;
  const int64_t bytes = rows > 0 ? count * (npy->bytes / rows) : 0;
  member->block_read = 0;
  if (bytes > 0 && member->block.capacity < bytes) {
    char *const data = realloc(member->block.data, (size_t)bytes);
    if (!data) {
      return diva_error_set(member->failure, DIVA_ERROR_RESOURCE, "out of memory for %lld bytes",
                            (long long)bytes);
    }
    member->block.data = data;
    member->block.capacity = bytes;
  }
  member->block.length = bytes;
  if (bytes == 0) {
    return DIVA_OK;
  }
  const int64_t first = member->next_row;
  member->next_row += count;
  const enum diva_status status =
      diva_export_array_read(&member->array, first, count, member->block.data, member->failure);
  return status == DIVA_OK ? diva_progress_report(&member->export->options->progress, "convert",
                                                  first + count, rows, member->failure)
                           : status;
}

static zip_int64_t fail(struct member *member, enum diva_status status) {
  *member->status = status;
  zip_error_set(&member->zip_failure, ZIP_ER_READ, 0);
  return -1;
}

static zip_int64_t read_bytes(struct member *member, char *out, zip_uint64_t wanted) {
  int64_t done = 0;
  while (done < (int64_t)wanted) {
    if (member->block_read == member->block.length) {
      const enum diva_status status = next_block(member);
      if (status != DIVA_OK) {
        return fail(member, status);
      }
      if (member->block.length == 0) {
        break;
      }
    }
    const int64_t left = member->block.length - member->block_read;
    const int64_t room = (int64_t)wanted - done;
    const int64_t here = left < room ? left : room;
    memcpy(out + done, member->block.data + member->block_read, (size_t)here);
    member->block_read += here;
    done += here;
  }
  return done;
}

static zip_int64_t give_facts(const struct member *member, void *data) {
  zip_stat_t *const facts = data;
  zip_stat_init(facts);
  facts->size = (zip_uint64_t)(member->header_bytes + member->array.npy.bytes);
  facts->comp_method = ZIP_CM_STORE;
  facts->valid = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
  return (zip_int64_t)sizeof *facts;
}

static void free_member(struct member *member) {
  diva_export_array_close(&member->array);
  diva_text_free(&member->block);
  zip_error_fini(&member->zip_failure);
  free(member);
}

static zip_int64_t answer(void *context, void *data, zip_uint64_t length,
                          zip_source_cmd_t command) {
  struct member *const member = context;
  switch (command) {
  case ZIP_SOURCE_OPEN: {
    const enum diva_status status = append_header(member);
    return status == DIVA_OK ? 0 : fail(member, status);
  }
  case ZIP_SOURCE_READ:
    return read_bytes(member, data, length);
  case ZIP_SOURCE_CLOSE:
    return 0;
  case ZIP_SOURCE_STAT:
    return give_facts(member, data);
  case ZIP_SOURCE_ERROR:
    return zip_error_to_data(&member->zip_failure, data, length);
  case ZIP_SOURCE_FREE:
    free_member(member);
    return 0;
  case ZIP_SOURCE_SUPPORTS:
    return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                          ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
  default:
    zip_error_set(&member->zip_failure, ZIP_ER_OPNOTSUPP, 0);
    return -1;
  }
}

/* An archive being filled. */
struct archive {
  struct diva_export *export;
  zip_t *zip;
  int64_t bytes; /* of all arrays */
  enum diva_status status;
  struct diva_error failure;
};

static enum diva_status zip_failed(const struct archive *archive, const char *path,
                                   struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: cannot be written: %s", path,
                        zip_strerror(archive->zip));
}

/* Moves the array into the archive under "NAME.npy"; 1980 is where the time of zip starts, and a
 * constant time keeps the bytes the same. */
static enum diva_status add_array(struct archive *archive, const char *name,
                                  const struct diva_export_array *array, struct diva_error *error) {
  enum { FIRST_OF_JANUARY_1980 = 1 << 5 | 1 };
  struct diva_text file_name = {0};
  struct member *const member = calloc(1, sizeof *member);
  zip_source_t *source = NULL;
  enum diva_status status = DIVA_OK;
  if (__builtin_add_overflow(archive->bytes, array->npy.bytes, &archive->bytes)) {
    archive->bytes = INT64_MAX;
  }
  diva_text_string(&file_name, name);
  diva_text_append(&file_name, ".npy", 5);
  if (!member || file_name.failed) {
    struct diva_export_array lost = *array;
    diva_export_array_close(&lost);
    free(member);
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for an array");
    goto done;
  }
  *member = (struct member){.export = archive->export,
                            .array = *array,
                            .status = &archive->status,
                            .failure = &archive->failure};
  zip_error_init(&member->zip_failure);
  status = append_header(member);
  source = zip_source_function(archive->zip, answer, member);
  if (!source) {
    free_member(member);
    status = zip_failed(archive, name, error);
    goto done;
  }
  const zip_int64_t index = zip_file_add(archive->zip, file_name.data, source, ZIP_FL_ENC_UTF_8);
  if (index < 0 ||
      zip_set_file_compression(archive->zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive->zip, (zip_uint64_t)index, 0, FIRST_OF_JANUARY_1980, 0) != 0) {
    status = zip_failed(archive, name, error);
  }
  if (index < 0) {
    zip_source_free(source);
  }

done:
  diva_text_free(&file_name);
  return status;
}

/* Collects what is reached by its own name; a soft link only repeats something. */
static herr_t collect(hid_t group, const char *name, const H5L_info_t *link, void *context) {
  (void)group;
  int64_t number;
  return link->type == H5L_TYPE_SOFT || diva_name_set_add(context, name, &number) ? 0 : -1;
}

/* 1 for a group, 0 for anything else; what cannot be opened is left to the error of the dataset. */
static bool is_group(struct diva_h5_file *file, const char *name) {
  hid_t object = H5Oopen(file->id, name, file->link_access);
  const bool group = object >= 0 && H5Iget_type(object) != H5I_DATASET;
  diva_h5_close_id(&object);
  return group;
}

static enum diva_status add_dataset(struct archive *archive, const char *name,
                                    struct diva_error *error) {
  struct diva_h5_dataset dataset;
  struct diva_export_array array;
  bool known = false;
  if (is_group(&archive->export->source.file, name)) {
    return DIVA_OK;
  }
  enum diva_status status =
      diva_h5_dataset_open(&archive->export->source.file, name, &dataset, error);
  if (status != DIVA_OK) {
    return status;
  }
  status = diva_export_array_open(archive->export, &dataset, &array, &known, error);
  if (status == DIVA_OK && known) {
    return add_array(archive, name, &array, error);
  }
  diva_export_array_close(&array);
  return status;
}

static enum diva_status add_datasets(struct archive *archive, const struct diva_name_set *names,
                                     struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < names->count && status == DIVA_OK; i++) {
    status = add_dataset(archive, diva_name_set_get(names, i), error);
  }
  if (status == DIVA_OK && archive->export->source.class_names.count > 0 &&
      diva_name_set_find(names, "class_names") < 0) {
    struct diva_export_array array;
    status = diva_export_names_open(archive->export, &array, error);
    if (status == DIVA_OK) {
      return add_array(archive, "class_names", &array, error);
    }
    diva_export_array_close(&array);
  }
  return status;
}

/* Closing is what writes; a failure of ours within it comes before libzip's own words. */
static enum diva_status close_archive(struct archive *archive, const char *path,
                                      struct diva_error *error) {
  if (zip_close(archive->zip) == 0) {
    archive->zip = NULL;
    return DIVA_OK;
  }
  if (archive->status == DIVA_OK) {
    return zip_failed(archive, path, error);
  }
  if (error) {
    *error = archive->failure;
  }
  return archive->status;
}

enum diva_status diva_export_npz(struct diva_export *export, struct diva_atomic_file *file,
                                 struct diva_error *error) {
  struct archive archive = {.export = export};
  struct diva_name_set names = {0};
  const char *where = NULL;
  int code = 0;
  enum diva_status status = diva_atomic_by_path(file, &where, error);
  if (status != DIVA_OK) {
    return status;
  }
  archive.zip = zip_open(where, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive.zip) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: cannot be created as .npz (libzip %d)",
                          file->path, code);
  }
  if (H5Lvisit(export->source.file.id, H5_INDEX_NAME, H5_ITER_INC, collect, &names) < 0) {
    char reason[DIVA_H5_TEXT_SIZE];
    diva_h5_reason(reason);
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be listed: %s",
                            export->source.file.path, reason);
  }
  if (status == DIVA_OK) {
    status = add_datasets(&archive, &names, error);
  }
  if (status == DIVA_OK) {
    status = diva_atomic_require(file, archive.bytes, error);
  }
  if (status == DIVA_OK) {
    status = close_archive(&archive, file->path, error);
  }
  if (archive.zip) {
    zip_discard(archive.zip);
  }
  diva_name_set_free(&names);
  return status;
}
