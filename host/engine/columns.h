/**
 * @file columns.h
 * What is known of each row and what comes of it, one value a row: labels, weights, leverages,
 * losses and the like, on the device and on the host.
 *
 * On a device with memory of its own the columns of a whole set stay there where they fit: what is
 * known goes up once, what one pass leaves for the next does not travel, and what the host wants
 * comes down once, when a pass is over, so that no tile waits for the one before it. Elsewhere (the
 * device works in the host's memory, or there are too many rows) the device has the columns of one
 * tile, which travel tile by tile.
 */
#ifndef DIVA_COLUMNS_H
#define DIVA_COLUMNS_H

#include "engine.h"

struct diva_primal;
struct diva_prepared_tile;
struct diva_row_set;

/** float64 but where said. */
enum diva_column {
  COLUMN_LABELS, /**< int32 */
  COLUMN_WEIGHT,
  COLUMN_IMPORTANCE,
  COLUMN_FORM, /**< k_ii */
  COLUMN_PULL, /**< g . r */
  COLUMN_LOSS,
  COLUMN_MARGIN,
  COLUMN_SUGGESTED, /**< int32 */
  COLUMN_QUALITY,
  COLUMN_DERIVATIVE,
  COLUMN_REMOVAL, /**< quadratic forms, from which the effects of removal are made */
  COLUMN_SQUARE,  /**< |e|^2 */
  DIVA_COLUMNS
};

/** The columns of a row set. */
struct diva_row_columns {
  void *host[DIVA_COLUMNS];              /**< where the host wants them, all rows; borrowed */
  struct diva_vector held[DIVA_COLUMNS]; /**< all rows on the device; absent: tile by tile */
  bool kept[DIVA_COLUMNS];               /**< written since the host last got them */
};

/** Says where the host wants the results of either set. */
void diva_columns_describe(struct diva_primal *primal);

/**
 * Takes memory on the device for the columns of both sets, and uploads what is known, where they
 * are a small part of what the plan leaves there (device.h). Columns that the device turns out to
 * have no memory for travel with their tiles.
 */
enum diva_status diva_columns_hold(struct diva_primal *primal, struct diva_error *error);

/** Uploads labels, weights and importances of a set whose columns are held, again after they have
 * changed. */
enum diva_status diva_columns_upload(struct diva_primal *primal, const struct diva_row_set *set,
                                     struct diva_error *error);

/** Where operations find or leave the values of a tile's rows. */
struct diva_vector diva_tile_column(const struct diva_primal *primal,
                                    const struct diva_prepared_tile *tile, enum diva_column column);

/** The same for values that the host knows: those of the tile's rows in `all`, the column of the
 * whole set (NULL: the vector is absent). Held columns are there already. */
enum diva_status diva_tile_know(struct diva_primal *primal, const struct diva_prepared_tile *tile,
                                enum diva_column column, const void *all, struct diva_vector *out,
                                struct diva_error *error);

/** Hands the host what operations have left for a tile: its column has it when diva_tiles_visit()
 * returns, and no sooner. */
enum diva_status diva_tile_keep(struct diva_primal *primal, const struct diva_prepared_tile *tile,
                                enum diva_column column, struct diva_error *error);

/** Downloads the held columns that were kept since the last time. */
enum diva_status diva_columns_fetch(struct diva_primal *primal, const struct diva_row_set *set,
                                    struct diva_error *error);

#endif
