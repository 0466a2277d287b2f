/* From paths to an open dataset: every shard checked alone, then against the first, then read. */
#include "host/dataset/dataset_internal.h"
#include "host/dataset/digests.h"
#include "host/dataset/group_codes.h"

#include "host/core/core.h"
#include "host/dataset/labels.h"
#include "host/dataset/shards.h"
#include "host/dataset/sizes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The dataset takes over the reader at once, so that closing the dataset cleans up any failure. */
static enum diva_status make_shards(struct diva_dataset *dataset,
                                    const struct diva_dataset_options *options,
                                    struct diva_error *error) {
  void *memory = NULL;
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof(struct diva_shards), "a reader", &memory, error);
  if (status) {
    return status;
  }
  struct diva_shards *shards = memory;
  shards->current = -1;
  shards->count = dataset->paths.count;
  dataset->reader = shards;
  dataset->ops = diva_shards_ops();
  status = diva_schema_make(options, &shards->schema, error);
  if (!status) {
    status = diva_allocate(shards->count, (int64_t)sizeof *shards->shards, "a list of files",
                           &memory, error);
    shards->shards = status ? NULL : memory;
  }
  for (int64_t i = 0; !status && i < shards->count; i++) {
    shards->shards[i].path = dataset->paths.paths[i];
  }
  return status;
}

static enum diva_status disagree(const struct diva_shards *shards, const char *what,
                                 struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s differ from those of %s",
                        shards->source.file.path, what, shards->shards[0].path);
}

static bool same_names(const struct diva_string_table *a, const struct diva_string_table *b) {
  bool same = a->count == b->count;
  for (int64_t i = 0; same && i < a->count; i++) {
    same = !strcmp(diva_string_table_get(a, i), diva_string_table_get(b, i));
  }
  return same;
}

static bool has_part(const struct diva_shards *shards, enum diva_part part) {
  return diva_h5_dataset_is_open(&shards->source.parts[part]);
}

/* A shard of unlabelled rows need not name the classes that others have. */
static bool knows_no_classes(const struct diva_shards *shards) {
  return shards->schema.labelling == DIVA_LABELLING_OPTIONAL &&
         !has_part(shards, DIVA_PART_LABELS) && !has_part(shards, DIVA_PART_TARGETS) &&
         !shards->source.class_names.count;
}

/* Compares the shard that is open with what the first one said. */
static enum diva_status compare_shard(const struct diva_dataset *dataset,
                                      const struct diva_shards *shards, struct diva_error *error) {
  const struct diva_h5_source *source = &shards->source;
  const struct diva_dataset_info *info = &dataset->info;
  if (source->columns != info->columns) {
    return diva_error_set(
        error, DIVA_ERROR_INPUT, "%s: /%s has %" PRId64 " column%s, but %s has %" PRId64,
        source->file.path, source->parts[DIVA_PART_FEATURES].name, source->columns,
        diva_plural(source->columns), shards->shards[0].path, info->columns);
  }
  if (source->feature_type != info->feature_type) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: /%s is %s, but in %s it is %s",
                          source->file.path, source->parts[DIVA_PART_FEATURES].name,
                          diva_dtype_name(source->feature_type), shards->shards[0].path,
                          diva_dtype_name(info->feature_type));
  }
  const bool silent = knows_no_classes(shards);
  if (!silent && !same_names(&source->class_names, &dataset->class_names)) {
    return disagree(shards, "the class_names", error);
  }
  if (has_part(shards, DIVA_PART_TARGETS) != info->has_targets) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: has %s, but %s has %s", source->file.path,
                          info->has_targets ? "labels" : "targets", shards->shards[0].path,
                          info->has_targets ? "targets" : "labels");
  }
  if (!silent && source->outputs != shards->outputs) {
    return disagree(shards, "the numbers of outputs", error);
  }
  if (has_part(shards, DIVA_PART_IDS) != info->has_ids ||
      has_part(shards, DIVA_PART_WEIGHTS) != info->has_weights ||
      has_part(shards, DIVA_PART_BASE_OUTPUTS) != info->has_base_outputs) {
    return disagree(shards, "the datasets (ids, weights or base outputs) present", error);
  }
  return DIVA_OK;
}

/* Takes over what the first shard says of all. */
static void take_first_shard(struct diva_dataset *dataset, struct diva_shards *shards) {
  struct diva_h5_source *source = &shards->source;
  dataset->info.columns = source->columns;
  dataset->info.feature_type = source->feature_type;
  dataset->info.has_targets = has_part(shards, DIVA_PART_TARGETS);
  dataset->info.has_ids = has_part(shards, DIVA_PART_IDS);
  dataset->info.has_weights = has_part(shards, DIVA_PART_WEIGHTS);
  dataset->info.has_base_outputs = has_part(shards, DIVA_PART_BASE_OUTPUTS);
  shards->columns = source->columns;
  shards->outputs = source->outputs;
  dataset->class_names = source->class_names;
  source->class_names = (struct diva_string_table){0};
  diva_h5_dataset_layout(&source->parts[DIVA_PART_FEATURES], dataset->layout);
}

