/* A ridge classifier between two versions, and its AUC. */
#include "two_sample.h"

#include "host/core/core.h"
#include "host/core/random.h"
#include "host/dataset/gather.h"
#include "host/dataset/widen.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLE_ROWS = 4096, BLOCK_ROWS = 256 };

/* A row of the sample: what it counts in each version, and its score. */
struct scored {
  double after, before; /* a_i and b_i, 0 where it is not in the version */
  double score;
};

/* Rows that are only here, only in the baseline, or in both. */
enum part { ONLY_AFTER, ONLY_BEFORE, IN_BOTH, PARTS };

struct sample {
  const struct diva_check_run *run;
  int64_t there[PARTS]; /* rows of each part */
  int64_t taken[PARTS]; /* of these in the sample, part after part */
  int64_t rows, columns;
  int64_t *index;        /* in this version, or the baseline for ONLY_BEFORE (owned) */
  float *features;       /* rows x columns (owned) */
  double *y, *weight;    /* rows (owned) */
  int32_t *twins;        /* rows: one code for a row and what it was before (owned) */
  struct scored *scored; /* rows (owned) */
};

static void free_sample(struct sample *sample) {
  free(sample->index);
  free(sample->features);
  free(sample->y);
  free(sample->weight);
  free(sample->twins);
  free(sample->scored);
}

static bool is_in_both(const struct diva_check_run *run, int64_t i) {
  return diva_check_is_same(&run->after, &run->before, &run->match, i);
}

static bool belongs(const struct diva_check_run *run, enum part part, int64_t row) {
  if (part != ONLY_BEFORE) {
    return is_in_both(run, row) == (part == IN_BOTH);
  }
  const int64_t i = run->match.after_of[row];
  return i < 0 || !is_in_both(run, i);
}

static int64_t rows_of(const struct diva_check_run *run, enum part part) {
  return part == ONLY_BEFORE ? run->before.rows : run->after.rows;
}

static void count_parts(struct sample *sample) {
  for (int p = 0; p < PARTS; p++) {
    for (int64_t i = 0; i < rows_of(sample->run, (enum part)p); i++) {
      sample->there[p] += belongs(sample->run, (enum part)p, i);
    }
    sample->taken[p] = sample->there[p] < SAMPLE_ROWS ? sample->there[p] : SAMPLE_ROWS;
    sample->rows += sample->taken[p];
  }
}

/* A plain sample of each part. */
static void draw_rows(struct sample *sample) {
  struct diva_random random = {sample->run->options->analysis.seed};
  int64_t at = 0;
  for (int p = 0; p < PARTS; p++) {
    int64_t left = sample->there[p];
    int64_t wanted = sample->taken[p];
    for (int64_t i = 0; wanted > 0; i++) {
      if (belongs(sample->run, (enum part)p, i) && diva_random_selects(&random, &left, &wanted)) {
        sample->index[at++] = i;
      }
    }
  }
}

/* Each sampled row counts for as many as there are of it; see two_sample.h. */
static void weigh_rows(struct sample *sample) {
  const double n = (double)sample->run->after.rows;
  const double m = (double)sample->run->before.rows;
  double sum = 0.0;
  int64_t at = 0;
  for (int p = 0; p < PARTS; p++) {
    const double stands_for = (double)sample->there[p] / (double)sample->taken[p];
    for (int64_t i = 0; i < sample->taken[p]; i++, at++) {
      struct scored *row = &sample->scored[at];
      row->after = p == ONLY_BEFORE ? 0.0 : stands_for / n;
      row->before = p == ONLY_AFTER ? 0.0 : stands_for / m;
      sample->weight[at] = row->after + row->before;
      sample->y[at] = (row->after - row->before) / sample->weight[at];
      sum += sample->weight[at];
    }
  }
  for (int64_t i = 0; i < sample->rows; i++) {
    sample->weight[i] *= (double)sample->rows / sum;
  }
}

/* A changed row and what it was before are told apart by what is common to all changed rows, not by
 * each other: they are left out together. */
static void pair_twins(struct sample *sample) {
  int64_t at = 0;
  for (int p = 0; p < PARTS; p++) {
    for (int64_t i = 0; i < sample->taken[p]; i++, at++) {
      const int64_t row = sample->index[at];
      const int64_t before = p == ONLY_BEFORE ? row : sample->run->match.before_of[row];
      sample->twins[at] = before <= INT32_MAX ? (int32_t)before : -1;
    }
  }
}

/* A column that either version holds constant is 0 in all rows, which standardising leaves it. */
static bool is_left_out(const struct sample *sample, int64_t column) {
  return sample->run->after.content.constant[column] ||
         sample->run->before.content.constant[column];
}

