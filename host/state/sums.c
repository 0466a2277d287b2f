/* The sums of a state on the host, about their own means. */
#include "sums.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t diva_sums_triangle(int64_t columns) {
  return columns * (columns + 1) / 2;
}

double *diva_sums_row(const struct diva_sums *sums, int64_t i) {
  return sums->scatter + i * (2 * sums->columns - i + 1) / 2;
}

enum diva_status diva_sums_allocate(struct diva_sums *sums, int64_t columns, int64_t outputs,
                                    struct diva_error *error) {
  *sums = (struct diva_sums){.columns = columns, .outputs = outputs};
  int64_t narrow;
  if (!diva_size_multiply(columns, outputs, 1, &narrow)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "sums of %lld columns x %lld outputs overflow", (long long)columns,
                          (long long)outputs);
  }
  const struct {
    double **values;
    int64_t count;
  } arrays[] = {
      {&sums->mean, columns},     {&sums->scatter, diva_sums_triangle(columns)},
      {&sums->target, outputs},   {&sums->cross, narrow},
      {&sums->row_mean, columns}, {&sums->row_square, columns},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays && status == DIVA_OK; i++) {
    status = diva_allocate(arrays[i].count, sizeof(double), "the sums of a state",
                           (void **)arrays[i].values, error);
  }
  if (status != DIVA_OK) {
    diva_sums_free(sums);
  }
  return status;
}

void diva_sums_free(struct diva_sums *sums) {
  free(sums->mean);
  free(sums->scatter);
  free(sums->target);
  free(sums->cross);
  free(sums->row_mean);
  free(sums->row_square);
  *sums = (struct diva_sums){0};
}

/* Rows that leave may leave a rounding below zero. */
static double clamp(double square) {
  return square < 0.0 ? 0.0 : square;
}

static void add_row_moments(struct diva_sums *sums, const double *moments, int64_t rows) {
  const int64_t d = sums->columns;
  sums->rows = rows;
  for (int64_t j = 0; j < d; j++) {
    const double offset = rows > 0 ? moments[j] / (double)rows : -sums->row_mean[j];
    const double square = sums->row_square[j] + moments[d + j] - moments[j] * offset;
    sums->row_mean[j] += offset;
    sums->row_square[j] = rows > 0 ? clamp(square) : 0.0;
  }
}

static void empty(struct diva_sums *sums) {
  const size_t real = sizeof(double);
  sums->weight = 0.0;
  memset(sums->mean, 0, (size_t)sums->columns * real);
  memset(sums->scatter, 0, (size_t)diva_sums_triangle(sums->columns) * real);
  memset(sums->target, 0, (size_t)sums->outputs * real);
  memset(sums->cross, 0, (size_t)(sums->outputs * sums->columns) * real);
}

/* How far the mean moves, side by side: the column of the sums lies apart in memory. */
static void find_offsets(const struct diva_sums_terms *terms, int64_t columns, double weight) {
  const int64_t width = columns + 1;
  for (int64_t j = 0; j < columns; j++) {
    terms->offset[j] = terms->gram[j * width + columns] / weight;
  }
}

static void add_scatter(struct diva_sums *sums, const struct diva_sums_terms *terms,
                        double weight) {
  const int64_t d = sums->columns;
  const double *offset = terms->offset;
#pragma omp parallel for schedule(dynamic, 16)
  for (int64_t i = 0; i < d; i++) {
    double *to = diva_sums_row(sums, i);
    const double *from = terms->gram + i * (d + 1);
    const double all = weight * offset[i];
    for (int64_t j = i; j < d; j++) {
      to[j - i] += from[j] - all * offset[j];
    }
    to[0] = clamp(to[0]);
  }
}

static void add_cross(struct diva_sums *sums, const struct diva_sums_terms *terms) {
  const int64_t d = sums->columns;
  for (int64_t c = 0; c < sums->outputs; c++) {
    const double *from = terms->cross + c * (d + 1);
    sums->target[c] += from[d];
    for (int64_t j = 0; j < d; j++) {
      sums->cross[c * d + j] += from[j] - sums->target[c] * terms->offset[j];
    }
  }
}

