/* Stored rows on their way to the device. */
#include "feed.h"

#include "device.h"
#include "host/dataset/stored.h"

/* Of the room that a plan leaves: libraries take some memory when they are first used. */
static const double LARGEST_SHARE = 0.97;

/* Uploads run beside the work on a device with memory of its own. */
static bool uploads_ahead(const struct diva_engine *engine) {
  return engine->ops->upload_begin != NULL;
}

static int64_t row_bytes(const struct diva_primal *primal, const struct diva_row_set *set) {
  return primal->stored_columns * diva_dtype_size(set->info.feature_type);
}

enum diva_status diva_feed_place(struct diva_primal *primal, const struct diva_row_set *set,
                                 const struct diva_prefetch_tile *read, struct diva_matrix *raw,
                                 struct diva_buffer **wrapped, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t bytes = read->count * row_bytes(primal, set);
  *wrapped = NULL;
  *raw = diva_tile_rows(primal->raw, read->count);
  if (!engine->ops->wrap) {
    return engine->ops->upload(engine->backend, raw->buffer, 0, read->features, bytes, error);
  }
  const enum diva_status status =
      engine->ops->wrap(engine->backend, read->features, bytes, wrapped, error);
  raw->buffer = *wrapped;
  return status;
}

/* Where rows of the training set from `first` on lie among all of them on the device. */
static struct diva_matrix resident_rows(const struct diva_primal *primal, int64_t first,
                                        int64_t count) {
  return (struct diva_matrix){.buffer = primal->resident,
                              .offset = first * primal->stored_columns,
                              .rows = count,
                              .columns = primal->stored_columns,
                              .stride = primal->stored_columns};
}

/* The slots of the run serve every pass in turn. */
static enum diva_status lend_slot(void *context, int64_t bytes, void **out,
                                  struct diva_error *error) {
  struct diva_feed *feed = context;
  const struct diva_primal *primal = feed->primal;
  enum { SLOTS = sizeof primal->slots / sizeof primal->slots[0] };
  if (feed->slots_lent == SLOTS || bytes > primal->slot_bytes) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "no slot for a tile of %lld bytes",
                          (long long)bytes);
  }
  *out = primal->slots[feed->slots_lent++];
  return DIVA_OK;
}

static void take_slot_back(void *context, void *memory) {
  (void)context;
  (void)memory;
}

/* All stored rows, if they are all that a pass reads, and lie where uploads are fastest from. */
static const char *find_memory(const struct diva_primal *primal, const struct diva_row_set *set) {
  const struct diva_engine *engine = primal->engine;
  const bool alone = !set->info.has_targets && !set->info.has_base_outputs;
  const void *stored = diva_dataset_stored(set->dataset);
  const int64_t bytes = set->info.rows * row_bytes(primal, set);
  return alone && stored && engine->ops->host_is_fast(engine->backend, stored, bytes) ? stored
                                                                                      : NULL;
}

bool diva_feed_takes_slots(const struct diva_primal *primal, const struct diva_row_set *set) {
  return uploads_ahead(primal->engine) && !find_memory(primal, set);
}

bool diva_feed_reads(const struct diva_feed *feed) {
  return feed->prefetch || feed->memory;
}

enum diva_status diva_feed_start(struct diva_primal *primal, const struct diva_row_set *set,
                                 bool host_rows, struct diva_feed *feed, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const bool resident = primal->resident && set == &primal->train;
  *feed = (struct diva_feed){.primal = primal, .set = set, .stays = resident};
  if (resident && primal->resident_complete && !host_rows) {
    return DIVA_OK;
  }
  if (!uploads_ahead(engine)) {
    return diva_prefetch_start(set->dataset, primal->tile_rows, &feed->prefetch, error);
  }
  feed->memory = find_memory(primal, set);
  if (feed->memory) {
    return DIVA_OK;
  }
  const struct diva_prefetch_memory pinned = {
      .held = 2, .allocate = lend_slot, .release = take_slot_back, .context = feed};
  return diva_prefetch_start_in(set->dataset, primal->tile_rows, &pinned, &feed->prefetch, error);
}

/* The tile after the present one; none, of no rows, after the last. */
static enum diva_status read_next(struct diva_feed *feed, struct diva_error *error) {
  if (!feed->memory) {
    return diva_prefetch_next(feed->prefetch, &feed->ahead, error);
  }
  const int64_t first = feed->ahead.first + feed->ahead.count;
  const int64_t left = feed->set->info.rows - first;
  const int64_t most = feed->primal->tile_rows;
  feed->ahead = (struct diva_prefetch_tile){.first = first,
                                            .count = left < most ? left : most,
                                            .features = feed->memory +
                                                        first * row_bytes(feed->primal, feed->set)};
  return DIVA_OK;
}

