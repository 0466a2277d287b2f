/**
 * @file feed.h
 * How stored rows come to the device, tile after tile: where they lie, if it can read them there;
 * else through an upload that runs while the tile before is worked on; and not at all once all of
 * them have stayed.
 */
#ifndef DIVA_FEED_H
#define DIVA_FEED_H

#include "primal.h"

/** One pass over a set. */
struct diva_feed {
  struct diva_primal *primal;
  const struct diva_row_set *set;
  struct diva_prefetch *prefetch;  /**< NULL: the rows are on the device, or in `memory` */
  const char *memory;              /**< all stored rows, where uploads take them from there */
  struct diva_prefetch_tile ahead; /**< the tile whose upload has begun */
  struct diva_matrix ahead_raw;    /**< and where it goes */
  struct diva_buffer *wrapped;     /**< of the present tile, where the device reads host memory */
  int64_t next_row;                /**< first of the tile that comes next */
  int slots_lent;                  /**< of the run's slots, to the prefetch */
  bool stays;                      /**< what is uploaded stays for later passes */
};

/**
 * Begins a pass. Rows that have stayed on the device are not read again, unless `host_rows` says
 * that the pass needs them on the host, too.
 */
enum diva_status diva_feed_start(struct diva_primal *primal, const struct diva_row_set *set,
                                 bool host_rows, struct diva_feed *feed, struct diva_error *error);

/**
 * The next tile in order, as read and as a view of stored rows on the device, both valid until the
 * next call. Of rows that stayed there is nothing on the host: read->features is NULL.
 */
enum diva_status diva_feed_next(struct diva_feed *feed, struct diva_prefetch_tile *read,
                                struct diva_matrix *raw, struct diva_error *error);

/** Whether rows travel in this pass, and may have to be waited for. */
bool diva_feed_reads(const struct diva_feed *feed);

/** Whether tiles of a set are read into slots, rather than taken from where they lie in memory. */
bool diva_feed_takes_slots(const struct diva_primal *primal, const struct diva_row_set *set);

/** Ends at any time. */
void diva_feed_stop(struct diva_feed *feed);

/** Puts rows that are not of a pass where the device reads them. `wrapped` is the buffer to destroy
 * when their tile has been prepared, or NULL. */
enum diva_status diva_feed_place(struct diva_primal *primal, const struct diva_row_set *set,
                                 const struct diva_prefetch_tile *read, struct diva_matrix *raw,
                                 struct diva_buffer **wrapped, struct diva_error *error);

/**
 * Takes memory for all stored training rows on the device, so that they stay after their first
 * pass: if the plan leaves room for them (device.h), and labels are all that rows have beside their
 * features. Called once all other memory is taken. Where the device has less than was said, rows
 * are uploaded in each pass.
 */
void diva_feed_keep_rows(struct diva_primal *primal);

#endif
