/**
 * @file near_scale.h
 * How near two rows must be to be near-duplicates: given, or told by the data.
 */
#ifndef DIVA_NEAR_SCALE_H
#define DIVA_NEAR_SCALE_H

#include "sketch.h"

/**
 * For each row, the square of the distance at or below which another may be its near-duplicate; 0
 * for rows that have none.
 *
 * Given a cosine c it is 2 - 2 c. Else it is a share of the distance to the third nearest row of a
 * seeded sample: two copies of the row there do not spoil that. In a space of intrinsic dimension D
 * a fraction 3 / s (share)^D of all rows is nearer than that by chance, so the share is the one at
 * which less than one pair of n rows is, and at most 0.35. D is estimated from the second neighbour
 * beside the first (Facco et al., Scientific Reports 2017), by the median, which copies do not
 * move.
 */
enum diva_status diva_near_scale(const struct diva_sketch *sketch,
                                 const struct diva_duplicates_options *options, float *reach,
                                 struct diva_error *error);

#endif
