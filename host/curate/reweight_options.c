/* Options of reweight: their defaults and their limits. */
#include "reweight_options.h"

#include "host/core/core.h"

#include <math.h>

enum { MOST_STEPS = 24, SAMPLE_ROWS = 16384 };

void diva_reweight_options_init(struct diva_reweight_options *options) {
  *options = (struct diva_reweight_options){.version = DIVA_STRUCT_VERSION,
                                            .steps = -1,
                                            .most_steps = MOST_STEPS,
                                            .minimum_weight = 1e-3,
                                            .maximum_weight = 30.0,
                                            .least_effective = -1.0,
                                            .sample_rows = SAMPLE_ROWS};
}

static enum diva_status check_counts(const struct diva_reweight_options *options,
                                     struct diva_error *error) {
  enum { MOST = 1000 };
  if (options->steps < -1 || options->steps > MOST || options->most_steps < 0 ||
      options->most_steps > MOST) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "steps (%d) and most steps (%d) must be between 0 and %d", options->steps,
                          options->most_steps, (int)MOST);
  }
  if (options->folds < 0 || options->folds == 1 || options->folds > MOST) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "folds are %d; there must be 2 to %d",
                          options->folds, (int)MOST);
  }
  return options->sample_rows < 2 ? diva_error_set(error, DIVA_ERROR_USAGE,
                                                   "sample rows are %lld; at least 2 are needed",
                                                   (long long)options->sample_rows)
                                  : DIVA_OK;
}

enum diva_status diva_reweight_options_check(const struct diva_reweight_options *options,
                                             struct diva_error *error) {
  enum diva_status status = diva_version_check(options->version, "diva_reweight_options", error);
  if (status == DIVA_OK) {
    status = check_counts(options, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (!isfinite(options->step_size) || options->step_size < 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the step size is %g; it must be positive and finite",
                          options->step_size);
  }
  if (!(options->minimum_weight > 0.0 && options->minimum_weight < 1.0) ||
      !(options->maximum_weight > 1.0 && isfinite(options->maximum_weight))) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "weights of mean 1 cannot lie between %g and %g; the least must be in "
                          "(0, 1), the largest above 1",
                          options->minimum_weight, options->maximum_weight);
  }
  if (options->least_effective != -1.0 &&
      !(options->least_effective >= 0.0 && options->least_effective < 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the least effective share is %g; it must be at least 0 and below 1",
                          options->least_effective);
  }
  return DIVA_OK;
}
