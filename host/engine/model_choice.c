/* Which model predicts left-out rows best: scale, kernel and bandwidth by trial on a sample. */
#include "model_choice.h"

#include "host/core/core.h"
#include "host/dataset/subset.h"
#include "host/engine/engine.h"

#include <math.h>

/* Fourier features while trying out: enough to tell models apart, cheap enough to try six. */
enum { PILOT_FEATURES = 1024 };
/* Fewer rows than this do not pay for a map. */
enum { FEWEST_KERNEL_ROWS = 128 };
enum { BANDWIDTH_STEPS = 3 };

struct diva_analysis_options diva_model_pilot(const struct diva_analysis_options *options,
                                              int64_t training_rows) {
  struct diva_analysis_options pilot = *options;
  pilot.derivative = false;
  pilot.removal = false;
  pilot.scores = NULL;
  pilot.sums = NULL;
  pilot.importance = NULL;
  pilot.validation_importance = NULL;
  if (pilot.rbf_features == 0 || pilot.rbf_features > PILOT_FEATURES) {
    pilot.rbf_features = PILOT_FEATURES;
    while (pilot.rbf_features > 64 && 5 * pilot.rbf_features > 3 * training_rows) {
      pilot.rbf_features /= 2;
    }
  }
  return pilot;
}

/* The mean squared LOO loss of a model; infinite where it cannot be solved. */
static enum diva_status try_model(struct diva_dataset *pilot,
                                  const struct diva_analysis_options *options, double *loss,
                                  struct diva_error *error) {
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error refused = {0};
  const enum diva_status status = diva_analysis_run(pilot, NULL, options, &analysis, &refused);
  *loss = INFINITY;
  if (status == DIVA_ERROR_NUMERICAL) {
    return DIVA_OK;
  }
  if (status != DIVA_OK) {
    if (error) {
      *error = refused;
    }
    return status;
  }
  diva_analysis_summary(analysis, &summary);
  *loss = summary.loo.loss;
  diva_analysis_destroy(analysis);
  return DIVA_OK;
}

/* What is tried out, and the best so far. */
struct search {
  struct diva_dataset *pilot;
  struct diva_analysis_options trial;
  struct diva_analysis_options best;
  double loss;
};

static enum diva_status consider(struct search *search, bool *better, struct diva_error *error) {
  double loss;
  const enum diva_status status = try_model(search->pilot, &search->trial, &loss, error);
  *better = status == DIVA_OK && loss < search->loss;
  if (*better) {
    search->loss = loss;
    search->best = search->trial;
  }
  return status;
}

static enum diva_status search_kinds(struct search *search,
                                     const struct diva_analysis_options *options,
                                     bool rows_for_kernel, struct diva_error *error) {
  static const enum diva_scale scales[] = {DIVA_SCALE_STANDARDIZE, DIVA_SCALE_L2};
  static const enum diva_kernel kernels[] = {DIVA_KERNEL_LINEAR, DIVA_KERNEL_RBF};
  enum diva_status status = DIVA_OK;
  for (int s = 0; s < (options->scale == DIVA_SCALE_AUTO ? 2 : 1); s++) {
    for (int k = 0; k < (options->kernel == DIVA_KERNEL_AUTO ? 2 : 1); k++) {
      bool better;
      search->trial.scale = options->scale == DIVA_SCALE_AUTO ? scales[s] : options->scale;
      search->trial.kernel = options->kernel == DIVA_KERNEL_AUTO ? kernels[k] : options->kernel;
      if (options->kernel == DIVA_KERNEL_AUTO && kernels[k] == DIVA_KERNEL_RBF &&
          (!rows_for_kernel || options->solver == DIVA_SOLVER_DUAL)) {
        continue;
      }
      if (status == DIVA_OK) {
        status = consider(search, &better, error);
      }
    }
  }
  return status;
}

/* Downhill in steps of two, to either side. */
static enum diva_status search_bandwidth(struct search *search, struct diva_error *error) {
  static const double factors[] = {2.0, 0.5};
  const double start = search->best.rbf_bandwidth;
  enum diva_status status = DIVA_OK;
  for (int f = 0; f < 2 && status == DIVA_OK && search->best.rbf_bandwidth == start; f++) {
    bool better = true;
    search->trial = search->best;
    for (int i = 0; i < BANDWIDTH_STEPS && better && status == DIVA_OK; i++) {
      search->trial.rbf_bandwidth *= factors[f];
      status = consider(search, &better, error);
    }
  }
  return status;
}

enum diva_status diva_model_choose_on(struct diva_dataset *pilot,
                                      struct diva_analysis_options *options,
                                      struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(pilot, &info);
  struct search search = {.pilot = pilot, .loss = INFINITY};
  search.trial = diva_model_pilot(options, info.labelled_rows);
  search.trial.loss = DIVA_LOSS_SQUARED;
  search.trial.weights = NULL;
  search.trial.groups = NULL;
  if (search.trial.rbf_bandwidth == 0.0) {
    search.trial.rbf_bandwidth = DIVA_RBF_BANDWIDTH;
  }
  enum diva_status status =
      search_kinds(&search, options, info.labelled_rows >= FEWEST_KERNEL_ROWS, error);
  if (status == DIVA_OK && !isfinite(search.loss)) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "no model can be solved on a sample of %lld rows",
                          (long long)info.labelled_rows);
  }
  if (status == DIVA_OK && search.best.kernel == DIVA_KERNEL_RBF && options->rbf_bandwidth == 0.0) {
    status = search_bandwidth(&search, error);
  }
  if (status == DIVA_OK) {
    options->scale = search.best.scale;
    options->kernel = search.best.kernel;
    options->rbf_bandwidth = search.best.rbf_bandwidth;
  }
  return status;
}

enum diva_status diva_model_choose(struct diva_dataset *train,
                                   struct diva_analysis_options *options,
                                   struct diva_error *error) {
  const bool open = options->scale == DIVA_SCALE_AUTO || options->kernel == DIVA_KERNEL_AUTO ||
                    (options->kernel == DIVA_KERNEL_RBF && options->rbf_bandwidth == 0.0);
  struct diva_subset pilot;
  if (!open) {
    return DIVA_OK;
  }
  const struct diva_subset_request request = {
      .weights = options->weights, .most = DIVA_PILOT_ROWS, .seed = options->seed};
  enum diva_status status = diva_subset_draw(train, &request, &options->progress, &pilot, error);
  if (status == DIVA_OK) {
    status = diva_model_choose_on(pilot.dataset, options, error);
  }
  diva_subset_free(&pilot);
  return status;
}
