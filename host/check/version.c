/* Rows of two versions matched by id, classes and groups by name. */
#include "version.h"

#include "host/core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t count_groups(const int32_t *groups, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; groups && i < rows; i++) {
    count = groups[i] >= count ? groups[i] + 1 : count;
  }
  return count;
}

void diva_check_version_open(struct diva_dataset *dataset, struct diva_check_version *out) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  *out = (struct diva_check_version){.dataset = dataset,
                                     .rows = info.rows,
                                     .columns = info.columns,
                                     .outputs = info.outputs,
                                     .has_targets = info.has_targets,
                                     .has_ids = info.has_ids,
                                     .labels = diva_dataset_labels(dataset),
                                     .groups = diva_dataset_groups(dataset),
                                     .weights = diva_dataset_weights(dataset)};
  out->group_count = count_groups(out->groups, out->rows);
}

void diva_check_version_saved(const struct diva_state *state, struct diva_check_version *out) {
  struct diva_state_info info;
  struct diva_state_rows rows;
  diva_state_describe(state, &info);
  diva_state_rows(state, &rows);
  *out = (struct diva_check_version){.state = state,
                                     .rows = info.rows,
                                     .columns = info.columns,
                                     .outputs = info.outputs,
                                     .has_targets = info.has_targets,
                                     .has_ids = info.has_ids,
                                     .labels = rows.label,
                                     .groups = rows.group,
                                     .group_count = rows.group ? info.groups : 0,
                                     .weights = rows.weight};
}

void diva_check_version_close(struct diva_check_version *version) {
  free(version->classes);
  free(version->groups_both);
  diva_content_free(&version->content);
  *version = (struct diva_check_version){0};
}

const char *diva_check_id(const struct diva_check_version *version, int64_t row,
                          char scratch[DIVA_ID_SCRATCH_SIZE]) {
  return version->state ? diva_state_id(version->state, row, scratch)
                        : diva_dataset_id(version->dataset, row, scratch);
}

/* A text of a version by number, borrowed from it or scratch; NULL: it has none such. */
typedef const char *(*text_of)(const struct diva_check_version *version, int64_t number,
                               char scratch[DIVA_ID_SCRATCH_SIZE]);

static const char *own_class_name(const struct diva_check_version *version, int64_t number,
                                  char scratch[DIVA_ID_SCRATCH_SIZE]) {
  (void)scratch;
  return version->state ? diva_state_class_name(version->state, number)
                        : diva_dataset_class_name(version->dataset, number);
}

static const char *own_group_name(const struct diva_check_version *version, int64_t number,
                                  char scratch[DIVA_ID_SCRATCH_SIZE]) {
  (void)scratch;
  return version->state ? diva_state_group_name(version->state, number)
                        : diva_dataset_group_name(version->dataset, number);
}

/* FNV-1a, then a mix because the slot is taken from the low bits. */
static uint64_t hash_text(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++) {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  }
  hash ^= hash >> 32;
  hash *= UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

/* Ids or names of a version: open addressing, 1 + number. */
struct text_table {
  const struct diva_check_version *version;
  text_of text;
  int64_t count;
  int64_t *slots; /* owned */
  uint64_t mask;
};

static int64_t find_slot(const struct text_table *table, const char *text) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  uint64_t slot = hash_text(text) & table->mask;
  while (table->slots[slot] &&
         strcmp(table->text(table->version, table->slots[slot] - 1, scratch), text) != 0) {
    slot = (slot + 1) & table->mask;
  }
  return (int64_t)slot;
}

/* What has no text has no place in the table. */
static enum diva_status make_table(const struct diva_check_version *version, text_of text,
                                   int64_t count, struct text_table *table,
                                   struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  int64_t size = 16;
  while (size < 2 * count) {
    size *= 2;
  }
  *table = (struct text_table){
      .version = version, .text = text, .count = count, .mask = (uint64_t)size - 1};
  const enum diva_status status =
      diva_allocate(size, sizeof *table->slots, "a table of names", (void **)&table->slots, error);
  for (int64_t j = 0; j < count && status == DIVA_OK; j++) {
    const char *own = text(version, j, scratch);
    if (own) {
      table->slots[find_slot(table, own)] = j + 1;
    }
  }
  return status;
}

