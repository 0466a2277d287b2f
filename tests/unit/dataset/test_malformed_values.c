/* Files whose values are wrong: file, dataset, row and value are named. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(malformed_values, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 6 };

static void expect_row(const char *path, int64_t row, const char *one, const char *other,
                       const char *third) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  fixture_expect_refused(path, NULL, DIVA_ERROR_INPUT,
                         (const char *const[]){one, other, third, NULL});
  diva_dataset_open(&path, 1, NULL, &dataset, &error);
  cr_expect_eq(error.row, row, "row %lld: %s", (long long)error.row, error.message);
}

static void make(const char *path, const int64_t *labels, int64_t class_names) {
  const char *const names[] = {"a", "b", "c"};
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, 2);
  fixture_put_integers(file, "labels", ROWS, labels);
  if (class_names) {
    fixture_put_class_names(file, class_names, names);
  }
  H5Fclose(file);
}

Test(malformed_values, labels) {
  static const struct {
    int64_t labels[ROWS];
    int64_t class_names;
    int64_t row;
    const char *needles[2];
  } cases[] = {
      {{0, 1, 2, 3, 0, 1}, 3, 3, {"row 3: label 3 is out of range", "3 classes, 0 to 2"}},
      {{0, 1, -2, 0, 0, 1}, 3, 2, {"row 2: label -2", "-1 for an unlabelled row"}},
      {{0, 1, 0, INT64_MIN, 0, 1}, 0, 3, {"row 3: label -9223372036854775808", "0 or more"}},
      {{0, 1, 0, 0, 0, INT64_C(1) << 40}, 0, 5, {"row 5: label 1099511627776", "limit 1023"}},
      {{0, 1, 1024, 0, 0, 0}, 0, 2, {"row 2: label 1024", "absurd"}},
      {{-1, -1, -1, -1, -1, -1}, 0, -1, {"no row is labelled", "-1"}},
      {{2, 2, -1, 2, 2, 2}, 3, -1, {"only one class", "all 5 labelled rows are of class 2"}},
  };
  char path[FIXTURE_PATH_SIZE];
  fixture_path("l.h5", path);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make(path, cases[i].labels, cases[i].class_names);
    expect_row(path, cases[i].row, "/labels: ", cases[i].needles[0], cases[i].needles[1]);
  }
}

/* A pool may do without any label, and only where that is asked for. */
Test(malformed_values, labels_that_may_be_absent) {
  const int64_t none[ROWS] = {-1, -1, -1, -1, -1, -1};
  const int64_t one[ROWS] = {2, 2, -1, 2, 2, 2};
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  struct diva_dataset_info info;
  diva_dataset_options_init(&options);
  options.labelling = DIVA_LABELLING_OPTIONAL;
  fixture_path("o.h5", path);
  for (int64_t class_names = 0; class_names <= 3; class_names += 3) {
    make(path, none, class_names);
    struct diva_dataset *dataset = fixture_open(path, &options);
    diva_dataset_describe(dataset, &info);
    cr_expect(info.rows == ROWS && info.labelled_rows == 0 && info.outputs == class_names);
    cr_expect_eq(diva_dataset_labels(dataset)[ROWS - 1], -1);
    diva_dataset_close(dataset);
  }
  make(path, one, 3);
  fixture_expect_refused(path, &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"only one class", NULL});
}

/* A stray label must not become memory, nor wrap to a small one. */
Test(malformed_values, absurd_labels_allocate_nothing) {
  char path[FIXTURE_PATH_SIZE];
  const uint64_t labels[ROWS] = {0, 1, UINT64_MAX, 0, 1, 0};
  struct rusage before, after;
  fixture_path("l.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, 2);
  fixture_put(file, "labels", H5T_STD_U64BE, H5T_NATIVE_UINT64, ROWS, 0, labels, H5P_DEFAULT);
  H5Fclose(file);
  getrusage(RUSAGE_SELF, &before);
  expect_row(path, 2, "/labels: ", "row 2: label 18446744073709551615", "limit 1023");
  getrusage(RUSAGE_SELF, &after);
  cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 64 * 1024);
}

