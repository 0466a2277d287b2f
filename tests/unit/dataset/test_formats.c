/* Everything a good file may be: element types, byte orders, layouts, labels, ids, targets. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(formats, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 37, COLUMNS = 5 };

/* Values that all four types hold exactly. */
static double value_at(int64_t row, int64_t column) {
  return (double)((row * COLUMNS + column) % 64 - 32) / 4;
}

static double decode(const void *data, enum diva_dtype type, int64_t index) {
  uint16_t word;
  uint32_t bits;
  float single;
  switch (type) {
  case DIVA_FLOAT64:
    return ((const double *)data)[index];
  case DIVA_FLOAT32:
    return (double)((const float *)data)[index];
  case DIVA_BFLOAT16:
    word = ((const uint16_t *)data)[index];
    bits = (uint32_t)word << 16;
    memcpy(&single, &bits, sizeof single);
    return (double)single;
  default:
    word = ((const uint16_t *)data)[index];
    break;
  }
  int exponent = word >> 10 & 31;
  double mantissa = (double)(word & 1023) / 1024;
  double size = exponent ? ldexp(1 + mantissa, exponent - 15) : ldexp(mantissa, -14);
  return word >> 15 ? -size : size;
}

struct layout {
  const char *name;
  hsize_t chunk[2];
  int gzip;
  bool shuffle;
};

static hid_t make_creation(const struct layout *layout) {
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (layout->chunk[0]) {
    H5Pset_chunk(creation, 2, layout->chunk);
  } else if (!strcmp(layout->name, "compact")) {
    H5Pset_layout(creation, H5D_COMPACT);
  }
  if (layout->shuffle) {
    H5Pset_shuffle(creation);
  }
  if (layout->gzip) {
    H5Pset_deflate(creation, (unsigned)layout->gzip);
  }
  return creation;
}

static void check_features(const char *path, enum diva_dtype type, const char *layout) {
  static const int64_t blocks[] = {1, 8, ROWS};
  struct diva_dataset_info info;
  double data[ROWS * COLUMNS];
  struct diva_dataset *dataset = fixture_open(path, NULL);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.rows, ROWS);
  cr_expect_eq(info.columns, COLUMNS);
  cr_expect_eq(info.feature_type, type, "%s", diva_dtype_name(info.feature_type));
  cr_expect_str_eq(info.layout, layout);
  cr_expect_eq(info.files, 1);
  cr_expect_str_eq(diva_dataset_path(dataset, 0), path);
  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
    for (int64_t first = 0; first < ROWS; first += blocks[b]) {
      int64_t count = ROWS - first < blocks[b] ? ROWS - first : blocks[b];
      struct diva_error error;
      cr_assert_eq(diva_dataset_read_features(dataset, first, count, data, &error), DIVA_OK, "%s",
                   error.message);
      for (int64_t i = 0; i < count * COLUMNS; i++) {
        double expected = value_at(first + i / COLUMNS, i % COLUMNS);
        cr_assert_float_eq(decode(data, type, i), expected, 0, "%s %s: %g", layout,
                           diva_dtype_name(type), expected);
      }
    }
  }
  diva_dataset_close(dataset);
}

Test(formats, element_types_and_layouts) {
  static const struct layout layouts[] = {
      {"contiguous", {0, 0}, 0, false},
      {"compact", {0, 0}, 0, false},
      {"chunked", {7, 2}, 0, false},
      {"chunked+gzip", {16, COLUMNS}, 6, false},
      {"chunked+shuffle+gzip", {5, 3}, 1, true},
  };
  char path[FIXTURE_PATH_SIZE];
  double values[ROWS * COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = value_at(i / COLUMNS, i % COLUMNS);
  }
  fixture_path("f.h5", path);
  for (int type = 0; type < 4; type++) {
    for (int big_endian = 0; big_endian < 2; big_endian++) {
      for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
        hid_t half = fixture_half();
        hid_t bfloat16 = fixture_bfloat16();
        const hid_t types[] = {half, bfloat16, H5T_IEEE_F32LE, H5T_IEEE_F64LE};
        hid_t stored = H5Tcopy(types[type]);
        H5Tset_order(stored, big_endian ? H5T_ORDER_BE : H5T_ORDER_LE);
        hid_t creation = make_creation(&layouts[l]);
        hid_t file = fixture_create(path);
        fixture_put(file, "features", stored, H5T_NATIVE_DOUBLE, ROWS, COLUMNS, values, creation);
        fixture_put_labels(file, ROWS);
        H5Fclose(file);
        H5Pclose(creation);
        H5Tclose(stored);
        H5Tclose(half);
        H5Tclose(bfloat16);
        check_features(path, (enum diva_dtype)type, layouts[l].name);
      }
    }
  }
}

