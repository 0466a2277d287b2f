/**
 * @file row_hash.h
 * 64-bit hashes of rows, to tell whether a row of one version is that of another. Internal.
 *
 * Not cryptographic: two rows that differ collide by chance once in 2^64 pairs, and could be made
 * to collide on purpose. A change confined to one 8-byte word never goes unseen.
 */
#ifndef DIVA_STATE_ROW_HASH_H
#define DIVA_STATE_ROW_HASH_H

#include <stdint.h>

/** Hash of `size` bytes, begun at `seed`: a hash of what comes before, or 0. */
uint64_t diva_row_hash(uint64_t seed, const void *bytes, int64_t size);

/** Hashes of `count` rows that lie one after the other. */
void diva_row_hashes(const void *rows, int64_t count, int64_t row_bytes, int threads,
                     uint64_t *out);

#endif
