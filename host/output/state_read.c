/** States read back: checked for size before anything is allocated, for damage by their digest, and
 * for sense before anything is counted. */
#define _POSIX_C_SOURCE 200809L
#include "state_format.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_dataset.h"
#include "host/dataset/hdf5_file.h"
#include "host/dataset/sizes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any header that was ever written. */
enum { TEXT_MAX = 1 << 16 };

static enum diva_status damaged(const char *path, const char *what, struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, what);
}

/* A short text of the file, terminated, to be freed; *out NULL where there is none. */
static enum diva_status read_text(struct diva_h5_file *file, const char *name, char **out,
                                  struct diva_error *error) {
  struct diva_h5_dataset dataset;
  *out = NULL;
  enum diva_status status = diva_h5_dataset_find(file, name, false, &dataset, error);
  if (status != DIVA_OK || !diva_h5_dataset_is_open(&dataset)) {
    return status;
  }
  if (dataset.rank != 1 || dataset.dims[0] > TEXT_MAX ||
      H5Tget_class(dataset.type) != H5T_INTEGER) {
    status = diva_h5_dataset_fail(&dataset, DIVA_ERROR_INPUT, error, "is no text of a state");
  }
  if (status == DIVA_OK) {
    status = diva_allocate(dataset.dims[0] + 1, 1, "a text of a state", (void **)out, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_dataset_read_rows(&dataset, H5T_NATIVE_UINT8, 0, dataset.dims[0], *out, error);
  }
  diva_h5_dataset_close(&dataset);
  return status;
}

static enum diva_status check_format(struct diva_h5_file *file, struct diva_error *error) {
  char *format = NULL;
  enum diva_status status = read_text(file, "format", &format, error);
  if (status == DIVA_OK &&
      (!format || strncmp(format, DIVA_STATE_MAGIC, sizeof DIVA_STATE_MAGIC - 1) != 0)) {
    status = damaged(file->path, "is no state; 'diva state' makes one of a dataset", error);
  } else if (status == DIVA_OK && strcmp(format, DIVA_STATE_FORMAT) != 0) {
    status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: is a '%s'; this version of diva reads '%s'",
                       file->path, format, DIVA_STATE_FORMAT);
  }
  free(format);
  return status;
}

/* The values of one dataset, as many as the header says. */
static enum diva_status read_field(struct diva_h5_file *file, const struct diva_state_field *field,
                                   struct diva_error *error) {
  struct diva_h5_dataset dataset;
  enum diva_status status = diva_h5_dataset_find(file, field->name, true, &dataset, error);
  if (status != DIVA_OK) {
    return status;
  }
  if (dataset.rank != 1 || dataset.dims[0] != field->count ||
      H5Tget_size(dataset.type) != (size_t)diva_state_field_size(field->type)) {
    status = diva_h5_dataset_fail(&dataset, DIVA_ERROR_INPUT, error,
                                  "does not have the %lld values that the header of the state says",
                                  (long long)field->count);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(field->count, diva_state_field_size(field->type), "a part of a state",
                           field->data, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_dataset_read_rows(&dataset, diva_state_field_memory(field->type), 0,
                                       field->count, *field->data, error);
  }
  diva_h5_dataset_close(&dataset);
  return status;
}

static enum diva_status check_memory(const char *path,
                                     const struct diva_state_field fields[DIVA_STATE_FIELDS],
                                     struct diva_error *error) {
  const struct diva_memory_limit limit = diva_memory_limit_make(0);
  double bytes = 0.0;
  for (int i = 0; i < DIVA_STATE_FIELDS; i++) {
    bytes += (double)fields[i].count * (double)diva_state_field_size(fields[i].type);
  }
  const enum diva_status status = diva_memory_check(
      bytes < 0x1p62 ? (int64_t)bytes : INT64_MAX, "the state that it claims to be", &limit, error);
  if (status != DIVA_OK) {
    diva_error_prefix(error, "%s: ", path);
  }
  return status;
}

static enum diva_status read_content(struct diva_h5_file *file, struct diva_state_content *content,
                                     struct diva_error *error) {
  struct diva_state_field fields[DIVA_STATE_FIELDS];
  struct diva_state *state = content->state;
  char *header = NULL;
  char *digest = NULL;
  enum diva_status status = read_text(file, "header", &header, error);
  if (status == DIVA_OK) {
    status = read_text(file, "sha256", &digest, error);
  }
  if (status == DIVA_OK && (!header || !digest)) {
    status = damaged(file->path, "is a damaged state: its header or its checksum is gone", error);
  }
  const int64_t length = header ? (int64_t)strlen(header) : 0;
  if (status == DIVA_OK) {
    status = diva_state_header_parse(header, length, content, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "%s: ", file->path);
    }
  }
  if (status == DIVA_OK) {
    diva_state_list_fields(content, fields);
    status = check_memory(file->path, fields, error);
  }
  for (int i = 0; i < DIVA_STATE_FIELDS && status == DIVA_OK; i++) {
    status = fields[i].count > 0 ? read_field(file, &fields[i], error) : DIVA_OK;
  }
  if (status == DIVA_OK) {
    status = diva_state_digest(header, length, fields, state->checksum, error);
  }
  if (status == DIVA_OK && strcmp(digest, state->checksum) != 0) {
    status =
        damaged(file->path, "is a damaged state: its content does not match its checksum", error);
  }
  free(header);
  free(digest);
  return status;
}

