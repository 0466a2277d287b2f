/* Probabilities as .npy: their values, what is refused, and that nothing is left behind. */
#define _GNU_SOURCE
#include <diva/probabilities.h>

#include "folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(probabilities, .init = folder_enter, .fini = folder_leave);

static const char path[] = "p.npy";

/* Rows of two features that say a little about the class; every 11th is unlabelled. */
static struct diva_dataset *make_dataset(int64_t rows, int64_t classes, float *features,
                                         int32_t *labels) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  for (int64_t i = 0; i < rows; i++) {
    labels[i] = i % 11 == 10 ? -1 : (int32_t)(i % classes);
    features[2 * i] = (float)(i % classes) + (float)(i * 7919 % 101) / 60.0F;
    features[2 * i + 1] = (float)(i * 104729 % 97) / 97.0F;
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = 2;
  arrays.outputs = classes;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  return dataset;
}

/* The values of a .npy file of rows x classes float32; to be freed. */
static float *read_array(int64_t rows, int64_t classes) {
  char shape[64];
  size_t length = 0;
  char *bytes = file_read(path, &length);
  const size_t size = (size_t)(rows * classes) * sizeof(float);
  cr_assert_not_null(bytes, "%s is missing", path);
  cr_assert(length > size && (length - size) % 64 == 0, "%zu bytes", length);
  cr_assert(memcmp(bytes, "\x93NUMPY\x01\x00", 8) == 0);
  snprintf(shape, sizeof shape, "'shape': (%lld, %lld)", (long long)rows, (long long)classes);
  char *const header = strndup(bytes + 10, length - size - 10);
  cr_expect(strstr(header, "'descr': '<f4'") && strstr(header, "'fortran_order': False") &&
                strstr(header, shape),
            "%s", header);
  free(header);
  memmove(bytes, bytes + length - size, size);
  return (float *)(void *)bytes;
}

static struct diva_probabilities *open_file(const struct diva_dataset *dataset) {
  struct diva_probabilities *probabilities = NULL;
  struct diva_error error;
  cr_assert_eq(diva_probabilities_open(path, dataset, &probabilities, &error), DIVA_OK, "%s",
               error.message);
  return probabilities;
}

static void expect_status(enum diva_status got, enum diva_status want, const char *words,
                          const struct diva_error *error) {
  cr_expect_eq(got, want, "status %d, not %d: %s", got, want, error->message);
  cr_expect(strstr(error->message, words), "'%s' does not say '%s'", error->message, words);
}

/* From an analysis: the probability of a row's own label, cleanlab's self-confidence, is the
 * label_quality of the same run; unlabelled rows have probabilities too. */
Test(probabilities, self_confidence_is_label_quality) {
  enum { ROWS = 9001, CLASSES = 5 };
  float *features = calloc((size_t)ROWS * 2, sizeof *features);
  int32_t *labels = calloc(ROWS, sizeof *labels);
  struct diva_dataset *dataset = make_dataset(ROWS, CLASSES, features, labels);
  for (int number = 0; number < 4; number++) {
    struct diva_analysis_options options;
    struct diva_analysis *analysis = NULL;
    struct diva_columns columns;
    struct diva_summary summary;
    struct diva_error error;
    struct diva_probabilities *probabilities = open_file(dataset);
    diva_analysis_options_init(&options);
    options.temperature = number % 2 ? 3.0 : 0.0;
    options.precision = number / 2 ? DIVA_PRECISION_FLOAT64 : DIVA_PRECISION_FLOAT32;
    options.derivative = false;
    options.scores = diva_probabilities_take;
    options.scores_context = probabilities;
    cr_assert_eq(diva_analysis_run(dataset, NULL, &options, &analysis, &error), DIVA_OK, "%s",
                 error.message);
    diva_analysis_columns(analysis, &columns);
    diva_analysis_summary(analysis, &summary);
    cr_assert_eq(diva_probabilities_finish(probabilities, summary.temperature, "{}", NULL, &error),
                 DIVA_OK, "%s", error.message);
    cr_expect(number > 0 || !file_exists(path), "a name before the commit");
    cr_assert_eq(diva_probabilities_commit(probabilities, &error), DIVA_OK, "%s", error.message);
    diva_probabilities_destroy(probabilities);
    float *values = read_array(ROWS, CLASSES);
    for (int64_t i = 0; i < ROWS; i++) {
      double sum = 0;
      for (int64_t c = 0; c < CLASSES; c++) {
        sum += (double)values[i * CLASSES + c];
      }
      cr_expect_float_eq(sum, 1, 1e-6, "row %lld adds up to %.9g", (long long)i, sum);
      if (labels[i] >= 0) {
        const double own = (double)values[i * CLASSES + labels[i]];
        cr_expect_leq(fabs(own - columns.label_quality[i]), 1e-6 * columns.label_quality[i],
                      "row %lld: %.9g, not %.9g", (long long)i, own, columns.label_quality[i]);
      }
    }
    free(values);
    diva_analysis_destroy(analysis);
  }
  cr_expect_eq(folder_count(), 2, "more than the array and its provenance");
  char *const provenance = file_read("p.npy.provenance.json", NULL);
  cr_expect_str_eq(provenance, "{}\n");
  free(provenance);
  diva_dataset_close(dataset);
  free(labels);
  free(features);
}

