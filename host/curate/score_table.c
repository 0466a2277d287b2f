/* Keeping the scores of all rows. */
#include "score_table.h"

#include "host/core/core.h"

#include <stdlib.h>

enum diva_status diva_score_table_create(struct diva_score_table *table, int64_t rows,
                                         int64_t classes, struct diva_error *error) {
  int64_t values;
  *table = (struct diva_score_table){.rows = rows, .classes = classes};
  if (!diva_size_multiply(rows, classes, 1, &values)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "scores of %lld rows x %lld overflow",
                          (long long)rows, (long long)classes);
  }
  return diva_allocate(values, sizeof *table->scores, "scores of all rows", (void **)&table->scores,
                       error);
}

enum diva_status diva_score_table_take(void *context, int64_t first_row, int64_t rows,
                                       const double *scores, struct diva_error *error) {
  struct diva_score_table *table = context;
  (void)error;
  float *out = table->scores + first_row * table->classes;
  for (int64_t i = 0; i < rows * table->classes; i++) {
    out[i] = (float)scores[i];
  }
  return DIVA_OK;
}

void diva_score_table_free(struct diva_score_table *table) {
  free(table->scores);
  *table = (struct diva_score_table){0};
}
