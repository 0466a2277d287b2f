/* The dataset behind the public handle: what it says of itself, and checked access to its rows. */
#include "host/dataset/dataset_internal.h"

#include "host/core/core.h"
#include "host/dataset/digests.h"
#include "host/dataset/labels.h"
#include "host/dataset/shards.h"
#include "host/dataset/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t diva_dtype_size(enum diva_dtype type) {
  switch (type) {
  case DIVA_FLOAT16:
  case DIVA_BFLOAT16:
    return 2;
  case DIVA_FLOAT32:
    return 4;
  default:
    return 8;
  }
}

const char *diva_dtype_name(enum diva_dtype type) {
  switch (type) {
  case DIVA_FLOAT16:
    return "float16";
  case DIVA_BFLOAT16:
    return "bfloat16";
  case DIVA_FLOAT32:
    return "float32";
  default:
    return "float64";
  }
}

void diva_dataset_options_init(struct diva_dataset_options *options) {
  *options = (struct diva_dataset_options){.version = DIVA_STRUCT_VERSION};
}

void diva_dataset_arrays_init(struct diva_dataset_arrays *arrays) {
  *arrays =
      (struct diva_dataset_arrays){.version = DIVA_STRUCT_VERSION, .feature_type = DIVA_FLOAT32};
}

enum diva_status diva_dataset_allocate(struct diva_dataset **out, struct diva_error *error) {
  void *memory = NULL;
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof(struct diva_dataset), "a dataset", &memory, error);
  *out = memory;
  if (!status) {
    (*out)->info.layout = (*out)->layout;
  }
  return status;
}

/* What a part is called in front of its errors. */
static const char *part_name(const struct diva_dataset *dataset, enum diva_part part) {
  const struct diva_shards *shards = diva_dataset_shards(dataset);
  const char *name = shards ? shards->schema.parts[part].name : diva_part_default_name(part);
  return name + strspn(name, "/");
}

static enum diva_status finish_labels(struct diva_dataset *dataset, int64_t outputs,
                                      struct diva_error *error) {
  struct diva_label_facts facts;
  const struct diva_shards *shards = diva_dataset_shards(dataset);
  const bool single_class = shards && shards->schema.single_class;
  diva_labels_summarise(dataset->labels, dataset->info.rows, &facts);
  if (!facts.labelled && dataset->labels_optional) {
    dataset->info.labelled_rows = 0;
    return DIVA_OK;
  }
  enum diva_status status = diva_labels_check_classes(&facts, single_class, error);
  if (status) {
    diva_error_prefix(error, "%s: ", part_name(dataset, DIVA_PART_LABELS));
    return status;
  }
  dataset->info.labelled_rows = facts.labelled;
  dataset->info.outputs = outputs ? outputs : (int64_t)facts.largest + 1;
  return DIVA_OK;
}

enum { PLACE_SIZE = 256 };

/* "row 3", or "row 3 of FILE" where there are several files. */
static void format_place(const struct diva_dataset *dataset, int64_t row, char text[PLACE_SIZE]) {
  const struct diva_shards *shards = diva_dataset_shards(dataset);
  if (!shards || shards->count == 1) {
    snprintf(text, PLACE_SIZE, "row %" PRId64, row);
    return;
  }
  const struct diva_shard *shard = &shards->shards[diva_shards_find(shards, row)];
  snprintf(text, PLACE_SIZE, "row %" PRId64 " of %s", row - shard->first, shard->path);
}

static enum diva_status check_ids(const struct diva_dataset *dataset, struct diva_error *error) {
  char places[2][PLACE_SIZE];
  int64_t first, second;
  enum diva_status status = diva_string_table_duplicate(&dataset->ids, &first, &second, error);
  if (status || second < 0) {
    return status;
  }
  format_place(dataset, first, places[0]);
  format_place(dataset, second, places[1]);
  diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s and %s have the same id '%s'",
                 part_name(dataset, DIVA_PART_IDS), places[0], places[1],
                 diva_string_table_get(&dataset->ids, first));
  if (error) {
    error->row = second;
  }
  return DIVA_ERROR_INPUT;
}

enum diva_status diva_dataset_finish(struct diva_dataset *dataset, int64_t outputs,
                                     bool some_weight, struct diva_error *error) {
  struct diva_dataset_info *info = &dataset->info;
  info->has_targets = !dataset->labels;
  info->has_ids = dataset->ids.count > 0;
  info->has_weights = dataset->weights != NULL;
  info->has_class_names = dataset->class_names.count > 0;
  info->outputs = outputs;
  info->labelled_rows = info->rows;
  enum diva_status status = DIVA_OK;
  if (dataset->labels) {
    status = finish_labels(dataset, outputs, error);
  }
  if (!status && dataset->weights && !some_weight) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: all weights are 0; some must be positive",
                            part_name(dataset, DIVA_PART_WEIGHTS));
  }
  return status ? status : check_ids(dataset, error);
}

