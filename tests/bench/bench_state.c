/* Times the sums of a new version from a saved state against the same sums afresh, in one run. */
#define _GNU_SOURCE
#include "host/core/random.h"

#include <diva/diva.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 5, ID_SIZE = 24 };

/* Rows in memory, float32, with ids. */
struct version {
  int64_t rows, columns, classes;
  float *features;
  int32_t *labels;
  char (*ids)[ID_SIZE];
  const char **id_pointers;
};

static void fail(const char *what) {
  fprintf(stderr, "bench_state: %s\n", what);
  exit(EXIT_FAILURE);
}

static void *allocate(int64_t count, size_t size) {
  void *memory = calloc((size_t)count, size);
  if (!memory) {
    fail("out of memory");
  }
  return memory;
}

static void fill_row(struct version *version, int64_t i, int64_t number) {
  struct diva_random random = {(uint64_t)number * 7919 + 1};
  float *row = version->features + i * version->columns;
  version->labels[i] = (int32_t)diva_random_below(&random, version->classes);
  for (int64_t j = 0; j < version->columns; j++) {
    const uint64_t bits = diva_random_next(&random);
    row[j] = (float)((double)((bits & 0xffff) + (bits >> 16 & 0xffff)) / 65536.0 - 1.0);
  }
  row[version->labels[i] % version->columns] += 0.5F;
  snprintf(version->ids[i], ID_SIZE, "row-%lld", (long long)number);
  version->id_pointers[i] = version->ids[i];
}

static struct version make_version(int64_t rows, int64_t columns, int64_t classes) {
  struct version version = {.rows = rows, .columns = columns, .classes = classes};
  version.features = allocate(rows * columns, sizeof *version.features);
  version.labels = allocate(rows, sizeof *version.labels);
  version.ids = allocate(rows, sizeof *version.ids);
  version.id_pointers = allocate(rows, sizeof *version.id_pointers);
  for (int64_t i = 0; i < rows; i++) {
    fill_row(&version, i, i);
  }
  return version;
}

/* A hundredth of the rows, spread evenly: by turns another row in its place (one left, one came),
 * other features, another label, nothing but another label. */
static void change_version(struct version *version) {
  for (int64_t i = 50; i < version->rows; i += 100) {
    char id[ID_SIZE];
    memcpy(id, version->ids[i], sizeof id);
    const int32_t label = version->labels[i];
    switch (i / 100 % 4) {
    case 0:
      fill_row(version, i, version->rows + i);
      break;
    case 1:
      fill_row(version, i, version->rows + i);
      memcpy(version->ids[i], id, sizeof id);
      break;
    default:
      version->labels[i] = (int32_t)((label + 1) % version->classes);
    }
  }
}

static struct diva_dataset *open_version(const struct version *version) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = version->rows;
  arrays.columns = version->columns;
  arrays.outputs = version->classes;
  arrays.features = version->features;
  arrays.labels = version->labels;
  arrays.ids = version->id_pointers;
  if (diva_dataset_from_arrays(&arrays, &dataset, &error) != DIVA_OK) {
    fail(error.message);
  }
  return dataset;
}

static void free_version(struct version *version) {
  free(version->features);
  free(version->labels);
  free(version->ids);
  free(version->id_pointers);
}

/* Best seconds of several updates; `old_dataset` NULL recomputes. */
static struct diva_state_work measure(const struct diva_state *state,
                                      struct diva_dataset *old_dataset,
                                      struct diva_dataset *dataset) {
  struct diva_analysis_options options;
  struct diva_state_work best = {.seconds_sums = (double)INFINITY};
  struct diva_error error;
  diva_analysis_options_init(&options);
  for (int run = 0; run < RUNS; run++) {
    struct diva_state *updated = NULL;
    struct diva_state_work work;
    if (diva_state_update(state, old_dataset, dataset, &options, &work, &updated, &error) !=
        DIVA_OK) {
      fail(error.message);
    }
    diva_state_destroy(updated);
    best = work.seconds_sums < best.seconds_sums ? work : best;
  }
  return best;
}

static void report(const struct version *version, const struct diva_state_work *brought,
                   const struct diva_state_work *afresh) {
  const double ratio = brought->seconds_sums / afresh->seconds_sums;
  printf("%lld x %lld float32, %lld classes: %lld rows added, %lld subtracted, %lld relabelled\n",
         (long long)version->rows, (long long)version->columns, (long long)version->classes,
         (long long)brought->added_rows, (long long)brought->subtracted_rows,
         (long long)brought->rescored_rows);
  printf("sums afresh %.4f s, brought up to date %.4f s: %.2f %%; hashing all rows %.4f s\n",
         afresh->seconds_sums, brought->seconds_sums, 100.0 * ratio, brought->seconds_hash);
  json_t *record =
      json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "rows", (json_int_t)version->rows, "columns",
                (json_int_t)version->columns, "classes", (json_int_t)version->classes,
                "seconds_afresh", afresh->seconds_sums, "seconds_update", brought->seconds_sums,
                "seconds_hash", brought->seconds_hash, "ratio", ratio);
  json_dumpf(record, stdout, JSON_REAL_PRECISION(6));
  printf("\n");
  json_decref(record);
}

static int64_t argument(int count, char **arguments, int index, int64_t fallback) {
  return count > index ? strtoll(arguments[index], NULL, 10) : fallback;
}

/* As the program does: threads that spin while they wait take the cores from each other. */
static void let_threads_sleep(char **arguments) {
  if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0) {
    execv("/proc/self/exe", arguments);
  }
}

int main(int count, char **arguments) {
  let_threads_sleep(arguments);
  struct diva_state *state = NULL;
  struct diva_analysis_options options;
  struct diva_error error;
  const int64_t rows = argument(count, arguments, 1, 50000);
  const int64_t columns = argument(count, arguments, 2, 1024);
  const int64_t classes = argument(count, arguments, 3, 10);
  if (rows < 200 || columns < 1 || classes < 2) {
    fail("usage: bench_state [ROWS >= 200 [COLUMNS [CLASSES >= 2]]]");
  }
  struct version old = make_version(rows, columns, classes);
  struct version now = make_version(rows, columns, classes);
  change_version(&now);
  struct diva_dataset *old_dataset = open_version(&old);
  struct diva_dataset *dataset = open_version(&now);
  diva_analysis_options_init(&options);
  if (diva_state_create(old_dataset, &options, &state, &error) != DIVA_OK) {
    fail(error.message);
  }
  const struct diva_state_work brought = measure(state, old_dataset, dataset);
  const struct diva_state_work afresh = measure(state, NULL, dataset);
  if (brought.recomputed || !afresh.recomputed) {
    fail("the sums came about another way than meant");
  }
  report(&now, &brought, &afresh);
  diva_state_destroy(state);
  diva_dataset_close(dataset);
  diva_dataset_close(old_dataset);
  free_version(&now);
  free_version(&old);
  return EXIT_SUCCESS;
}
