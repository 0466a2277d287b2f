/* Sums of a state against sums by the book, and analyses that start from them. */
#include "version.h"

#include "host/state/row_hash.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enum diva_scale SCALES[] = {DIVA_SCALE_NONE, DIVA_SCALE_STANDARDIZE, DIVA_SCALE_L2};
enum { SCALE_COUNT = 3 };

Test(state, sums_are_those_by_the_book) {
  for (int kind = 0; kind < VERSION_KINDS; kind++) {
    for (int s = 0; s < SCALE_COUNT; s++) {
      for (int narrow = 0; narrow < 2; narrow++) {
        struct version version;
        const struct diva_analysis_options options = version_options(SCALES[s]);
        version_make(&version, (enum version_kind)kind, narrow ? DIVA_FLOAT32 : DIVA_FLOAT64, 0,
                     700);
        struct diva_state *state = version_state(&version, &options);
        const double error = version_error(&version, SCALES[s], state);
        cr_expect_lt(error, 1e-12, "kind %d, scale %d, narrow %d: %g", kind, s, narrow, error);
        diva_state_destroy(state);
        version_free(&version);
      }
    }
  }
}

Test(state, float32_tiles_sum_to_float32_accuracy) {
  struct version version;
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  options.precision = DIVA_PRECISION_FLOAT32;
  version_make(&version, VERSION_LABELS, DIVA_FLOAT32, 0, 900);
  struct diva_state *state = version_state(&version, &options);
  const double error = version_error(&version, DIVA_SCALE_NONE, state);
  cr_expect_lt(error, 1e-6, "%g", error);
  cr_expect_gt(error, 1e-13, "float32 was not used: %g", error);
  diva_state_destroy(state);
  version_free(&version);
}

/* The columns of two runs, relative to each column's largest value. */
static double differ(const struct diva_analysis *a, const struct diva_analysis *b) {
  struct diva_columns mine;
  struct diva_columns its;
  diva_analysis_columns(a, &mine);
  diva_analysis_columns(b, &its);
  const double *left[] = {mine.leverage, mine.loo_loss, mine.derivative};
  const double *right[] = {its.leverage, its.loo_loss, its.derivative};
  double worst = 0.0;
  for (int c = 0; c < 3; c++) {
    double largest = 0.0;
    double error = 0.0;
    for (int64_t i = 0; i < mine.rows; i++) {
      if (isnan(left[c][i]) && isnan(right[c][i])) {
        continue;
      }
      largest = fmax(largest, fabs(right[c][i]));
      error = fmax(error, fabs(left[c][i] - right[c][i]));
    }
    worst = fmax(worst, error / largest);
  }
  return worst;
}

static struct diva_analysis *run(struct diva_dataset *dataset,
                                 const struct diva_analysis_options *options) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error;
  const enum diva_status status = diva_analysis_run(dataset, NULL, options, &analysis, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  return analysis;
}

Test(state, spares_the_first_pass_and_changes_nothing) {
  for (int number = 0; number < VERSION_KINDS * SCALE_COUNT * 4; number++) {
    struct version version;
    struct diva_summary with;
    struct diva_summary without;
    struct diva_analysis_options options = version_options(SCALES[number % SCALE_COUNT]);
    options.intercept = number / SCALE_COUNT % 2;
    options.lambda = number / SCALE_COUNT / 2 % 2 ? 0.3 : 0.0;
    options.sample_rows = 100;
    version_make(&version, (enum version_kind)(number / SCALE_COUNT / 4), DIVA_FLOAT64, 0, 300);
    struct diva_state *state = version_state(&version, &options);
    struct diva_dataset *dataset = version_open(&version);
    struct diva_analysis *plain = run(dataset, &options);
    options.sums = state;
    struct diva_analysis *spared = run(dataset, &options);
    diva_analysis_summary(plain, &without);
    diva_analysis_summary(spared, &with);
    cr_expect_float_eq(with.lambda, without.lambda, 0.0, "%d: %g, %g", number, with.lambda,
                       without.lambda);
    cr_expect_eq(with.constant_columns, without.constant_columns);
    const double error = differ(spared, plain);
    /* Columns far from 0 that are not centred leave fewer digits to any order of summing. */
    const double tolerance = fmax(1e-10, 2e-16 * without.condition);
    cr_expect_lt(error, tolerance, "%d: %g, condition %g", number, error, without.condition);
    diva_analysis_destroy(spared);
    diva_analysis_destroy(plain);
    diva_dataset_close(dataset);
    diva_state_destroy(state);
    version_free(&version);
  }
}