static enum diva_status match_ids(const struct diva_check_version *after,
                                  const struct diva_check_version *before,
                                  struct diva_check_match *out, struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  struct text_table table;
  const enum diva_status status = make_table(before, diva_check_id, before->rows, &table, error);
  for (int64_t i = 0; i < after->rows && status == DIVA_OK; i++) {
    out->before_of[i] = table.slots[find_slot(&table, diva_check_id(after, i, scratch))] - 1;
  }
  free(table.slots);
  return status;
}

static void count_rows(const struct diva_check_version *after, int64_t rows_before,
                       struct diva_check_match *out) {
  for (int64_t j = 0; j < rows_before; j++) {
    out->after_of[j] = -1;
  }
  for (int64_t i = 0; i < after->rows; i++) {
    if (out->before_of[i] >= 0) {
      out->after_of[out->before_of[i]] = i;
      out->kept++;
    }
  }
  out->added = after->rows - out->kept;
  out->removed = rows_before - out->kept;
}

static enum diva_status match_rows(const struct diva_check_version *after,
                                   const struct diva_check_version *before,
                                   struct diva_check_match *out, struct diva_error *error) {
  const int64_t rows_before = before ? before->rows : 0;
  enum diva_status status = diva_allocate(after->rows, sizeof *out->before_of, "matched rows",
                                          (void **)&out->before_of, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows_before, sizeof *out->after_of, "matched rows",
                           (void **)&out->after_of, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  out->by_id = before && after->has_ids && before->has_ids;
  for (int64_t i = 0; i < after->rows; i++) {
    out->before_of[i] = i < rows_before ? i : -1;
  }
  if (out->by_id) {
    status = match_ids(after, before, out, error);
  }
  count_rows(after, rows_before, out);
  return status;
}

/* The number in a table of what another version numbers and names so: of the same name, or of the
 * same number where either has no name; -1: none. */
static int64_t find_number(const struct text_table *table, const char *wanted, int64_t number) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  const char *same = number < table->count ? table->text(table->version, number, scratch) : NULL;
  if (wanted && same && strcmp(wanted, same) == 0) {
    return number;
  }
  const int64_t found = wanted ? table->slots[find_slot(table, wanted)] - 1 : -1;
  if (found >= 0) {
    return found;
  }
  return number < table->count && !(wanted && same) ? number : -1;
}

/* Names of one kind in both versions: a number of the baseline becomes that of the same name, or
 * the next free one. */
static enum diva_status match_names(const struct diva_check_version *after, int64_t count_after,
                                    const struct diva_check_version *before, int64_t count_before,
                                    text_of name, int32_t **of, int64_t *count,
                                    struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  struct text_table table = {0};
  *count = count_after;
  enum diva_status status =
      diva_allocate(count_before, sizeof **of, "matched names", (void **)of, error);
  if (status == DIVA_OK) {
    status = make_table(after, name, count_after, &table, error);
  }
  for (int64_t c = 0; c < count_before && status == DIVA_OK; c++) {
    const int64_t found = find_number(&table, name(before, c, scratch), c);
    (*of)[c] = (int32_t)(found >= 0 ? found : (*count)++);
  }
  free(table.slots);
  return status;
}

/* Classes of a target: of this version, else of the baseline, else the next free number. */
static void match_classes(const struct text_table *after, const struct text_table *before,
                          const struct diva_check_version *target, int32_t *of,
                          struct diva_check_match *match) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  match->target_class_count = match->class_count;
  for (int64_t c = 0; c < target->outputs; c++) {
    const char *wanted = own_class_name(target, c, scratch);
    const int64_t now = find_number(after, wanted, c);
    const int64_t then = now < 0 && before->slots ? find_number(before, wanted, c) : -1;
    of[c] = (int32_t)(now >= 0    ? now
                      : then >= 0 ? match->class_of[then]
                                  : match->target_class_count++);
  }
}

static enum diva_status translate(const int32_t *codes, const int32_t *of, int64_t rows,
                                  int32_t **out, struct diva_error *error) {
  if (!codes) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(rows, sizeof **out, "codes of rows", (void **)out, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    (*out)[i] = codes[i] >= 0 && of ? of[codes[i]] : codes[i];
  }
  return status;
}

