/* Verification on planted noise: what helps is found to help, what does not is not. */
#include "host/verify/paired_difference.h"
#include "host/verify/standard_rows.h"
#include "host/verify/trial.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Overlapping blobs; one in WRONG labels is moved to the next class in the training set. */
enum { ROWS = 1500, TEST_ROWS = 1500, COLUMNS = 6, CLASSES = 3, WRONG = 4 };

struct world {
  float features[ROWS * COLUMNS];
  int32_t labels[ROWS];
  int32_t truth[ROWS];
  uint8_t right[ROWS];
  double weights[ROWS]; /* after the change */
  float test_features[TEST_ROWS * COLUMNS];
  int32_t test_labels[TEST_ROWS];
  struct diva_dataset *train;
  struct diva_dataset *test;
};

static int32_t draw_row(struct reference_random *random, float *row) {
  const int32_t label = (int32_t)reference_below(random, CLASSES);
  for (int64_t j = 0; j < COLUMNS; j++) {
    /* far from zero and of unlike widths: nothing that standardising does not mend */
    const double value = reference_normal(random) + (j == label ? 2.0 : 0.0);
    row[j] = (float)(100.0 + (double)(j + 1) * value);
  }
  return label;
}

static struct diva_dataset *open_arrays(const float *features, const int32_t *labels,
                                        int64_t rows) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = COLUMNS;
  arrays.outputs = CLASSES;
  arrays.features = features;
  arrays.labels = labels;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &dataset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return dataset;
}

/* Confusion to the next class alone moves the borders, so that the noise does harm. */
static struct world *open_world(void) {
  struct world *world = reference_allocate(1, sizeof *world);
  struct reference_random random = {99};
  for (int64_t i = 0; i < ROWS; i++) {
    world->truth[i] = draw_row(&random, world->features + i * COLUMNS);
    world->right[i] = world->truth[i] != 0 || reference_below(&random, WRONG) < WRONG / 2;
    world->labels[i] = world->right[i] ? world->truth[i] : 1;
    world->weights[i] = 1.0;
  }
  for (int64_t i = 0; i < TEST_ROWS; i++) {
    world->test_labels[i] = draw_row(&random, world->test_features + i * COLUMNS);
  }
  world->train = open_arrays(world->features, world->labels, ROWS);
  world->test = open_arrays(world->test_features, world->test_labels, TEST_ROWS);
  return world;
}

static void close_world(struct world *world) {
  diva_dataset_close(world->train);
  diva_dataset_close(world->test);
  free(world);
}

static struct diva_verify_options default_options(void) {
  struct diva_verify_options options;
  diva_verify_options_init(&options);
  options.threads = 1;
  return options;
}

