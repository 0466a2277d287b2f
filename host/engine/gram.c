/* The first pass: sums over all rows, then centring and scaling applied to the sums. */
#include "primal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A nonlinear map cannot be rescaled after the fact: its rows come standardized. */
static bool standardizes(const struct diva_primal *primal) {
  return primal->engine->options->scale == DIVA_SCALE_STANDARDIZE && primal->fourier.count == 0;
}

static bool needs_mean(const struct diva_primal *primal) {
  return primal->engine->options->intercept || standardizes(primal);
}

/* The columns that no pass has centred yet: with a map, its own. */
static int64_t first_uncentred(const struct diva_primal *primal) {
  return primal->fourier.ready ? primal->stored_columns : 0;
}

/* Square sums as wide as the prepared rows of this pass: with a constant column for the means. */
static struct diva_matrix pass_view(struct diva_matrix matrix, int64_t rows, int64_t width) {
  matrix.rows = rows;
  matrix.columns = width;
  return matrix;
}

static int64_t pass_width(const struct diva_primal *primal) {
  return primal->columns + (needs_mean(primal) ? 1 : 0);
}

static bool all_ones(const double *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (values[i] != 1.0) {
      return false;
    }
  }
  return true;
}

/* Cross sums of a tile. Of few classes the product costs no more than reading Z. */
static enum diva_status accumulate_cross(struct diva_primal *primal,
                                         const struct diva_prepared_tile *tile,
                                         struct diva_vector weight, struct diva_matrix sum,
                                         struct diva_error *error) {
  enum { MANY_CLASSES = 64 };
  const struct diva_engine *engine = primal->engine;
  const bool plain_labels = tile->facts.labels.buffer && !tile->host_y;
  if (plain_labels && engine->ops->class_accumulate && sum.rows >= MANY_CLASSES) {
    return engine->ops->class_accumulate(engine->backend, tile->facts.labels, weight, tile->z, sum,
                                         error);
  }
  return engine->ops->cross_accumulate(engine->backend, tile->y, weight, tile->z, sum, error);
}

static enum diva_status visit_gram(struct diva_primal *primal, void *context,
                                   const struct diva_prepared_tile *tile,
                                   struct diva_error *error) {
  (void)context;
  struct diva_engine *engine = primal->engine;
  const int64_t width = pass_width(primal);
  struct diva_vector weight = tile->facts.weight;
  if (all_ones(engine->weight + tile->first, tile->count)) {
    weight = (struct diva_vector){0};
  }
  enum diva_status status = engine->ops->gram_accumulate(
      engine->backend, tile->z, weight, pass_view(primal->gram, width, width), error);
  if (status == DIVA_OK) {
    status = accumulate_cross(primal, tile, weight,
                              pass_view(primal->cross, engine->info.outputs, width), error);
  }
  diva_sample_collect(primal, tile);
  return status;
}

/* Rows at the start of the training set, as stored, on the device; their weights in `weight`. */
static enum diva_status upload_first_rows(struct diva_primal *primal, int64_t count,
                                          struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t row_bytes = primal->stored_columns * diva_dtype_size(engine->info.feature_type);
  void *stored = NULL;
  enum diva_status status = diva_allocate(count, row_bytes, "the first rows", &stored, error);
  if (status == DIVA_OK) {
    status = diva_dataset_read_features(engine->train, 0, count, stored, error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->raw.buffer, 0, stored, count * row_bytes,
                                 error);
  }
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, primal->weight.buffer, 0, engine->weight,
                                 count * (int64_t)sizeof(double), error);
  }
  free(stored);
  return status;
}

/* Their weighted sums by column, and of the weights themselves behind them. */
static enum diva_status sum_first_rows(struct diva_primal *primal, int64_t count, double *out,
                                       struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t columns = diva_tile_columns(primal);
  const struct diva_matrix sums = pass_view(primal->cross, 1, columns + 1);
  struct diva_matrix z;
  primal->preparation.constant_column = true;
  enum diva_status status = diva_engine_zero(engine, sums, error);
  if (status == DIVA_OK) {
    status = diva_tile_prepare(primal, diva_tile_rows(primal->raw, count),
                               engine->info.feature_type, 0, &z, error);
  }
  if (status == DIVA_OK) {
    const struct diva_matrix ones = {.buffer = z.buffer,
                                     .offset = z.offset + columns,
                                     .rows = count,
                                     .columns = 1,
                                     .stride = z.stride};
    status = engine->ops->cross_accumulate(engine->backend, ones,
                                           diva_tile_slice(primal->weight, count), z, sums, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, sums, out, error);
  }
  return status == DIVA_OK ? diva_engine_zero(engine, sums, error) : status;
}

