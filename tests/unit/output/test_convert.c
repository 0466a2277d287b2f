/* Conversions: values kept both ways, types and names as documented, nothing left of a failure. */
#define _GNU_SOURCE
#include <diva/convert.h>

#include "folder.h"
#include "host/dataset/hdf5_file.h"
#include "host/output/npy.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zip.h>

TestSuite(convert, .init = folder_enter, .fini = folder_leave);

static void convert(const char *from, const char *to, const struct diva_convert_options *options) {
  struct diva_error error;
  cr_assert_eq(diva_convert(from, to, options, &error), DIVA_OK, "%s", error.message);
}

static void refuse(const char *from, const char *to, const struct diva_convert_options *options,
                   enum diva_status expected, const char *words) {
  struct diva_error error;
  cr_expect_eq(diva_convert(from, to, options, &error), expected, "%s: %s", words, error.message);
  cr_expect_not_null(strstr(error.message, words), "'%s' is not in: %s", words, error.message);
  cr_expect_not(file_exists(to));
}

/* A .npy of `dictionary` and data, in a version of the format. */
static void write_npy(const char *path, int version, const char *dictionary, const void *data,
                      size_t bytes) {
  const size_t length = strlen(dictionary);
  const size_t prefix = version == 1 ? 10 : 12;
  char *const file = calloc(prefix + length + bytes, 1);
  cr_assert_not_null(file);
  memcpy(file, "\x93NUMPY", 6);
  file[6] = (char)version;
  file[8] = (char)(length & 0xff);
  file[9] = (char)(length >> 8);
  memcpy(file + prefix, dictionary, length);
  memcpy(file + prefix + length, data, bytes);
  file_write(path, file, prefix + length + bytes);
  free(file);
}

/* As numpy writes it. */
static void write_array(const char *path, const struct diva_npy *npy, const void *data,
                        size_t bytes) {
  struct diva_text text = {0};
  diva_npy_header_append(npy, &text);
  diva_text_append(&text, data, (int64_t)bytes);
  cr_assert_not(text.failed);
  file_write(path, text.data, (size_t)text.length);
  diva_text_free(&text);
}

static void read_dataset(const char *path, const char *name, hid_t type, void *out) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  cr_assert_geq(dataset, 0, "%s has no %s", path, name);
  cr_assert_geq(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out), 0);
  H5Dclose(dataset);
  H5Fclose(file);
}

Test(convert, npy_survives_the_way_there_and_back) {
  const struct {
    char kind;
    int size;
  } types[] = {{'f', 2}, {'f', 4}, {'f', 8}};
  const int64_t shapes[][2] = {{1, 1}, {7, 3}, {1000, 65}};
  for (size_t i = 0; i < 9; i++) {
    const struct diva_npy npy = {.kind = types[i % 3].kind,
                                 .item_size = types[i % 3].size,
                                 .rank = 2,
                                 .shape = {shapes[i / 3][0], shapes[i / 3][1]}};
    const size_t bytes = (size_t)(npy.item_size * npy.shape[0] * npy.shape[1]);
    unsigned char *const data = malloc(bytes);
    cr_assert_not_null(data);
    for (size_t b = 0; b < bytes; b++) {
      data[b] = (unsigned char)((b * 37 + i) & 0x3f); /* no NaN among these */
    }
    write_array("in.npy", &npy, data, bytes);
    convert("in.npy", "mid.h5", NULL);
    convert("mid.h5", "out.npy", NULL);
    cr_expect(files_equal("in.npy", "out.npy"), "case %zu", i);
    free(data);
  }
  cr_expect_eq(folder_count(), 3);
}

Test(convert, npy_orders_versions_and_integers) {
  double values[6];
  const double big[] = {1, 2, 3, 4, 5, 6};
  unsigned char swapped[sizeof big];
  for (size_t i = 0; i < sizeof big; i++) {
    swapped[i] = ((const unsigned char *)big)[i / 8 * 8 + 7 - i % 8];
  }
  write_npy("x.npy", 1, "{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3), }\n", swapped,
            sizeof swapped);
  convert("x.npy", "x.h5", NULL);
  read_dataset("x.h5", "features", H5T_NATIVE_DOUBLE, values);
  cr_expect_eq(memcmp(values, big, sizeof big), 0, "big-endian");

  const double expected[] = {1, 3, 5, 2, 4, 6};
  write_npy("x.npy", 2, "{\"fortran_order\":True,\"shape\":(2L,3L),\"descr\":\"<f8\"}", big,
            sizeof big);
  convert("x.npy", "x.h5", NULL);
  read_dataset("x.h5", "features", H5T_NATIVE_DOUBLE, values);
  cr_expect_eq(memcmp(values, expected, sizeof expected), 0, "Fortran order");

  const uint8_t pixels[] = {0, 1, 2, 253, 254, 255};
  write_npy("x.npy", 3, "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2)}", pixels,
            sizeof pixels);
  convert("x.npy", "x.h5", NULL);
  read_dataset("x.h5", "features", H5T_NATIVE_DOUBLE, values);
  cr_expect_eq(values[3], 253);
}

