/* Manifests in each format: the bytes, the refusals, and that nothing is left behind. */
#define _GNU_SOURCE
#include <diva/manifest.h>

#include "folder.h"
#include "host/dataset/hdf5_file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(manifest, .init = folder_enter, .fini = folder_leave);

enum { ROWS = 4 };

static const float features[ROWS * 2] = {0, 1, 2, 3, 4, 5, 6, 7};
static const int32_t labels[ROWS] = {0, 1, -1, 1};
static const char *const ids[ROWS] = {"a", "b,\"c\"", "d\n", "\xc3\xa9"};
static const char *const names[] = {"cat", "dog, big"};
static const double derivative[ROWS] = {0.5, -1.25e-7, NAN, INFINITY};
static const uint8_t keep[ROWS] = {1, 0, 1, 1};
static const int32_t suggested[ROWS] = {1, 1, -1, 0};
static const uint8_t action[ROWS] = {0, 1, 0, 0};
static const char *const actions[] = {"keep", "relabel"};
static const struct diva_column columns[] = {
    {.name = "derivative", .type = DIVA_COLUMN_REAL, .data = derivative},
    {.name = "keep", .type = DIVA_COLUMN_BOOLEAN, .data = keep},
    {.name = "suggested_label", .type = DIVA_COLUMN_CLASS, .data = suggested},
    {.name = "action", .type = DIVA_COLUMN_CHOICE, .data = action, .choices = actions}};

static struct diva_dataset *small_dataset(bool named) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = 2;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  arrays.ids = named ? ids : NULL;
  arrays.class_names = named ? names : NULL;
  arrays.outputs = 2;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  return dataset;
}

static struct diva_manifest manifest_of(const struct diva_dataset *dataset) {
  struct diva_manifest manifest;
  diva_manifest_init(&manifest);
  manifest.dataset = dataset;
  manifest.columns = columns;
  manifest.column_count = sizeof columns / sizeof *columns;
  return manifest;
}

static void expect_file(const char *path, const char *expected) {
  char *const text = file_read(path, NULL);
  cr_assert_not_null(text, "%s is missing", path);
  cr_expect_str_eq(text, expected);
  free(text);
}

