/**
 * @file name_set.h
 * Distinct strings numbered in order of first appearance: class names while they are collected.
 */
#ifndef DIVA_OUTPUT_NAME_SET_H
#define DIVA_OUTPUT_NAME_SET_H

#include "host/output/text.h"

/** Start from {0}. */
struct diva_name_set {
  struct diva_text bytes; /**< the strings, each terminated */
  int64_t *offsets;       /**< of string i in bytes; room for `capacity` */
  int64_t *slots;         /**< open addressing: a string's number + 1, or 0; 2 * capacity */
  int64_t count;
  int64_t capacity;
};

/** Number of a string, added if it is new. False where memory is out. */
bool diva_name_set_add(struct diva_name_set *set, const char *string, int64_t *number);

/** Number of a string; -1 where it is not there. */
int64_t diva_name_set_find(const struct diva_name_set *set, const char *string);

/** String of a number; valid until the next addition. */
const char *diva_name_set_get(const struct diva_name_set *set, int64_t number);

/** Numbers of all strings, sorted by their bytes. `order` has room for `count`. */
void diva_name_set_sort(const struct diva_name_set *set, int64_t *order);

void diva_name_set_free(struct diva_name_set *set);

#endif
