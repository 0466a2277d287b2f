/* Rows sorted by a key, worst first. */
#include "host/core/core.h"

#include <diva/curate.h>

#include <math.h>
#include <stdlib.h>

struct keyed_row {
  double key; /* smaller is worse; NaN last */
  int64_t row;
};

/* A total order: no two rows are equal, so qsort() has no freedom. */
static int compare(const void *left, const void *right) {
  const struct keyed_row *a = left;
  const struct keyed_row *b = right;
  const bool a_missing = isnan(a->key);
  const bool b_missing = isnan(b->key);
  if (a_missing != b_missing) {
    return a_missing ? 1 : -1;
  }
  if (!a_missing && a->key != b->key) {
    return a->key < b->key ? -1 : 1;
  }
  return a->row < b->row ? -1 : a->row > b->row;
}

enum diva_status diva_order_rows(const double *key, int64_t rows, bool descending, int64_t *order,
                                 struct diva_error *error) {
  struct keyed_row *keyed = NULL;
  const enum diva_status status =
      diva_allocate(rows, sizeof *keyed, "sorting", (void **)&keyed, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < rows; i++) {
    keyed[i] = (struct keyed_row){descending ? -key[i] : key[i], i};
  }
  qsort(keyed, (size_t)rows, sizeof *keyed, compare);
  for (int64_t i = 0; i < rows; i++) {
    order[i] = keyed[i].row;
  }
  free(keyed);
  return DIVA_OK;
}
