/* Which rows of a pool are taken next: by the derivative, or at random. */
#include "extend_pick.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <diva/curate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* p(given) >= P p(likeliest) is t (F_likeliest - F_given) <= -log P. A row without a label, or of
 * targets, has no margin and nothing implausible. */
static bool is_plausible(const struct diva_extend_choice *choice, double margin) {
  return choice->plausibility <= 0.0 || isnan(margin) ||
         choice->fit->summary.temperature * margin <= -log(choice->plausibility);
}

/* Whether the rule takes the row, or, where any is taken, would but for the sign of the derivative.
 */
static bool follows_rule(const struct diva_extend_choice *choice,
                         const struct diva_columns *columns, int64_t i) {
  const double margin = columns->loo_margin[choice->problem->core_rows + i];
  return (choice->any || choice->fit->derivative[i] < 0.0) && is_plausible(choice, margin);
}

static bool is_free(const struct diva_extend_choice *choice, int64_t i) {
  return choice->round[i] < 0 &&
         diva_extend_weight(choice->problem, choice->problem->core_rows + i) > 0.0;
}

/* Appends the free rows that follow the rule, by derivative, or the others, by margin. */
static enum diva_status append(const struct diva_extend_choice *choice, bool following, double *key,
                               int64_t *order, int64_t *out, int64_t *count,
                               struct diva_error *error) {
  struct diva_columns columns;
  int64_t found = 0;
  diva_analysis_columns(choice->fit->analysis, &columns);
  for (int64_t i = 0; i < choice->problem->pool_rows; i++) {
    const bool wanted = is_free(choice, i) && follows_rule(choice, &columns, i) == following;
    const double by =
        following ? choice->fit->derivative[i] : columns.loo_margin[choice->problem->core_rows + i];
    key[i] = wanted ? by : (double)NAN;
    found += wanted;
  }
  const enum diva_status status =
      diva_order_rows(key, choice->problem->pool_rows, false, order, error);
  if (status == DIVA_OK) {
    memcpy(out + *count, order, (size_t)found * sizeof *out);
    *count += found;
  }
  return status;
}

enum diva_status diva_extend_choose(const struct diva_extend_choice *choice, int64_t *out,
                                    int64_t *count, struct diva_error *error) {
  const int64_t pool = choice->problem->pool_rows;
  double *key = NULL;
  int64_t *order = NULL;
  *count = 0;
  enum diva_status status =
      diva_allocate(pool, sizeof *key, "the choice of a round", (void **)&key, error);
  if (status == DIVA_OK) {
    status = diva_allocate(pool, sizeof *order, "the choice of a round", (void **)&order, error);
  }
  if (status == DIVA_OK) {
    status = append(choice, true, key, order, out, count, error);
  }
  if (status == DIVA_OK && choice->any) {
    status = append(choice, false, key, order, out, count, error);
  }
  free(key);
  free(order);
  return status;
}

static int64_t list_pool(const struct diva_extend_problem *problem, int64_t *out) {
  int64_t count = 0;
  for (int64_t i = 0; i < problem->pool_rows; i++) {
    if (diva_extend_weight(problem, problem->core_rows + i) > 0.0) {
      out[count++] = i;
    }
  }
  return count;
}

void diva_extend_shuffle(const struct diva_extend_problem *problem, int picks, int64_t *out,
                         int64_t *count) {
  struct diva_random random = {problem->model.seed};
  *count = 0;
  for (int p = 0; p < picks; p++) {
    int64_t *order = out + p * problem->pool_rows;
    *count = list_pool(problem, order);
    diva_random_shuffle(&random, order, *count);
  }
}

struct ranked_row {
  int64_t round; /* INT64_MAX: not taken */
  double gain;
  int64_t row;
};

static int compare(const void *left, const void *right) {
  const struct ranked_row *a = left;
  const struct ranked_row *b = right;
  if (a->round != b->round) {
    return a->round < b->round ? -1 : 1;
  }
  if (a->gain != b->gain) {
    return a->gain > b->gain ? -1 : 1;
  }
  return a->row < b->row ? -1 : a->row > b->row;
}

enum diva_status diva_extend_rank(int64_t pool_rows, const int64_t *round, const double *gain,
                                  int64_t *out, struct diva_error *error) {
  struct ranked_row *rows = NULL;
  const enum diva_status status =
      diva_allocate(pool_rows, sizeof *rows, "sorting", (void **)&rows, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < pool_rows; i++) {
    rows[i] = (struct ranked_row){round[i] < 0 ? INT64_MAX : round[i], gain[i], i};
  }
  qsort(rows, (size_t)pool_rows, sizeof *rows, compare);
  for (int64_t i = 0; i < pool_rows; i++) {
    out[i] = rows[i].row;
  }
  free(rows);
  return DIVA_OK;
}
