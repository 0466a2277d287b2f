/* Near-duplicate rows: candidates from sketches, verified on the rows, joined to groups. */
#include "near_scale.h"
#include "neighbour_forest.h"

#include "host/core/union_find.h"

#include <math.h>
#include <stdlib.h>

struct diva_duplicates {
  struct diva_duplicates_columns columns; /* views of the arrays below */
  int32_t *group;
  int64_t *first;
  int64_t *pairs;
};

void diva_duplicates_options_init(struct diva_duplicates_options *options) {
  *options =
      (struct diva_duplicates_options){.version = DIVA_STRUCT_VERSION, .threshold = (double)NAN};
}

static enum diva_status check_options(const struct diva_dataset_info *info,
                                      const struct diva_duplicates_options *options,
                                      struct diva_error *error) {
  const enum diva_status status =
      diva_version_check(options->version, "diva_duplicates_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!isnan(options->threshold) && !(options->threshold > 0.0 && options->threshold <= 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the cosine of near-duplicates is %g; it must be above 0, at most 1",
                          options->threshold);
  }
  if (options->threads < 0 || options->memory < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "threads (%d) and memory (%lld) must be positive", options->threads,
                          (long long)options->memory);
  }
  const double needed = (double)info->rows * 400.0;
  if (options->memory > 0 && needed > (double)options->memory) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "the search for near-duplicates needs %.1f MiB of memory; %.1f MiB are "
                          "allowed (--near-duplicates off does without)",
                          needed / 0x1p20, (double)options->memory / 0x1p20);
  }
  return DIVA_OK;
}

/* Sketches are nearer or farther than rows by chance: candidates are taken from this much further,
 * which misses 3 in 10,000 at the very limit. */
static enum diva_status find_candidates(const struct diva_sketch *sketch,
                                        const struct diva_duplicates_options *options,
                                        const float *reach, struct diva_pair_list *out,
                                        struct diva_error *error) {
  const float margin = 1.6F;
  const int64_t rows = sketch->device.info.rows;
  float *wide = NULL;
  enum diva_status status = diva_allocate(rows, sizeof *wide, "distances", (void **)&wide, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    wide[i] = margin * reach[i];
  }
  const struct diva_forest forest = {.sketches = sketch->values,
                                     .reach = wide,
                                     .rows = rows,
                                     .threads = sketch->device.engine.threads,
                                     .seed = options->seed,
                                     .progress = &options->progress};
  if (status == DIVA_OK) {
    status = diva_forest_search(&forest, out, error);
  }
  free(wide);
  return status;
}

/* Candidate pairs whose rows are read together. */
struct block {
  const struct diva_pair *pairs;
  int64_t count;
  int64_t *rows; /* ascending */
  int64_t row_count;
  float *values; /* row_count x columns */
};

static int compare_rows(const void *left, const void *right) {
  const int64_t a = *(const int64_t *)left;
  const int64_t b = *(const int64_t *)right;
  return a < b ? -1 : a > b;
}

static void list_rows(struct block *block) {
  int64_t kept = 0;
  for (int64_t i = 0; i < block->count; i++) {
    block->rows[2 * i] = block->pairs[i].first;
    block->rows[2 * i + 1] = block->pairs[i].second;
  }
  qsort(block->rows, (size_t)(2 * block->count), sizeof *block->rows, compare_rows);
  for (int64_t i = 0; i < 2 * block->count; i++) {
    if (i == 0 || block->rows[i] != block->rows[kept - 1]) {
      block->rows[kept++] = block->rows[i];
    }
  }
  block->row_count = kept;
}

static const float *row_values(const struct block *block, int64_t row, int64_t columns) {
  const int64_t *at =
      bsearch(&row, block->rows, (size_t)block->row_count, sizeof row, compare_rows);
  return block->values + (at - block->rows) * columns;
}