static double score(int64_t row, int64_t c, double offset) {
  return offset + 0.001 * (double)(row * 31 % 977) * (double)((c * 17 + row) % 13) / 12;
}

static void fill_scores(double *scores, int64_t rows, int64_t classes, double offset) {
  for (int64_t i = 0; i < rows * classes; i++) {
    scores[i] = score(i / classes, i % classes, offset);
  }
}

/* By blocks, in uneven tiles and after a restart; at any temperature and far from zero the digits
 * are those of the softmax in long double. */
Test(probabilities, values_keep_their_digits) {
  enum { ROWS = 3000, CLASSES = 100, TILE = 1217 };
  static const struct { double temperature, offset; } cases[] = {{1, 0}, {10, 1e5}, {1e4, -3}};
  float *features = calloc((size_t)ROWS * 2, sizeof *features);
  int32_t *labels = calloc(ROWS, sizeof *labels);
  double *scores = calloc((size_t)ROWS * CLASSES, sizeof *scores);
  struct diva_dataset *dataset = make_dataset(ROWS, CLASSES, features, labels);
  for (size_t t = 0; t < sizeof cases / sizeof *cases; t++) {
    struct diva_error error;
    struct diva_probabilities *probabilities = open_file(dataset);
    cr_assert_eq(diva_probabilities_take(probabilities, 0, ROWS, scores, &error), DIVA_OK);
    fill_scores(scores, ROWS, CLASSES, cases[t].offset);
    for (int64_t first = 0; first < ROWS; first += TILE) {
      const int64_t rows = ROWS - first < TILE ? ROWS - first : TILE;
      cr_assert_eq(
          diva_probabilities_take(probabilities, first, rows, scores + first * CLASSES, &error),
          DIVA_OK, "%s", error.message);
    }
    cr_assert_eq(diva_probabilities_finish(probabilities, cases[t].temperature, NULL, NULL, &error),
                 DIVA_OK, "%s", error.message);
    cr_assert_eq(diva_probabilities_commit(probabilities, &error), DIVA_OK);
    diva_probabilities_destroy(probabilities);
    float *values = read_array(ROWS, CLASSES);
    double worst = 0;
    for (int64_t i = 0; i < ROWS; i++) {
      long double largest = -INFINITY;
      long double sum = 0;
      for (int64_t c = 0; c < CLASSES; c++) {
        largest = fmaxl(largest, (long double)scores[i * CLASSES + c]);
      }
      for (int64_t c = 0; c < CLASSES; c++) {
        sum += expl(cases[t].temperature * ((long double)scores[i * CLASSES + c] - largest));
      }
      for (int64_t c = 0; c < CLASSES; c++) {
        const long double distance = (long double)scores[i * CLASSES + c] - largest;
        const double want = (double)(expl(cases[t].temperature * distance) / sum);
        worst = fmax(worst, fabs((double)values[i * CLASSES + c] - want) / fmax(want, 1e-30));
      }
    }
    cr_expect_leq(worst, 1e-5, "at temperature %g wrong by %.1e", cases[t].temperature, worst);
    free(values);
  }
  cr_expect_eq(folder_count(), 1, "no provenance was asked for");
  diva_dataset_close(dataset);
  free(scores);
  free(labels);
  free(features);
}

static bool stop(void *context, const char *phase, int64_t done, int64_t total) {
  (void)context;
  (void)phase;
  (void)done;
  (void)total;
  return true;
}

