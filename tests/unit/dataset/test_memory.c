/* Datasets over arrays in memory are checked as files are. */
#include <diva/dataset.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { ROWS = 5, COLUMNS = 2 };

static const float features[ROWS * COLUMNS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static const int32_t labels[ROWS] = {0, 1, -1, 1, 0};

static struct diva_dataset_arrays make_arrays(void) {
  struct diva_dataset_arrays arrays;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = COLUMNS;
  arrays.features = features;
  arrays.labels = labels;
  return arrays;
}

Test(memory, labels_ids_names_weights) {
  const char *const ids[ROWS] = {"a", "b", "c", "d", "e"};
  const char *const names[] = {"no", "yes", "maybe"};
  const double weights[ROWS] = {1, 2, 3, 0, 5};
  const double base[ROWS * 3] = {0, 1, 2};
  struct diva_dataset_arrays arrays = make_arrays();
  struct diva_dataset *dataset = NULL;
  struct diva_dataset_info info;
  struct diva_error error;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  float rows[2 * COLUMNS];
  double outputs[3];
  arrays.ids = ids;
  arrays.class_names = names;
  arrays.weights = weights;
  arrays.base_outputs = base;
  arrays.outputs = 3;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(info.labelled_rows, 4);
  cr_expect_eq(info.outputs, 3);
  cr_expect_eq(info.files, 0);
  cr_expect_str_eq(info.layout, "memory");
  cr_expect(info.has_ids && info.has_weights && info.has_class_names && info.has_base_outputs);
  cr_expect_str_eq(diva_dataset_id(dataset, 3, scratch), "d");
  cr_expect_str_eq(diva_dataset_class_name(dataset, 2), "maybe");
  cr_expect_arr_eq(diva_dataset_labels(dataset), labels, sizeof labels);
  cr_expect_arr_eq(diva_dataset_weights(dataset), weights, sizeof weights);
  cr_assert_eq(diva_dataset_read_features(dataset, 3, 2, rows, &error), DIVA_OK);
  cr_expect_arr_eq(rows, features + 6, sizeof rows);
  cr_assert_eq(diva_dataset_read_base_outputs(dataset, 0, 1, outputs, &error), DIVA_OK);
  cr_expect_float_eq(outputs[2], 2, 0);
  cr_expect_null(diva_dataset_path(dataset, 0));
  cr_expect_eq(diva_dataset_write_rows(dataset, (const int64_t[]){0}, 1, NULL, NULL, "/tmp/x.h5",
                                       NULL, &error),
               DIVA_ERROR_USAGE);
  diva_dataset_close(dataset);
  diva_dataset_close(NULL);
}

Test(memory, without_answers) {
  const int32_t none[ROWS] = {-1, -1, -1, -1, -1};
  struct diva_dataset_arrays arrays = make_arrays();
  struct diva_dataset *dataset = NULL;
  struct diva_dataset_info info;
  struct diva_error error;
  arrays.labels = NULL;
  arrays.unlabelled = true;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  diva_dataset_describe(dataset, &info);
  cr_expect(info.labelled_rows == 0 && info.outputs == 0 && !info.has_targets);
  cr_expect_arr_eq(diva_dataset_labels(dataset), none, sizeof none);
  diva_dataset_close(dataset);
}

static void expect(const struct diva_dataset_arrays *arrays, enum diva_status status,
                   const char *needle) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  cr_expect_eq(diva_dataset_from_arrays(arrays, &dataset, &error), status, "%s", error.message);
  cr_expect(strstr(error.message, needle), "'%s' is not in: %s", needle, error.message);
  cr_expect_null(dataset);
}

Test(memory, what_is_refused) {
  const int32_t stray[ROWS] = {0, 1, 2000000, 0, 1};
  const int32_t single[ROWS] = {1, 1, 1, 1, -1};
  const double weights[ROWS] = {1, NAN, 1, 1, 1};
  const double targets[ROWS] = {0};
  const char *const ids[ROWS] = {"a", "b", "c", "a", "e"};
  const char *const holes[ROWS] = {"a", NULL, "c", "d", "e"};
  struct diva_dataset_arrays arrays = make_arrays();
  arrays.version = 0;
  expect(&arrays, DIVA_ERROR_USAGE, "version");
  arrays = make_arrays();
  arrays.features = NULL;
  expect(&arrays, DIVA_ERROR_USAGE, "features");
  arrays = make_arrays();
  arrays.targets = targets;
  expect(&arrays, DIVA_ERROR_USAGE, "either labels or targets");
  arrays.labels = NULL;
  expect(&arrays, DIVA_ERROR_USAGE, "number of outputs");
  arrays = make_arrays();
  arrays.unlabelled = true;
  expect(&arrays, DIVA_ERROR_USAGE, "or to be unlabelled");
  arrays = make_arrays();
  arrays.rows = 0;
  expect(&arrays, DIVA_ERROR_INPUT, "0 rows x 2 columns");
  arrays = make_arrays();
  arrays.labels = stray;
  expect(&arrays, DIVA_ERROR_INPUT, "labels: row 2: label 2000000");
  arrays.labels = single;
  expect(&arrays, DIVA_ERROR_INPUT, "labels: only one class");
  arrays = make_arrays();
  arrays.outputs = 1;
  expect(&arrays, DIVA_ERROR_INPUT, "labels: row 1: label 1 is out of range");
  arrays = make_arrays();
  arrays.weights = weights;
  expect(&arrays, DIVA_ERROR_INPUT, "weights: row 1");
  arrays = make_arrays();
  arrays.ids = ids;
  expect(&arrays, DIVA_ERROR_INPUT, "ids: row 0 and row 3 have the same id 'a'");
  arrays = make_arrays();
  arrays.outputs = 3;
  arrays.class_names = (const char *const[]){"no", "yes", "no"};
  expect(&arrays, DIVA_ERROR_INPUT, "class_names: classes 0 and 2 have the same name 'no'");
  arrays = make_arrays();
  arrays.ids = holes;
  expect(&arrays, DIVA_ERROR_INPUT, "ids: row 1");
  arrays = make_arrays();
  arrays.rows = INT64_MAX / 2;
  expect(&arrays, DIVA_ERROR_INPUT, "overflow");
}