/* Columns from first_uncentred() on get their shift; the vectors say so from now on. */
static enum diva_status set_shift(struct diva_primal *primal, const double *mean,
                                  struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t from = first_uncentred(primal);
  const int64_t columns = diva_tile_columns(primal) - from;
  if (from > 0) {
    primal->fourier.shift = (struct diva_vector){primal->shift.buffer, from, columns};
  } else {
    primal->preparation.shift = diva_tile_slice(primal->shift, columns);
  }
  return engine->ops->upload(engine->backend, primal->shift.buffer, from * (int64_t)sizeof *mean,
                             mean + from, columns * (int64_t)sizeof *mean, error);
}

enum diva_status diva_gram_first_shift(struct diva_primal *primal, struct diva_error *error) {
  const int64_t few = 256;
  const int64_t columns = diva_tile_columns(primal);
  const int64_t most =
      primal->tile_rows < primal->engine->info.rows ? primal->tile_rows : primal->engine->info.rows;
  const int64_t count = few < most ? few : most;
  const bool constant_column = primal->preparation.constant_column;
  double *mean = NULL;
  enum diva_status status =
      diva_allocate(columns + 1, sizeof *mean, "column means", (void **)&mean, error);
  if (status == DIVA_OK) {
    status = upload_first_rows(primal, count, error);
  }
  if (status == DIVA_OK) {
    status = sum_first_rows(primal, count, mean, error);
  }
  if (status == DIVA_OK) {
    const double total = mean[columns];
    for (int64_t j = 0; j < columns; j++) {
      const double value = mean[j] / total;
      mean[j] = isfinite(value) ? value : 0.0;
    }
    status = set_shift(primal, mean, error);
  }
  primal->preparation.constant_column = constant_column;
  free(mean);
  return status;
}

/* What centring and scaling do to the sums: the offset of each mean from the shift, and 1 / sd. */
struct column_facts {
  double *shift;      /**< in: first shift, out: the mean */
  double *offset;     /**< mean less first shift */
  double *multiplier; /**< 1, 1 / sd, or 0 for a constant column */
};

static void find_column_facts(struct diva_primal *primal, const double *gram, int64_t width,
                              struct column_facts facts) {
  struct diva_engine *engine = primal->engine;
  const bool standardize = standardizes(primal);
  const double total = gram[width * width - 1];
  int64_t constant = 0;
  for (int64_t j = 0; j < primal->columns; j++) {
    facts.offset[j] = gram[j * width + width - 1] / total;
    facts.shift[j] += j >= first_uncentred(primal) ? facts.offset[j] : 0.0;
    facts.multiplier[j] = 1.0;
    if (standardize) {
      const double variance = gram[j * width + j] / total - facts.offset[j] * facts.offset[j];
      const double deviation = variance > 0.0 ? sqrt(variance) : 0.0;
      const bool spread = deviation > diva_moments_rounding(engine) * fabs(facts.shift[j]);
      facts.multiplier[j] = spread ? 1.0 / deviation : 0.0;
      constant += !spread;
    }
  }
  if (standardize) {
    engine->analysis->summary.constant_columns = constant;
  }
}

static void centre_gram(struct diva_primal *primal, const double *raw, int64_t raw_width,
                        struct column_facts facts) {
  const int64_t d = primal->columns;
  const int64_t width = primal->width;
  const double total = raw[raw_width * raw_width - 1];
  double *gram = primal->host_gram;
#pragma omp parallel for schedule(dynamic, 16) num_threads(primal->engine->threads)
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = i; j < d; j++) {
      const double centred = raw[i * raw_width + j] - total * facts.offset[i] * facts.offset[j];
      const double value = centred * facts.multiplier[i] * facts.multiplier[j];
      gram[i * width + j] = value;
      gram[j * width + i] = value;
    }
  }
  if (width > d) {
    for (int64_t j = 0; j < d; j++) {
      gram[j * width + d] = 0.0;
      gram[d * width + j] = 0.0;
    }
    gram[d * width + d] = total;
  }
}

static void centre_cross(struct diva_primal *primal, const double *raw, int64_t raw_width,
                         struct column_facts facts) {
  const int64_t d = primal->columns;
  double *cross = primal->host_cross;
#pragma omp parallel for schedule(static) num_threads(primal->engine->threads)
  for (int64_t c = 0; c < primal->engine->info.outputs; c++) {
    const double total = raw[c * raw_width + d];
    for (int64_t j = 0; j < d; j++) {
      cross[c * primal->width + j] =
          (raw[c * raw_width + j] - total * facts.offset[j]) * facts.multiplier[j];
    }
    if (primal->width > d) {
      cross[c * primal->width + d] = total;
    }
  }
}

/* Without means there is nothing to centre: the sums are final, only the lower triangle is not. */
static void mirror(const double *from, int64_t width, int threads, double *to) {
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads)
  for (int64_t i = 0; i < width; i++) {
    for (int64_t j = i; j < width; j++) {
      to[i * width + j] = from[i * width + j];
      to[j * width + i] = from[i * width + j];
    }
  }
}

static enum diva_status upload_columns(struct diva_primal *primal, struct diva_vector to,
                                       const double *from, struct diva_error *error) {
  return primal->engine->ops->upload(primal->engine->backend, to.buffer, 0, from,
                                     primal->columns * (int64_t)sizeof *from, error);
}