/* Reads the tile after the present one and begins to upload it: to its place among all rows, or to
 * the one of two places that the present tile does not have. */
static enum diva_status begin_next(struct diva_feed *feed, struct diva_error *error) {
  struct diva_primal *primal = feed->primal;
  const struct diva_engine *engine = primal->engine;
  const struct diva_buffer *present = feed->ahead_raw.buffer;
  enum diva_status status = read_next(feed, error);
  if (status != DIVA_OK || feed->ahead.count == 0) {
    return status;
  }
  const bool first_place = present != primal->raw.buffer;
  feed->ahead_raw =
      feed->stays ? resident_rows(primal, feed->ahead.first, feed->ahead.count)
                  : diva_tile_rows(first_place ? primal->raw : primal->raw_next, feed->ahead.count);
  const int64_t stored = diva_dtype_size(feed->set->info.feature_type);
  return engine->ops->upload_begin(engine->backend, feed->ahead_raw.buffer,
                                   feed->ahead_raw.offset * stored, feed->ahead.features,
                                   feed->ahead.count * row_bytes(primal, feed->set), error);
}

/* The tile that is on its way, once it is there and the one after it is on its way. */
static enum diva_status take_uploaded(struct diva_feed *feed, struct diva_prefetch_tile *read,
                                      struct diva_matrix *raw, struct diva_error *error) {
  const struct diva_engine *engine = feed->primal->engine;
  enum diva_status status = feed->next_row == 0 ? begin_next(feed, error) : DIVA_OK;
  if (status == DIVA_OK) {
    status = engine->ops->upload_finish(engine->backend, error);
  }
  *read = feed->ahead;
  *raw = feed->ahead_raw;
  return status == DIVA_OK ? begin_next(feed, error) : status;
}

static void release_wrapped(struct diva_feed *feed) {
  const struct diva_engine *engine = feed->primal->engine;
  engine->ops->buffer_destroy(engine->backend, feed->wrapped);
  feed->wrapped = NULL;
}

enum diva_status diva_feed_next(struct diva_feed *feed, struct diva_prefetch_tile *read,
                                struct diva_matrix *raw, struct diva_error *error) {
  struct diva_primal *primal = feed->primal;
  const int64_t left = feed->set->info.rows - feed->next_row;
  enum diva_status status = DIVA_OK;
  if (!diva_feed_reads(feed)) {
    *read = (struct diva_prefetch_tile){
        .first = feed->next_row, .count = left < primal->tile_rows ? left : primal->tile_rows};
    *raw = resident_rows(primal, read->first, read->count);
  } else if (uploads_ahead(primal->engine)) {
    status = take_uploaded(feed, read, raw, error);
  } else {
    release_wrapped(feed);
    status = diva_prefetch_next(feed->prefetch, read, error);
    if (status == DIVA_OK) {
      status = diva_feed_place(primal, feed->set, read, raw, &feed->wrapped, error);
    }
  }
  feed->next_row = status == DIVA_OK ? read->first + read->count : feed->next_row;
  return status;
}

void diva_feed_stop(struct diva_feed *feed) {
  struct diva_primal *primal = feed->primal;
  const struct diva_engine *engine = primal->engine;
  release_wrapped(feed);
  if (diva_feed_reads(feed) && uploads_ahead(engine)) {
    engine->ops->upload_finish(engine->backend, NULL);
  }
  if (diva_feed_reads(feed) && feed->stays && feed->next_row == feed->set->info.rows) {
    primal->resident_complete = true;
  }
  diva_prefetch_stop(feed->prefetch);
  feed->prefetch = NULL;
  feed->memory = NULL;
}

void diva_feed_keep_rows(struct diva_primal *primal) {
  struct diva_engine *engine = primal->engine;
  const bool labels_alone = !engine->info.has_targets && !engine->info.has_base_outputs;
  int64_t bytes = 0;
  if (!uploads_ahead(engine) || !labels_alone ||
      !diva_size_multiply(engine->info.rows, row_bytes(primal, &primal->train), 1, &bytes) ||
      (double)diva_device_rounded(bytes) > LARGEST_SHARE * (double)engine->device_room) {
    return;
  }
  struct diva_vector memory;
  if (diva_device_spare(engine, engine->info.rows * primal->stored_columns,
                        diva_dtype_size(engine->info.feature_type), &memory, NULL) == DIVA_OK) {
    primal->resident = memory.buffer;
  }
}
