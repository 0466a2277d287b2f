/* Importances for a target distribution: each description, what they add up to, and refusals. */
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/target.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 3, COLUMNS = 6 };

/* Rows of blobs, one a class, moved along the last column. */
struct rows {
  int64_t count;
  float *features;
  int32_t *labels;
  struct diva_dataset *dataset;
};

/* What is drawn: how frequent each class is, and how far rows lie along the last column. */
struct recipe {
  int64_t count;
  double proportions[CLASSES];
  double mean;
  uint64_t seed;
  bool unlabelled;
};

static int32_t draw_class(struct reference_random *random, const double *proportions) {
  double left = 0.5 * (reference_uniform(random) + 1.0);
  int32_t c = 0;
  for (; c < CLASSES - 1 && left >= proportions[c]; c++) {
    left -= proportions[c];
  }
  return c;
}

static void make_rows(const struct recipe *recipe, struct rows *out) {
  static const char *const names[CLASSES] = {"ant", "bee", "cat"};
  struct reference_random random = {recipe->seed};
  struct diva_dataset_arrays arrays;
  struct diva_error error = {0};
  out->count = recipe->count;
  out->features = reference_allocate(recipe->count * COLUMNS, sizeof *out->features);
  out->labels = reference_allocate(recipe->count, sizeof *out->labels);
  for (int64_t i = 0; i < recipe->count; i++) {
    out->labels[i] = draw_class(&random, recipe->proportions);
    for (int64_t j = 0; j < COLUMNS; j++) {
      const double centre = j == out->labels[i] ? 2.0 : 0.0;
      out->features[i * COLUMNS + j] =
          (float)(centre + (j == COLUMNS - 1 ? recipe->mean : 0.0) + reference_normal(&random));
    }
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = recipe->count;
  arrays.columns = COLUMNS;
  arrays.outputs = CLASSES;
  arrays.features = out->features;
  arrays.labels = recipe->unlabelled ? NULL : out->labels;
  arrays.unlabelled = recipe->unlabelled;
  arrays.class_names = names;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &out->dataset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
}

static void free_rows(struct rows *rows) {
  diva_dataset_close(rows->dataset);
  free(rows->features);
  free(rows->labels);
}

static struct diva_analysis_options run_options(int threads) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.scale = DIVA_SCALE_STANDARDIZE;
  options.threads = threads;
  return options;
}