Test(manifest, format_follows_name_or_extension) {
  const struct {
    const char *name;
    const char *path;
    int format; /* -1: refused */
  } cases[] = {{NULL, "-", DIVA_FORMAT_JSONL},
               {NULL, "x.JSONL", DIVA_FORMAT_JSONL},
               {NULL, "x.ndjson", DIVA_FORMAT_JSONL},
               {NULL, "a.b/x.csv", DIVA_FORMAT_CSV},
               {NULL, "x.npy", DIVA_FORMAT_NPY},
               {NULL, "x.h5", DIVA_FORMAT_HDF5},
               {NULL, "x.hdf5", DIVA_FORMAT_HDF5},
               {"csv", "x.npy", DIVA_FORMAT_CSV},
               {NULL, "x.json", -1},
               {NULL, "a.csv/x", -1},
               {NULL, "x", -1},
               {"parquet", "x.csv", -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum diva_format format = DIVA_FORMAT_JSONL;
    struct diva_error error;
    const enum diva_status status =
        diva_format_choose(cases[i].name, cases[i].path, &format, &error);
    cr_expect_eq(status, cases[i].format < 0 ? DIVA_ERROR_USAGE : DIVA_OK, "%s", cases[i].path);
    if (cases[i].format >= 0) {
      cr_expect_eq((int)format, cases[i].format, "%s", cases[i].path);
    } else {
      cr_expect_not_null(strstr(error.message, "csv"), "%s", error.message);
    }
  }
}

Test(manifest, absent_class_column) {
  static const struct diva_column absent[] = {{.name = "other", .type = DIVA_COLUMN_CLASS}};
  struct diva_dataset *dataset = small_dataset(true);
  struct diva_manifest manifest = manifest_of(dataset);
  struct diva_error error;
  const int64_t order[] = {0};
  manifest.columns = absent;
  manifest.column_count = 1;
  manifest.order = order;
  manifest.order_count = 1;
  cr_assert_eq(diva_manifest_write(&manifest, "out.jsonl", DIVA_FORMAT_JSONL, NULL, NULL, &error),
               DIVA_OK);
  expect_file("out.jsonl", "{\"id\": \"a\", \"index\": 0, \"label\": \"cat\", \"other\": null}\n");
  diva_dataset_close(dataset);
}

Test(manifest, jsonl_and_csv_rows) {
  struct diva_dataset *dataset = small_dataset(true);
  struct diva_manifest manifest = manifest_of(dataset);
  const int64_t order[] = {1, 0, 3, 2};
  struct diva_error error;
  manifest.order = order;
  manifest.order_count = ROWS;
  cr_assert_eq(diva_manifest_write(&manifest, "out.jsonl", DIVA_FORMAT_JSONL, "{}", NULL, &error),
               DIVA_OK);
  expect_file("out.jsonl",
              "{\"id\": \"b,\\\"c\\\"\", \"index\": 1, \"label\": \"dog, big\", \"derivative\": "
              "-1.25e-07, \"keep\": false, \"suggested_label\": \"dog, big\", \"action\": "
              "\"relabel\"}\n"
              "{\"id\": \"a\", \"index\": 0, \"label\": \"cat\", \"derivative\": 0.5, \"keep\": "
              "true, \"suggested_label\": \"dog, big\", \"action\": \"keep\"}\n"
              "{\"id\": \"\xc3\xa9\", \"index\": 3, \"label\": \"dog, big\", \"derivative\": null, "
              "\"keep\": true, \"suggested_label\": \"cat\", \"action\": \"keep\"}\n"
              "{\"id\": \"d\\n\", \"index\": 2, \"label\": null, \"derivative\": null, \"keep\": "
              "true, \"suggested_label\": null, \"action\": \"keep\"}\n");
  expect_file("out.jsonl.provenance.json", "{}\n");
  manifest.order_count = 2;
  cr_assert_eq(diva_manifest_write(&manifest, "out.csv", DIVA_FORMAT_CSV, NULL, NULL, &error),
               DIVA_OK);
  expect_file("out.csv", "id,index,label,derivative,keep,suggested_label,action\n"
                         "\"b,\"\"c\"\"\",1,\"dog, big\",-1.25e-07,false,\"dog, big\",relabel\n"
                         "a,0,cat,0.5,true,\"dog, big\",keep\n");
  cr_expect_eq(folder_count(), 3);
  diva_dataset_close(dataset);

  dataset = small_dataset(false);
  manifest = manifest_of(dataset);
  manifest.column_count = 1;
  cr_assert_eq(diva_manifest_write(&manifest, "out.csv", DIVA_FORMAT_CSV, NULL, NULL, &error),
               DIVA_OK);
  expect_file("out.csv", "id,index,label,derivative\n0,0,0,0.5\n1,1,1,-1.25e-07\n2,2,,\n3,3,1,\n");
  diva_dataset_close(dataset);
}

/* Rows by the thousand, so that there are several waves of blocks. */
static double *many_values(int64_t rows) {
  double *const values = calloc((size_t)rows, sizeof *values);
  cr_assert_not_null(values);
  for (int64_t i = 0; i < rows; i++) {
    values[i] = sin((double)i) * pow(10, (double)(i % 7) - 3);
  }
  return values;
}

static struct diva_dataset *large_dataset(int64_t rows, float **memory) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  int32_t *const many = calloc((size_t)rows, sizeof *many);
  *memory = calloc((size_t)rows, sizeof **memory);
  cr_assert(many && *memory);
  many[0] = 1;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = *memory;
  arrays.labels = many;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  free(many);
  return dataset;
}

static bool stop_at_once(void *context, const char *phase, int64_t done, int64_t total) {
  (void)phase;
  int64_t *const seen = context;
  *seen = done;
  return done < total;
}

Test(manifest, bytes_do_not_depend_on_threads_and_cancelling_leaves_nothing) {
  const int64_t rows = 20000;
  float *memory;
  struct diva_error error;
  struct diva_dataset *const dataset = large_dataset(rows, &memory);
  double *const values = many_values(rows);
  const struct diva_column column = {.name = "x", .type = DIVA_COLUMN_REAL, .data = values};
  struct diva_manifest manifest = manifest_of(dataset);
  manifest.columns = &column;
  manifest.column_count = 1;
  omp_set_num_threads(1);
  cr_assert_eq(diva_manifest_write(&manifest, "1.jsonl", DIVA_FORMAT_JSONL, NULL, NULL, &error),
               DIVA_OK);
  omp_set_num_threads(3);
  cr_assert_eq(diva_manifest_write(&manifest, "3.jsonl", DIVA_FORMAT_JSONL, NULL, NULL, &error),
               DIVA_OK);
  cr_expect(files_equal("1.jsonl", "3.jsonl"));
  char *const text = file_read("1.jsonl", NULL);
  int64_t row = 0;
  for (const char *line = text; *line; line = strchr(line, '\n') + 1, row++) {
    const char *const value = strstr(line, "\"x\": ");
    cr_assert_not_null(value);
    cr_assert_eq(strtod(value + 5, NULL), values[row], "row %lld", (long long)row);
  }
  cr_expect_eq(row, rows);
  free(text);

  int64_t seen = 0;
  const struct diva_progress progress = {.report = stop_at_once, .context = &seen};
  const enum diva_format formats[] = {DIVA_FORMAT_JSONL, DIVA_FORMAT_HDF5};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    omp_set_num_threads(1);
    cr_expect_eq(diva_manifest_write(&manifest, "cancelled", formats[i], "{}", &progress, &error),
                 DIVA_ERROR_CANCELLED);
    cr_expect_gt(seen, 0);
  }
  cr_expect_eq(folder_count(), 2);
  free(values);
  free(memory);
  diva_dataset_close(dataset);
}

