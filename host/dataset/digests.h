/**
 * @file digests.h
 * SHA-256 of the files of a dataset: each computed once, beforehand in the background if asked.
 */
#ifndef DIVA_DIGESTS_H
#define DIVA_DIGESTS_H

#include "host/dataset/paths.h"

#include <diva/dataset.h>

struct diva_digests;

/** Digests not yet computed; the paths are borrowed. */
enum diva_status diva_digests_create(const struct diva_path_list *paths, struct diva_digests **out,
                                     struct diva_error *error);

/** Stops what is being computed, and frees; NULL is fine. */
void diva_digests_destroy(struct diva_digests *digests);

#endif
