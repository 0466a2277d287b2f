/* Rows that are equal, and rows that nearly are. */
#include "copies.h"

#include "host/core/core.h"

#include <diva/duplicates.h>
#include <stdlib.h>

/* A row and the hash of its features. */
struct hashed {
  uint64_t hash;
  int64_t row;
};

static int compare_hashed(const void *left, const void *right) {
  const struct hashed *a = left;
  const struct hashed *b = right;
  if (a->hash != b->hash) {
    return a->hash < b->hash ? -1 : 1;
  }
  return a->row < b->row ? -1 : a->row > b->row;
}

static void number_copies(const struct hashed *sorted, int64_t rows, int32_t *codes) {
  int32_t next = 0;
  for (int64_t first = 0; first < rows;) {
    int64_t end = first + 1;
    while (end < rows && sorted[end].hash == sorted[first].hash) {
      end++;
    }
    for (int64_t s = first; s < end; s++) {
      codes[sorted[s].row] = end - first > 1 ? next : -1;
    }
    next += end - first > 1;
    first = end;
  }
}

/* Rows of equal features, whatever a search by distance says of them. */
static enum diva_status find_equal(const uint64_t *hashes, int64_t rows, int32_t *codes,
                                   struct diva_error *error) {
  struct hashed *sorted = NULL;
  const enum diva_status status =
      diva_allocate(rows, sizeof *sorted, "rows by content", (void **)&sorted, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    sorted[i] = (struct hashed){hashes[i], i};
  }
  if (status == DIVA_OK) {
    qsort(sorted, (size_t)rows, sizeof *sorted, compare_hashed);
    number_copies(sorted, rows, codes);
  }
  free(sorted);
  return status;
}

enum diva_status diva_check_copies(const struct diva_check_run *run, struct diva_dataset *dataset,
                                   const uint64_t *hashes, int64_t rows, int32_t *codes,
                                   struct diva_error *error) {
  const struct diva_analysis_options *analysis = &run->options->analysis;
  struct diva_duplicates_options options;
  struct diva_duplicates *near = NULL;
  diva_duplicates_options_init(&options);
  options.threshold = run->options->policy.duplicates_threshold;
  options.backend = analysis->backend;
  options.threads = analysis->threads;
  options.memory = analysis->memory;
  options.seed = analysis->seed;
  options.progress = analysis->progress;
  enum diva_status status = find_equal(hashes, rows, codes, error);
  if (status == DIVA_OK) {
    status = diva_duplicates_find(dataset, &options, &near, error);
  }
  if (status == DIVA_OK) {
    struct diva_duplicates_columns columns;
    diva_duplicates_columns(near, &columns);
    status = diva_groups_merge(columns.group, codes, rows, codes, error);
  }
  diva_duplicates_destroy(near);
  return status;
}
