/* A density ratio by least squares, with its closed-form leave-one-out criterion. */
#include "ulsif.h"

#include "host/core/random.h"
#include "host/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Squares of the bandwidth as multiples of the median squared distance between centres. */
static const double widths[] = {0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0};
static const double ridges[] = {1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2,
                                0.1,  0.316,   1.0,  3.16,    10.0};
enum { WIDTHS = sizeof widths / sizeof *widths, RIDGES = sizeof ridges / sizeof *ridges };

/* A fit in progress. Rows are those of training, then those of the target. */
struct fit {
  const struct diva_ulsif_problem *problem;
  struct diva_analysis_options run; /* what the device side is told */
  struct diva_engine engine;
  struct diva_matrix kernels, rotated; /* rows x centres */
  struct diva_matrix system;           /* H, then its eigenvectors as rows */
  struct diva_vector spectrum;
  int64_t rows, centres;
  int sides;          /* vectors h: by the target, and with a rival by it and by its folds */
  uint8_t *is_centre; /* target rows (owned, as all below) */
  double *values;     /* rows x centres: kernels, then in the eigenbasis */
  double *means;      /* sides x centres: h */
  double *turned;     /* the same in the eigenbasis */
  double *eigenvalue; /* of H */
  double *basis;      /* centres x centres: eigenvectors as rows */
  double *ratio;      /* rows: w without the row */
  double *best;       /* 2 x rows: the same where the criterion is least, of the target and rival */
};

static const double *row_of(const struct diva_ulsif_problem *problem, int64_t i) {
  return i < problem->train_rows ? problem->train + i * problem->stride
                                 : problem->target + (i - problem->train_rows) * problem->stride;
}

static double squared_distance(const double *a, const double *b, int64_t columns) {
  double sum = 0.0;
  for (int64_t j = 0; j < columns; j++) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sum;
}

static void draw_centres(const struct diva_ulsif_problem *problem, uint8_t *is_centre,
                         struct diva_ulsif *out) {
  struct diva_random random = {.state = problem->seed};
  int64_t left = problem->target_rows;
  int64_t missing = out->centres;
  for (int64_t i = 0; missing > 0; i++) {
    double *to = out->centre + (out->centres - missing) * out->columns;
    if (diva_random_selects(&random, &left, &missing)) {
      is_centre[i] = 1;
      memcpy(to, problem->target + i * problem->stride, (size_t)out->columns * sizeof *to);
    }
  }
}

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left;
  const double b = *(const double *)right;
  return (a > b) - (a < b);
}

/* The median squared distance between centres; 1 where they all lie in one place. */
static enum diva_status find_median(const struct diva_ulsif *ulsif, double *median,
                                    struct diva_error *error) {
  const int64_t pairs = ulsif->centres * (ulsif->centres - 1) / 2;
  double *distance = NULL;
  int64_t at = 0;
  const enum diva_status status =
      diva_allocate(pairs, sizeof *distance, "distances", (void **)&distance, error);
  for (int64_t i = 0; i < ulsif->centres && status == DIVA_OK; i++) {
    for (int64_t j = 0; j < i; j++) {
      distance[at++] = squared_distance(ulsif->centre + i * ulsif->columns,
                                        ulsif->centre + j * ulsif->columns, ulsif->columns);
    }
  }
  if (status == DIVA_OK) {
    qsort(distance, (size_t)at, sizeof *distance, compare);
    *median = at > 0 && distance[at / 2] > 0.0 ? distance[at / 2] : 1.0;
  }
  free(distance);
  return status;
}

static enum diva_status allocate(struct fit *fit, struct diva_error *error) {
  const int64_t b = fit->centres;
  const struct {
    double **place;
    int64_t count;
  } arrays[] = {{&fit->values, fit->rows * b},  {&fit->means, fit->sides * b},
                {&fit->turned, fit->sides * b}, {&fit->eigenvalue, b},
                {&fit->basis, b * b},           {&fit->ratio, fit->rows},
                {&fit->best, 2 * fit->rows}};
  enum diva_status status = diva_allocate(fit->problem->target_rows, 1, "a density ratio",
                                          (void **)&fit->is_centre, error);
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays && status == DIVA_OK; i++) {
    status = diva_allocate(arrays[i].count, sizeof **arrays[i].place, "a density ratio",
                           (void **)arrays[i].place, error);
  }
  return status;
}

