/**
 * @file progress.h
 * How long work says where it is, and how a caller stops it.
 */
#ifndef DIVA_PROGRESS_H
#define DIVA_PROGRESS_H

#include <diva/api.h>

DIVA_BEGIN_DECLARATIONS

/**
 * A callback that long functions call between tiles, from the thread that called them.
 *
 * `report` gets the phase in a word or two ("gram", "leave-one-out"), and how many of how many rows
 * it has done. Returning true cancels: the function frees what it holds and returns
 * DIVA_ERROR_CANCELLED. `context` is the caller's, passed through.
 */
struct diva_progress {
  bool (*report)(void *context, const char *phase, int64_t done, int64_t total);
  void *context;
};

DIVA_END_DECLARATIONS

#endif
