/**
 * @file device.h
 * The device's memory, planned as a whole before the first tile is read: a run that does not fit is
 * refused before its work, and none ends in the middle for want of memory. Internal to host/engine.
 *
 * What a run takes is counted by the code that takes it, over an engine that only counts.
 */
#ifndef DIVA_DEVICE_H
#define DIVA_DEVICE_H

#include "engine.h"

/** The widest matrices of a solver. */
struct diva_device_shape {
  int64_t columns; /**< of a tile */
  int64_t square;  /**< of the largest matrix that is factored */
  bool eigen;      /**< and its eigenvectors are taken */
};

/** How a solver uses the device. */
struct diva_device_user {
  struct diva_device_shape (*shape)(const struct diva_engine *engine);
  /** Takes all buffers of a run with engine->plan.tile_rows rows a tile, and calls no operation. */
  enum diva_status (*take)(struct diva_engine *engine, struct diva_error *error);
};

extern const struct diva_device_user diva_primal_device; /* primal.c */
extern const struct diva_device_user diva_dual_device;   /* dual.c */

/** What a run is, or may turn to once its passes have begun. */
struct diva_device_turn {
  const struct diva_device_user *user;
  bool double_tiles;
  const char *avoided_by; /**< the option with which it does not turn to it; NULL: the run itself */
};

/**
 * Opens the backend for turns[0]. On a device with memory of its own, first halves the tile until
 * that run fits into what is free there and --memory allows, and refuses it where it, or another
 * turn with a tile of its own, does not fit; then takes the backend's scratch and workspace, leaves
 * the rows of a tile in engine->plan, and what is left over in engine->device_room.
 * @return DIVA_ERROR_RESOURCE with what is needed, what is free and what would fit
 */
enum diva_status diva_device_open(struct diva_engine *engine, const struct diva_device_turn *turns,
                                  int count, struct diva_error *error);

/** A vector beside the plan, out of device_room, where it is known to fit. */
enum diva_status diva_device_spare(struct diva_engine *engine, int64_t length, int64_t element,
                                   struct diva_vector *out, struct diva_error *error);

/** Bytes that diva_engine_matrix() and diva_engine_vector() count for a buffer. */
int64_t diva_device_rounded(int64_t bytes);

#endif