void diva_dataset_close(struct diva_dataset *dataset) {
  if (!dataset) {
    return;
  }
  if (dataset->reader) {
    dataset->ops->close(dataset->reader);
  }
  free(dataset->labels);
  free(dataset->weights);
  free(dataset->groups);
  diva_digests_destroy(dataset->digests);
  diva_string_table_free(&dataset->ids);
  diva_string_table_free(&dataset->class_names);
  diva_string_table_free(&dataset->group_names);
  diva_path_list_free(&dataset->paths);
  free(dataset);
}

void diva_dataset_describe(const struct diva_dataset *dataset, struct diva_dataset_info *out) {
  *out = dataset->info;
}

const int32_t *diva_dataset_labels(const struct diva_dataset *dataset) {
  return dataset->labels;
}

const double *diva_dataset_weights(const struct diva_dataset *dataset) {
  return dataset->weights;
}

const int32_t *diva_dataset_groups(const struct diva_dataset *dataset) {
  return dataset->groups;
}

const char *diva_dataset_group_factor(const struct diva_dataset *dataset) {
  return dataset->groups ? part_name(dataset, DIVA_PART_GROUP) : NULL;
}

const char *diva_dataset_group_name(const struct diva_dataset *dataset, int64_t group) {
  return diva_string_table_get(&dataset->group_names, group);
}

const char *diva_dataset_class_name(const struct diva_dataset *dataset, int64_t class_index) {
  return diva_string_table_get(&dataset->class_names, class_index);
}

/* Follows a row through views to the dataset that knows it by id and file. */
static const struct diva_dataset *find_origin(const struct diva_dataset *dataset, int64_t *row) {
  while (dataset->ops && dataset->ops->origin && *row >= 0 && *row < dataset->info.rows) {
    dataset = dataset->ops->origin(dataset->reader, row);
  }
  return dataset;
}

const char *diva_dataset_id(const struct diva_dataset *dataset, int64_t row,
                            char scratch[DIVA_ID_SCRATCH_SIZE]) {
  dataset = find_origin(dataset, &row);
  const char *id = diva_string_table_get(&dataset->ids, row);
  if (id) {
    return id;
  }
  snprintf(scratch, DIVA_ID_SCRATCH_SIZE, "%" PRId64, row);
  return scratch;
}

const char *diva_dataset_row_path(const struct diva_dataset *dataset, int64_t row,
                                  int64_t *row_in_file) {
  dataset = find_origin(dataset, &row);
  const struct diva_shards *shards = diva_dataset_shards(dataset);
  *row_in_file = row;
  if (!shards || row < 0 || row >= dataset->info.rows) {
    return NULL;
  }
  const struct diva_shard *shard = &shards->shards[diva_shards_find(shards, row)];
  *row_in_file = row - shard->first;
  return shard->path;
}

const char *diva_dataset_path(const struct diva_dataset *dataset, int64_t file) {
  return file >= 0 && file < dataset->paths.count ? dataset->paths.paths[file] : NULL;
}

struct diva_shards *diva_dataset_shards(const struct diva_dataset *dataset) {
  return dataset->paths.count ? dataset->reader : NULL;
}

const void *diva_dataset_stored(const struct diva_dataset *dataset) {
  return dataset->ops->stored ? dataset->ops->stored(dataset->reader) : NULL;
}

static enum diva_status read_part(struct diva_dataset *dataset, enum diva_part part, bool present,
                                  int64_t first, int64_t count, void *out,
                                  struct diva_error *error) {
  if (!present) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the dataset has no %s",
                          diva_part_default_name(part));
  }
  if (first < 0 || count < 0 || first > dataset->info.rows - count) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%" PRId64 " rows from row %" PRId64 " are not in a dataset of %" PRId64,
                          count, first, dataset->info.rows);
  }
  return count ? dataset->ops->read_rows(dataset->reader, part, first, count, out, error) : DIVA_OK;
}

enum diva_status diva_dataset_read_features(struct diva_dataset *dataset, int64_t first,
                                            int64_t count, void *out, struct diva_error *error) {
  return read_part(dataset, DIVA_PART_FEATURES, true, first, count, out, error);
}

enum diva_status diva_dataset_read_targets(struct diva_dataset *dataset, int64_t first,
                                           int64_t count, double *out, struct diva_error *error) {
  return read_part(dataset, DIVA_PART_TARGETS, dataset->info.has_targets, first, count, out, error);
}

enum diva_status diva_dataset_read_base_outputs(struct diva_dataset *dataset, int64_t first,
                                                int64_t count, double *out,
                                                struct diva_error *error) {
  return read_part(dataset, DIVA_PART_BASE_OUTPUTS, dataset->info.has_base_outputs, first, count,
                   out, error);
}