Test(convert, labels_and_ids_come_from_their_own_files) {
  const float features[] = {1, 2, 3, 4};
  const char labels[] = "dog\0cat\0\0\0\0\0dog";
  const uint32_t ids[] = {'a', 0xe9, 'b', 0, 0x1d11e, 0, 'd', 'd'};
  struct diva_npy npy = {.kind = 'f', .item_size = 4, .rank = 2, .shape = {4, 1}};
  write_array("x.npy", &npy, features, sizeof features);
  npy = (struct diva_npy){.kind = 'S', .item_size = 4, .rank = 1, .shape = {4}};
  write_array("y.npy", &npy, labels, 16);
  npy = (struct diva_npy){.kind = 'U', .item_size = 8, .rank = 1, .shape = {4}};
  write_array("i.npy", &npy, ids, sizeof ids);
  struct diva_convert_options options;
  diva_convert_options_init(&options);
  options.labels = "y.npy";
  options.ids = "i.npy";
  convert("x.npy", "d.h5", &options);
  convert("d.h5", "d.csv", NULL);
  char *const csv = file_read("d.csv", NULL);
  cr_expect_str_eq(csv, "id,label,f0\na\xc3\xa9,dog,1\nb,cat,2\n\xf0\x9d\x84\x9e,,3\ndd,dog,4\n");
  free(csv);

  file_write_text("names.txt", "dog\nfox\n");
  options.class_names = "names.txt";
  refuse("x.npy", "no.h5", &options, DIVA_ERROR_INPUT, "label 'cat' is not among the class names");
  options.class_names = NULL;
  options.labels = "x.npy";
  refuse("x.npy", "no.h5", &options, DIVA_ERROR_INPUT, "labels are integers or text");
  npy.shape[0] = 3;
  write_array("i.npy", &npy, ids, 24);
  options.labels = NULL;
  refuse("x.npy", "no.h5", &options, DIVA_ERROR_INPUT, "has 3 rows, but x.npy has 4");
}

/* Adds an array to an archive being written. */
static void add(zip_t *archive, const char *name, const struct diva_npy *npy, const void *data,
                size_t bytes, bool deflate) {
  struct diva_text text = {0};
  diva_npy_header_append(npy, &text);
  diva_text_append(&text, data, (int64_t)bytes);
  zip_source_t *const source = zip_source_buffer(archive, text.data, (zip_uint64_t)text.length, 1);
  const zip_int64_t index = zip_file_add(archive, name, source, 0);
  cr_assert_geq(index, 0);
  zip_set_file_compression(archive, (zip_uint64_t)index, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                           0);
}

static void write_npz(const char *path, bool deflate, bool with_features) {
  const struct diva_npy matrix = {.kind = 'f', .item_size = 4, .rank = 2, .shape = {40, 50}};
  const struct diva_npy vector = {.kind = 'i', .item_size = 2, .rank = 1, .shape = {40}};
  const struct diva_npy images = {.kind = 'u', .item_size = 1, .rank = 3, .shape = {40, 2, 2}};
  const struct diva_npy flags = {.kind = 'b', .item_size = 1, .rank = 1, .shape = {3}};
  const struct diva_npy text = {.kind = 'U', .item_size = 4, .rank = 1, .shape = {2}};
  const uint32_t names[] = {'z', 'a'};
  const uint8_t truths[] = {1, 0, 1};
  float features[2000];
  int16_t labels[40];
  uint8_t pixels[160];
  for (int i = 0; i < 2000; i++) {
    features[i] = (float)i * 0.37f;
  }
  for (int i = 0; i < 160; i++) {
    labels[i / 4] = (int16_t)(i / 4 % 2);
    pixels[i] = (uint8_t)i;
  }
  zip_t *const archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  cr_assert_not_null(archive);
  if (with_features) {
    add(archive, "X.npy", &matrix, features, sizeof features, deflate);
  }
  add(archive, "y.npy", &vector, labels, sizeof labels, deflate);
  add(archive, "groups/site.npy", &images, pixels, sizeof pixels, deflate);
  add(archive, "flags.npy", &flags, truths, sizeof truths, deflate);
  add(archive, "class_names.npy", &text, names, sizeof names, deflate);
  cr_assert_eq(zip_close(archive), 0);
}

