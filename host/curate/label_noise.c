/* Fitting a model of label noise to leave-one-out scores. */
#include "label_noise.h"

#include "host/core/core.h"
#include "host/core/random.h"
#include "host/engine/engine.h"

#include <diva/curate.h>

#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Three numbers are fitted: of many classes, fewer rows are enough. */
enum { SAMPLE_ROWS = 8192, FEWEST_SAMPLE_ROWS = 2048, SAMPLE_VALUES = 1000000, BLOCK_ROWS = 256 };

/* Probably wrong, by the model: who Q is not learned from, and g is. */
static const double SUSPECT = 0.5;
/* Fewer suspects say nothing on what wrong labels look like; those that people make are confusable.
 */
static const int64_t FEWEST_SUSPECTS = 10;
static const double SURE_SHARE = 0.4;

/* The rows fitted on, and scratch of the fit. */
struct fit {
  int64_t rows;
  int64_t classes;
  int threads;
  double *scores; /* rows x classes */
  int32_t *labels;
  double *wrong;           /* P(wrong) by row */
  int32_t *predicted;      /* class of the largest score */
  const double *confusion; /* Q^T: classes x classes, row y holds Q_cy over c */
  double fixed_rate;       /* e where it is not fitted; NaN: it is */
};

static double logistic(double x) {
  return 1.0 / (1.0 + exp(-x));
}

/* The likelihood of one row and its derivatives in log t, logit e and logit g. */
struct row_terms {
  double value; /* -log likelihood */
  double slope[3];
  double wrong; /* share of the noise in the likelihood */
};

static struct row_terms row_likelihood(const struct fit *fit, int64_t i, double t, double e,
                                       double g) {
  const int64_t k = fit->classes;
  const double *f = fit->scores + i * k;
  const int32_t y = fit->labels[i];
  const double *q = fit->confusion + y * k;
  double largest = f[0];
  for (int64_t c = 1; c < k; c++) {
    largest = fmax(largest, f[c]);
  }
  double mass = 0.0;
  double mean = 0.0;
  double near = 0.0;
  double near_mean = 0.0;
  for (int64_t c = 0; c < k; c++) {
    const double u = t * (f[c] - largest);
    const double p = exp(u);
    mass += p;
    mean += p * u;
    near += p * q[c];
    near_mean += p * q[c] * u;
  }
  mean /= mass;
  const double u_y = t * (f[y] - largest);
  const double own = exp(u_y) / mass;
  const double own_slope = own * (u_y - mean);
  const double alike = near / mass;
  const double alike_slope = near_mean / mass - alike * mean;
  const double any = (1.0 - own) / (double)(k - 1);
  const double any_slope = -own_slope / (double)(k - 1);
  const double noise = (1.0 - g) * any + g * alike;
  const double noise_slope = (1.0 - g) * any_slope + g * alike_slope;
  const double likelihood = fmax((1.0 - e) * own + e * noise, 1e-300);
  return (struct row_terms){
      .value = -log(likelihood),
      .slope = {-((1.0 - e) * own_slope + e * noise_slope) / likelihood,
                -e * (1.0 - e) * (noise - own) / likelihood,
                -e * g * (1.0 - g) * (alike - any) / likelihood},
      .wrong = e * noise / likelihood,
  };
}

/* Mean over the rows; block sums are added in one order on any number of threads. */
static double mean_likelihood(const struct fit *fit, double t, double e, double g,
                              double slope[3]) {
  enum { BLOCKS = SAMPLE_ROWS / BLOCK_ROWS };
  double sums[BLOCKS][4] = {{0.0}};
#pragma omp parallel for schedule(dynamic) num_threads(fit->threads)
  for (int64_t b = 0; b < BLOCKS; b++) {
    const int64_t end = (b + 1) * BLOCK_ROWS < fit->rows ? (b + 1) * BLOCK_ROWS : fit->rows;
    for (int64_t i = b * BLOCK_ROWS; i < end; i++) {
      const struct row_terms terms = row_likelihood(fit, i, t, e, g);
      sums[b][0] += terms.value;
      for (int s = 0; s < 3; s++) {
        sums[b][s + 1] += terms.slope[s];
      }
    }
  }
  double total[4] = {0.0};
  for (int64_t b = 0; b < BLOCKS; b++) {
    for (int s = 0; s < 4; s++) {
      total[s] += sums[b][s];
    }
  }
  for (int s = 0; s < 3; s++) {
    slope[s] = total[s + 1] / (double)fit->rows;
  }
  return total[0] / (double)fit->rows;
}

