/* Some rows of a dataset as a new file: everything of them, and everything else. */
#define _GNU_SOURCE
#include "fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(write_rows, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 40, COLUMNS = 3 };

static void put_chunked_features(hid_t file) {
  hsize_t dims[2] = {ROWS, COLUMNS};
  hsize_t most[2] = {H5S_UNLIMITED, COLUMNS};
  hsize_t chunk[2] = {16, COLUMNS};
  double values[ROWS * COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = i / COLUMNS + (i % COLUMNS) * 0.25;
  }
  hid_t type = fixture_half();
  hid_t space = H5Screate_simple(2, dims, most);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Pset_shuffle(creation);
  H5Pset_deflate(creation, 4);
  hid_t dataset = H5Dcreate2(file, "features", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  hid_t scalar = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(dataset, "model", H5T_STD_I32BE, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT, &(int){17});
  H5Aclose(attribute);
  hobj_ref_t reference;
  H5Rcreate(&reference, file, "/features", H5R_OBJECT, -1);
  attribute = H5Acreate2(dataset, "scale", H5T_STD_REF_OBJ, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_STD_REF_OBJ, &reference);
  H5Aclose(attribute);
  H5Sclose(scalar);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
  H5Tclose(type);
}

/* Lists of row % 4 integers each. */
static void put_lists(hid_t file) {
  static int32_t numbers[4] = {7, 8, 9, 10};
  hvl_t lists[ROWS];
  for (int i = 0; i < ROWS; i++) {
    lists[i] = (hvl_t){.len = (size_t)i % 4, .p = numbers};
  }
  hid_t type = H5Tvlen_create(H5T_STD_I32LE);
  fixture_put(file, "groups/deep/lists", type, type, ROWS, 0, lists, H5P_DEFAULT);
  H5Tclose(type);
}

static void make_file(const char *path) {
  const char *const names[] = {"zero", "one", "two"};
  const char *ids[ROWS];
  char texts[ROWS][16];
  char cells[ROWS][6];
  int64_t labels[ROWS];
  int64_t sites[ROWS];
  for (int i = 0; i < ROWS; i++) {
    snprintf(texts[i], sizeof texts[i], "row-%d", i);
    snprintf(cells[i], sizeof cells[i], "p%d", i);
    ids[i] = texts[i];
    labels[i] = i % 3;
    sites[i] = i / 7;
  }
  hid_t file = fixture_create(path);
  put_chunked_features(file);
  fixture_put(file, "labels", H5T_STD_I8LE, H5T_NATIVE_INT64, ROWS, 1, labels, H5P_DEFAULT);
  fixture_put_strings(file, "ids", ROWS, ids);
  fixture_put_integers(file, "groups/site", ROWS, sites);
  fixture_put_integers(file, "meta/table", 5, sites);
  put_lists(file);
  hid_t cell = H5Tcopy(H5T_C_S1);
  H5Tset_size(cell, 6);
  fixture_put(file, "paths", cell, cell, ROWS, 0, cells, H5P_DEFAULT);
  H5Tcommit2(file, "meta/cell", cell, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Tclose(cell);
  H5Lcreate_soft("/labels", file, "alias", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "features", file, "meta/same", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", file, "meta/up", H5P_DEFAULT, H5P_DEFAULT);
  fixture_put_class_names(file, 3, names);
  H5Fclose(file);
}

static void write_rows(const char *from, const int64_t *rows, int64_t count, const int32_t *labels,
                       const double *weights, const char *to) {
  struct diva_error error;
  struct diva_dataset *dataset = fixture_open(from, NULL);
  enum diva_status status =
      diva_dataset_write_rows(dataset, rows, count, labels, weights, to, NULL, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  diva_dataset_close(dataset);
}

static void read_all(hid_t file, const char *name, hid_t memory_type, void *out) {
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  cr_assert_gt(dataset, 0, "%s", name);
  cr_assert_geq(H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out), 0, "%s", name);
  H5Dclose(dataset);
}

static void check_values(hid_t file, const int64_t *rows, int64_t count) {
  double features[ROWS * COLUMNS];
  int64_t sites[ROWS];
  int64_t table[5];
  char cells[ROWS][6];
  hid_t cell = H5Tcopy(H5T_C_S1);
  hid_t lists_type = H5Tvlen_create(H5T_NATIVE_INT32);
  hvl_t lists[ROWS];
  H5Tset_size(cell, 6);
  read_all(file, "features", H5T_NATIVE_DOUBLE, features);
  read_all(file, "groups/site", H5T_NATIVE_INT64, sites);
  read_all(file, "meta/table", H5T_NATIVE_INT64, table);
  read_all(file, "paths", cell, cells);
  read_all(file, "groups/deep/lists", lists_type, lists);
  for (int64_t i = 0; i < count; i++) {
    char expected[24];
    snprintf(expected, sizeof expected, "p%lld", (long long)rows[i]);
    cr_expect_float_eq(features[i * COLUMNS + 2], (double)rows[i] + 0.5, 0);
    cr_expect_eq(sites[i], rows[i] / 7);
    cr_expect_str_eq(cells[i], expected);
    cr_expect_eq(lists[i].len, (size_t)rows[i] % 4);
    cr_expect(!lists[i].len || ((int32_t *)lists[i].p)[lists[i].len - 1] == 6 + rows[i] % 4);
    free(lists[i].p);
  }
  cr_expect_eq(table[4], 0);
  H5Tclose(lists_type);
  H5Tclose(cell);
}

static void check_structure(hid_t file) {
  hsize_t chunk[2], dims[2], most[2];
  hid_t features = H5Dopen2(file, "features", H5P_DEFAULT);
  hid_t creation = H5Dget_create_plist(features);
  hid_t space = H5Dget_space(features);
  H5Sget_simple_extent_dims(space, dims, most);
  cr_expect_eq(H5Pget_chunk(creation, 2, chunk), 2);
  cr_expect_eq(chunk[0], dims[0] < 16 ? dims[0] : 16);
  cr_expect_eq(most[0], H5S_UNLIMITED);
  cr_expect_eq(H5Pget_nfilters(creation), 2);
  cr_expect_gt(H5Aexists(features, "model"), 0);
  cr_expect_eq(H5Aexists(features, "scale"), 0); /* it would point nowhere */
  cr_expect_gt(H5Aexists(file, "class_names"), 0);
  H5Sclose(space);
  H5Pclose(creation);
  H5Dclose(features);
  H5L_info_t link;
  cr_expect_geq(H5Lget_info(file, "alias", &link, H5P_DEFAULT), 0);
  cr_expect_eq(link.type, H5L_TYPE_SOFT);
  cr_expect_gt(H5Lexists(file, "meta/up/meta/up/meta/same", H5P_DEFAULT), 0);
  hobj_ref_t one, other;
  H5Rcreate(&one, file, "/features", H5R_OBJECT, -1);
  H5Rcreate(&other, file, "/meta/same", H5R_OBJECT, -1);
  cr_expect_eq(one, other);
  hid_t named = H5Topen2(file, "meta/cell", H5P_DEFAULT);
  cr_expect_gt(named, 0);
  H5Tclose(named);
}

Test(write_rows, everything_of_the_rows) {
  static const struct {
    int64_t rows[ROWS];
    int64_t count;
  } cases[] = {
      {{0, 1, 2, 3, 4, 5, 20, 21, 39}, 9},
      {{39, 5, 4, 17, 0}, 5},
      {{38, 39}, 2},
  };
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char expected[24];
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  make_file(from);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const int64_t *rows = cases[c].rows;
    struct diva_dataset_info info;
    write_rows(from, rows, cases[c].count, NULL, NULL, to);
    cr_expect_eq(fixture_file_count(), 2);
    struct diva_dataset *dataset = fixture_open(to, NULL);
    diva_dataset_describe(dataset, &info);
    cr_expect_eq(info.rows, cases[c].count);
    cr_expect_eq(info.feature_type, DIVA_FLOAT16);
    cr_expect_str_eq(info.layout, "chunked+shuffle+gzip");
    cr_expect_str_eq(diva_dataset_class_name(dataset, 2), "two");
    for (int64_t i = 0; i < info.rows; i++) {
      snprintf(expected, sizeof expected, "row-%lld", (long long)rows[i]);
      cr_expect_str_eq(diva_dataset_id(dataset, i, scratch), expected);
      cr_expect_eq(diva_dataset_labels(dataset)[i], rows[i] % 3);
    }
    diva_dataset_close(dataset);
    hid_t file = H5Fopen(to, H5F_ACC_RDONLY, H5P_DEFAULT);
    check_values(file, rows, cases[c].count);
    check_structure(file);
    H5Fclose(file);
  }
}

Test(write_rows, same_bytes_twice) {
  const int64_t rows[] = {3, 4, 5, 30};
  char from[FIXTURE_PATH_SIZE];
  char to[2][FIXTURE_PATH_SIZE];
  char digests[2][DIVA_SHA256_SIZE];
  fixture_path("from.h5", from);
  fixture_path("a.h5", to[0]);
  fixture_path("b.h5", to[1]);
  make_file(from);
  for (int i = 0; i < 2; i++) {
    write_rows(from, rows, 4, NULL, NULL, to[i]);
    struct diva_dataset *dataset = fixture_open(to[i], NULL);
    cr_assert_eq(diva_dataset_sha256(dataset, 0, digests[i], NULL), DIVA_OK);
    diva_dataset_close(dataset);
    sleep(i == 0); /* times would show as soon as the clock has moved on by a second */
  }
  cr_expect_str_eq(digests[0], digests[1]);
}

Test(write_rows, labels_and_weights_replaced) {
  const int64_t rows[] = {0, 2, 11};
  int32_t labels[ROWS];
  double weights[ROWS];
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  char again[FIXTURE_PATH_SIZE];
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  fixture_path("again.h5", again);
  make_file(from);
  for (int i = 0; i < ROWS; i++) {
    labels[i] = i == 2 ? -1 : (i + 1) % 3;
    weights[i] = i * 0.5;
  }
  write_rows(from, rows, 3, labels, weights, to); /* adds weights */
  struct diva_dataset *dataset = fixture_open(to, NULL);
  for (int i = 0; i < 3; i++) {
    cr_expect_eq(diva_dataset_labels(dataset)[i], labels[rows[i]]);
    cr_expect_float_eq(diva_dataset_weights(dataset)[i], weights[rows[i]], 0);
  }
  diva_dataset_close(dataset);
  write_rows(to, (const int64_t[]){0, 1, 2}, 3, NULL, (const double[]){4, 5, 6}, again);
  dataset = fixture_open(again, NULL);
  cr_expect_float_eq(diva_dataset_weights(dataset)[2], 6, 0);
  diva_dataset_close(dataset);
  hid_t file = H5Fopen(to, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "labels", H5P_DEFAULT);
  hid_t type = H5Dget_type(set);
  cr_expect_eq(H5Tget_size(type), 1); /* the type of the file, as the new labels fit */
  H5Tclose(type);
  H5Dclose(set);
  H5Fclose(file);
}

/* An unsigned type has no -1. */
Test(write_rows, labels_that_need_another_type) {
  int64_t given[ROWS];
  int32_t labels[ROWS];
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  for (int i = 0; i < ROWS; i++) {
    given[i] = i % 3;
    labels[i] = i == 1 ? -1 : i % 3;
  }
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  hid_t file = fixture_create(from);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put(file, "labels", H5T_STD_U8LE, H5T_NATIVE_INT64, ROWS, 0, given, H5P_DEFAULT);
  H5Fclose(file);
  write_rows(from, (const int64_t[]){0, 1, 2}, 3, labels, NULL, to);
  struct diva_dataset *dataset = fixture_open(to, NULL);
  cr_expect_eq(diva_dataset_labels(dataset)[1], -1);
  diva_dataset_close(dataset);
}

/* More than one block, sparse and out of order, contiguous and chunked. */
Test(write_rows, large) {
  enum { MANY = 30000, WIDE = 128, PICKED = 20000 };
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  int64_t *rows = malloc(PICKED * sizeof *rows);
  float row[WIDE];
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  hid_t file = fixture_create(from);
  fixture_put_features(file, MANY, WIDE);
  fixture_put_labels(file, MANY);
  H5Fclose(file);
  for (int order = 0; order < 2; order++) {
    for (int64_t i = 0; i < PICKED; i++) {
      rows[i] = order ? i * 7919 % MANY : i + i / 2;
    }
    write_rows(from, rows, PICKED, NULL, NULL, to);
    struct diva_dataset *dataset = fixture_open(to, NULL);
    for (int64_t i = 0; i < PICKED; i += 61) {
      cr_assert_eq(diva_dataset_read_features(dataset, i, 1, row, NULL), DIVA_OK);
      cr_assert_float_eq(row[9], (float)rows[i] + 9.0f / 8, 0);
      cr_assert_eq(diva_dataset_labels(dataset)[i], rows[i] % 3);
    }
    diva_dataset_close(dataset);
  }
  free(rows);
}

Test(write_rows, from_shards) {
  char paths[2][FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  const char *const texts[2][4] = {{"a", "b", "c", "d"}, {"e", "f", "g", "h"}};
  const int64_t counts[2] = {4, 3};
  const int64_t rows[] = {6, 0, 5, 3};
  const char *const expected[] = {"g", "a", "f", "d"};
  char scratch[DIVA_ID_SCRATCH_SIZE];
  float row[COLUMNS];
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  fixture_path("a.h5", paths[0]);
  fixture_path("b.h5", paths[1]);
  fixture_path("to.h5", to);
  for (int i = 0; i < 2; i++) {
    hid_t file = fixture_create(paths[i]);
    fixture_put_features(file, counts[i], COLUMNS);
    fixture_put_labels(file, counts[i]);
    fixture_put_strings(file, "ids", counts[i], texts[i]);
    H5Fclose(file);
  }
  const char *const arguments[] = {paths[0], paths[1]};
  cr_assert_eq(diva_dataset_open(arguments, 2, NULL, &dataset, &error), DIVA_OK);
  cr_expect_eq(diva_dataset_write_rows(dataset, rows, 4, NULL, NULL, paths[1], NULL, &error),
               DIVA_ERROR_USAGE);
  cr_assert_eq(diva_dataset_write_rows(dataset, rows, 4, NULL, NULL, to, NULL, &error), DIVA_OK,
               "%s", error.message);
  diva_dataset_close(dataset);
  dataset = fixture_open(to, NULL);
  for (int i = 0; i < 4; i++) {
    cr_expect_str_eq(diva_dataset_id(dataset, i, scratch), expected[i]);
  }
  diva_dataset_read_features(dataset, 2, 1, row, NULL);
  cr_expect_float_eq(row[0], 1, 0); /* row 5 of the set is row 1 of the second file */
  diva_dataset_close(dataset);
}

static void expect_failure(struct diva_dataset *dataset, const char *to, enum diva_status status,
                           const char *needle, int files) {
  int64_t rows[ROWS];
  struct diva_error error = {0};
  for (int i = 0; i < ROWS; i++) {
    rows[i] = i;
  }
  cr_expect_eq(diva_dataset_write_rows(dataset, rows, ROWS, NULL, NULL, to, NULL, &error), status,
               "%s", error.message);
  cr_expect(strstr(error.message, needle), "%s", error.message);
  cr_expect_eq(fixture_file_count(), files);
}

/* Rows of a file that has no labels, and need not have any, are written as unlabelled. */
Test(write_rows, from_a_file_without_labels) {
  const int64_t rows[] = {1, 2 * ROWS - 1, ROWS};
  const int64_t labels[ROWS] = {0, 2, 1};
  char path[2][FIXTURE_PATH_SIZE], to[FIXTURE_PATH_SIZE];
  const char *const both[] = {path[0], path[1]};
  struct diva_dataset_options options;
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  int32_t written[3];
  fixture_path("to.h5", to);
  for (int bare = 0; bare < 2; bare++) {
    fixture_path(bare ? "bare.h5" : "labelled.h5", path[bare]);
    const hid_t file = fixture_create(path[bare]);
    fixture_put_features(file, ROWS, COLUMNS);
    if (!bare) {
      fixture_put(file, "labels", H5T_STD_U8LE, H5T_NATIVE_INT64, ROWS, 1, labels, H5P_DEFAULT);
    }
    H5Fclose(file);
  }
  diva_dataset_options_init(&options);
  options.labelling = DIVA_LABELLING_OPTIONAL;
  cr_assert_eq(diva_dataset_open(both, 2, &options, &dataset, &error), DIVA_OK, "%s",
               error.message);
  cr_assert_eq(diva_dataset_write_rows(dataset, rows, 3, NULL, NULL, to, NULL, &error), DIVA_OK,
               "%s", error.message);
  diva_dataset_close(dataset);
  const hid_t file = H5Fopen(to, H5F_ACC_RDONLY, H5P_DEFAULT);
  read_all(file, "labels", H5T_NATIVE_INT32, written);
  H5Fclose(file);
  cr_expect(written[0] == 2 && written[1] == -1 && written[2] == -1);
}

Test(write_rows, failures_leave_nothing) {
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  char nowhere[FIXTURE_PATH_SIZE];
  struct diva_error error;
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  fixture_path("no/folder/to.h5", nowhere);
  make_file(from);
  struct diva_dataset *dataset = fixture_open(from, NULL);
  expect_failure(dataset, nowhere, DIVA_ERROR_RESOURCE, "no/folder", 1);
  expect_failure(dataset, from, DIVA_ERROR_USAGE, "is one of the files being read", 1);
  cr_expect_eq(
      diva_dataset_write_rows(dataset, (const int64_t[]){ROWS}, 1, NULL, NULL, to, NULL, &error),
      DIVA_ERROR_USAGE);
  cr_expect_eq(diva_dataset_write_rows(dataset, NULL, 0, NULL, NULL, to, NULL, &error),
               DIVA_ERROR_USAGE);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){3000, before.rlim_max});
  expect_failure(dataset, to, DIVA_ERROR_RESOURCE, "to.h5", 1);
  setrlimit(RLIMIT_FSIZE, &before);
  expect_failure(dataset, to, DIVA_OK, "", 2);
  diva_dataset_close(dataset);
}

static void put_odd_objects(hid_t file) {
  static const hobj_ref_t references[ROWS] = {0};
  static const float empty = 0;
  hid_t null = H5Screate(H5S_NULL);
  H5Dclose(H5Dcreate2(file, "null", H5T_IEEE_F32LE, null, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  hid_t dataset = H5Dopen2(file, "meta/table", H5P_DEFAULT);
  hid_t scalar = H5Screate(H5S_SCALAR);
  H5Aclose(H5Acreate2(dataset, "pointer", H5T_STD_REF_OBJ, scalar, H5P_DEFAULT, H5P_DEFAULT));
  H5Aclose(H5Acreate2(dataset, "plain", H5T_STD_I32LE, scalar, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(scalar);
  H5Dclose(dataset);
  H5Sclose(null);
  fixture_put(file, "pointers", H5T_STD_REF_OBJ, H5T_STD_REF_OBJ, ROWS, 0, references, H5P_DEFAULT);
  fixture_put(file, "regions", H5T_STD_REF_DSETREG, H5T_STD_REF_DSETREG, 3, 0, NULL, H5P_DEFAULT);
  H5Lcreate_hard(file, "pointers", file, "meta/pointers", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("/etc/other.h5", "/x", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(creation, "/etc/other.raw", 0, sizeof empty);
  fixture_put(file, "stored_outside", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, 0, NULL, creation);
  H5Pclose(creation);
}

/* What the analysis does not use never stops the copy: it is copied as it is, or left out. */
Test(write_rows, objects_of_no_use) {
  static const char *const left_out[] = {"pointers", "regions", "meta/pointers", "outside",
                                         "stored_outside"};
  const int64_t rows[] = {1, 4, 5};
  char from[FIXTURE_PATH_SIZE];
  char to[FIXTURE_PATH_SIZE];
  fixture_path("from.h5", from);
  fixture_path("to.h5", to);
  make_file(from);
  hid_t file = H5Fopen(from, H5F_ACC_RDWR, H5P_DEFAULT);
  put_odd_objects(file);
  H5Fclose(file);
  write_rows(from, rows, 3, NULL, NULL, to);
  diva_dataset_close(fixture_open(to, NULL));
  file = H5Fopen(to, H5F_ACC_RDONLY, H5P_DEFAULT);
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
    cr_expect_eq(H5Lexists(file, left_out[i], H5P_DEFAULT), 0, "%s", left_out[i]);
  }
  check_values(file, rows, 3);
  hid_t dataset = H5Dopen2(file, "null", H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  cr_expect_eq(H5Sget_simple_extent_type(space), H5S_NULL);
  H5Sclose(space);
  H5Dclose(dataset);
  dataset = H5Dopen2(file, "meta/table", H5P_DEFAULT);
  cr_expect_gt(H5Aexists(dataset, "plain"), 0);
  cr_expect_eq(H5Aexists(dataset, "pointer"), 0);
  H5Dclose(dataset);
  H5Fclose(file);
}