Test(malformed_values, ids) {
  const char *const ids[ROWS] = {"a", "b", "c", "d", "b", "a"};
  const char *const bytes[ROWS] = {"a", "b", "c", "\xc3\x28", "e", "f"};
  const int64_t numbers[ROWS] = {5, 6, 7, 8, 9, 5};
  const int64_t labels[ROWS] = {0, 1};
  char path[FIXTURE_PATH_SIZE];
  fixture_path("i.h5", path);
  for (int i = 0; i < 3; i++) {
    make(path, labels, 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    if (i < 2) {
      fixture_put_strings(file, "ids", ROWS, i ? bytes : ids);
    } else {
      fixture_put_integers(file, "ids", ROWS, numbers);
    }
    H5Fclose(file);
    if (i == 0) {
      expect_row(path, 4, "/ids: ", "row 1 and row 4 have the same id 'b'", "");
    } else if (i == 1) {
      expect_row(path, 3, "/ids: ", "row 3: ", "UTF-8");
    } else {
      expect_row(path, 5, "/ids: ", "row 0 and row 5 have the same id '5'", "");
    }
  }
}

Test(malformed_values, weights) {
  static const struct {
    double weights[ROWS];
    int64_t row;
    const char *needle;
  } cases[] = {
      {{1, 1, -0.5, 1, 1, 1}, 2, "row 2: weight -0.5"},
      {{1, NAN, 1, 1, 1, 1}, 1, "row 1: weight "},
      {{1, 1, 1, 1, 1, INFINITY}, 5, "row 5: weight inf"},
      {{0, 0, 0, 0, 0, 0}, -1, "all weights are 0"},
  };
  const int64_t labels[ROWS] = {0, 1};
  char path[FIXTURE_PATH_SIZE];
  fixture_path("w.h5", path);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make(path, labels, 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    fixture_put_reals(file, "weights", ROWS, 0, cases[i].weights);
    H5Fclose(file);
    expect_row(path, cases[i].row, "/weights: ", cases[i].needle, "");
  }
}

Test(malformed_values, targets_and_base_outputs_when_read) {
  char path[FIXTURE_PATH_SIZE];
  double values[ROWS * 2] = {0};
  double read[ROWS * 2];
  struct diva_error error;
  fixture_path("t.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, 2);
  values[4 * 2 + 1] = NAN;
  fixture_put_reals(file, "targets", ROWS, 2, values);
  values[4 * 2 + 1] = 0;
  values[3 * 2] = -INFINITY;
  fixture_put_reals(file, "base_outputs", ROWS, 2, values);
  H5Fclose(file);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  cr_expect_eq(diva_dataset_read_targets(dataset, 0, 4, read, &error), DIVA_OK);
  cr_expect_eq(diva_dataset_read_targets(dataset, 2, 4, read, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, "t.h5: /targets: row 4, column 1: the value is NaN"), "%s",
            error.message);
  cr_expect_eq(error.row, 4);
  cr_expect_eq(diva_dataset_read_base_outputs(dataset, 0, ROWS, read, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, "t.h5: /base_outputs: row 3, column 0: the value is infinite"),
            "%s", error.message);
  diva_dataset_close(dataset);
}

/* Bytes of one compressed chunk are overwritten: its rows, and no others, cannot be read. */
Test(malformed_values, corrupt_chunk) {
  char path[FIXTURE_PATH_SIZE];
  float values[64 * 16];
  hsize_t chunk[2] = {16, 16};
  haddr_t address;
  hsize_t size;
  hsize_t offset[2] = {32, 0};
  unsigned mask;
  struct diva_error error;
  for (int i = 0; i < 64 * 16; i++) {
    values[i] = (float)(i % 97);
  }
  fixture_path("c.h5", path);
  hid_t file = fixture_create(path);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Pset_deflate(creation, 4);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 64, 16, values, creation);
  fixture_put_labels(file, 64);
  hid_t dataset_id = H5Dopen2(file, "features", H5P_DEFAULT);
  H5Dget_chunk_info_by_coord(dataset_id, offset, &mask, &address, &size);
  H5Dclose(dataset_id);
  H5Pclose(creation);
  H5Fclose(file);
  FILE *stream = fopen(path, "r+b");
  fseek(stream, (long)address + 10, SEEK_SET);
  for (int i = 0; i < 40; i++) {
    fputc(0xa5, stream);
  }
  fclose(stream);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  cr_expect_eq(diva_dataset_read_features(dataset, 0, 32, values, &error), DIVA_OK);
  cr_expect_eq(diva_dataset_read_features(dataset, 30, 10, values, &error), DIVA_ERROR_INPUT);
  cr_expect(strstr(error.message, "c.h5: /features: rows 30 to 39 cannot be read: inflate"), "%s",
            error.message);
  cr_expect_eq(diva_dataset_read_features(dataset, 48, 16, values, &error), DIVA_OK);
  diva_dataset_close(dataset);
}
