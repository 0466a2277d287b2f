/* From scores and a noise model to a calibrated probability for each label. */
#include "issue_probability.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static double sum_exponent(const struct diva_label_noise *noise) {
  return 0.4 * pow(5.0, 1.0 - diva_label_noise_smoothing(noise));
}

double diva_issue_score(const struct diva_label_noise *noise, const float *scores, int32_t label) {
  const double s = sum_exponent(noise);
  const double t = s * noise->sharpness;
  double largest = -INFINITY;
  double sum = 0.0;
  for (int64_t c = 0; c < noise->classes; c++) {
    largest = c != label ? fmax(largest, (double)scores[c]) : largest;
  }
  for (int64_t c = 0; c < noise->classes; c++) {
    sum += c != label ? exp(t * ((double)scores[c] - largest)) : 0.0;
  }
  return (log(sum) + t * (largest - (double)scores[label])) / s;
}

/* What the logistic curve is fitted to, in row order: the rows that are trained on. */
struct calibration {
  const double *score;
  const double *posterior;
  int64_t rows;
  double centre; /* scores are centred and scaled for the fit alone */
  double scale;
};

static double standard(const struct calibration *data, int64_t i) {
  return (data->score[i] - data->centre) / data->scale;
}

static double logistic(double x) {
  return 1.0 / (1.0 + exp(-x));
}

static void measure(struct calibration *data) {
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < data->rows; i++) {
    sum += data->score[i];
  }
  data->centre = data->rows > 0 ? sum / (double)data->rows : 0.0;
  for (int64_t i = 0; i < data->rows; i++) {
    squares += (data->score[i] - data->centre) * (data->score[i] - data->centre);
  }
  data->scale = squares > 0.0 ? sqrt(squares / (double)data->rows) : 1.0;
}

/* Logistic regression of the posteriors on the scores: Newton's method, damped so that a step never
 * leaves the region where the curve still bends. */
static void fit_curve(const struct calibration *data, double *intercept, double *slope) {
  enum { ITERATIONS = 100 };
  const double longest = 1.0;
  double a = -2.0;
  double b = 1.0;
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    double g[2] = {0.0};
    double h[3] = {0.0};
    for (int64_t i = 0; i < data->rows; i++) {
      const double z = standard(data, i);
      const double p = logistic(a + b * z);
      const double w = p * (1.0 - p);
      g[0] += p - data->posterior[i];
      g[1] += (p - data->posterior[i]) * z;
      h[0] += w;
      h[1] += w * z;
      h[2] += w * z * z;
    }
    /* A ridge of one row keeps the curve finite where the posteriors are all 0 or 1. */
    g[0] += 1e-3 * (a + 2.0);
    g[1] += 1e-3 * (b - 1.0);
    h[0] += 1e-3;
    h[2] += 1e-3;
    const double determinant = h[0] * h[2] - h[1] * h[1];
    const double da = -(h[2] * g[0] - h[1] * g[1]) / determinant;
    const double db = -(h[0] * g[1] - h[1] * g[0]) / determinant;
    const double damp = fmin(1.0, longest / fmax(fabs(da), fabs(db)));
    a += damp * da;
    b += damp * db;
    if (fmax(fabs(da), fabs(db)) < 1e-9) {
      break;
    }
  }
  *intercept = a;
  *slope = fmax(b, 1e-3); /* the order of the scores is never turned round */
}

/* The intercept at which the mean probability is `rate`, by bisection. */
static double match_rate(const struct calibration *data, double slope, double rate) {
  double low = -1e3;
  double high = 1e3;
  for (int iteration = 0; iteration < 100; iteration++) {
    const double middle = 0.5 * (low + high);
    double sum = 0.0;
    for (int64_t i = 0; i < data->rows; i++) {
      sum += logistic(middle + slope * standard(data, i));
    }
    if (sum > rate * (double)data->rows) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return 0.5 * (low + high);
}

/* The likeliest class but the given one, and its share of what is not the given one. */
static void suggest(const double *p, int64_t k, int32_t label, int32_t *suggested, double *share) {
  int32_t best = label == 0 ? 1 : 0;
  double others = 0.0;
  for (int64_t c = 0; c < k; c++) {
    if (c != label) {
      others += p[c];
      best = p[c] > p[best] ? (int32_t)c : best;
    }
  }
  *suggested = best;
  *share = others > 0.0 ? p[best] / others : 1.0 / (double)(k - 1);
}

static bool is_judged(const struct diva_labelled_scores *rows, int64_t i) {
  return rows->labels[i] >= 0;
}

static bool is_trained_on(const struct diva_labelled_scores *rows, int64_t i) {
  return is_judged(rows, i) && (!rows->weight || rows->weight[i] > 0.0);
}

/* Fills score, suggestion and its share of the rest (in suggested_probability), and the posterior
 * of the noise model (in probability). */
static enum diva_status judge(const struct diva_labelled_scores *rows,
                              const struct diva_label_noise *noise,
                              const struct diva_issue_columns *out, struct diva_error *error) {
  const int64_t k = noise->classes;
  const int threads = rows->threads;
  double *scratch = NULL;
  const enum diva_status status =
      diva_allocate(k * threads, sizeof *scratch, "rows of scores", (void **)&scratch, error);
  if (status != DIVA_OK) {
    return status;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int part = 0; part < threads; part++) {
    double *p = scratch + part * k;
    const int64_t first = rows->table->rows * part / threads;
    const int64_t end = rows->table->rows * (part + 1) / threads;
    for (int64_t i = first; i < end; i++) {
      const float *scores = rows->table->scores + i * k;
      const int32_t label = rows->labels[i];
      if (!is_judged(rows, i)) {
        out->score[i] = out->probability[i] = out->suggested_probability[i] = NAN;
        out->suggested[i] = -1;
        continue;
      }
      out->score[i] = diva_issue_score(noise, scores, label);
      out->probability[i] = diva_label_noise_posterior(noise, scores, label, p);
      suggest(p, k, label, &out->suggested[i], &out->suggested_probability[i]);
    }
  }
  free(scratch);
  return DIVA_OK;
}

static enum diva_status collect(const struct diva_labelled_scores *rows,
                                const struct diva_issue_columns *columns, double **memory,
                                struct calibration *data, struct diva_error *error) {
  const int64_t n = rows->table->rows;
  *data = (struct calibration){0};
  const enum diva_status status =
      diva_allocate(2 * n, sizeof **memory, "calibration", (void **)memory, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < n; i++) {
    if (is_trained_on(rows, i)) {
      (*memory)[data->rows] = columns->score[i];
      (*memory)[n + data->rows++] = columns->probability[i];
    }
  }
  data->score = *memory;
  data->posterior = *memory + n;
  measure(data);
  return DIVA_OK;
}

enum diva_status diva_issue_probability(const struct diva_labelled_scores *rows,
                                        const struct diva_label_noise *noise,
                                        const struct diva_issue_columns *out,
                                        struct diva_error *error) {
  struct calibration data;
  double *memory = NULL;
  enum diva_status status = judge(rows, noise, out, error);
  if (status == DIVA_OK) {
    status = collect(rows, out, &memory, &data, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  double intercept;
  double slope;
  fit_curve(&data, &intercept, &slope);
  intercept = match_rate(&data, slope, noise->rate);
  for (int64_t i = 0; i < rows->table->rows; i++) {
    if (is_judged(rows, i)) {
      const double z = (out->score[i] - data.centre) / data.scale;
      out->probability[i] = logistic(intercept + slope * z);
      out->suggested_probability[i] *= out->probability[i];
    }
  }
  free(memory);
  return DIVA_OK;
}