/* Rows of one dataset to float32, a few at a time. */
static enum diva_status read_rows(const struct sample *sample, struct diva_dataset *dataset,
                                  int64_t from, int64_t to, struct diva_error *error) {
  const int64_t d = sample->columns;
  struct diva_dataset_info info;
  void *stored = NULL;
  double *values = NULL;
  diva_dataset_describe(dataset, &info);
  enum diva_status status = diva_allocate(BLOCK_ROWS, d * diva_dtype_size(info.feature_type),
                                          "sampled rows", &stored, error);
  if (status == DIVA_OK) {
    status = diva_allocate(BLOCK_ROWS * d, sizeof *values, "sampled rows", (void **)&values, error);
  }
  for (int64_t at = from; at < to && status == DIVA_OK; at += BLOCK_ROWS) {
    const int64_t count = to - at < BLOCK_ROWS ? to - at : BLOCK_ROWS;
    status = diva_gather_features(dataset, sample->index + at, count, stored, error);
    if (status == DIVA_OK) {
      diva_widen(stored, info.feature_type, count * d, values);
    }
    for (int64_t i = 0; i < count * d && status == DIVA_OK; i++) {
      sample->features[at * d + i] = is_left_out(sample, i % d) ? 0.0F : (float)values[i];
    }
  }
  free(stored);
  free(values);
  return status;
}

static enum diva_status read_features(const struct sample *sample, struct diva_error *error) {
  const struct diva_check_run *run = sample->run;
  int64_t at = 0;
  enum diva_status status = DIVA_OK;
  for (int p = 0; p < PARTS && status == DIVA_OK; p++) {
    struct diva_dataset *dataset = p == ONLY_BEFORE ? run->before.dataset : run->after.dataset;
    status = read_rows(sample, dataset, at, at + sample->taken[p], error);
    at += sample->taken[p];
  }
  return status;
}

