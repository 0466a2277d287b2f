/* Files that are no good as files: each is one clear line that names the file. */
#define _GNU_SOURCE
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* HDF5 itself does not free all it has read of some damaged files. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

TestSuite(malformed_file, .init = fixture_begin, .fini = fixture_end);

static void write_bytes(const char *path, const char *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  cr_assert(file);
  cr_assert_eq(fwrite(bytes, 1, count, file), count);
  fclose(file);
}

static void make_good(const char *path) {
  hid_t file = fixture_create(path);
  fixture_put_features(file, 400, 16);
  fixture_put_labels(file, 400);
  H5Fclose(file);
}

static void expect(const char *path, const char *needle) {
  fixture_expect_refused(path, NULL, DIVA_ERROR_INPUT, (const char *const[]){needle, NULL});
}

Test(malformed_file, what_is_not_a_file_of_hdf5) {
  static const struct {
    const char *bytes;
    size_t count;
    const char *needle;
  } cases[] = {
      {"", 0, "is empty (0 bytes)"},
      {"id,label\n1,2\n", 13, "is not an HDF5 file"},
      {"\x89HDF\r\n\x1a\n", 8, "cannot be read as HDF5"},
      {"\x93NUMPY\x01\x00", 8, "a .npy array"},
      {"PK\x03\x04 and more", 12, "zip or .npz"},
      {"version https://git-lfs.github.com/spec/v1\n", 43, "Git LFS pointer"},
  };
  char path[FIXTURE_PATH_SIZE];
  fixture_path("x.h5", path);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_bytes(path, cases[i].bytes, cases[i].count);
    expect(path, cases[i].needle);
  }
}

Test(malformed_file, missing_folder_fifo_unreadable) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("absent.h5", path);
  expect(path, "no such file");
  fixture_path("", path);
  expect(path, "is a folder");
  fixture_path("pipe", path);
  cr_assert_eq(mkfifo(path, 0600), 0);
  expect(path, "is not a regular file");
  if (geteuid() != 0) { /* root reads everything */
    fixture_path("secret.h5", path);
    make_good(path);
    chmod(path, 0);
    expect(path, "Permission denied");
  }
}

/* Every length of a good file is refused, without a crash, and nearly all are told as truncated. */
Test(malformed_file, truncated) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("t.h5", path);
  make_good(path);
  struct stat facts;
  cr_assert_eq(stat(path, &facts), 0);
  for (off_t length = facts.st_size - 1; length > 0; length -= 997) {
    cr_assert_eq(truncate(path, length), 0);
    expect(path, length > 96 ? "is truncated" : "");
  }
}

/* Bytes changed at random places: whatever happens, it is a status and a line. */
Test(malformed_file, damaged_bytes) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("d.h5", path);
  uint32_t state = 12345;
  for (int round = 0; round < 200; round++) {
    make_good(path);
    FILE *file = fopen(path, "r+b");
    for (int i = 0; i < 4; i++) {
      state = state * 1664525u + 1013904223u;
      fseek(file, (long)(state >> 8) % 2048, SEEK_SET);
      fputc((int)(state >> 24), file);
    }
    fclose(file);
    struct diva_dataset *dataset = NULL;
    struct diva_error error = {0};
    const char *one = path;
    enum diva_status status = diva_dataset_open(&one, 1, NULL, &dataset, &error);
    if (status == DIVA_OK) {
      struct diva_dataset_info info;
      diva_dataset_describe(dataset, &info);
      void *rows = malloc((size_t)(info.columns * diva_dtype_size(info.feature_type)));
      diva_dataset_read_features(dataset, info.rows - 1, 1, rows, &error);
      free(rows);
    } else {
      cr_expect_eq(strncmp(error.message, path, strlen(path)), 0, "%s", error.message);
    }
    diva_dataset_close(dataset);
  }
}

