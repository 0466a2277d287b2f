/* Stored rows to scaled rows on the device, a tile at a time. */
#include "device_rows.h"

enum { TILE_BYTES = 8 << 20 };

static int64_t count_tile_rows(const struct diva_dataset_info *info, int64_t most) {
  int64_t rows = (int64_t)TILE_BYTES / (info->columns * (int64_t)sizeof(float));
  rows = rows < most ? rows : most;
  rows = rows > 1 ? rows : 1;
  return rows < info->rows ? rows : info->rows;
}

static enum diva_status open_buffers(const struct diva_device_request *request,
                                     struct diva_device_rows *rows, struct diva_error *error) {
  struct diva_engine *engine = &rows->engine;
  const int64_t widest = request->widest;
  const int64_t d = rows->info.columns;
  const int64_t tile = rows->tile_rows;
  const int64_t no_fault = INT64_MAX;
  struct diva_vector memory = {0};
  const double flops = 2.0 * (double)rows->info.rows * (double)d * (double)request->widest;
  enum diva_status status = diva_engine_choose_and_open(engine, request->backend, flops, false,
                                                        tile, d > widest ? d : widest, error);
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, tile * d, diva_dtype_size(rows->info.feature_type), &memory,
                                error);
    rows->raw =
        (struct diva_matrix){.buffer = memory.buffer, .rows = tile, .columns = d, .stride = d};
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, tile, d, (int64_t)sizeof(float), &rows->z, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_vector(engine, 1, (int64_t)sizeof no_fault, &memory, error);
    rows->fault = memory.buffer;
  }
  return status == DIVA_OK ? engine->ops->upload(engine->backend, rows->fault, 0, &no_fault,
                                                 (int64_t)sizeof no_fault, error)
                           : status;
}

enum diva_status diva_device_rows_open(const struct diva_device_request *request,
                                       struct diva_device_rows *out, struct diva_error *error) {
  *out = (struct diva_device_rows){0};
  diva_dataset_describe(request->dataset, &out->info);
  diva_analysis_options_init(&out->run);
  /* One piece of work for one thread at a time, so that the bytes do not depend on their number. */
  out->run.deterministic = true;
  out->run.progress = *request->progress;
  out->tile_rows = count_tile_rows(&out->info, request->most_tile_rows);
  out->preparation.type = out->info.feature_type;
  out->engine = (struct diva_engine){.options = &out->run,
                                     .train = request->dataset,
                                     .info = out->info,
                                     .threads = request->threads > 0 ? request->threads
                                                                     : diva_cores_available()};
  return open_buffers(request, out, error);
}

enum diva_status diva_device_rows_prepare(struct diva_device_rows *rows, const void *stored,
                                          int64_t first, int64_t count, struct diva_error *error) {
  struct diva_engine *engine = &rows->engine;
  struct diva_matrix raw = rows->raw;
  struct diva_matrix z = rows->z;
  raw.rows = z.rows = count;
  const enum diva_status status =
      engine->ops->upload(engine->backend, raw.buffer, 0, stored,
                          count * raw.columns * diva_dtype_size(rows->preparation.type), error);
  return status == DIVA_OK ? engine->ops->prepare_rows(engine->backend, raw, &rows->preparation,
                                                       first, z, rows->fault, error)
                           : status;
}

enum diva_status diva_device_rows_each(struct diva_device_rows *rows, struct diva_dataset *dataset,
                                       const char *phase, diva_device_rows_visit visit,
                                       void *context, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_prefetch *prefetch = NULL;
  diva_dataset_describe(dataset, &info);
  enum diva_status status = diva_prefetch_start(dataset, rows->tile_rows, &prefetch, error);
  for (int64_t done = 0; status == DIVA_OK && done < info.rows;) {
    struct diva_prefetch_tile tile;
    status = diva_progress_report(&rows->run.progress, phase, done, info.rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    if (status == DIVA_OK) {
      status = diva_device_rows_prepare(rows, tile.features, tile.first, tile.count, error);
    }
    if (status == DIVA_OK) {
      status = visit(context, &tile, error);
      done = tile.first + tile.count;
    }
  }
  diva_prefetch_stop(prefetch);
  return status == DIVA_OK ? diva_engine_check_fault(&rows->engine, rows->fault, dataset, error)
                           : status;
}

enum diva_status diva_device_rows_download(const struct diva_device_rows *rows,
                                           struct diva_matrix from, int64_t count, float *to,
                                           struct diva_error *error) {
  const struct diva_engine *engine = &rows->engine;
  const int64_t real = (int64_t)sizeof *to;
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = engine->ops->download(engine->backend, from.buffer, i * from.stride * real,
                                   to + i * from.columns, from.columns * real, error);
  }
  return status;
}

void diva_device_rows_close(struct diva_device_rows *rows) {
  if (rows->engine.ops) {
    diva_engine_close_backend(&rows->engine);
  }
  *rows = (struct diva_device_rows){0};
}
