/* Reading ahead gives what reading directly gives, ends early when told to, and reports errors. */
#include "fixture.h"
#include "host/dataset/prefetch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(prefetch, .init = fixture_begin, .fini = fixture_end);

enum { ROWS = 101, COLUMNS = 7, OUTPUTS = 2 };

static void make_file(const char *path, int64_t bad_row) {
  double values[ROWS * OUTPUTS];
  for (int i = 0; i < ROWS * OUTPUTS; i++) {
    values[i] = i / OUTPUTS == bad_row ? NAN : i * 0.25;
  }
  hid_t file = fixture_create(path);
  fixture_put_features(file, ROWS, COLUMNS);
  fixture_put_reals(file, "targets", ROWS, OUTPUTS, values);
  fixture_put_reals(file, "base_outputs", ROWS, OUTPUTS, values);
  H5Fclose(file);
}

static void compare_tile(struct diva_dataset *dataset, const struct diva_prefetch_tile *tile) {
  float features[ROWS * COLUMNS];
  double outputs[ROWS * OUTPUTS];
  size_t count = (size_t)tile->count;
  diva_dataset_read_features(dataset, tile->first, tile->count, features, NULL);
  cr_assert_arr_eq(tile->features, features, count * COLUMNS * sizeof *features);
  diva_dataset_read_targets(dataset, tile->first, tile->count, outputs, NULL);
  cr_assert_arr_eq(tile->targets, outputs, count * OUTPUTS * sizeof *outputs);
  diva_dataset_read_base_outputs(dataset, tile->first, tile->count, outputs, NULL);
  cr_assert_arr_eq(tile->base_outputs, outputs, count * OUTPUTS * sizeof *outputs);
}

Test(prefetch, equals_direct_reading) {
  static const int64_t sizes[] = {1, 2, 10, 50, 51, ROWS - 1, ROWS, ROWS + 1, 100000};
  char path[FIXTURE_PATH_SIZE];
  struct diva_error error;
  fixture_path("p.h5", path);
  make_file(path, -1);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  struct diva_dataset *other = fixture_open(path, NULL);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    struct diva_prefetch *prefetch = NULL;
    struct diva_prefetch_tile tile;
    int64_t next = 0;
    cr_assert_eq(diva_prefetch_start(dataset, sizes[s], &prefetch, &error), DIVA_OK);
    do {
      cr_assert_eq(diva_prefetch_next(prefetch, &tile, &error), DIVA_OK);
      cr_assert_eq(tile.first, next);
      cr_assert(tile.count == sizes[s] || tile.first + tile.count == ROWS);
      if (tile.count) {
        compare_tile(other, &tile);
      }
      next += tile.count;
    } while (tile.count);
    cr_expect_eq(next, ROWS);
    cr_expect_eq(diva_prefetch_next(prefetch, &tile, &error), DIVA_OK);
    cr_expect_eq(tile.count, 0);
    diva_prefetch_stop(prefetch);
  }
  diva_dataset_close(other);
  diva_dataset_close(dataset);
}

Test(prefetch, stops_at_any_time) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_error error;
  fixture_path("p.h5", path);
  make_file(path, -1);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  for (int taken = 0; taken < 40; taken++) {
    struct diva_prefetch *prefetch = NULL;
    struct diva_prefetch_tile tile;
    cr_assert_eq(diva_prefetch_start(dataset, 3, &prefetch, &error), DIVA_OK);
    for (int i = 0; i < taken; i++) {
      cr_assert_eq(diva_prefetch_next(prefetch, &tile, &error), DIVA_OK);
    }
    diva_prefetch_stop(prefetch);
  }
  diva_prefetch_stop(NULL);
  struct diva_prefetch *prefetch = NULL;
  cr_expect_eq(diva_prefetch_start(dataset, 0, &prefetch, &error), DIVA_ERROR_USAGE);
  cr_expect_null(prefetch);
  diva_dataset_close(dataset);
}

