/* Decisions in memory: creating, completing and freeing them. */
#include "decision.h"

#include <math.h>
#include <stdlib.h>

const char *const *diva_action_names(void) {
  static const char *const names[DIVA_ACTIONS] = {
      [DIVA_ACTION_KEEP] = "keep",
      [DIVA_ACTION_RELABEL] = "relabel",
      [DIVA_ACTION_DROP] = "drop",
      [DIVA_ACTION_REVIEW] = "review",
  };
  return names;
}

static enum diva_status allocate_issues(struct diva_decision *decision, int64_t rows,
                                        struct diva_error *error) {
  const struct {
    void **out;
    int64_t size;
  } columns[] = {
      {(void **)&decision->is_label_issue, sizeof *decision->is_label_issue},
      {(void **)&decision->issue_probability, sizeof *decision->issue_probability},
      {(void **)&decision->label_quality, sizeof *decision->label_quality},
      {(void **)&decision->suggested_probability, sizeof *decision->suggested_probability},
      {(void **)&decision->suggested_label, sizeof *decision->suggested_label},
      {(void **)&decision->action, sizeof *decision->action},
  };
  enum diva_status status = DIVA_OK;
  for (size_t c = 0; c < sizeof columns / sizeof *columns && status == DIVA_OK; c++) {
    status = diva_allocate(rows, columns[c].size, "label issues", columns[c].out, error);
  }
  return status;
}

enum diva_status diva_decision_create(int64_t rows, bool label_issues, struct diva_decision **out,
                                      struct diva_error *error) {
  struct diva_decision *decision = NULL;
  *out = NULL;
  enum diva_status status =
      diva_allocate(1, sizeof *decision, "a decision", (void **)&decision, error);
  if (status != DIVA_OK) {
    return status;
  }
  status = diva_allocate(rows, sizeof *decision->keep, "keep", (void **)&decision->keep, error);
  if (status == DIVA_OK) {
    status =
        diva_allocate(rows, sizeof *decision->kept, "kept rows", (void **)&decision->kept, error);
  }
  if (status == DIVA_OK && label_issues) {
    status = allocate_issues(decision, rows, error);
  }
  if (status != DIVA_OK) {
    diva_decision_destroy(decision);
    return status;
  }
  for (int64_t i = 0; i < rows; i++) {
    decision->keep[i] = 1;
  }
  decision->columns.rows = rows;
  decision->noise = (struct diva_noise_summary){.rate = NAN,
                                                .confusable = NAN,
                                                .expected_precision = NAN,
                                                .expected_recall = NAN,
                                                .planted_precision = NAN,
                                                .planted_auroc = NAN};
  *out = decision;
  return DIVA_OK;
}

enum diva_status diva_decision_mark_worst(const struct diva_columns *columns, const double *key,
                                          bool descending, int64_t count, uint8_t value,
                                          uint8_t *marks, struct diva_error *error) {
  int64_t *order = NULL;
  enum diva_status status =
      diva_allocate(columns->rows, sizeof *order, "sorting", (void **)&order, error);
  if (status == DIVA_OK) {
    status = diva_order_rows(key, columns->rows, descending, order, error);
  }
  for (int64_t i = 0; i < columns->rows && status == DIVA_OK && count > 0; i++) {
    if (columns->weight[order[i]] > 0.0) {
      marks[order[i]] = value;
      count--;
    }
  }
  free(order);
  return status;
}

/* Classes that had training rows and keep none; on any doubt about memory, none are reported. */
static int64_t count_emptied(const struct diva_decision *decision, const int32_t *labels,
                             const double *weight, int64_t outputs) {
  int64_t *had = calloc((size_t)outputs, sizeof *had);
  int64_t *has = calloc((size_t)outputs, sizeof *has);
  int64_t emptied = 0;
  if (had && has) {
    for (int64_t i = 0; i < decision->columns.rows; i++) {
      if (labels[i] >= 0 && (!weight || weight[i] > 0.0)) {
        had[labels[i]]++;
        has[labels[i]] += decision->keep[i];
      }
    }
    for (int64_t c = 0; c < outputs; c++) {
      emptied += had[c] > 0 && has[c] == 0;
    }
  }
  free(had);
  free(has);
  return emptied;
}

void diva_decision_finish(struct diva_decision *decision, const struct diva_dataset *dataset,
                          const double *weight, int64_t outputs) {
  struct diva_decision_columns *columns = &decision->columns;
  const int32_t *labels = diva_dataset_labels(dataset);
  columns->is_label_issue = decision->is_label_issue;
  columns->issue_probability = decision->issue_probability;
  columns->label_quality = decision->label_quality;
  columns->suggested_probability = decision->suggested_probability;
  columns->suggested_label = decision->suggested_label;
  columns->action = decision->action;
  columns->keep = decision->keep;
  columns->kept = decision->kept;
  columns->kept_rows = 0;
  for (int64_t i = 0; i < columns->rows; i++) {
    if (decision->keep[i]) {
      decision->kept[columns->kept_rows++] = i;
    }
  }
  columns->dropped_rows = columns->rows - columns->kept_rows;
  columns->classes_emptied = labels ? count_emptied(decision, labels, weight, outputs) : 0;
}

void diva_decision_columns(const struct diva_decision *decision,
                           struct diva_decision_columns *out) {
  *out = decision->columns;
}

void diva_decision_noise(const struct diva_decision *decision, struct diva_noise_summary *out) {
  *out = decision->noise;
  out->transition = decision->transition;
}

void diva_decision_destroy(struct diva_decision *decision) {
  if (decision) {
    free(decision->is_label_issue);
    free(decision->issue_probability);
    free(decision->label_quality);
    free(decision->suggested_probability);
    free(decision->suggested_label);
    free(decision->transition);
    free(decision->action);
    free(decision->keep);
    free(decision->kept);
    free(decision);
  }
}
