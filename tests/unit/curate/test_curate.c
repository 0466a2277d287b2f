/* Decisions on rows: order and pruning, against naive restatements of the contract. */
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/curate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Blobs of classes with planted wrong labels, a pool row and an unlabelled row. */
enum { ROWS = 600, COLUMNS = 6, CLASSES = 3, POOL = 50, UNLABELLED = 77 };

struct fixture {
  double features[ROWS * COLUMNS];
  int32_t labels[ROWS];
  double weights[ROWS];
  uint8_t wrong[ROWS];
  struct diva_dataset *dataset;
  struct diva_analysis *analysis;
  struct diva_columns columns;
};

static void make_rows(struct fixture *fixture, int every) {
  struct reference_random random = {12345};
  for (int64_t i = 0; i < ROWS; i++) {
    const int32_t class_index = (int32_t)reference_below(&random, CLASSES);
    for (int64_t j = 0; j < COLUMNS; j++) {
      fixture->features[i * COLUMNS + j] =
          (j % CLASSES == class_index ? 3.0 : 0.0) + reference_normal(&random);
    }
    fixture->wrong[i] = every > 0 && i % every == 3;
    fixture->labels[i] = fixture->wrong[i] ? (class_index + 1) % CLASSES : class_index;
    fixture->weights[i] = 1.0;
  }
  fixture->weights[POOL] = 0.0;
  fixture->labels[UNLABELLED] = -1;
  fixture->wrong[POOL] = fixture->wrong[UNLABELLED] = 0;
}

/* Every `every`-th label is wrong; 0: none. */
static struct fixture *open_fixture(int every) {
  struct fixture *fixture = reference_allocate(1, sizeof *fixture);
  struct diva_dataset_arrays arrays;
  struct diva_analysis_options options;
  struct diva_error error;
  make_rows(fixture, every);
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = COLUMNS;
  arrays.outputs = CLASSES;
  arrays.feature_type = DIVA_FLOAT64;
  arrays.features = fixture->features;
  arrays.labels = fixture->labels;
  arrays.weights = fixture->weights;
  diva_analysis_options_init(&options);
  options.threads = 1;
  enum diva_status status = diva_dataset_from_arrays(&arrays, &fixture->dataset, &error);
  if (status == DIVA_OK) {
    status = diva_analysis_run(fixture->dataset, NULL, &options, &fixture->analysis, &error);
  }
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_analysis_columns(fixture->analysis, &fixture->columns);
  return fixture;
}

static void close_fixture(struct fixture *fixture) {
  diva_analysis_destroy(fixture->analysis);
  diva_dataset_close(fixture->dataset);
  free(fixture);
}

Test(curate, order_puts_ties_by_row_and_nan_last) {
  static const double keys[] = {2.0, (double)NAN,       -0.0,        0.0, (double)INFINITY,
                                2.0, -(double)INFINITY, (double)NAN, 2.0, 1e-310};
  static const int64_t descending[] = {4, 0, 5, 8, 9, 2, 3, 6, 1, 7};
  static const int64_t ascending[] = {6, 2, 3, 9, 0, 5, 8, 4, 1, 7};
  int64_t order[10];
  cr_assert(diva_order_rows(keys, 10, true, order, NULL) == DIVA_OK);
  cr_expect(memcmp(order, descending, sizeof order) == 0);
  cr_assert(diva_order_rows(keys, 10, false, order, NULL) == DIVA_OK);
  cr_expect(memcmp(order, ascending, sizeof order) == 0);
  cr_expect(diva_order_rows(keys, 0, true, order, NULL) == DIVA_OK);
}

/* What holds of every decision, whatever was decided. */
static void expect_consistent(const struct fixture *fixture,
                              const struct diva_decision_columns *decided) {
  int64_t kept = 0;
  int64_t had[CLASSES] = {0};
  int64_t has[CLASSES] = {0};
  for (int64_t i = 0; i < ROWS; i++) {
    const bool trained = fixture->columns.weight[i] > 0.0;
    cr_expect(trained || decided->keep[i], "a row that is not trained on is dropped");
    if (decided->keep[i]) {
      cr_expect(kept < decided->kept_rows && decided->kept[kept] == i, "kept rows do not ascend");
      kept++;
    }
    if (trained) {
      had[fixture->labels[i]]++;
      has[fixture->labels[i]] += decided->keep[i];
    }
  }
  int64_t emptied = 0;
  for (int c = 0; c < CLASSES; c++) {
    emptied += had[c] > 0 && has[c] == 0;
  }
  cr_expect(decided->rows == ROWS && decided->kept_rows == kept);
  cr_expect(decided->dropped_rows == ROWS - kept);
  cr_expect(decided->classes_emptied == emptied);
}

