/* Near-duplicates: none in random data, copies found in every kind of it, and what is made of
 * them. */
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/duplicates.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a kind, and copies planted among them. */
enum kind {
  KIND_NORMAL,    /* independent columns */
  KIND_CLUSTERS,  /* around a few centres, of different widths */
  KIND_SATURATED, /* next to corners, as confident probabilities are */
  KIND_FLAT,      /* in a plane, off the origin */
  KINDS
};

static const char *const kind_names[KINDS] = {"normal", "clusters", "saturated", "flat"};

struct set {
  int64_t rows, columns;
  float *features;
  int32_t *labels;
  int64_t *original; /* -1: no copy */
  int64_t copies;
};

static void make_row(struct reference_random *random, enum kind kind, int64_t columns, float *row) {
  const int64_t centre = reference_below(random, 7);
  const double width = kind == KIND_CLUSTERS ? 0.05 * (double)(1 + centre) : 1.0;
  const double u = reference_normal(random);
  const double v = reference_normal(random);
  double total = 0.0;
  for (int64_t j = 0; j < columns; j++) {
    double value = width * reference_normal(random);
    if (kind == KIND_CLUSTERS) {
      value += j % 7 == centre ? 2.0 : 0.0;
    } else if (kind == KIND_SATURATED) {
      value = exp(3.0 * value + (j % 7 == centre ? 12.0 : 0.0));
    } else if (kind == KIND_FLAT) {
      value = 3.0 + sin((double)j) * u + cos((double)j) * v;
    }
    row[j] = (float)value;
    total += value;
  }
  for (int64_t j = 0; j < columns && kind == KIND_SATURATED; j++) {
    row[j] = (float)((double)row[j] / total);
  }
}

/* Every `every`-th row copies an earlier one, with noise relative to its norm; 0: none does. */
static void make_set(struct set *set, enum kind kind, int64_t rows, int64_t columns, int64_t every,
                     double noise) {
  struct reference_random random = {17 + (uint64_t)kind};
  *set = (struct set){.rows = rows,
                      .columns = columns,
                      .features = reference_allocate(rows * columns, sizeof(float)),
                      .labels = reference_allocate(rows, sizeof(int32_t)),
                      .original = reference_allocate(rows, sizeof(int64_t))};
  for (int64_t i = 0; i < rows; i++) {
    float *row = set->features + i * columns;
    set->labels[i] = (int32_t)(i % 3);
    set->original[i] = -1;
    if (every == 0 || i % every != every - 1) {
      make_row(&random, kind, columns, row);
      continue;
    }
    const int64_t original = i - 1 - reference_below(&random, every - 1);
    const float *from = set->features + original * columns;
    double norm = 0.0;
    for (int64_t j = 0; j < columns; j++) {
      norm += (double)from[j] * (double)from[j];
    }
    for (int64_t j = 0; j < columns; j++) {
      const double error = noise * sqrt(norm / (double)columns) * reference_normal(&random);
      row[j] = (float)(2.0 * ((double)from[j] + error));
    }
    set->original[i] = original;
    set->labels[i] = set->labels[original];
    set->copies++;
  }
}

static void free_set(struct set *set) {
  free(set->features);
  free(set->labels);
  free(set->original);
}

static struct diva_dataset *open_set(const struct set *set) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = set->rows;
  arrays.columns = set->columns;
  arrays.features = set->features;
  arrays.labels = set->labels;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, &error) == DIVA_OK, "%s", error.message);
  return dataset;
}

static struct diva_duplicates *find(const struct set *set, double threshold,
                                    struct diva_duplicates_columns *out) {
  struct diva_duplicates_options options;
  struct diva_duplicates *found = NULL;
  struct diva_error error;
  struct diva_dataset *dataset = open_set(set);
  diva_duplicates_options_init(&options);
  options.threshold = threshold;
  options.threads = 2;
  cr_assert(diva_duplicates_find(dataset, &options, &found, &error) == DIVA_OK, "%s",
            error.message);
  diva_duplicates_columns(found, out);
  diva_dataset_close(dataset);
  return found;
}

static int64_t count_found(const struct set *set, const struct diva_duplicates_columns *columns) {
  int64_t found = 0;
  for (int64_t i = 0; i < set->rows; i++) {
    const int64_t original = set->original[i];
    found +=
        original >= 0 && columns->group[i] >= 0 && columns->group[i] == columns->group[original];
  }
  return found;
}

