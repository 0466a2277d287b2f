/* Tiles of rows read ahead by one background thread. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/prefetch.h"

#include "host/core/core.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HELD = 2, MOST_SLOTS = MOST_HELD + 1 };

static const struct diva_prefetch_memory HEAP = {.held = 1};

/* Buffers of one tile. `full` says whose turn it is: the caller's, or else the thread's. */
struct slot {
  void *features;
  double *targets;
  double *base_outputs;
  int64_t first;
  int64_t count;
  bool full;
};

struct diva_prefetch {
  struct diva_dataset *dataset;
  int64_t next_row; /* of the thread alone */
  int64_t end_row;
  int64_t tile_rows;
  pthread_t thread;
  bool thread_started;
  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t changed;
  struct diva_prefetch_memory memory;
  struct slot slots[MOST_SLOTS];
  int slot_count;
  int turn;      /* the slot that the caller gets next */
  int holding;   /* so many slots before it are the caller's */
  bool stopping; /* the caller has no more use for tiles */
  bool finished; /* the thread fills no more slots */
  enum diva_status status;
  struct diva_error error;
};

static enum diva_status fill(struct diva_prefetch *prefetch, struct slot *slot) {
  struct diva_error *error = &prefetch->error;
  enum diva_status status = diva_dataset_read_features(prefetch->dataset, slot->first, slot->count,
                                                       slot->features, error);
  if (!status && slot->targets) {
    status = diva_dataset_read_targets(prefetch->dataset, slot->first, slot->count, slot->targets,
                                       error);
  }
  if (!status && slot->base_outputs) {
    status = diva_dataset_read_base_outputs(prefetch->dataset, slot->first, slot->count,
                                            slot->base_outputs, error);
  }
  return status;
}

/* Waits until the slot is the thread's; false where the caller wants no more. */
static bool wait_for_slot(struct diva_prefetch *prefetch, const struct slot *slot) {
  pthread_mutex_lock(&prefetch->lock);
  while (slot->full && !prefetch->stopping) {
    pthread_cond_wait(&prefetch->changed, &prefetch->lock);
  }
  bool go_on = !prefetch->stopping;
  pthread_mutex_unlock(&prefetch->lock);
  return go_on;
}

static void hand_over(struct diva_prefetch *prefetch, struct slot *slot, enum diva_status status) {
  pthread_mutex_lock(&prefetch->lock);
  slot->full = !status;
  prefetch->status = status;
  pthread_cond_signal(&prefetch->changed);
  pthread_mutex_unlock(&prefetch->lock);
}

static void *read_ahead(void *context) {
  struct diva_prefetch *prefetch = context;
  enum diva_status status = DIVA_OK;
  for (int i = 0; !status && prefetch->next_row < prefetch->end_row;
       i = (i + 1) % prefetch->slot_count) {
    struct slot *slot = &prefetch->slots[i];
    if (!wait_for_slot(prefetch, slot)) {
      break;
    }
    int64_t left = prefetch->end_row - prefetch->next_row;
    slot->first = prefetch->next_row;
    slot->count = left < prefetch->tile_rows ? left : prefetch->tile_rows;
    prefetch->next_row += slot->count;
    status = fill(prefetch, slot);
    hand_over(prefetch, slot, status);
  }
  pthread_mutex_lock(&prefetch->lock);
  prefetch->finished = true;
  pthread_cond_signal(&prefetch->changed);
  pthread_mutex_unlock(&prefetch->lock);
  return NULL;
}

static enum diva_status allocate_features(const struct diva_prefetch *prefetch,
                                          const struct diva_dataset_info *info, void **out,
                                          struct diva_error *error) {
  const struct diva_prefetch_memory *memory = &prefetch->memory;
  int64_t row_bytes = info->columns * diva_dtype_size(info->feature_type);
  int64_t bytes;
  if (!memory->allocate) {
    return diva_allocate(prefetch->tile_rows, row_bytes, "a tile", out, error);
  }
  if (!diva_size_multiply(prefetch->tile_rows, row_bytes, 1, &bytes)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "a tile of %" PRId64 " rows overflows",
                          prefetch->tile_rows);
  }
  return memory->allocate(memory->context, bytes, out, error);
}

static enum diva_status allocate_slot(const struct diva_prefetch *prefetch, struct slot *slot,
                                      const struct diva_dataset_info *info,
                                      struct diva_error *error) {
  void *memory = NULL;
  int64_t tile_rows = prefetch->tile_rows;
  int64_t output_bytes = info->outputs * (int64_t)sizeof(double);
  enum diva_status status = allocate_features(prefetch, info, &slot->features, error);
  if (!status && info->has_targets) {
    status = diva_allocate(tile_rows, output_bytes, "a tile of targets", &memory, error);
    slot->targets = memory;
  }
  if (!status && info->has_base_outputs) {
    status = diva_allocate(tile_rows, output_bytes, "a tile of base outputs", &memory, error);
    slot->base_outputs = memory;
  }
  return status;
}

