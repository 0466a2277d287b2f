/* Which rows are left out together: lists of rows from one code a row. */
#include "groups.h"

#include "host/core/core.h"

#include <stdlib.h>

/* A row and what it is sorted by. */
struct member {
  int64_t key;
  int64_t row;
};

static int compare_members(const void *left, const void *right) {
  const struct member *a = left;
  const struct member *b = right;
  if (a->key != b->key) {
    return a->key < b->key ? -1 : 1;
  }
  return a->row < b->row ? -1 : a->row > b->row;
}

static enum diva_status list_members(const int32_t *codes, int64_t rows, struct member **out,
                                     int64_t *count, struct diva_error *error) {
  for (int64_t i = 0; i < rows; i++) {
    if (codes[i] < -1) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "group code of row %lld is %d; codes are 0 or more, or -1 for alone",
                            (long long)i, codes[i]);
    }
  }
  const enum diva_status status =
      diva_allocate(rows, sizeof **out, "group members", (void **)out, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    if (codes[i] >= 0) {
      (*out)[(*count)++] = (struct member){codes[i], i};
    }
  }
  return status;
}

static int64_t run_end(const struct member *members, int64_t count, int64_t first) {
  int64_t end = first + 1;
  while (end < count && members[end].key == members[first].key) {
    end++;
  }
  return end;
}

static int64_t count_trained(const struct member *members, int64_t count, const double *weight) {
  int64_t trained = 0;
  for (int64_t i = 0; i < count; i++) {
    trained += weight[members[i].row] > 0.0;
  }
  return trained;
}

/* Keeps, in place, the members of groups that matter, keyed by the first row of their group.
 * Members are sorted by code. */
static enum diva_status select_groups(struct member *members, int64_t *count, const double *weight,
                                      int64_t training_rows, struct diva_groups *groups,
                                      struct diva_error *error) {
  int64_t kept = 0;
  for (int64_t first = 0; first < *count;) {
    const int64_t end = run_end(members, *count, first);
    const int64_t trained = count_trained(members + first, end - first, weight);
    if (trained == training_rows) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "the group of row %lld holds all %lld rows trained on; without it "
                            "there is no model to score it with",
                            (long long)members[first].row, (long long)training_rows);
    }
    const int64_t leader = members[first].row;
    if (trained > 0 && end - first > 1) {
      for (int64_t i = first; i < end; i++) {
        members[kept++] = (struct member){leader, members[i].row};
      }
      groups->count++;
      groups->largest = end - first > groups->largest ? end - first : groups->largest;
    }
    first = end;
  }
  *count = kept;
  return DIVA_OK;
}

static enum diva_status allocate_lists(struct diva_groups *groups, int64_t rows,
                                       struct diva_error *error) {
  enum diva_status status = diva_allocate(groups->count + 1, sizeof *groups->start, "groups",
                                          (void **)&groups->start, error);
  if (status == DIVA_OK) {
    status = diva_allocate(groups->row_count, sizeof *groups->rows, "rows of groups",
                           (void **)&groups->rows, error);
  }
  return status == DIVA_OK ? diva_allocate(rows, sizeof *groups->place, "places of rows",
                                           (void **)&groups->place, error)
                           : status;
}

static void fill_lists(const struct member *members, int64_t rows, struct diva_groups *groups) {
  int64_t group = 0;
  for (int64_t i = 0; i < rows; i++) {
    groups->place[i] = -1;
  }
  for (int64_t i = 0; i < groups->row_count; i++) {
    if (i > 0 && members[i].key != members[i - 1].key) {
      groups->start[++group] = i;
    }
    groups->rows[i] = members[i].row;
    groups->place[members[i].row] = i;
  }
  groups->start[groups->count] = groups->row_count;
}

enum diva_status diva_groups_build(const int32_t *codes, const double *weight, int64_t rows,
                                   struct diva_groups *out, struct diva_error *error) {
  *out = (struct diva_groups){0};
  if (!codes) {
    return DIVA_OK;
  }
  struct member *members = NULL;
  int64_t count = 0;
  int64_t training_rows = 0;
  for (int64_t i = 0; i < rows; i++) {
    training_rows += weight[i] > 0.0;
  }
  enum diva_status status = list_members(codes, rows, &members, &count, error);
  if (status == DIVA_OK && count > 0) {
    qsort(members, (size_t)count, sizeof *members, compare_members);
    status = select_groups(members, &count, weight, training_rows, out, error);
  }
  if (status == DIVA_OK && count > 0) {
    qsort(members, (size_t)count, sizeof *members, compare_members);
    out->row_count = count;
    status = allocate_lists(out, rows, error);
    if (status == DIVA_OK) {
      fill_lists(members, rows, out);
    }
  }
  free(members);
  if (status != DIVA_OK) {
    diva_groups_free(out);
  }
  return status;
}

int64_t diva_groups_find(const struct diva_groups *groups, int64_t place) {
  int64_t low = 0;
  int64_t high = groups->count;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (groups->start[middle] <= place) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

void diva_groups_free(struct diva_groups *groups) {
  free(groups->start);
  free(groups->rows);
  free(groups->place);
  *groups = (struct diva_groups){0};
}
