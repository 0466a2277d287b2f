/**
 * @file union_find.h
 * Sets of numbers that are joined and never parted (Tarjan's disjoint sets).
 *
 * parents[i] is another member of i's set, or i itself at its root; the root is the least member.
 */
#ifndef DIVA_UNION_FIND_H
#define DIVA_UNION_FIND_H

#include <stdint.h>

/** Every number alone. */
void diva_union_begin(int64_t *parents, int64_t count);

/** The least member of i's set; shortens the way to it. */
int64_t diva_union_root(int64_t *parents, int64_t i);

/** Makes one set of two. */
void diva_union_join(int64_t *parents, int64_t a, int64_t b);

#endif