/* Signals are for the threads of the program, not for this one. */
static int start_thread(struct diva_prefetch *prefetch) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&prefetch->thread, NULL, read_ahead, prefetch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

int64_t diva_prefetch_bytes(const struct diva_dataset_info *info, int64_t tile_rows) {
  int64_t matrices = (int64_t)info->has_targets + info->has_base_outputs;
  int64_t row_bytes = info->columns * diva_dtype_size(info->feature_type) +
                      matrices * info->outputs * (int64_t)sizeof(double);
  int64_t bytes;
  return diva_size_multiply(HEAP.held + 1, tile_rows, row_bytes, &bytes) ? bytes : INT64_MAX;
}

enum diva_status diva_prefetch_start(struct diva_dataset *dataset, int64_t tile_rows,
                                     struct diva_prefetch **out, struct diva_error *error) {
  return diva_prefetch_start_in(dataset, tile_rows, &HEAP, out, error);
}

enum diva_status diva_prefetch_start_in(struct diva_dataset *dataset, int64_t tile_rows,
                                        const struct diva_prefetch_memory *where,
                                        struct diva_prefetch **out, struct diva_error *error) {
  struct diva_dataset_info info;
  void *memory = NULL;
  *out = NULL;
  diva_dataset_describe(dataset, &info);
  if (tile_rows < 1 || where->held < 1 || where->held > MOST_HELD) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "tiles of %" PRId64 " rows", tile_rows);
  }
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof(struct diva_prefetch), "a prefetch", &memory, error);
  if (status) {
    return status;
  }
  struct diva_prefetch *prefetch = memory;
  prefetch->dataset = dataset;
  prefetch->end_row = info.rows;
  prefetch->tile_rows = tile_rows < info.rows ? tile_rows : info.rows;
  prefetch->memory = *where;
  prefetch->slot_count = where->held + 1;
  pthread_mutex_init(&prefetch->lock, NULL);
  pthread_cond_init(&prefetch->changed, NULL);
  for (int i = 0; !status && i < prefetch->slot_count; i++) {
    status = allocate_slot(prefetch, &prefetch->slots[i], &info, error);
  }
  if (!status) {
    int code = start_thread(prefetch);
    prefetch->thread_started = !code;
    status = code ? diva_error_set(error, DIVA_ERROR_RESOURCE, "no thread to read ahead: %s",
                                   strerror(code))
                  : DIVA_OK;
  }
  if (status) {
    diva_prefetch_stop(prefetch);
    return status;
  }
  *out = prefetch;
  return DIVA_OK;
}

enum diva_status diva_prefetch_next(struct diva_prefetch *prefetch, struct diva_prefetch_tile *tile,
                                    struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  *tile = (struct diva_prefetch_tile){.first = prefetch->end_row};
  pthread_mutex_lock(&prefetch->lock);
  struct slot *slot = &prefetch->slots[prefetch->turn];
  if (prefetch->holding == prefetch->memory.held) {
    const int slots = prefetch->slot_count;
    prefetch->slots[(prefetch->turn + slots - prefetch->holding) % slots].full = false;
    prefetch->holding--;
    pthread_cond_signal(&prefetch->changed);
  }
  while (!slot->full && !prefetch->finished) {
    pthread_cond_wait(&prefetch->changed, &prefetch->lock);
  }
  if (slot->full) {
    *tile = (struct diva_prefetch_tile){.first = slot->first,
                                        .count = slot->count,
                                        .features = slot->features,
                                        .targets = slot->targets,
                                        .base_outputs = slot->base_outputs};
    prefetch->holding++;
    prefetch->turn = (prefetch->turn + 1) % prefetch->slot_count;
  } else if (prefetch->status) {
    status = prefetch->status;
    if (error) {
      *error = prefetch->error;
    }
  }
  pthread_mutex_unlock(&prefetch->lock);
  return status;
}

static void release_features(const struct diva_prefetch *prefetch, void *features) {
  if (prefetch->memory.allocate) {
    prefetch->memory.release(prefetch->memory.context, features);
  } else {
    free(features);
  }
}

void diva_prefetch_stop(struct diva_prefetch *prefetch) {
  if (!prefetch) {
    return;
  }
  if (prefetch->thread_started) {
    pthread_mutex_lock(&prefetch->lock);
    prefetch->stopping = true;
    pthread_cond_signal(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->lock);
    pthread_join(prefetch->thread, NULL);
  }
  for (int i = 0; i < prefetch->slot_count; i++) {
    release_features(prefetch, prefetch->slots[i].features);
    free(prefetch->slots[i].targets);
    free(prefetch->slots[i].base_outputs);
  }
  pthread_cond_destroy(&prefetch->changed);
  pthread_mutex_destroy(&prefetch->lock);
  free(prefetch);
}