static enum diva_status allocate(struct sample *sample, struct diva_error *error) {
  enum diva_status status = diva_allocate(sample->rows, sizeof *sample->index, "sampled rows",
                                          (void **)&sample->index, error);
  if (status == DIVA_OK) {
    status = diva_allocate(sample->rows * sample->columns, sizeof *sample->features, "sampled rows",
                           (void **)&sample->features, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_allocate(sample->rows, sizeof *sample->y, "sampled rows", (void **)&sample->y, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(sample->rows, sizeof *sample->weight, "sampled rows",
                           (void **)&sample->weight, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(sample->rows, sizeof *sample->twins, "sampled rows",
                           (void **)&sample->twins, error);
  }
  return status == DIVA_OK ? diva_allocate(sample->rows, sizeof *sample->scored, "sampled rows",
                                           (void **)&sample->scored, error)
                           : status;
}

static enum diva_status take_scores(void *context, int64_t first_row, int64_t rows,
                                    const double *scores, struct diva_error *error) {
  struct sample *sample = context;
  (void)error;
  for (int64_t i = 0; i < rows; i++) {
    sample->scored[first_row + i].score = scores[i];
  }
  return DIVA_OK;
}

/* Leave-one-out scores of the regression of y. */
static enum diva_status score(struct sample *sample, struct diva_error *error) {
  const struct diva_analysis_options *given = &sample->run->options->analysis;
  struct diva_analysis_options options;
  struct diva_analysis *analysis = NULL;
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  diva_analysis_options_init(&options);
  options.derivative = false;
  options.backend = given->backend;
  options.threads = given->threads;
  options.memory = given->memory;
  options.seed = given->seed;
  options.progress = given->progress;
  options.deterministic = given->deterministic;
  options.weights = options.importance = sample->weight;
  options.groups = sample->twins;
  options.scores = take_scores;
  options.scores_context = sample;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = sample->rows;
  arrays.columns = sample->columns;
  arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = sample->features;
  arrays.targets = sample->y;
  enum diva_status status = diva_dataset_from_arrays(&arrays, &dataset, error);
  if (status == DIVA_OK) {
    status = diva_analysis_run(dataset, NULL, &options, &analysis, error);
  }
  diva_analysis_destroy(analysis);
  diva_dataset_close(dataset);
  return status;
}

static int compare_scored(const void *left, const void *right) {
  const double a = ((const struct scored *)left)->score;
  const double b = ((const struct scored *)right)->score;
  return a < b ? -1 : a > b;
}

/* Calls for each run of equal scores with what of both versions lies below and in it. */
static double add_up(const struct scored *rows, int64_t count, double auc, double *variance) {
  double below_after = 0.0;
  double below_before = 0.0;
  double sum = 0.0;
  *variance = 0.0;
  for (int64_t first = 0; first < count;) {
    double after = 0.0;
    double before = 0.0;
    int64_t end = first;
    for (; end < count && rows[end].score <= rows[first].score; end++) {
      after += rows[end].after;
      before += rows[end].before;
    }
    const double v = below_before + 0.5 * before;
    const double w = 1.0 - below_after - 0.5 * after;
    for (int64_t i = first; i < end; i++) {
      const double brought = rows[i].after * (v - auc) + rows[i].before * (w - auc);
      sum += rows[i].after * v;
      *variance += brought * brought;
    }
    below_after += after;
    below_before += before;
    first = end;
  }
  return sum;
}

static void judge(struct sample *sample, struct diva_two_sample *out) {
  const double n = (double)sample->run->after.rows;
  const double m = (double)sample->run->before.rows;
  double variance;
  qsort(sample->scored, (size_t)sample->rows, sizeof *sample->scored, compare_scored);
  out->auc = add_up(sample->scored, sample->rows, 0.5, &variance);
  add_up(sample->scored, sample->rows, out->auc, &variance);
  /* One pseudo-row of each version, as in mean_change.h, in units of a half. */
  out->error = sqrt(variance + 0.25 / (n * n) + 0.25 / (m * m));
  out->sampled = sample->rows;
}

/* Means and variances of a column in both versions. */
struct moments {
  double mean_after, mean_before;
  double square_after, square_before;
};

static struct moments column_moments(const struct sample *sample, int64_t j) {
  const int64_t d = sample->columns;
  struct moments of = {0};
  for (int64_t i = 0; i < sample->rows; i++) {
    const double value = (double)sample->features[i * d + j];
    of.mean_after += sample->scored[i].after * value;
    of.mean_before += sample->scored[i].before * value;
  }
  for (int64_t i = 0; i < sample->rows; i++) {
    const double after = (double)sample->features[i * d + j] - of.mean_after;
    const double before = (double)sample->features[i * d + j] - of.mean_before;
    of.square_after += sample->scored[i].after * after * after;
    of.square_before += sample->scored[i].before * before * before;
  }
  return of;
}

/* Each row is one draw: what it brings to the differences of mean and variance. */
static struct diva_column_change compare_column(const struct sample *sample, int64_t j) {
  const struct moments of = column_moments(sample, j);
  const double square = 0.5 * (of.square_after + of.square_before);
  const double noise = 1e-12 * (of.mean_after * of.mean_after + of.mean_before * of.mean_before);
  struct diva_column_change change = {0};
  if (is_left_out(sample, j) || !(of.square_after > noise && of.square_before > noise)) {
    return change;
  }
  for (int64_t i = 0; i < sample->rows; i++) {
    const struct scored *row = &sample->scored[i];
    const double value = (double)sample->features[i * sample->columns + j];
    const double after = value - of.mean_after;
    const double before = value - of.mean_before;
    const double mean = row->after * after - row->before * before;
    const double spread = row->after * (after * after - of.square_after) -
                          row->before * (before * before - of.square_before);
    change.mean_error += mean * mean;
    change.spread_error += spread * spread;
  }
  change.mean = (of.mean_after - of.mean_before) / sqrt(square);
  change.mean_error = sqrt(change.mean_error / square);
  change.spread = (of.square_after - of.square_before) / square;
  change.spread_error = sqrt(change.spread_error) / square;
  return change;
}

/* Before the scores put the rows in another order. */
static enum diva_status compare_columns(const struct sample *sample, struct diva_two_sample *out,
                                        struct diva_error *error) {
  const enum diva_status status = diva_allocate(
      sample->columns, sizeof *out->columns, "changes of columns", (void **)&out->columns, error);
  for (int64_t j = 0; j < sample->columns && status == DIVA_OK; j++) {
    out->columns[j] = compare_column(sample, j);
  }
  return status;
}

void diva_two_sample_free(struct diva_two_sample *versions) {
  free(versions->columns);
  versions->columns = NULL;
}

enum diva_status diva_two_sample_run(const struct diva_check_run *run, struct diva_two_sample *out,
                                     struct diva_error *error) {
  struct sample sample = {.run = run, .columns = run->after.columns};
  *out = (struct diva_two_sample){.auc = 0.5};
  count_parts(&sample);
  if (sample.there[ONLY_AFTER] + sample.there[ONLY_BEFORE] == 0 || sample.rows < 4) {
    sample.rows = 0;
    return compare_columns(&sample, out, error);
  }
  enum diva_status status = allocate(&sample, error);
  if (status == DIVA_OK) {
    draw_rows(&sample);
    weigh_rows(&sample);
    pair_twins(&sample);
    status = read_features(&sample, error);
  }
  if (status == DIVA_OK) {
    status = compare_columns(&sample, out, error);
  }
  if (status == DIVA_OK) {
    status = score(&sample, error);
  }
  if (status == DIVA_OK) {
    judge(&sample, out);
  }
  free_sample(&sample);
  return status;
}
