/* Rows from all over a dataset, read in the order of the file. */
#include "host/dataset/gather.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

/* Rows this near each other are read at once, for reading few rows costs as much as reading one. */
enum { LARGEST_GAP = 8, SPAN_ROWS = 256 };

/* A row and its place in the output. */
struct wanted {
  int64_t row;
  int64_t at;
};

static int compare_wanted(const void *left, const void *right) {
  const struct wanted *a = left;
  const struct wanted *b = right;
  if (a->row != b->row) {
    return a->row < b->row ? -1 : 1;
  }
  return a->at < b->at ? -1 : a->at > b->at;
}

/* A part of the dataset that has a row a row. */
typedef enum diva_status (*part_reader)(struct diva_dataset *dataset, int64_t first, int64_t count,
                                        void *out, struct diva_error *error);

static enum diva_status read_targets(struct diva_dataset *dataset, int64_t first, int64_t count,
                                     void *out, struct diva_error *error) {
  return diva_dataset_read_targets(dataset, first, count, out, error);
}

static enum diva_status read_base_outputs(struct diva_dataset *dataset, int64_t first,
                                          int64_t count, void *out, struct diva_error *error) {
  return diva_dataset_read_base_outputs(dataset, first, count, out, error);
}

/* How many of the sorted rows from the first on are read as one span. */
static int64_t span_length(const struct wanted *wanted, int64_t count) {
  int64_t length = 1;
  while (length < count && wanted[length].row - wanted[length - 1].row <= LARGEST_GAP &&
         wanted[length].row - wanted[0].row < SPAN_ROWS) {
    length++;
  }
  return length;
}

static enum diva_status gather(struct diva_dataset *dataset, part_reader read, int64_t row_bytes,
                               const int64_t *rows, int64_t count, char *out,
                               struct diva_error *error) {
  struct wanted *wanted = NULL;
  char *span = NULL;
  enum diva_status status =
      diva_allocate(count, sizeof *wanted, "rows to gather", (void **)&wanted, error);
  if (status == DIVA_OK) {
    status = diva_allocate(SPAN_ROWS, row_bytes, "rows to gather", (void **)&span, error);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    wanted[i] = (struct wanted){rows[i], i};
  }
  if (status == DIVA_OK) {
    qsort(wanted, (size_t)count, sizeof *wanted, compare_wanted);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK;) {
    const int64_t end = i + span_length(wanted + i, count - i);
    const int64_t first = wanted[i].row;
    status = read(dataset, first, wanted[end - 1].row - first + 1, span, error);
    for (; i < end && status == DIVA_OK; i++) {
      memcpy(out + wanted[i].at * row_bytes, span + (wanted[i].row - first) * row_bytes,
             (size_t)row_bytes);
    }
  }
  free(wanted);
  free(span);
  return status;
}

enum diva_status diva_gather_features(struct diva_dataset *dataset, const int64_t *rows,
                                      int64_t count, void *out, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  return gather(dataset, diva_dataset_read_features,
                info.columns * diva_dtype_size(info.feature_type), rows, count, out, error);
}

static int64_t output_bytes(const struct diva_dataset *dataset) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  return info.outputs * (int64_t)sizeof(double);
}

enum diva_status diva_gather_targets(struct diva_dataset *dataset, const int64_t *rows,
                                     int64_t count, double *out, struct diva_error *error) {
  return gather(dataset, read_targets, output_bytes(dataset), rows, count, (char *)(void *)out,
                error);
}

enum diva_status diva_gather_base_outputs(struct diva_dataset *dataset, const int64_t *rows,
                                          int64_t count, double *out, struct diva_error *error) {
  return gather(dataset, read_base_outputs, output_bytes(dataset), rows, count, (char *)(void *)out,
                error);
}
