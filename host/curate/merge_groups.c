/* Two groupings of the same rows made one. */
#include "host/core/core.h"
#include "host/core/union_find.h"

#include <diva/duplicates.h>
#include <stdlib.h>

/* A row and its code. */
struct member {
  int32_t code;
  int64_t row;
};

static int compare_members(const void *left, const void *right) {
  const struct member *a = left;
  const struct member *b = right;
  if (a->code != b->code) {
    return a->code < b->code ? -1 : 1;
  }
  return a->row < b->row ? -1 : a->row > b->row;
}

static void join(const int32_t *codes, int64_t rows, struct member *members, int64_t *parents) {
  int64_t count = 0;
  for (int64_t i = 0; codes && i < rows; i++) {
    if (codes[i] >= 0) {
      members[count++] = (struct member){codes[i], i};
    }
  }
  qsort(members, (size_t)count, sizeof *members, compare_members);
  for (int64_t i = 1; i < count; i++) {
    if (members[i].code == members[i - 1].code) {
      diva_union_join(parents, members[i - 1].row, members[i].row);
    }
  }
}

/* The least member of a set comes first and is its root. */
static void number(int64_t *parents, int64_t rows, int32_t *out) {
  int32_t next = 0;
  for (int64_t i = 0; i < rows; i++) {
    out[i] = -1;
  }
  for (int64_t i = 0; i < rows; i++) {
    const int64_t root = diva_union_root(parents, i);
    if (root == i) {
      continue;
    }
    out[root] = -2;
  }
  for (int64_t i = 0; i < rows; i++) {
    const int64_t root = diva_union_root(parents, i);
    if (root != i) {
      out[i] = out[root];
    } else if (out[i] == -2) {
      out[i] = next++;
    }
  }
}

enum diva_status diva_groups_merge(const int32_t *a, const int32_t *b, int64_t rows, int32_t *out,
                                   struct diva_error *error) {
  struct member *members = NULL;
  int64_t *parents = NULL;
  enum diva_status status =
      diva_allocate(rows, sizeof *members, "groups", (void **)&members, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *parents, "groups", (void **)&parents, error);
  }
  if (status == DIVA_OK) {
    diva_union_begin(parents, rows);
    join(a, rows, members, parents);
    join(b, rows, members, parents);
    number(parents, rows, out);
  }
  free(members);
  free(parents);
  return status;
}
