/* States of shards as the state of the whole. */
#include "tests/unit/dataset/fixture.h"
#include "version.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 500, SHARDS = 7 };

/* A whole, and the same rows in shards of unequal length. */
struct cut {
  struct version whole, shards[SHARDS];
  struct diva_analysis_options options;
  struct diva_state *state, *states[SHARDS];
};

static void make_cut(struct cut *cut, enum version_kind kind, enum diva_dtype type,
                     enum diva_scale scale, bool with_ids) {
  static const int64_t starts[SHARDS + 1] = {0, 3, 9, 100, 230, 234, 400, ROWS};
  cut->options = version_options(scale);
  version_make(&cut->whole, kind, type, 0, ROWS);
  if (!with_ids) {
    free(cut->whole.ids);
    cut->whole.ids = NULL;
  }
  cut->state = version_state(&cut->whole, &cut->options);
  for (int s = 0; s < SHARDS; s++) {
    version_make(&cut->shards[s], kind, type, starts[s], starts[s + 1] - starts[s]);
    if (!with_ids) {
      free(cut->shards[s].ids);
      cut->shards[s].ids = NULL;
    }
    cut->states[s] = version_state(&cut->shards[s], &cut->options);
  }
}

static void free_cut(struct cut *cut) {
  diva_state_destroy(cut->state);
  version_free(&cut->whole);
  for (int s = 0; s < SHARDS; s++) {
    diva_state_destroy(cut->states[s]);
    version_free(&cut->shards[s]);
  }
}

static struct diva_state *merge(struct diva_state *const *states, int64_t count) {
  struct diva_state *merged = NULL;
  struct diva_error error;
  const enum diva_status status =
      diva_state_merge((const struct diva_state *const *)states, count, &merged, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  return merged;
}

static void expect_unchanged(const struct diva_state *old, const struct diva_state *now) {
  struct diva_state_comparison *comparison = NULL;
  struct diva_state_changes changes;
  struct diva_error error;
  cr_assert_eq(diva_state_compare(old, now, &comparison, &error), DIVA_OK, "%s", error.message);
  diva_state_changes(comparison, &changes);
  cr_expect_eq(changes.added + changes.removed + changes.changed_features + changes.relabelled +
                   changes.reweighted,
               0);
  diva_state_comparison_destroy(comparison);
}

Test(merge, shards_in_any_order_are_the_whole) {
  for (int number = 0; number < VERSION_KINDS * 3; number++) {
    struct cut cut;
    struct reference_random random = {(uint64_t)number + 3};
    const bool narrow = number % 2;
    make_cut(&cut, (enum version_kind)(number % VERSION_KINDS),
             narrow ? DIVA_FLOAT32 : DIVA_FLOAT64, (enum diva_scale)(number / VERSION_KINDS), true);
    for (int order = 0; order < 5; order++) {
      struct diva_state *merged = merge(cut.states, SHARDS);
      const double error = version_difference(merged, cut.state);
      cr_expect_lt(error, 1e-12, "%d, order %d: %g", number, order, error);
      expect_unchanged(cut.state, merged);
      diva_state_destroy(merged);
      for (int s = SHARDS - 1; s > 0; s--) {
        const int64_t other = reference_below(&random, s + 1);
        struct diva_state *held = cut.states[s];
        cut.states[s] = cut.states[other];
        cut.states[other] = held;
      }
    }
    free_cut(&cut);
  }
}

Test(merge, merges_of_merges_are_the_whole) {
  struct cut cut;
  make_cut(&cut, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_STANDARDIZE, true);
  struct diva_state *parts[] = {merge(cut.states + 4, 3), merge(cut.states, 4)};
  struct diva_state *all = merge(parts, 2);
  cr_expect_lt(version_difference(all, cut.state), 1e-12);
  diva_state_destroy(all);
  diva_state_destroy(parts[0]);
  diva_state_destroy(parts[1]);
  free_cut(&cut);
}

Test(merge, float32_sums_agree_to_float32_accuracy) {
  struct cut cut;
  make_cut(&cut, VERSION_LABELS, DIVA_FLOAT32, DIVA_SCALE_NONE, true);
  cut.options.precision = DIVA_PRECISION_FLOAT32;
  diva_state_destroy(cut.state);
  cut.state = version_state(&cut.whole, &cut.options);
  for (int s = 0; s < SHARDS; s++) {
    diva_state_destroy(cut.states[s]);
    cut.states[s] = version_state(&cut.shards[s], &cut.options);
  }
  struct diva_state *merged = merge(cut.states, SHARDS);
  cr_expect_lt(version_difference(merged, cut.state), 1e-6, "%g",
               version_difference(merged, cut.state));
  diva_state_destroy(merged);
  free_cut(&cut);
}

Test(merge, rows_without_ids_are_numbered_on) {
  struct cut cut;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  make_cut(&cut, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE, false);
  struct diva_state *merged = merge(cut.states, SHARDS);
  expect_unchanged(cut.state, merged);
  cr_expect_str_eq(diva_state_id(merged, 231, scratch), "231");
  cr_expect_eq(diva_state_find(merged, "231"), 231);
  cr_expect_eq(diva_state_find(merged, "0231"), -1);
  cr_expect_eq(diva_state_find(merged, "500"), -1);
  diva_state_destroy(merged);
  free_cut(&cut);
}

Test(merge, an_update_of_merged_states_is_that_of_the_whole) {
  struct cut cut;
  struct diva_state_work work;
  make_cut(&cut, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE, true);
  struct diva_state *merged = merge(cut.states, SHARDS);
  struct version now;
  version_copy(&now, &cut.whole);
  version_remove(&now, 77);
  version_change(&now, 12);
  struct diva_state *updated = version_update(merged, &cut.whole, &now, &cut.options, &work);
  cr_expect_not(work.recomputed, "%s", work.reason);
  cr_expect_lt(version_error(&now, DIVA_SCALE_NONE, updated), 1e-12);
  diva_state_destroy(updated);
  version_free(&now);
  diva_state_destroy(merged);
  free_cut(&cut);
}

static void expect_refused(const struct diva_state *a, const struct diva_state *b,
                           const char *needle) {
  const struct diva_state *both[] = {a, b};
  struct diva_state *merged = NULL;
  struct diva_error error = {0};
  cr_expect_eq(diva_state_merge(both, 2, &merged, &error), DIVA_ERROR_INPUT, "%s", error.message);
  cr_expect_not_null(strstr(error.message, needle), "'%s' lacks '%s'", error.message, needle);
  cr_expect_null(merged);
}

Test(merge, what_does_not_fit_together_is_refused) {
  struct version version;
  struct version other;
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 50);
  version_make(&other, VERSION_LABELS, DIVA_FLOAT64, 49, 50);
  options.lambda = 0.5;
  struct diva_state *state = version_state(&version, &options);
  struct diva_state *overlapping = version_state(&other, &options);
  expect_refused(state, overlapping, "state 2: id 'row-49' is in state 1 too");
  options.lambda = 0.25;
  struct diva_state *lambda = version_state(&other, &options);
  expect_refused(state, lambda, "differs from state 1 in lambda");
  options.lambda = 0.5;
  options.scale = DIVA_SCALE_L2;
  struct diva_state *scale = version_state(&other, &options);
  expect_refused(state, scale, "in the scale");
  options.scale = DIVA_SCALE_NONE;
  other.columns = 5;
  struct diva_state *narrow = version_state(&other, &options);
  expect_refused(state, narrow, "in the width of the features");
  other.columns = 6;
  other.type = DIVA_FLOAT32;
  struct diva_state *type = version_state(&other, &options);
  expect_refused(state, type, "in the type of the features");
  other.type = DIVA_FLOAT64;
  static const char *const names[] = {"ant", "bee", "cow"};
  other.class_names = names;
  struct diva_state *named = version_state(&other, &options);
  expect_refused(state, named, "in the class names");
  diva_state_destroy(named);
  diva_state_destroy(type);
  diva_state_destroy(narrow);
  diva_state_destroy(scale);
  diva_state_destroy(lambda);
  diva_state_destroy(overlapping);
  diva_state_destroy(state);
  version_free(&other);
  version_free(&version);
}

