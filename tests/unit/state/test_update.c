/* New versions: sums brought up to date equal those computed afresh, whatever changed. */
#include "version.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 600 };

/* Two versions and the state of the first. */
struct pair {
  struct version old, now;
  struct diva_analysis_options options;
  struct diva_state *state;
};

static void open_pair(struct pair *pair, enum version_kind kind, enum diva_dtype type,
                      enum diva_scale scale) {
  version_make(&pair->old, kind, type, 0, ROWS);
  version_copy(&pair->now, &pair->old);
  pair->options = version_options(scale);
  pair->state = version_state(&pair->old, &pair->options);
}

static void close_pair(struct pair *pair) {
  diva_state_destroy(pair->state);
  version_free(&pair->old);
  version_free(&pair->now);
}

/* Updates, holds the sums against those afresh and by the book, and the rows too. */
static struct diva_state_work update(struct pair *pair, bool with_old) {
  struct diva_state_work work;
  struct diva_state_rows mine;
  struct diva_state_rows its;
  const enum diva_scale scale = pair->options.scale;
  struct diva_state *updated =
      version_update(pair->state, with_old ? &pair->old : NULL, &pair->now, &pair->options, &work);
  struct diva_state *fresh = version_state(&pair->now, &pair->options);
  cr_expect_lt(version_difference(updated, fresh), 1e-12, "%g", version_difference(updated, fresh));
  cr_expect_lt(version_error(&pair->now, scale, updated), 1e-12, "%g",
               version_error(&pair->now, scale, updated));
  diva_state_rows(updated, &mine);
  diva_state_rows(fresh, &its);
  cr_expect_eq(mine.rows, its.rows);
  cr_expect_arr_eq(mine.hash, its.hash, (size_t)mine.rows * sizeof *mine.hash);
  cr_expect_arr_eq(mine.weight, its.weight, (size_t)mine.rows * sizeof *mine.weight);
  diva_state_destroy(fresh);
  diva_state_destroy(updated);
  return work;
}

Test(update, rows_that_came_left_and_changed) {
  for (int number = 0; number < VERSION_KINDS * 3 * 2; number++) {
    struct pair pair;
    open_pair(&pair, (enum version_kind)(number % VERSION_KINDS),
              number / VERSION_KINDS % 2 ? DIVA_FLOAT32 : DIVA_FLOAT64,
              (enum diva_scale)(number / VERSION_KINDS / 2));
    for (int64_t i = 0; i < 20; i++) {
      version_append(&pair.now, 5000 + i);
    }
    for (int64_t i = 0; i < 30; i++) {
      version_change(&pair.now, 17 * i);
    }
    for (int64_t i = 0; i < 40; i++) {
      version_remove(&pair.now, 5 * i + 3);
    }
    version_shuffle(&pair.now, 7);
    const struct diva_state_work work = update(&pair, true);
    cr_expect_not(work.recomputed, "%d: %s", number, work.reason);
    cr_expect_gt(work.subtracted_rows, 60);
    cr_expect_eq(work.added_rows + work.subtracted_rows, 20 + 40 + 2 * (work.subtracted_rows - 40));
    close_pair(&pair);
  }
}

Test(update, labels_and_weights_need_no_old_features) {
  for (int kind = VERSION_LABELS; kind <= VERSION_LABELS_AND_BASE; kind++) {
    struct pair pair;
    open_pair(&pair, (enum version_kind)kind, DIVA_FLOAT64, DIVA_SCALE_STANDARDIZE);
    for (int64_t i = 0; i < 50; i++) {
      const int64_t row = 11 * i + 1;
      pair.now.labels[row] = i % 5 == 0 ? -1 : (pair.old.labels[row] + 1) % 3;
    }
    for (int64_t i = 0; i < 30; i++) {
      pair.now.weights[9 * i + 2] = 0.3 * (double)(i % 4);
    }
    const struct diva_state_work work = update(&pair, false);
    cr_expect_not(work.recomputed, "%s", work.reason);
    cr_expect_eq(work.added_rows, 0);
    cr_expect_eq(work.subtracted_rows, 0);
    cr_expect_geq(work.rescored_rows, 70);
    close_pair(&pair);
  }
}

Test(update, weights_of_targets_need_no_old_features) {
  struct pair pair;
  open_pair(&pair, VERSION_TARGETS_AND_BASE, DIVA_FLOAT64, DIVA_SCALE_NONE);
  for (int64_t i = 0; i < 30; i++) {
    pair.now.weights[9 * i] = 0.7;
  }
  const struct diva_state_work work = update(&pair, false);
  cr_expect_not(work.recomputed, "%s", work.reason);
  cr_expect_eq(work.rescored_rows, 30);
  close_pair(&pair);
}

Test(update, added_rows_alone_need_no_old_features) {
  struct pair pair;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT32, DIVA_SCALE_L2);
  for (int64_t i = 0; i < 200; i++) {
    version_append(&pair.now, 7000 + i);
  }
  const struct diva_state_work work = update(&pair, false);
  cr_expect_not(work.recomputed, "%s", work.reason);
  cr_expect_eq(work.added_rows, 200);
  close_pair(&pair);
}

