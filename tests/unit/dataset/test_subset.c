/* Rows drawn into memory: which, how likely, and that they are the file's. */
#include "host/dataset/subset.h"

#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(subset, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 60, COLUMNS = 3, CLASSES = 3, MOST_ROWS = 5000 };

/* Labels 0 1 2 0 1 2 ..., but for each seventh row; each eleventh row has no weight. */
static bool is_eligible(int64_t i) {
  return i % 7 != 5 && i % 11 != 4;
}

/* Rows `first` and on of one dataset; every value tells its row. */
static void make_file(const char *path, hid_t type, int64_t first, int64_t rows) {
  double *features = calloc((size_t)(rows * COLUMNS), sizeof *features);
  double *outputs = calloc((size_t)(rows * CLASSES), sizeof *outputs);
  double *weights = calloc((size_t)rows, sizeof *weights);
  int64_t *labels = calloc((size_t)rows, sizeof *labels);
  cr_assert(features && outputs && weights && labels);
  for (int64_t i = 0; i < rows; i++) {
    const int64_t row = first + i;
    labels[i] = row % 7 == 5 ? -1 : row % CLASSES;
    weights[i] = row % 11 == 4 ? 0.0 : 1.0 + (double)(row % 4);
    for (int64_t c = 0; c < COLUMNS; c++) {
      features[i * COLUMNS + c] = (double)(row % 1000) + 0.25 * (double)c;
      outputs[i * CLASSES + c] = (double)row + 0.001 * (double)c;
    }
  }
  const hid_t file = fixture_create(path);
  fixture_put(file, "features", type, H5T_NATIVE_DOUBLE, rows, COLUMNS, features, H5P_DEFAULT);
  fixture_put_integers(file, "labels", rows, labels);
  fixture_put_reals(file, "weights", rows, 0, weights);
  fixture_put_reals(file, "base_outputs", rows, CLASSES, outputs);
  H5Fclose(file);
  free(features);
  free(outputs);
  free(weights);
  free(labels);
}

