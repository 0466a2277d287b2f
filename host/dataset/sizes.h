/**
 * @file sizes.h
 * Whether a dataset of the size that a file claims can be worked on here, before anything of that
 * size is allocated.
 */
#ifndef DIVA_SIZES_H
#define DIVA_SIZES_H

#include <diva/error.h>

/** What a dataset claims to be. */
struct diva_sizes {
  int64_t rows;
  int64_t columns;
  int64_t outputs; /**< 0: not known yet */
  int64_t element_size;
};

/** Memory in two limits: what the caller allows, and what the machine has. */
struct diva_memory_limit {
  int64_t allowed;
  int64_t machine;
};

/** @param memory  as in diva_dataset_options: 0 for what the machine has */
struct diva_memory_limit diva_memory_limit_make(int64_t memory);

/**
 * Refuses sizes that overflow, or whose columns, rows and system cannot fit in memory.
 * @return DIVA_ERROR_INPUT past what the machine has, DIVA_ERROR_RESOURCE past what is allowed
 */
enum diva_status diva_sizes_check(const struct diva_sizes *sizes,
                                  const struct diva_memory_limit *limit, struct diva_error *error);

/** The same for one amount of memory: "WHAT needs B". */
enum diva_status diva_memory_check(int64_t bytes, const char *what,
                                   const struct diva_memory_limit *limit, struct diva_error *error);

#endif