Test(convert, npz_survives_the_way_there_and_back) {
  for (int deflate = 0; deflate < 2; deflate++) {
    write_npz("in.npz", deflate, true);
    convert("in.npz", "a.h5", NULL);
    convert("a.h5", "b.npz", NULL);
    convert("b.npz", "c.h5", NULL);
    float a[2000];
    float c[2000];
    read_dataset("a.h5", "features", H5T_NATIVE_FLOAT, a);
    read_dataset("c.h5", "features", H5T_NATIVE_FLOAT, c);
    cr_expect_eq(a[1999], 1999 * 0.37f);
    cr_expect_eq(memcmp(a, c, sizeof a), 0);
    uint8_t pixels[160];
    read_dataset("c.h5", "groups/site", H5T_NATIVE_UINT8, pixels);
    cr_expect_eq(pixels[159], 159);
    convert("c.h5", "d.npz", NULL);
    cr_expect(files_equal("b.npz", "d.npz"), "not the same bytes on a rerun");
  }
  write_npz("in.npz", false, false);
  refuse("in.npz", "no.h5", NULL, DIVA_ERROR_INPUT, "no array named features");
}

Test(convert, damaged_npz_is_refused) {
  for (int deflate = 0; deflate < 2; deflate++) {
    size_t length = 0;
    write_npz("in.npz", deflate, true);
    char *const bytes = file_read("in.npz", &length);
    bytes[1500] = (char)~bytes[1500];
    file_write("bad.npz", bytes, length);
    refuse("bad.npz", "no.h5", NULL, DIVA_ERROR_INPUT, "damaged data");
    file_write("bad.npz", bytes, length / 2);
    refuse("bad.npz", "no.h5", NULL, DIVA_ERROR_INPUT, "cannot be read as .npz");
    free(bytes);
  }
  cr_expect_eq(folder_count(), 2);
}

Test(convert, hostile_npy_headers_are_one_clear_line) {
  const struct {
    const char *dictionary;
    const char *words;
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2)}", "overflows"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}",
       "overflows"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2)}", "truncated"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2)}", "0 rows"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "rows x columns"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1, 2)}", "'|O' is not read"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2)}", "'<c8' is not read"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2)}", "structured"},
      {"{'descr': '<f4', 'shape': (1, 2)}", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
       "1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
       "malformed"},
      {"{'descr': '<U4611686018427387904', 'fortran_order': False, 'shape': (1, 2)}", "not read"},
      {"{'descr': '<f4", "malformed"},
      {"{", "malformed"},
      {"", "malformed"},
      {"import os", "malformed"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int version = 1; version <= 2; version++) {
      write_npy("x.npy", version, cases[i].dictionary, "12345678", 8);
      refuse("x.npy", "no.h5", NULL, DIVA_ERROR_INPUT, cases[i].words);
    }
  }
  write_npy("x.npy", 9, "{}", "", 0);
  refuse("x.npy", "no.h5", NULL, DIVA_ERROR_INPUT, "version 9");
  file_write("x.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
  refuse("x.npy", "no.h5", NULL, DIVA_ERROR_INPUT, "claims 4294967295 bytes");
  file_write("x.npy", "\x93NUM", 4);
  refuse("x.npy", "no.h5", NULL, DIVA_ERROR_INPUT, "truncated in its header");
  file_write_text("x.npy", "hello, world");
  refuse("x.npy", "no.h5", NULL, DIVA_ERROR_INPUT, "is not a .npy array");
  cr_expect_eq(folder_count(), 1);
}

Test(convert, csv_is_rfc_4180) {
  file_write_text("in.csv", "\xef\xbb\xbfid,a,label,\"b \"\"q\"\"\"\r\n\"x,1\",1.5,dog, -2e-3 "
                            "\r\n\r\n\"new\r\nline\",7,cat,3\r\nz,1,,2");
  convert("in.csv", "a.h5", NULL);
  convert("a.h5", "b.csv", NULL);
  char *const csv = file_read("b.csv", NULL);
  cr_expect_str_eq(csv,
                   "id,label,f0,f1\n\"x,1\",dog,1.5,-0.002\n\"new\r\nline\",cat,7,3\nz,,1,2\n");
  free(csv);
  convert("b.csv", "c.h5", NULL);
  cr_expect(files_equal("a.h5", "c.h5"));
  int32_t labels[3];
  read_dataset("a.h5", "labels", H5T_NATIVE_INT32, labels);
  cr_expect(labels[0] == 1 && labels[1] == 0 && labels[2] == -1, "names are numbered sorted");

  struct diva_convert_options options;
  diva_convert_options_init(&options);
  options.labels = "class";
  file_write_text("in.csv", "class,x\n3,1\n-1,2\n5000000000,3\n");
  convert("in.csv", "a.h5", &options);
  int64_t wide[3];
  read_dataset("a.h5", "labels", H5T_NATIVE_INT64, wide);
  cr_expect(wide[0] == 3 && wide[1] == -1 && wide[2] == 5000000000);
}

