/* Leave one group out, for the dual: blocks of Q in place of its diagonal. */
#include "dual.h"

#include <stdlib.h>

enum { REAL = sizeof(double) };

/* Training row of a dataset row, -1 for one outside; `index` ascends. */
static int64_t find_slot(const struct diva_dual *dual, int64_t row) {
  int64_t low = 0;
  int64_t high = dual->rows;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (dual->index[middle] < row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < dual->rows && dual->index[low] == row ? low : -1;
}

enum diva_status diva_dual_groups_allocate(struct diva_dual *dual, struct diva_error *error) {
  const struct diva_groups *lists = &dual->engine->groups;
  if (lists->count == 0) {
    return DIVA_OK;
  }
  enum diva_status status =
      diva_allocate(1, sizeof *dual->groups, "leave-one-group-out", (void **)&dual->groups, error);
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_dual_groups *groups = dual->groups;
  status = diva_allocate(lists->row_count, sizeof *groups->slot, "rows of groups",
                         (void **)&groups->slot, error);
  if (status == DIVA_OK) {
    status = diva_allocate(dual->rows, dual->outputs * REAL, "residuals",
                           (void **)&groups->residual, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(lists->largest, lists->largest * REAL, "the largest group",
                           (void **)&groups->square, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(dual->outputs, lists->largest * REAL, "the largest group",
                           (void **)&groups->right, error);
  }
  return status;
}

enum diva_status diva_dual_groups_take(struct diva_dual *dual, struct diva_error *error) {
  const struct diva_groups *lists = &dual->engine->groups;
  struct diva_matrix right = {0};
  if (lists->count == 0) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_engine_matrix(dual->engine, dual->outputs, lists->largest, REAL, &right, error);
  if (dual->groups) {
    dual->groups->device_right = right;
  }
  return status;
}

void diva_dual_groups_find(struct diva_dual *dual) {
  const struct diva_groups *lists = &dual->engine->groups;
  for (int64_t i = 0; dual->groups && i < lists->row_count; i++) {
    dual->groups->slot[i] = find_slot(dual, lists->rows[i]);
  }
}

void diva_dual_groups_free(struct diva_dual *dual) {
  if (dual->groups) {
    free(dual->groups->slot);
    free(dual->groups->residual);
    free(dual->groups->square);
    free(dual->groups->right);
    free(dual->groups);
    dual->groups = NULL;
  }
}

int64_t diva_dual_groups_place(const struct diva_dual *dual, int64_t i) {
  return dual->groups ? dual->engine->groups.place[dual->index[i]] : -1;
}

static struct diva_matrix corner(struct diva_matrix matrix, int64_t rows, int64_t columns) {
  matrix.rows = rows;
  matrix.columns = columns;
  return matrix;
}

/* Training rows of group g, one after the other in `slots`; returns how many. */
static int64_t list_slots(const struct diva_dual *dual, int64_t g, const int64_t **first,
                          const int64_t **end) {
  const struct diva_groups *lists = &dual->engine->groups;
  int64_t count = 0;
  *first = dual->groups->slot + lists->start[g];
  *end = dual->groups->slot + lists->start[g + 1];
  for (const int64_t *slot = *first; slot < *end; slot++) {
    count += *slot >= 0;
  }
  return count;
}

/* rows = (Q_II)^-1 rows, in place: those of group g of an m x k array. The system is built where
 * S was, which is not needed any more. */
static enum diva_status solve_block(struct diva_dual *dual, int64_t g, double *rows,
                                    struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dual_groups *groups = dual->groups;
  const int64_t *first;
  const int64_t *end;
  const int64_t size = list_slots(dual, g, &first, &end);
  const struct diva_matrix block = corner(dual->device_s, size, size);
  const struct diva_matrix right = corner(groups->device_right, dual->outputs, size);
  int64_t at = 0;
  for (const int64_t *i = first; i < end; i++) {
    for (const int64_t *j = first; j < end && *i >= 0; j++) {
      if (*j >= 0) {
        groups->square[at++] = dual->q[*i * dual->rows + *j];
      }
    }
  }
  for (int64_t c = 0; c < dual->outputs; c++) {
    at = 0;
    for (const int64_t *i = first; i < end; i++) {
      if (*i >= 0) {
        groups->right[c * size + at++] = rows[*i * dual->outputs + c];
      }
    }
  }
  enum diva_status status = diva_engine_upload(engine, block, groups->square, error);
  if (status == DIVA_OK) {
    status = engine->ops->cholesky(engine->backend, block, error);
    if (status == DIVA_ERROR_NUMERICAL) {
      diva_error_prefix(error, "the group of row %lld cannot be left out: ",
                        (long long)engine->groups.rows[engine->groups.start[g]]);
    }
  }
  if (status == DIVA_OK) {
    status = diva_engine_upload(engine, right, groups->right, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->cholesky_solve(engine->backend, block, right, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, right, groups->right, error);
  }
  for (int64_t c = 0; c < dual->outputs && status == DIVA_OK; c++) {
    at = 0;
    for (const int64_t *i = first; i < end; i++) {
      if (*i >= 0) {
        rows[*i * dual->outputs + c] = groups->right[c * size + at++];
      }
    }
  }
  return status;
}

enum diva_status diva_dual_groups_solve(struct diva_dual *dual, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (!dual->groups) {
    return DIVA_OK;
  }
  for (int64_t i = 0; i < dual->rows * dual->outputs; i++) {
    dual->groups->residual[i] = dual->c[i];
  }
  for (int64_t g = 0; g < dual->engine->groups.count && status == DIVA_OK; g++) {
    status = solve_block(dual, g, dual->groups->residual, error);
  }
  return status;
}

enum diva_status diva_dual_groups_adjoint(struct diva_dual *dual,
                                          struct diva_dual_objective *objective,
                                          struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (!dual->groups) {
    return DIVA_OK;
  }
  for (int64_t i = 0; i < dual->rows; i++) {
    if (diva_dual_groups_place(dual, i) >= 0) {
      objective->curvature[i] = 0.0;
    }
  }
  for (int64_t g = 0; g < dual->engine->groups.count && status == DIVA_OK; g++) {
    status = solve_block(dual, g, objective->direct, error);
  }
  return status;
}

/* sum_i w_i rows_i of one output over the training rows of group g, rows m x k. */
static double weigh(const struct diva_dual *dual, int64_t g, const double *weights,
                    const double *rows, int64_t output) {
  const struct diva_groups *lists = &dual->engine->groups;
  double sum = 0.0;
  for (int64_t p = lists->start[g]; p < lists->start[g + 1]; p++) {
    const int64_t i = dual->groups->slot[p];
    sum += i >= 0 ? weights[i] * rows[i * dual->outputs + output] : 0.0;
  }
  return sum;
}

double diva_dual_groups_curvature(const struct diva_dual *dual,
                                  const struct diva_dual_objective *objective,
                                  const double *weights) {
  const int64_t count = dual->groups ? dual->engine->groups.count : 0;
  double sum = 0.0;
  for (int64_t g = 0; g < count; g++) {
    for (int64_t c = 0; c < dual->outputs; c++) {
      sum += weigh(dual, g, weights, objective->direct, c) *
             weigh(dual, g, weights, dual->groups->residual, c);
    }
  }
  return sum;
}

double diva_dual_groups_leave(const struct diva_dual *dual,
                              const struct diva_dual_objective *objective, int64_t row,
                              const double *weights, double *e) {
  const struct diva_groups *lists = &dual->engine->groups;
  if (!dual->groups || lists->place[row] < 0) {
    return 0.0;
  }
  const int64_t g = diva_groups_find(lists, lists->place[row]);
  double own = 0.0;
  for (int64_t c = 0; c < dual->outputs; c++) {
    e[c] += weigh(dual, g, weights, dual->groups->residual, c);
    if (objective->curvature) {
      own += weigh(dual, g, weights, objective->direct, c) * e[c];
    }
  }
  return own;
}
