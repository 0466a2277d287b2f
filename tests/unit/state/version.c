/* Versions of a dataset, sums by the book, and how states compare. */
#include "version.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 6, OUTPUTS = 3, MOST_OUTPUTS = 4 };

static bool has_labels(enum version_kind kind) {
  return kind == VERSION_LABELS || kind == VERSION_LABELS_AND_BASE;
}

static bool has_base(enum version_kind kind) {
  return kind == VERSION_LABELS_AND_BASE || kind == VERSION_TARGETS_AND_BASE;
}

static double rounded(const struct version *version, double value) {
  return version->type == DIVA_FLOAT32 ? (double)(float)value : value;
}

/* Columns of different sizes, some far from zero beside their spread. */
static void fill_row(struct version *version, int64_t i, uint64_t number) {
  struct reference_random random = {number * 2654435761u + 88172645463325252u};
  const int64_t d = version->columns;
  const int64_t k = version->outputs;
  for (int r = 0; r < 8; r++) {
    reference_uniform(&random);
  }
  for (int64_t j = 0; j < d; j++) {
    const double offset = j % 2 ? 100.0 * (double)j : 0.0;
    version->features[i * d + j] =
        rounded(version, offset + (0.2 + (double)j) * reference_normal(&random));
  }
  for (int64_t c = 0; c < k; c++) {
    version->targets[i * k + c] = reference_normal(&random);
    if (version->base) {
      version->base[i * k + c] = 0.3 * reference_normal(&random);
    }
  }
}

static void name_row(struct version *version, int64_t i, int64_t number) {
  const bool special = number >= 20;
  fill_row(version, i, (uint64_t)number + 1);
  if (version->labels) {
    version->labels[i] = special && number % 11 == 0 ? -1 : (int32_t)(number * 7 / 2 % OUTPUTS);
  }
  version->weights[i] = special && number % 13 == 0 ? 0.0 : number % 7 == 0 ? 1.7 : 1.0;
  if (version->ids) {
    snprintf(version->ids[i], VERSION_ID_SIZE, "row-%lld", (long long)number);
  }
}

static void take_memory(struct version *version) {
  const int64_t room = version->room;
  version->features = reference_allocate(room * version->columns, sizeof *version->features);
  version->targets = reference_allocate(room * MOST_OUTPUTS, sizeof *version->targets);
  version->weights = reference_allocate(room, sizeof *version->weights);
  version->ids = reference_allocate(room, sizeof *version->ids);
  if (has_labels(version->kind)) {
    version->labels = reference_allocate(room, sizeof *version->labels);
  }
  if (has_base(version->kind)) {
    version->base = reference_allocate(room * MOST_OUTPUTS, sizeof *version->base);
  }
}

void version_make(struct version *version, enum version_kind kind, enum diva_dtype type,
                  int64_t first, int64_t rows) {
  *version = (struct version){
      .kind = kind, .type = type, .room = 2 * rows + 8, .columns = COLUMNS, .outputs = OUTPUTS};
  take_memory(version);
  for (int64_t i = 0; i < rows; i++) {
    version_append(version, first + i);
  }
}

static void *duplicate(const void *from, size_t bytes) {
  void *copy = from ? reference_allocate(1, bytes) : NULL;
  if (copy) {
    memcpy(copy, from, bytes);
  }
  return copy;
}

void version_copy(struct version *to, const struct version *from) {
  const size_t room = (size_t)from->room;
  const size_t wide = room * MOST_OUTPUTS * sizeof(double);
  *to = *from;
  to->features = duplicate(from->features, room * (size_t)from->columns * sizeof(double));
  to->labels = duplicate(from->labels, room * sizeof *from->labels);
  to->targets = duplicate(from->targets, wide);
  to->base = duplicate(from->base, wide);
  to->weights = duplicate(from->weights, room * sizeof *from->weights);
  to->ids = duplicate(from->ids, room * sizeof *from->ids);
  to->narrow = NULL;
  to->id_pointers = NULL;
}

void version_free(struct version *version) {
  free(version->features);
  free(version->labels);
  free(version->targets);
  free(version->base);
  free(version->weights);
  free(version->ids);
  free(version->narrow);
  free(version->id_pointers);
  *version = (struct version){0};
}

void version_append(struct version *version, int64_t number) {
  cr_assert_lt(version->rows, version->room);
  name_row(version, version->rows++, number);
}

/* Row `from` into the place of row `to`. */
static void move_row(struct version *version, int64_t from, int64_t to) {
  const int64_t d = version->columns;
  const int64_t k = version->outputs;
  const size_t wide = (size_t)k * sizeof(double);
  memmove(version->features + to * d, version->features + from * d, (size_t)d * sizeof(double));
  memmove(version->targets + to * k, version->targets + from * k, wide);
  if (version->base) {
    memmove(version->base + to * k, version->base + from * k, wide);
  }
  if (version->labels) {
    version->labels[to] = version->labels[from];
  }
  version->weights[to] = version->weights[from];
  if (version->ids) {
    memmove(version->ids[to], version->ids[from], VERSION_ID_SIZE);
  }
}