Test(formats, labels_of_any_integer_type) {
  const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_I8BE,  H5T_STD_I16BE, H5T_STD_I32LE,
                         H5T_STD_I32BE, H5T_STD_I64BE, H5T_STD_U8LE,  H5T_STD_U16BE,
                         H5T_STD_U32LE, H5T_STD_U64LE, H5T_STD_U64BE};
  char path[FIXTURE_PATH_SIZE];
  fixture_path("l.h5", path);
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    for (int64_t columns = 0; columns < 2; columns++) {
      int64_t labels[ROWS];
      int64_t labelled = 0;
      bool is_signed = H5Tget_sign(types[t]) == H5T_SGN_2;
      for (int64_t i = 0; i < ROWS; i++) {
        labels[i] = is_signed && i % 5 == 4 ? -1 : i % 4;
        labelled += labels[i] >= 0;
      }
      hid_t file = fixture_create(path);
      fixture_put_features(file, ROWS, COLUMNS);
      fixture_put(file, "labels", types[t], H5T_NATIVE_INT64, ROWS, columns, labels, H5P_DEFAULT);
      H5Fclose(file);
      struct diva_dataset_info info;
      struct diva_dataset *dataset = fixture_open(path, NULL);
      diva_dataset_describe(dataset, &info);
      cr_expect_eq(info.outputs, 4);
      cr_expect_eq(info.labelled_rows, labelled);
      cr_expect_not(info.has_targets || info.has_ids || info.has_weights || info.has_class_names);
      for (int64_t i = 0; i < ROWS; i++) {
        cr_assert_eq(diva_dataset_labels(dataset)[i], labels[i], "type %zu row %lld", t,
                     (long long)i);
      }
      diva_dataset_close(dataset);
    }
  }
}

/* h5py stores booleans as an enumeration of int8. */
Test(formats, boolean_labels) {
  char path[FIXTURE_PATH_SIZE];
  int8_t labels[ROWS];
  int8_t no = 0;
  int8_t yes = 1;
  for (int i = 0; i < ROWS; i++) {
    labels[i] = (int8_t)(i % 2);
  }
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  fixture_path("b.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put(file, "labels", type, type, ROWS, 0, labels, H5P_DEFAULT);
  H5Fclose(file);
  H5Tclose(type);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  for (int i = 0; i < ROWS; i++) {
    cr_assert_eq(diva_dataset_labels(dataset)[i], i % 2);
  }
  diva_dataset_close(dataset);
}

static void put_ids(hid_t file, int kind) {
  enum { CELL = 8 };
  static const H5T_str_t paddings[] = {H5T_STR_NULLTERM, H5T_STR_NULLPAD, H5T_STR_SPACEPAD};
  char cells[ROWS][CELL];
  char texts[ROWS][CELL];
  const char *pointers[ROWS];
  int64_t numbers[ROWS];
  for (int i = 0; i < ROWS; i++) {
    snprintf(texts[i], CELL, "r\xc3\xa9%d", i);
    memset(cells[i], kind == 2 ? ' ' : 0, CELL);
    memcpy(cells[i], texts[i], strlen(texts[i]));
    pointers[i] = texts[i];
    numbers[i] = -1000 + i;
  }
  if (kind < 3) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, CELL);
    H5Tset_strpad(type, paddings[kind]);
    fixture_put(file, "ids", type, type, ROWS, 0, cells, H5P_DEFAULT);
    H5Tclose(type);
  } else if (kind == 3) {
    fixture_put_strings(file, "ids", ROWS, pointers);
  } else {
    fixture_put(file, "ids", H5T_STD_I16BE, H5T_NATIVE_INT64, ROWS, 0, numbers, H5P_DEFAULT);
  }
}

Test(formats, ids) {
  char path[FIXTURE_PATH_SIZE];
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char expected[32];
  fixture_path("i.h5", path);
  for (int kind = 0; kind <= 5; kind++) {
    struct diva_dataset_info info;
    hid_t file = fixture_create(path);
    fixture_put_features(file, ROWS, COLUMNS);
    fixture_put_labels(file, ROWS);
    if (kind < 5) {
      put_ids(file, kind);
    }
    H5Fclose(file);
    struct diva_dataset *dataset = fixture_open(path, NULL);
    diva_dataset_describe(dataset, &info);
    cr_expect_eq(info.has_ids, kind < 5);
    for (int i = 0; i < ROWS; i++) {
      if (kind < 4) {
        snprintf(expected, sizeof expected, "r\xc3\xa9%d", i);
      } else {
        snprintf(expected, sizeof expected, "%d", kind == 4 ? -1000 + i : i);
      }
      cr_assert_str_eq(diva_dataset_id(dataset, i, scratch), expected, "kind %d", kind);
    }
    diva_dataset_close(dataset);
  }
}

