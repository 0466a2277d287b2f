/* The sums of the first pass from a saved state, in place of the pass. */
#include "primal.h"

#include "host/dataset/gather.h"

#include <diva/state.h>
#include <math.h>
#include <stdlib.h>

static enum diva_status refuse(const char *what, struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_USAGE, "the sums given are of %s", what);
}

static bool nearly(double a, double b) {
  const double tolerance = 1e-9;
  return fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b));
}

/* Weight of each class, which the sums have too where the targets are plain labels. */
static enum diva_status compare_classes(const struct diva_engine *engine, const double *target,
                                        struct diva_error *error) {
  double *weight = NULL;
  enum diva_status status = diva_allocate(engine->info.outputs, (int64_t)sizeof *weight, "classes",
                                          (void **)&weight, error);
  for (int64_t i = 0; i < engine->info.rows && status == DIVA_OK; i++) {
    if (engine->labels[i] >= 0) {
      weight[engine->labels[i]] += engine->weight[i];
    }
  }
  for (int64_t c = 0; c < engine->info.outputs && status == DIVA_OK; c++) {
    if (!nearly(weight[c], target[c])) {
      status = refuse("other labels or weights than the dataset", error);
    }
  }
  free(weight);
  return status;
}

enum diva_status diva_given_check(const struct diva_engine *engine, struct diva_error *error) {
  const struct diva_analysis_options *options = engine->options;
  struct diva_state_info info;
  struct diva_state_sums sums;
  if (!options->sums) {
    return DIVA_OK;
  }
  diva_state_describe(options->sums, &info);
  diva_state_sums(options->sums, &sums);
  if (info.rows != engine->info.rows || info.columns != engine->info.columns ||
      info.outputs != engine->info.outputs || info.has_targets != engine->info.has_targets ||
      info.has_base_outputs != engine->info.has_base_outputs) {
    return refuse("another dataset: its rows, columns or outputs differ", error);
  }
  if ((info.scale == DIVA_SCALE_L2) != (options->scale == DIVA_SCALE_L2)) {
    return refuse(info.scale == DIVA_SCALE_L2 ? "unit rows, which serve scale l2 alone"
                                              : "raw features, which do not serve scale l2",
                  error);
  }
  if (info.training_rows != engine->training_rows || !nearly(sums.weight, engine->weight_sum)) {
    return refuse("other rows or weights than the dataset", error);
  }
  return engine->labels && !info.has_base_outputs ? compare_classes(engine, sums.target, error)
                                                  : DIVA_OK;
}

const double *diva_given_mean(const struct diva_primal *primal) {
  struct diva_state_sums sums;
  diva_state_sums(primal->engine->options->sums, &sums);
  return sums.mean;
}

/* About the mean there is nothing in the column of the means; about 0 there is all of it. */
void diva_given_fill(const struct diva_primal *primal, int64_t width, double *gram, double *cross) {
  const int64_t d = primal->columns;
  const bool about_mean = width > d;
  struct diva_state_sums sums;
  diva_state_sums(primal->engine->options->sums, &sums);
  const double *scatter = sums.scatter;
  for (int64_t i = 0; i < d; i++) {
    const double back = about_mean ? 0.0 : sums.weight * sums.mean[i];
    for (int64_t j = i; j < d; j++) {
      gram[i * width + j] = *scatter++ + back * sums.mean[j];
    }
  }
  for (int64_t c = 0; c < primal->engine->info.outputs; c++) {
    const double back = about_mean ? 0.0 : sums.target[c];
    for (int64_t j = 0; j < d; j++) {
      cross[c * width + j] = sums.cross[c * d + j] + back * sums.mean[j];
    }
    if (about_mean) {
      cross[c * width + d] = sums.target[c];
    }
  }
  if (about_mean) {
    gram[width * width - 1] = sums.weight;
  }
}

/* Targets of the sample less its base outputs. */
static enum diva_status gather_targets(struct diva_primal *primal, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t outputs = engine->info.outputs;
  const int64_t count = primal->sample_rows * outputs;
  double *y = primal->sample_targets;
  double *base = NULL;
  enum diva_status status = DIVA_OK;
  if (engine->info.has_targets) {
    status =
        diva_gather_targets(engine->train, primal->sample_index, primal->sample_rows, y, error);
  }
  for (int64_t i = 0; engine->labels && i < primal->sample_rows; i++) {
    y[i * outputs + engine->labels[primal->sample_index[i]]] = 1.0;
  }
  if (status == DIVA_OK && engine->info.has_base_outputs) {
    status = diva_allocate(count, (int64_t)sizeof *base, "the sample's base outputs",
                           (void **)&base, error);
    if (status == DIVA_OK) {
      status = diva_gather_base_outputs(engine->train, primal->sample_index, primal->sample_rows,
                                        base, error);
    }
    for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
      y[i] -= base[i];
    }
  }
  free(base);
  return status;
}

enum diva_status diva_given_sample(struct diva_primal *primal, struct diva_error *error) {
  if (primal->sample_rows == 0) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_gather_features(primal->engine->train, primal->sample_index,
                                                       primal->sample_rows, primal->sample, error);
  return status == DIVA_OK && primal->sample_targets ? gather_targets(primal, error) : status;
}
