/* Walking the first file of a dataset and making its tree again in a new file. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/row_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper trees are taken for a damaged file. */
enum { DEPTH_MAX = 100, FILE_NAME_SIZE = 4096 };

/* Where the walk is. */
struct place {
  struct diva_row_copy *copy;
  const char *group; /* path, "" for the root */
  int depth;
  enum diva_status status;
  struct diva_error *error;
};

static enum diva_status walk(struct diva_row_copy *copy, const char *group, int depth,
                             struct diva_error *error);

static enum diva_status out_of_memory(struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a list of datasets");
}

static char *join(const char *group, const char *name) {
  size_t size = strlen(group) + strlen(name) + 2;
  char *path = malloc(size);
  if (path) {
    snprintf(path, size, "%s%s%s", group, group[0] ? "/" : "", name);
  }
  return path;
}

/* Room for one element more in a growing list. */
static bool grow(void **list, int64_t count, int64_t *size, size_t element) {
  if (count < *size) {
    return true;
  }
  int64_t larger = 2 * *size + 16;
  void *moved = realloc(*list, (size_t)larger * element);
  if (moved) {
    *list = moved;
    *size = larger;
  }
  return moved != NULL;
}

static enum diva_status add_row_dataset(struct diva_row_copy *copy, const char *path,
                                        enum diva_row_values values, struct diva_error *error) {
  void *list = copy->datasets;
  char *name = strdup(path);
  if (!name || !grow(&list, copy->dataset_count, &copy->dataset_size, sizeof *copy->datasets)) {
    free(name);
    return out_of_memory(error);
  }
  copy->datasets = list;
  copy->datasets[copy->dataset_count++] = (struct diva_row_dataset){name, values};
  return DIVA_OK;
}

/* What tells an object from all others: the file it is in, and its address there. */
static bool identify(hid_t object, char file[FILE_NAME_SIZE], hobj_ref_t *address) {
  ssize_t length = H5Fget_name(object, file, FILE_NAME_SIZE);
  return length > 0 && length < FILE_NAME_SIZE &&
         H5Rcreate(address, object, ".", H5R_OBJECT, H5I_INVALID_HID) >= 0;
}

static bool is_same_object(hid_t a, hid_t b) {
  char files[2][FILE_NAME_SIZE];
  hobj_ref_t addresses[2];
  return identify(a, files[0], &addresses[0]) && identify(b, files[1], &addresses[1]) &&
         addresses[0] == addresses[1] && !strcmp(files[0], files[1]);
}

/* Notes that an object is copied to `path`. *earlier is where it was copied to before, or NULL. */
static enum diva_status note_copied(struct diva_row_copy *copy, hid_t object, const char *path,
                                    const char **earlier, struct diva_error *error) {
  char file[FILE_NAME_SIZE];
  hobj_ref_t address;
  void *list = copy->copied;
  *earlier = NULL;
  if (!identify(object, file, &address)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: /%s: cannot be identified",
                          copy->shards->source.file.path, path);
  }
  for (int64_t i = 0; i < copy->copied_count; i++) {
    if (copy->copied[i].address == address && !strcmp(copy->copied[i].file, file)) {
      *earlier = copy->copied[i].path;
      return DIVA_OK;
    }
  }
  if (!grow(&list, copy->copied_count, &copy->copied_size, sizeof *copy->copied)) {
    return out_of_memory(error);
  }
  copy->copied = list;
  struct diva_copied_object entry = {strdup(file), address, strdup(path)};
  copy->copied[copy->copied_count++] = entry;
  return entry.file && entry.path ? DIVA_OK : out_of_memory(error);
}

/* Takes back the last note, so that no other link is made to what is not there. */
static void forget_copied(struct diva_row_copy *copy) {
  struct diva_copied_object *last = &copy->copied[--copy->copied_count];
  free(last->file);
  free(last->path);
}

static enum diva_row_values values_for(const struct diva_row_copy *copy, hid_t dataset) {
  const struct diva_h5_dataset *parts = copy->shards->source.parts;
  if (copy->labels && diva_h5_dataset_is_open(&parts[DIVA_PART_LABELS]) &&
      is_same_object(dataset, parts[DIVA_PART_LABELS].id)) {
    return DIVA_ROW_VALUES_LABELS;
  }
  if (copy->weights && diva_h5_dataset_is_open(&parts[DIVA_PART_WEIGHTS]) &&
      is_same_object(dataset, parts[DIVA_PART_WEIGHTS].id)) {
    return DIVA_ROW_VALUES_WEIGHTS;
  }
  return DIVA_ROW_VALUES_KEPT;
}