void diva_sums_add_terms(struct diva_sums *sums, const struct diva_sums_terms *terms, double weight,
                         int64_t rows) {
  add_row_moments(sums, terms->moments, rows);
  if (!(weight > 0.0)) {
    empty(sums);
    return;
  }
  find_offsets(terms, sums->columns, weight);
  add_scatter(sums, terms, weight);
  add_cross(sums, terms);
  for (int64_t j = 0; j < sums->columns; j++) {
    sums->mean[j] += terms->offset[j];
  }
  sums->weight = weight;
}

/* As diva_sums_merge() for one column counted by rows. */
static void merge_row_moments(struct diva_sums *sums, const struct diva_sums *other) {
  const double mine = (double)sums->rows;
  const double its = (double)other->rows;
  const double all = mine + its;
  for (int64_t j = 0; j < sums->columns && all > 0.0; j++) {
    const double apart = other->row_mean[j] - sums->row_mean[j];
    sums->row_square[j] += other->row_square[j] + apart * apart * mine * its / all;
    sums->row_mean[j] += apart * its / all;
  }
  sums->rows += other->rows;
}

void diva_sums_merge(struct diva_sums *sums, const struct diva_sums *other) {
  const int64_t d = sums->columns;
  const double all = sums->weight + other->weight;
  merge_row_moments(sums, other);
  if (!(other->weight > 0.0)) {
    return;
  }
  const double mine = sums->weight / all;
  const double its = other->weight / all;
#pragma omp parallel for schedule(dynamic, 16)
  for (int64_t i = 0; i < d; i++) {
    double *to = diva_sums_row(sums, i);
    const double *from = diva_sums_row(other, i);
    const double apart = (other->mean[i] - sums->mean[i]) * sums->weight * its;
    for (int64_t j = i; j < d; j++) {
      to[j - i] += from[j - i] + apart * (other->mean[j] - sums->mean[j]);
    }
  }
  for (int64_t c = 0; c < other->outputs; c++) {
    const double balance = other->target[c] * mine - sums->target[c] * its;
    for (int64_t j = 0; j < d; j++) {
      const double apart = other->mean[j] - sums->mean[j];
      sums->cross[c * d + j] += other->cross[c * d + j] + balance * apart;
    }
    sums->target[c] += other->target[c];
  }
  for (int64_t c = other->outputs; c < sums->outputs; c++) {
    for (int64_t j = 0; j < d; j++) {
      sums->cross[c * d + j] -= sums->target[c] * its * (other->mean[j] - sums->mean[j]);
    }
  }
  for (int64_t j = 0; j < d; j++) {
    sums->mean[j] += its * (other->mean[j] - sums->mean[j]);
  }
  sums->weight = all;
}

enum diva_status diva_sums_copy(struct diva_sums *to, const struct diva_sums *from, int64_t outputs,
                                const int32_t *output_of, struct diva_error *error) {
  const enum diva_status status = diva_sums_allocate(to, from->columns, outputs, error);
  if (status != DIVA_OK) {
    return status;
  }
  const size_t row = (size_t)from->columns * sizeof(double);
  to->rows = from->rows;
  to->weight = from->weight;
  memcpy(to->mean, from->mean, row);
  memcpy(to->row_mean, from->row_mean, row);
  memcpy(to->row_square, from->row_square, row);
  memcpy(to->scatter, from->scatter,
         (size_t)diva_sums_triangle(from->columns) * sizeof *to->scatter);
  for (int64_t c = 0; c < from->outputs; c++) {
    const int64_t at = output_of ? output_of[c] : c;
    if (at >= 0) {
      to->target[at] = from->target[c];
      memcpy(to->cross + at * to->columns, from->cross + c * from->columns, row);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_sums_check_finite(const struct diva_sums *sums, struct diva_error *error) {
  for (int64_t j = 0; j < sums->columns; j++) {
    if (!isfinite(*diva_sums_row(sums, j)) || !isfinite(sums->row_square[j])) {
      return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                            "/features: the squares of column %lld overflow; scale the features "
                            "down",
                            (long long)j);
    }
  }
  return DIVA_OK;
}
