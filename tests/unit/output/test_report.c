/* The JSON record: its keys, in order, and null for what is not there. */
#include <diva/manifest.h>

#include "folder.h"
#include "host/output/hdf5_out.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(report, .init = folder_enter, .fini = folder_leave);

static void make_input(const char *path) {
  const int64_t shape[] = {3, 2};
  const float features[] = {0, 1, 2, 3, 4, 5};
  const int32_t labels[] = {0, 1, 2};
  struct diva_h5_scope scope;
  struct diva_h5_out out;
  hid_t x;
  hid_t y;
  diva_h5_enter(&scope);
  cr_assert_eq(diva_h5_out_create(path, path, &out, NULL), DIVA_OK);
  cr_assert_eq(diva_h5_out_dataset(&out, "features", H5T_IEEE_F32LE, 2, shape, &x, NULL), DIVA_OK);
  cr_assert_eq(diva_h5_out_dataset(&out, "labels", H5T_STD_I32LE, 1, shape, &y, NULL), DIVA_OK);
  cr_assert_eq(diva_h5_out_rows(&out, x, H5T_NATIVE_FLOAT, 0, 3, features, NULL), DIVA_OK);
  cr_assert_eq(diva_h5_out_rows(&out, y, H5T_NATIVE_INT32, 0, 3, labels, NULL), DIVA_OK);
  diva_h5_close_id(&x);
  diva_h5_close_id(&y);
  cr_assert_eq(diva_h5_out_close(&out, NULL), DIVA_OK);
  diva_h5_leave(&scope);
}

static struct diva_dataset *open_files(const char *const *paths, int64_t count) {
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  cr_assert_eq(diva_dataset_open(paths, count, NULL, &dataset, &error), DIVA_OK, "%s",
               error.message);
  return dataset;
}

static const struct diva_summary summary = {.rows = 3,
                                            .columns = 2,
                                            .outputs = 3,
                                            .training_rows = 3,
                                            .lambda = 0.1,
                                            .temperature = NAN,
                                            .precision = DIVA_PRECISION_FLOAT64,
                                            .solver = DIVA_SOLVER_PRIMAL,
                                            .lambda_chosen = true,
                                            .condition = INFINITY,
                                            .loo = {.loss = 0.25, .error = 0.5, .rows = 3},
                                            .backend = "cpu",
                                            .library = "none",
                                            .threads = 2,
                                            .seed = UINT64_MAX,
                                            .seconds = {1, 2, 3, 4, 5, 6},
                                            .memory_planned = 12345};

static void expect_keys(const json_t *record, const char *const *keys) {
  const char *key;
  json_t *value;
  size_t i = 0;
  json_object_foreach((json_t *)record, key, value) {
    cr_assert_not_null(keys[i], "one key too many: %s", key);
    cr_expect_str_eq(key, keys[i]);
    i++;
  }
  cr_expect_null(keys[i], "a key is missing: %s", keys[i]);
}

static json_t *record_of(const struct diva_report *report, bool timings) {
  struct diva_error error;
  char *text = NULL;
  char *again = NULL;
  cr_assert_eq(diva_report_json(report, timings, &text, &error), DIVA_OK, "%s", error.message);
  cr_assert_eq(diva_report_json(report, timings, &again, &error), DIVA_OK);
  cr_expect_str_eq(text, again);
  json_t *const record = json_loads(text, 0, NULL);
  cr_assert_not_null(record, "%s", text);
  diva_string_free(text);
  diva_string_free(again);
  return record;
}

