/** @file widen.h Features as stored to float64, on the host. Internal. */
#ifndef DIVA_WIDEN_H
#define DIVA_WIDEN_H

#include <diva/dataset.h>

/** Writes `count` stored values as float64. `stored` may be the end of `out`: what is written never
 * reaches what is still to be read. */
void diva_widen(const void *stored, enum diva_dtype type, int64_t count, double *out);

#endif
