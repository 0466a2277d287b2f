/* States of several sets of rows as one. */
#include "state_internal.h"

#include "host/core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 512 };

/* "part.state", or "state 2" of those not read from a file. */
static const char *name_state(const struct diva_state *state, int64_t index, char text[NAME_SIZE]) {
  if (state->path) {
    snprintf(text, NAME_SIZE, "%s", state->path);
  } else {
    snprintf(text, NAME_SIZE, "state %lld", (long long)index + 1);
  }
  return text;
}

static bool same_strings(const struct diva_string_table *a, const struct diva_string_table *b) {
  bool same = a->count == b->count;
  for (int64_t i = 0; i < a->count && same; i++) {
    same = strcmp(diva_string_table_get(a, i), diva_string_table_get(b, i)) == 0;
  }
  return same;
}

/* What two states that are to be one disagree in; NULL for nothing. */
static const char *find_difference(const struct diva_state *a, const struct diva_state *b) {
  const struct diva_state_info *mine = &a->info;
  const struct diva_state_info *its = &b->info;
  const bool wide = mine->has_targets || mine->has_base_outputs;
  const struct {
    bool differs;
    const char *what;
  } facts[] = {
      {mine->columns != its->columns, "the width of the features"},
      {mine->feature_type != its->feature_type, "the type of the features"},
      {mine->has_targets != its->has_targets, "targets or labels"},
      {mine->has_base_outputs != its->has_base_outputs, "base outputs"},
      {mine->has_ids != its->has_ids, "ids"},
      {mine->has_groups != its->has_groups, "groups"},
      {a->factor && b->factor && strcmp(a->factor, b->factor) != 0, "what the groups are of"},
      {!same_strings(&a->class_names, &b->class_names), "the class names"},
      {wide && mine->outputs != its->outputs, "the number of outputs"},
      {mine->scale != its->scale, "the scale"},
      {mine->intercept != its->intercept, "the intercept"},
      {mine->loss != its->loss, "the loss"},
      {mine->lambda_given && its->lambda_given && mine->lambda != its->lambda, "lambda"},
  };
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
    if (facts[i].differs) {
      return facts[i].what;
    }
  }
  return NULL;
}

static enum diva_status check_states(const struct diva_state *const *states, int64_t count,
                                     struct diva_error *error) {
  char names[2][NAME_SIZE];
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = 0; j < i; j++) {
      const char *what = find_difference(states[j], states[i]);
      if (what) {
        return diva_error_set(error, DIVA_ERROR_INPUT, "%s: differs from %s in %s",
                              name_state(states[i], i, names[0]),
                              name_state(states[j], j, names[1]), what);
      }
    }
  }
  return DIVA_OK;
}

/* One lambda where they agree, or where it was asked for. */
static void settle_lambda(const struct diva_state *const *states, int64_t count,
                          struct diva_state_info *info) {
  info->lambda = states[0]->info.lambda;
  info->lambda_given = states[0]->info.lambda_given;
  for (int64_t i = 1; i < count && !info->lambda_given; i++) {
    const struct diva_state_info *its = &states[i]->info;
    info->lambda = its->lambda_given || its->lambda == info->lambda ? its->lambda : 0.0;
    info->lambda_given = its->lambda_given;
  }
}

static void merge_info(const struct diva_state *const *states, int64_t count,
                       struct diva_state_info *info) {
  *info = states[0]->info;
  info->has_scores = false;
  info->path = info->provenance = info->checksum = NULL;
  settle_lambda(states, count, info);
  for (int64_t i = 1; i < count; i++) {
    const struct diva_state_info *its = &states[i]->info;
    info->rows += its->rows;
    info->outputs = its->outputs > info->outputs ? its->outputs : info->outputs;
    info->has_weights = info->has_weights || its->has_weights;
  }
}

static void copy_column(void *to, const void *from, int64_t first, int64_t rows, size_t element) {
  if (from && rows > 0) {
    memcpy((char *)to + (size_t)first * element, from, (size_t)rows * element);
  }
}

static void copy_rows(struct diva_state *to, const struct diva_state *from, int64_t first) {
  const int64_t rows = from->info.rows;
  copy_column(to->label, from->label, first, rows, sizeof *to->label);
  copy_column(to->weight, from->weight, first, rows, sizeof *to->weight);
  copy_column(to->hash, from->hash, first, rows, sizeof *to->hash);
  copy_column(to->target_hash, from->target_hash, first, rows, sizeof *to->target_hash);
}

