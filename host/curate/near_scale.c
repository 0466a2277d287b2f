/* How near two rows must be to be near-duplicates. */
#include "near_scale.h"

#include "host/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DIVA_SKETCH_SIZE, NEIGHBOUR = 3 };

/* Rows of one direction are this near once their norms have been divided out in float32. */
static const double ROUNDING = 1e-12;

/* Rows to measure by: their sketches, and which rows they are. */
struct sample {
  int64_t count;
  int64_t *rows;
  float *sketches;
};

static bool is_zero(const float *sketch) {
  const float nothing[SIZE] = {0.0F};
  return diva_sketch_distance(sketch, nothing, SIZE) < 1e-3;
}

/* A quarter of the rows, so that copies are rarely together in it; no more than need be, and so
 * many that rows times sample stays a small part of the work. */
static int64_t sample_size(int64_t rows) {
  const int64_t most = 1024;
  const int64_t fewest = 64;
  const int64_t comparisons = 100000000;
  int64_t size = rows / 4 < most ? rows / 4 : most;
  size = size < comparisons / rows ? size : comparisons / rows;
  size = size > fewest ? size : fewest;
  return size < rows ? size : rows;
}

static enum diva_status draw_sample(const struct diva_sketch *sketch, uint64_t seed,
                                    struct sample *out, struct diva_error *error) {
  struct diva_random random = {seed};
  int64_t left = sketch->device.info.rows;
  int64_t wanted = sample_size(left);
  enum diva_status status =
      diva_allocate(wanted, sizeof *out->rows, "a sample", (void **)&out->rows, error);
  if (status == DIVA_OK) {
    status = diva_allocate(wanted, SIZE * (int64_t)sizeof *out->sketches, "a sample",
                           (void **)&out->sketches, error);
  }
  for (int64_t i = 0; i < sketch->device.info.rows && status == DIVA_OK; i++) {
    const float *values = sketch->values + i * SIZE;
    if (diva_random_selects(&random, &left, &wanted) && !is_zero(values)) {
      out->rows[out->count] = i;
      memcpy(out->sketches + out->count++ * SIZE, values, SIZE * sizeof *values);
    }
  }
  return status;
}

/* Squares of the distances from a row to its nearest other rows of the sample, ascending, but for
 * exact copies, which say nothing of how near rows usually are; infinity where there are fewer. */
static void find_nearest(const struct sample *sample, const float *sketch, int64_t row,
                         double nearest[NEIGHBOUR]) {
  for (int k = 0; k < NEIGHBOUR; k++) {
    nearest[k] = (double)INFINITY;
  }
  for (int64_t i = 0; i < sample->count; i++) {
    double apart = diva_sketch_distance(sketch, sample->sketches + i * SIZE, SIZE);
    const bool counts = sample->rows[i] != row && apart > 0.0;
    for (int k = 0; k < NEIGHBOUR && counts; k++) {
      if (apart < nearest[k]) {
        const double kept = nearest[k];
        nearest[k] = apart;
        apart = kept;
      }
    }
  }
}

static int compare_reals(const void *left, const void *right) {
  const double a = *(const double *)left;
  const double b = *(const double *)right;
  return a < b ? -1 : a > b;
}

/* log(r2 / r1) is exponential with rate D: D from two of its quantiles, of which the upper is the
 * lower where densities differ from place to place. 0 where the sample cannot tell. */
static enum diva_status estimate_dimension(const struct sample *sample, double *dimension,
                                           struct diva_error *error) {
  enum { FEWEST = 16 };
  double *ratios = NULL;
  int64_t count = 0;
  const enum diva_status status =
      diva_allocate(sample->count, sizeof *ratios, "a sample", (void **)&ratios, error);
  for (int64_t i = 0; i < sample->count && status == DIVA_OK; i++) {
    double nearest[NEIGHBOUR];
    find_nearest(sample, sample->sketches + i * SIZE, sample->rows[i], nearest);
    if (nearest[0] > 0.0 && isfinite(nearest[1])) {
      ratios[count++] = 0.5 * log(nearest[1] / nearest[0]);
    }
  }
  *dimension = 0.0;
  if (count >= FEWEST) {
    qsort(ratios, (size_t)count, sizeof *ratios, compare_reals);
    const double middle = log(2.0) / fmax(ratios[count / 2], log(2.0) / SIZE);
    const double upper = log(5.0) / fmax(ratios[count * 4 / 5], log(5.0) / SIZE);
    *dimension = fmin(middle, upper);
  }
  free(ratios);
  return status;
}

/* Share of the distance to a typical neighbour below which chance gives less than one pair. */
static double choose_share(int64_t rows, int64_t sampled, double dimension) {
  const double most = 0.2;
  const double pairs = 0.5 * (double)rows * (double)rows;
  const double chance = (double)NEIGHBOUR / (double)sampled;
  const double share = dimension > 0.0 ? pow(1.0 / (pairs * chance), 1.0 / dimension) : 0.0;
  return share < most ? share : most;
}

static enum diva_status measure(const struct diva_sketch *sketch,
                                const struct diva_duplicates_options *options, float *reach,
                                struct diva_error *error) {
  struct sample sample = {0};
  double dimension = 0.0;
  enum diva_status status = draw_sample(sketch, options->seed, &sample, error);
  if (status == DIVA_OK) {
    status = estimate_dimension(&sample, &dimension, error);
  }
  if (status == DIVA_OK) {
    const double share = choose_share(sketch->device.info.rows, sample.count, dimension);
#pragma omp parallel for schedule(dynamic, 64) num_threads(sketch->device.engine.threads)
    for (int64_t i = 0; i < sketch->device.info.rows; i++) {
      double nearest[NEIGHBOUR];
      find_nearest(&sample, sketch->values + i * SIZE, i, nearest);
      const double typical = nearest[NEIGHBOUR - 1];
      reach[i] = isfinite(typical) ? (float)(share * share * typical) : (float)ROUNDING;
    }
  }
  free(sample.rows);
  free(sample.sketches);
  return status;
}

enum diva_status diva_near_scale(const struct diva_sketch *sketch,
                                 const struct diva_duplicates_options *options, float *reach,
                                 struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (isnan(options->threshold)) {
    status = measure(sketch, options, reach, error);
  } else {
    const double square = 2.0 - 2.0 * options->threshold;
    for (int64_t i = 0; i < sketch->device.info.rows; i++) {
      reach[i] = (float)fmax(square, ROUNDING);
    }
  }
  for (int64_t i = 0; i < sketch->device.info.rows && status == DIVA_OK; i++) {
    reach[i] = is_zero(sketch->values + i * SIZE) ? 0.0F : reach[i];
  }
  return status;
}