void version_remove(struct version *version, int64_t i) {
  for (; i + 1 < version->rows; i++) {
    move_row(version, i + 1, i);
  }
  version->rows--;
}

void version_change(struct version *version, int64_t i) {
  double targets[OUTPUTS];
  double base[OUTPUTS];
  const size_t wide = sizeof targets;
  memcpy(targets, version->targets + i * version->outputs, wide);
  if (version->base) {
    memcpy(base, version->base + i * version->outputs, wide);
  }
  fill_row(version, i, (uint64_t)i + 1000003u);
  memcpy(version->targets + i * version->outputs, targets, wide);
  if (version->base) {
    memcpy(version->base + i * version->outputs, base, wide);
  }
}

void version_shuffle(struct version *version, uint64_t seed) {
  struct reference_random random = {seed};
  cr_assert_lt(version->rows, version->room);
  for (int64_t i = version->rows - 1; i > 0; i--) {
    const int64_t other = reference_below(&random, i + 1);
    move_row(version, i, version->rows);
    move_row(version, other, i);
    move_row(version, version->rows, other);
  }
}

struct diva_dataset *version_open(struct version *version) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  const int64_t count = version->rows * version->columns;
  diva_dataset_arrays_init(&arrays);
  free(version->narrow);
  free(version->id_pointers);
  version->narrow = reference_allocate(count, sizeof *version->narrow);
  for (int64_t i = 0; i < count; i++) {
    version->narrow[i] = (float)version->features[i];
  }
  version->id_pointers = reference_allocate(version->rows, sizeof *version->id_pointers);
  for (int64_t i = 0; version->ids && i < version->rows; i++) {
    version->id_pointers[i] = version->ids[i];
  }
  arrays.rows = version->rows;
  arrays.columns = version->columns;
  arrays.outputs = version->outputs;
  arrays.feature_type = version->type;
  arrays.features = version->type == DIVA_FLOAT32 ? (const void *)version->narrow
                                                  : (const void *)version->features;
  arrays.labels = version->labels;
  arrays.targets = version->labels ? NULL : version->targets;
  arrays.base_outputs = version->base;
  arrays.weights = version->weights;
  arrays.ids = version->ids ? version->id_pointers : NULL;
  arrays.class_names = version->class_names;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &dataset, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  return dataset;
}

struct diva_analysis_options version_options(enum diva_scale scale) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.scale = scale;
  options.precision = DIVA_PRECISION_FLOAT64;
  options.threads = 1;
  return options;
}

