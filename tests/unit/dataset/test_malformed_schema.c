/* Files whose datasets are missing or of the wrong kind, type, shape or size. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(malformed_schema, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 12, COLUMNS = 4 };

/* One malformed file: how it is made, and what has to be said of it. */
struct malformed {
  void (*make)(hid_t file);
  enum diva_status status;
  const char *needles[6];
};

static void put_integers_as(hid_t file, const char *name, hid_t type, int64_t rows,
                            int64_t columns) {
  int64_t values[ROWS * COLUMNS] = {0, 1};
  fixture_put(file, name, type, H5T_NATIVE_INT64, rows, columns, values, H5P_DEFAULT);
}

static void nothing(hid_t file) {
  (void)file;
}

static void no_features(hid_t file) {
  fixture_put_labels(file, ROWS);
  put_integers_as(file, "Feature", H5T_STD_I32LE, ROWS, 0);
}

static void no_labels(hid_t file) {
  fixture_put_features(file, ROWS, COLUMNS);
}

static void group_as_features(hid_t file) {
  H5Gclose(H5Gcreate2(file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  fixture_put_labels(file, ROWS);
}

static void dangling_link(hid_t file) {
  H5Lcreate_soft("/gone", file, "features", H5P_DEFAULT, H5P_DEFAULT);
  fixture_put_labels(file, ROWS);
}

static void integer_features(hid_t file) {
  put_integers_as(file, "features", H5T_STD_I32BE, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS);
}

static void odd_float_features(hid_t file) {
  float values[ROWS * COLUMNS] = {0};
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_ebias(type, 100);
  fixture_put(file, "features", type, H5T_NATIVE_FLOAT, ROWS, COLUMNS, values, H5P_DEFAULT);
  H5Tclose(type);
  fixture_put_labels(file, ROWS);
}

static void flat_features(hid_t file) {
  double values[ROWS] = {0};
  fixture_put_reals(file, "features", ROWS, 0, values);
  fixture_put_labels(file, ROWS);
}

static void features_never_written(hid_t file) {
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, ROWS, COLUMNS, NULL, H5P_DEFAULT);
  fixture_put_labels(file, ROWS);
}

static void no_rows(hid_t file) {
  hsize_t dims[2] = {0, COLUMNS};
  hid_t space = H5Screate_simple(2, dims, NULL);
  H5Dclose(
      H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  fixture_put_labels(file, 0);
}

static void no_columns(hid_t file) {
  hsize_t dims[2] = {ROWS, 0};
  hid_t space = H5Screate_simple(2, dims, NULL);
  H5Dclose(
      H5Dcreate2(file, "features", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  fixture_put_labels(file, ROWS);
}

static void scalar_labels(hid_t file) {
  hid_t space = H5Screate(H5S_SCALAR);
  fixture_put_features(file, ROWS, COLUMNS);
  H5Dclose(H5Dcreate2(file, "labels", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}

static void float_labels(hid_t file) {
  double values[ROWS] = {0, 1};
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_reals(file, "labels", ROWS, 0, values);
}

static void string_labels(hid_t file) {
  const char *values[ROWS] = {"cat"};
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_strings(file, "labels", ROWS, values);
}

static void wide_labels(hid_t file) {
  fixture_put_features(file, ROWS, COLUMNS);
  put_integers_as(file, "labels", H5T_STD_I32LE, ROWS, 2);
}

static void fewer_labels(hid_t file) {
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS - 1);
}

static void good(hid_t file) {
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS);
}

static void more_ids(hid_t file) {
  good(file);
  put_integers_as(file, "ids", H5T_STD_I32LE, ROWS + 1, 0);
}

static void float_ids(hid_t file) {
  double values[ROWS] = {0};
  good(file);
  fixture_put_reals(file, "ids", ROWS, 0, values);
}

static void fewer_weights(hid_t file) {
  double values[ROWS] = {1};
  good(file);
  fixture_put_reals(file, "weights", ROWS - 2, 0, values);
}

static void string_weights(hid_t file) {
  const char *values[ROWS] = {"heavy"};
  good(file);
  fixture_put_strings(file, "weights", ROWS, values);
}

static void integer_targets(hid_t file) {
  fixture_put_features(file, ROWS, COLUMNS);
  put_integers_as(file, "targets", H5T_STD_I16LE, ROWS, 2);
}

static void narrow_base_outputs(hid_t file) {
  static const double values[ROWS * 3] = {0};
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_reals(file, "targets", ROWS, 3, values);
  fixture_put_reals(file, "base_outputs", ROWS, 2, values);
}

static void base_outputs_against_names(hid_t file) {
  static const double values[ROWS * 3] = {0};
  const char *const names[] = {"a", "b"};
  good(file);
  fixture_put_reals(file, "base_outputs", ROWS, 3, values);
  fixture_put_class_names(file, 2, names);
}

static void base_outputs_against_labels(hid_t file) {
  static const double values[ROWS * 2] = {0};
  good(file);
  fixture_put_reals(file, "base_outputs", ROWS, 2, values);
}

static void equal_class_names(hid_t file) {
  const char *const names[] = {"a", "b", "c", "b"};
  good(file);
  fixture_put_class_names(file, 4, names);
}

static void integer_class_names(hid_t file) {
  hsize_t count = 3;
  hid_t space = H5Screate_simple(1, &count, NULL);
  good(file);
  H5Aclose(H5Acreate2(file, "class_names", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}

/* Sizes that nothing was allocated for: chunked, and no chunk written. */
static void put_claim(hid_t file, const char *name, int rank, hsize_t rows, hsize_t columns,
                      hsize_t chunk) {
  hsize_t dims[2] = {rows, columns};
  hsize_t chunks[2] = {rows < chunk ? rows : chunk, columns < chunk ? columns : chunk};
  hid_t space = H5Screate_simple(rank, dims, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, rank, chunks);
  hid_t type = rank == 2 ? H5T_IEEE_F32LE : H5T_STD_I32LE;
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  cr_assert_gt(dataset, 0);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
}

static void sizes_that_overflow(hid_t file) {
  put_claim(file, "features", 2, (hsize_t)1 << 40, (hsize_t)1 << 30, 1024);
  put_claim(file, "labels", 1, (hsize_t)1 << 40, 1, 1024);
}

static void rows_beyond_memory(hid_t file) {
  put_claim(file, "features", 2, (hsize_t)1 << 45, 2, 1024);
  put_claim(file, "labels", 1, (hsize_t)1 << 45, 1, 1024);
}

static void system_beyond_memory(hid_t file) {
  put_claim(file, "features", 2, 10000000, 10000000, 1024);
  put_claim(file, "labels", 1, 10000000, 1, 1024);
}

static void columns_beyond_int(hid_t file) {
  put_claim(file, "features", 2, 3, (hsize_t)1 << 33, 1024);
  put_claim(file, "labels", 1, 3, 1, 1);
}

static const struct malformed cases[] = {
    {nothing, DIVA_ERROR_INPUT, {"there is no dataset /features", "the file has nothing at all"}},
    {no_features,
     DIVA_ERROR_INPUT,
     {"no dataset /features", "did you mean /Feature?", "/Feature, /labels"}},
    {no_labels, DIVA_ERROR_INPUT, {"no dataset /labels and no /targets", "the file has /features"}},
    {group_as_features, DIVA_ERROR_INPUT, {"/features", "is a group, not a dataset"}},
    {dangling_link, DIVA_ERROR_INPUT, {"/features", "cannot be opened"}},
    {integer_features,
     DIVA_ERROR_INPUT,
     {"/features", "features are int32; store them as float16, bfloat16, float32 or float64"}},
    {odd_float_features, DIVA_ERROR_INPUT, {"/features", "a 32-bit float of another format"}},
    {flat_features, DIVA_ERROR_INPUT, {"/features", "1 dimension (12)", "rows x columns"}},
    {features_never_written, DIVA_ERROR_INPUT, {"/features", "nothing was ever written"}},
    {no_rows, DIVA_ERROR_INPUT, {"/features", "has no rows (0 x 4)"}},
    {no_columns, DIVA_ERROR_INPUT, {"/features", "has no columns (12 x 0)"}},
    {scalar_labels, DIVA_ERROR_INPUT, {"/labels", "0 dimensions (a single value)"}},
    {float_labels, DIVA_ERROR_INPUT, {"/labels", "labels are float64", "class_names"}},
    {string_labels, DIVA_ERROR_INPUT, {"/labels", "labels are strings"}},
    {wide_labels, DIVA_ERROR_INPUT, {"/labels", "2 dimensions (12 x 2)", "one value a row"}},
    {fewer_labels, DIVA_ERROR_INPUT, {"/labels", "has 11 rows, but /features has 12"}},
    {more_ids, DIVA_ERROR_INPUT, {"/ids", "has 13 rows, but /features has 12"}},
    {float_ids, DIVA_ERROR_INPUT, {"/ids", "ids are float64"}},
    {fewer_weights, DIVA_ERROR_INPUT, {"/weights", "has 10 rows, but /features has 12"}},
    {string_weights, DIVA_ERROR_INPUT, {"/weights", "weights are strings"}},
    {integer_targets, DIVA_ERROR_INPUT, {"/targets", "holds int16"}},
    {narrow_base_outputs, DIVA_ERROR_INPUT, {"/base_outputs", "has 2 columns, but /targets has 3"}},
    {base_outputs_against_names,
     DIVA_ERROR_INPUT,
     {"/base_outputs", "has 3 columns, but there are 2 class_names"}},
    {base_outputs_against_labels,
     DIVA_ERROR_INPUT,
     {"/labels: row 2: label 2", "base_outputs (/base_outputs) has 2 columns"}},
    {equal_class_names, DIVA_ERROR_INPUT, {"class_names: classes 1 and 3 have the same name 'b'"}},
    {integer_class_names, DIVA_ERROR_INPUT, {"class_names", "is not a list of strings"}},
    {sizes_that_overflow, DIVA_ERROR_INPUT, {"/features", "1099511627776 rows", "overflow"}},
    {rows_beyond_memory, DIVA_ERROR_INPUT, {"/features", "35184372088832 rows", "this machine"}},
    {system_beyond_memory,
     DIVA_ERROR_INPUT,
     {"/features", "a system of 10000000 x 10000000", "this machine has"}},
    {columns_beyond_int, DIVA_ERROR_INPUT, {"/features", "8589934592 columns (limit 2147483647)"}},
};

Test(malformed_schema, every_case) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("m.h5", path);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hid_t file = fixture_create(path);
    cases[i].make(file);
    H5Fclose(file);
    fixture_expect_refused(path, NULL, cases[i].status, cases[i].needles);
  }
}

Test(malformed_schema, names_given_by_option) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  fixture_path("m.h5", path);
  hid_t file = fixture_create(path);
  good(file);
  put_integers_as(file, "deep/er/labels", H5T_STD_I8LE, ROWS, 0);
  H5Fclose(file);

  diva_dataset_options_init(&options);
  options.labels = "/deep/er/labels";
  diva_dataset_close(fixture_open(path, &options));
  options.labels = "deep/her/labels";
  fixture_expect_refused(path, &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"no dataset /deep/her/labels", NULL});
  options.labels = NULL;
  options.ids = "labls"; /* optional by default, but not when named */
  fixture_expect_refused(path, &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"no dataset /labls", "did you mean /labels?", NULL});
  options.ids = "";
  fixture_expect_refused(path, &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"no dataset /", NULL});
}