Test(manifest, npy_shapes_and_values) {
  struct diva_dataset *const dataset = small_dataset(true);
  struct diva_manifest manifest = manifest_of(dataset);
  const int64_t kept[] = {0, 2, 3};
  const double values[] = {0.5, -1, 2, 1e300};
  struct diva_error error;
  size_t length = 0;
  cr_expect_eq(diva_manifest_write(&manifest, "k.npy", DIVA_FORMAT_NPY, NULL, NULL, &error),
               DIVA_ERROR_USAGE);
  manifest.npy_indices = kept;
  manifest.npy_count = 3;
  cr_assert_eq(diva_manifest_write(&manifest, "k.npy", DIVA_FORMAT_NPY, NULL, NULL, &error),
               DIVA_OK);
  char *bytes = file_read("k.npy", &length);
  cr_assert_eq(length, 128 + sizeof kept);
  cr_expect_eq(memcmp(bytes, "\x93NUMPY\x01\x00\x76\x00", 10), 0);
  cr_expect_not_null(
      strstr(bytes + 10, "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"));
  cr_expect_eq(memcmp(bytes + 128, kept, sizeof kept), 0);
  free(bytes);
  manifest.npy_indices = NULL;
  manifest.npy_values = values;
  manifest.npy_count = ROWS;
  manifest.npy_columns = 1;
  cr_assert_eq(diva_manifest_write(&manifest, "v.npy", DIVA_FORMAT_NPY, NULL, NULL, &error),
               DIVA_OK);
  bytes = file_read("v.npy", &length);
  cr_assert_eq(length, 128 + sizeof values);
  cr_expect_not_null(strstr(bytes + 10, "'<f8', 'fortran_order': False, 'shape': (4, 1), }"));
  cr_expect_eq(memcmp(bytes + 128, values, sizeof values), 0);
  free(bytes);
  diva_dataset_close(dataset);
}

static void read_column(const char *path, const char *name, hid_t type, void *out) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  cr_assert_geq(dataset, 0, "%s has no %s", path, name);
  cr_assert_geq(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out), 0);
  H5Dclose(dataset);
  H5Fclose(file);
}

static void expect_strings(const char *path, const char *name, const char *const *expected) {
  char values[ROWS][16] = {{0}};
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, sizeof values[0]);
  H5Tset_cset(type, H5T_CSET_UTF8);
  read_column(path, name, type, values);
  for (int i = 0; i < ROWS; i++) {
    cr_expect_str_eq(values[i], expected[i], "%s row %d", name, i);
  }
  H5Tclose(type);
}

Test(manifest, hdf5_columns) {
  struct diva_dataset *dataset = small_dataset(true);
  struct diva_manifest manifest = manifest_of(dataset);
  struct diva_error error;
  cr_assert_eq(diva_manifest_write(&manifest, "a.h5", DIVA_FORMAT_HDF5, "{}", NULL, &error),
               DIVA_OK, "%s", error.message);
  cr_assert_eq(diva_manifest_write(&manifest, "b.h5", DIVA_FORMAT_HDF5, NULL, NULL, &error),
               DIVA_OK);
  cr_expect(files_equal("a.h5", "b.h5"));
  double reals[ROWS];
  int64_t index[ROWS];
  read_column("a.h5", "derivative", H5T_NATIVE_DOUBLE, reals);
  read_column("a.h5", "index", H5T_NATIVE_INT64, index);
  cr_expect_eq(reals[1], derivative[1]);
  cr_expect(isnan(reals[2]));
  cr_expect_eq(index[3], 3);
  const char *const label_names[] = {"cat", "dog, big", "", "dog, big"};
  const char *const action_names[] = {"keep", "relabel", "keep", "keep"};
  expect_strings("a.h5", "id", ids);
  expect_strings("a.h5", "label", label_names);
  expect_strings("a.h5", "action", action_names);
  diva_dataset_close(dataset);

  dataset = small_dataset(false);
  manifest = manifest_of(dataset);
  cr_assert_eq(diva_manifest_write(&manifest, "c.h5", DIVA_FORMAT_HDF5, NULL, NULL, &error),
               DIVA_OK);
  int32_t numbers[ROWS];
  read_column("c.h5", "label", H5T_NATIVE_INT32, numbers);
  cr_expect_eq(memcmp(numbers, labels, sizeof labels), 0);
  diva_dataset_close(dataset);
}