Test(formats, class_names_and_weights) {
  const char *const names[] = {"zero", "one", "two", "never seen"};
  char path[FIXTURE_PATH_SIZE];
  int64_t weights[ROWS];
  struct diva_dataset_info info;
  fixture_path("n.h5", path);
  for (int on_labels = 0; on_labels < 2; on_labels++) {
    hid_t file = fixture_create(path);
    fixture_put_features(file, ROWS, COLUMNS);
    fixture_put_labels(file, ROWS);
    for (int i = 0; i < ROWS; i++) {
      weights[i] = i;
    }
    fixture_put(file, "weights", H5T_STD_U16LE, H5T_NATIVE_INT64, ROWS, 1, weights, H5P_DEFAULT);
    hid_t labels = H5Dopen2(file, "labels", H5P_DEFAULT);
    fixture_put_class_names(on_labels ? labels : file, 4, names);
    H5Dclose(labels);
    H5Fclose(file);
    struct diva_dataset *dataset = fixture_open(path, NULL);
    diva_dataset_describe(dataset, &info);
    cr_expect_eq(info.outputs, 4);
    cr_expect(info.has_class_names && info.has_weights);
    cr_expect_str_eq(diva_dataset_class_name(dataset, 3), "never seen");
    cr_expect_null(diva_dataset_class_name(dataset, 4));
    cr_expect_null(diva_dataset_class_name(dataset, -1));
    cr_expect_float_eq(diva_dataset_weights(dataset)[ROWS - 1], ROWS - 1, 0);
    diva_dataset_close(dataset);
  }
}

Test(formats, targets_and_base_outputs) {
  char path[FIXTURE_PATH_SIZE];
  double targets[ROWS * 2];
  double read[ROWS * 2];
  struct diva_dataset_info info;
  struct diva_dataset_options options;
  for (int i = 0; i < ROWS * 2; i++) {
    targets[i] = i * 0.5;
  }
  fixture_path("t.h5", path);
  hid_t half = fixture_half();
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS);
  fixture_put(file, "targets", half, H5T_NATIVE_DOUBLE, ROWS, 2, targets, H5P_DEFAULT);
  fixture_put_reals(file, "logits", ROWS, 2, targets);
  fixture_put_reals(file, "flat", ROWS, 0, targets);
  H5Fclose(file);
  H5Tclose(half);
  struct diva_dataset *dataset = fixture_open(path, NULL); /* labels come first */
  diva_dataset_describe(dataset, &info);
  cr_expect_not(info.has_targets);
  cr_expect_eq(diva_dataset_read_targets(dataset, 0, 1, read, NULL), DIVA_ERROR_USAGE);
  diva_dataset_close(dataset);

  diva_dataset_options_init(&options);
  options.targets = "targets";
  options.base_outputs = "logits";
  dataset = fixture_open(path, &options);
  diva_dataset_describe(dataset, &info);
  cr_expect(info.has_targets && info.has_base_outputs);
  cr_expect_eq(info.outputs, 2);
  cr_expect_eq(info.labelled_rows, ROWS);
  cr_expect_null(diva_dataset_labels(dataset));
  cr_assert_eq(diva_dataset_read_targets(dataset, 3, 10, read, NULL), DIVA_OK);
  cr_expect_arr_eq(read, targets + 6, 20 * sizeof *read);
  cr_assert_eq(diva_dataset_read_base_outputs(dataset, 0, ROWS, read, NULL), DIVA_OK);
  cr_expect_arr_eq(read, targets, sizeof targets);
  cr_expect_eq(diva_dataset_read_features(dataset, ROWS - 1, 2, read, NULL), DIVA_ERROR_USAGE);
  cr_expect_eq(diva_dataset_read_features(dataset, -1, 1, read, NULL), DIVA_ERROR_USAGE);
  cr_expect_eq(diva_dataset_read_features(dataset, ROWS, 0, NULL, NULL), DIVA_OK);
  diva_dataset_close(dataset);

  options.targets = "flat";
  options.base_outputs = NULL;
  dataset = fixture_open(path, &options);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.outputs, 1);
  diva_dataset_close(dataset);
}