static enum diva_status apply_means(struct diva_primal *primal, const double *raw_gram,
                                    const double *raw_cross, int64_t raw_width,
                                    struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t d = primal->columns;
  double *values = NULL;
  enum diva_status status =
      diva_allocate(3 * d, sizeof *values, "column facts", (void **)&values, error);
  if (status != DIVA_OK) {
    return status;
  }
  const struct column_facts facts = {values, values + d, values + 2 * d};
  status = engine->ops->download(engine->backend, primal->shift.buffer, 0, facts.shift,
                                 d * (int64_t)sizeof(double), error);
  if (status == DIVA_OK) {
    find_column_facts(primal, raw_gram, raw_width, facts);
    centre_gram(primal, raw_gram, raw_width, facts);
    centre_cross(primal, raw_cross, raw_width, facts);
    status = upload_columns(primal, primal->shift, facts.shift, error);
  }
  if (status == DIVA_OK && standardizes(primal)) {
    primal->preparation.multiplier = primal->multiplier;
    status = upload_columns(primal, primal->multiplier, facts.multiplier, error);
  }
  free(values);
  return status;
}

/* The sums as the pass, or who was spared it, left them. */
static enum diva_status fetch_sums(struct diva_primal *primal, int64_t width, double *gram,
                                   double *cross, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  if (engine->options->sums) {
    diva_given_fill(primal, width, gram, cross);
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_engine_download(engine, pass_view(primal->gram, width, width), gram, error);
  return status == DIVA_OK
             ? diva_engine_download(engine, pass_view(primal->cross, engine->info.outputs, width),
                                    cross, error)
             : status;
}

static enum diva_status finish_sums(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t raw_width = pass_width(primal);
  const int64_t outputs = engine->info.outputs;
  double *raw_gram = NULL;
  double *raw_cross = NULL;
  enum diva_status status = diva_allocate(raw_width * raw_width, sizeof *raw_gram,
                                          "the Gram matrix", (void **)&raw_gram, error);
  if (status == DIVA_OK) {
    status = diva_allocate(outputs * raw_width, sizeof *raw_cross, "cross sums",
                           (void **)&raw_cross, error);
  }
  if (status == DIVA_OK) {
    status = fetch_sums(primal, raw_width, raw_gram, raw_cross, error);
  }
  if (status == DIVA_OK && needs_mean(primal)) {
    status = apply_means(primal, raw_gram, raw_cross, raw_width, error);
  } else if (status == DIVA_OK) {
    mirror(raw_gram, raw_width, engine->threads, primal->host_gram);
    memcpy(primal->host_cross, raw_cross, (size_t)(outputs * raw_width) * sizeof *raw_cross);
  }
  free(raw_gram);
  free(raw_cross);
  return status;
}

/* The sums over all rows, on the device, and the sample. */
static enum diva_status sum_rows(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t width = pass_width(primal);
  enum diva_status status = DIVA_OK;
  if (primal->fourier.count > 0) {
    status = diva_moments_run(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, pass_view(primal->gram, width, width), error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, pass_view(primal->cross, engine->info.outputs, width), error);
  }
  if (status == DIVA_OK && needs_mean(primal)) {
    status = diva_gram_first_shift(primal, error);
  }
  if (status == DIVA_OK) {
    status = diva_tiles_visit(primal, &primal->train, "gram", PHASE_GRAM, visit_gram, NULL, error);
  }
  return status == DIVA_OK ? diva_engine_check_fault(engine, primal->fault, engine->train, error)
                           : status;
}

/* Sums that were given spare the pass; its sample is wanted all the same. */
static enum diva_status take_given(struct diva_primal *primal, struct diva_error *error) {
  const enum diva_status status = diva_given_sample(primal, error);
  return status == DIVA_OK && needs_mean(primal) ? set_shift(primal, diva_given_mean(primal), error)
                                                 : status;
}

enum diva_status diva_gram_run(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const int64_t no_fault = INT64_MAX;
  primal->preparation = (struct diva_preparation){
      .type = engine->info.feature_type,
      .unit_rows = engine->options->scale == DIVA_SCALE_L2,
      .constant_column = needs_mean(primal),
  };
  enum diva_status status = engine->ops->upload(engine->backend, primal->fault, 0, &no_fault,
                                                (int64_t)sizeof no_fault, error);
  if (status == DIVA_OK) {
    status = engine->options->sums ? take_given(primal, error) : sum_rows(primal, error);
  }
  const double start = diva_clock_seconds();
  if (status == DIVA_OK) {
    status = finish_sums(primal, error);
  }
  for (int64_t j = 0; j < primal->width && status == DIVA_OK; j++) {
    primal->diagonal[j] = primal->host_gram[j * primal->width + j];
  }
  diva_engine_account(engine, PHASE_GRAM, start);
  primal->preparation.constant_column = engine->options->intercept;
  return status;
}