/* What cannot be is refused in words, and whatever was there stays, alone. */
Test(probabilities, refusals_leave_what_was_there) {
  enum { ROWS = 20, CLASSES = 3 };
  float features[ROWS * 2];
  int32_t labels[ROWS];
  double scores[ROWS * CLASSES];
  const struct diva_progress stopping = {stop, NULL};
  struct diva_error error;
  struct diva_dataset *dataset = make_dataset(ROWS, CLASSES, features, labels);
  file_write_text(path, "before");
  fill_scores(scores, ROWS, CLASSES, 0);
  for (int number = 0; number < 8; number++) {
    struct diva_probabilities *p = open_file(dataset);
    expect_status(diva_probabilities_take(p, 1, 5, scores, &error), DIVA_ERROR_USAGE, "row 1",
                  &error);
    expect_status(diva_probabilities_take(p, 0, ROWS + 1, scores, &error), DIVA_ERROR_USAGE,
                  "21 rows", &error);
    expect_status(diva_probabilities_finish(p, 1, "{}", NULL, &error), DIVA_ERROR_USAGE,
                  "0 of 20 rows", &error);
    expect_status(diva_probabilities_commit(p, &error), DIVA_ERROR_USAGE, "not finished", &error);
    scores[7] = number == 1 ? NAN : number == 2 ? INFINITY : 0.5;
    cr_assert_eq(diva_probabilities_take(p, 0, ROWS, scores, &error), DIVA_OK);
    if (number <= 2) {
      const double temperature = number == 0 ? NAN : 2;
      expect_status(diva_probabilities_finish(p, temperature, "{}", NULL, &error),
                    number == 0 ? DIVA_ERROR_USAGE : DIVA_ERROR_NUMERICAL,
                    number == 0 ? "temperature" : "row 2", &error);
    } else if (number == 3) {
      expect_status(diva_probabilities_finish(p, 2, "{}", &stopping, &error), DIVA_ERROR_CANCELLED,
                    "probabilities", &error);
    } else {
      cr_assert_eq(diva_probabilities_finish(p, 2, "{}", NULL, &error), DIVA_OK);
      expect_status(diva_probabilities_finish(p, 2, "{}", NULL, &error), DIVA_ERROR_USAGE,
                    "already", &error);
    }
    if (number <= 3) {
      expect_status(diva_probabilities_commit(p, &error), DIVA_ERROR_USAGE, "not finished", &error);
    }
    diva_probabilities_destroy(p);
    char *const text = file_read(path, NULL);
    cr_expect_str_eq(text, "before");
    free(text);
    cr_expect_eq(folder_count(), 1, "case %d leaves files behind", number);
  }
  diva_probabilities_destroy(NULL);
  diva_dataset_close(dataset);
}

Test(probabilities, refused_outputs) {
  enum { ROWS = 6 };
  static const double targets[ROWS] = {1, 2, 3, 4, 5, 6};
  static const float features[ROWS] = {1, 2, 3, 5, 8, 13};
  static const struct {
    const char *path, *words;
    enum diva_status status;
  } cases[] = {{"-", "standard output", DIVA_ERROR_USAGE},
               {"nowhere/p.npy", "nowhere", DIVA_ERROR_RESOURCE},
               {"/dev/null", "device", DIVA_ERROR_RESOURCE},
               {".", "folder", DIVA_ERROR_RESOURCE}};
  float given[ROWS * 2];
  int32_t labels[ROWS];
  struct diva_probabilities *p = NULL;
  struct diva_error error;
  struct diva_dataset *dataset = make_dataset(ROWS, 2, given, labels);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    p = (struct diva_probabilities *)(void *)&error;
    expect_status(diva_probabilities_open(cases[i].path, dataset, &p, &error), cases[i].status,
                  cases[i].words, &error);
    cr_expect_null(p);
  }
  diva_dataset_close(dataset);
  struct diva_dataset_arrays arrays;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.targets = targets;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  expect_status(diva_probabilities_open(path, dataset, &p, &error), DIVA_ERROR_USAGE, "targets",
                &error);
  cr_expect_null(p);
  cr_expect_eq(folder_count(), 0);
  diva_dataset_close(dataset);
}

/* A disk that fills up as the scores come. */
Test(probabilities, a_full_disk) {
  enum { ROWS = 2000, CLASSES = 50, LIMIT = 100000 };
  float *features = calloc((size_t)ROWS * 2, sizeof *features);
  int32_t *labels = calloc(ROWS, sizeof *labels);
  double *scores = calloc((size_t)ROWS * CLASSES, sizeof *scores);
  struct diva_dataset *dataset = make_dataset(ROWS, CLASSES, features, labels);
  struct diva_error error;
  const struct rlimit limit = {LIMIT, LIMIT};
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  struct diva_probabilities *probabilities = open_file(dataset);
  expect_status(diva_probabilities_take(probabilities, 0, ROWS, scores, &error),
                DIVA_ERROR_RESOURCE, "p.npy", &error);
  cr_expect(error.foreign_code != 0);
  diva_probabilities_destroy(probabilities);
  cr_expect_eq(folder_count(), 0);
  diva_dataset_close(dataset);
  free(scores);
  free(labels);
  free(features);
}