struct diva_state *version_state(struct version *version,
                                 const struct diva_analysis_options *options) {
  struct diva_dataset *dataset = version_open(version);
  struct diva_state *state = NULL;
  struct diva_error error;
  const enum diva_status status = diva_state_create(dataset, options, &state, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  diva_dataset_close(dataset);
  return state;
}

struct diva_state *version_update(const struct diva_state *state, struct version *old,
                                  struct version *now, const struct diva_analysis_options *options,
                                  struct diva_state_work *work) {
  struct diva_dataset *dataset = version_open(now);
  struct diva_dataset *old_dataset = old ? version_open(old) : NULL;
  struct diva_state *updated = NULL;
  struct diva_error error;
  const enum diva_status status =
      diva_state_update(state, old_dataset, dataset, options, work, &updated, &error);
  cr_assert_eq(status, DIVA_OK, "%s", error.message);
  diva_dataset_close(old_dataset);
  diva_dataset_close(dataset);
  return updated;
}

/* alpha of a row. */
static double weigh(const struct version *version, int64_t i) {
  return version->labels && version->labels[i] < 0 ? 0.0 : version->weights[i];
}

static double target_of(const struct version *version, int64_t i, int64_t c) {
  const int64_t at = i * version->outputs + c;
  const double label = version->labels && version->labels[i] == c ? 1.0 : 0.0;
  const double target = version->labels ? label : version->targets[at];
  return target - (version->base ? version->base[at] : 0.0);
}

/* Sums in the arrangement of struct diva_state_sums. */
struct naive {
  long double weight;
  long double *mean, *scatter, *target, *cross, *row_mean, *row_square;
};

static long double *zeros(int64_t count) {
  return reference_allocate(count, sizeof(long double));
}

static void free_naive(struct naive *naive) {
  free(naive->mean);
  free(naive->scatter);
  free(naive->target);
  free(naive->cross);
  free(naive->row_mean);
  free(naive->row_square);
}

/* A row as scaled for the products. */
static void scale_row(const struct version *version, enum diva_scale scale, int64_t i,
                      long double *out) {
  const double *row = version->features + i * version->columns;
  long double norm = 0.0L;
  for (int64_t j = 0; j < version->columns; j++) {
    norm += (long double)row[j] * (long double)row[j];
  }
  norm = scale == DIVA_SCALE_L2 && norm > 0.0L ? sqrtl(norm) : 1.0L;
  for (int64_t j = 0; j < version->columns; j++) {
    out[j] = (long double)row[j] / norm;
  }
}

static void sum_means(const struct version *version, enum diva_scale scale, struct naive *naive,
                      long double *row) {
  const int64_t d = version->columns;
  for (int64_t i = 0; i < version->rows; i++) {
    scale_row(version, scale, i, row);
    naive->weight += (long double)weigh(version, i);
    for (int64_t j = 0; j < d; j++) {
      naive->mean[j] += (long double)weigh(version, i) * row[j];
      naive->row_mean[j] += (long double)version->features[i * d + j] / (long double)version->rows;
    }
  }
  for (int64_t j = 0; j < d; j++) {
    naive->mean[j] /= naive->weight;
  }
}

static void sum_products(const struct version *version, enum diva_scale scale, struct naive *naive,
                         long double *row) {
  const int64_t d = version->columns;
  for (int64_t i = 0; i < version->rows; i++) {
    const long double weight = (long double)weigh(version, i);
    long double *to = naive->scatter;
    scale_row(version, scale, i, row);
    for (int64_t j = 0; j < d; j++) {
      const long double raw = (long double)version->features[i * d + j] - naive->row_mean[j];
      naive->row_square[j] += raw * raw;
      for (int64_t l = j; l < d; l++) {
        *to++ += weight * (row[j] - naive->mean[j]) * (row[l] - naive->mean[l]);
      }
    }
    for (int64_t c = 0; c < version->outputs && weight > 0.0L; c++) {
      const long double y = weight * (long double)target_of(version, i, c);
      naive->target[c] += y;
      for (int64_t j = 0; j < d; j++) {
        naive->cross[c * d + j] += y * (row[j] - naive->mean[j]);
      }
    }
  }
}

static struct naive make_naive(const struct version *version, enum diva_scale scale) {
  const int64_t d = version->columns;
  struct naive naive = {.mean = zeros(d),
                        .scatter = zeros(d * (d + 1) / 2),
                        .target = zeros(version->outputs),
                        .cross = zeros(version->outputs * d),
                        .row_mean = zeros(d),
                        .row_square = zeros(d)};
  long double *row = zeros(d);
  sum_means(version, scale, &naive, row);
  sum_products(version, scale, &naive, row);
  free(row);
  return naive;
}

static double worse(double worst, long double got, long double want, long double scale) {
  const double error = (double)(fabsl(got - want) / scale);
  return error > worst || isnan(error) ? error : worst;
}

static const double *as_doubles(const long double *values, int64_t count, double **owned) {
  *owned = reference_allocate(count, sizeof **owned);
  for (int64_t i = 0; i < count; i++) {
    (*owned)[i] = (double)values[i];
  }
  return *owned;
}

static double compare(const struct diva_state_sums *got, const struct diva_state_sums *want,
                      int64_t d, int64_t k) {
  double worst = worse(0.0, got->weight, want->weight, want->weight);
  long double *spread = zeros(d);
  const double *s = want->scatter;
  for (int64_t j = 0; j < d; s += d - j, j++) {
    const long double square = want->row_square[j];
    spread[j] = sqrtl((long double)s[0]);
    worst =
        worse(worst, got->mean[j], want->mean[j], fabsl((long double)want->mean[j]) + spread[j]);
    worst = worse(worst, got->row_mean[j], want->row_mean[j],
                  fabsl((long double)want->row_mean[j]) + sqrtl(square));
    worst = worse(worst, got->row_square[j], square, square);
  }
  int64_t at = 0;
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = i; j < d; j++, at++) {
      worst = worse(worst, got->scatter[at], want->scatter[at], spread[i] * spread[j]);
    }
  }
  for (int64_t c = 0; c < k; c++) {
    worst = worse(worst, got->target[c], want->target[c], want->weight);
    for (int64_t j = 0; j < d; j++) {
      worst = worse(worst, got->cross[c * d + j], want->cross[c * d + j],
                    spread[j] * sqrtl((long double)want->weight));
    }
  }
  free(spread);
  return worst;
}

double version_error(const struct version *version, enum diva_scale scale,
                     const struct diva_state *state) {
  struct naive naive = make_naive(version, scale);
  const int64_t d = version->columns;
  const int64_t k = version->outputs;
  struct diva_state_sums got;
  double *owned[6];
  const struct diva_state_sums want = {
      .weight = (double)naive.weight,
      .mean = as_doubles(naive.mean, d, &owned[0]),
      .scatter = as_doubles(naive.scatter, d * (d + 1) / 2, &owned[1]),
      .target = as_doubles(naive.target, k, &owned[2]),
      .cross = as_doubles(naive.cross, k * d, &owned[3]),
      .row_mean = as_doubles(naive.row_mean, d, &owned[4]),
      .row_square = as_doubles(naive.row_square, d, &owned[5]),
  };
  diva_state_sums(state, &got);
  const double worst = compare(&got, &want, d, k);
  for (int i = 0; i < 6; i++) {
    free(owned[i]);
  }
  free_naive(&naive);
  return worst;
}

double version_difference(const struct diva_state *a, const struct diva_state *b) {
  struct diva_state_info info;
  struct diva_state_sums mine;
  struct diva_state_sums its;
  diva_state_describe(b, &info);
  diva_state_sums(a, &mine);
  diva_state_sums(b, &its);
  return compare(&mine, &its, info.columns, info.outputs);
}