/* Groups of one name are one group, under the number of the first row that has it. */
static enum diva_status merge_groups(const struct diva_state *const *states, int64_t count,
                                     struct diva_state *out, struct diva_error *error) {
  struct diva_string_table all;
  int64_t *first = NULL;
  int64_t total = 0;
  for (int64_t i = 0; i < count; i++) {
    total += states[i]->group_names.count;
  }
  enum diva_status status = diva_string_table_init(&all, total, INT64_MAX, error);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = diva_state_append_strings(&all, &states[i]->group_names, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(total, (int64_t)sizeof *first, "groups", (void **)&first, error);
  }
  if (status == DIVA_OK) {
    status = diva_string_table_first(&all, first, error);
  }
  if (status == DIVA_OK) {
    status = diva_string_table_init(&out->group_names, total, INT64_MAX, error);
  }
  /* `first` turns from the place of an equal name into the number of its group. */
  for (int64_t i = 0; i < total && status == DIVA_OK; i++) {
    const char *name = diva_string_table_get(&all, i);
    if (first[i] < i) {
      first[i] = first[first[i]];
      continue;
    }
    first[i] = out->group_names.count;
    status = diva_string_table_append(&out->group_names, name, (int64_t)strlen(name), error);
  }
  int64_t row = 0;
  int64_t names = 0;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    for (int64_t r = 0; r < states[i]->info.rows; r++) {
      const int32_t code = states[i]->group[r];
      out->group[row++] = code < 0 ? code : (int32_t)first[names + code];
    }
    names += states[i]->group_names.count;
  }
  free(first);
  diva_string_table_free(&all);
  return status;
}

/* The state that a row of the merged one comes from. */
static int64_t state_of_row(const struct diva_state *const *states, int64_t row) {
  int64_t i = 0;
  while (row >= states[i]->info.rows) {
    row -= states[i++]->info.rows;
  }
  return i;
}

static enum diva_status merge_ids(const struct diva_state *const *states, int64_t count,
                                  struct diva_state *out, struct diva_error *error) {
  char names[2][NAME_SIZE];
  int64_t first;
  int64_t second;
  enum diva_status status = diva_string_table_init(&out->ids, out->info.rows, INT64_MAX, error);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    status = diva_state_append_strings(&out->ids, &states[i]->ids, error);
  }
  if (status == DIVA_OK) {
    status = diva_string_table_duplicate(&out->ids, &first, &second, error);
  }
  if (status != DIVA_OK || second < 0) {
    return status;
  }
  const int64_t a = state_of_row(states, first);
  const int64_t b = state_of_row(states, second);
  return diva_error_set(
      error, DIVA_ERROR_INPUT, "%s: id '%s' is in %s too", name_state(states[b], b, names[0]),
      diva_string_table_get(&out->ids, second), name_state(states[a], a, names[1]));
}

/* Of those that know it, which agree. */
static const char *known_factor(const struct diva_state *const *states, int64_t count) {
  const char *factor = NULL;
  for (int64_t i = 0; i < count && !factor; i++) {
    factor = states[i]->factor;
  }
  return factor;
}

static enum diva_status merge_names(const struct diva_state *const *states, int64_t count,
                                    struct diva_state *out, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (out->info.has_ids) {
    status = merge_ids(states, count, out, error);
  }
  if (status == DIVA_OK && out->info.has_class_names) {
    status = diva_string_table_init(&out->class_names, out->info.outputs, INT64_MAX, error);
    if (status == DIVA_OK) {
      status = diva_state_append_strings(&out->class_names, &states[0]->class_names, error);
    }
  }
  if (status == DIVA_OK) {
    status = diva_state_set_factor(out, known_factor(states, count), error);
  }
  return status == DIVA_OK && out->info.has_groups ? merge_groups(states, count, out, error)
                                                   : status;
}

static enum diva_status merge(const struct diva_state *const *states, int64_t count,
                              struct diva_state *out, struct diva_error *error) {
  int64_t first = 0;
  merge_info(states, count, &out->info);
  enum diva_status status = diva_state_allocate_rows(out, error);
  if (status == DIVA_OK) {
    status = merge_names(states, count, out, error);
  }
  if (status == DIVA_OK) {
    status = diva_sums_copy(&out->sums, &states[0]->sums, out->info.outputs, NULL, error);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    copy_rows(out, states[i], first);
    first += states[i]->info.rows;
    if (i > 0) {
      diva_sums_merge(&out->sums, &states[i]->sums);
    }
  }
  return status == DIVA_OK ? diva_state_finish(out, error) : status;
}

enum diva_status diva_state_merge(const struct diva_state *const *states, int64_t count,
                                  struct diva_state **out, struct diva_error *error) {
  struct diva_state *merged = NULL;
  *out = NULL;
  if (count < 1) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "there is no state to merge");
  }
  enum diva_status status = check_states(states, count, error);
  if (status == DIVA_OK) {
    status = diva_state_allocate(&merged, error);
  }
  if (status == DIVA_OK) {
    status = merge(states, count, merged, error);
  }
  if (status != DIVA_OK) {
    diva_state_destroy(merged);
    return status;
  }
  *out = merged;
  return DIVA_OK;
}
