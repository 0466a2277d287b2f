/**
 * @file string_table.h
 * Many short strings in one block of memory: ids of rows, names of classes.
 */
#ifndef DIVA_STRING_TABLE_H
#define DIVA_STRING_TABLE_H

#include <diva/error.h>

/** Zeroed: an empty table. */
struct diva_string_table {
  char *bytes;      /**< the strings, each terminated, one after the other */
  int64_t *offsets; /**< where each starts */
  int64_t used, size;
  int64_t count, limit;
  int64_t budget; /**< bytes the strings may take */
};

/**
 * Makes room for at most `limit` strings of `budget` bytes in all; the bytes are taken as needed.
 */
enum diva_status diva_string_table_init(struct diva_string_table *table, int64_t limit,
                                        int64_t budget, struct diva_error *error);

/**
 * Copies one string to the end.
 * @return DIVA_ERROR_INPUT where it is not UTF-8; DIVA_ERROR_RESOURCE past the budget
 */
enum diva_status diva_string_table_append(struct diva_string_table *table, const char *text,
                                          int64_t length, struct diva_error *error);

/** The string, borrowed until the next append; NULL out of range. */
const char *diva_string_table_get(const struct diva_string_table *table, int64_t index);

/**
 * Looks for two equal strings. *second is the first string that repeats an earlier one, *first that
 * earlier one; -1 where all differ. Cost: one hash table of 16 to 32 bytes a string.
 */
enum diva_status diva_string_table_duplicate(const struct diva_string_table *table, int64_t *first,
                                             int64_t *second, struct diva_error *error);

/**
 * The first string that each one equals.
 * @param first  count indices, written
 */
enum diva_status diva_string_table_first(const struct diva_string_table *table, int64_t *first,
                                         struct diva_error *error);

/** Where each string of a table is. Zeroed: of an empty table. */
struct diva_string_index {
  int64_t *slots; /**< open addressing: 1 + the index of a string, 0 for a free one (owned) */
  uint64_t mask;
};

/** Builds the index of a table that holds no string twice and does not change any more. Free what
 * it holds by diva_string_index_free(). Cost: 16 to 32 bytes a string. */
enum diva_status diva_string_index_build(const struct diva_string_table *table,
                                         struct diva_string_index *out, struct diva_error *error);

/** The index of a string in its table; -1 where it is not there. */
int64_t diva_string_index_find(const struct diva_string_index *index,
                               const struct diva_string_table *table, const char *text);

void diva_string_index_free(struct diva_string_index *index);

/** Frees what it holds; a zeroed table is fine. */
void diva_string_table_free(struct diva_string_table *table);

#endif
