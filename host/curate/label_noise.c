/* Fitting a model of label noise to leave-one-out scores. */
#include "label_noise.h"

#include "host/core/core.h"
#include "sure_disagreement.h"

#include <diva/curate.h>

#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

/* Probably wrong, by the model: who Q is not learned from, and g is. */
static const double SUSPECT = 0.5;
/* Fewer suspects say nothing on what wrong labels look like; those that people make are confusable.
 */
static const int64_t FEWEST_SUSPECTS = 10;

/* The rows fitted on, and scratch of the fit. */
struct fit {
  struct diva_score_sample sample;
  int threads;
  double *wrong;           /* P(wrong) by row */
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
  const int64_t k = fit->sample.classes;
  const double *f = fit->sample.scores + i * k;
  const int32_t y = fit->sample.labels[i];
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
  enum { BLOCKS = DIVA_SCORE_SAMPLE_ROWS / BLOCK_ROWS };
  double sums[BLOCKS][4] = {{0.0}};
#pragma omp parallel for schedule(dynamic) num_threads(fit->threads)
  for (int64_t b = 0; b < BLOCKS; b++) {
    const int64_t end =
        (b + 1) * BLOCK_ROWS < fit->sample.rows ? (b + 1) * BLOCK_ROWS : fit->sample.rows;
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
    slope[s] = total[s + 1] / (double)fit->sample.rows;
  }
  return total[0] / (double)fit->sample.rows;
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
  for (int64_t i = 0; i < fit->sample.rows; i++) {
    fit->wrong[i] = row_likelihood(fit, i, noise->sharpness, noise->rate, noise->confusable).wrong;
  }
  return DIVA_OK;
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
  const int64_t k = fit->sample.classes;
  double *p = NULL;
  const enum diva_status status = diva_allocate(k, sizeof *p, "a row", (void **)&p, error);
  memset(confusion, 0, (size_t)(k * k) * sizeof *confusion);
  for (int64_t i = 0; i < fit->sample.rows && status == DIVA_OK; i++) {
    if (fit->wrong[i] < SUSPECT) {
      softmax(fit->sample.scores + i * k, k, t, p);
      double *row = confusion + fit->sample.labels[i] * k;
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
  const int64_t k = fit->sample.classes;
  const double any = 1.0 / (double)(k - 1);
  double g = 0.5;
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    double sum = 0.0;
    int64_t suspects = 0;
    for (int64_t i = 0; i < fit->sample.rows; i++) {
      if (fit->wrong[i] > SUSPECT && fit->sample.predicted[i] != fit->sample.labels[i]) {
        const double alike = g * confusion[fit->sample.predicted[i] * k + fit->sample.labels[i]];
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

static const double SMALLEST_RATE = 1e-6;
/* Past this share of what labels drawn at random would get wrong, the scores cannot tell which
 * class is which any more. */
static const double LARGEST_SHARE = 0.9;

static enum diva_status fit_model(struct fit *fit, struct diva_label_noise *noise, double *scratch,
                                  struct diva_error *error) {
  noise->temperature = diva_score_sample_temperature(&fit->sample, fit->threads);
  noise->sharpness = 1.5 * noise->temperature;
  noise->rate = 0.1;
  enum diva_status status = learn_confusion(fit, 2.0 * noise->temperature, noise->confusion, error);
  transpose(noise->confusion, fit->sample.classes, scratch);
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
    status = diva_sure_disagreement(&fit->sample, &sure, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const double largest = LARGEST_SHARE * (1.0 - 1.0 / (double)fit->sample.classes);
  const double confusable = confusable_share(fit, noise->confusion);
  transpose(noise->confusion, fit->sample.classes, scratch);
  fit->fixed_rate = fmin(fmax(fmax(noise->rate, sure), SMALLEST_RATE), largest);
  status = maximise(fit, noise, error);
  noise->confusable = confusable;
  return status;
}

enum diva_status diva_label_noise_fit(const struct diva_labelled_scores *rows,
                                      struct diva_label_noise *out, struct diva_error *error) {
  const int64_t k = rows->table->classes;
  struct fit fit = {.threads = rows->threads};
  double *scratch = NULL;
  *out = (struct diva_label_noise){.classes = k};
  enum diva_status status = diva_score_sample_take(rows, &fit.sample, error);
  if (status == DIVA_OK) {
    status = diva_allocate(fit.sample.rows, sizeof *fit.wrong, "sampled rows", (void **)&fit.wrong,
                           error);
  }
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
  diva_score_sample_free(&fit.sample);
  free(fit.wrong);
  if (status != DIVA_OK) {
    diva_label_noise_free(out);
  }
  return status;
}

double diva_label_noise_smoothing(const struct diva_label_noise *noise) {
  return fmin(fmax((0.7 - noise->confusable) / 0.4, 0.0), 1.0);
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
