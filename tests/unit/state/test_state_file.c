/* Files of states: what is written is read back, and damage is one line. */
#include "tests/unit/output/folder.h"
#include "version.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(state_file, .init = folder_enter, .fini = folder_leave);

static struct diva_state *scored_state(struct version *version) {
  struct diva_error error;
  struct diva_analysis *analysis = NULL;
  const struct diva_analysis_options options = version_options(DIVA_SCALE_STANDARDIZE);
  struct diva_state *state = version_state(version, &options);
  struct diva_dataset *dataset = version_open(version);
  cr_assert_eq(diva_analysis_run(dataset, NULL, &options, &analysis, &error), DIVA_OK, "%s",
               error.message);
  cr_assert_eq(diva_state_take_scores(state, analysis, true, &error), DIVA_OK, "%s", error.message);
  diva_analysis_destroy(analysis);
  diva_dataset_close(dataset);
  return state;
}

static void write_state(const struct diva_state *state, const char *path, const char *provenance) {
  struct diva_error error;
  const enum diva_status status = diva_state_write(state, path, NULL, provenance, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
}

static struct diva_state *read_state(const char *path) {
  struct diva_state *state = NULL;
  struct diva_error error;
  const enum diva_status status = diva_state_read(path, &state, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  return state;
}

static void expect_same_rows(const struct diva_state *a, const struct diva_state *b) {
  struct diva_state_rows mine;
  struct diva_state_rows its;
  diva_state_rows(a, &mine);
  diva_state_rows(b, &its);
  const size_t rows = (size_t)mine.rows;
  cr_assert_eq(mine.rows, its.rows);
  cr_expect_eq(!mine.label, !its.label);
  cr_expect_eq(!mine.target_hash, !its.target_hash);
  cr_expect_arr_eq(mine.weight, its.weight, rows * sizeof *mine.weight);
  cr_expect_arr_eq(mine.hash, its.hash, rows * sizeof *mine.hash);
  cr_expect(!mine.label || memcmp(mine.label, its.label, rows * sizeof *mine.label) == 0);
  cr_expect(!mine.target_hash ||
            memcmp(mine.target_hash, its.target_hash, rows * sizeof *mine.target_hash) == 0);
  cr_expect_arr_eq(mine.loo_loss, its.loo_loss, rows * sizeof *mine.loo_loss);
  cr_expect_arr_eq(mine.suggested_label, its.suggested_label, rows * sizeof *mine.suggested_label);
}

static void expect_same_info(const struct diva_state_info *a, const struct diva_state_info *b) {
  const int64_t mine[] = {a->rows,   a->columns,       a->outputs, a->labelled_rows,
                          a->groups, a->training_rows, a->loo.rows};
  const int64_t its[] = {b->rows,   b->columns,       b->outputs, b->labelled_rows,
                         b->groups, b->training_rows, b->loo.rows};
  const bool my_flags[] = {a->has_targets,      a->has_ids,    a->has_weights,
                           a->has_base_outputs, a->has_scores, a->has_class_names,
                           a->has_groups,       a->intercept,  a->lambda_given};
  const bool its_flags[] = {b->has_targets,      b->has_ids,    b->has_weights,
                            b->has_base_outputs, b->has_scores, b->has_class_names,
                            b->has_groups,       b->intercept,  b->lambda_given};
  cr_expect_arr_eq(mine, its, sizeof mine);
  cr_expect_arr_eq(my_flags, its_flags, sizeof my_flags);
  cr_expect_eq(a->feature_type, b->feature_type);
  cr_expect_eq(a->scale, b->scale);
  cr_expect_float_eq(a->lambda, b->lambda, 0.0);
  cr_expect_float_eq(a->weight, b->weight, 0.0);
  cr_expect_float_eq(a->loo.loss, b->loo.loss, 0.0);
  cr_expect(isnan(a->loo.error) ? isnan(b->loo.error) : a->loo.error == b->loo.error);
}

Test(state_file, what_is_written_is_read_back) {
  static const char *const names[] = {"ant", "bee", "cow"};
  for (int kind = 0; kind < VERSION_KINDS; kind++) {
    struct version version;
    struct diva_state_info mine;
    struct diva_state_info its;
    char scratch[DIVA_ID_SCRATCH_SIZE];
    version_make(&version, (enum version_kind)kind, DIVA_FLOAT32, 0, 200);
    version.class_names = version.labels ? names : NULL;
    struct diva_state *state = scored_state(&version);
    write_state(state, "a.state", "{\"a\": 1}");
    write_state(state, "b.state", "{\"a\": 1}");
    cr_expect(files_equal("a.state", "b.state"), "the same state gave other bytes");
    cr_expect(file_exists("a.state.provenance.json"));
    struct diva_state *back = read_state("a.state");
    diva_state_describe(state, &mine);
    diva_state_describe(back, &its);
    cr_expect_str_eq(its.path, "a.state");
    cr_expect_str_eq(its.provenance, "{\"a\": 1}");
    cr_expect_eq(strlen(its.checksum), 64);
    expect_same_info(&mine, &its);
    expect_same_rows(state, back);
    cr_expect_float_eq(version_difference(back, state), 0.0, 0.0);
    cr_expect_str_eq(diva_state_id(back, 5, scratch), "row-5");
    cr_expect_eq(diva_state_find(back, "row-199"), 199);
    cr_expect_eq(diva_state_find(back, "row-200"), -1);
    cr_expect(!version.labels || strcmp(diva_state_class_name(back, 2), "cow") == 0);
    diva_state_destroy(back);
    diva_state_destroy(state);
    version_free(&version);
  }
}

/* Every length that a write could have stopped at, and every byte, changed. */
Test(state_file, damage_is_told_or_harmless) {
  struct version version;
  size_t length;
  int refused = 0;
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 40);
  struct diva_state *state = scored_state(&version);
  write_state(state, "whole.state", NULL);
  char *bytes = file_read("whole.state", &length);
  cr_assert_not_null(bytes);
  for (size_t cut = 0; cut < length; cut += 37) {
    struct diva_state *none = NULL;
    struct diva_error error = {0};
    file_write("cut.state", bytes, cut);
    cr_expect_eq(diva_state_read("cut.state", &none, &error), DIVA_ERROR_INPUT,
                 "%zu of %zu bytes were taken for a state", cut, length);
    cr_expect_eq(strncmp(error.message, "cut.state: ", 11), 0, "%s", error.message);
    cr_expect_null(none);
  }
  for (size_t at = 0; at < length; at += 5) {
    struct diva_state *back = NULL;
    struct diva_error error = {0};
    bytes[at] ^= 0x10;
    file_write("edited.state", bytes, length);
    bytes[at] ^= 0x10;
    const enum diva_status status = diva_state_read("edited.state", &back, &error);
    if (status == DIVA_OK) {
      cr_expect_float_eq(version_difference(back, state), 0.0, 0.0);
      expect_same_rows(state, back);
    } else {
      refused++;
      cr_expect_eq(status, DIVA_ERROR_INPUT, "byte %zu: %s", at, error.message);
      cr_expect_eq(strncmp(error.message, "edited.state: ", 14), 0, "%s", error.message);
    }
    diva_state_destroy(back);
  }
  cr_expect_gt(refused, 400);
  free(bytes);
  diva_state_destroy(state);
  version_free(&version);
}

Test(state_file, what_is_no_state_is_said_to_be_none) {
  struct diva_state *none = NULL;
  struct diva_error error;
  cr_expect_eq(diva_state_read("missing.state", &none, &error), DIVA_ERROR_INPUT);
  cr_expect_not_null(strstr(error.message, "no such file"), "%s", error.message);
  file_write_text("text.state", "this is text");
  cr_expect_eq(diva_state_read("text.state", &none, &error), DIVA_ERROR_INPUT);
  cr_expect_not_null(strstr(error.message, "is not an HDF5 file"), "%s", error.message);
  cr_expect_not(diva_state_is_file("missing.state"));
  cr_expect_not(diva_state_is_file("text.state"));
}

Test(state_file, nothing_is_left_of_a_write_that_fails) {
  struct version version;
  struct diva_error error;
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 40);
  struct diva_state *state = scored_state(&version);
  cr_expect_eq(diva_state_write(state, "nowhere/a.state", NULL, "{}", &error), DIVA_ERROR_RESOURCE);
  cr_expect_eq(folder_count(), 0);
  diva_state_destroy(state);
  version_free(&version);
}