/* Whatever holds no rows is copied by HDF5 as it is, but for its attributes: not all can be. */
static enum diva_status copy_whole(const struct diva_row_copy *copy, hid_t object, const char *path,
                                   struct diva_error *error) {
  hid_t how = H5Pcreate(H5P_OBJECT_COPY);
  hid_t made = H5I_INVALID_HID;
  if (how > 0 && H5Pset_copy_object(how, H5O_COPY_WITHOUT_ATTR_FLAG) >= 0 &&
      H5Ocopy(object, ".", copy->out, path, how, copy->link_creation) >= 0) {
    made = H5Oopen(copy->out, path, H5P_DEFAULT);
  }
  enum diva_status status = made < 0 ? diva_row_copy_fail(copy, path, error)
                                     : diva_attributes_copy(copy, object, made, path, error);
  diva_h5_close_id(&made);
  diva_h5_close_id(&how);
  return status;
}

/* A dataset with a type and no values at all. The shape of a virtual dataset is not asked for: it
 * may come from other files. */
static bool has_null_space(hid_t dataset) {
  hid_t creation = H5Dget_create_plist(dataset);
  bool is_virtual = creation < 0 || H5Pget_layout(creation) == H5D_VIRTUAL;
  hid_t space = is_virtual ? H5I_INVALID_HID : H5Dget_space(dataset);
  bool is_null = space > 0 && H5Sget_simple_extent_type(space) == H5S_NULL;
  diva_h5_close_id(&space);
  diva_h5_close_id(&creation);
  return is_null;
}

static bool holds_references(hid_t dataset) {
  hid_t type = H5Dget_type(dataset);
  bool found = type > 0 && H5Tdetect_class(type, H5T_REFERENCE) > 0;
  diva_h5_close_id(&type);
  return found;
}

static bool is_part(const struct diva_row_copy *copy, hid_t dataset) {
  const struct diva_h5_dataset *parts = copy->shards->source.parts;
  for (int part = 0; part < DIVA_PARTS; part++) {
    if (diva_h5_dataset_is_open(&parts[part]) && is_same_object(dataset, parts[part].id)) {
      return true;
    }
  }
  return false;
}

static enum diva_status copy_dataset(struct diva_row_copy *copy, hid_t object, const char *path,
                                     struct diva_error *error) {
  struct diva_h5_dataset dataset;
  if (has_null_space(object)) {
    return copy_whole(copy, object, path, error);
  }
  if (holds_references(object)) {
    forget_copied(copy);
    return DIVA_OK;
  }
  enum diva_status status = diva_h5_dataset_open(&copy->shards->source.file, path, &dataset, error);
  if (status == DIVA_ERROR_INPUT && !is_part(copy, object)) {
    forget_copied(copy);
    return DIVA_OK;
  }
  if (status) {
    return status;
  }
  if (dataset.rank < 1 || dataset.dims[0] != copy->shards->source.rows) {
    status = copy_whole(copy, dataset.id, path, error);
  } else {
    enum diva_row_values values = values_for(copy, dataset.id);
    copy->weights_placed = copy->weights_placed || values == DIVA_ROW_VALUES_WEIGHTS;
    status = diva_dataset_create_like(copy, &dataset, values, error);
    if (!status) {
      status = add_row_dataset(copy, path, values, error);
    }
  }
  diva_h5_dataset_close(&dataset);
  return status;
}

static enum diva_status copy_object(struct place *place, const char *path, hid_t object) {
  struct diva_row_copy *copy = place->copy;
  const char *earlier = NULL;
  enum diva_status status = note_copied(copy, object, path, &earlier, place->error);
  if (status) {
    return status;
  }
  if (earlier) {
    return H5Lcreate_hard(copy->out, earlier, copy->out, path, copy->link_creation, H5P_DEFAULT) < 0
               ? diva_row_copy_fail(copy, path, place->error)
               : DIVA_OK;
  }
  switch (H5Iget_type(object)) {
  case H5I_GROUP:
    status = diva_group_create_like(copy, object, path, place->error);
    return status ? status : walk(copy, path, place->depth + 1, place->error);
  case H5I_DATASET:
    return copy_dataset(copy, object, path, place->error);
  default:
    return copy_whole(copy, object, path, place->error);
  }
}

