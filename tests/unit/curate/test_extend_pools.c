/* What is taken of pools whose rows are known: right, wrong, half of each, without labels. */
#include "tests/support/reference.h"

#include <diva/extend.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { CORE = 300, POOL = 600, ROWS = CORE + POOL, HELD = 1000, COLUMNS = 40, CLASSES = 4 };

/* What the labels of the pool are. */
enum pool { RIGHT, WRONG, HALF_WRONG, RANDOM, NONE };

struct rows {
  float features[(ROWS + HELD) * COLUMNS];
  int32_t truth[ROWS + HELD];
  int32_t labels[ROWS + HELD];
  double weights[ROWS];
  struct diva_dataset *dataset, *held;
};

static void make_row(struct reference_random *random, double distance, float *x, int32_t *truth) {
  *truth = (int32_t)reference_below(random, CLASSES);
  for (int64_t j = 0; j < COLUMNS; j++) {
    x[j] = (float)((j % CLASSES == *truth ? distance : 0.0) + reference_normal(random));
  }
}

static int32_t make_label(struct reference_random *random, enum pool pool, int64_t i,
                          int32_t truth) {
  const int32_t other = (truth + 1 + (int32_t)reference_below(random, CLASSES - 1)) % CLASSES;
  switch (pool) {
  case RIGHT:
    return truth;
  case WRONG:
    return other;
  case HALF_WRONG:
    return i % 2 ? other : truth;
  case RANDOM:
    return (int32_t)reference_below(random, CLASSES);
  case NONE:
    break;
  }
  return -1;
}

static struct diva_dataset *open_rows(const struct rows *rows, int64_t first, int64_t count,
                                      const double *weights) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  diva_dataset_arrays_init(&arrays);
  arrays.rows = count;
  arrays.columns = COLUMNS;
  arrays.outputs = CLASSES;
  arrays.features = rows->features + first * COLUMNS;
  arrays.labels = rows->labels + first;
  arrays.weights = weights;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  return dataset;
}

/* The core and the rows held out are labelled right. */
static struct rows *make(enum pool pool, double distance, uint64_t seed) {
  struct reference_random random = {seed};
  struct rows *rows = reference_allocate(1, sizeof *rows);
  for (int64_t i = 0; i < ROWS + HELD; i++) {
    make_row(&random, distance, rows->features + i * COLUMNS, &rows->truth[i]);
    const bool pooled = i >= CORE && i < ROWS;
    rows->labels[i] = pooled ? make_label(&random, pool, i, rows->truth[i]) : rows->truth[i];
    if (i < ROWS) {
      rows->weights[i] = i % 9 == 7 ? 0.0 : 1.0 + (double)(i % 3);
    }
  }
  rows->dataset = open_rows(rows, 0, ROWS, NULL);
  rows->held = open_rows(rows, ROWS, HELD, NULL);
  return rows;
}

static void rows_free(struct rows *rows) {
  diva_dataset_close(rows->dataset);
  diva_dataset_close(rows->held);
  free(rows);
}

static struct diva_analysis_options choose_model(void) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.loss = DIVA_LOSS_CROSS_ENTROPY;
  options.scale = DIVA_SCALE_AUTO;
  options.threads = 1;
  return options;
}

static struct diva_extend_options choose(void) {
  struct diva_extend_options options;
  diva_extend_options_init(&options);
  options.core_rows = CORE;
  return options;
}

