/* One file of a dataset: its parts, checked against each other before any row is read. */
#include "host/dataset/hdf5_source.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_missing.h"
#include "host/dataset/hdf5_type.h"
#include "host/dataset/labels.h"
#include "host/dataset/sizes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum diva_status find_part(struct diva_h5_source *source, const struct diva_schema *schema,
                                  enum diva_part part, struct diva_error *error) {
  return diva_h5_dataset_find(&source->file, schema->parts[part].name, schema->parts[part].required,
                              &source->parts[part], error);
}

static bool has_part(const struct diva_h5_source *source, enum diva_part part) {
  return diva_h5_dataset_is_open(&source->parts[part]);
}

static enum diva_status find_answers(struct diva_h5_source *source,
                                     const struct diva_schema *schema, struct diva_error *error) {
  char what[DIVA_H5_TEXT_SIZE];
  if (schema->labelling == DIVA_LABELLING_IGNORED) {
    return DIVA_OK;
  }
  if (!schema->prefer_targets) {
    enum diva_status status = find_part(source, schema, DIVA_PART_LABELS, error);
    if (status || has_part(source, DIVA_PART_LABELS)) {
      return status;
    }
  }
  enum diva_status status = find_part(source, schema, DIVA_PART_TARGETS, error);
  if (status || has_part(source, DIVA_PART_TARGETS) ||
      schema->labelling == DIVA_LABELLING_OPTIONAL) {
    return status;
  }
  snprintf(what, sizeof what, "dataset /%s and no /%s", schema->parts[DIVA_PART_LABELS].name,
           schema->parts[DIVA_PART_TARGETS].name);
  return diva_h5_fail_missing(&source->file, what, schema->parts[DIVA_PART_LABELS].name, error);
}

static enum diva_status find_parts(struct diva_h5_source *source, const struct diva_schema *schema,
                                   struct diva_error *error) {
  static const enum diva_part others[] = {DIVA_PART_IDS, DIVA_PART_BASE_OUTPUTS, DIVA_PART_WEIGHTS};
  enum diva_status status = find_part(source, schema, DIVA_PART_FEATURES, error);
  if (!status) {
    status = find_answers(source, schema, error);
  }
  for (size_t i = 0; !status && i < sizeof others / sizeof *others; i++) {
    status = find_part(source, schema, others[i], error);
  }
  if (!status && schema->parts[DIVA_PART_GROUP].required) {
    status = find_part(source, schema, DIVA_PART_GROUP, error);
  }
  return status;
}

static enum diva_status check_feature_type(struct diva_h5_source *source,
                                           struct diva_error *error) {
  const struct diva_h5_dataset *features = &source->parts[DIVA_PART_FEATURES];
  char text[DIVA_H5_TYPE_TEXT_SIZE];
  if (!diva_h5_float_classify(features->type, &source->feature_type)) {
    diva_h5_type_describe(features->type, text);
    return diva_h5_dataset_fail(
        features, DIVA_ERROR_INPUT, error,
        "features are %s; store them as float16, bfloat16, float32 or float64", text);
  }
  source->feature_memory_type = diva_h5_type_native_order(features->type);
  if (source->feature_memory_type < 0) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_RESOURCE, error,
                                "HDF5 could not make a datatype");
  }
  return DIVA_OK;
}

static enum diva_status check_feature_shape(const struct diva_h5_dataset *features,
                                            struct diva_error *error) {
  char shape[DIVA_H5_SHAPE_SIZE];
  diva_h5_dataset_shape(features, shape);
  if (features->rank != 2) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error,
                                "has %d dimension%s (%s); features are rows x columns",
                                features->rank, diva_plural(features->rank), shape);
  }
  if (!features->dims[0] || !features->dims[1]) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error, "has no %s (%s)",
                                features->dims[0] ? "columns" : "rows", shape);
  }
  if (features->dims[1] > INT32_MAX) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error,
                                "has %" PRId64 " columns (limit %" PRId32 ")", features->dims[1],
                                INT32_MAX);
  }
  return DIVA_OK;
}

/* HDF5 reads zeros where nothing was ever stored, which no later check would notice. */
static enum diva_status check_feature_storage(const struct diva_h5_dataset *features,
                                              const struct diva_memory_limit *limit,
                                              struct diva_error *error) {
  int64_t bytes = 0;
  int64_t across = 0;
  H5D_layout_t layout = H5Pget_layout(features->creation);
  if (layout != H5D_VIRTUAL && !H5Dget_storage_size(features->id)) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error,
                                "was created but nothing was ever written to it");
  }
  if (!diva_h5_dataset_chunk(features, &bytes, &across)) {
    return diva_h5_dataset_fail(features, DIVA_ERROR_INPUT, error, "the size of a chunk overflows");
  }
  enum diva_status status = diva_memory_check(bytes, "one chunk", limit, error);
  if (status) {
    diva_h5_dataset_prefix(features, error);
  }
  return status;
}