static const struct { int64_t rows, columns; } shapes[] = {{300, 12}, {3000, 64}, {5000, 200}};

Test(near_duplicates, none_in_data_without_copies) {
  for (int kind = 0; kind < KINDS; kind++) {
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
      struct set set;
      struct diva_duplicates_columns columns;
      make_set(&set, (enum kind)kind, shapes[s].rows, shapes[s].columns, 0, 0.0);
      struct diva_duplicates *found = find(&set, (double)NAN, &columns);
      /* By chance less than one pair is expected; where densities differ by orders of magnitude
       * some rows are as near to each other as copies are elsewhere. */
      const int64_t most = set.rows / (kind == KIND_SATURATED ? 30 : 500);
      cr_expect(columns.grouped_rows <= most, "%s, %lld rows: %lld alike", kind_names[kind],
                (long long)set.rows, (long long)columns.grouped_rows);
      diva_duplicates_destroy(found);
      free_set(&set);
    }
  }
}

Test(near_duplicates, copies_are_found) {
  for (int kind = 0; kind < KINDS; kind++) {
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
      struct set set;
      struct diva_duplicates_columns columns;
      /* A thousandth of the norm is not near in a plane, where rows themselves come that near. */
      const double noise = kind == KIND_FLAT || kind == KIND_SATURATED ? 1e-6 : 1e-3;
      make_set(&set, (enum kind)kind, shapes[s].rows, shapes[s].columns, 10, noise);
      struct diva_duplicates *found = find(&set, (double)NAN, &columns);
      const int64_t right = count_found(&set, &columns);
      const double recall = (double)right / (double)set.copies;
      const int64_t others = columns.grouped_rows - 2 * right;
      printf("%-10s %5lld x %3lld: recall %.4f, %lld other rows\n", kind_names[kind],
             (long long)set.rows, (long long)set.columns, recall, (long long)others);
      cr_expect(recall >= (kind == KIND_SATURATED ? 0.7 : 0.99), "%s: recall %.4f",
                kind_names[kind], recall);
      cr_expect(others <= set.rows / 100, "%s: %lld other rows", kind_names[kind],
                (long long)others);
      diva_duplicates_destroy(found);
      free_set(&set);
    }
  }
}

/* Against all pairs, with a threshold in the middle of the distances of copies. */
Test(near_duplicates, a_threshold_is_kept) {
  const double threshold = 0.995;
  struct set set;
  struct diva_duplicates_columns columns;
  int64_t near = 0;
  int64_t joined = 0;
  make_set(&set, KIND_NORMAL, 1500, 96, 4, 0.1);
  struct diva_duplicates *found = find(&set, threshold, &columns);
  for (int64_t i = 0; i < set.rows; i++) {
    for (int64_t j = 0; j < i; j++) {
      double dot = 0.0, a = 0.0, b = 0.0;
      for (int64_t c = 0; c < set.columns; c++) {
        const double x = (double)set.features[i * set.columns + c];
        const double y = (double)set.features[j * set.columns + c];
        dot += x * y;
        a += x * x;
        b += y * y;
      }
      const double cosine = dot / sqrt(a * b);
      const bool together = columns.group[i] >= 0 && columns.group[i] == columns.group[j];
      near += cosine >= threshold;
      joined += cosine >= threshold && together;
      cr_expect(!together || cosine >= threshold - 1e-6, "rows %lld and %lld of cosine %.6f",
                (long long)i, (long long)j, cosine);
    }
  }
  cr_expect(near > 100 && near < set.copies - 100, "%lld pairs: the test is too easy",
            (long long)near);
  cr_expect((double)joined >= 0.99 * (double)near, "%lld of %lld pairs", (long long)joined,
            (long long)near);
  diva_duplicates_destroy(found);
  free_set(&set);
}

