/**
 * @file prefetch.h
 * Tiles of rows read ahead by one background thread: while the caller works on a tile, the next one
 * is on its way from the disk.
 */
#ifndef DIVA_PREFETCH_H
#define DIVA_PREFETCH_H

#include <diva/dataset.h>

/** Consecutive rows. Pointers are borrowed from the prefetch until the next call (see
 * diva_prefetch_memory). */
struct diva_prefetch_tile {
  int64_t first;              /**< dataset row of the first row */
  int64_t count;              /**< 0: there are no more */
  const void *features;       /**< count x columns as stored */
  const double *targets;      /**< count x outputs; NULL where the dataset has none */
  const double *base_outputs; /**< count x outputs; NULL where the dataset has none */
};

struct diva_prefetch;

/** Where tiles of features lie, and how many of them the caller holds at a time. */
struct diva_prefetch_memory {
  int held; /**< 1 or 2: a tile stays valid until the held-th call after it */
  /** Memory that release() gives back; NULL: the heap. */
  enum diva_status (*allocate)(void *context, int64_t bytes, void **out, struct diva_error *error);
  void (*release)(void *context, void *memory);
  void *context;
};

/** Bytes that a prefetch with tiles of this many rows holds: two tiles. */
int64_t diva_prefetch_bytes(const struct diva_dataset_info *info, int64_t tile_rows);

/**
 * Starts reading all rows in tiles of `tile_rows`, the last one shorter. The dataset is borrowed,
 * and nothing else may read it until diva_prefetch_stop().
 * @return DIVA_ERROR_RESOURCE for want of memory or a thread
 */
enum diva_status diva_prefetch_start(struct diva_dataset *dataset, int64_t tile_rows,
                                     struct diva_prefetch **out, struct diva_error *error);

/** The same with features in memory of the caller's choice. `where` is copied; its context is
 * borrowed until diva_prefetch_stop(). */
enum diva_status diva_prefetch_start_in(struct diva_dataset *dataset, int64_t tile_rows,
                                        const struct diva_prefetch_memory *where,
                                        struct diva_prefetch **out, struct diva_error *error);

/**
 * Waits for the next tile, in order; what the previous call handed out is no longer valid, unless
 * two tiles are held: then what the call before that handed out is not. After
 * the last tile, and after any failure, every further call gives the same end again.
 * @return the errors of diva_dataset_read_features() and its like, after the tiles read before
 */
enum diva_status diva_prefetch_next(struct diva_prefetch *prefetch, struct diva_prefetch_tile *tile,
                                    struct diva_error *error);

/** Ends at any time, waiting at most for the tile being read; NULL is fine. */
void diva_prefetch_stop(struct diva_prefetch *prefetch);

#endif
