/**
 * @file shadow.h
 * The shadow backend: the CPU's arithmetic behind memory and a queue that behave like a GPU's.
 *
 * For tests only; it is taken by name and never by "auto". It shows on any machine the faults of
 * whoever calls a backend that only a device would: what is read before it was computed (an
 * operation runs no sooner than synchronize() or download()), memory that nobody has written (it
 * starts as NaN), views that leave their buffer, lie over one another or exceed what open() was
 * told, buffers used after they were destroyed or never destroyed.
 */
#ifndef DIVA_SHADOW_H
#define DIVA_SHADOW_H

#include "kernels/backend.h"

extern const struct diva_backend_ops diva_shadow_ops;

#endif