/* Strings side by side, of which there must be `count`. */
static enum diva_status take_strings(const char *text, int64_t bytes, int64_t count,
                                     struct diva_string_table *table, struct diva_error *error) {
  int64_t at = 0;
  enum diva_status status = diva_string_table_init(table, count, INT64_MAX, error);
  while (at < bytes && status == DIVA_OK) {
    const int64_t length = (int64_t)strnlen(text + at, (size_t)(bytes - at));
    if (table->count == count || at + length == bytes) {
      break;
    }
    status = diva_string_table_append(table, text + at, length, error);
    at += length + 1;
  }
  if (status == DIVA_OK && (at != bytes || table->count != count)) {
    status = diva_error_set(error, DIVA_ERROR_INPUT,
                            "names or ids are not as many as there "
                            "should be");
  }
  return status;
}

static enum diva_status take_texts(struct diva_state_content *content, struct diva_error *error) {
  struct diva_state *state = content->state;
  const struct diva_state_info *info = &state->info;
  const struct {
    struct diva_string_table *table;
    int64_t count;
  } tables[] = {
      {&state->ids, info->has_ids ? info->rows : 0},
      {&state->class_names, info->has_class_names ? info->outputs : 0},
      {&state->group_names, info->groups},
  };
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < DIVA_STATE_PROVENANCE && status == DIVA_OK; i++) {
    status =
        take_strings(content->texts[i], content->bytes[i], tables[i].count, tables[i].table, error);
  }
  const int64_t length = content->bytes[DIVA_STATE_PROVENANCE];
  if (status == DIVA_OK && length > 0) {
    status = diva_allocate(length + 1, 1, "a provenance", (void **)&state->provenance, error);
    if (status == DIVA_OK) {
      memcpy(state->provenance, content->texts[DIVA_STATE_PROVENANCE], (size_t)length);
    }
  }
  return status;
}

static bool in_range(const int32_t *values, int64_t count, int64_t limit) {
  bool all = true;
  for (int64_t i = 0; values && i < count; i++) {
    all = all && values[i] >= -1 && values[i] < limit;
  }
  return all;
}

static bool are_weights(const double *values, int64_t count) {
  bool all = true;
  for (int64_t i = 0; i < count; i++) {
    all = all && isfinite(values[i]) && values[i] >= 0.0;
  }
  return all;
}

/* A checksum can be right on nonsense; what is counted by must be in range. */
static enum diva_status check_sense(struct diva_state *state, struct diva_error *error) {
  const struct diva_state_info *info = &state->info;
  int64_t first;
  int64_t second;
  state->sums.columns = info->columns;
  state->sums.outputs = info->outputs;
  state->sums.weight = info->weight;
  if (!in_range(state->label, info->rows, info->outputs) ||
      !in_range(state->suggested_label, info->rows, info->outputs) ||
      !in_range(state->group, info->rows, info->groups) ||
      !are_weights(state->weight, info->rows)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "a label, a group or a weight is out of range");
  }
  enum diva_status status = diva_sums_check_finite(&state->sums, error);
  if (status == DIVA_OK) {
    status = diva_string_table_duplicate(&state->ids, &first, &second, error);
  }
  if (status == DIVA_OK && second >= 0) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "id '%s' occurs twice",
                            diva_string_table_get(&state->ids, second));
  }
  return status;
}

static enum diva_status finish(struct diva_state_content *content, const char *path,
                               struct diva_error *error) {
  struct diva_state *state = content->state;
  enum diva_status status = take_texts(content, error);
  if (status == DIVA_OK) {
    status = check_sense(state, error);
  }
  if (status == DIVA_OK) {
    state->path = strdup(path);
    status = state->path ? diva_state_finish(state, error)
                         : diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a path");
  }
  if (status != DIVA_OK) {
    diva_error_prefix(error, "%s: ", path);
  }
  return status;
}

enum diva_status diva_state_read(const char *path, struct diva_state **out,
                                 struct diva_error *error) {
  struct diva_state_content content = {0};
  struct diva_h5_file file;
  struct diva_h5_scope scope;
  *out = NULL;
  enum diva_status status = diva_state_allocate(&content.state, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_h5_enter(&scope);
  status = diva_h5_file_open(&file, path, false, error);
  if (status == DIVA_OK) {
    status = check_format(&file, error);
    if (status == DIVA_OK) {
      status = read_content(&file, &content, error);
    }
    diva_h5_file_close(&file);
  }
  diva_h5_leave(&scope);
  if (status == DIVA_OK) {
    status = finish(&content, path, error);
  }
  for (int i = 0; i < DIVA_STATE_TEXTS; i++) {
    free(content.texts[i]);
  }
  if (status != DIVA_OK) {
    diva_state_destroy(content.state);
    return status;
  }
  *out = content.state;
  return DIVA_OK;
}

bool diva_state_is_file(const char *path) {
  struct diva_h5_file file;
  struct diva_h5_scope scope;
  char *format = NULL;
  bool is_state = false;
  diva_h5_enter(&scope);
  if (diva_h5_file_open(&file, path, false, NULL) == DIVA_OK) {
    is_state = read_text(&file, "format", &format, NULL) == DIVA_OK && format &&
               strncmp(format, DIVA_STATE_MAGIC, sizeof DIVA_STATE_MAGIC - 1) == 0;
    diva_h5_file_close(&file);
  }
  diva_h5_leave(&scope);
  free(format);
  return is_state;
}