static void make_input(const char *path) {
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t shape[] = {ROWS, 2};
  hid_t matrix = H5Screate_simple(2, shape, NULL);
  hid_t vector = H5Screate_simple(1, shape, NULL);
  hid_t x =
      H5Dcreate2(file, "features", H5T_IEEE_F32LE, matrix, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  hid_t y =
      H5Dcreate2(file, "labels", H5T_STD_I32LE, vector, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(x, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, features);
  H5Dwrite(y, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
  H5Dclose(y);
  H5Dclose(x);
  H5Sclose(vector);
  H5Sclose(matrix);
  H5Fclose(file);
}

Test(manifest, input_is_never_overwritten) {
  const char *const input = "in.h5";
  const char *const targets[] = {"in.h5", "./in.h5", "hard.h5", "soft.h5"};
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  make_input(input);
  cr_assert_eq(link(input, "hard.h5"), 0);
  cr_assert_eq(symlink(input, "soft.h5"), 0);
  cr_assert_eq(symlink(input, "out.jsonl.provenance.json"), 0);
  cr_assert_eq(diva_dataset_open(&input, 1, NULL, &dataset, &error), DIVA_OK, "%s", error.message);
  struct diva_manifest manifest = manifest_of(dataset);
  size_t before = 0;
  char *const bytes = file_read(input, &before);
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    cr_expect_eq(diva_manifest_write(&manifest, targets[i], DIVA_FORMAT_HDF5, NULL, NULL, &error),
                 DIVA_ERROR_USAGE, "%s", targets[i]);
    cr_expect_not_null(strstr(error.message, "is the input itself"), "%s", error.message);
  }
  cr_expect_eq(diva_manifest_write(&manifest, "out.jsonl", DIVA_FORMAT_JSONL, "{}", NULL, &error),
               DIVA_ERROR_USAGE);
  cr_expect_eq(folder_count(), 4);
  size_t after = 0;
  char *const again = file_read(input, &after);
  cr_expect(before == after && memcmp(bytes, again, after) == 0);
  free(bytes);
  free(again);
  diva_dataset_close(dataset);
}

Test(manifest, full_disk_leaves_nothing) {
  const int64_t rows = 20000;
  float *memory;
  struct diva_error error;
  struct diva_dataset *const dataset = large_dataset(rows, &memory);
  double *const values = many_values(rows);
  const struct diva_column column = {.name = "x", .type = DIVA_COLUMN_REAL, .data = values};
  const enum diva_format formats[] = {DIVA_FORMAT_JSONL, DIVA_FORMAT_CSV, DIVA_FORMAT_NPY,
                                      DIVA_FORMAT_HDF5};
  const struct rlimit limit = {.rlim_cur = 20000, .rlim_max = RLIM_INFINITY};
  struct diva_manifest manifest = manifest_of(dataset);
  manifest.columns = &column;
  manifest.column_count = 1;
  manifest.npy_values = values;
  manifest.npy_count = rows;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    cr_expect_eq(diva_manifest_write(&manifest, "out", formats[i], "{}", NULL, &error),
                 DIVA_ERROR_RESOURCE, "%s", diva_format_name(formats[i]));
    cr_expect_not_null(strstr(error.message, "File too large"), "%s: %s",
                       diva_format_name(formats[i]), error.message);
    cr_expect_eq(folder_count(), 0, "%s", diva_format_name(formats[i]));
  }
  free(values);
  free(memory);
  diva_dataset_close(dataset);
}

Test(manifest, order_and_version_are_checked) {
  struct diva_dataset *const dataset = small_dataset(true);
  struct diva_manifest manifest = manifest_of(dataset);
  const int64_t order[] = {0, ROWS};
  struct diva_error error;
  manifest.order = order;
  manifest.order_count = 2;
  cr_expect_eq(diva_manifest_write(&manifest, "x.csv", DIVA_FORMAT_CSV, NULL, NULL, &error),
               DIVA_ERROR_USAGE);
  cr_expect_not_null(strstr(error.message, "order[1] is 4"), "%s", error.message);
  manifest.order_count = 1;
  cr_expect_eq(diva_manifest_write(&manifest, "-", DIVA_FORMAT_HDF5, NULL, NULL, &error),
               DIVA_ERROR_USAGE);
  manifest.version = 99;
  cr_expect_eq(diva_manifest_write(&manifest, "x.csv", DIVA_FORMAT_CSV, NULL, NULL, &error),
               DIVA_ERROR_USAGE);
  cr_expect_eq(folder_count(), 0);
  diva_dataset_close(dataset);
}