/* Each time the sums are those afresh, and the reason is told. */
Test(update, sums_are_recomputed_where_rows_are_not_at_hand) {
  const char *const reasons[] = {"1 row left", "row 4 (id row-4) changed",
                                 "row 4 (id row-4) changed", "more than half"};
  for (int number = 0; number < 4; number++) {
    struct pair pair;
    open_pair(&pair, number == 2 ? VERSION_TARGETS : VERSION_LABELS, DIVA_FLOAT64,
              DIVA_SCALE_STANDARDIZE);
    if (number == 0) {
      version_remove(&pair.now, 100);
    } else if (number == 1) {
      version_change(&pair.now, 4);
    } else if (number == 2) {
      pair.now.targets[4 * pair.now.outputs] += 1.0;
    }
    for (int64_t i = 0; number == 3 && i < ROWS / 2; i++) {
      version_remove(&pair.now, pair.now.rows - 1);
    }
    const struct diva_state_work work = update(&pair, number == 3);
    cr_expect(work.recomputed, "%d", number);
    cr_expect_not_null(strstr(work.reason, reasons[number]), "'%s' lacks '%s'", work.reason,
                       reasons[number]);
    cr_expect_eq(work.added_rows + work.subtracted_rows + work.rescored_rows, 0);
    close_pair(&pair);
  }
}

/* A column that one row alone gave its spread is all rounding once that row is gone. */
Test(update, digits_lost_to_a_row_that_left_are_recomputed) {
  struct pair pair;
  version_make(&pair.old, VERSION_LABELS, DIVA_FLOAT64, 0, ROWS);
  pair.old.features[30 * pair.old.columns + 2] = 1e9;
  version_copy(&pair.now, &pair.old);
  version_remove(&pair.now, 30);
  pair.options = version_options(DIVA_SCALE_STANDARDIZE);
  pair.state = version_state(&pair.old, &pair.options);
  const struct diva_state_work work = update(&pair, true);
  cr_expect(work.recomputed);
  cr_expect_not_null(strstr(work.reason, "column 2"), "%s", work.reason);
  close_pair(&pair);
}

Test(update, classes_are_matched_by_name) {
  static const char *const before[] = {"ant", "bee", "cow"};
  static const char *const after[] = {"cow", "ant", "dog"};
  struct pair pair;
  version_make(&pair.old, VERSION_LABELS, DIVA_FLOAT64, 0, ROWS);
  pair.old.class_names = before;
  version_copy(&pair.now, &pair.old);
  pair.now.class_names = after;
  for (int64_t i = 0; i < ROWS; i++) {
    const int32_t label = pair.old.labels[i];
    const int32_t number_of[] = {1, 2, 0};
    pair.now.labels[i] = label < 0 ? -1 : number_of[label];
  }
  pair.options = version_options(DIVA_SCALE_NONE);
  pair.state = version_state(&pair.old, &pair.options);
  const struct diva_state_work work = update(&pair, false);
  int64_t bees = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    bees += pair.old.labels[i] == 1;
  }
  cr_expect_not(work.recomputed, "%s", work.reason);
  cr_expect_eq(work.rescored_rows, bees, "%lld rows of the class that is gone; %lld were touched",
               (long long)bees, (long long)work.rescored_rows);
  close_pair(&pair);
}

Test(update, a_class_more_and_a_class_less) {
  struct pair pair;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE);
  pair.now.outputs = 4;
  pair.now.labels[2] = 3;
  struct diva_state_work work = update(&pair, false);
  cr_expect_not(work.recomputed, "%s", work.reason);
  diva_state_destroy(pair.state);
  pair.state = version_state(&pair.now, &pair.options);
  version_free(&pair.old);
  version_copy(&pair.old, &pair.now);
  pair.now.outputs = 3;
  pair.now.labels[2] = 0;
  work = update(&pair, false);
  cr_expect_not(work.recomputed, "%s", work.reason);
  close_pair(&pair);
}

Test(update, many_updates_lose_no_digits) {
  struct pair pair;
  struct diva_state_work work;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_STANDARDIZE);
  for (int64_t step = 0; step < 40; step++) {
    version_remove(&pair.now, (step * 13) % pair.now.rows);
    version_change(&pair.now, (step * 29) % pair.now.rows);
    version_append(&pair.now, 9000 + step);
    struct diva_state *next =
        version_update(pair.state, &pair.old, &pair.now, &pair.options, &work);
    cr_assert_not(work.recomputed, "%s", work.reason);
    diva_state_destroy(pair.state);
    pair.state = next;
    version_free(&pair.old);
    version_copy(&pair.old, &pair.now);
  }
  cr_expect_lt(version_error(&pair.now, DIVA_SCALE_STANDARDIZE, pair.state), 1e-12, "%g",
               version_error(&pair.now, DIVA_SCALE_STANDARDIZE, pair.state));
  close_pair(&pair);
}

