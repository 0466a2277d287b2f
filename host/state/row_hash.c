/* Hashes of rows: four lanes of 8-byte words, so that the multiplications overlap. */
#include "row_hash.h"

#include <string.h>

enum { LANES = 4, WORD = 8, BLOCK = LANES * WORD };

static const uint64_t FACTOR = UINT64_C(0x9e3779b97f4a7c15);

/* One word into a lane. Multiplication carries upwards only; the shift brings the high bits, where
 * the signs of floats are, back down. Both steps are one to one. */
static uint64_t step(uint64_t lane, uint64_t word) {
  const uint64_t product = (lane ^ word) * FACTOR;
  return product ^ product >> 29;
}

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t finish(uint64_t value) {
  value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
  return value ^ value >> 31;
}

static uint64_t load(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

uint64_t diva_row_hash(uint64_t seed, const void *bytes, int64_t size) {
  const char *from = bytes;
  const int64_t blocks = size / BLOCK;
  uint64_t lanes[LANES];
  for (int l = 0; l < LANES; l++) {
    lanes[l] = finish(seed + (uint64_t)size + FACTOR * (uint64_t)(l + 1));
  }
  for (int64_t i = 0; i < blocks; i++, from += BLOCK) {
    for (int l = 0; l < LANES; l++) {
      lanes[l] = step(lanes[l], load(from + (int64_t)l * WORD));
    }
  }
  int64_t left = size % BLOCK;
  for (int l = 0; left > 0; l++, from += WORD, left -= WORD) {
    uint64_t word = 0;
    memcpy(&word, from, left < WORD ? (size_t)left : sizeof word);
    lanes[l] = step(lanes[l], word);
  }
  uint64_t hash = 0;
  for (int l = 0; l < LANES; l++) {
    hash = finish(hash * FACTOR + lanes[l]);
  }
  return hash;
}

void diva_row_hashes(const void *rows, int64_t count, int64_t row_bytes, int threads,
                     uint64_t *out) {
#pragma omp parallel for num_threads(threads)
  for (int64_t i = 0; i < count; i++) {
    out[i] = diva_row_hash(0, (const char *)rows + i * row_bytes, row_bytes);
  }
}