static struct diva_subset draw(struct diva_dataset *dataset, const double *weights, int64_t most,
                               uint64_t seed) {
  struct diva_subset subset;
  struct diva_error error = {0};
  const struct diva_subset_request request = {.weights = weights, .most = most, .seed = seed};
  const enum diva_status status = diva_subset_draw(dataset, &request, NULL, &subset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return subset;
}

/* Ascending, none twice, none that may not be drawn; and all of a row is that row's. */
static void expect_rows(struct diva_dataset *dataset, const struct diva_subset *subset) {
  struct diva_dataset_info info;
  struct diva_dataset_info whole;
  diva_dataset_describe(dataset, &whole);
  diva_dataset_describe(subset->dataset, &info);
  cr_expect(info.rows == subset->rows && info.columns == whole.columns);
  cr_expect(info.outputs == whole.outputs && info.feature_type == whole.feature_type);
  const size_t row_bytes = (size_t)(COLUMNS * diva_dtype_size(whole.feature_type));
  for (int64_t i = 0; i < subset->rows; i++) {
    const int64_t row = subset->index[i];
    char mine[COLUMNS * sizeof(double)];
    char theirs[COLUMNS * sizeof(double)];
    double outputs[CLASSES];
    cr_expect(i == 0 || row > subset->index[i - 1]);
    cr_expect(is_eligible(row), "row %lld is drawn", (long long)row);
    cr_expect(subset->labels[i] == row % CLASSES);
    cr_expect(subset->weights[i] == 1.0 + (double)(row % 4));
    cr_assert(diva_dataset_read_features(subset->dataset, i, 1, mine, NULL) == DIVA_OK);
    cr_assert(diva_dataset_read_features(dataset, row, 1, theirs, NULL) == DIVA_OK);
    cr_expect(memcmp(mine, theirs, row_bytes) == 0, "row %lld", (long long)row);
    cr_assert(diva_dataset_read_base_outputs(subset->dataset, i, 1, outputs, NULL) == DIVA_OK);
    cr_expect(outputs[0] == (double)row && outputs[2] == (double)row + 0.001 * 2.0);
  }
  cr_expect(memcmp(diva_dataset_labels(subset->dataset), subset->labels,
                   (size_t)subset->rows * sizeof *subset->labels) == 0);
}

static int64_t count_eligible(int64_t rows) {
  int64_t eligible = 0;
  for (int64_t i = 0; i < rows; i++) {
    eligible += is_eligible(i);
  }
  return eligible;
}

/* Each element type as stored, over one file and over shards, few rows and all of them. */
Test(subset, rows_are_those_of_the_file) {
  const hid_t half = fixture_half();
  const hid_t types[] = {half, H5T_IEEE_F32LE, H5T_IEEE_F64LE};
  char first[FIXTURE_PATH_SIZE];
  char second[FIXTURE_PATH_SIZE];
  fixture_path("a.h5", first);
  fixture_path("b.h5", second);
  for (int t = 0; t < 3; t++) {
    for (int shards = 1; shards <= 2; shards++) {
      const char *const paths[] = {first, second};
      struct diva_dataset *dataset = NULL;
      struct diva_error error = {0};
      make_file(first, types[t], 0, shards == 1 ? ROWS : 23);
      make_file(second, types[t], 23, ROWS - 23);
      cr_assert(diva_dataset_open(paths, shards, NULL, &dataset, &error) == DIVA_OK, "%s",
                error.message);
      for (int64_t most = 20; most <= ROWS; most += 20) {
        const int64_t eligible = count_eligible(ROWS);
        struct diva_subset subset = draw(dataset, diva_dataset_weights(dataset), most, 3);
        cr_expect(subset.rows == (most < eligible ? most : eligible));
        expect_rows(dataset, &subset);
        diva_subset_free(&subset);
        cr_expect(!subset.dataset && !subset.index && subset.rows == 0);
      }
      diva_dataset_close(dataset);
    }
  }
  H5Tclose(half);
}

/* A few rows that are needed are all there, of many a quarter or their usual share. */
Test(subset, needed_rows_are_drawn) {
  enum { MOST = 40 };
  static const int64_t every[] = {200, 20, 2};
  char path[FIXTURE_PATH_SIZE];
  uint8_t needed[MOST_ROWS];
  fixture_path("needed.h5", path);
  make_file(path, H5T_IEEE_F32LE, 0, MOST_ROWS);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  for (size_t e = 0; e < sizeof every / sizeof *every; e++) {
    int64_t there = 0;
    for (int64_t i = 0; i < MOST_ROWS; i++) {
      needed[i] = i % every[e] == 1;
      there += needed[i] && is_eligible(i);
    }
    const struct diva_subset_request request = {
        .weights = diva_dataset_weights(dataset), .needed = needed, .most = MOST, .seed = 9};
    struct diva_subset subset;
    cr_assert(diva_subset_draw(dataset, &request, NULL, &subset, NULL) == DIVA_OK);
    cr_expect(subset.rows == MOST);
    expect_rows(dataset, &subset);
    int64_t drawn = 0;
    for (int64_t i = 0; i < subset.rows; i++) {
      drawn += needed[subset.index[i]];
    }
    const int64_t usual = MOST * there / count_eligible(MOST_ROWS);
    const int64_t enough = there < MOST / 4 ? there : MOST / 4;
    cr_expect(drawn == (usual > enough ? usual : enough), "every %lld: %lld of %lld",
              (long long)every[e], (long long)drawn, (long long)there);
    diva_subset_free(&subset);
  }
  diva_dataset_close(dataset);
}

/* More rows than are read at a time: the blocks fit together. */
Test(subset, rows_of_many_blocks) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("many.h5", path);
  make_file(path, H5T_IEEE_F32LE, 0, MOST_ROWS);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  struct diva_subset all = draw(dataset, diva_dataset_weights(dataset), INT64_MAX, 3);
  struct diva_subset few = draw(dataset, diva_dataset_weights(dataset), 500, 3);
  struct diva_subset again = draw(dataset, diva_dataset_weights(dataset), 500, 3);
  struct diva_subset other = draw(dataset, diva_dataset_weights(dataset), 500, 4);
  cr_expect(all.rows == count_eligible(MOST_ROWS));
  expect_rows(dataset, &all);
  expect_rows(dataset, &few);
  cr_expect(few.index[few.rows - 1] > 4096);
  cr_expect(memcmp(few.index, again.index, 500 * sizeof *few.index) == 0);
  cr_expect(memcmp(few.index, other.index, 500 * sizeof *few.index) != 0);
  diva_subset_free(&all);
  diva_subset_free(&few);
  diva_subset_free(&again);
  diva_subset_free(&other);
  diva_dataset_close(dataset);
}

