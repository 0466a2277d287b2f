/* Rows of two versions put side by side: by id, classes by name. */
#include "match.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

static enum diva_status check_pair(const struct diva_state *old, const struct diva_state *now,
                                   struct diva_error *error) {
  const struct diva_state_info *a = &old->info;
  const struct diva_state_info *b = &now->info;
  if (a->has_ids != b->has_ids) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the old version has %s and the new one %s: rows cannot be told apart",
                          a->has_ids ? "ids" : "no ids", b->has_ids ? "has them" : "has none");
  }
  if (a->feature_type != b->feature_type || a->columns != b->columns) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "features were %lld columns of %s and are %lld of %s now: no row can be "
                          "compared",
                          (long long)a->columns, diva_dtype_name(a->feature_type),
                          (long long)b->columns, diva_dtype_name(b->feature_type));
  }
  if (a->has_targets != b->has_targets || a->has_base_outputs != b->has_base_outputs) {
    return diva_error_set(
        error, DIVA_ERROR_INPUT, "the old version has %s%s, the new one %s%s",
        a->has_targets ? "targets" : "labels", a->has_base_outputs ? " and base outputs" : "",
        b->has_targets ? "targets" : "labels", b->has_base_outputs ? " and base outputs" : "");
  }
  return DIVA_OK;
}

static int32_t find_class(const struct diva_state *now, const char *name) {
  for (int64_t c = 0; c < now->class_names.count; c++) {
    if (strcmp(diva_string_table_get(&now->class_names, c), name) == 0) {
      return (int32_t)c;
    }
  }
  return -1;
}

static enum diva_status match_classes(const struct diva_state *old, const struct diva_state *now,
                                      struct diva_row_match *match, struct diva_error *error) {
  match->same_classes = true;
  if (old->info.has_targets) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_allocate(old->info.outputs, (int64_t)sizeof *match->class_of,
                                                "classes", (void **)&match->class_of, error);
  const bool named = old->info.has_class_names && now->info.has_class_names;
  for (int64_t c = 0; c < old->info.outputs && status == DIVA_OK; c++) {
    const int32_t same = c < now->info.outputs ? (int32_t)c : -1;
    match->class_of[c] =
        named ? find_class(now, diva_string_table_get(&old->class_names, c)) : same;
    match->same_classes = match->same_classes && match->class_of[c] == c;
  }
  return status;
}

static int64_t find_old_row(const struct diva_state *old, const struct diva_state *now,
                            int64_t row) {
  if (now->info.has_ids) {
    return diva_state_find(old, diva_string_table_get(&now->ids, row));
  }
  return row < old->info.rows ? row : -1;
}

static enum diva_status match_rows(const struct diva_state *old, const struct diva_state *now,
                                   struct diva_row_match *match, struct diva_error *error) {
  uint8_t *seen = NULL;
  enum diva_status status = diva_allocate(now->info.rows, (int64_t)sizeof *match->old_row,
                                          "matched rows", (void **)&match->old_row, error);
  if (status == DIVA_OK) {
    status = diva_allocate(old->info.rows, 1, "matched rows", (void **)&seen, error);
  }
  for (int64_t i = 0; i < now->info.rows && status == DIVA_OK; i++) {
    const int64_t row = find_old_row(old, now, i);
    match->old_row[i] = row;
    match->added += row < 0;
    if (row >= 0) {
      seen[row] = 1;
    }
  }
  const int64_t gone = old->info.rows - (now->info.rows - match->added);
  if (status == DIVA_OK) {
    status = diva_allocate(gone, (int64_t)sizeof *match->removed, "rows that left",
                           (void **)&match->removed, error);
  }
  for (int64_t i = 0; i < old->info.rows && status == DIVA_OK; i++) {
    if (!seen[i]) {
      match->removed[match->removed_count++] = i;
    }
  }
  free(seen);
  return status;
}

enum diva_status diva_row_match_make(const struct diva_state *old, const struct diva_state *now,
                                     struct diva_row_match *out, struct diva_error *error) {
  *out = (struct diva_row_match){0};
  enum diva_status status = check_pair(old, now, error);
  if (status == DIVA_OK) {
    status = match_classes(old, now, out, error);
  }
  if (status == DIVA_OK) {
    status = match_rows(old, now, out, error);
  }
  if (status != DIVA_OK) {
    diva_row_match_free(out);
  }
  return status;
}

void diva_row_match_free(struct diva_row_match *match) {
  free(match->old_row);
  free(match->removed);
  free(match->class_of);
  *match = (struct diva_row_match){0};
}

/* Classes that are gone are no class that a row could still have. */
static bool same_label(const struct diva_row_match *match, int32_t before, int32_t after) {
  if (before < 0 || after < 0) {
    return before == after;
  }
  return match->class_of[before] == after;
}

unsigned diva_row_match_change(const struct diva_row_match *match, const struct diva_state *old,
                               const struct diva_state *now, int64_t row) {
  const int64_t before = match->old_row[row];
  if (before < 0) {
    return DIVA_ROW_ADDED;
  }
  const bool other_targets = now->target_hash && now->target_hash[row] != old->target_hash[before];
  unsigned change = 0;
  if (now->hash[row] != old->hash[before] || (now->label && other_targets)) {
    change |= DIVA_ROW_FEATURES;
  }
  if (now->label ? !same_label(match, old->label[before], now->label[row]) : other_targets) {
    change |= DIVA_ROW_RELABELLED;
  }
  const bool was_unlabelled = old->label && old->label[before] < 0;
  const bool is_unlabelled = now->label && now->label[row] < 0;
  if (!was_unlabelled && !is_unlabelled && old->weight[before] != now->weight[row]) {
    change |= DIVA_ROW_REWEIGHTED;
  }
  return change;
}
