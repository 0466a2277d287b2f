/* Drawing rows into memory. */
#include "row_sample.h"

#include "host/core/core.h"
#include "host/core/random.h"
#include "host/dataset/gather.h"

#include <stdlib.h>

static int64_t count_wanted(const uint8_t *wanted, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; i++) {
    count += !wanted || wanted[i];
  }
  return count;
}

static void select_rows(const struct diva_dataset *dataset, const uint8_t *wanted, int64_t left,
                        uint64_t seed, struct diva_row_sample *sample) {
  const int32_t *labels = diva_dataset_labels(dataset);
  struct diva_random random = {.state = seed};
  int64_t missing = sample->rows;
  for (int64_t i = 0; missing > 0; i++) {
    const int64_t taken = sample->rows - missing;
    if ((!wanted || wanted[i]) && diva_random_selects(&random, &left, &missing)) {
      if (sample->labels) {
        sample->labels[taken] = labels[i];
      }
      sample->index[taken] = i;
    }
  }
}

static enum diva_status allocate(const struct diva_dataset_info *info, bool labelled,
                                 struct diva_row_sample *sample, struct diva_error *error) {
  enum diva_status status = diva_allocate(sample->rows, sizeof *sample->index, "sampled rows",
                                          (void **)&sample->index, error);
  if (status == DIVA_OK && labelled) {
    status = diva_allocate(sample->rows, sizeof *sample->labels, "sampled labels",
                           (void **)&sample->labels, error);
  }
  return status == DIVA_OK
             ? diva_allocate(sample->rows, info->columns * diva_dtype_size(info->feature_type),
                             "sampled features", &sample->features, error)
             : status;
}

static enum diva_status open_rows(const struct diva_dataset_info *info,
                                  struct diva_row_sample *sample, struct diva_error *error) {
  struct diva_dataset_arrays arrays;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = sample->rows;
  arrays.columns = info->columns;
  arrays.outputs = info->outputs;
  arrays.feature_type = info->feature_type;
  arrays.features = sample->features;
  arrays.labels = sample->labels;
  arrays.unlabelled = !sample->labels;
  return diva_dataset_from_arrays(&arrays, &sample->dataset, error);
}

enum diva_status diva_row_sample_draw(struct diva_dataset *dataset, const uint8_t *wanted,
                                      bool labelled, int64_t most, uint64_t seed,
                                      struct diva_row_sample *out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  const int64_t there = count_wanted(wanted, info.rows);
  *out = (struct diva_row_sample){.rows = there < most ? there : most};
  if (out->rows < 2) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%lld row%s cannot tell a distribution",
                          (long long)out->rows, diva_plural(out->rows));
  }
  enum diva_status status = allocate(&info, labelled, out, error);
  if (status == DIVA_OK) {
    select_rows(dataset, wanted, there, seed, out);
    status = diva_gather_features(dataset, out->index, out->rows, out->features, error);
  }
  return status == DIVA_OK ? open_rows(&info, out, error) : status;
}

void diva_row_sample_free(struct diva_row_sample *sample) {
  diva_dataset_close(sample->dataset);
  free(sample->index);
  free(sample->labels);
  free(sample->features);
  *sample = (struct diva_row_sample){0};
}