/* Tries an update and expects it to be refused. */
static void expect_refused(struct pair *pair, bool with_old, const char *needle) {
  struct diva_state *updated = NULL;
  struct diva_error error = {0};
  struct diva_dataset *dataset = version_open(&pair->now);
  struct diva_dataset *old = with_old ? version_open(&pair->old) : NULL;
  const enum diva_status status =
      diva_state_update(pair->state, old, dataset, &pair->options, NULL, &updated, &error);
  cr_expect_eq(status, DIVA_ERROR_INPUT, "%d: %s", status, error.message);
  cr_expect_not_null(strstr(error.message, needle), "'%s' lacks '%s'", error.message, needle);
  cr_expect_null(updated);
  diva_dataset_close(old);
  diva_dataset_close(dataset);
}

Test(update, an_old_dataset_that_is_another_is_refused) {
  struct pair pair;
  open_pair(&pair, VERSION_LABELS_AND_BASE, DIVA_FLOAT64, DIVA_SCALE_NONE);
  version_remove(&pair.now, 50);
  version_change(&pair.old, 50);
  expect_refused(&pair, true, "row 50 (id row-50) is not what the state was made of");
  version_remove(&pair.old, 50);
  expect_refused(&pair, true, "not the 600 x 6 that the state was made of");
  close_pair(&pair);
}

Test(update, a_state_of_something_else_is_refused) {
  struct pair pair;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE);
  pair.options.scale = DIVA_SCALE_STANDARDIZE;
  expect_refused(&pair, false, "of scale none, not standardize");
  pair.options.scale = DIVA_SCALE_NONE;
  pair.options.intercept = false;
  expect_refused(&pair, false, "with an intercept");
  pair.options.intercept = true;
  pair.now.columns = 5;
  expect_refused(&pair, false, "6 columns of features, the dataset has 5");
  pair.now.columns = 6;
  pair.now.type = DIVA_FLOAT32;
  expect_refused(&pair, false, "float64 features, those of the dataset are float32");
  pair.now.type = DIVA_FLOAT64;
  free(pair.now.ids);
  pair.now.ids = NULL;
  expect_refused(&pair, false, "with ids, the dataset has none");
  diva_state_destroy(pair.state);
  pair.options.lambda = 0.5;
  pair.state = version_state(&pair.now, &pair.options);
  pair.options.lambda = 0.25;
  expect_refused(&pair, false, "of lambda 0.5, not 0.25");
  close_pair(&pair);
}

Test(update, a_new_row_with_nan_is_named) {
  struct pair pair;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE);
  version_append(&pair.now, 8000);
  version_append(&pair.now, 8001);
  pair.now.features[(ROWS + 1) * pair.now.columns + 3] = (double)INFINITY;
  expect_refused(&pair, false, "row 601 (id row-8001), column 3");
  close_pair(&pair);
}

Test(compare, says_what_became_of_every_row) {
  struct pair pair;
  struct diva_error error;
  struct diva_state_comparison *comparison = NULL;
  struct diva_state_changes changes;
  open_pair(&pair, VERSION_LABELS, DIVA_FLOAT64, DIVA_SCALE_NONE);
  version_change(&pair.now, 3);
  pair.now.labels[5] = (pair.now.labels[5] + 1) % 3;
  pair.now.labels[8] = -1;
  pair.now.weights[10] = 2.5;
  version_append(&pair.now, 6000);
  version_remove(&pair.now, 100);
  version_remove(&pair.now, 0);
  struct diva_state *state = version_state(&pair.now, &pair.options);
  cr_assert_eq(diva_state_compare(pair.state, state, &comparison, &error), DIVA_OK, "%s",
               error.message);
  diva_state_changes(comparison, &changes);
  cr_expect_eq(changes.rows, ROWS - 1);
  cr_expect_eq(changes.added, 1);
  cr_expect_eq(changes.removed, 2);
  cr_expect_eq(changes.removed_row[0], 0);
  cr_expect_eq(changes.removed_row[1], 100);
  cr_expect_eq(changes.changed_features, 1);
  cr_expect_eq(changes.relabelled, 2);
  cr_expect_eq(changes.reweighted, 1);
  cr_expect_eq(changes.old_row[2], 3);
  cr_expect_eq(changes.change[2], DIVA_ROW_FEATURES);
  cr_expect_eq(changes.change[4], DIVA_ROW_RELABELLED);
  cr_expect_eq(changes.change[7], DIVA_ROW_RELABELLED);
  cr_expect_eq(changes.change[9], DIVA_ROW_REWEIGHTED);
  cr_expect_eq(changes.change[ROWS - 2], DIVA_ROW_ADDED);
  cr_expect_eq(changes.old_row[ROWS - 2], -1);
  diva_state_comparison_destroy(comparison);
  diva_state_destroy(state);
  close_pair(&pair);
}