static enum diva_status match_codes(struct diva_check_version *after,
                                    struct diva_check_version *before, struct diva_check_match *out,
                                    struct diva_error *error) {
  out->class_count = after->labels ? after->outputs : 0;
  out->group_count = after->group_count;
  enum diva_status status = translate(after->labels, NULL, after->rows, &after->classes, error);
  if (status == DIVA_OK) {
    status = translate(after->groups, NULL, after->rows, &after->groups_both, error);
  }
  if (!before || status != DIVA_OK) {
    return status;
  }
  status = match_names(after, out->class_count, before, before->labels ? before->outputs : 0,
                       own_class_name, &out->class_of, &out->class_count, error);
  if (status == DIVA_OK) {
    status = match_names(after, after->group_count, before, before->group_count, own_group_name,
                         &out->group_of, &out->group_count, error);
  }
  if (status == DIVA_OK) {
    status = translate(before->labels, out->class_of, before->rows, &before->classes, error);
  }
  return status == DIVA_OK
             ? translate(before->groups, out->group_of, before->rows, &before->groups_both, error)
             : status;
}

enum diva_status diva_check_match(struct diva_check_version *after,
                                  struct diva_check_version *before, struct diva_check_match *out,
                                  struct diva_error *error) {
  *out = (struct diva_check_match){0};
  const enum diva_status status = match_rows(after, before, out, error);
  return status == DIVA_OK ? match_codes(after, before, out, error) : status;
}

enum diva_status diva_check_match_target(const struct diva_check_version *after,
                                         const struct diva_check_version *before,
                                         struct diva_check_version *target,
                                         struct diva_check_match *match, struct diva_error *error) {
  struct text_table now = {0};
  struct text_table then = {0};
  int32_t *of = NULL;
  if (!target->labels || !after->labels) {
    return DIVA_OK;
  }
  enum diva_status status = make_table(after, own_class_name, after->outputs, &now, error);
  if (status == DIVA_OK && before && before->labels) {
    status = make_table(before, own_class_name, before->outputs, &then, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(target->outputs, sizeof *of, "matched names", (void **)&of, error);
  }
  if (status == DIVA_OK) {
    match_classes(&now, &then, target, of, match);
    status = translate(target->labels, of, target->rows, &target->classes, error);
  }
  free(now.slots);
  free(then.slots);
  free(of);
  return status;
}

void diva_check_match_free(struct diva_check_match *match) {
  free(match->before_of);
  free(match->after_of);
  free(match->class_of);
  free(match->group_of);
  *match = (struct diva_check_match){0};
}

bool diva_check_is_same(const struct diva_check_version *after,
                        const struct diva_check_version *before,
                        const struct diva_check_match *match, int64_t row) {
  const int64_t j = match->before_of[row];
  if (j < 0 || after->columns != before->columns) {
    return false;
  }
  if (before->state) {
    struct diva_state_rows saved;
    diva_state_rows(before->state, &saved);
    return after->content.stored_hash[row] == saved.hash[j];
  }
  return after->content.row_hash[row] == before->content.row_hash[j];
}

static int64_t find_code(const int32_t *of, int64_t count, int64_t number) {
  int64_t c = 0;
  while (c < count && of[c] != number) {
    c++;
  }
  return c;
}

const char *diva_check_class_name(const struct diva_check_version *after,
                                  const struct diva_check_version *before,
                                  const struct diva_check_match *match, int64_t number,
                                  char scratch[DIVA_ID_SCRATCH_SIZE]) {
  const bool is_own = number < after->outputs;
  const int64_t code = is_own ? number : find_code(match->class_of, before->outputs, number);
  const char *name = own_class_name(is_own ? after : before, code, scratch);
  if (name) {
    return name;
  }
  snprintf(scratch, DIVA_ID_SCRATCH_SIZE, "%lld", (long long)code);
  return scratch;
}

const char *diva_check_group_name(const struct diva_check_version *after,
                                  const struct diva_check_version *before,
                                  const struct diva_check_match *match, int64_t number) {
  const bool is_own = number < after->group_count;
  const int64_t code = is_own ? number : find_code(match->group_of, before->group_count, number);
  char unused[DIVA_ID_SCRATCH_SIZE];
  return own_group_name(is_own ? after : before, code, unused);
}