Test(malformed_file, held_by_a_writer) {
  char path[FIXTURE_PATH_SIZE];
  fixture_path("busy.h5", path);
  make_good(path);
  FILE *writer = fopen(path, "r+b");
  cr_assert_eq(flock(fileno(writer), LOCK_EX), 0);
  expect(path, "is being written by another process");
  fclose(writer);
  diva_dataset_close(fixture_open(path, NULL));
  /* Readers do not keep readers out, and a file without write permission is fine. */
  cr_assert_eq(chmod(path, 0400), 0);
  struct diva_dataset *one = fixture_open(path, NULL);
  struct diva_dataset *other = fixture_open(path, NULL);
  diva_dataset_close(one);
  diva_dataset_close(other);
}

/* The caller's HDF5 settings and handles are as they were. */
Test(malformed_file, leaves_hdf5_as_it_was) {
  char path[FIXTURE_PATH_SIZE];
  H5E_auto2_t before, after;
  void *context;
  fixture_path("x.h5", path);
  make_good(path);
  H5Eget_auto2(H5E_DEFAULT, &before, &context);
  diva_dataset_close(fixture_open(path, NULL));
  write_bytes(path, "nothing", 7);
  expect(path, "is not an HDF5 file");
  H5Eget_auto2(H5E_DEFAULT, &after, &context);
  cr_expect(before == after);
  cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

static void expect_external(const char *path, const char *needle) {
  struct diva_dataset_options options;
  diva_dataset_options_init(&options);
  fixture_expect_refused(
      path, NULL, DIVA_ERROR_INPUT,
      (const char *const[]){"/features", needle, "other.", "--allow-external-links", NULL});
  options.allow_external = true;
  struct diva_dataset *dataset = fixture_open(path, &options);
  float row[3];
  cr_assert_eq(diva_dataset_read_features(dataset, 5, 1, row, NULL), DIVA_OK);
  cr_expect_float_eq(row[2], 5.25f, 0);
  diva_dataset_close(dataset);
}

Test(malformed_file, data_in_other_files) {
  char path[FIXTURE_PATH_SIZE];
  char other[FIXTURE_PATH_SIZE];
  hsize_t dims[2] = {9, 3};
  float values[9][3];
  for (int i = 0; i < 27; i++) {
    values[i / 3][i % 3] = (float)(i / 3) + (float)(i % 3) / 8;
  }
  fixture_path("other.h5", other);
  fixture_path("links.h5", path);
  hid_t file = fixture_create(other);
  fixture_put_features(file, 9, 3);
  H5Fclose(file);
  file = fixture_create(path);
  H5Lcreate_external(other, "/features", file, "features", H5P_DEFAULT, H5P_DEFAULT);
  fixture_put_labels(file, 9);
  H5Fclose(file);
  expect_external(path, "is an external link");

  file = fixture_create(path);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = H5Screate_simple(2, dims, NULL);
  H5Pset_virtual(creation, space, other, "/features", space);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 9, 3, NULL, creation);
  fixture_put_labels(file, 9);
  H5Fclose(file);
  H5Pclose(creation);
  H5Sclose(space);
  expect_external(path, "is a virtual dataset");

  fixture_path("other.raw", other);
  file = fixture_create(path);
  creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(creation, other, 0, sizeof values);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 9, 3, values, creation);
  fixture_put_labels(file, 9);
  H5Fclose(file);
  H5Pclose(creation);
  expect_external(path, "is stored in");
}

Test(malformed_file, virtual_dataset_without_its_file) {
  char path[FIXTURE_PATH_SIZE];
  hsize_t dims[2] = {9, 3};
  struct diva_dataset_options options;
  diva_dataset_options_init(&options);
  options.allow_external = true;
  fixture_path("v.h5", path);
  hid_t file = fixture_create(path);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = H5Screate_simple(2, dims, NULL);
  H5Pset_virtual(creation, space, "gone.h5", "/features", space);
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 9, 3, NULL, creation);
  fixture_put_labels(file, 9);
  H5Fclose(file);
  H5Pclose(creation);
  H5Sclose(space);
  fixture_expect_refused(path, &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"/features", "gone.h5 is missing", NULL});
}