/* A link out of the file that is not followed, or leads nowhere, is left out. */
static enum diva_status copy_linked(struct place *place, const char *path, bool external) {
  struct diva_h5_file *file = &place->copy->shards->source.file;
  char reason[DIVA_H5_TEXT_SIZE];
  file->refused[0] = '\0';
  hid_t object = H5Oopen(file->id, path, file->link_access);
  if (object < 0) {
    diva_h5_reason(reason);
    return external || file->refused[0]
               ? DIVA_OK
               : diva_error_set(place->error, DIVA_ERROR_INPUT, "%s: /%s: cannot be opened: %s",
                                file->path, path, reason);
  }
  enum diva_status status = copy_object(place, path, object);
  diva_h5_close_id(&object);
  return status;
}

static enum diva_status copy_soft_link(struct place *place, hid_t group, const char *name,
                                       size_t size, const char *path) {
  struct diva_row_copy *copy = place->copy;
  char *target = calloc(size + 1, 1);
  enum diva_status status = DIVA_OK;
  if (!target) {
    return out_of_memory(place->error);
  }
  if (H5Lget_val(group, name, target, size, H5P_DEFAULT) < 0 ||
      H5Lcreate_soft(target, copy->out, path, copy->link_creation, H5P_DEFAULT) < 0) {
    status = diva_row_copy_fail(copy, path, place->error);
  }
  free(target);
  return status;
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  struct place *place = context;
  char *path = join(place->group, name);
  if (!path) {
    place->status = out_of_memory(place->error);
  } else if (info->type == H5L_TYPE_SOFT) {
    place->status = copy_soft_link(place, group, name, info->u.val_size, path);
  } else {
    place->status = copy_linked(place, path, info->type == H5L_TYPE_EXTERNAL);
  }
  free(path);
  return place->status ? -1 : 0;
}

static enum diva_status walk(struct diva_row_copy *copy, const char *group, int depth,
                             struct diva_error *error) {
  struct diva_h5_file *file = &copy->shards->source.file;
  struct place place = {.copy = copy, .group = group, .depth = depth, .error = error};
  char reason[DIVA_H5_TEXT_SIZE];
  if (depth > DEPTH_MAX) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: /%s: groups are nested deeper than %d",
                          file->path, group, DEPTH_MAX);
  }
  hid_t id = H5Oopen(file->id, group[0] ? group : "/", file->link_access);
  herr_t result = id > 0 ? H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &place) : -1;
  if (result < 0 && !place.status) {
    diva_h5_reason(reason);
    place.status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: /%s: cannot be listed: %s",
                                  file->path, group, reason);
  }
  diva_h5_close_id(&id);
  return place.status;
}

enum diva_status diva_tree_copy(struct diva_row_copy *copy, struct diva_error *error) {
  const char *earlier;
  enum diva_status status = diva_shards_use(copy->shards, 0, error);
  if (status) {
    return status;
  }
  hid_t root = H5Gopen2(copy->shards->source.file.id, "/", H5P_DEFAULT);
  hid_t out = H5Gopen2(copy->out, "/", H5P_DEFAULT);
  if (root < 0 || out < 0) {
    status = diva_row_copy_fail(copy, "", error);
  } else {
    status = note_copied(copy, root, "/", &earlier, error);
  }
  if (!status) {
    status = diva_attributes_copy(copy, root, out, "", error);
  }
  diva_h5_close_id(&out);
  diva_h5_close_id(&root);
  return status ? status : walk(copy, "", 0, error);
}

void diva_row_copy_free(struct diva_row_copy *copy) {
  for (int64_t i = 0; i < copy->dataset_count; i++) {
    free(copy->datasets[i].path);
  }
  for (int64_t i = 0; i < copy->copied_count; i++) {
    free(copy->copied[i].file);
    free(copy->copied[i].path);
  }
  free(copy->datasets);
  free(copy->copied);
}
