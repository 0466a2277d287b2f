/* Many short strings in one block of memory, and the search for two equal ones. */
#include "host/dataset/string_table.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

enum diva_status diva_string_table_init(struct diva_string_table *table, int64_t limit,
                                        int64_t budget, struct diva_error *error) {
  *table = (struct diva_string_table){.limit = limit, .budget = budget};
  void *offsets = NULL;
  enum diva_status status =
      diva_allocate(limit, (int64_t)sizeof *table->offsets, "strings", &offsets, error);
  table->offsets = offsets;
  return status;
}

/* Bytes of the UTF-8 sequence at `text`, 0 where there is none. Overlong forms, surrogates and
 * values past U+10FFFF are not UTF-8 (RFC 3629). */
static int64_t sequence_length(const unsigned char *text, int64_t left) {
  unsigned char lead = text[0];
  if (lead < 0x80) {
    return 1;
  }
  int64_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < length) {
    return 0;
  }
  for (int64_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) {
      return 0;
    }
  }
  bool overlong = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xf0 && text[1] < 0x90);
  bool outside = (lead == 0xed && text[1] > 0x9f) || (lead == 0xf4 && text[1] > 0x8f);
  return overlong || outside ? 0 : length;
}

static bool is_utf8(const char *text, int64_t length) {
  for (int64_t i = 0; i < length;) {
    int64_t step = sequence_length((const unsigned char *)text + i, length - i);
    if (!step) {
      return false;
    }
    i += step;
  }
  return true;
}

static enum diva_status make_room(struct diva_string_table *table, int64_t length,
                                  struct diva_error *error) {
  if (table->count == table->limit) {
    return diva_error_set(error, DIVA_ERROR_INTERNAL, "more than %lld strings",
                          (long long)table->limit);
  }
  if (length >= table->budget - table->used) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "the strings need more than the %lld bytes of memory left for them",
                          (long long)table->budget);
  }
  int64_t needed = table->used + length + 1;
  if (needed <= table->size) {
    return DIVA_OK;
  }
  int64_t size = needed + needed / 2 + 256;
  char *bytes = realloc(table->bytes, (size_t)size);
  if (!bytes) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for strings: %lld bytes",
                          (long long)size);
  }
  table->bytes = bytes;
  table->size = size;
  return DIVA_OK;
}

enum diva_status diva_string_table_append(struct diva_string_table *table, const char *text,
                                          int64_t length, struct diva_error *error) {
  if (!is_utf8(text, length)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "text that is not UTF-8");
  }
  enum diva_status status = make_room(table, length, error);
  if (status) {
    return status;
  }
  table->offsets[table->count++] = table->used;
  if (length > 0) {
    memcpy(table->bytes + table->used, text, (size_t)length);
  }
  table->used += length;
  table->bytes[table->used++] = '\0';
  return DIVA_OK;
}

const char *diva_string_table_get(const struct diva_string_table *table, int64_t index) {
  return index >= 0 && index < table->count ? table->bytes + table->offsets[index] : NULL;
}

/* FNV-1a, then a final mix because the slot is taken from the low bits. */
static uint64_t hash_text(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++) {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  }
  hash ^= hash >> 32;
  hash *= UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

/* The string's place in an open-addressed table of 1 + index: an equal string's, or a free one. */
static int64_t find_slot(const struct diva_string_table *table, const int64_t *slots, uint64_t mask,
                         const char *text) {
  uint64_t slot = hash_text(text) & mask;
  while (slots[slot] && strcmp(diva_string_table_get(table, slots[slot] - 1), text) != 0) {
    slot = (slot + 1) & mask;
  }
  return (int64_t)slot;
}

/* A table of slots with room for all strings. */
static enum diva_status make_slots(const struct diva_string_table *table, int64_t **slots,
                                   uint64_t *mask, struct diva_error *error) {
  int64_t size = 16;
  while (size < 2 * table->count) {
    size *= 2;
  }
  void *memory = NULL;
  enum diva_status status =
      diva_allocate(size, (int64_t)sizeof(int64_t), "a table of strings", &memory, error);
  *slots = memory;
  *mask = (uint64_t)size - 1;
  return status;
}

enum diva_status diva_string_table_duplicate(const struct diva_string_table *table, int64_t *first,
                                             int64_t *second, struct diva_error *error) {
  int64_t *slots = NULL;
  uint64_t mask = 0;
  *first = *second = -1;
  enum diva_status status = make_slots(table, &slots, &mask, error);
  for (int64_t i = 0; !status && i < table->count; i++) {
    int64_t slot = find_slot(table, slots, mask, diva_string_table_get(table, i));
    if (slots[slot]) {
      *first = slots[slot] - 1;
      *second = i;
      break;
    }
    slots[slot] = i + 1;
  }
  free(slots);
  return status;
}

enum diva_status diva_string_table_first(const struct diva_string_table *table, int64_t *first,
                                         struct diva_error *error) {
  int64_t *slots = NULL;
  uint64_t mask = 0;
  enum diva_status status = make_slots(table, &slots, &mask, error);
  for (int64_t i = 0; !status && i < table->count; i++) {
    int64_t slot = find_slot(table, slots, mask, diva_string_table_get(table, i));
    slots[slot] = slots[slot] ? slots[slot] : i + 1;
    first[i] = slots[slot] - 1;
  }
  free(slots);
  return status;
}

enum diva_status diva_string_index_build(const struct diva_string_table *table,
                                         struct diva_string_index *out, struct diva_error *error) {
  enum diva_status status = make_slots(table, &out->slots, &out->mask, error);
  for (int64_t i = 0; !status && i < table->count; i++) {
    out->slots[find_slot(table, out->slots, out->mask, diva_string_table_get(table, i))] = i + 1;
  }
  return status;
}

int64_t diva_string_index_find(const struct diva_string_index *index,
                               const struct diva_string_table *table, const char *text) {
  return index->slots ? index->slots[find_slot(table, index->slots, index->mask, text)] - 1 : -1;
}

void diva_string_index_free(struct diva_string_index *index) {
  free(index->slots);
  *index = (struct diva_string_index){0};
}

void diva_string_table_free(struct diva_string_table *table) {
  free(table->bytes);
  free(table->offsets);
  *table = (struct diva_string_table){0};
}