static struct diva_target *find(struct diva_dataset *train,
                                const struct diva_analysis_options *options,
                                const struct diva_target_options *wanted,
                                struct diva_target_summary *summary) {
  struct diva_target *target = NULL;
  struct diva_error error = {0};
  const enum diva_status status = diva_target_find(train, options, wanted, &target, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_target_summary(target, summary);
  return target;
}

/* What holds of every answer: mean 1 over the rows trained on, 0 elsewhere, and the rows they are
 * worth. */
static void expect_importances(const struct diva_target_summary *summary, const int32_t *labels,
                               const double *weights) {
  double sum = 0.0;
  double squares = 0.0;
  int64_t trained = 0;
  for (int64_t i = 0; i < summary->rows; i++) {
    const bool in = labels[i] >= 0 && (!weights || weights[i] > 0.0);
    cr_expect(summary->importance[i] >= 0.0 && (in || summary->importance[i] == 0.0));
    trained += in;
    sum += summary->importance[i];
    squares += summary->importance[i] * summary->importance[i];
  }
  cr_expect(trained == summary->training_rows);
  cr_expect(fabs(sum / (double)trained - 1.0) < 1e-9, "mean %g", sum / (double)trained);
  cr_expect(fabs(summary->effective_rows / (sum * sum / squares) - 1.0) < 1e-9);
}

/* The share of each class among the rows, counted by their importances. */
static void weighted_shares(const struct diva_target_summary *summary, const int32_t *codes,
                            double out[CLASSES]) {
  double sum = 0.0;
  memset(out, 0, CLASSES * sizeof *out);
  for (int64_t i = 0; i < summary->rows; i++) {
    sum += summary->importance[i];
    if (codes[i] >= 0) {
      out[codes[i]] += summary->importance[i];
    }
  }
  for (int c = 0; c < CLASSES; c++) {
    out[c] /= sum;
  }
}

static const struct recipe training = {.count = 1500, .proportions = {0.6, 0.3, 0.1}, .seed = 3};

Test(target, follows_given_proportions) {
  const double wanted[CLASSES] = {0.2, 0.0, 0.8};
  const struct diva_analysis_options plain = run_options(1);
  struct rows rows;
  make_rows(&training, &rows);
  double *weights = reference_allocate(rows.count, sizeof *weights);
  int32_t *groups = reference_allocate(rows.count, sizeof *groups);
  for (int64_t i = 0; i < rows.count; i++) {
    weights[i] = (double)(i % 4);
    groups[i] = i % 7 == 0 ? -1 : (int32_t)(i % 3);
  }
  struct diva_analysis_options weighed = plain;
  weighed.weights = weights;
  for (int kind = 0; kind < 4; kind++) {
    struct diva_target_options options;
    struct diva_target_summary summary;
    double shares[CLASSES];
    const bool by_group = kind >= 2;
    const bool by_weight = kind % 2 == 1;
    diva_target_options_init(&options);
    options.class_proportions = by_group ? NULL : wanted;
    options.group_proportions = by_group ? wanted : NULL;
    options.group_count = CLASSES;
    options.groups = groups;
    struct diva_target *target =
        find(rows.dataset, by_weight ? &weighed : &plain, &options, &summary);
    expect_importances(&summary, rows.labels, by_weight ? weights : NULL);
    weighted_shares(&summary, by_group ? groups : rows.labels, shares);
    for (int c = 0; c < CLASSES; c++) {
      cr_expect(fabs(shares[c] - wanted[c]) < 1e-9, "kind %d, class %d: %g", kind, c, shares[c]);
      cr_expect(by_group || summary.proportions[c] == wanted[c]);
    }
    for (int64_t i = 0; i < rows.count && by_group; i++) {
      cr_expect(groups[i] >= 0 || summary.importance[i] == 0.0);
    }
    cr_expect(by_group == !summary.proportions && summary.kept == 1.0);
    cr_expect(isnan(summary.sigma) && isnan(summary.label_criterion));
    diva_target_destroy(target);
  }
  free(weights);
  free(groups);
  free_rows(&rows);
}

/* Counts, shrunk by their own variance towards the nearer reference, and half a row for a class
 * that the few rows happen not to have. */
Test(target, counts_labelled_rows) {
  const struct recipe few = {.count = 60, .proportions = {0.05, 0.95, 0.0}, .seed = 9};
  const struct diva_analysis_options plain = run_options(1);
  struct diva_target_options options;
  struct diva_target_summary summary;
  struct rows rows, labelled;
  double want[CLASSES] = {0}, shares[CLASSES];
  double variance = 0.0;
  double distance = 0.0;
  make_rows(&training, &rows);
  make_rows(&few, &labelled);
  for (int64_t i = 0; i < labelled.count; i++) {
    want[labelled.labels[i]] += 1.0 / 60.0;
  }
  cr_assert(want[2] == 0.0 && want[0] > 0.0);
  diva_target_options_init(&options);
  options.labelled = labelled.dataset;
  struct diva_target *target = find(rows.dataset, &plain, &options, &summary);
  expect_importances(&summary, rows.labels, NULL);
  for (int c = 0; c < CLASSES; c++) {
    const double error = sqrt(want[c] * (1.0 - want[c]) / 60.0);
    variance += error * error;
    distance += (want[c] - 1.0 / 3.0) * (want[c] - 1.0 / 3.0);
    cr_expect(fabs(summary.standard_errors[c] - error) < 1e-12);
  }
  const double kept = 1.0 - variance / distance;
  cr_expect(fabs(summary.kept - kept) < 1e-12, "kept %g, not %g", summary.kept, kept);
  double sum = 0.0;
  for (int c = 0; c < CLASSES; c++) {
    want[c] = fmax(1.0 / 3.0 + kept * (want[c] - 1.0 / 3.0), 0.5 / 60.0);
    sum += want[c];
  }
  weighted_shares(&summary, rows.labels, shares);
  for (int c = 0; c < CLASSES; c++) {
    cr_expect(fabs(shares[c] - want[c] / sum) < 1e-9, "class %d: %g, not %g", c, shares[c],
              want[c] / sum);
  }
  cr_expect(summary.method == DIVA_TARGET_CLASS_COUNTS && summary.target_rows == 60);
  diva_target_destroy(target);
  free_rows(&rows);
  free_rows(&labelled);
}

/* Rows without labels of other class frequencies: seen as that, and the frequencies are found. */
Test(target, sees_label_shift) {
  const struct recipe moved = {
      .count = 1200, .proportions = {0.1, 0.2, 0.7}, .seed = 5, .unlabelled = true};
  struct rows rows, other;
  make_rows(&training, &rows);
  make_rows(&moved, &other);
  double first[CLASSES] = {0};
  for (int threads = 1; threads <= 2; threads++) {
    const struct diva_analysis_options plain = run_options(threads);
    struct diva_target_options options;
    struct diva_target_summary summary;
    diva_target_options_init(&options);
    options.unlabelled = other.dataset;
    struct diva_target *target = find(rows.dataset, &plain, &options, &summary);
    expect_importances(&summary, rows.labels, NULL);
    cr_expect(summary.method == DIVA_TARGET_LABEL_SHIFT);
    cr_expect(summary.label_criterion < summary.covariate_criterion);
    printf("label shift: criteria %.3f, covariate %.3f; effective rows %.0f\n",
           summary.label_criterion, summary.covariate_criterion, summary.effective_rows);
    for (int c = 0; c < CLASSES; c++) {
      cr_expect(fabs(summary.proportions[c] - moved.proportions[c]) <
                    4.0 * summary.standard_errors[c] + 0.01,
                "class %d: %g", c, summary.proportions[c]);
      cr_expect(threads == 1 || fabs(summary.proportions[c] - first[c]) < 1e-6);
      first[c] = summary.proportions[c];
    }
    diva_target_destroy(target);
  }
  free_rows(&rows);
  free_rows(&other);
}

/* Rows that moved along a column that tells nothing of classes: the ratio is known. */
Test(target, sees_covariate_shift) {
  const double mean = 0.7;
  const struct recipe moved = {
      .count = 1200, .proportions = {0.6, 0.3, 0.1}, .mean = mean, .seed = 6, .unlabelled = true};
  const struct diva_analysis_options plain = run_options(2);
  struct diva_target_options options;
  struct diva_target_summary summary, again;
  struct rows rows, other;
  make_rows(&training, &rows);
  make_rows(&moved, &other);
  double *want = reference_allocate(rows.count, sizeof *want);
  diva_target_options_init(&options);
  options.unlabelled = other.dataset;
  struct diva_target *target = find(rows.dataset, &plain, &options, &summary);
  struct diva_target *second = find(rows.dataset, &plain, &options, &again);
  expect_importances(&summary, rows.labels, NULL);
  cr_expect(summary.method == DIVA_TARGET_COVARIATE_SHIFT);
  cr_expect(summary.covariate_criterion + summary.criterion_error < summary.label_criterion);
  cr_expect(!summary.proportions && isnan(summary.kept));
  cr_expect(summary.sigma > 0.0 && summary.ridge > 0.0 && summary.components == COLUMNS);
  cr_expect(memcmp(summary.importance, again.importance,
                   (size_t)rows.count * sizeof *summary.importance) == 0);
  for (int64_t i = 0; i < rows.count; i++) {
    want[i] = exp(mean * (double)rows.features[i * COLUMNS + COLUMNS - 1] - 0.5 * mean * mean);
  }
  const double correlation = reference_rank_correlation(summary.importance, want, rows.count);
  printf("covariate shift: criteria %.3f, label %.3f; correlation with the ratio %.3f\n",
         summary.covariate_criterion, summary.label_criterion, correlation);
  cr_expect(correlation > 0.8, "rank correlation with the ratio %g", correlation);
  diva_target_destroy(target);
  diva_target_destroy(second);
  free(want);
  free_rows(&rows);
  free_rows(&other);
}

/* Wide rows with long tails, all of one distribution: components that knew the one sample better
 * than the other would see a shift. */
Test(target, sees_no_shift_where_there_is_none) {
  enum { N = 700, M = 400, WIDE = 150 };
  const struct diva_analysis_options plain = run_options(2);
  struct reference_random random = {31};
  struct diva_target_options options;
  struct diva_target_summary summary;
  struct diva_dataset_arrays arrays;
  struct diva_dataset *sets[2];
  struct diva_error error = {0};
  int32_t labels[N];
  float *features = reference_allocate((int64_t)(N + M) * WIDE, sizeof *features);
  for (int64_t i = 0; i < (int64_t)(N + M) * WIDE; i++) {
    const double value = reference_normal(&random);
    features[i] = (float)(value * value * value);
  }
  for (int64_t i = 0; i < N; i++) {
    labels[i] = (int32_t)(i % CLASSES);
  }
  for (int s = 0; s < 2; s++) {
    diva_dataset_arrays_init(&arrays);
    arrays.rows = s ? M : N;
    arrays.columns = WIDE;
    arrays.features = features + (int64_t)(s ? N : 0) * WIDE;
    arrays.labels = s ? NULL : labels;
    arrays.unlabelled = s;
    cr_assert(diva_dataset_from_arrays(&arrays, &sets[s], &error) == DIVA_OK, "%s", error.message);
  }
  diva_target_options_init(&options);
  options.unlabelled = sets[1];
  options.shift = DIVA_SHIFT_COVARIATE;
  struct diva_target *target = find(sets[0], &plain, &options, &summary);
  printf("no shift: criterion %.3f, effective rows %.0f of %d\n", summary.covariate_criterion,
         summary.effective_rows, N);
  cr_expect(summary.effective_rows > 0.95 * N);
  cr_expect(fabs(summary.covariate_criterion + 0.5) < 0.03);
  diva_target_destroy(target);
  diva_dataset_close(sets[0]);
  diva_dataset_close(sets[1]);
  free(features);
}

/* Rows of the target in another float type, rows not trained on, and what was asked for by name. */
Test(target, of_another_type_and_by_name) {
  const struct recipe moved = {
      .count = 300, .proportions = {0.2, 0.2, 0.6}, .seed = 5, .unlabelled = true};
  struct diva_analysis_options plain = run_options(1);
  struct rows rows, other;
  struct diva_dataset *wide = NULL;
  struct diva_dataset_arrays arrays;
  struct diva_error error = {0};
  make_rows(&training, &rows);
  make_rows(&moved, &other);
  double *weights = reference_allocate(rows.count, sizeof *weights);
  double *features = reference_allocate(other.count * COLUMNS, sizeof *features);
  for (int64_t i = 0; i < rows.count; i++) {
    weights[i] = i % 5 == 2 ? 0.0 : 1.0 + (double)(i % 2);
  }
  for (int64_t i = 0; i < other.count * COLUMNS; i++) {
    features[i] = (double)other.features[i];
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = other.count;
  arrays.columns = COLUMNS;
  arrays.feature_type = DIVA_FLOAT64;
  arrays.features = features;
  arrays.unlabelled = true;
  cr_assert(diva_dataset_from_arrays(&arrays, &wide, &error) == DIVA_OK, "%s", error.message);
  plain.weights = weights;
  for (int shift = DIVA_SHIFT_LABEL; shift <= DIVA_SHIFT_COVARIATE; shift++) {
    struct diva_target_options options;
    struct diva_target_summary narrow, same;
    diva_target_options_init(&options);
    options.shift = (enum diva_shift)shift;
    options.unlabelled = other.dataset;
    struct diva_target *a = find(rows.dataset, &plain, &options, &narrow);
    options.unlabelled = wide;
    struct diva_target *b = find(rows.dataset, &plain, &options, &same);
    expect_importances(&narrow, rows.labels, weights);
    cr_expect(narrow.method ==
              (shift == DIVA_SHIFT_LABEL ? DIVA_TARGET_LABEL_SHIFT : DIVA_TARGET_COVARIATE_SHIFT));
    cr_expect(
        isnan(shift == DIVA_SHIFT_LABEL ? narrow.covariate_criterion : narrow.label_criterion));
    for (int64_t i = 0; i < rows.count; i++) {
      cr_expect(fabs(narrow.importance[i] - same.importance[i]) < 1e-2, "row %lld: %g, %g",
                (long long)i, narrow.importance[i], same.importance[i]);
    }
    diva_target_destroy(a);
    diva_target_destroy(b);
  }
  diva_dataset_close(wide);
  free(weights);
  free(features);
  free_rows(&rows);
  free_rows(&other);
}

/* A dataset of targets has no classes to shift, but rows that may have moved. */
Test(target, of_targets) {
  const struct recipe moved = {
      .count = 400, .proportions = {0.6, 0.3, 0.1}, .mean = 1.0, .seed = 8, .unlabelled = true};
  const struct diva_analysis_options plain = run_options(1);
  struct diva_target_options options;
  struct diva_target_summary summary;
  struct diva_dataset_arrays arrays;
  struct diva_dataset *regression = NULL;
  struct diva_error error = {0};
  struct rows rows, other;
  make_rows(&training, &rows);
  make_rows(&moved, &other);
  double *answers = reference_allocate(rows.count, sizeof *answers);
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows.count;
  arrays.columns = COLUMNS;
  arrays.outputs = 1;
  arrays.features = rows.features;
  arrays.targets = answers;
  cr_assert(diva_dataset_from_arrays(&arrays, &regression, &error) == DIVA_OK, "%s", error.message);
  diva_target_options_init(&options);
  options.unlabelled = other.dataset;
  struct diva_target *target = find(regression, &plain, &options, &summary);
  expect_importances(&summary, rows.labels, NULL);
  cr_expect(summary.method == DIVA_TARGET_COVARIATE_SHIFT && isnan(summary.label_criterion));
  diva_target_destroy(target);
  options.shift = DIVA_SHIFT_LABEL;
  cr_expect(diva_target_find(regression, &plain, &options, &target, &error) == DIVA_ERROR_USAGE);
  cr_expect(!target && strstr(error.message, "no class labels"), "%s", error.message);
  diva_dataset_close(regression);
  free(answers);
  free_rows(&rows);
  free_rows(&other);
}

static void expect_refusal(struct diva_dataset *train, const struct diva_target_options *options,
                           enum diva_status status, const char *words) {
  const struct diva_analysis_options plain = run_options(1);
  struct diva_target *target = NULL;
  struct diva_error error = {0};
  cr_expect(diva_target_find(train, &plain, options, &target, &error) == status, "%s",
            error.message);
  cr_expect(!target && strstr(error.message, words), "'%s' does not say '%s'", error.message,
            words);
}

Test(target, refusals) {
  const struct recipe lone = {.count = 1, .proportions = {1, 0, 0}, .unlabelled = true, .seed = 1};
  const struct recipe without = {.count = 300, .proportions = {0.5, 0.5, 0.0}, .seed = 2};
  const struct recipe some = {.count = 50, .proportions = {0.1, 0.1, 0.8}, .seed = 2};
  const double short_sum[CLASSES] = {0.2, 0.3, 0.4};
  const double negative[CLASSES] = {-0.2, 0.8, 0.4};
  const double fine[CLASSES] = {0.2, 0.2, 0.6};
  struct diva_target_options options;
  struct rows rows, one, labelled;
  make_rows(&without, &rows);
  make_rows(&lone, &one);
  make_rows(&some, &labelled);
  diva_target_options_init(&options);
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE, "described in 0 ways");
  options.class_proportions = fine;
  options.unlabelled = one.dataset;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE, "described in 2 ways");
  options.unlabelled = NULL;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_INPUT,
                 "class 'cat' makes up 60 % of the target and has no training row");
  options.class_proportions = short_sum;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE,
                 "proportions of the classes add up to 0.9, not 1");
  options.class_proportions = negative;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE, "proportion of class 'ant' is -0.2");
  diva_target_options_init(&options);
  options.labelled = labelled.dataset;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_INPUT, "class 'cat' makes up");
  diva_target_options_init(&options);
  options.unlabelled = one.dataset;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_INPUT, "1 row cannot tell a distribution");
  diva_target_options_init(&options);
  options.group_proportions = fine;
  options.group_count = CLASSES;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE, "without groups");
  options.version = 0;
  expect_refusal(rows.dataset, &options, DIVA_ERROR_USAGE, "version");
  free_rows(&rows);
  free_rows(&one);
  free_rows(&labelled);
}