static struct diva_decision *prune(const struct fixture *fixture, double threshold, int64_t count,
                                   double fraction, struct diva_decision_columns *decided) {
  struct diva_prune_options options;
  struct diva_decision *decision = NULL;
  struct diva_error error;
  diva_prune_options_init(&options);
  options.threshold = threshold;
  options.count = count;
  options.fraction = fraction;
  const enum diva_status status =
      diva_prune(fixture->dataset, fixture->analysis, &options, &decision, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_decision_columns(decision, decided);
  expect_consistent(fixture, decided);
  cr_expect(!decided->is_label_issue && !decided->issue_probability && !decided->action);
  return decision;
}

/* No kept training row has a larger derivative than a dropped one; the count is exact. */
static void expect_largest_dropped(const struct fixture *fixture,
                                   const struct diva_decision_columns *decided, int64_t count) {
  double least_dropped = (double)INFINITY;
  double largest_kept = -(double)INFINITY;
  for (int64_t i = 0; i < ROWS; i++) {
    if (fixture->columns.weight[i] > 0.0) {
      const double value = fixture->columns.derivative[i];
      least_dropped = decided->keep[i] ? least_dropped : fmin(least_dropped, value);
      largest_kept = decided->keep[i] ? fmax(largest_kept, value) : largest_kept;
    }
  }
  cr_expect(decided->dropped_rows == count, "%lld rows are dropped, not %lld",
            (long long)decided->dropped_rows, (long long)count);
  cr_expect(least_dropped >= largest_kept);
}

Test(curate, prune_by_each_rule) {
  struct fixture *fixture = open_fixture(10);
  const int64_t training = ROWS - 2;
  struct diva_decision_columns decided;
  const double thresholds[] = {0.0, fixture->columns.derivative[9], 1e9};
  for (int t = 0; t < 3; t++) {
    struct diva_decision *decision = prune(fixture, thresholds[t], 3, 0.5, &decided);
    for (int64_t i = 0; i < ROWS; i++) {
      const bool dropped =
          fixture->columns.weight[i] > 0.0 && fixture->columns.derivative[i] > thresholds[t];
      cr_expect(decided.keep[i] == !dropped, "threshold %g, row %lld", thresholds[t], (long long)i);
    }
    diva_decision_destroy(decision);
  }
  static const int64_t counts[] = {0, 1, 37, ROWS - 3};
  for (int c = 0; c < 4; c++) {
    struct diva_decision *decision = prune(fixture, (double)NAN, counts[c], 0.5, &decided);
    expect_largest_dropped(fixture, &decided, counts[c]);
    diva_decision_destroy(decision);
  }
  static const double fractions[] = {0.0, 0.1, 0.5};
  for (int f = 0; f < 3; f++) {
    struct diva_decision *decision = prune(fixture, (double)NAN, -1, fractions[f], &decided);
    expect_largest_dropped(fixture, &decided, llround(fractions[f] * (double)training));
    diva_decision_destroy(decision);
  }
  /* However large the share below one, something is left to train on. */
  diva_decision_destroy(prune(fixture, (double)NAN, -1, 0.99999, &decided));
  cr_expect(decided.kept_rows >= 3);
  close_fixture(fixture);
}

Test(curate, prune_refuses) {
  struct fixture *fixture = open_fixture(10);
  static const struct {
    int64_t count;
    double fraction;
  } bad[] = {{ROWS - 2, 0.1}, {INT64_MAX, 0.1}, {-1, 1.0}, {-1, -0.1}, {-1, (double)NAN}};
  for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
    struct diva_prune_options options;
    struct diva_decision *decision = NULL;
    struct diva_error error = {0};
    diva_prune_options_init(&options);
    options.count = bad[b].count;
    options.fraction = bad[b].fraction;
    cr_expect(diva_prune(fixture->dataset, fixture->analysis, &options, &decision, &error) ==
              DIVA_ERROR_USAGE);
    cr_expect(!decision && error.message[0]);
  }
  struct diva_prune_options all;
  struct diva_decision *none = NULL;
  struct diva_error error = {0};
  diva_prune_options_init(&all);
  all.threshold = -1e9;
  cr_expect(diva_prune(fixture->dataset, fixture->analysis, &all, &none, &error) ==
            DIVA_ERROR_USAGE);
  cr_expect(!none && strstr(error.message, "threshold -1e+09 would drop 598 of 598"), "%s",
            error.message);
  struct diva_prune_options newer;
  struct diva_decision *decision = NULL;
  diva_prune_options_init(&newer);
  newer.version = 1000;
  cr_expect(diva_prune(fixture->dataset, fixture->analysis, &newer, &decision, NULL) ==
            DIVA_ERROR_USAGE);
  close_fixture(fixture);
}

/* Targets have no labels, and rows to be dropped all the same. */
Test(curate, prune_targets) {
  enum { COUNT = 30 };
  double features[COUNT * 2];
  double targets[COUNT];
  struct reference_random random = {9};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_analysis *analysis = NULL;
  struct diva_decision *decision = NULL;
  struct diva_analysis_options options;
  struct diva_prune_options prune_options;
  struct diva_decision_columns decided;
  struct diva_noise_summary noise;
  for (int i = 0; i < COUNT; i++) {
    features[2 * i] = reference_normal(&random);
    features[2 * i + 1] = reference_normal(&random);
    targets[i] = features[2 * i] + 0.1 * reference_normal(&random);
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = COUNT;
  arrays.columns = 2;
  arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT64;
  arrays.features = features;
  arrays.targets = targets;
  diva_analysis_options_init(&options);
  options.threads = 1;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  cr_assert(diva_analysis_run(dataset, NULL, &options, &analysis, NULL) == DIVA_OK);
  diva_prune_options_init(&prune_options);
  prune_options.count = 4;
  cr_assert(diva_prune(dataset, analysis, &prune_options, &decision, NULL) == DIVA_OK);
  diva_decision_columns(decision, &decided);
  cr_expect(decided.dropped_rows == 4 && decided.kept_rows == COUNT - 4);
  cr_expect(decided.classes_emptied == 0);
  diva_decision_noise(decision, &noise);
  cr_expect(isnan(noise.rate) && noise.flagged == 0 && !noise.transition);
  diva_decision_destroy(decision);
  diva_analysis_destroy(analysis);
  diva_dataset_close(dataset);
  diva_decision_destroy(NULL);
  cr_expect(strcmp(diva_action_names()[DIVA_ACTION_REVIEW], "review") == 0);
}
