/* A dataset over arrays that the caller holds in memory. */
#include "host/dataset/dataset_internal.h"

#include "host/core/core.h"
#include "host/dataset/labels.h"
#include "host/dataset/sizes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is borrowed from the caller. */
struct memory_reader {
  const void *features;
  const double *targets;
  const double *base_outputs;
  int64_t row_bytes; /* of features */
  int64_t outputs;
};

static enum diva_status read_rows(void *reader, enum diva_part part, int64_t first, int64_t count,
                                  void *out, struct diva_error *error) {
  const struct memory_reader *self = reader;
  if (part == DIVA_PART_FEATURES) {
    memcpy(out, (const char *)self->features + first * self->row_bytes,
           (size_t)(count * self->row_bytes));
    return DIVA_OK;
  }
  const double *values = part == DIVA_PART_TARGETS ? self->targets : self->base_outputs;
  memcpy(out, values + first * self->outputs, (size_t)(count * self->outputs) * sizeof *values);
  enum diva_status status = diva_values_check_finite(out, first, count, self->outputs, error);
  if (status) {
    diva_error_prefix(error, "%s: ", diva_part_default_name(part));
  }
  return status;
}

static const void *stored(const void *reader) {
  const struct memory_reader *self = reader;
  return self->features;
}

static const struct diva_reader_ops memory_ops = {
    .read_rows = read_rows, .close = free, .stored = stored};

static enum diva_status check_arrays(const struct diva_dataset_arrays *arrays,
                                     struct diva_error *error) {
  enum diva_status status = diva_version_check(arrays->version, "diva_dataset_arrays", error);
  if (status) {
    return status;
  }
  const int answers = (arrays->labels != NULL) + (arrays->targets != NULL);
  if (!arrays->features || answers != (arrays->unlabelled ? 0 : 1)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset needs features, and either labels or targets, or to be "
                          "unlabelled");
  }
  if (arrays->rows < 1 || arrays->columns < 1) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "features: %" PRId64 " rows x %" PRId64 " columns; there is no data",
                          arrays->rows, arrays->columns);
  }
  if (arrays->outputs < 0 || arrays->outputs > DIVA_CLASSES_MAX || arrays->columns > INT32_MAX) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%" PRId64 " outputs (limit %d), %" PRId64 " columns (limit %" PRId32 ")",
                          arrays->outputs, DIVA_CLASSES_MAX, arrays->columns, INT32_MAX);
  }
  if (!arrays->outputs && (arrays->targets || arrays->base_outputs || arrays->class_names)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "targets, base outputs and class names need the number of outputs");
  }
  struct diva_memory_limit limit = diva_memory_limit_make(0);
  struct diva_sizes sizes = {.rows = arrays->rows,
                             .columns = arrays->columns,
                             .outputs = arrays->outputs,
                             .element_size = diva_dtype_size(arrays->feature_type)};
  return diva_sizes_check(&sizes, &limit, error);
}

/* Blocks, so that no second whole copy as int64 is made. */
static enum diva_status copy_labels(struct diva_dataset *dataset,
                                    const struct diva_dataset_arrays *arrays,
                                    struct diva_error *error) {
  enum { BLOCK_ROWS = 1024 };
  int64_t block[BLOCK_ROWS];
  void *memory = NULL;
  struct diva_label_limit limit = diva_label_limit_make(arrays->outputs, arrays->rows);
  enum diva_status status =
      diva_allocate(arrays->rows, (int64_t)sizeof *dataset->labels, "labels", &memory, error);
  dataset->labels = memory;
  for (int64_t first = 0; !status && first < arrays->rows; first += BLOCK_ROWS) {
    int64_t left = arrays->rows - first;
    int64_t count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    for (int64_t i = 0; i < count; i++) {
      block[i] = arrays->labels ? arrays->labels[first + i] : -1;
    }
    status = diva_labels_narrow(&limit, block, false, first, count, dataset->labels + first, error);
    if (status) {
      diva_error_prefix(error, "labels: ");
    }
  }
  return status;
}

