/* Weights for a second look. */
#include "refit.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

/* Above the first a row is left out by trim, above the second by both. */
static const double SUSPECT = 0.5;
static const double SUREST_SUSPECT = 0.9;
/* Exponentiated gradient: the step of a row whose gradient is of mean size, and how many. More
 * steps than these fit the leave-one-out estimate itself. */
static const double STEP = 0.06;
enum { STEPS = 4 };

const char *diva_refit_name(enum diva_refit refit) {
  static const char *const names[] = {"auto", "none", "trim", "reweight", "both"};
  return names[refit];
}

/* Whether two classes keep a row that is no suspect: else there is nothing left to judge by. */
static bool leaves_two_classes(const int32_t *labels, const double *probability, double suspect,
                               int64_t rows, const double *weights) {
  int32_t first = -1;
  for (int64_t i = 0; i < rows; i++) {
    if (labels[i] >= 0 && weights[i] > 0.0 && probability[i] <= suspect) {
      if (first >= 0 && labels[i] != first) {
        return true;
      }
      first = labels[i];
    }
  }
  return false;
}

static void trim(const struct diva_dataset *dataset, const struct diva_detection *plain,
                 double suspect, double *weights) {
  const int64_t rows = plain->scores.rows;
  const double *probability = plain->columns.probability;
  if (!leaves_two_classes(diva_dataset_labels(dataset), probability, suspect, rows, weights)) {
    return;
  }
  for (int64_t i = 0; i < rows; i++) {
    if (probability[i] > suspect) {
      weights[i] = 0.0;
    }
  }
}

void diva_refit_trim_surest(const struct diva_dataset *dataset, const struct diva_detection *plain,
                            double *weights) {
  trim(dataset, plain, SUREST_SUSPECT, weights);
}

/* One step; the mean over the rows trained on stays what it was. */
static void step(const double *derivative, int64_t rows, double *weights) {
  double size = 0.0;
  double before = 0.0;
  double after = 0.0;
  int64_t trained = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (weights[i] > 0.0) {
      size += fabs(derivative[i]);
      before += weights[i];
      trained++;
    }
  }
  if (!(size > 0.0)) {
    return;
  }
  for (int64_t i = 0; i < rows; i++) {
    if (weights[i] > 0.0) {
      weights[i] *= exp(-STEP * derivative[i] * (double)trained / size);
      after += weights[i];
    }
  }
  for (int64_t i = 0; i < rows; i++) {
    weights[i] *= before / after;
  }
}

static enum diva_status reweight(struct diva_dataset *dataset,
                                 const struct diva_analysis_options *options, double temperature,
                                 double *weights, struct diva_error *error) {
  struct diva_analysis_options mine = *options;
  struct diva_columns columns;
  enum diva_status status = DIVA_OK;
  mine.loss = DIVA_LOSS_CROSS_ENTROPY;
  mine.temperature = temperature;
  mine.derivative = true;
  mine.weights = weights;
  mine.scores = NULL;
  for (int i = 0; i < STEPS && status == DIVA_OK; i++) {
    struct diva_analysis *analysis = NULL;
    status = diva_analysis_run(dataset, NULL, &mine, &analysis, error);
    if (status == DIVA_OK) {
      diva_analysis_columns(analysis, &columns);
      step(columns.derivative, columns.rows, weights);
    }
    diva_analysis_destroy(analysis);
  }
  return status;
}

enum diva_status diva_refit_weights(enum diva_refit refit, struct diva_dataset *dataset,
                                    const struct diva_analysis_options *options,
                                    const double *given, const struct diva_detection *plain,
                                    double *weights, struct diva_error *error) {
  const int64_t rows = plain->scores.rows;
  for (int64_t i = 0; i < rows; i++) {
    weights[i] = given ? given[i] : 1.0;
  }
  if (refit == DIVA_REFIT_TRIM) {
    trim(dataset, plain, SUSPECT, weights);
  }
  if (refit != DIVA_REFIT_REWEIGHT && refit != DIVA_REFIT_BOTH) {
    return DIVA_OK;
  }
  const enum diva_status status =
      reweight(dataset, options, plain->noise.temperature, weights, error);
  if (status == DIVA_OK && refit == DIVA_REFIT_BOTH) {
    diva_refit_trim_surest(dataset, plain, weights);
  }
  return status;
}