static enum diva_status check_features(struct diva_h5_source *source,
                                       const struct diva_memory_limit *limit,
                                       struct diva_error *error) {
  enum { CACHE_SHARE = 8 };
  struct diva_h5_dataset *features = &source->parts[DIVA_PART_FEATURES];
  enum diva_status status = check_feature_shape(features, error);
  if (!status) {
    status = check_feature_type(source, error);
  }
  if (status) {
    return status;
  }
  source->rows = features->dims[0];
  source->columns = features->dims[1];
  struct diva_sizes sizes = {.rows = source->rows,
                             .columns = source->columns,
                             .element_size = diva_dtype_size(source->feature_type)};
  status = diva_sizes_check(&sizes, limit, error);
  if (status) {
    diva_h5_dataset_prefix(features, error);
    return status;
  }
  status = check_feature_storage(features, limit, error);
  return status ? status
                : diva_h5_dataset_cache_chunks(features, limit->allowed / CACHE_SHARE, error);
}

static enum diva_status check_rows(const struct diva_h5_source *source,
                                   const struct diva_h5_dataset *part, struct diva_error *error) {
  if (part->dims[0] != source->rows) {
    return diva_h5_dataset_fail(part, DIVA_ERROR_INPUT, error,
                                "has %" PRId64 " rows, but /%s has %" PRId64, part->dims[0],
                                source->parts[DIVA_PART_FEATURES].name, source->rows);
  }
  return DIVA_OK;
}

/* One value a row: rank 1, or rank 2 with one column. */
static enum diva_status check_column(const struct diva_h5_source *source, enum diva_part part,
                                     const char *what, struct diva_error *error) {
  const struct diva_h5_dataset *dataset = &source->parts[part];
  char shape[DIVA_H5_SHAPE_SIZE];
  if (dataset->rank != 1 && !(dataset->rank == 2 && dataset->dims[1] == 1)) {
    diva_h5_dataset_shape(dataset, shape);
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "has %d dimension%s (%s); %s are one value a row", dataset->rank,
                                diva_plural(dataset->rank), shape, what);
  }
  return check_rows(source, dataset, error);
}

static enum diva_status check_labels(const struct diva_h5_source *source,
                                     struct diva_error *error) {
  const struct diva_h5_dataset *labels = &source->parts[DIVA_PART_LABELS];
  char text[DIVA_H5_TYPE_TEXT_SIZE];
  if (!diva_h5_is_integer(labels->type)) {
    diva_h5_type_describe(labels->type, text);
    return diva_h5_dataset_fail(labels, DIVA_ERROR_INPUT, error,
                                "labels are %s; store them as integers, 0 to classes - 1, and "
                                "names in the attribute class_names",
                                text);
  }
  return check_column(source, DIVA_PART_LABELS, "labels", error);
}

/* Ids and groups: strings or integers. */
static enum diva_status check_names(const struct diva_h5_source *source, enum diva_part part,
                                    const char *what, struct diva_error *error) {
  const struct diva_h5_dataset *ids = &source->parts[part];
  char text[DIVA_H5_TYPE_TEXT_SIZE];
  H5T_class_t class = H5Tget_class(ids->type);
  if (class != H5T_STRING && !(class == H5T_INTEGER && diva_h5_is_integer(ids->type))) {
    diva_h5_type_describe(ids->type, text);
    return diva_h5_dataset_fail(ids, DIVA_ERROR_INPUT, error,
                                "%s are %s; store them as strings or integers", what, text);
  }
  return check_column(source, part, what, error);
}

static enum diva_status check_weights(const struct diva_h5_source *source,
                                      struct diva_error *error) {
  const struct diva_h5_dataset *weights = &source->parts[DIVA_PART_WEIGHTS];
  char text[DIVA_H5_TYPE_TEXT_SIZE];
  enum diva_dtype type;
  if (!diva_h5_float_classify(weights->type, &type) && H5Tget_class(weights->type) != H5T_INTEGER) {
    diva_h5_type_describe(weights->type, text);
    return diva_h5_dataset_fail(weights, DIVA_ERROR_INPUT, error,
                                "weights are %s; store them as floats or integers", text);
  }
  return check_column(source, DIVA_PART_WEIGHTS, "weights", error);
}

