/** Distinct strings numbered in order of first appearance: class names while they are collected. */
#define _GNU_SOURCE
#include "name_set.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: short keys, no adversary that gains more than a slow conversion of its own file. */
static uint64_t hash_of(const char *string) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = string; *c; c++) {
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  }
  return hash;
}

const char *diva_name_set_get(const struct diva_name_set *set, int64_t number) {
  return set->bytes.data + set->offsets[number];
}

/* The slot that holds the string, or the free one it would go to. */
static int64_t slot_of(const struct diva_name_set *set, const char *string) {
  const uint64_t slots = 2 * (uint64_t)set->capacity;
  uint64_t slot = hash_of(string) % slots;
  while (set->slots[slot] != 0 &&
         strcmp(diva_name_set_get(set, set->slots[slot] - 1), string) != 0) {
    slot = (slot + 1) % slots;
  }
  return (int64_t)slot;
}

static bool grow(struct diva_name_set *set) {
  const int64_t capacity = set->capacity == 0 ? 64 : 2 * set->capacity;
  int64_t *const offsets = realloc(set->offsets, (size_t)capacity * sizeof *offsets);
  if (!offsets) {
    return false;
  }
  set->offsets = offsets;
  int64_t *const slots = calloc((size_t)capacity * 2, sizeof *slots);
  if (!slots) {
    return false;
  }
  free(set->slots);
  set->slots = slots;
  set->capacity = capacity;
  for (int64_t i = 0; i < set->count; i++) {
    set->slots[slot_of(set, diva_name_set_get(set, i))] = i + 1;
  }
  return true;
}

int64_t diva_name_set_find(const struct diva_name_set *set, const char *string) {
  return set->capacity == 0 ? -1 : set->slots[slot_of(set, string)] - 1;
}

bool diva_name_set_add(struct diva_name_set *set, const char *string, int64_t *number) {
  *number = diva_name_set_find(set, string);
  if (*number >= 0) {
    return true;
  }
  if (set->count == set->capacity && !grow(set)) {
    return false;
  }
  const int64_t offset = set->bytes.length;
  diva_text_append(&set->bytes, string, (int64_t)strlen(string) + 1);
  if (set->bytes.failed) {
    return false;
  }
  *number = set->count++;
  set->offsets[*number] = offset;
  set->slots[slot_of(set, string)] = *number + 1;
  return true;
}

static int compare_strings(const void *a, const void *b, void *context) {
  const struct diva_name_set *const set = context;
  return strcmp(diva_name_set_get(set, *(const int64_t *)a),
                diva_name_set_get(set, *(const int64_t *)b));
}

void diva_name_set_sort(const struct diva_name_set *set, int64_t *order) {
  for (int64_t i = 0; i < set->count; i++) {
    order[i] = i;
  }
  if (set->count > 1) {
    qsort_r(order, (size_t)set->count, sizeof *order, compare_strings, (void *)(uintptr_t)set);
  }
}

void diva_name_set_free(struct diva_name_set *set) {
  diva_text_free(&set->bytes);
  free(set->offsets);
  free(set->slots);
  *set = (struct diva_name_set){0};
}
