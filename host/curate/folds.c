/* Stratified folds that keep groups together. */
#include "folds.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <stdlib.h>
#include <string.h>

/* The first row of a group, or a row without a group, stands for what is dealt out as one. */
struct unit {
  int32_t label;
  int64_t row;
  uint64_t key; /* a random order within the class */
};

static bool takes_part(const struct diva_folds_request *request, int64_t i) {
  return (!request->support || request->support[i] > 0.0) &&
         (!request->labels || request->labels[i] >= 0);
}

static int compare(const void *left, const void *right) {
  const struct unit *a = left;
  const struct unit *b = right;
  if (a->label != b->label) {
    return a->label < b->label ? -1 : 1;
  }
  if (a->key != b->key) {
    return a->key < b->key ? -1 : 1;
  }
  return (a->row > b->row) - (a->row < b->row);
}

static int32_t code_of(const struct diva_folds_request *request, int64_t i) {
  return request->groups ? request->groups[i] : -1;
}

/* @param first  by code: the first row of the group, -1 before it is met */
static int64_t gather_units(const struct diva_folds_request *request, int64_t *first,
                            struct unit *units) {
  struct diva_random random = {.state = request->seed};
  int64_t count = 0;
  for (int64_t i = 0; i < request->rows; i++) {
    const int32_t code = code_of(request, i);
    if (!takes_part(request, i) || (code >= 0 && first[code] >= 0)) {
      continue;
    }
    if (code >= 0) {
      first[code] = i;
    }
    units[count++] = (struct unit){.label = request->labels ? request->labels[i] : 0,
                                   .row = i,
                                   .key = diva_random_next(&random)};
  }
  return count;
}

/* Each class goes on where the last one ended, so that small classes do not crowd the first folds.
 */
static void deal(const struct diva_folds_request *request, const struct unit *units, int64_t count,
                 const int64_t *first, int32_t *folds) {
  for (int64_t i = 0; i < request->rows; i++) {
    folds[i] = -1;
  }
  for (int64_t u = 0; u < count; u++) {
    folds[units[u].row] = (int32_t)(u % request->count);
  }
  for (int64_t i = 0; i < request->rows; i++) {
    const int32_t code = code_of(request, i);
    if (code >= 0 && takes_part(request, i)) {
      folds[i] = folds[first[code]];
    }
  }
}

static int64_t count_codes(const struct diva_folds_request *request) {
  int64_t count = 0;
  for (int64_t i = 0; i < request->rows; i++) {
    count = code_of(request, i) >= count ? (int64_t)code_of(request, i) + 1 : count;
  }
  return count;
}

enum diva_status diva_folds_deal(const struct diva_folds_request *request, int32_t *folds,
                                 struct diva_error *error) {
  const int64_t codes = count_codes(request);
  struct unit *units = NULL;
  int64_t *first = NULL;
  enum diva_status status =
      diva_allocate(request->rows, sizeof *units, "folds", (void **)&units, error);
  if (status == DIVA_OK) {
    status = diva_allocate(codes, sizeof *first, "groups of the folds", (void **)&first, error);
  }
  if (status == DIVA_OK) {
    memset(first, -1, (size_t)codes * sizeof *first);
    const int64_t count = gather_units(request, first, units);
    if (count < request->count) {
      status = diva_error_set(error, DIVA_ERROR_INPUT,
                              "%lld %s are too few for %d folds; give fewer, or a number of steps",
                              (long long)count, request->what, request->count);
    } else {
      qsort(units, (size_t)count, sizeof *units, compare);
      deal(request, units, count, first, folds);
    }
  }
  free(units);
  free(first);
  return status;
}