/* x: log t, logit g and, where it is fitted, logit e. */
static lbfgsfloatval_t evaluate(void *context, const lbfgsfloatval_t *x, lbfgsfloatval_t *gradient,
                                const int count, const lbfgsfloatval_t step) {
  const struct fit *fit = context;
  (void)step;
  double slope[3];
  const double e = count == 3 ? logistic(x[2]) : fit->fixed_rate;
  const double value = mean_likelihood(fit, exp(x[0]), e, logistic(x[1]), slope);
  gradient[0] = slope[0];
  gradient[1] = slope[2];
  if (count == 3) {
    gradient[2] = slope[1];
  }
  return value;
}

/* Maximises the likelihood from where `noise` stands; e as well unless fit->fixed_rate holds it. */
static enum diva_status maximise(struct fit *fit, struct diva_label_noise *noise,
                                 struct diva_error *error) {
  const int count = isnan(fit->fixed_rate) ? 3 : 2;
  lbfgs_parameter_t parameters;
  lbfgs_parameter_init(&parameters);
  parameters.epsilon = 1e-6;
  parameters.max_iterations = 100;
  lbfgsfloatval_t *x = lbfgs_malloc(3);
  if (!x) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the label-noise fit");
  }
  x[0] = log(noise->sharpness);
  x[1] = 0.0;
  x[2] = log(noise->rate / (1.0 - noise->rate));
  /* A search that ends early (a flat likelihood: g where nothing is wrong) leaves its best point.
   */
  (void)lbfgs(count, x, NULL, evaluate, NULL, fit, &parameters);
  if (isfinite(x[0]) && isfinite(x[1]) && isfinite(x[2])) {
    noise->sharpness = exp(x[0]);
    noise->confusable = logistic(x[1]);
    noise->rate = count == 3 ? logistic(x[2]) : fit->fixed_rate;
  }
  lbfgs_free(x);
  for (int64_t i = 0; i < fit->rows; i++) {
    fit->wrong[i] = row_likelihood(fit, i, noise->sharpness, noise->rate, noise->confusable).wrong;
  }
  return DIVA_OK;
}