static enum diva_status open_device(struct fit *fit, struct diva_error *error) {
  struct diva_engine *engine = &fit->engine;
  const int64_t real = (int64_t)sizeof(double);
  diva_analysis_options_init(&fit->run);
  fit->run.deterministic = true;
  *engine = (struct diva_engine){
      .options = &fit->run, .info = {.outputs = 1}, .threads = fit->problem->threads};
  const double centres = (double)fit->centres;
  const double flops = 2.0 * (double)fit->rows * centres * centres;
  enum diva_status status = diva_engine_choose_and_open(engine, fit->problem->backend, flops, true,
                                                        fit->rows, fit->centres, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, fit->rows, fit->centres, real, &fit->kernels, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, fit->rows, fit->centres, real, &fit->rotated, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, fit->centres, fit->centres, real, &fit->system, error);
  }
  return status == DIVA_OK ? diva_engine_vector(engine, fit->centres, real, &fit->spectrum, error)
                           : status;
}

static void fill_kernels(struct fit *fit, const struct diva_ulsif *ulsif, double sigma) {
  const struct diva_ulsif_problem *problem = fit->problem;
  const double rate = -0.5 / (sigma * sigma);
  const int64_t b = fit->centres;
#pragma omp parallel for num_threads(fit->engine.threads)
  for (int64_t i = 0; i < fit->rows; i++) {
    const double *row = row_of(problem, i);
    for (int64_t l = 0; l < b; l++) {
      fit->values[i * b + l] =
          exp(rate * squared_distance(row, ulsif->centre + l * problem->columns, problem->columns));
    }
  }
}

/* The vector h of a side: of the target, of the rival, of the rival's folds. */
static void average_kernels(struct fit *fit, int side) {
  const struct diva_ulsif_problem *problem = fit->problem;
  const int64_t n = problem->train_rows;
  const int64_t b = fit->centres;
  const double *v = side < 2 ? problem->rival : problem->rival_folds + (side - 2) * n;
  const int64_t first = side == 0 ? n : 0;
  const int64_t count = side == 0 ? problem->target_rows : n;
  double *means = fit->means + side * b;
  memset(means, 0, (size_t)b * sizeof *means);
  for (int64_t i = first; i < first + count; i++) {
    const double share = (side == 0 ? 1.0 : v[i]) / (double)count;
    for (int64_t l = 0; l < b; l++) {
      means[l] += share * fit->values[i * b + l];
    }
  }
}

/* The vectors h in the eigenbasis, and the eigenvalues of a mean. */
static void turn_means(struct fit *fit) {
  const int64_t b = fit->centres;
  for (int64_t a = 0; a < b; a++) {
    fit->eigenvalue[a] = fmax(fit->eigenvalue[a] / (double)fit->problem->train_rows, 0.0);
  }
  for (int64_t e = 0; e < fit->sides * b; e++) {
    const double *means = fit->means + e / b * b;
    const double *vector = fit->basis + e % b * b;
    fit->turned[e] = 0.0;
    for (int64_t l = 0; l < b; l++) {
      fit->turned[e] += vector[l] * means[l];
    }
  }
}

/* H = basis' diag(eigenvalue) basis, and rows and h in that basis. */
static enum diva_status turn(struct fit *fit, struct diva_error *error) {
  struct diva_engine *engine = &fit->engine;
  const struct diva_backend_ops *ops = engine->ops;
  const int64_t b = fit->centres;
  struct diva_matrix train = fit->kernels;
  train.rows = fit->problem->train_rows;
  enum diva_status status = diva_engine_upload(engine, fit->kernels, fit->values, error);
  if (status == DIVA_OK) {
    status = diva_engine_zero(engine, fit->system, error);
  }
  if (status == DIVA_OK) {
    status =
        ops->gram_accumulate(engine->backend, train, (struct diva_vector){0}, fit->system, error);
  }
  if (status == DIVA_OK) {
    status = ops->eigen(engine->backend, fit->system, fit->spectrum, error);
  }
  if (status == DIVA_OK) {
    status = ops->multiply(engine->backend, true, false, true, fit->kernels, fit->system,
                           fit->rotated, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, fit->rotated, fit->values, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, fit->system, fit->basis, error);
  }
  if (status == DIVA_OK) {
    status = ops->download(engine->backend, fit->spectrum.buffer, 0, fit->eigenvalue,
                           b * (int64_t)sizeof *fit->eigenvalue, error);
  }
  if (status == DIVA_OK) {
    turn_means(fit);
  }
  return status;
}