/* The tiles before the bad one arrive; the error comes in its place, and again at every call. */
Test(prefetch, reports_errors_in_order) {
  char path[FIXTURE_PATH_SIZE];
  struct diva_error error = {0};
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile;
  fixture_path("p.h5", path);
  make_file(path, 34);
  struct diva_dataset *dataset = fixture_open(path, NULL);
  cr_assert_eq(diva_prefetch_start(dataset, 10, &prefetch, &error), DIVA_OK);
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(diva_prefetch_next(prefetch, &tile, &error), DIVA_OK);
    cr_assert_eq(tile.first, 10 * i);
  }
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(diva_prefetch_next(prefetch, &tile, &error), DIVA_ERROR_INPUT);
    cr_expect_eq(error.row, 34);
    cr_expect(strstr(error.message, "/targets: row 34"), "%s", error.message);
    cr_expect_eq(tile.count, 0);
  }
  diva_prefetch_stop(prefetch);
  diva_dataset_close(dataset);
}

Test(prefetch, of_a_dataset_in_memory) {
  const float features[4] = {1, 2, 3, 4};
  const int32_t labels[4] = {0, 1, 0, 1};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile;
  struct diva_dataset_info info;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = 4;
  arrays.columns = 1;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, NULL), DIVA_OK);
  diva_dataset_describe(dataset, &info);
  cr_expect_eq(diva_prefetch_bytes(&info, 3), 2 * 3 * 4);
  cr_assert_eq(diva_prefetch_start(dataset, 3, &prefetch, NULL), DIVA_OK);
  cr_assert_eq(diva_prefetch_next(prefetch, &tile, NULL), DIVA_OK);
  cr_expect_arr_eq(tile.features, features, 12);
  cr_expect_null(tile.targets);
  cr_assert_eq(diva_prefetch_next(prefetch, &tile, NULL), DIVA_OK);
  cr_expect_eq(tile.count, 1);
  cr_expect_arr_eq(tile.features, features + 3, 4);
  diva_prefetch_stop(prefetch);
  diva_dataset_close(dataset);
}

/* Memory of the caller's: counted, so that what is taken is given back. */
static enum diva_status count_up(void *context, int64_t bytes, void **out,
                                 struct diva_error *error) {
  (void)error;
  ++*(int *)context;
  *out = malloc((size_t)bytes);
  return DIVA_OK;
}

static void count_down(void *context, void *memory) {
  *(int *)context -= memory != NULL;
  free(memory);
}

/* Two tiles held: the one before the last stays as it was while the next is read. */
Test(prefetch, two_tiles_held_in_memory_of_the_caller) {
  enum { COUNT = 23, TILE = 3 };
  float features[COUNT];
  int32_t labels[COUNT];
  int taken = 0;
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile;
  struct diva_prefetch_tile before = {.count = 0};
  const struct diva_prefetch_memory memory = {2, count_up, count_down, &taken};
  for (int i = 0; i < COUNT; i++) {
    features[i] = (float)i;
    labels[i] = i % 2;
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = COUNT;
  arrays.columns = 1;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, NULL), DIVA_OK);
  cr_assert_eq(diva_prefetch_start_in(dataset, TILE, &memory, &prefetch, NULL), DIVA_OK);
  cr_expect_eq(taken, 3);
  for (int first = 0; first < COUNT + TILE; first += TILE) {
    cr_assert_eq(diva_prefetch_next(prefetch, &tile, NULL), DIVA_OK);
    cr_expect_eq(tile.count, first < COUNT ? (COUNT - first < TILE ? COUNT - first : TILE) : 0);
    for (int64_t i = 0; i < before.count; i++) {
      cr_expect_eq(((const float *)before.features)[i], (float)(before.first + i));
    }
    cr_expect(tile.count == 0 || tile.features != before.features);
    before = tile;
  }
  diva_prefetch_stop(prefetch);
  cr_expect_eq(taken, 0);
  const struct diva_prefetch_memory three = {3, NULL, NULL, NULL};
  cr_expect_eq(diva_prefetch_start_in(dataset, TILE, &three, &prefetch, NULL), DIVA_ERROR_USAGE);
  diva_dataset_close(dataset);
}