Test(convert, bad_csv_names_line_and_column) {
  const struct {
    const char *text;
    const char *words;
  } cases[] = {{"", "is empty"},
               {"a,b\n", "a header and no rows"},
               {"label,id\n1,2\n", "no column of features"},
               {"a,b\n1,2\n1\n", "line 3: has 1 field, the header has 2"},
               {"a,b\n1,\n", "line 2, column 'b': '' is not a finite number"},
               {"a,b\n1,2\n1,x\n", "line 3, column 'b': 'x'"},
               {"a,b\n1,nan\n", "'nan'"},
               {"a,b\n1,0x10\n", "'0x10'"},
               {"a,b\n1,1e39\n", "'1e39'"},
               {"a,b\n1,1 2\n", "'1 2'"},
               {"a,b\n1,\"2\n", "line 2: a quote that opens here"},
               {"a,b\n1,\"2\"x\n", "line 2: text after a closing quote"},
               {"id,id,a\n1,2,3\n", "two columns are named 'id'"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    file_write_text("x.csv", cases[i].text);
    refuse("x.csv", "no.h5", NULL, DIVA_ERROR_INPUT, cases[i].words);
  }
  struct diva_convert_options options;
  diva_convert_options_init(&options);
  options.labels = "class";
  refuse("x.csv", "no.h5", &options, DIVA_ERROR_INPUT, "has no column 'class'");
  cr_expect_eq(folder_count(), 1);
}

/* An empty dataset of any shape costs nothing to claim. */
static void claim(const char *path, int64_t rows, int64_t columns, bool chunked) {
  const hsize_t shape[] = {(hsize_t)rows, (hsize_t)columns};
  const hsize_t chunk[] = {4, 16};
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = H5Screate_simple(2, shape, NULL);
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  if (chunked) {
    H5Pset_chunk(properties, 2, chunk);
  }
  hid_t dataset =
      H5Dcreate2(file, "features", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  cr_assert_geq(dataset, 0);
  H5Dclose(dataset);
  H5Pclose(properties);
  H5Sclose(space);
  H5Fclose(file);
}

Test(convert, absurd_claims_of_hdf5_are_refused_at_once) {
  const char *const targets[] = {"x.npy", "x.npz", "x.csv"};
  claim("wide.h5", 4, 1 << 30, true);
  claim("long.h5", (int64_t)1 << 47, 1, false);
  claim("row.h5", 1, (int64_t)1 << 47, false);
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    refuse("wide.h5", targets[i], NULL, DIVA_ERROR_INPUT, "is spread over 67108864 chunks");
    refuse("row.h5", targets[i], NULL, DIVA_ERROR_INPUT, "one row");
    if (i < 2) {
      refuse("long.h5", targets[i], NULL, DIVA_ERROR_RESOURCE, "the disk has");
    }
  }
  cr_expect_eq(folder_count(), 3);
}

static bool stop(void *context, const char *phase, int64_t done, int64_t total) {
  (void)context;
  (void)phase;
  (void)done;
  (void)total;
  return true;
}

Test(convert, pairs_cancelling_and_full_disks) {
  const struct rlimit limit = {.rlim_cur = 2500, .rlim_max = RLIM_INFINITY};
  const char *const targets[] = {"x.npy", "x.npz", "x.csv"};
  struct diva_convert_options options;
  diva_convert_options_init(&options);
  refuse("x.npy", "x.txt", NULL, DIVA_ERROR_USAGE, "convert goes from");
  refuse("x.h5", "y.h5", NULL, DIVA_ERROR_USAGE, "convert goes from");
  refuse("x.npy", "y.npz", NULL, DIVA_ERROR_USAGE, "convert goes from");
  refuse("x.npy", "y.h5", NULL, DIVA_ERROR_INPUT, "x.npy: ");
  write_npz("in.npz", false, true);
  refuse("in.npz", "missing/y.h5", NULL, DIVA_ERROR_RESOURCE, "folder missing");
  convert("in.npz", "in.h5", NULL);
  refuse("in.h5", "y.npy", &(struct diva_convert_options){.version = 1, .array = "nope"},
         DIVA_ERROR_INPUT, "there is no dataset /nope");
  options.progress.report = stop;
  refuse("in.npz", "y.h5", &options, DIVA_ERROR_CANCELLED, "interrupted");
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    refuse("in.h5", targets[i], &options, DIVA_ERROR_CANCELLED, "interrupted");
  }
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  refuse("in.npz", "y.h5", NULL, DIVA_ERROR_RESOURCE, "File too large");
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    refuse("in.h5", targets[i], NULL, DIVA_ERROR_RESOURCE, "File too large");
  }
  cr_expect_eq(folder_count(), 2);
}
