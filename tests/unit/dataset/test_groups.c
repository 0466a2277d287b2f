/* Which rows belong together, as a file says it: strings, integers, shards, what is refused; and
 * rows gathered from all over. */
#include "fixture.h"

#include "host/dataset/gather.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(dataset_groups, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 6 };

static hid_t begin_file(const char *name, char path[FIXTURE_PATH_SIZE]) {
  fixture_path(name, path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, 3);
  fixture_put_labels(file, ROWS);
  hid_t folder = H5Gcreate2(file, "groups", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(folder);
  return file;
}

static void expect_codes(const struct diva_dataset *dataset, const int32_t *want, int64_t rows) {
  const int32_t *codes = diva_dataset_groups(dataset);
  cr_assert(codes);
  for (int64_t i = 0; i < rows; i++) {
    cr_expect(codes[i] == want[i], "row %d: %d, not %d", (int)i, codes[i], want[i]);
  }
}

Test(dataset_groups, strings_and_integers) {
  static const char *const names[ROWS] = {"b", "a", "", "b", "a b", "a"};
  static const int64_t numbers[ROWS] = {-1, 1000000000000, 7, -5, 7, 1000000000000};
  static const int32_t by_name[] = {0, 1, -1, 0, 2, 1};
  static const int32_t by_number[] = {-1, 0, 1, -1, 1, 0};
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  hid_t file = begin_file("groups.h5", path);
  fixture_put_strings(file, "groups/annotator", ROWS, names);
  fixture_put_integers(file, "groups/video", ROWS, numbers);
  H5Fclose(file);

  diva_dataset_options_init(&options);
  struct diva_dataset *dataset = fixture_open(path, &options);
  cr_expect(!diva_dataset_groups(dataset) && !diva_dataset_group_name(dataset, 0));
  diva_dataset_close(dataset);

  options.group = "annotator";
  dataset = fixture_open(path, &options);
  expect_codes(dataset, by_name, ROWS);
  cr_expect(!strcmp(diva_dataset_group_name(dataset, 2), "a b"));
  cr_expect(!diva_dataset_group_name(dataset, 3));
  diva_dataset_close(dataset);

  options.group = "/groups/video";
  dataset = fixture_open(path, &options);
  expect_codes(dataset, by_number, ROWS);
  cr_expect(!strcmp(diva_dataset_group_name(dataset, 0), "1000000000000"));
  diva_dataset_close(dataset);
}

/* A name means the same group in every file. */
Test(dataset_groups, shards) {
  static const char *const first[ROWS] = {"x", "y", "x", "z", "", "z"};
  static const char *const second[ROWS] = {"z", "new", "x", "", "new", "y"};
  static const int32_t want[] = {0, 1, 0, 2, -1, 2, 2, 3, 0, -1, 3, 1};
  char paths[2][FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  for (int i = 0; i < 2; i++) {
    hid_t file = begin_file(i == 0 ? "a.h5" : "b.h5", paths[i]);
    fixture_put_strings(file, "groups/source", ROWS, i == 0 ? first : second);
    H5Fclose(file);
  }
  const char *const both[] = {paths[0], paths[1]};
  diva_dataset_options_init(&options);
  options.group = "source";
  cr_assert(diva_dataset_open(both, 2, &options, &dataset, &error) == DIVA_OK, "%s", error.message);
  expect_codes(dataset, want, 2 * ROWS);
  diva_dataset_close(dataset);
}

Test(dataset_groups, what_is_refused) {
  static const double reals[ROWS] = {0};
  static const int64_t few[ROWS - 1] = {0};
  static const char *const names[] = {"missing", "reals", "few"};
  static const char *const problems[][3] = {{"/groups/missing", NULL},
                                            {"/groups/reals", "strings or integers", NULL},
                                            {"/groups/few", "5 rows", NULL}};
  char path[FIXTURE_PATH_SIZE];
  struct diva_dataset_options options;
  hid_t file = begin_file("bad.h5", path);
  fixture_put_reals(file, "groups/reals", ROWS, 0, reals);
  fixture_put_integers(file, "groups/few", ROWS - 1, few);
  H5Fclose(file);
  diva_dataset_options_init(&options);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    options.group = names[i];
    fixture_expect_refused(path, &options, DIVA_ERROR_INPUT, problems[i]);
  }
}

/* Any order, gaps large and small, rows named twice. */
Test(dataset_groups, gathered_rows) {
  enum { MANY = 3000, COLUMNS = 4, WANTED = 1000 };
  static float out[WANTED * COLUMNS];
  static int64_t rows[WANTED];
  char path[FIXTURE_PATH_SIZE];
  fixture_path("many.h5", path);
  hid_t file = fixture_create(path);
  fixture_put_features(file, MANY, COLUMNS);
  fixture_put_labels(file, MANY);
  H5Fclose(file);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  for (int64_t i = 0; i < WANTED; i++) {
    rows[i] = i < 400 ? MANY - 1 - i * 7 % 2900 : i % 3 == 0 ? 5 : i;
  }
  struct diva_error error;
  cr_assert(diva_gather_features(dataset, rows, WANTED, out, &error) == DIVA_OK, "%s",
            error.message);
  for (int64_t i = 0; i < WANTED * COLUMNS; i++) {
    const float want = (float)rows[i / COLUMNS] + (float)(i % COLUMNS) / 8.0F;
    cr_assert(out[i] == want, "row %d: %g, not %g", (int)(i / COLUMNS), (double)out[i],
              (double)want);
  }
  diva_dataset_close(dataset);
}
