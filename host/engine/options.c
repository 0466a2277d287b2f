/* Options of an analysis: defaults, checks, and the names of their values. */
#include "engine.h"

#include <math.h>

void diva_analysis_options_init(struct diva_analysis_options *options) {
  *options = (struct diva_analysis_options){
      .version = DIVA_STRUCT_VERSION,
      .loss = DIVA_LOSS_SQUARED,
      .scale = DIVA_SCALE_STANDARDIZE,
      .precision = DIVA_PRECISION_AUTO,
      .solver = DIVA_SOLVER_AUTO,
      .intercept = true,
      .derivative = true,
      .sample_rows = 4096,
  };
}

static enum diva_status check_kernel(const struct diva_analysis_options *options,
                                     struct diva_error *error) {
  if (options->rbf_features < 0 || options->rbf_features % 2 != 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "rbf features: %lld; they must be a positive even number",
                          (long long)options->rbf_features);
  }
  if (!isfinite(options->rbf_bandwidth) || options->rbf_bandwidth < 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "rbf bandwidth is %g; it must be positive and finite",
                          options->rbf_bandwidth);
  }
  if (options->kernel == DIVA_KERNEL_RBF && options->solver == DIVA_SOLVER_DUAL) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the dual solver has the linear kernel only; use the primal for rbf");
  }
  return DIVA_OK;
}

static enum diva_status check_unlabelled(const struct diva_analysis_options *options,
                                         struct diva_error *error) {
  return options->expect_unlabelled && options->groups
             ? diva_error_set(error, DIVA_ERROR_USAGE,
                              "the expected derivative of unlabelled rows is not to be had with "
                              "groups")
             : DIVA_OK;
}

/* Whatever a state holds is of the primal linear model. */
static enum diva_status check_sums(const struct diva_analysis_options *options,
                                   struct diva_error *error) {
  if (!options->sums ||
      (options->kernel == DIVA_KERNEL_LINEAR && options->solver != DIVA_SOLVER_DUAL)) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_USAGE,
                        "sums can be given to the primal solver of the linear kernel alone");
}

static enum diva_status check_validation(const struct diva_analysis_options *options,
                                         bool validation, struct diva_error *error) {
  if (options->validation_importance && !validation) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "validation importances were given without a validation set");
  }
  if (options->removal &&
      !(validation && options->loss == DIVA_LOSS_SQUARED && options->derivative)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the exact effect of a removal needs a validation set, the squared loss "
                          "and the derivative");
  }
  return DIVA_OK;
}

enum diva_status diva_options_check(const struct diva_analysis_options *options, bool validation,
                                    struct diva_error *error) {
  enum diva_status status = diva_version_check(options->version, "diva_analysis_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!isfinite(options->lambda) || options->lambda < 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "lambda is %g; it must be positive and finite",
                          options->lambda);
  }
  if (!isfinite(options->temperature) || options->temperature < 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "temperature is %g; it must be positive and finite",
                          options->temperature);
  }
  if (options->threads < 0 || options->memory < 0 || options->sample_rows < 1) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "threads (%d), memory (%lld) and sample rows (%lld) must be positive",
                          options->threads, (long long)options->memory,
                          (long long)options->sample_rows);
  }
  if (options->scale == DIVA_SCALE_AUTO || options->kernel == DIVA_KERNEL_AUTO) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "scale and kernel auto are settled by diva_model_choose() first");
  }
  status = check_unlabelled(options, error);
  if (status == DIVA_OK) {
    status = check_validation(options, validation, error);
  }
  if (status == DIVA_OK) {
    status = check_sums(options, error);
  }
  return status == DIVA_OK ? check_kernel(options, error) : status;
}

const char *diva_phase_name(int phase) {
  static const char *const names[DIVA_PHASES] = {
      [PHASE_READ] = "read",
      [PHASE_GRAM] = "gram",
      [PHASE_FACTOR] = "factor",
      [PHASE_LOO] = "loo",
      [PHASE_DERIVATIVE] = "derivative",
      [PHASE_OTHER] = "other",
  };
  return phase >= 0 && phase < DIVA_PHASES ? names[phase] : NULL;
}

const char *diva_loss_name(enum diva_loss loss) {
  return loss == DIVA_LOSS_CROSS_ENTROPY ? "cross-entropy" : "squared";
}

const char *diva_scale_name(enum diva_scale scale) {
  static const char *const names[] = {"none", "l2", "standardize", "auto"};
  return names[scale];
}

const char *diva_precision_name(enum diva_precision precision) {
  static const char *const names[] = {"auto", "float32", "float64"};
  return names[precision];
}

const char *diva_kernel_name(enum diva_kernel kernel) {
  static const char *const names[] = {"linear", "rbf", "auto"};
  return names[kernel];
}

const char *diva_solver_name(enum diva_solver solver) {
  static const char *const names[] = {"auto", "primal", "dual"};
  return names[solver];
}