static enum diva_status check_shard(struct diva_dataset *dataset, struct diva_shards *shards,
                                    int64_t index, struct diva_error *error) {
  struct diva_shard *shard = &shards->shards[index];
  struct diva_memory_limit limit = diva_memory_limit_make(shards->schema.memory);
  enum diva_status status = diva_shards_use(shards, index, error);
  if (!status) {
    status = diva_shards_remember(shards, index, error);
  }
  if (!status && index > 0) {
    status = compare_shard(dataset, shards, error);
  } else if (!status) {
    take_first_shard(dataset, shards);
  }
  if (status) {
    return status;
  }
  shard->first = dataset->info.rows;
  shard->rows = shards->source.rows;
  dataset->info.rows += shard->rows;
  struct diva_sizes sizes = {.rows = dataset->info.rows,
                             .columns = dataset->info.columns,
                             .outputs = shards->outputs,
                             .element_size = diva_dtype_size(dataset->info.feature_type)};
  status = diva_sizes_check(&sizes, &limit, error);
  if (status) {
    diva_h5_dataset_prefix(&shards->source.parts[DIVA_PART_FEATURES], error);
  }
  return status;
}

static enum diva_status allocate_columns(struct diva_dataset *dataset,
                                         const struct diva_shards *shards,
                                         struct diva_error *error) {
  const struct diva_dataset_info *info = &dataset->info;
  void *memory = NULL;
  enum diva_status status = DIVA_OK;
  if (!info->has_targets) {
    status = diva_allocate(info->rows, (int64_t)sizeof *dataset->labels, "labels", &memory, error);
    dataset->labels = memory;
    for (int64_t i = 0; !status && i < info->rows; i++) {
      dataset->labels[i] = -1;
    }
  }
  if (!status && info->has_weights) {
    status =
        diva_allocate(info->rows, (int64_t)sizeof *dataset->weights, "weights", &memory, error);
    dataset->weights = memory;
  }
  if (!status && info->has_ids) {
    struct diva_memory_limit limit = diva_memory_limit_make(shards->schema.memory);
    status = diva_string_table_init(&dataset->ids, info->rows, limit.allowed, error);
  }
  if (!status && shards->schema.parts[DIVA_PART_GROUP].required) {
    struct diva_memory_limit limit = diva_memory_limit_make(shards->schema.memory);
    status = diva_string_table_init(&dataset->group_names, info->rows, limit.allowed, error);
  }
  return status;
}

static enum diva_status read_shard(struct diva_dataset *dataset, struct diva_shards *shards,
                                   int64_t index, bool *some_weight, struct diva_error *error) {
  const struct diva_shard *shard = &shards->shards[index];
  const struct diva_h5_source *source = &shards->source;
  enum diva_status status = diva_shards_use(shards, index, error);
  if (status) {
    return status;
  }
  if (has_part(shards, DIVA_PART_LABELS)) {
    status = diva_h5_labels_read(source, shards->outputs, dataset->class_names.count > 0,
                                 dataset->info.rows, dataset->labels + shard->first, error);
  }
  if (!status && dataset->weights) {
    status = diva_h5_weights_read(source, dataset->weights + shard->first, some_weight, error);
  }
  if (!status && dataset->info.has_ids) {
    status = diva_h5_ids_read(source, &dataset->ids, error);
  }
  if (!status && shards->schema.parts[DIVA_PART_GROUP].required) {
    status = diva_h5_groups_read(source, &dataset->group_names, error);
  }
  if (status && error && error->row >= 0) {
    error->row += shard->first;
  }
  return status;
}

/* "FILE: " or "FILE and 3 more: " before what concerns the whole set. */
static void prefix_files(const struct diva_shards *shards, struct diva_error *error) {
  if (shards->count == 1) {
    diva_error_prefix(error, "%s: /", shards->shards[0].path);
  } else {
    diva_error_prefix(error, "%s and %" PRId64 " more: /", shards->shards[0].path,
                      shards->count - 1);
  }
}

static enum diva_status load(struct diva_dataset *dataset, struct diva_shards *shards,
                             struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  bool some_weight = false;
  for (int64_t i = 0; !status && i < shards->count; i++) {
    status = check_shard(dataset, shards, i, error);
  }
  if (!status) {
    status = allocate_columns(dataset, shards, error);
  }
  for (int64_t i = 0; !status && i < shards->count; i++) {
    status = read_shard(dataset, shards, i, &some_weight, error);
  }
  if (!status && shards->schema.parts[DIVA_PART_GROUP].required) {
    status = diva_group_codes_make(&dataset->group_names, &dataset->groups, error);
  }
  if (!status) {
    status = diva_dataset_finish(dataset, shards->outputs, some_weight, error);
    if (status) {
      prefix_files(shards, error);
    }
  }
  return status;
}

enum diva_status diva_dataset_open(const char *const *paths, int64_t path_count,
                                   const struct diva_dataset_options *options,
                                   struct diva_dataset **out, struct diva_error *error) {
  struct diva_dataset *dataset = NULL;
  struct diva_dataset_options defaults;
  *out = NULL;
  if (!options) {
    diva_dataset_options_init(&defaults);
    options = &defaults;
  }
  enum diva_status status = diva_version_check(options->version, "diva_dataset_options", error);
  if (!status) {
    status = diva_dataset_allocate(&dataset, error);
  }
  if (!status) {
    status = diva_path_list_expand(&dataset->paths, paths, path_count, error);
  }
  if (!status) {
    status = diva_digests_create(&dataset->paths, &dataset->digests, error);
  }
  if (!status) {
    status = make_shards(dataset, options, error);
  }
  if (!status) {
    struct diva_h5_scope scope;
    dataset->info.files = dataset->paths.count;
    dataset->labels_optional = options->labelling != DIVA_LABELLING_REQUIRED;
    diva_h5_enter(&scope);
    status = load(dataset, dataset->reader, error);
    diva_h5_leave(&scope);
  }
  if (status) {
    diva_dataset_close(dataset);
    return status;
  }
  *out = dataset;
  return DIVA_OK;
}