static enum diva_status copy_weights(struct diva_dataset *dataset,
                                     const struct diva_dataset_arrays *arrays, bool *positive,
                                     struct diva_error *error) {
  void *memory = NULL;
  enum diva_status status =
      diva_allocate(arrays->rows, (int64_t)sizeof *dataset->weights, "weights", &memory, error);
  if (status) {
    return status;
  }
  dataset->weights = memory;
  memcpy(dataset->weights, arrays->weights, (size_t)arrays->rows * sizeof *dataset->weights);
  status = diva_weights_check(dataset->weights, 0, arrays->rows, positive, error);
  if (status) {
    diva_error_prefix(error, "weights: ");
  }
  return status;
}

static enum diva_status copy_strings(struct diva_string_table *table, const char *const *strings,
                                     int64_t count, const char *what, struct diva_error *error) {
  enum diva_status status = diva_string_table_init(table, count, INT64_MAX, error);
  for (int64_t i = 0; !status && i < count; i++) {
    status = strings[i]
                 ? diva_string_table_append(table, strings[i], (int64_t)strlen(strings[i]), error)
                 : diva_error_set(error, DIVA_ERROR_INPUT, "no string");
    if (status) {
      diva_error_prefix(error, "%s: row %" PRId64 ": ", what, i);
      if (error) {
        error->row = i;
      }
    }
  }
  return status;
}

static enum diva_status copy_columns(struct diva_dataset *dataset,
                                     const struct diva_dataset_arrays *arrays, bool *some_weight,
                                     struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (arrays->labels || arrays->unlabelled) {
    status = copy_labels(dataset, arrays, error);
  }
  if (!status && arrays->weights) {
    status = copy_weights(dataset, arrays, some_weight, error);
  }
  if (!status && arrays->ids) {
    status = copy_strings(&dataset->ids, arrays->ids, arrays->rows, "ids", error);
  }
  if (!status && arrays->class_names) {
    status = copy_strings(&dataset->class_names, arrays->class_names, arrays->outputs,
                          "class_names", error);
    if (!status) {
      status = diva_class_names_check(&dataset->class_names, error);
      if (status) {
        diva_error_prefix(error, "class_names: ");
      }
    }
  }
  return status;
}

static enum diva_status make_reader(struct diva_dataset *dataset,
                                    const struct diva_dataset_arrays *arrays,
                                    struct diva_error *error) {
  void *memory = NULL;
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof(struct memory_reader), "a reader", &memory, error);
  if (!status) {
    struct memory_reader *reader = memory;
    *reader = (struct memory_reader){
        .features = arrays->features,
        .targets = arrays->targets,
        .base_outputs = arrays->base_outputs,
        .row_bytes = arrays->columns * diva_dtype_size(arrays->feature_type),
        .outputs = arrays->outputs,
    };
    dataset->reader = reader;
    dataset->ops = &memory_ops;
  }
  return status;
}

enum diva_status diva_dataset_from_arrays(const struct diva_dataset_arrays *arrays,
                                          struct diva_dataset **out, struct diva_error *error) {
  struct diva_dataset *dataset = NULL;
  bool some_weight = false;
  *out = NULL;
  enum diva_status status = check_arrays(arrays, error);
  if (!status) {
    status = diva_dataset_allocate(&dataset, error);
  }
  if (status) {
    return status;
  }
  snprintf(dataset->layout, sizeof dataset->layout, "memory");
  dataset->info.rows = arrays->rows;
  dataset->info.columns = arrays->columns;
  dataset->info.feature_type = arrays->feature_type;
  dataset->info.has_base_outputs = arrays->base_outputs != NULL;
  dataset->labels_optional = arrays->unlabelled;
  status = make_reader(dataset, arrays, error);
  if (!status) {
    status = copy_columns(dataset, arrays, &some_weight, error);
  }
  if (!status) {
    status = diva_dataset_finish(dataset, arrays->outputs, some_weight, error);
  }
  if (status) {
    diva_dataset_close(dataset);
    return status;
  }
  *out = dataset;
  return DIVA_OK;
}