/* The side that says what w of a row is. */
static const double *side_of(const struct fit *fit, int64_t i, bool rival) {
  const int64_t n = fit->problem->train_rows;
  int64_t side = 0;
  if (rival) {
    side = i < n ? 1 : 2 + (i - n) % fit->problem->folds;
  }
  return fit->turned + side * fit->centres;
}

/* w of row i as fitted without it; see the header. */
static double ratio_without(const struct fit *fit, int64_t i, bool rival, double ridge) {
  const double *row = fit->values + i * fit->centres;
  const double *turned = side_of(fit, i, rival);
  const double n = (double)fit->problem->train_rows;
  const double m = (double)fit->problem->target_rows;
  const bool trained = i < fit->problem->train_rows;
  const double shift = trained ? ridge * (n - 1.0) / n : ridge;
  double with_means = 0.0;
  double with_itself = 0.0;
  for (int64_t a = 0; a < fit->centres; a++) {
    const double scaled = row[a] / (fit->eigenvalue[a] + shift);
    with_means += scaled * turned[a];
    with_itself += scaled * row[a];
  }
  if (rival) {
    return fmax(trained
                    ? (n * with_means - fit->problem->rival[i] * with_itself) / (n - with_itself)
                    : with_means,
                0.0);
  }
  return fmax(trained ? (n - 1.0) * with_means / (n - with_itself)
                      : (m * with_means - with_itself) / (m - 1.0),
              0.0);
}

static double find_criterion(struct fit *fit, bool rival, double ridge) {
  const int64_t n = fit->problem->train_rows;
  double squares = 0.0;
  double sum = 0.0;
#pragma omp parallel for num_threads(fit->engine.threads)
  for (int64_t i = 0; i < fit->rows; i++) {
    fit->ratio[i] = ratio_without(fit, i, rival, ridge);
  }
  for (int64_t i = 0; i < n; i++) {
    squares += fit->ratio[i] * fit->ratio[i];
  }
  for (int64_t i = n; i < fit->rows; i++) {
    sum += fit->is_centre[i - n] ? 0.0 : fit->ratio[i];
  }
  return 0.5 * squares / (double)n - sum / (double)(fit->problem->target_rows - fit->centres);
}

static void take_coefficients(const struct fit *fit, struct diva_ulsif *out) {
  const int64_t b = fit->centres;
  memset(out->coefficient, 0, (size_t)b * sizeof *out->coefficient);
  for (int64_t a = 0; a < b; a++) {
    const double value = fit->turned[a] / (fit->eigenvalue[a] + out->ridge);
    for (int64_t l = 0; l < b; l++) {
      out->coefficient[l] += value * fit->basis[a * b + l];
    }
  }
}

/* Keeps the ratios that the last criterion was of. */
static void keep_best(struct fit *fit, bool rival) {
  memcpy(fit->best + (rival ? fit->rows : 0), fit->ratio, (size_t)fit->rows * sizeof *fit->ratio);
}

static void try_rival(struct fit *fit, double ridge, struct diva_ulsif *out) {
  const double criterion = find_criterion(fit, true, ridge);
  if (!(criterion >= out->rival_criterion)) {
    out->rival_criterion = criterion;
    keep_best(fit, true);
  }
}

static enum diva_status try_sigma(struct fit *fit, double sigma, struct diva_ulsif *out,
                                  struct diva_error *error) {
  const double given = fit->problem->ridge;
  const double *tried = given > 0.0 ? &given : ridges;
  const int count = given > 0.0 ? 1 : RIDGES;
  bool better = false;
  fill_kernels(fit, out, sigma);
  for (int side = 0; side < fit->sides; side++) {
    average_kernels(fit, side);
  }
  const enum diva_status status = turn(fit, error);
  for (int r = 0; r < count && status == DIVA_OK; r++) {
    const double criterion = find_criterion(fit, false, tried[r]);
    if (criterion < out->criterion) {
      better = true;
      keep_best(fit, false);
      out->criterion = criterion;
      out->sigma = sigma;
      out->ridge = tried[r];
    }
    if (fit->problem->rival) {
      try_rival(fit, tried[r], out);
    }
  }
  if (better) {
    take_coefficients(fit, out);
  }
  return status;
}