Test(report, has_its_keys_in_order) {
  const char *const keys[] = {"version",
                              "command_line",
                              "input",
                              "sha256",
                              "n",
                              "d",
                              "k",
                              "training_rows",
                              "lambda",
                              "lambda_chosen",
                              "scaling",
                              "model",
                              "loss",
                              "temperature",
                              "intercept",
                              "seed",
                              "solver",
                              "backend",
                              "library",
                              "precision",
                              "threads",
                              "mpi_ranks",
                              "condition",
                              "constant_columns",
                              "objective_before",
                              "objective_after",
                              "loo_error_before",
                              "loo_error_after",
                              "loo_error_kept_before",
                              "validation_loss_before",
                              "validation_loss_after",
                              "validation_error_before",
                              "validation_error_after",
                              "flagged",
                              "kept",
                              NULL};
  const char *const path = "in.h5";
  char *arguments[] = {"diva", "rank", "bad\xff"};
  struct diva_report report;
  make_input(path);
  struct diva_dataset *const dataset = open_files(&path, 1);
  diva_report_init(&report);
  report.argument_count = 3;
  report.arguments = arguments;
  report.dataset = dataset;
  report.before = &summary;
  json_t *const record = record_of(&report, false);
  char digest[DIVA_SHA256_SIZE];
  cr_assert_eq(diva_dataset_sha256(dataset, 0, digest, NULL), DIVA_OK);
  expect_keys(record, keys);
  cr_expect_str_eq(json_string_value(json_object_get(record, "input")), path);
  cr_expect_str_eq(json_string_value(json_object_get(record, "sha256")), digest);
  const json_t *const line = json_object_get(record, "command_line");
  cr_expect_str_eq(json_string_value(json_array_get(line, 2)), "bad?");
  cr_expect_eq(json_real_value(json_object_get(record, "lambda")), 0.1);
  cr_expect_str_eq(json_string_value(json_object_get(record, "seed")), "18446744073709551615");
  cr_expect_eq(json_real_value(json_object_get(record, "objective_before")), 0.25);
  const char *const absent[] = {"temperature",
                                "condition",
                                "objective_after",
                                "loo_error_after",
                                "loo_error_kept_before",
                                "validation_error_before",
                                "flagged",
                                "kept"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
    cr_expect(json_is_null(json_object_get(record, absent[i])), "%s", absent[i]);
  }
  json_decref(record);
  diva_dataset_close(dataset);
}

Test(report, tells_both_solutions_and_every_file) {
  const char *const paths[] = {"a.h5", "b.h5"};
  struct diva_report report;
  struct diva_summary after = summary;
  const struct diva_score kept = {.loss = 1, .error = 0.125, .rows = 2};
  make_input(paths[0]);
  make_input(paths[1]);
  struct diva_dataset *const dataset = open_files(paths, 2);
  struct diva_dataset *const validation = open_files(paths, 1);
  diva_report_init(&report);
  after.validation = (struct diva_score){.loss = 0.75, .error = 0.0625, .rows = 3};
  report.dataset = dataset;
  report.validation = validation;
  report.before = &summary;
  report.after = &after;
  report.kept_before = &kept;
  report.flagged = 1;
  report.kept = 5;
  json_t *const record = record_of(&report, true);
  const json_t *const inputs = json_object_get(record, "inputs");
  cr_assert_eq(json_array_size(inputs), 2);
  const json_t *const second = json_array_get(inputs, 1);
  cr_expect_str_eq(json_string_value(json_object_get(second, "path")), "b.h5");
  cr_expect_eq(strlen(json_string_value(json_object_get(second, "sha256"))), 64);
  cr_expect_str_eq(json_string_value(json_object_get(record, "validation")), "a.h5");
  cr_expect_eq(json_real_value(json_object_get(record, "objective_after")), 0.75);
  cr_expect_eq(json_real_value(json_object_get(record, "validation_error_after")), 0.0625);
  cr_expect_eq(json_real_value(json_object_get(record, "loo_error_kept_before")), 0.125);
  cr_expect_eq(json_integer_value(json_object_get(record, "kept")), 5);
  const json_t *const seconds = json_object_get(record, "seconds");
  cr_expect_eq(json_real_value(json_object_get(seconds, "gram")), 4);
  cr_expect_eq(json_integer_value(json_object_get(record, "memory_planned")), 12345);
  json_decref(record);
  diva_dataset_close(validation);
  diva_dataset_close(dataset);
}
