/* Open datasets seen as one. */
#include "host/dataset/view.h"

#include "host/core/core.h"
#include "host/dataset/dataset_internal.h"
#include "host/dataset/widen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view {
  struct diva_dataset *sets[2]; /* the second may be NULL */
  int64_t first_rows;
  int64_t columns;
  int64_t outputs;
  enum diva_dtype type;
};

static enum diva_status read_features(const struct view *view, struct diva_dataset *dataset,
                                      int64_t first, int64_t count, char *out,
                                      struct diva_error *error) {
  const enum diva_dtype type = dataset->info.feature_type;
  const int64_t values = count * view->columns;
  const int64_t spare = diva_dtype_size(view->type) - diva_dtype_size(type);
  const enum diva_status status =
      diva_dataset_read_features(dataset, first, count, out + values * spare, error);
  if (!status && type != view->type) {
    diva_widen(out + values * spare, type, values, (double *)(void *)out);
  }
  return status;
}

/* Rows of base outputs and targets are equally wide in both sets. */
static enum diva_status read_of_set(const struct view *view, int set, enum diva_part part,
                                    int64_t first, int64_t count, void *out,
                                    struct diva_error *error) {
  struct diva_dataset *dataset = view->sets[set];
  if (part == DIVA_PART_FEATURES) {
    return read_features(view, dataset, first, count, out, error);
  }
  return part == DIVA_PART_TARGETS
             ? diva_dataset_read_targets(dataset, first, count, out, error)
             : diva_dataset_read_base_outputs(dataset, first, count, out, error);
}

static int64_t row_bytes(const struct view *view, enum diva_part part) {
  return part == DIVA_PART_FEATURES ? view->columns * diva_dtype_size(view->type)
                                    : view->outputs * (int64_t)sizeof(double);
}

static enum diva_status read_rows(void *reader, enum diva_part part, int64_t first, int64_t count,
                                  void *out, struct diva_error *error) {
  const struct view *view = reader;
  int64_t ahead = view->first_rows - first;
  ahead = ahead < 0 ? 0 : ahead < count ? ahead : count;
  enum diva_status status = ahead ? read_of_set(view, 0, part, first, ahead, out, error) : DIVA_OK;
  if (!status && ahead < count) {
    status = read_of_set(view, 1, part, first + ahead - view->first_rows, count - ahead,
                         (char *)out + ahead * row_bytes(view, part), error);
  }
  return status;
}

static const struct diva_dataset *find_origin(const void *reader, int64_t *row) {
  const struct view *view = reader;
  if (*row < view->first_rows) {
    return view->sets[0];
  }
  *row -= view->first_rows;
  return view->sets[1];
}

static const struct diva_reader_ops view_ops = {
    .read_rows = read_rows, .close = free, .origin = find_origin};

static enum diva_status copy_labels(struct diva_dataset *dataset, const struct view *view,
                                    const int32_t *labels, struct diva_error *error) {
  const int32_t *first = labels ? labels : diva_dataset_labels(view->sets[0]);
  if (!first) {
    dataset->info.labelled_rows = dataset->info.rows;
    return DIVA_OK;
  }
  enum diva_status status = diva_allocate(dataset->info.rows, (int64_t)sizeof *dataset->labels,
                                          "labels", (void **)&dataset->labels, error);
  for (int64_t i = 0; !status && i < dataset->info.rows; i++) {
    dataset->labels[i] =
        i < view->first_rows ? first[i] : diva_dataset_labels(view->sets[1])[i - view->first_rows];
    dataset->info.labelled_rows += dataset->labels[i] >= 0;
  }
  return status;
}

static enum diva_status make_reader(struct diva_dataset *dataset, struct diva_dataset *first,
                                    struct diva_dataset *second, struct diva_error *error) {
  struct view *view = NULL;
  const enum diva_status status =
      diva_allocate(1, (int64_t)sizeof *view, "a view", (void **)&view, error);
  if (!status) {
    *view = (struct view){.sets = {first, second},
                          .first_rows = first->info.rows,
                          .columns = first->info.columns,
                          .outputs = first->info.outputs,
                          .type = dataset->info.feature_type};
    dataset->reader = view;
    dataset->ops = &view_ops;
  }
  return status;
}

enum diva_status diva_view_open(struct diva_dataset *first, struct diva_dataset *second,
                                const int32_t *labels, struct diva_dataset **out,
                                struct diva_error *error) {
  struct diva_dataset *dataset = NULL;
  *out = NULL;
  enum diva_status status = diva_dataset_allocate(&dataset, error);
  if (status) {
    return status;
  }
  snprintf(dataset->layout, sizeof dataset->layout, "view");
  dataset->info.rows = first->info.rows + (second ? second->info.rows : 0);
  dataset->info.columns = first->info.columns;
  dataset->info.outputs = first->info.outputs;
  dataset->info.has_targets = first->info.has_targets && !labels;
  dataset->info.has_base_outputs =
      first->info.has_base_outputs && (!second || second->info.has_base_outputs);
  dataset->info.feature_type = second && second->info.feature_type != first->info.feature_type
                                   ? DIVA_FLOAT64
                                   : first->info.feature_type;
  status = make_reader(dataset, first, second, error);
  if (!status) {
    status = copy_labels(dataset, dataset->reader, labels, error);
  }
  if (status) {
    diva_dataset_close(dataset);
    return status;
  }
  *out = dataset;
  return DIVA_OK;
}

enum diva_status diva_view_weigh(struct diva_dataset *view, const double *weights,
                                 struct diva_error *error) {
  const enum diva_status status = diva_allocate(view->info.rows, (int64_t)sizeof *view->weights,
                                                "weights", (void **)&view->weights, error);
  if (!status) {
    memcpy(view->weights, weights, (size_t)view->info.rows * sizeof *weights);
    view->info.has_weights = true;
  }
  return status;
}