/* What a row adds to the difference of the criteria, before the mean. */
static double difference_at(const struct fit *fit, int64_t i) {
  const double own = fit->best[i];
  const double other = fit->best[fit->rows + i];
  return i < fit->problem->train_rows ? 0.5 * (own * own - other * other) : own - other;
}

/* Variance of the mean difference over rows [first, end), centres left out. */
static double variance_of_mean(const struct fit *fit, int64_t first, int64_t end) {
  const int64_t n = fit->problem->train_rows;
  double rows = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = first; i < end; i++) {
    if (i < n || !fit->is_centre[i - n]) {
      const double difference = difference_at(fit, i);
      rows += 1.0;
      sum += difference;
      squares += difference * difference;
    }
  }
  return fmax(squares / rows - sum / rows * sum / rows, 0.0) / rows;
}

static enum diva_status choose(struct fit *fit, struct diva_ulsif *out, struct diva_error *error) {
  const double given = fit->problem->sigma;
  const int count = given > 0.0 ? 1 : WIDTHS;
  double median = 0.0;
  enum diva_status status = find_median(out, &median, error);
  out->criterion = INFINITY;
  out->rival_criterion = out->rival_error = NAN;
  for (int s = 0; s < count && status == DIVA_OK; s++) {
    status = diva_progress_report(fit->problem->progress, "density ratio", s, count, error);
    if (status == DIVA_OK) {
      status = try_sigma(fit, given > 0.0 ? given : sqrt(widths[s] * median), out, error);
    }
  }
  if (status == DIVA_OK && !isfinite(out->criterion)) {
    status = diva_error_set(error, DIVA_ERROR_NUMERICAL,
                            "the density ratio of target and training rows is not finite");
  }
  if (status == DIVA_OK && fit->problem->rival) {
    const int64_t n = fit->problem->train_rows;
    out->rival_error = sqrt(variance_of_mean(fit, 0, n) + variance_of_mean(fit, n, fit->rows));
  }
  return status;
}

enum diva_status diva_ulsif_fit(const struct diva_ulsif_problem *problem, struct diva_ulsif *out,
                                struct diva_error *error) {
  struct fit fit = {.problem = problem,
                    .rows = problem->train_rows + problem->target_rows,
                    .sides = problem->rival ? 2 + problem->folds : 1};
  const int64_t most = problem->target_rows / 2;
  fit.centres = most < problem->centres ? most : problem->centres;
  *out = (struct diva_ulsif){.centres = fit.centres, .columns = problem->columns};
  enum diva_status status = diva_allocate(fit.centres * problem->columns, sizeof *out->centre,
                                          "centres", (void **)&out->centre, error);
  if (status == DIVA_OK) {
    status = diva_allocate(fit.centres, sizeof *out->coefficient, "coefficients",
                           (void **)&out->coefficient, error);
  }
  if (status == DIVA_OK) {
    status = allocate(&fit, error);
  }
  if (status == DIVA_OK) {
    draw_centres(problem, fit.is_centre, out);
  }
  if (status == DIVA_OK) {
    status = open_device(&fit, error);
  }
  if (status == DIVA_OK) {
    status = choose(&fit, out, error);
  }
  if (fit.engine.ops) {
    diva_engine_close_backend(&fit.engine);
  }
  free(fit.is_centre);
  free(fit.values);
  free(fit.means);
  free(fit.turned);
  free(fit.eigenvalue);
  free(fit.basis);
  free(fit.ratio);
  free(fit.best);
  return status;
}

double diva_ulsif_ratio(const struct diva_ulsif *ulsif, const double *row) {
  const double rate = -0.5 / (ulsif->sigma * ulsif->sigma);
  double sum = 0.0;
  for (int64_t l = 0; l < ulsif->centres; l++) {
    sum += ulsif->coefficient[l] *
           exp(rate * squared_distance(row, ulsif->centre + l * ulsif->columns, ulsif->columns));
  }
  return fmax(sum, 0.0);
}

void diva_ulsif_free(struct diva_ulsif *ulsif) {
  free(ulsif->centre);
  free(ulsif->coefficient);
  *ulsif = (struct diva_ulsif){0};
}
