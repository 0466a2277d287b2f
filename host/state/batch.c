/* Scattered rows gathered into tiles for the device. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

enum diva_status diva_batch_open(struct diva_batch *batch, struct diva_accumulator *accumulator,
                                 const struct diva_dataset *dataset, struct diva_error *error) {
  const struct diva_dataset_info *info = &accumulator->engine.info;
  *batch = (struct diva_batch){.accumulator = accumulator,
                               .row_bytes = info->columns * diva_dtype_size(info->feature_type),
                               .outputs = info->outputs,
                               .capacity = accumulator->tile_rows,
                               .dataset = dataset};
  const struct {
    void **memory;
    int64_t size;
  } parts[] = {
      {(void **)&batch->features, batch->row_bytes},
      {(void **)&batch->weight, sizeof *batch->weight},
      {(void **)&batch->y, info->outputs * (int64_t)sizeof *batch->y},
      {(void **)&batch->share, sizeof *batch->share},
      {(void **)&batch->origin, sizeof *batch->origin},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof parts / sizeof *parts && status == DIVA_OK; i++) {
    status =
        diva_allocate(batch->capacity, parts[i].size, "rows that changed", parts[i].memory, error);
  }
  return status;
}

enum diva_status diva_batch_add(struct diva_batch *batch, const void *features, double weight,
                                double share, int64_t row, double **y, struct diva_error *error) {
  if (batch->count == batch->capacity) {
    const enum diva_status status = diva_batch_flush(batch, error);
    if (status != DIVA_OK) {
      return status;
    }
  }
  const int64_t at = batch->count++;
  memcpy(batch->features + at * batch->row_bytes, features, (size_t)batch->row_bytes);
  batch->weight[at] = weight;
  batch->share[at] = share;
  batch->origin[at] = row;
  *y = batch->y + at * batch->outputs;
  memset(*y, 0, (size_t)batch->outputs * sizeof **y);
  return DIVA_OK;
}

static enum diva_status check_fault(struct diva_batch *batch, int64_t rows,
                                    struct diva_error *error) {
  int64_t row;
  int64_t column;
  const enum diva_status status = diva_accumulator_fault(batch->accumulator, &row, &column, error);
  if (status != DIVA_OK || row < 0) {
    return status;
  }
  const int64_t first = batch->accumulator->taken - rows;
  return diva_engine_fault(batch->dataset, batch->origin[row - first], column, error);
}

enum diva_status diva_batch_flush(struct diva_batch *batch, struct diva_error *error) {
  if (batch->count == 0) {
    return DIVA_OK;
  }
  const struct diva_contribution contribution = {.rows = batch->count,
                                                 .features = batch->features,
                                                 .weight = batch->weight,
                                                 .y = batch->y,
                                                 .share = batch->share};
  enum diva_status status = diva_accumulator_add(batch->accumulator, &contribution, error);
  if (status == DIVA_OK) {
    status = check_fault(batch, batch->count, error);
  }
  batch->count = 0;
  return status;
}

void diva_batch_close(struct diva_batch *batch) {
  free(batch->features);
  free(batch->weight);
  free(batch->y);
  free(batch->share);
  free(batch->origin);
  *batch = (struct diva_batch){0};
}
