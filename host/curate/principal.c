/* Principal components of a sample, and rows on them. */
#include "principal.h"

#include <stdlib.h>

enum { MOST_TILE_ROWS = 4096 };

/* The sum of outer products of the sample's rows. */
struct scatter {
  struct diva_device_rows *device;
  struct diva_matrix sum;
};

static enum diva_status add_tile(void *context, const struct diva_prefetch_tile *tile,
                                 struct diva_error *error) {
  const struct scatter *scatter = context;
  const struct diva_engine *engine = &scatter->device->engine;
  struct diva_matrix z = scatter->device->z;
  z.rows = tile->count;
  return engine->ops->gram_accumulate(engine->backend, z, (struct diva_vector){0}, scatter->sum,
                                      error);
}

static enum diva_status sum_products(const struct diva_principal_request *request,
                                     struct diva_principal *principal, struct diva_matrix sum,
                                     struct diva_error *error) {
  struct scatter scatter = {.device = &principal->device, .sum = sum};
  const enum diva_status status = diva_engine_zero(&principal->device.engine, sum, error);
  return status == DIVA_OK ? diva_device_rows_each(&principal->device, request->dataset,
                                                   request->phase, add_tile, &scatter, error)
                           : status;
}

/* The eigenvectors of the largest eigenvalues, which are the last, one after the other. */
static enum diva_status take_axes(struct diva_principal *principal, struct diva_matrix vectors,
                                  struct diva_error *error) {
  const struct diva_engine *engine = &principal->device.engine;
  enum diva_status status = DIVA_OK;
  for (int64_t a = 0; a < principal->components && status == DIVA_OK; a++) {
    struct diva_matrix from = vectors;
    struct diva_matrix to = principal->axes;
    from.rows = to.rows = 1;
    from.offset += (vectors.rows - 1 - a) * vectors.stride;
    to.offset += a * to.stride;
    status = engine->ops->convert(engine->backend, from, to, error);
  }
  return status;
}

static enum diva_status find_axes(const struct diva_principal_request *request,
                                  struct diva_principal *principal, struct diva_error *error) {
  struct diva_engine *engine = &principal->device.engine;
  const int64_t d = principal->device.info.columns;
  struct diva_matrix sum = {0};
  struct diva_vector spectrum = {0};
  enum diva_status status = diva_engine_matrix(engine, d, d, (int64_t)sizeof(double), &sum, error);
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, d, (int64_t)sizeof(double), &spectrum, error);
  }
  if (status == DIVA_OK) {
    status = sum_products(request, principal, sum, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->eigen(engine->backend, sum, spectrum, error);
  }
  return status == DIVA_OK ? take_axes(principal, sum, error) : status;
}

static enum diva_status allocate(struct diva_principal *principal, struct diva_error *error) {
  struct diva_engine *engine = &principal->device.engine;
  const int64_t real = (int64_t)sizeof(float);
  const int64_t tile = principal->device.tile_rows;
  enum diva_status status = diva_engine_matrix(
      engine, principal->components, principal->device.info.columns, real, &principal->axes, error);
  if (status == DIVA_OK) {
    status =
        diva_engine_matrix(engine, tile, principal->components, real, &principal->projected, error);
  }
  return status == DIVA_OK ? diva_allocate(tile * principal->components, sizeof *principal->values,
                                           "components", (void **)&principal->values, error)
                           : status;
}

enum diva_status diva_principal_open(const struct diva_principal_request *request,
                                     struct diva_principal *out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(request->dataset, &info);
  *out = (struct diva_principal){0};
  out->components = info.columns < request->most ? info.columns : request->most;
  const struct diva_device_request device = {.dataset = request->dataset,
                                             .most_tile_rows = MOST_TILE_ROWS,
                                             .widest = out->components,
                                             .backend = request->backend,
                                             .threads = request->threads,
                                             .progress = request->progress};
  const struct diva_column_scaling scaling = {.dataset = request->dataset,
                                              .divide = request->scale == DIVA_SCALE_STANDARDIZE,
                                              .phase = request->phase};
  enum diva_status status = diva_device_rows_open(&device, &out->device, error);
  out->device.preparation.unit_rows = request->scale == DIVA_SCALE_L2;
  if (status == DIVA_OK) {
    status = allocate(out, error);
  }
  if (status == DIVA_OK) {
    status = diva_device_rows_scale(&out->device, &scaling, error);
  }
  return status == DIVA_OK ? find_axes(request, out, error) : status;
}

/* A pass over rows, for whom. */
struct pass {
  struct diva_principal *principal;
  diva_principal_visit visit;
  void *context;
};

static enum diva_status project_tile(void *context, const struct diva_prefetch_tile *tile,
                                     struct diva_error *error) {
  const struct pass *pass = context;
  struct diva_principal *principal = pass->principal;
  const struct diva_engine *engine = &principal->device.engine;
  struct diva_matrix z = principal->device.z;
  struct diva_matrix projected = principal->projected;
  z.rows = projected.rows = tile->count;
  enum diva_status status = engine->ops->multiply(engine->backend, false, false, true, z,
                                                  principal->axes, projected, error);
  if (status == DIVA_OK) {
    status = diva_device_rows_download(&principal->device, projected, tile->count,
                                       principal->values, error);
  }
  return status == DIVA_OK
             ? pass->visit(pass->context, tile->first, tile->count, principal->values, error)
             : status;
}

enum diva_status diva_principal_each(struct diva_principal *principal, struct diva_dataset *dataset,
                                     const char *phase, diva_principal_visit visit, void *context,
                                     struct diva_error *error) {
  struct pass pass = {.principal = principal, .visit = visit, .context = context};
  return diva_device_rows_each(&principal->device, dataset, phase, project_tile, &pass, error);
}

void diva_principal_close(struct diva_principal *principal) {
  diva_device_rows_close(&principal->device);
  free(principal->values);
  principal->values = NULL;
}
