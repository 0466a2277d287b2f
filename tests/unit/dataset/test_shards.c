/* Several files as one dataset: lists, globs, agreement, rows across borders. */
#define _GNU_SOURCE
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(shards, .init = fixture_begin, .fini = fixture_end);

enum { COLUMNS = 3, SHARDS = 3 };

static const int64_t shard_rows[SHARDS] = {4, 1, 6};

struct variant {
  int64_t columns;
  bool doubles;
  bool ids;
  int64_t first_id;
  const char *class_name;
  int64_t largest_label;
};

static const struct variant plain = {COLUMNS, false, true, 0, NULL, 0};

static void make_shard(const char *path, int64_t first, int64_t rows,
                       const struct variant *variant) {
  double values[64 * 8];
  int64_t labels[64];
  int64_t ids[64];
  for (int64_t i = 0; i < rows; i++) {
    labels[i] = i == 0 && variant->largest_label ? variant->largest_label : (first + i) % 3;
    ids[i] = variant->first_id + first + i;
    for (int64_t c = 0; c < variant->columns; c++) {
      values[i * variant->columns + c] = (double)((first + i) * 10 + c);
    }
  }
  hid_t file = fixture_create(path);
  fixture_put(file, "features", variant->doubles ? H5T_IEEE_F64LE : H5T_IEEE_F32BE,
              H5T_NATIVE_DOUBLE, rows, variant->columns, values, H5P_DEFAULT);
  fixture_put_integers(file, "labels", rows, labels);
  if (variant->ids) {
    fixture_put_integers(file, "ids", rows, ids);
  }
  if (variant->class_name) {
    const char *const names[] = {"a", "b", variant->class_name};
    fixture_put_class_names(file, 3, names);
  }
  H5Fclose(file);
}

static void make_all(char paths[SHARDS][FIXTURE_PATH_SIZE]) {
  int64_t first = 0;
  for (int i = 0; i < SHARDS; i++) {
    char name[32];
    snprintf(name, sizeof name, "part-%d.h5", i);
    fixture_path(name, paths[i]);
    make_shard(paths[i], first, shard_rows[i], &plain);
    first += shard_rows[i];
  }
}

static void check_all(const char *const *arguments, int64_t count) {
  struct diva_dataset *dataset = NULL;
  struct diva_dataset_info info;
  struct diva_error error;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  float rows[11][COLUMNS];
  cr_assert_eq(diva_dataset_open(arguments, count, NULL, &dataset, &error), DIVA_OK, "%s",
               error.message);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.rows, 11);
  cr_expect_eq(info.files, SHARDS);
  cr_expect_eq(info.outputs, 3);
  cr_expect_str_eq(diva_dataset_id(dataset, 10, scratch), "10");
  for (int64_t first = 0; first < 11; first++) {
    for (int64_t length = 1; length <= 11 - first; length++) {
      cr_assert_eq(diva_dataset_read_features(dataset, first, length, rows, &error), DIVA_OK);
      for (int64_t i = 0; i < length; i++) {
        cr_assert_eq((int64_t)rows[i][2], (first + i) * 10 + 2);
        cr_assert_eq(diva_dataset_labels(dataset)[first + i], (first + i) % 3);
      }
    }
  }
  diva_dataset_close(dataset);
}

Test(shards, named_globbed_listed) {
  char paths[SHARDS][FIXTURE_PATH_SIZE];
  char glob[FIXTURE_PATH_SIZE];
  char list[FIXTURE_PATH_SIZE];
  char at_list[FIXTURE_PATH_SIZE + 1];
  make_all(paths);
  fixture_path("part-?.h5", glob);
  fixture_path("list.txt", list);
  snprintf(at_list, sizeof at_list, "@%s", list);
  FILE *file = fopen(list, "w");
  fprintf(file, "part-0.h5\r\n\n%s\npart-2.h5", paths[1]);
  fclose(file);
  check_all((const char *const[]){paths[0], paths[1], paths[2]}, SHARDS);
  check_all((const char *const[]){glob}, 1);
  check_all((const char *const[]){at_list}, 1);
}