static struct diva_extension *extend(const struct rows *rows,
                                     const struct diva_extend_options *options) {
  const struct diva_analysis_options model = choose_model();
  struct diva_extension *extension = NULL;
  struct diva_error error = {0};
  const enum diva_status status =
      diva_extend(rows->dataset, NULL, rows->held, &model, options, &extension, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return extension;
}

/* Rows taken, and those of them whose label (given or assumed) is right. */
static void count(const struct rows *rows, const struct diva_extension *extension, int64_t *taken,
                  int64_t *right) {
  struct diva_extend_columns columns;
  diva_extension_columns(extension, &columns);
  *taken = *right = 0;
  for (int64_t i = 0; i < POOL; i++) {
    const int32_t given = rows->labels[CORE + i];
    *taken += columns.selected[i];
    *right += columns.selected[i] &&
              (given < 0 ? columns.assumed_label[i] : given) == rows->truth[CORE + i];
  }
}

static const struct diva_extend_step *last_kept(const struct diva_extend_summary *summary) {
  const struct diva_extend_step *step = &summary->steps[summary->step_count - 1];
  return step->kept ? step : step - 1;
}

Test(extend_pools, nothing_where_every_label_is_wrong) {
  struct rows *rows = make(WRONG, 4.0, 3);
  const struct diva_extend_options options = choose();
  struct diva_extension *extension = extend(rows, &options);
  struct diva_extend_summary summary;
  diva_extension_summary(extension, &summary);
  cr_expect(summary.selected_rows == 0 && summary.step_count == 1, "%lld rows were taken",
            (long long)summary.selected_rows);
  cr_expect(summary.stop == DIVA_EXTEND_NO_CANDIDATE);
  cr_expect(summary.before.loo.loss - summary.after.loo.loss == 0.0);
  diva_extension_destroy(extension);
  rows_free(rows);
}

Test(extend_pools, what_is_right_among_labels_at_random) {
  struct rows *rows = make(RANDOM, 1.0, 5);
  const struct diva_extend_options options = choose();
  struct diva_extension *extension = extend(rows, &options);
  int64_t taken, right;
  count(rows, extension, &taken, &right);
  cr_expect(taken > POOL / 20 && right * 100 >= taken * 75, "%lld taken, %lld right",
            (long long)taken, (long long)right);
  diva_extension_destroy(extension);
  rows_free(rows);
}

/* On rows held out, against picks at random. */
Test(extend_pools, better_than_chance_where_half_are_wrong) {
  int better = 0;
  for (uint64_t seed = 11; seed < 16; seed++) {
    struct rows *rows = make(HALF_WRONG, 1.0, seed);
    const struct diva_extend_options options = choose();
    struct diva_extension *extension = extend(rows, &options);
    struct diva_extend_summary summary;
    int64_t taken, right;
    diva_extension_summary(extension, &summary);
    count(rows, extension, &taken, &right);
    const struct diva_extend_step *last = last_kept(&summary);
    cr_expect(right * 100 >= taken * 90, "%lld taken, %lld right", (long long)taken,
              (long long)right);
    cr_expect(last->rows == taken && last->uniform.heldout.rows == HELD);
    better += last->scores.heldout.error < last->uniform.heldout.error;
    diva_extension_destroy(extension);
    rows_free(rows);
  }
  cr_expect(better == 5, "better in %d of 5", better);
}

Test(extend_pools, rows_of_a_pool_that_is_right) {
  struct rows *rows = make(RIGHT, 1.0, 8);
  const struct diva_extend_options options = choose();
  struct diva_extension *extension = extend(rows, &options);
  struct diva_extend_summary summary;
  diva_extension_summary(extension, &summary);
  const struct diva_extend_step *last = last_kept(&summary);
  cr_expect(summary.selected_rows >= POOL / 10, "%lld rows", (long long)summary.selected_rows);
  cr_expect(last->scores.core.loss < 0.8 * summary.steps[0].scores.core.loss);
  for (int64_t s = 1; s < summary.step_count; s++) {
    cr_expect(!summary.steps[s].kept ||
              summary.steps[s].objective < summary.steps[s - 1].objective);
  }
  diva_extension_destroy(extension);
  rows_free(rows);
}

Test(extend_pools, rows_without_a_label) {
  struct rows *rows = make(NONE, 1.0, 4);
  struct diva_extend_options options = choose();
  options.picks = 1;
  struct diva_extension *extension = extend(rows, &options);
  struct diva_extend_summary summary;
  int64_t taken, right;
  diva_extension_summary(extension, &summary);
  count(rows, extension, &taken, &right);
  cr_expect(summary.unlabelled_rows == POOL && summary.assumed_rows == taken && taken > 0);
  cr_expect(right * 100 >= taken * 90, "%lld taken, %lld right", (long long)taken,
            (long long)right);
  cr_expect(summary.steps[1].uniform.heldout.rows == HELD);
  diva_extension_destroy(extension);
  rows_free(rows);
}

/* Past the stop, to half of the pool: what is right is taken before what is wrong. */
Test(extend_pools, filled_with_what_is_plausible) {
  for (uint64_t seed = 21; seed < 24; seed++) {
    struct rows *rows = make(HALF_WRONG, 1.0, seed);
    struct diva_extend_options options = choose();
    struct diva_extend_summary summary;
    int64_t taken, right;
    options.budget = POOL / 2;
    options.fill = true;
    struct diva_extension *extension = extend(rows, &options);
    diva_extension_summary(extension, &summary);
    count(rows, extension, &taken, &right);
    const struct diva_extend_step *last = &summary.steps[summary.step_count - 1];
    cr_expect(last->filling && taken == POOL / 2);
    cr_expect(right * 100 >= taken * 80, "%lld taken, %lld right", (long long)taken,
              (long long)right);
    cr_expect(last->scores.heldout.error < last->uniform.heldout.error);
    diva_extension_destroy(extension);
    rows_free(rows);
  }
}

/* To the last row, after which chance has no other choice; rows of weight 0 are not in the pool. */
Test(extend_pools, filled_to_the_last_row) {
  struct rows *rows = make(HALF_WRONG, 1.0, 6);
  struct diva_extend_options options = choose();
  struct diva_extend_summary summary;
  struct diva_extend_columns columns;
  diva_dataset_close(rows->dataset);
  rows->dataset = open_rows(rows, 0, ROWS, rows->weights);
  options.budget = POOL + 100;
  options.round_rows = 100;
  options.fill = true;
  struct diva_extension *extension = extend(rows, &options);
  diva_extension_summary(extension, &summary);
  diva_extension_columns(extension, &columns);
  for (int64_t i = 0; i < POOL; i++) {
    cr_expect((columns.selected[i] != 0) == (rows->weights[CORE + i] > 0.0));
  }
  const struct diva_extend_step *last = &summary.steps[summary.step_count - 1];
  cr_expect(last->filling && last->kept && summary.stop == DIVA_EXTEND_NO_CANDIDATE);
  cr_expect(fabs(last->uniform.core.loss / last->scores.core.loss - 1.0) < 1e-6);
  cr_expect(fabs(last->uniform.heldout.loss / last->scores.heldout.loss - 1.0) < 1e-6);
  cr_expect(fabs(last->uniform.heldout.error - last->scores.heldout.error) < 1e-9);
  diva_extension_destroy(extension);
  rows_free(rows);
}

/* A copy of a core row would give the answer for its twin away. */
Test(extend_pools, copies_of_the_core_are_passed_over) {
  struct rows *rows = make(HALF_WRONG, 1.0, 9);
  const struct diva_extend_options options = choose();
  struct diva_extend_summary summary;
  struct diva_extend_columns columns;
  int32_t groups[ROWS];
  for (int64_t i = 0; i < ROWS; i++) {
    groups[i] = i % 50 == 8 ? (int32_t)(i / 50 % 3) : -1;  /* of core and pool */
    groups[i] = i >= CORE && i % 50 == 10 ? 3 : groups[i]; /* of the pool alone */
  }
  for (int grouped = 0; grouped < 2; grouped++) {
    struct diva_analysis_options model = choose_model();
    struct diva_extension *extension = NULL;
    int64_t taken[2] = {0, 0};
    model.groups = grouped ? groups : NULL;
    cr_assert_eq(diva_extend(rows->dataset, NULL, NULL, &model, &options, &extension, NULL),
                 DIVA_OK);
    diva_extension_summary(extension, &summary);
    diva_extension_columns(extension, &columns);
    for (int64_t i = 0; i < POOL; i++) {
      taken[0] += columns.selected[i] && groups[CORE + i] >= 0 && groups[CORE + i] < 3;
      taken[1] += columns.selected[i] && groups[CORE + i] == 3;
    }
    cr_expect((taken[0] == 0) == (grouped == 1) && taken[1] > 0, "%lld copies taken",
              (long long)taken[0]);
    cr_expect(summary.copies == (grouped ? POOL / 50 : 0));
    diva_extension_destroy(extension);
  }
  rows_free(rows);
}

Test(extend_pools, the_same_again_and_with_more_threads) {
  struct rows *rows = make(HALF_WRONG, 1.0, 2);
  const struct diva_extend_options options = choose();
  struct diva_extend_columns columns[2];
  struct diva_extend_summary summary[2];
  for (int threads = 1; threads <= 2; threads++) {
    struct diva_extension *extension[2] = {NULL, NULL};
    for (int run = 0; run < 2; run++) {
      struct diva_analysis_options model = choose_model();
      model.threads = run ? threads : 1;
      model.deterministic = true;
      cr_assert_eq(diva_extend(rows->dataset, rows->held, rows->held, &model, &options,
                               &extension[run], NULL),
                   DIVA_OK);
      diva_extension_columns(extension[run], &columns[run]);
      diva_extension_summary(extension[run], &summary[run]);
    }
    cr_expect_arr_eq(columns[0].gain, columns[1].gain, POOL * sizeof(double));
    cr_expect_arr_eq(columns[0].derivative, columns[1].derivative, POOL * sizeof(double));
    cr_expect_arr_eq(columns[0].round, columns[1].round, POOL * sizeof(int64_t));
    cr_expect_arr_eq(columns[0].order, columns[1].order, POOL * sizeof(int64_t));
    cr_assert(summary[0].step_count == summary[1].step_count);
    for (int64_t s = 0; s < summary[0].step_count; s++) {
      const double difference =
          summary[0].steps[s].uniform.heldout.loss - summary[1].steps[s].uniform.heldout.loss;
      cr_expect(difference == 0.0);
    }
    diva_extension_destroy(extension[0]);
    diva_extension_destroy(extension[1]);
  }
  rows_free(rows);
}

Test(extend_pools, verified_by_an_independent_learner) {
  for (int validation = 0; validation < 2; validation++) {
    struct rows *rows = make(RIGHT, 1.0, 21);
    struct diva_extend_options options = choose();
    struct diva_extend_summary summary;
    struct diva_verify_options how;
    struct diva_verification verification;
    struct diva_error error = {0};
    options.picks = 0;
    diva_verify_options_init(&how);
    how.threads = 1;
    struct diva_extension *extension = extend(rows, &options);
    diva_extension_summary(extension, &summary);
    const enum diva_status status = diva_extend_verify(
        rows->dataset, validation ? rows->held : NULL, extension, &how, &verification, &error);
    cr_assert(status == DIVA_OK, "%s", error.message);
    cr_expect(verification.training_rows_before == CORE);
    cr_expect(verification.training_rows_after == CORE + summary.selected_rows);
    cr_expect(verification.test == (validation ? DIVA_VERIFY_VALIDATION : DIVA_VERIFY_TRUSTED));
    cr_expect(verification.test_rows == (validation ? HELD : CORE));
    cr_expect(verification.error_after < verification.error_before);
    diva_extension_destroy(extension);
    rows_free(rows);
  }
}

static bool stop_at_once(void *context, const char *phase, int64_t done, int64_t total) {
  (void)context, (void)phase, (void)done, (void)total;
  return true;
}

struct refusal {
  struct diva_extend_options options;
  const char *message;
};

Test(extend_pools, refused) {
  struct rows *rows = make(RIGHT, 1.0, 1);
  struct diva_extension *extension = NULL;
  struct diva_error error = {0};
  struct refusal refusals[] = {
      {choose(), "the core has 0 rows; it must have at least 1 and leave some of the 900 for the "
                 "pool"},
      {choose(), "the core has 900 rows; it must have at least 1 and leave some of the 900 for the "
                 "pool"},
      {choose(), "rows a round (-1), budget (0), rounds (0) and picks (3) must not be negative"},
      {choose(), "plausibility is 1.5; it must lie in [0, 1]"},
      {choose(), "plausibility is nan; it must lie in [0, 1]"},
      {choose(), "filling up needs a budget"},
  };
  struct diva_analysis_options model = choose_model();
  refusals[0].options.core_rows = 0;
  refusals[1].options.core_rows = ROWS;
  refusals[2].options.round_rows = -1;
  refusals[3].options.plausibility = 1.5;
  refusals[4].options.plausibility = (double)NAN;
  refusals[5].options.fill = true;
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    cr_expect_eq(
        diva_extend(rows->dataset, NULL, NULL, &model, &refusals[i].options, &extension, &error),
        DIVA_ERROR_USAGE);
    cr_expect_str_eq(error.message, refusals[i].message);
    cr_expect_null(extension);
  }
  const struct diva_extend_options options = choose();
  model.progress.report = stop_at_once;
  cr_expect_eq(diva_extend(rows->dataset, NULL, NULL, &model, &options, &extension, &error),
               DIVA_ERROR_CANCELLED);
  cr_expect_null(extension);
  rows_free(rows);
}

/* Two rows of one class are no core, however many classes there are in the pool. */
Test(extend_pools, a_core_of_one_class) {
  struct rows *rows = make(RIGHT, 1.0, 1);
  struct diva_extension *extension = NULL;
  struct diva_error error = {0};
  struct diva_analysis_options model = choose_model();
  struct diva_extend_options options = choose();
  model.scale = DIVA_SCALE_STANDARDIZE;
  for (int64_t i = 0; i < CORE; i++) {
    rows->labels[i] = 2;
  }
  diva_dataset_close(rows->dataset);
  rows->dataset = open_rows(rows, 0, ROWS, NULL);
  cr_expect_eq(diva_extend(rows->dataset, NULL, NULL, &model, &options, &extension, &error),
               DIVA_ERROR_INPUT);
  cr_expect_str_eq(error.message,
                   "the rows with positive weight are all of class 2; two are needed");
  rows_free(rows);
}