/* Rows first .. first + rows of a file with ids and the site of each row. */
static struct diva_state *file_state(const char *name, int64_t first, int64_t rows,
                                     const char *const *sites) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  struct diva_state *state = NULL;
  struct diva_error error;
  int64_t *ids = reference_allocate(rows, sizeof *ids);
  for (int64_t i = 0; i < rows; i++) {
    ids[i] = first + i;
  }
  fixture_path(name, path);
  const hid_t file = fixture_create(path);
  fixture_put_features(file, rows, 4);
  fixture_put_labels(file, rows);
  fixture_put_integers(file, "ids", rows, ids);
  H5Gclose(H5Gcreate2(file, "groups", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  fixture_put_strings(file, "groups/site", rows, sites);
  H5Fclose(file);
  diva_dataset_options_init(&options);
  options.group = "site";
  struct diva_dataset *dataset = fixture_open(path, &options);
  const struct diva_analysis_options model = version_options(DIVA_SCALE_NONE);
  const enum diva_status status = diva_state_create(dataset, &model, &state, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  diva_dataset_close(dataset);
  free(ids);
  return state;
}

Test(merge, groups_of_one_name_are_one_group, .init = fixture_begin, .fini = fixture_end) {
  const char *const first[] = {"oslo", "rome", "", "oslo", "rome", "oslo"};
  const char *const second[] = {"kyiv", "rome", "kyiv", ""};
  struct diva_state *states[] = {file_state("a.h5", 0, 6, first), file_state("b.h5", 6, 4, second)};
  struct diva_state *merged = merge(states, 2);
  static const char *const names[] = {"oslo", "rome", "kyiv"};
  static const int64_t counts[] = {3, 3, 2};
  struct diva_state_info info;
  struct diva_state_rows rows;
  struct diva_state_part part;
  diva_state_describe(merged, &info);
  diva_state_rows(merged, &rows);
  cr_expect_eq(info.groups, 3);
  cr_expect_str_eq(info.factor, "groups/site");
  for (int g = 0; g < 3; g++) {
    diva_state_group(merged, g, &part);
    cr_expect_str_eq(diva_state_group_name(merged, g), names[g]);
    cr_expect_eq(part.rows, counts[g]);
    cr_expect_float_eq(part.weight, (double)counts[g], 0.0);
  }
  cr_expect_eq(rows.group[2], -1);
  cr_expect_eq(rows.group[6], 2);
  cr_expect_eq(rows.group[7], 1);
  cr_expect_eq(rows.group[9], -1);
  diva_state_destroy(merged);
  diva_state_destroy(states[0]);
  diva_state_destroy(states[1]);
}