static void join_block(const struct diva_sketch *sketch, const struct block *block,
                       const float *reach, int64_t *parents, double *largest) {
  const int64_t columns = sketch->device.info.columns;
  for (int64_t i = 0; i < block->count; i++) {
    const struct diva_pair pair = block->pairs[i];
    const double apart = diva_sketch_distance(row_values(block, pair.first, columns),
                                              row_values(block, pair.second, columns), columns);
    if (apart <= (double)reach[pair.first] && apart <= (double)reach[pair.second]) {
      diva_union_join(parents, pair.first, pair.second);
      *largest = fmax(*largest, sqrt(apart));
    }
  }
}

/* Verifies all candidates on the rows themselves, so many at a time that these fit in memory. */
static enum diva_status verify(struct diva_sketch *sketch, const struct diva_pair_list *candidates,
                               const float *reach, int64_t *parents, double *largest,
                               struct diva_error *error) {
  const int64_t most_bytes = 256 << 20;
  const int64_t columns = sketch->device.info.columns;
  const int64_t row_bytes = columns * (int64_t)sizeof(float);
  int64_t most = most_bytes / (2 * row_bytes);
  most = most > 1 ? most : 1;
  most = most < candidates->count ? most : candidates->count;
  struct block block = {0};
  enum diva_status status =
      diva_allocate(2 * most, sizeof *block.rows, "candidates", (void **)&block.rows, error);
  if (status == DIVA_OK) {
    status = diva_allocate(2 * most, row_bytes, "candidates", (void **)&block.values, error);
  }
  for (int64_t first = 0; first < candidates->count && status == DIVA_OK; first += most) {
    const int64_t left = candidates->count - first;
    block.pairs = candidates->pairs + first;
    block.count = left < most ? left : most;
    list_rows(&block);
    status = diva_sketch_rows(sketch, block.rows, block.row_count, block.values, error);
    if (status == DIVA_OK) {
      join_block(sketch, &block, reach, parents, largest);
    }
  }
  free(block.rows);
  free(block.values);
  return status;
}

/* Codes in the order of first rows, from sets whose root is the least member; `size` is scratch. */
static int64_t assign_codes(int64_t *parents, int64_t rows, int64_t *size, int32_t *codes) {
  int32_t next = 0;
  for (int64_t i = 0; i < rows; i++) {
    size[i] = 0;
  }
  for (int64_t i = 0; i < rows; i++) {
    size[diva_union_root(parents, i)]++;
  }
  for (int64_t i = 0; i < rows; i++) {
    const int64_t root = diva_union_root(parents, i);
    codes[i] = root < i ? codes[root] : size[i] > 1 ? next++ : -1;
  }
  return next;
}

