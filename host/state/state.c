/* The state behind the public handle: its memory, what it says of itself, its counts. */
#define _POSIX_C_SOURCE 200809L
#include "state_internal.h"

#include "host/core/core.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum diva_status diva_state_allocate(struct diva_state **out, struct diva_error *error) {
  void *memory = NULL;
  const enum diva_status status =
      diva_allocate(1, (int64_t)sizeof **out, "a state", &memory, error);
  *out = memory;
  return status;
}

void diva_state_destroy(struct diva_state *state) {
  if (!state) {
    return;
  }
  diva_sums_free(&state->sums);
  free(state->label);
  free(state->weight);
  free(state->group);
  free(state->hash);
  free(state->target_hash);
  free(state->loo_loss);
  free(state->suggested_label);
  diva_string_table_free(&state->ids);
  diva_string_table_free(&state->class_names);
  diva_string_table_free(&state->group_names);
  diva_string_index_free(&state->id_index);
  free(state->classes);
  free(state->groups);
  free(state->factor);
  free(state->path);
  free(state->provenance);
  free(state);
}

enum diva_status diva_state_set_factor(struct diva_state *state, const char *factor,
                                       struct diva_error *error) {
  state->factor = factor ? strdup(factor) : NULL;
  return state->factor || !factor
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a factor's name");
}

void diva_state_drop_groups(struct diva_state *state) {
  free(state->group);
  free(state->groups);
  free(state->factor);
  diva_string_table_free(&state->group_names);
  state->group = NULL;
  state->groups = NULL;
  state->factor = NULL;
  state->info.has_groups = false;
  state->info.groups = 0;
  state->info.factor = NULL;
}

static enum diva_status allocate_column(int64_t rows, size_t element, bool wanted, void **out,
                                        struct diva_error *error) {
  return wanted ? diva_allocate(rows, (int64_t)element, "a column of a state", out, error)
                : DIVA_OK;
}

enum diva_status diva_state_allocate_rows(struct diva_state *state, struct diva_error *error) {
  const struct diva_state_info *info = &state->info;
  const struct {
    void **column;
    size_t element;
    bool wanted;
  } columns[] = {
      {(void **)&state->label, sizeof *state->label, !info->has_targets},
      {(void **)&state->weight, sizeof *state->weight, true},
      {(void **)&state->group, sizeof *state->group, info->has_groups},
      {(void **)&state->hash, sizeof *state->hash, true},
      {(void **)&state->target_hash, sizeof *state->target_hash,
       info->has_targets || info->has_base_outputs},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof columns / sizeof *columns && status == DIVA_OK; i++) {
    status = allocate_column(info->rows, columns[i].element, columns[i].wanted, columns[i].column,
                             error);
  }
  return status;
}

enum diva_status diva_state_allocate_scores(struct diva_state *state, struct diva_error *error) {
  const int64_t rows = state->info.rows;
  enum diva_status status = DIVA_OK;
  if (!state->loo_loss) {
    status = allocate_column(rows, sizeof *state->loo_loss, true, (void **)&state->loo_loss, error);
  }
  if (status == DIVA_OK && !state->suggested_label) {
    status = allocate_column(rows, sizeof *state->suggested_label, true,
                             (void **)&state->suggested_label, error);
  }
  state->info.has_scores = status == DIVA_OK;
  return status;
}

enum diva_status diva_state_append_strings(struct diva_string_table *to,
                                           const struct diva_string_table *from,
                                           struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < from->count && status == DIVA_OK; i++) {
    const char *text = diva_string_table_get(from, i);
    status = diva_string_table_append(to, text, (int64_t)strlen(text), error);
  }
  return status;
}

static void count_row(const struct diva_state *state, int64_t row, struct diva_state_part *part) {
  part->rows++;
  part->weight += state->weight[row];
  if (!state->info.has_scores || !(state->weight[row] > 0.0)) {
    return;
  }
  part->scored++;
  part->loss += state->loo_loss[row];
  part->wrong += state->label && state->suggested_label[row] != state->label[row];
}

static enum diva_status take_parts(struct diva_state_part **parts, int64_t count,
                                   struct diva_error *error) {
  free(*parts);
  *parts = NULL;
  return diva_allocate(count, (int64_t)sizeof **parts, "parts of a state", (void **)parts, error);
}

static enum diva_status count_parts(struct diva_state *state, struct diva_state_part *all,
                                    struct diva_error *error) {
  struct diva_state_info *info = &state->info;
  enum diva_status status = take_parts(&state->classes, info->outputs, error);
  if (status == DIVA_OK) {
    status = take_parts(&state->groups, info->groups, error);
  }
  info->labelled_rows = info->training_rows = 0;
  for (int64_t i = 0; i < info->rows && status == DIVA_OK; i++) {
    const bool labelled = !state->label || state->label[i] >= 0;
    info->labelled_rows += labelled;
    info->training_rows += state->weight[i] > 0.0;
    count_row(state, i, all);
    if (state->label && labelled) {
      count_row(state, i, &state->classes[state->label[i]]);
    }
    if (state->group && state->group[i] >= 0) {
      count_row(state, i, &state->groups[state->group[i]]);
    }
  }
  return status;
}

