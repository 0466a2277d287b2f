/* A folder for the files of one test, and short ways to put HDF5 datasets into them. */
#define _GNU_SOURCE
#include "fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

void fixture_begin(void) {
  snprintf(folder, sizeof folder, "/tmp/diva-dataset-XXXXXX");
  cr_assert(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *walk) {
  (void)facts;
  (void)kind;
  (void)walk;
  return remove(path);
}

void fixture_end(void) {
  nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void fixture_path(const char *name, char path[FIXTURE_PATH_SIZE]) {
  snprintf(path, FIXTURE_PATH_SIZE, "%s/%s", folder, name);
}

int fixture_file_count(void) {
  int count = 0;
  DIR *stream = opendir(folder);
  cr_assert(stream);
  for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
    count += entry->d_name[0] != '.';
  }
  closedir(stream);
  return count;
}

hid_t fixture_create(const char *path) {
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert_gt(file, 0);
  return file;
}

void fixture_put(hid_t file, const char *name, hid_t type, hid_t memory_type, int64_t rows,
                 int64_t columns, const void *data, hid_t creation) {
  hsize_t dims[2] = {(hsize_t)rows, (hsize_t)columns};
  hid_t space = H5Screate_simple(columns ? 2 : 1, dims, NULL);
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
  cr_assert_gt(dataset, 0, "%s", name);
  if (data) {
    cr_assert_geq(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
  }
  H5Dclose(dataset);
  H5Pclose(links);
  H5Sclose(space);
}

void fixture_put_features(hid_t file, int64_t rows, int64_t columns) {
  float *values = malloc((size_t)(rows * columns + 1) * sizeof *values);
  for (int64_t i = 0; i < rows * columns; i++) {
    values[i] = (float)(i / columns) + (float)(i % columns) / 8;
  }
  fixture_put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, rows, columns, values,
              H5P_DEFAULT);
  free(values);
}

void fixture_put_labels(hid_t file, int64_t rows) {
  int64_t *values = malloc((size_t)(rows + 1) * sizeof *values);
  for (int64_t i = 0; i < rows; i++) {
    values[i] = i % 3;
  }
  fixture_put_integers(file, "labels", rows, values);
  free(values);
}

void fixture_put_integers(hid_t file, const char *name, int64_t count, const int64_t *values) {
  fixture_put(file, name, H5T_STD_I64LE, H5T_NATIVE_INT64, count, 0, values, H5P_DEFAULT);
}

void fixture_put_reals(hid_t file, const char *name, int64_t rows, int64_t columns,
                       const double *values) {
  fixture_put(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rows, columns, values, H5P_DEFAULT);
}

static hid_t string_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

void fixture_put_strings(hid_t file, const char *name, int64_t count, const char *const *values) {
  hid_t type = string_type();
  fixture_put(file, name, type, type, count, 0, values, H5P_DEFAULT);
  H5Tclose(type);
}

void fixture_put_class_names(hid_t owner, int64_t count, const char *const *values) {
  hsize_t length = (hsize_t)count;
  hid_t type = string_type();
  hid_t space = H5Screate_simple(1, &length, NULL);
  hid_t attribute = H5Acreate2(owner, "class_names", type, space, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert_geq(H5Awrite(attribute, type, values), 0);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static hid_t small_float(size_t exponent_bits, size_t mantissa_bits, size_t bias) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, mantissa_bits, exponent_bits, 0, mantissa_bits);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, bias);
  return type;
}

hid_t fixture_half(void) {
  return small_float(5, 10, 15);
}

hid_t fixture_bfloat16(void) {
  return small_float(8, 7, 127);
}

struct diva_dataset *fixture_open(const char *path, const struct diva_dataset_options *options) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  enum diva_status status = diva_dataset_open(&path, 1, options, &dataset, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  return dataset;
}

void fixture_expect_refused(const char *path, const struct diva_dataset_options *options,
                            enum diva_status status, const char *const *needles) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  enum diva_status got = diva_dataset_open(&path, 1, options, &dataset, &error);
  cr_assert_eq(got, status, "status %d: %s", (int)got, error.message);
  cr_expect_eq(error.status, status);
  cr_expect_null(dataset);
  cr_expect_null(strchr(error.message, '\n'));
  cr_expect_eq(strncmp(error.message, path, strlen(path)), 0, "%s", error.message);
  for (; *needles; needles++) {
    cr_expect(strstr(error.message, *needles), "'%s' is not in: %s", *needles, error.message);
  }
}