Test(malformed_schema, use_of_the_interface) {
  struct diva_dataset *dataset;
  struct diva_error error;
  struct diva_dataset_options options;
  const char *path = "x.h5";
  diva_dataset_options_init(&options);
  options.version = 77;
  cr_expect_eq(diva_dataset_open(&path, 1, &options, &dataset, &error), DIVA_ERROR_USAGE);
  diva_dataset_options_init(&options);
  options.labels = "a";
  options.targets = "b";
  cr_expect_eq(diva_dataset_open(&path, 1, &options, &dataset, &error), DIVA_ERROR_USAGE);
  cr_expect_eq(diva_dataset_open(&path, 0, NULL, &dataset, &error), DIVA_ERROR_USAGE);
  cr_expect_null(dataset);
}

/* What the machine has but the caller does not allow is the caller's to change. */
Test(malformed_schema, memory_that_is_not_allowed) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  hsize_t chunk[2] = {1000, 1000};
  static float values[1000 * 1000];
  fixture_path("m.h5", path);
  hid_t file = fixture_create(path);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1000, 1000, values, creation);
  fixture_put_labels(file, 1000);
  H5Pclose(creation);
  H5Fclose(file);
  diva_dataset_options_init(&options);
  options.memory = 1000;
  fixture_expect_refused(path, &options, DIVA_ERROR_RESOURCE,
                         (const char *const[]){"1000 rows", "1000 bytes are allowed", NULL});
  options.memory = 1000000;
  fixture_expect_refused(path, &options, DIVA_ERROR_RESOURCE,
                         (const char *const[]){"a system of 1000 x 1000", NULL});
  options.memory = 0;
  diva_dataset_close(fixture_open(path, &options));
}

Test(malformed_schema, filter_that_is_not_there) {
  enum { ABSENT = 32099 };
  char path[FIXTURE_PATH_SIZE];
  hsize_t chunk[2] = {4, COLUMNS};
  float values[ROWS * COLUMNS] = {0};
  fixture_path("f.h5", path);
  hid_t file = fixture_create(path);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Pset_filter(creation, ABSENT, H5Z_FLAG_OPTIONAL, 0, NULL);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, ROWS, COLUMNS, values, creation);
  H5Pclose(creation);
  fixture_put_labels(file, ROWS);
  H5Fclose(file);
  fixture_expect_refused(path, NULL, DIVA_ERROR_INPUT,
                         (const char *const[]){"/features", "filter 32099", "cannot read", NULL});
}