static enum diva_status fill_groups(struct diva_duplicates *out, int64_t *parents,
                                    struct diva_error *error) {
  struct diva_duplicates_columns *columns = &out->columns;
  enum diva_status status = diva_allocate(columns->rows, sizeof *out->group,
                                          "groups of near-duplicates", (void **)&out->group, error);
  if (status == DIVA_OK) {
    status = diva_allocate(columns->rows, sizeof *out->first, "groups of near-duplicates",
                           (void **)&out->first, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  columns->groups = assign_codes(parents, columns->rows, out->first, out->group);
  for (int64_t i = 0; i < columns->rows; i++) {
    out->first[i] = out->group[i] >= 0 ? diva_union_root(parents, i) : -1;
    columns->grouped_rows += out->group[i] >= 0;
  }
  columns->group = out->group;
  columns->first = out->first;
  return DIVA_OK;
}

/* Pairs of a group's first labelled row with each row whose label differs from its own. Counts
 * them, and writes them where `pairs` is not NULL. `leader` and `conflict` have a value a group. */
static int64_t list_conflicts(const struct diva_duplicates *found, const int32_t *labels,
                              int64_t *leader, int64_t *pairs, uint8_t *conflict) {
  int64_t count = 0;
  for (int64_t g = 0; g < found->columns.groups; g++) {
    leader[g] = -1;
  }
  for (int64_t i = 0; i < found->columns.rows; i++) {
    const int32_t g = found->group[i];
    if (g < 0 || labels[i] < 0) {
      continue;
    }
    if (leader[g] < 0) {
      leader[g] = i;
    } else if (labels[i] != labels[leader[g]]) {
      conflict[g] = 1;
      if (pairs) {
        pairs[2 * count] = leader[g];
        pairs[2 * count + 1] = i;
      }
      count++;
    }
  }
  return count;
}

static int compare_pairs(const void *left, const void *right) {
  const int64_t *a = left;
  const int64_t *b = right;
  const int order = compare_rows(&a[0], &b[0]);
  return order != 0 ? order : compare_rows(&a[1], &b[1]);
}

static enum diva_status fill_conflicts(struct diva_duplicates *out, const int32_t *labels,
                                       struct diva_error *error) {
  struct diva_duplicates_columns *columns = &out->columns;
  int64_t *leader = NULL;
  uint8_t *conflict = NULL;
  enum diva_status status =
      diva_allocate(columns->groups, sizeof *leader, "groups", (void **)&leader, error);
  if (status == DIVA_OK) {
    status = diva_allocate(columns->groups, sizeof *conflict, "groups", (void **)&conflict, error);
  }
  if (status == DIVA_OK) {
    columns->pair_count = labels ? list_conflicts(out, labels, leader, NULL, conflict) : 0;
    status = diva_allocate(columns->pair_count, 2 * (int64_t)sizeof *out->pairs,
                           "pairs of near-duplicates", (void **)&out->pairs, error);
  }
  if (status == DIVA_OK && labels && columns->pair_count > 0) {
    list_conflicts(out, labels, leader, out->pairs, conflict);
    qsort(out->pairs, (size_t)columns->pair_count, 2 * sizeof *out->pairs, compare_pairs);
    for (int64_t g = 0; g < columns->groups; g++) {
      columns->conflicts += conflict[g];
    }
  }
  columns->pairs = out->pairs;
  free(leader);
  free(conflict);
  return status;
}

static enum diva_status search(struct diva_sketch *sketch,
                               const struct diva_duplicates_options *options, int64_t *parents,
                               double *largest, struct diva_error *error) {
  struct diva_pair_list candidates = {0};
  float *reach = NULL;
  enum diva_status status =
      diva_allocate(sketch->device.info.rows, sizeof *reach, "distances", (void **)&reach, error);
  if (status == DIVA_OK) {
    status = diva_near_scale(sketch, options, reach, error);
  }
  if (status == DIVA_OK) {
    status = find_candidates(sketch, options, reach, &candidates, error);
  }
  if (status == DIVA_OK) {
    status = verify(sketch, &candidates, reach, parents, largest, error);
  }
  free(candidates.pairs);
  free(reach);
  return status;
}

enum diva_status diva_duplicates_find(struct diva_dataset *dataset,
                                      const struct diva_duplicates_options *options,
                                      struct diva_duplicates **out, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_sketch sketch = {0};
  struct diva_duplicates *found = NULL;
  int64_t *parents = NULL;
  *out = NULL;
  diva_dataset_describe(dataset, &info);
  enum diva_status status = check_options(&info, options, error);
  if (status == DIVA_OK) {
    status = diva_allocate(1, sizeof *found, "near-duplicates", (void **)&found, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(info.rows, sizeof *parents, "groups", (void **)&parents, error);
  }
  if (status == DIVA_OK) {
    diva_union_begin(parents, info.rows);
    found->columns.rows = info.rows;
    status = diva_sketch_make(dataset, options, &sketch, error);
  }
  if (status == DIVA_OK) {
    status = search(&sketch, options, parents, &found->columns.largest_distance, error);
  }
  diva_sketch_free(&sketch);
  if (status == DIVA_OK) {
    status = fill_groups(found, parents, error);
  }
  if (status == DIVA_OK) {
    status = fill_conflicts(found, diva_dataset_labels(dataset), error);
  }
  free(parents);
  if (status != DIVA_OK) {
    diva_duplicates_destroy(found);
    return status;
  }
  *out = found;
  return DIVA_OK;
}

void diva_duplicates_columns(const struct diva_duplicates *duplicates,
                             struct diva_duplicates_columns *out) {
  *out = duplicates->columns;
}

void diva_duplicates_destroy(struct diva_duplicates *duplicates) {
  if (duplicates) {
    free(duplicates->group);
    free(duplicates->first);
    free(duplicates->pairs);
    free(duplicates);
  }
}
