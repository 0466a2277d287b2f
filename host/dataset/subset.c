/* Drawing rows of a dataset into memory. */
#include "host/dataset/subset.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <stdlib.h>
#include <string.h>

/* Rows read at a time: a few tens of MiB at usual widths. */
enum { BLOCK_ROWS = 4096 };

static bool is_eligible(const int32_t *labels, const double *weights, int64_t i) {
  return labels[i] >= 0 && (!weights || weights[i] > 0.0);
}

static enum diva_status allocate(const struct diva_dataset_info *info, struct diva_subset *subset,
                                 struct diva_error *error) {
  const int64_t row_bytes = info->columns * diva_dtype_size(info->feature_type);
  enum diva_status status = diva_allocate(subset->rows, sizeof *subset->index, "sampled rows",
                                          (void **)&subset->index, error);
  if (status == DIVA_OK) {
    status = diva_allocate(subset->rows, sizeof *subset->labels, "sampled labels",
                           (void **)&subset->labels, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(subset->rows, sizeof *subset->weights, "sampled weights",
                           (void **)&subset->weights, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(subset->rows, row_bytes, "sampled features", &subset->features, error);
  }
  if (status == DIVA_OK && info->has_base_outputs) {
    status = diva_allocate(subset->rows * info->outputs, sizeof *subset->base_outputs,
                           "sampled base outputs", (void **)&subset->base_outputs, error);
  }
  return status;
}

/* Rows to draw from, and how many of them: those that are needed, and the others. */
enum stratum { OTHERS, NEEDED, STRATA };
struct strata {
  int64_t eligible[STRATA];
  int64_t wanted[STRATA];
};

static enum stratum stratum_of(const uint8_t *needed, int64_t i) {
  return needed && needed[i] ? NEEDED : OTHERS;
}

static void count_eligible(const int32_t *labels, const struct diva_subset_request *request,
                           int64_t rows, struct strata *out) {
  for (int64_t i = 0; i < rows; i++) {
    out->eligible[stratum_of(request->needed, i)] += is_eligible(labels, request->weights, i);
  }
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Shares as in the whole, unless too few would be among the needed. */
static void share_out(int64_t rows, struct strata *strata) {
  const int64_t all = strata->eligible[NEEDED] + strata->eligible[OTHERS];
  const double even = all > 0 ? (double)rows * (double)strata->eligible[NEEDED] / (double)all : 0.0;
  const int64_t enough = least(strata->eligible[NEEDED], rows / 4);
  const int64_t usual = least((int64_t)even, strata->eligible[NEEDED]);
  strata->wanted[NEEDED] = usual > enough ? usual : enough;
  strata->wanted[OTHERS] = least(rows - strata->wanted[NEEDED], strata->eligible[OTHERS]);
  strata->wanted[NEEDED] = rows - strata->wanted[OTHERS];
}

/* A plain sample of each stratum. */
static void select_rows(const int32_t *labels, const struct diva_subset_request *request,
                        int64_t rows, struct strata *left, struct diva_subset *subset) {
  struct diva_random random = {.state = request->seed};
  int64_t taken = 0;
  for (int64_t i = 0; i < rows && taken < subset->rows; i++) {
    const enum stratum mine = stratum_of(request->needed, i);
    if (is_eligible(labels, request->weights, i) &&
        diva_random_selects(&random, &left->eligible[mine], &left->wanted[mine])) {
      subset->labels[taken] = labels[i];
      subset->weights[taken] = request->weights ? request->weights[i] : 1.0;
      subset->index[taken++] = i;
    }
  }
}

/* Copies the selected rows of a block from both arrays. */
static enum diva_status read_block(struct diva_dataset *dataset,
                                   const struct diva_dataset_info *info, int64_t first,
                                   int64_t count, void *block, double *outputs, int64_t *at,
                                   struct diva_subset *subset, struct diva_error *error) {
  const size_t row_bytes = (size_t)(info->columns * diva_dtype_size(info->feature_type));
  const size_t k = (size_t)info->outputs;
  enum diva_status status = diva_dataset_read_features(dataset, first, count, block, error);
  if (status == DIVA_OK && outputs) {
    status = diva_dataset_read_base_outputs(dataset, first, count, outputs, error);
  }
  for (; status == DIVA_OK && *at < subset->rows && subset->index[*at] < first + count; ++*at) {
    const size_t to = (size_t)*at;
    const size_t from = (size_t)(subset->index[*at] - first);
    memcpy((char *)subset->features + to * row_bytes, (const char *)block + from * row_bytes,
           row_bytes);
    if (outputs) {
      memcpy(subset->base_outputs + to * k, outputs + from * k, k * sizeof *outputs);
    }
  }
  return status;
}

static enum diva_status read_rows(struct diva_dataset *dataset,
                                  const struct diva_dataset_info *info,
                                  const struct diva_progress *progress, struct diva_subset *subset,
                                  struct diva_error *error) {
  void *block = NULL;
  double *outputs = NULL;
  int64_t at = 0;
  enum diva_status status =
      diva_allocate(BLOCK_ROWS, info->columns * diva_dtype_size(info->feature_type),
                    "a block of rows", &block, error);
  if (status == DIVA_OK && info->has_base_outputs) {
    status = diva_allocate(BLOCK_ROWS * info->outputs, sizeof *outputs, "a block of base outputs",
                           (void **)&outputs, error);
  }
  for (int64_t first = 0; first < info->rows && at < subset->rows && status == DIVA_OK;
       first += BLOCK_ROWS) {
    const int64_t left = info->rows - first;
    status = diva_progress_report(progress, "sample", first, info->rows, error);
    if (status == DIVA_OK) {
      status = read_block(dataset, info, first, left < BLOCK_ROWS ? left : BLOCK_ROWS, block,
                          outputs, &at, subset, error);
    }
  }
  free(block);
  free(outputs);
  return status;
}

static enum diva_status open_rows(const struct diva_subset *subset,
                                  const struct diva_dataset_info *info, const int32_t *labels,
                                  struct diva_dataset **out, struct diva_error *error) {
  struct diva_dataset_arrays arrays;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = subset->rows;
  arrays.columns = info->columns;
  arrays.outputs = info->outputs;
  arrays.feature_type = info->feature_type;
  arrays.features = subset->features;
  arrays.labels = labels;
  arrays.base_outputs = subset->base_outputs;
  arrays.weights = subset->weights;
  return diva_dataset_from_arrays(&arrays, out, error);
}

enum diva_status diva_subset_draw(struct diva_dataset *dataset,
                                  const struct diva_subset_request *request,
                                  const struct diva_progress *progress, struct diva_subset *out,
                                  struct diva_error *error) {
  struct diva_dataset_info info;
  const int32_t *labels = diva_dataset_labels(dataset);
  *out = (struct diva_subset){0};
  diva_dataset_describe(dataset, &info);
  if (!labels) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "scale and kernel auto are chosen by class labels; a "
                          "dataset of targets has none");
  }
  struct strata strata = {0};
  count_eligible(labels, request, info.rows, &strata);
  out->rows = least(strata.eligible[NEEDED] + strata.eligible[OTHERS], request->most);
  share_out(out->rows, &strata);
  enum diva_status status = allocate(&info, out, error);
  if (status == DIVA_OK) {
    select_rows(labels, request, info.rows, &strata, out);
    status = read_rows(dataset, &info, progress, out, error);
  }
  if (status == DIVA_OK) {
    status = open_rows(out, &info, out->labels, &out->dataset, error);
  }
  if (status != DIVA_OK) {
    diva_subset_free(out);
  }
  return status;
}

enum diva_status diva_subset_relabel(const struct diva_subset *subset, const int32_t *labels,
                                     struct diva_dataset **out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(subset->dataset, &info);
  return open_rows(subset, &info, labels, out, error);
}

enum diva_status diva_subset_codes(const struct diva_subset *subset, const int32_t *values,
                                   int32_t **out, struct diva_error *error) {
  *out = NULL;
  if (!values) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(subset->rows, sizeof **out, "groups of a sample", (void **)out, error);
  for (int64_t i = 0; i < subset->rows && status == DIVA_OK; i++) {
    (*out)[i] = values[subset->index[i]];
  }
  return status;
}

void diva_subset_free(struct diva_subset *subset) {
  diva_dataset_close(subset->dataset);
  free(subset->index);
  free(subset->labels);
  free(subset->weights);
  free(subset->features);
  free(subset->base_outputs);
  *subset = (struct diva_subset){0};
}