Test(state, sums_of_raw_features_serve_two_scales) {
  struct version version;
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  options.lambda = 0.5;
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 300);
  struct diva_state *state = version_state(&version, &options);
  struct diva_dataset *dataset = version_open(&version);
  options.scale = DIVA_SCALE_STANDARDIZE;
  struct diva_analysis *plain = run(dataset, &options);
  options.sums = state;
  struct diva_analysis *spared = run(dataset, &options);
  cr_expect_lt(differ(spared, plain), 1e-10);
  diva_analysis_destroy(spared);
  diva_analysis_destroy(plain);
  diva_dataset_close(dataset);
  diva_state_destroy(state);
  version_free(&version);
}

static void expect_refused(struct diva_dataset *dataset,
                           const struct diva_analysis_options *options, enum diva_status expected,
                           const char *needle) {
  struct diva_analysis *analysis = NULL;
  struct diva_error error = {0};
  const enum diva_status status = diva_analysis_run(dataset, NULL, options, &analysis, &error);
  cr_expect_eq(status, expected, "%d instead of %d: %s", status, expected, error.message);
  cr_expect_not_null(strstr(error.message, needle), "'%s' lacks '%s'", error.message, needle);
  cr_expect_null(analysis);
}

Test(state, sums_of_something_else_are_refused) {
  struct version version;
  struct version other;
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 300);
  struct diva_state *state = version_state(&version, &options);
  options.sums = state;
  version_copy(&other, &version);
  other.labels[3] = (other.labels[3] + 1) % 3;
  struct diva_dataset *relabelled = version_open(&other);
  expect_refused(relabelled, &options, DIVA_ERROR_USAGE, "other labels or weights");
  diva_dataset_close(relabelled);
  other.labels[3] = version.labels[3];
  other.weights[3] = 0.25;
  struct diva_dataset *weighted = version_open(&other);
  expect_refused(weighted, &options, DIVA_ERROR_USAGE, "other rows or weights");
  diva_dataset_close(weighted);
  version_remove(&other, 3);
  struct diva_dataset *shorter = version_open(&other);
  expect_refused(shorter, &options, DIVA_ERROR_USAGE, "another dataset");
  diva_dataset_close(shorter);
  struct diva_dataset *same = version_open(&version);
  options.scale = DIVA_SCALE_L2;
  expect_refused(same, &options, DIVA_ERROR_USAGE, "do not serve scale l2");
  options.scale = DIVA_SCALE_NONE;
  options.solver = DIVA_SOLVER_DUAL;
  expect_refused(same, &options, DIVA_ERROR_USAGE, "primal solver of the linear kernel");
  options.solver = DIVA_SOLVER_PRIMAL;
  options.kernel = DIVA_KERNEL_RBF;
  expect_refused(same, &options, DIVA_ERROR_USAGE, "primal solver of the linear kernel");
  diva_dataset_close(same);
  diva_state_destroy(state);
  version_free(&other);
  version_free(&version);
}

Test(state, nan_is_found_by_state_and_by_the_analysis_that_starts_from_one) {
  struct version version;
  struct diva_state *none = NULL;
  struct diva_error error;
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 300);
  struct diva_state *state = version_state(&version, &options);
  version.features[40 * version.columns + 2] = NAN;
  struct diva_dataset *dataset = version_open(&version);
  cr_expect_eq(diva_state_create(dataset, &options, &none, &error), DIVA_ERROR_INPUT);
  cr_expect_not_null(strstr(error.message, "row 40 (id row-40), column 2"), "%s", error.message);
  cr_expect_null(none);
  options.sums = state;
  options.lambda = 1.0;
  expect_refused(dataset, &options, DIVA_ERROR_INPUT, "row 40 (id row-40), column 2");
  diva_dataset_close(dataset);
  diva_state_destroy(state);
  version_free(&version);
}

