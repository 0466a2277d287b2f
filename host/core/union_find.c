/* Sets of numbers that are joined and never parted. */
#include "union_find.h"

void diva_union_begin(int64_t *parents, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    parents[i] = i;
  }
}

int64_t diva_union_root(int64_t *parents, int64_t i) {
  while (parents[i] != i) {
    parents[i] = parents[parents[i]];
    i = parents[i];
  }
  return i;
}

void diva_union_join(int64_t *parents, int64_t a, int64_t b) {
  const int64_t first = diva_union_root(parents, a);
  const int64_t second = diva_union_root(parents, b);
  if (first < second) {
    parents[second] = first;
  } else {
    parents[first] = second;
  }
}
