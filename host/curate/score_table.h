/**
 * @file score_table.h
 * The leave-one-out scores of every row in memory, as an analysis hands them out. Internal.
 */
#ifndef DIVA_SCORE_TABLE_H
#define DIVA_SCORE_TABLE_H

#include <diva/analysis.h>

struct diva_score_table {
  int64_t rows;
  int64_t classes;
  float *scores; /**< rows x classes, row-major (owned) */
};

/** Allocates rows x classes values; 4 bytes each. */
enum diva_status diva_score_table_create(struct diva_score_table *table, int64_t rows,
                                         int64_t classes, struct diva_error *error);

/** A diva_scores_sink; the context is the table. */
enum diva_status diva_score_table_take(void *context, int64_t first_row, int64_t rows,
                                       const double *scores, struct diva_error *error);

/** Frees; a zeroed table is fine. */
void diva_score_table_free(struct diva_score_table *table);

#endif