Test(state, other_models_are_refused) {
  struct version version;
  struct diva_state *state = NULL;
  struct diva_error error;
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 100);
  struct diva_dataset *dataset = version_open(&version);
  struct diva_analysis_options options = version_options(DIVA_SCALE_NONE);
  options.kernel = DIVA_KERNEL_RBF;
  cr_expect_eq(diva_state_create(dataset, &options, &state, &error), DIVA_ERROR_USAGE);
  cr_expect_not_null(strstr(error.message, "rbf"), "%s", error.message);
  options.kernel = DIVA_KERNEL_LINEAR;
  options.solver = DIVA_SOLVER_DUAL;
  cr_expect_eq(diva_state_create(dataset, &options, &state, &error), DIVA_ERROR_USAGE);
  cr_expect_not_null(strstr(error.message, "dual"), "%s", error.message);
  options.solver = DIVA_SOLVER_AUTO;
  options.scale = DIVA_SCALE_AUTO;
  cr_expect_eq(diva_state_create(dataset, &options, &state, &error), DIVA_ERROR_USAGE);
  diva_dataset_close(dataset);
  version_free(&version);
}

Test(state, keeps_the_scores_of_its_own_rows) {
  struct version version;
  struct diva_summary summary;
  struct diva_columns columns;
  struct diva_state_info info;
  struct diva_state_part part;
  struct diva_error error;
  struct diva_analysis_options options = version_options(DIVA_SCALE_STANDARDIZE);
  version_make(&version, VERSION_LABELS, DIVA_FLOAT64, 0, 300);
  struct diva_state *state = version_state(&version, &options);
  struct diva_dataset *dataset = version_open(&version);
  struct diva_analysis *analysis = run(dataset, &options);
  cr_assert_eq(diva_state_take_scores(state, analysis, false, &error), DIVA_OK, "%s",
               error.message);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_columns(analysis, &columns);
  diva_state_describe(state, &info);
  cr_expect(info.has_scores);
  cr_expect_float_eq(info.lambda, summary.lambda, 0.0);
  cr_expect_float_eq(info.loo.loss, summary.loo.loss, 1e-12 * summary.loo.loss);
  cr_expect_float_eq(info.loo.error, summary.loo.error, 1e-12);
  cr_expect_eq(info.loo.rows, summary.training_rows);
  int64_t wrong = 0;
  for (int64_t c = 0; c < info.outputs; c++) {
    int64_t rows = 0;
    for (int64_t i = 0; i < version.rows; i++) {
      rows += version.labels[i] == c;
    }
    diva_state_class(state, c, &part);
    cr_expect_eq(part.rows, rows);
    wrong += part.wrong;
  }
  cr_expect_float_eq((double)wrong / (double)info.loo.rows, summary.loo.error, 1e-12);
  options.scale = DIVA_SCALE_NONE;
  struct diva_analysis *other = run(dataset, &options);
  cr_expect_eq(diva_state_take_scores(state, other, false, &error), DIVA_ERROR_USAGE);
  diva_analysis_destroy(other);
  diva_analysis_destroy(analysis);
  diva_dataset_close(dataset);
  diva_state_destroy(state);
  version_free(&version);
}

/* Every bit, every length of a row, and signs flipped in pairs, which sums and products of words
 * miss. */
Test(state, hashes_see_every_change) {
  enum { LONGEST = 96 };
  unsigned char bytes[LONGEST];
  for (int i = 0; i < LONGEST; i++) {
    bytes[i] = (unsigned char)(37 * i + 11);
  }
  for (int length = 0; length <= LONGEST; length++) {
    const uint64_t hash = diva_row_hash(0, bytes, length);
    for (int bit = 0; bit < 8 * length; bit++) {
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
      cr_expect_neq(diva_row_hash(0, bytes, length), hash, "bit %d of %d bytes", bit, length);
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    cr_expect_neq(diva_row_hash(1, bytes, length), hash);
    cr_expect(length == 0 || diva_row_hash(0, bytes, length - 1) != hash);
  }
  const uint64_t hash = diva_row_hash(0, bytes, LONGEST);
  for (int a = 7; a < LONGEST; a += 8) {
    for (int b = a + 8; b < LONGEST; b += 8) {
      bytes[a] ^= 0x80;
      bytes[b] ^= 0x80;
      cr_expect_neq(diva_row_hash(0, bytes, LONGEST), hash, "signs of words %d and %d", a / 8,
                    b / 8);
      bytes[a] ^= 0x80;
      bytes[b] ^= 0x80;
    }
  }
}