/* Copies of copies, zero rows, labels that disagree, identical rows in large numbers. */
Test(near_duplicates, groups_and_conflicts) {
  struct set set;
  struct diva_duplicates_columns columns;
  make_set(&set, KIND_NORMAL, 800, 40, 0, 0.0);
  const size_t bytes = (size_t)set.columns * sizeof(float);
  const int64_t alike[] = {5, 100, 300, 799};
  for (int i = 1; i < 4; i++) {
    memcpy(set.features + alike[i] * set.columns, set.features + 5 * set.columns, bytes);
  }
  set.labels[5] = -1;
  set.labels[100] = set.labels[300] = 1;
  set.labels[799] = 2;
  memset(set.features + 7 * set.columns, 0, bytes);
  memset(set.features + 8 * set.columns, 0, bytes);
  for (int64_t i = 400; i < 700; i++) {
    memcpy(set.features + i * set.columns, set.features + 400 * set.columns, bytes);
    set.labels[i] = 0;
  }
  struct diva_duplicates *found = find(&set, 0.9999, &columns);
  cr_expect(columns.groups == 2 && columns.grouped_rows == 304 && columns.conflicts == 1);
  cr_expect(columns.group[5] == 0 && columns.group[400] == 1 && columns.group[7] == -1);
  for (int i = 0; i < 4; i++) {
    cr_expect(columns.group[alike[i]] == 0 && columns.first[alike[i]] == 5);
  }
  for (int64_t i = 400; i < 700; i++) {
    cr_expect(columns.group[i] == 1 && columns.first[i] == 400);
  }
  cr_expect(columns.first[0] == -1 && columns.pair_count == 1);
  cr_expect(columns.pairs[0] == 100 && columns.pairs[1] == 799);
  diva_duplicates_destroy(found);
  free_set(&set);
}

/* The order of the rows does not matter, nor the number of threads. */
Test(near_duplicates, order_and_threads) {
  struct set set;
  struct set turned;
  struct diva_duplicates_columns columns, mirrored, again;
  make_set(&set, KIND_CLUSTERS, 2000, 100, 8, 1e-3);
  make_set(&turned, KIND_CLUSTERS, 2000, 100, 8, 1e-3);
  for (int64_t i = 0; i < set.rows; i++) {
    memcpy(turned.features + (set.rows - 1 - i) * set.columns, set.features + i * set.columns,
           (size_t)set.columns * sizeof(float));
  }
  struct diva_duplicates *first = find(&set, (double)NAN, &columns);
  struct diva_duplicates *second = find(&turned, (double)NAN, &mirrored);
  struct diva_duplicates *third = find(&set, (double)NAN, &again);
  cr_expect(columns.groups == mirrored.groups && columns.groups == set.copies);
  for (int64_t i = 0; i < set.rows; i++) {
    const int64_t mirror = set.rows - 1 - i;
    cr_expect((columns.group[i] < 0) == (mirrored.group[mirror] < 0), "row %lld", (long long)i);
  }
  cr_expect(!memcmp(columns.group, again.group, (size_t)set.rows * sizeof *again.group));
  diva_duplicates_destroy(first);
  diva_duplicates_destroy(second);
  diva_duplicates_destroy(third);
  free_set(&set);
  free_set(&turned);
}

Test(near_duplicates, groupings_are_merged) {
  const int32_t a[] = {3, -1, 3, 9, -1, 9, -1, 5};
  const int32_t b[] = {-1, 0, 0, -1, 1, -1, 1, 2};
  const int32_t want[] = {0, 0, 0, 1, 2, 1, 2, -1};
  const int32_t only_a[] = {0, -1, 0, 1, -1, 1, -1, -1};
  int32_t out[8];
  cr_expect(diva_groups_merge(a, b, 8, out, NULL) == DIVA_OK && !memcmp(out, want, sizeof out));
  cr_expect(diva_groups_merge(a, NULL, 8, out, NULL) == DIVA_OK &&
            !memcmp(out, only_a, sizeof out));
}

Test(near_duplicates, what_is_refused) {
  static const double thresholds[] = {0.0, -1.0, 1.5};
  struct set set;
  struct diva_duplicates_options options;
  struct diva_duplicates *found;
  struct diva_error error;
  make_set(&set, KIND_NORMAL, 20, 5, 0, 0.0);
  struct diva_dataset *dataset = open_set(&set);
  diva_duplicates_options_init(&options);
  for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
    options.threshold = thresholds[i];
    cr_expect(diva_duplicates_find(dataset, &options, &found, &error) == DIVA_ERROR_USAGE);
    cr_expect(found == NULL);
  }
  options.threshold = 1.0;
  options.memory = 1000;
  cr_expect(diva_duplicates_find(dataset, &options, &found, &error) == DIVA_ERROR_RESOURCE);
  options.memory = 0;
  set.features[13 * 5 + 2] = NAN;
  cr_expect(diva_duplicates_find(dataset, &options, &found, &error) == DIVA_ERROR_INPUT);
  cr_expect(error.row == 13 && strstr(error.message, "column 2"), "%s", error.message);
  diva_dataset_close(dataset);
  free_set(&set);
}