static struct diva_verification verify(const struct world *world, bool on_test,
                                       const int32_t *labels,
                                       const struct diva_verify_options *options) {
  const struct diva_changed_rows changed = {.weights = world->weights, .labels = labels};
  struct diva_verification result;
  struct diva_error error;
  const enum diva_status status =
      diva_verify(world->train, on_test ? world->test : NULL, &changed, options, &result, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  cr_expect(result.low <= result.difference && result.difference <= result.high);
  cr_expect(fabs(result.error_after - result.error_before - result.difference) < 1e-12);
  cr_expect(fabs((double)(result.broken - result.mended) / (double)result.test_rows -
                 result.difference) < 1e-12);
  return result;
}

static void drop_wrong(struct world *world) {
  for (int64_t i = 0; i < ROWS; i++) {
    world->weights[i] = world->right[i];
  }
}

Test(verify, dropping_or_mending_wrong_labels_is_better) {
  struct world *world = open_world();
  struct diva_verify_options options = default_options();
  for (int relabel = 0; relabel < 2; relabel++) {
    if (!relabel) {
      drop_wrong(world);
    } else {
      for (int64_t i = 0; i < ROWS; i++) {
        world->weights[i] = 1.0;
      }
    }
    const int32_t *labels = relabel ? world->truth : NULL;
    options.trusted = NULL;
    struct diva_verification result = verify(world, true, labels, &options);
    cr_expect(result.test == DIVA_VERIFY_VALIDATION && result.folds == 0);
    cr_expect(result.test_rows == TEST_ROWS && result.training_rows_before == ROWS);
    cr_expect(relabel ? result.training_rows_after == ROWS : result.training_rows_after < ROWS);
    cr_expect(result.verdict == DIVA_VERDICT_BETTER && result.high < 0.0,
              "on the test set: %g to %g", result.low, result.high);
    options.trusted = world->right;
    result = verify(world, false, labels, &options);
    cr_expect(result.test == DIVA_VERIFY_TRUSTED && result.folds == options.folds);
    cr_expect(result.verdict == DIVA_VERDICT_BETTER && result.high < 0.0,
              "on trusted rows: %g to %g", result.low, result.high);
  }
  close_world(world);
}

Test(verify, dropping_random_rows_is_not_better_and_harm_is_worse) {
  struct world *world = open_world();
  struct diva_verify_options options = default_options();
  struct reference_random random = {5};
  for (int64_t i = 0; i < ROWS; i++) {
    world->weights[i] = reference_below(&random, 5) > 0;
  }
  cr_expect(verify(world, true, NULL, &options).verdict != DIVA_VERDICT_BETTER);
  options.trusted = world->right;
  cr_expect(verify(world, false, NULL, &options).verdict != DIVA_VERDICT_BETTER);
  options.trusted = NULL;
  struct diva_verification result = verify(world, false, NULL, &options);
  cr_expect(result.test == DIVA_VERIFY_GIVEN && result.test_rows == ROWS);
  cr_expect(result.verdict != DIVA_VERDICT_BETTER);

  /* Of class 0 only what is labelled wrong would be left: nearly all right rows go. */
  for (int64_t i = 0; i < ROWS; i++) {
    world->weights[i] = world->labels[i] != 0 || i % 30 == 0;
  }
  result = verify(world, true, NULL, &options);
  cr_expect(result.verdict == DIVA_VERDICT_WORSE && result.low > 0.0, "%g to %g", result.low,
            result.high);

  for (int64_t i = 0; i < ROWS; i++) {
    world->weights[i] = 1.0;
  }
  result = verify(world, true, NULL, &options);
  cr_expect(result.verdict == DIVA_VERDICT_NO_CHANGE && result.mended == 0 && result.broken == 0,
            "nothing was changed, but %lld rows were mended and %lld broken",
            (long long)result.mended, (long long)result.broken);
  close_world(world);
}

/* Threads, a given penalty and a sample of the rows. */
Test(verify, options_do_what_they_say) {
  struct world *world = open_world();
  struct diva_verify_options options = default_options();
  drop_wrong(world);
  options.trusted = world->right;
  const struct diva_verification one = verify(world, false, NULL, &options);
  options.threads = 3;
  const struct diva_verification three = verify(world, false, NULL, &options);
  cr_expect(one.mended == three.mended && one.broken == three.broken &&
            one.error_before == three.error_before && one.penalty == three.penalty);
  options.threads = 1;
  options.penalty = 0.5;
  options.rows = 600;
  const struct diva_verification sampled = verify(world, false, NULL, &options);
  cr_expect(sampled.penalty == 0.5 && sampled.sampled_rows == 600 && one.sampled_rows == 0);
  cr_expect(sampled.test_rows < 600 && sampled.training_rows_before == ROWS);
  options.rows = ROWS;
  options.memory = 100000; /* too little for all rows */
  struct diva_verification tight;
  const struct diva_changed_rows changed = {.weights = world->weights};
  struct diva_error error;
  const enum diva_status status =
      diva_verify(world->train, NULL, &changed, &options, &tight, &error);
  cr_expect(status == DIVA_ERROR_RESOURCE && strstr(error.message, "memory"));
  close_world(world);
}

static bool stop_at_once(void *context, const char *phase, int64_t done, int64_t total) {
  (void)context;
  cr_expect(strncmp(phase, "verification", 12) == 0 && done <= total);
  return strcmp(phase, "verification") == 0;
}

static void expect_refused(struct world *world, const struct diva_verify_options *options,
                           const int32_t *labels, enum diva_status expected, const char *needle) {
  const struct diva_changed_rows changed = {.weights = world->weights, .labels = labels};
  struct diva_verification result;
  struct diva_error error;
  const enum diva_status status =
      diva_verify(world->train, NULL, &changed, options, &result, &error);
  cr_expect(status == expected && error.status == expected, "%d, not %d", (int)status,
            (int)expected);
  cr_expect(strstr(error.message, needle), "'%s' does not say '%s'", error.message, needle);
}

Test(verify, what_cannot_be_verified_is_said) {
  struct world *world = open_world();
  struct diva_verify_options options = default_options();
  uint8_t none[ROWS] = {0};
  int32_t labels[ROWS];
  memcpy(labels, world->labels, sizeof labels);
  options.folds = 1;
  expect_refused(world, &options, NULL, DIVA_ERROR_USAGE, "folds");
  options.folds = ROWS + 1;
  expect_refused(world, &options, NULL, DIVA_ERROR_INPUT, "too few");
  options = default_options();
  options.penalty = -1.0;
  expect_refused(world, &options, NULL, DIVA_ERROR_USAGE, "penalty");
  options = default_options();
  options.version = 7;
  expect_refused(world, &options, NULL, DIVA_ERROR_USAGE, "version");
  options = default_options();
  options.trusted = none;
  expect_refused(world, &options, NULL, DIVA_ERROR_INPUT, "trusted");
  options = default_options();
  labels[3] = CLASSES;
  expect_refused(world, &options, labels, DIVA_ERROR_USAGE, "row 3");
  options.progress.report = stop_at_once;
  expect_refused(world, &options, NULL, DIVA_ERROR_CANCELLED, "interrupted");
  options = default_options();
  world->weights[8] = (double)NAN;
  expect_refused(world, &options, NULL, DIVA_ERROR_USAGE, "row 8");
  world->weights[8] = 1.0;
  world->features[11 * COLUMNS + 2] = (float)INFINITY;
  expect_refused(world, &options, NULL, DIVA_ERROR_INPUT, "row 11, column 2");
  for (int64_t i = 0; i < ROWS; i++) {
    world->weights[i] = world->labels[i] != 2;
  }
  expect_refused(world, &options, NULL, DIVA_ERROR_INPUT, "class 2");
  close_world(world);
}

/* Where there is nothing to learn, rows can be learned by heart and yet not be foretold: as many
 * columns as that takes, and labels by chance. */
Test(verify, no_row_is_tested_by_a_model_that_saw_it) {
  enum { FEW = 120, WIDE = 200 };
  struct reference_random random = {31};
  float *features = reference_allocate((int64_t)FEW * WIDE, sizeof *features);
  int32_t labels[FEW];
  double weights[FEW];
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  for (int64_t at = 0; at < (int64_t)FEW * WIDE; at++) {
    features[at] = (float)reference_normal(&random);
  }
  for (int64_t i = 0; i < FEW; i++) {
    labels[i] = (int32_t)reference_below(&random, 2);
    weights[i] = 1.0;
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = FEW;
  arrays.columns = WIDE;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  const struct diva_changed_rows changed = {.weights = weights};
  struct diva_verify_options options = default_options();
  struct diva_verification result;
  options.penalty = 1e-3;
  cr_assert(diva_verify(dataset, dataset, &changed, &options, &result, NULL) == DIVA_OK);
  cr_expect(result.error_before == 0.0, "the rows are not learned by heart");
  cr_assert(diva_verify(dataset, NULL, &changed, &options, &result, NULL) == DIVA_OK);
  cr_expect(result.error_before > 0.3 && result.error_after > 0.3, "chance is foretold");
  diva_dataset_close(dataset);
  free(features);
}

/* Folds: of equal size and class shares, groups whole, only trusted rows tested. */
Test(verify, folds_are_stratified_and_keep_groups_whole) {
  enum { FOLDS = 4, GROUP = 3 };
  struct world *world = open_world();
  struct diva_verify_options options = default_options();
  int32_t groups[ROWS];
  options.folds = FOLDS;
  options.trusted = world->right;
  for (int grouped = 0; grouped < 2; grouped++) {
    const struct diva_changed_rows changed = {.weights = world->weights};
    const struct diva_trial_plan plan = {.dataset = world->train,
                                         .changed = &changed,
                                         .options = &options,
                                         .by_folds = true,
                                         .most_rows = ROWS};
    struct diva_trial trial;
    int64_t size[FOLDS][CLASSES] = {{0}};
    int64_t class_size[CLASSES] = {0};
    for (int64_t i = 0; i < ROWS; i++) {
      groups[i] = i % 2 ? -1 : (int32_t)(i / (2 * GROUP));
    }
    options.groups = grouped ? groups : NULL;
    cr_assert(diva_trial_create(&plan, &trial, NULL) == DIVA_OK);
    cr_assert(trial.count == ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
      cr_expect(trial.row[i] == i && trial.tested[i] == world->right[i]);
      cr_assert(trial.fold[i] >= 0 && trial.fold[i] < FOLDS);
      size[trial.fold[i]][world->labels[i]]++;
      class_size[world->labels[i]]++;
      const int64_t first = i / (2 * GROUP) * (2 * GROUP);
      cr_expect(!grouped || i % 2 || trial.fold[i] == trial.fold[first], "a group is torn apart");
    }
    for (int c = 0; c < CLASSES; c++) {
      for (int fold = 0; fold < FOLDS && !grouped; fold++) {
        const int64_t more = size[fold][c] * FOLDS - class_size[c];
        cr_expect(more < FOLDS && more > -FOLDS, "class %d is not shared out evenly", c);
      }
    }
    diva_trial_free(&trial);
  }
  close_world(world);
}

Test(verify, interval_at_its_edges) {
  static const struct {
    int mended, broken;
    enum diva_verdict verdict;
  } cases[] = {{0, 0, DIVA_VERDICT_NO_CHANGE}, {5, 0, DIVA_VERDICT_NO_CHANGE},
               {6, 0, DIVA_VERDICT_BETTER},    {0, 5, DIVA_VERDICT_NO_CHANGE},
               {0, 6, DIVA_VERDICT_WORSE},     {60, 45, DIVA_VERDICT_NO_CHANGE},
               {60, 30, DIVA_VERDICT_BETTER},  {200, 200, DIVA_VERDICT_NO_CHANGE}};
  enum { COUNT = 500 };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t before[COUNT] = {0};
    uint8_t after[COUNT] = {0};
    struct diva_verification result = {0};
    before[COUNT - 1] = after[COUNT - 1] = 1;
    memset(before, 1, (size_t)cases[i].mended);
    memset(after + cases[i].mended, 1, (size_t)cases[i].broken);
    diva_paired_difference(before, after, NULL, COUNT, &result);
    cr_expect(result.mended == cases[i].mended && result.broken == cases[i].broken);
    cr_expect(fabs(result.error_before - (cases[i].mended + 1) / 500.0) < 1e-12);
    cr_expect(result.verdict == cases[i].verdict, "%d mended, %d broken: %g to %g", cases[i].mended,
              cases[i].broken, result.low, result.high);
  }
  /* 12 mended and 4 broken of 100 rows: -8 / 102 -+ 1.96 sqrt((18 / 102 - (8 / 102)^2) / 102). */
  uint8_t before[100] = {0};
  uint8_t after[100] = {0};
  struct diva_verification result = {0};
  memset(before, 1, 12);
  memset(after + 12, 1, 4);
  diva_paired_difference(before, after, NULL, 100, &result);
  cr_expect(fabs(result.low - -0.1585217) < 1e-6 && fabs(result.high - 0.0016589) < 1e-6,
            "%.7f to %.7f", result.low, result.high);
  /* Rows that count alike count as they do without counts, and those that count nothing not at
   * all. */
  double counts[100];
  struct diva_verification same = {0};
  for (int i = 0; i < 100; i++) {
    counts[i] = i < 50 ? 0.25 : 0.0;
  }
  diva_paired_difference(before, after, NULL, 50, &result);
  diva_paired_difference(before, after, counts, 100, &same);
  cr_expect(fabs(same.low - result.low) < 1e-12 && fabs(same.high - result.high) < 1e-12);
  cr_expect(fabs(same.error_before - 0.24) < 1e-12 && fabs(same.error_after - 0.08) < 1e-12);
  /* One row that counts as much as the other 49: worth 2^2 / (1 + 1 / 49) = 3.92 rows. */
  for (int i = 0; i < 50; i++) {
    counts[i] = i ? 1.0 / 49.0 : 1.0;
  }
  diva_paired_difference(before, after, counts, 50, &same);
  const double p = (3.92 * (4.0 / 49.0) / 2.0 + 1.0) / 5.92;
  const double q = (3.92 * (1.0 + 11.0 / 49.0) / 2.0 + 1.0) / 5.92;
  const double reach = 1.959963984540054 * sqrt((p + q - (p - q) * (p - q)) / 5.92);
  cr_expect(fabs(same.error_before - (1.0 + 11.0 / 49.0) / 2.0) < 1e-12);
  cr_expect(fabs(same.low - fmax(p - q - reach, -1.0)) < 1e-12);
  cr_expect(fabs(same.high - fmin(p - q + reach, 1.0)) < 1e-12);
  cr_expect(same.mended == 12 && same.broken == 4);
}

/* Each stored type gives the same standardised values; a constant column is zero. */
Test(verify, rows_of_every_type_are_standardised) {
  enum { COUNT = 40, WIDTH = 3 };
  struct reference_random random = {17};
  double value[COUNT * WIDTH];
  uint16_t half[COUNT * WIDTH];
  uint16_t brain[COUNT * WIDTH];
  float single[COUNT * WIDTH];
  int32_t labels[COUNT];
  const void *const stored[] = {half, brain, single, value};
  uint8_t sets_scale[COUNT];
  int64_t index[COUNT];
  for (int64_t at = 0; at < COUNT * WIDTH; at++) {
    /* exact in every type; halves of the last column are subnormal or not */
    const double unit = at % WIDTH == 2 ? 0x1p-19 : 0x1p-4;
    value[at] = at % WIDTH == 1 ? -1.5 : (double)(reference_below(&random, 127) - 63) * unit;
    half[at] = reference_half_bits(value[at]);
    brain[at] = reference_bfloat_bits(value[at]);
    single[at] = (float)value[at];
  }
  for (int64_t i = 0; i < COUNT; i++) {
    labels[i] = (int32_t)(i % 2);
    sets_scale[i] = i % 4 != 0;
    index[i] = i;
  }
  for (int type = 0; type < 4; type++) {
    struct diva_dataset_arrays arrays;
    struct diva_dataset *dataset = NULL;
    struct diva_standard_rows rows;
    float again[COUNT * WIDTH];
    diva_dataset_arrays_init(&arrays);
    arrays.rows = COUNT;
    arrays.columns = WIDTH;
    arrays.feature_type = (enum diva_dtype)type;
    arrays.features = stored[type];
    arrays.labels = labels;
    cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
    cr_assert(diva_standard_rows_load(dataset, index, sets_scale, COUNT, NULL, &rows, NULL) ==
              DIVA_OK);
    for (int64_t j = 0; j < WIDTH; j++) {
      double mean = 0.0;
      double square = 0.0;
      int count = 0;
      for (int64_t i = 0; i < COUNT; i++) {
        mean += sets_scale[i] ? value[i * WIDTH + j] : 0.0;
        square += sets_scale[i] ? value[i * WIDTH + j] * value[i * WIDTH + j] : 0.0;
        count += sets_scale[i];
      }
      mean /= count;
      const double deviation = sqrt(fmax(square / count - mean * mean, 0.0));
      for (int64_t i = 0; i < COUNT; i++) {
        const double expected = j == 1 ? 0.0 : (value[i * WIDTH + j] - mean) / deviation;
        cr_expect(fabs((double)rows.values[i * WIDTH + j] - expected) < 1e-5);
      }
    }
    cr_assert(diva_standard_rows_convert(&rows, (enum diva_dtype)type, stored[type], 0, COUNT,
                                         again, NULL) == DIVA_OK);
    cr_expect(memcmp(again, rows.values, sizeof again) == 0);
    diva_standard_rows_free(&rows);
    diva_dataset_close(dataset);
  }
}