enum diva_status diva_state_finish(struct diva_state *state, struct diva_error *error) {
  struct diva_state_info *info = &state->info;
  struct diva_state_part all = {0};
  info->groups = state->group_names.count;
  info->has_class_names = state->class_names.count > 0;
  enum diva_status status = count_parts(state, &all, error);
  if (status == DIVA_OK && info->has_ids && !state->id_index.slots) {
    status = diva_string_index_build(&state->ids, &state->id_index, error);
  }
  const double scored = (double)all.scored;
  info->weight = state->sums.weight;
  info->loo = (struct diva_score){
      .loss = all.scored > 0 ? all.loss / scored : (double)NAN,
      .error = all.scored > 0 && state->label ? (double)all.wrong / scored : (double)NAN,
      .rows = all.scored,
  };
  info->factor = state->factor;
  info->path = state->path;
  info->provenance = state->provenance;
  info->checksum = state->checksum[0] ? state->checksum : NULL;
  return status;
}

enum diva_status diva_state_take_scores(struct diva_state *state,
                                        const struct diva_analysis *analysis, bool lambda_given,
                                        struct diva_error *error) {
  struct diva_columns columns;
  struct diva_summary summary;
  diva_analysis_columns(analysis, &columns);
  diva_analysis_summary(analysis, &summary);
  const size_t reals = (size_t)state->info.rows * sizeof(double);
  if (columns.rows != state->info.rows || memcmp(columns.weight, state->weight, reals) != 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the scores are of other rows or weights than the state");
  }
  if (summary.kernel != DIVA_KERNEL_LINEAR || summary.scale != state->info.scale ||
      summary.intercept != state->info.intercept) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the scores are of another model (kernel, scale or intercept) than the "
                          "state");
  }
  const enum diva_status status = diva_state_allocate_scores(state, error);
  if (status != DIVA_OK) {
    return status;
  }
  memcpy(state->loo_loss, columns.loo_loss, reals);
  memcpy(state->suggested_label, columns.suggested_label,
         (size_t)state->info.rows * sizeof *state->suggested_label);
  state->info.loss = summary.loss;
  state->info.lambda = summary.lambda;
  state->info.lambda_given = lambda_given;
  return diva_state_finish(state, error);
}

void diva_state_describe(const struct diva_state *state, struct diva_state_info *out) {
  *out = state->info;
}

void diva_state_sums(const struct diva_state *state, struct diva_state_sums *out) {
  *out = (struct diva_state_sums){.weight = state->sums.weight,
                                  .mean = state->sums.mean,
                                  .scatter = state->sums.scatter,
                                  .target = state->sums.target,
                                  .cross = state->sums.cross,
                                  .row_mean = state->sums.row_mean,
                                  .row_square = state->sums.row_square};
}

void diva_state_rows(const struct diva_state *state, struct diva_state_rows *out) {
  *out = (struct diva_state_rows){.rows = state->info.rows,
                                  .label = state->label,
                                  .weight = state->weight,
                                  .group = state->group,
                                  .hash = state->hash,
                                  .target_hash = state->target_hash,
                                  .loo_loss = state->loo_loss,
                                  .suggested_label = state->suggested_label};
}

const char *diva_state_id(const struct diva_state *state, int64_t row,
                          char scratch[DIVA_ID_SCRATCH_SIZE]) {
  const char *id = diva_string_table_get(&state->ids, row);
  if (id) {
    return id;
  }
  snprintf(scratch, DIVA_ID_SCRATCH_SIZE, "%" PRId64, row);
  return scratch;
}

/* A row number as diva_state_id() writes it. */
static int64_t parse_number(const char *text, int64_t rows) {
  char again[DIVA_ID_SCRATCH_SIZE];
  const long long row = strtoll(text, NULL, 10);
  snprintf(again, sizeof again, "%lld", row);
  return row >= 0 && row < rows && strcmp(again, text) == 0 ? (int64_t)row : -1;
}

int64_t diva_state_find(const struct diva_state *state, const char *id) {
  return state->info.has_ids ? diva_string_index_find(&state->id_index, &state->ids, id)
                             : parse_number(id, state->info.rows);
}

const char *diva_state_class_name(const struct diva_state *state, int64_t class_index) {
  return diva_string_table_get(&state->class_names, class_index);
}

const char *diva_state_group_name(const struct diva_state *state, int64_t group) {
  return diva_string_table_get(&state->group_names, group);
}

void diva_state_class(const struct diva_state *state, int64_t class_index,
                      struct diva_state_part *out) {
  const bool known = class_index >= 0 && class_index < state->info.outputs;
  *out = known ? state->classes[class_index] : (struct diva_state_part){0};
}

void diva_state_group(const struct diva_state *state, int64_t group, struct diva_state_part *out) {
  const bool known = group >= 0 && group < state->info.groups;
  *out = known ? state->groups[group] : (struct diva_state_part){0};
}