/* Each row is drawn as often as another: chi-square over seeds, of ROWS rows in memory. */
Test(subset, rows_are_equally_likely) {
  enum { SEEDS = 3000, DRAWN = 15 };
  float features[ROWS] = {0.0F};
  int32_t labels[ROWS];
  double drawn[ROWS] = {0.0};
  double chi_square = 0.0;
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  for (int64_t i = 0; i < ROWS; i++) {
    labels[i] = (int32_t)(i % CLASSES);
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = 1;
  arrays.outputs = CLASSES;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct diva_subset subset = draw(dataset, NULL, DRAWN, seed);
    cr_expect(subset.rows == DRAWN);
    for (int64_t i = 0; i < subset.rows; i++) {
      drawn[subset.index[i]] += 1.0;
    }
    diva_subset_free(&subset);
  }
  /* Of a row drawn with chance 1/4 the variance is that of a binomial; 59 degrees of freedom. */
  const double expected = (double)SEEDS * DRAWN / ROWS;
  for (int64_t i = 0; i < ROWS; i++) {
    chi_square += (drawn[i] - expected) * (drawn[i] - expected) / (expected * 0.75);
  }
  cr_expect(chi_square < 59.0 + 4.0 * sqrt(2.0 * 59.0) && chi_square > 59.0 - 4.0 * sqrt(118.0),
            "chi-square is %g", chi_square);
  diva_dataset_close(dataset);
}

/* Other labels on the same rows, values by row, and a refusal of targets. */
Test(subset, relabel_codes_and_targets) {
  char path[FIXTURE_PATH_SIZE];
  int32_t values[ROWS];
  int32_t labels[ROWS];
  int32_t *codes = NULL;
  struct diva_dataset *other = NULL;
  fixture_path("one.h5", path);
  make_file(path, H5T_IEEE_F32LE, 0, ROWS);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  struct diva_subset subset = draw(dataset, diva_dataset_weights(dataset), 20, 9);
  for (int32_t i = 0; i < ROWS; i++) {
    values[i] = 100 + i;
    labels[i] = 2 - i % CLASSES;
  }
  cr_assert(diva_subset_codes(&subset, values, &codes, NULL) == DIVA_OK && codes);
  cr_assert(diva_subset_relabel(&subset, labels, &other, NULL) == DIVA_OK);
  cr_expect(memcmp(diva_dataset_labels(other), labels, 20 * sizeof *labels) == 0);
  for (int64_t i = 0; i < subset.rows; i++) {
    float mine[COLUMNS];
    cr_expect(codes[i] == 100 + subset.index[i]);
    cr_assert(diva_dataset_read_features(other, i, 1, mine, NULL) == DIVA_OK);
    cr_expect(mine[1] == (float)subset.index[i] + 0.25F);
  }
  free(codes);
  cr_assert(diva_subset_codes(&subset, NULL, &codes, NULL) == DIVA_OK && !codes);
  diva_dataset_close(other);
  diva_subset_free(&subset);
  diva_dataset_close(dataset);
}
