#include "random.h"

uint64_t diva_random_next(struct diva_random *random) {
  random->state += 0x9e3779b97f4a7c15U;
  uint64_t z = random->state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

int64_t diva_random_below(struct diva_random *random, int64_t limit) {
  __extension__ typedef unsigned __int128 wide;
  return (int64_t)(((wide)diva_random_next(random) * (wide)(uint64_t)limit) >> 64);
}

bool diva_random_selects(struct diva_random *random, int64_t *left, int64_t *wanted) {
  const bool selected = diva_random_below(random, (*left)--) < *wanted;
  *wanted -= selected;
  return selected;
}

void diva_random_shuffle(struct diva_random *random, int64_t *values, int64_t count) {
  for (int64_t i = count - 1; i > 0; i--) {
    const int64_t other = diva_random_below(random, i + 1);
    const int64_t value = values[i];
    values[i] = values[other];
    values[other] = value;
  }
}