/* A name with glob characters that exists is that file. */
Test(shards, odd_names) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_info info;
  fixture_path("a[1]*.h5", path);
  make_shard(path, 0, 4, &plain);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.files, 1);
  diva_dataset_close(dataset);
}

static void expect_two(const char *one, const char *other, const char *needle) {
  const char *const paths[] = {one, other};
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  cr_expect_eq(diva_dataset_open(paths, 2, NULL, &dataset, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, needle), "'%s' is not in: %s", needle, error.message);
  cr_expect(strstr(error.message, other), "%s", error.message);
  cr_expect_null(dataset);
}

Test(shards, disagreement) {
  static const struct {
    struct variant variant;
    const char *needle;
  } cases[] = {
      {{2, false, true, 100, NULL, 0}, "has 2 columns, but"},
      {{COLUMNS, true, true, 100, NULL, 0}, "/features is float64, but in"},
      {{COLUMNS, false, false, 0, NULL, 0}, "present differ"},
      {{COLUMNS, false, true, 100, "c", 0}, "class_names differ"},
      {{COLUMNS, false, true, 0, NULL, 0}, "row 1 of "},
      {{COLUMNS, false, true, 100, NULL, 5000}, "/labels: row 0: label 5000 is absurd"},
  };
  char one[FIXTURE_PATH_SIZE];
  char other[FIXTURE_PATH_SIZE];
  fixture_path("one.h5", one);
  fixture_path("other.h5", other);
  make_shard(one, 0, 4, &plain);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make_shard(other, 1, 4, &cases[i].variant);
    expect_two(one, other, cases[i].needle);
  }
  expect_two(one, one, "given twice");
  hid_t file = fixture_create(other);
  double values[4 * COLUMNS] = {0};
  fixture_put_features(file, 4, COLUMNS);
  fixture_put_reals(file, "targets", 4, 2, values);
  H5Fclose(file);
  expect_two(one, other, "has targets, but ");
}

/* A label of the second file counts as one row of the whole set. */
Test(shards, row_of_an_error) {
  static const struct variant stray = {COLUMNS, false, true, 100, NULL, 5000};
  char one[FIXTURE_PATH_SIZE];
  char other[FIXTURE_PATH_SIZE];
  const char *const paths[] = {one, other};
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  fixture_path("one.h5", one);
  fixture_path("other.h5", other);
  make_shard(one, 0, 4, &plain);
  make_shard(other, 4, 4, &stray);
  cr_expect_eq(diva_dataset_open(paths, 2, NULL, &dataset, &error), DIVA_ERROR_INPUT);
  cr_expect_eq(error.row, 4);
}

static void expect_nothing(const char *argument, const char *name, const char *needle) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  cr_expect_eq(diva_dataset_open(&argument, 1, NULL, &dataset, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, needle), "%s", error.message);
  cr_expect(strstr(error.message, name), "%s", error.message);
}

Test(shards, nothing_there) {
  char path[FIXTURE_PATH_SIZE];
  char at_list[FIXTURE_PATH_SIZE + 1];
  fixture_path("none-*.h5", path);
  expect_nothing(path, path, "no file matches");
  fixture_path("none.h5", path);
  expect_nothing(path, path, "no such file");
  fixture_path("list.txt", path);
  snprintf(at_list, sizeof at_list, "@%s", path);
  expect_nothing(at_list, path, "the list cannot be opened");
  fclose(fopen(path, "w"));
  expect_nothing(at_list, path, "names no file");
}

/* Between two reads another process may replace a shard that is not open. */
Test(shards, changed_behind_our_back) {
  char paths[SHARDS][FIXTURE_PATH_SIZE];
  float row[COLUMNS];
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  make_all(paths);
  const char *const arguments[] = {paths[0], paths[1], paths[2]};
  cr_assert_eq(diva_dataset_open(arguments, SHARDS, NULL, &dataset, &error), DIVA_OK);
  unlink(paths[0]);
  make_shard(paths[0], 0, 2, &plain);
  cr_expect_eq(diva_dataset_read_features(dataset, 5, 1, row, &error), DIVA_OK);
  cr_expect_eq(diva_dataset_read_features(dataset, 0, 1, row, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, "part-0.h5: has changed"), "%s", error.message);
  diva_dataset_close(dataset);
}