Test(formats, base_outputs_tell_the_classes) {
  char path[FIXTURE_PATH_SIZE];
  double values[ROWS * 7] = {0};
  struct diva_dataset_info info;
  fixture_path("b.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS);
  fixture_put_reals(file, "base_outputs", ROWS, 7, values);
  H5Fclose(file);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.outputs, 7);
  diva_dataset_close(dataset);
}

Test(formats, sha256) {
  char path[FIXTURE_PATH_SIZE];
  char digest[DIVA_SHA256_SIZE];
  char again[DIVA_SHA256_SIZE];
  fixture_path("s.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_labels(file, ROWS);
  H5Fclose(file);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  cr_expect_eq(diva_dataset_sha256(dataset, 1, digest, NULL), DIVA_ERROR_USAGE);
  /* The digest of known bytes, the example of FIPS 180. */
  FILE *stream = fopen(path, "wb");
  fputs("abc", stream);
  fclose(stream);
  cr_assert_eq(diva_dataset_sha256(dataset, 0, digest, NULL), DIVA_OK);
  cr_expect_str_eq(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  /* It is read once and remembered. */
  cr_assert_eq(unlink(path), 0);
  cr_assert_eq(diva_dataset_sha256(dataset, 0, again, NULL), DIVA_OK);
  cr_expect_str_eq(again, digest);
  diva_dataset_close(dataset);
}

/* Where answers are optional, the rows of a file without any are unlabelled, beside those of
 * another that has them. */
Test(formats, optional_answers) {
  const int64_t labels[ROWS] = {0, 1};
  char path[2][FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  struct diva_dataset_info info;
  diva_dataset_options_init(&options);
  options.labelling = DIVA_LABELLING_OPTIONAL;
  for (int bare = 0; bare < 2; bare++) {
    fixture_path(bare ? "bare.h5" : "labelled.h5", path[bare]);
    const hid_t file = fixture_create(path[bare]);
    fixture_put_features(file, ROWS, COLUMNS);
    if (!bare) {
      fixture_put_integers(file, "labels", ROWS, labels);
    }
    H5Fclose(file);
  }
  const char *const both[] = {path[0], path[1]};
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  cr_assert_eq(diva_dataset_open(both, 2, &options, &dataset, &error), DIVA_OK, "%s",
               error.message);
  diva_dataset_describe(dataset, &info);
  cr_expect(info.rows == 2 * (int64_t)ROWS && info.labelled_rows == ROWS && info.outputs == 2);
  for (int64_t i = 0; i < 2 * (int64_t)ROWS; i++) {
    cr_expect_eq(diva_dataset_labels(dataset)[i], i < ROWS ? (int32_t)labels[i] : -1);
  }
  diva_dataset_close(dataset);
  options.labels = "labels";
  fixture_expect_refused(path[1], &options, DIVA_ERROR_INPUT,
                         (const char *const[]){"/labels", NULL});
}

/* Features alone will do where that is said; labels that are there are not read then. */
Test(formats, without_answers) {
  const int64_t nonsense[ROWS] = {-7};
  char path[2][FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  struct diva_dataset *dataset = NULL;
  struct diva_dataset_info info;
  struct diva_error error = {0};
  diva_dataset_options_init(&options);
  options.labelling = DIVA_LABELLING_IGNORED;
  for (int labelled = 0; labelled < 2; labelled++) {
    fixture_path(labelled ? "labelled.h5" : "bare.h5", path[labelled]);
    hid_t file = fixture_create(path[labelled]);
    fixture_put_features(file, ROWS, COLUMNS);
    if (labelled) {
      fixture_put_integers(file, "labels", ROWS, nonsense);
    }
    H5Fclose(file);
    dataset = fixture_open(path[labelled], &options);
    diva_dataset_describe(dataset, &info);
    cr_expect(info.rows == ROWS && info.labelled_rows == 0 && !info.has_targets);
    diva_dataset_close(dataset);
  }
  const char *const both[] = {path[0], path[1]};
  cr_assert_eq(diva_dataset_open(both, 2, &options, &dataset, &error), DIVA_OK, "%s",
               error.message);
  for (int64_t i = 0; i < 2 * (int64_t)ROWS; i++) {
    cr_expect_eq(diva_dataset_labels(dataset)[i], -1);
  }
  diva_dataset_close(dataset);
  fixture_expect_refused(path[0], NULL, DIVA_ERROR_INPUT, (const char *const[]){"/labels", NULL});
}