/* Seeded rows that have a label, all of them where they are few: selection sampling, in order. */
static enum diva_status take_rows(const struct diva_labelled_scores *rows, struct fit *fit,
                                  struct diva_error *error) {
  const struct diva_score_table *table = rows->table;
  int64_t left = 0;
  for (int64_t i = 0; i < table->rows; i++) {
    left += rows->labels[i] >= 0 && (!rows->weight || rows->weight[i] > 0.0);
  }
  int64_t wanted = SAMPLE_VALUES / table->classes;
  wanted = wanted < SAMPLE_ROWS ? wanted : SAMPLE_ROWS;
  wanted = wanted > FEWEST_SAMPLE_ROWS ? wanted : FEWEST_SAMPLE_ROWS;
  wanted = left < wanted ? left : wanted;
  fit->classes = table->classes;
  fit->threads = rows->threads;
  enum diva_status status = diva_allocate(wanted * table->classes, sizeof *fit->scores,
                                          "sampled scores", (void **)&fit->scores, error);
  if (status == DIVA_OK) {
    status =
        diva_allocate(wanted, sizeof *fit->labels, "sampled labels", (void **)&fit->labels, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(wanted, sizeof *fit->wrong, "sampled rows", (void **)&fit->wrong, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(wanted, sizeof *fit->predicted, "sampled rows", (void **)&fit->predicted,
                           error);
  }
  struct diva_random random = {.state = rows->seed};
  for (int64_t i = 0; i < table->rows && wanted > 0 && status == DIVA_OK; i++) {
    if (rows->labels[i] < 0 || (rows->weight && rows->weight[i] <= 0.0)) {
      continue;
    }
    if (diva_random_below(&random, left--) >= wanted) {
      continue;
    }
    wanted--;
    const float *from = table->scores + i * table->classes;
    double *to = fit->scores + fit->rows * table->classes;
    int32_t best = 0;
    for (int64_t c = 0; c < table->classes; c++) {
      to[c] = (double)from[c];
      best = to[c] > to[best] ? (int32_t)c : best;
    }
    fit->predicted[fit->rows] = best;
    fit->labels[fit->rows++] = rows->labels[i];
  }
  return status;
}

/* p = softmax(t f). */
static void softmax(const double *f, int64_t k, double t, double *p) {
  double largest = f[0];
  double mass = 0.0;
  for (int64_t c = 1; c < k; c++) {
    largest = fmax(largest, f[c]);
  }
  for (int64_t c = 0; c < k; c++) {
    p[c] = exp(t * (f[c] - largest));
    mass += p[c];
  }
  for (int64_t c = 0; c < k; c++) {
    p[c] /= mass;
  }
}

/* Q from the mean softmax(t F) of each class, without the rows that are probably wrong. */
static enum diva_status learn_confusion(const struct fit *fit, double t, double *confusion,
                                        struct diva_error *error) {
  const int64_t k = fit->classes;
  double *p = NULL;
  const enum diva_status status = diva_allocate(k, sizeof *p, "a row", (void **)&p, error);
  memset(confusion, 0, (size_t)(k * k) * sizeof *confusion);
  for (int64_t i = 0; i < fit->rows && status == DIVA_OK; i++) {
    if (fit->wrong[i] < SUSPECT) {
      softmax(fit->scores + i * k, k, t, p);
      double *row = confusion + fit->labels[i] * k;
      for (int64_t c = 0; c < k; c++) {
        row[c] += p[c];
      }
    }
  }
  for (int64_t c = 0; c < k && status == DIVA_OK; c++) {
    double *row = confusion + c * k;
    double sum = 0.0;
    row[c] = 0.0;
    for (int64_t y = 0; y < k; y++) {
      sum += row[y];
    }
    for (int64_t y = 0; y < k; y++) {
      row[y] = sum > 0.0 ? row[y] / sum : (y == c ? 0.0 : 1.0 / (double)(k - 1));
    }
  }
  free(p);
  return status;
}

static void transpose(const double *from, int64_t k, double *to) {
  for (int64_t c = 0; c < k; c++) {
    for (int64_t y = 0; y < k; y++) {
      to[y * k + c] = from[c * k + y];
    }
  }
}

/* g by expectation maximisation over the pairs (predicted, given) of the suspects. */
static double confusable_share(const struct fit *fit, const double *confusion) {
  enum { ITERATIONS = 200 };
  const int64_t k = fit->classes;
  const double any = 1.0 / (double)(k - 1);
  double g = 0.5;
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    double sum = 0.0;
    int64_t suspects = 0;
    for (int64_t i = 0; i < fit->rows; i++) {
      if (fit->wrong[i] > SUSPECT && fit->predicted[i] != fit->labels[i]) {
        const double alike = g * confusion[fit->predicted[i] * k + fit->labels[i]];
        sum += alike / (alike + (1.0 - g) * any);
        suspects++;
      }
    }
    if (suspects < FEWEST_SUSPECTS) {
      return 1.0;
    }
    g = fmin(sum / (double)suspects, 1.0 - 1e-9);
  }
  return g;
}

/* How surely a row is predicted, and whether its label differs. */
struct prediction {
  double gap;
  int differs;
};

static int by_gap(const void *a, const void *b) {
  const struct prediction *x = a;
  const struct prediction *y = b;
  return x->gap > y->gap ? -1 : (x->gap < y->gap ? 1 : x->differs - y->differs);
}

/* The share of labels that differ from the prediction among the rows predicted most surely. */
static enum diva_status sure_disagreement(const struct fit *fit, double *rate,
                                          struct diva_error *error) {
  const int64_t k = fit->classes;
  struct prediction *rows = NULL;
  const enum diva_status status =
      diva_allocate(fit->rows, sizeof *rows, "predictions", (void **)&rows, error);
  *rate = 0.0;
  if (status != DIVA_OK || fit->rows == 0) {
    free(rows);
    return status;
  }
  for (int64_t i = 0; i < fit->rows; i++) {
    const double *f = fit->scores + i * k;
    const int32_t best = fit->predicted[i];
    double second = -INFINITY;
    for (int64_t c = 0; c < k; c++) {
      second = c != best ? fmax(second, f[c]) : second;
    }
    rows[i] = (struct prediction){.gap = f[best] - second, .differs = best != fit->labels[i]};
  }
  qsort(rows, (size_t)fit->rows, sizeof *rows, by_gap);
  const int64_t sure = (int64_t)ceil(SURE_SHARE * (double)fit->rows);
  int64_t differ = 0;
  for (int64_t i = 0; i < sure; i++) {
    differ += rows[i].differs;
  }
  free(rows);
  *rate = (double)differ / (double)sure;
  return DIVA_OK;
}

static const double SMALLEST_RATE = 1e-6;
/* Past this share of what labels drawn at random would get wrong, the scores cannot tell which
 * class is which any more. */
static const double LARGEST_SHARE = 0.9;

static enum diva_status fit_model(struct fit *fit, struct diva_label_noise *noise, double *scratch,
                                  struct diva_error *error) {
  const struct diva_temperature_problem problem = {.scores = fit->scores,
                                                   .labels = fit->labels,
                                                   .rows = fit->rows,
                                                   .outputs = fit->classes,
                                                   .threads = fit->threads};
  noise->temperature = diva_temperature_fit(&problem);
  noise->sharpness = 1.5 * noise->temperature;
  noise->rate = 0.1;
  enum diva_status status = learn_confusion(fit, 2.0 * noise->temperature, noise->confusion, error);
  transpose(noise->confusion, fit->classes, scratch);
  fit->confusion = scratch;
  fit->fixed_rate = NAN;
  double sure = 0.0;
  if (status == DIVA_OK) {
    status = maximise(fit, noise, error);
  }
  if (status == DIVA_OK) {
    status = learn_confusion(fit, noise->sharpness, noise->confusion, error);
  }
  if (status == DIVA_OK) {
    status = sure_disagreement(fit, &sure, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const double largest = LARGEST_SHARE * (1.0 - 1.0 / (double)fit->classes);
  const double confusable = confusable_share(fit, noise->confusion);
  transpose(noise->confusion, fit->classes, scratch);
  fit->fixed_rate = fmin(fmax(fmax(noise->rate, sure), SMALLEST_RATE), largest);
  status = maximise(fit, noise, error);
  noise->confusable = confusable;
  return status;
}

enum diva_status diva_label_noise_fit(const struct diva_labelled_scores *rows,
                                      struct diva_label_noise *out, struct diva_error *error) {
  const int64_t k = rows->table->classes;
  struct fit fit = {0};
  double *scratch = NULL;
  *out = (struct diva_label_noise){.classes = k};
  enum diva_status status = take_rows(rows, &fit, error);
  if (status == DIVA_OK) {
    status = diva_allocate(k * k, sizeof *out->confusion, "class confusions",
                           (void **)&out->confusion, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(k * k, sizeof *scratch, "class confusions", (void **)&scratch, error);
  }
  if (status == DIVA_OK) {
    status = fit_model(&fit, out, scratch, error);
  }
  free(scratch);
  free(fit.scores);
  free(fit.labels);
  free(fit.wrong);
  free(fit.predicted);
  if (status != DIVA_OK) {
    diva_label_noise_free(out);
  }
  return status;
}

double diva_label_noise_flip(const struct diva_label_noise *noise, int64_t from, int64_t to) {
  return (1.0 - noise->confusable) / (double)(noise->classes - 1) +
         noise->confusable * noise->confusion[from * noise->classes + to];
}

double diva_label_noise_posterior(const struct diva_label_noise *noise, const float *scores,
                                  int32_t label, double *p) {
  const int64_t k = noise->classes;
  for (int64_t c = 0; c < k; c++) {
    p[c] = (double)scores[c];
  }
  softmax(p, k, noise->sharpness, p);
  double sum = 0.0;
  for (int64_t c = 0; c < k; c++) {
    p[c] *= c == label ? 1.0 - noise->rate : noise->rate * diva_label_noise_flip(noise, c, label);
    sum += p[c];
  }
  for (int64_t c = 0; c < k; c++) {
    p[c] = sum > 0.0 ? p[c] / sum : (c == label ? 1.0 : 0.0);
  }
  return 1.0 - p[label];
}

void diva_label_noise_free(struct diva_label_noise *noise) {
  free(noise->confusion);
  *noise = (struct diva_label_noise){0};
}