/* Targets and base outputs: rows x outputs of floats. */
static enum diva_status check_matrix(const struct diva_h5_source *source, enum diva_part part,
                                     struct diva_error *error) {
  const struct diva_h5_dataset *dataset = &source->parts[part];
  char text[DIVA_H5_SHAPE_SIZE];
  enum diva_dtype type;
  if (!diva_h5_float_classify(dataset->type, &type)) {
    diva_h5_type_describe(dataset->type, text);
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "holds %s; store it as float16, bfloat16, float32 or float64",
                                text);
  }
  diva_h5_dataset_shape(dataset, text);
  if (dataset->rank != 1 && dataset->rank != 2) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "has %d dimension%s (%s); it is rows x outputs", dataset->rank,
                                diva_plural(dataset->rank), text);
  }
  if (!diva_h5_dataset_width(dataset)) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error, "has no columns (%s)", text);
  }
  if (diva_h5_dataset_width(dataset) > DIVA_CLASSES_MAX) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "has %" PRId64 " columns (limit %d)", dataset->dims[1],
                                DIVA_CLASSES_MAX);
  }
  return check_rows(source, dataset, error);
}

static enum diva_status check_answers(const struct diva_h5_source *source,
                                      struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (has_part(source, DIVA_PART_LABELS)) {
    status = check_labels(source, error);
  }
  if (!status && has_part(source, DIVA_PART_TARGETS)) {
    status = check_matrix(source, DIVA_PART_TARGETS, error);
  }
  if (!status && has_part(source, DIVA_PART_BASE_OUTPUTS)) {
    status = check_matrix(source, DIVA_PART_BASE_OUTPUTS, error);
  }
  if (!status && has_part(source, DIVA_PART_IDS)) {
    status = check_names(source, DIVA_PART_IDS, "ids", error);
  }
  if (!status && has_part(source, DIVA_PART_GROUP)) {
    status = check_names(source, DIVA_PART_GROUP, "groups", error);
  }
  if (!status && has_part(source, DIVA_PART_WEIGHTS)) {
    status = check_weights(source, error);
  }
  return status;
}

/* The number of outputs, on which all that tell it have to agree. */
static enum diva_status agree_on_outputs(struct diva_h5_source *source, struct diva_error *error) {
  static const enum diva_part matrices[] = {DIVA_PART_TARGETS, DIVA_PART_BASE_OUTPUTS};
  const struct diva_h5_dataset *teller = NULL;
  for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
    const struct diva_h5_dataset *dataset = &source->parts[matrices[i]];
    if (!diva_h5_dataset_is_open(dataset)) {
      continue;
    }
    int64_t width = diva_h5_dataset_width(dataset);
    if (teller && width != source->outputs) {
      return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                  "has %" PRId64 " column%s, but /%s has %" PRId64, width,
                                  diva_plural(width), teller->name, source->outputs);
    }
    teller = dataset;
    source->outputs = width;
  }
  int64_t names = source->class_names.count;
  if (names && teller && names != source->outputs) {
    return diva_h5_dataset_fail(teller, DIVA_ERROR_INPUT, error,
                                "has %" PRId64 " column%s, but there %s %" PRId64 " class_name%s",
                                source->outputs, diva_plural(source->outputs),
                                names == 1 ? "is" : "are", names, diva_plural(names));
  }
  source->outputs = names ? names : source->outputs;
  return DIVA_OK;
}

enum diva_status diva_h5_source_open(struct diva_h5_source *source, const char *path,
                                     const struct diva_schema *schema, struct diva_error *error) {
  struct diva_memory_limit limit = diva_memory_limit_make(schema->memory);
  *source = (struct diva_h5_source){.feature_memory_type = H5I_INVALID_HID};
  for (int part = 0; part < DIVA_PARTS; part++) {
    source->parts[part] = diva_h5_dataset_none();
  }
  enum diva_status status = diva_h5_file_open(&source->file, path, schema->allow_external, error);
  if (!status) {
    status = find_parts(source, schema, error);
  }
  if (!status) {
    status = check_features(source, &limit, error);
  }
  if (!status) {
    status = check_answers(source, error);
  }
  if (!status) {
    status = diva_h5_class_names_read(source, error);
  }
  if (!status) {
    status = agree_on_outputs(source, error);
  }
  if (status) {
    diva_h5_source_close(source);
  }
  return status;
}

void diva_h5_source_close(struct diva_h5_source *source) {
  diva_h5_close_id(&source->feature_memory_type);
  for (int part = 0; part < DIVA_PARTS; part++) {
    diva_h5_dataset_close(&source->parts[part]);
  }
  diva_h5_file_close(&source->file);
  diva_string_table_free(&source->class_names);
}
