/* Means and standard deviations of columns, for the preparation of rows. */
#include "device_scale.h"

#include <math.h>
#include <stdlib.h>

/* Sums of columns and of their squares. */
struct moments {
  struct diva_device_rows *device;
  struct diva_matrix sum;
};

static enum diva_status add_moments(void *context, const struct diva_prefetch_tile *tile,
                                    struct diva_error *error) {
  const struct moments *moments = context;
  const struct diva_engine *engine = &moments->device->engine;
  struct diva_matrix z = moments->device->z;
  z.rows = tile->count;
  return engine->ops->moments_accumulate(engine->backend, z, (struct diva_vector){0}, moments->sum,
                                         error);
}

/* From sums to what comes off a column and what it is multiplied by, in place. */
static void find_scales(const struct diva_column_scaling *scaling, int64_t columns, double *sums) {
  struct diva_dataset_info info;
  diva_dataset_describe(scaling->dataset, &info);
  const double rows = (double)info.rows;
  for (int64_t j = 0; j < columns; j++) {
    const double mean = sums[j] / rows;
    const double variance = sums[columns + j] / rows - mean * mean;
    const bool spread = variance > 1e-12 * mean * mean;
    const double inverse = spread ? 1.0 / sqrt(variance) : 0.0;
    sums[j] = mean;
    sums[columns + j] = scaling->divide ? inverse : 1.0;
  }
}

static enum diva_status upload(struct diva_engine *engine, const double *values, int64_t count,
                               struct diva_vector *out, struct diva_error *error) {
  const int64_t real = (int64_t)sizeof *values;
  struct diva_vector vector = {0};
  enum diva_status status = diva_engine_vector(engine, count, real, &vector, error);
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, vector.buffer, 0, values, count * real, error);
  }
  if (status == DIVA_OK) {
    *out = vector;
  }
  return status;
}

enum diva_status diva_device_rows_scale(struct diva_device_rows *rows,
                                        const struct diva_column_scaling *scaling,
                                        struct diva_error *error) {
  struct diva_engine *engine = &rows->engine;
  const int64_t d = rows->info.columns;
  struct moments moments = {.device = rows};
  double *sums = NULL;
  enum diva_status status =
      diva_allocate(2 * d, sizeof *sums, "column scales", (void **)&sums, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, 2, d, (int64_t)sizeof *sums, &moments.sum, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, moments.sum, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_device_rows_each(rows, scaling->dataset, scaling->phase, add_moments, &moments, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, moments.sum, sums, error);
  }
  if (status == DIVA_OK) {
    find_scales(scaling, d, sums);
    status = upload(engine, sums, d, &rows->preparation.shift, error);
  }
  if (status == DIVA_OK) {
    status = upload(engine, sums + d, d, &rows->preparation.multiplier, error);
  }
  free(sums);
  return status;
}
