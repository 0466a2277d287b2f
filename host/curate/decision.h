/** @file decision.h A decision in memory: the columns that clean and prune fill. Internal. */
#ifndef DIVA_DECISION_H
#define DIVA_DECISION_H

#include "host/core/core.h"

#include <diva/curate.h>

struct diva_decision {
  struct diva_decision_columns columns; /**< views of the arrays below */
  struct diva_noise_summary noise;
  uint8_t *is_label_issue;
  double *issue_probability;
  double *label_quality;
  double *suggested_probability;
  int32_t *suggested_label;
  double *transition; /**< classes x classes; NULL from prune */
  uint8_t *action;
  uint8_t *keep;
  int64_t *kept;
};

/** A decision over `rows` rows that keeps them all; `label_issues` adds the columns of clean. */
enum diva_status diva_decision_create(int64_t rows, bool label_issues, struct diva_decision **out,
                                      struct diva_error *error);

/** Derives the kept indices and the counts from `keep`. `weight`, NULL where all are 1, says which
 * rows belong to the set. */
void diva_decision_finish(struct diva_decision *decision, const struct diva_dataset *dataset,
                          const double *weight, int64_t outputs);

/** Sets marks[row] = value for the `count` training rows that are worst by a key (diva_order_rows).
 */
enum diva_status diva_decision_mark_worst(const struct diva_columns *columns, const double *key,
                                          bool descending, int64_t count, uint8_t value,
                                          uint8_t *marks, struct diva_error *error);

#endif
