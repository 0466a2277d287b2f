/* Whether a state can serve a version of its dataset, and a model. */
#include "state_internal.h"

#include "host/core/core.h"

static enum diva_status check_features(const struct diva_state_info *state,
                                       const struct diva_dataset_info *dataset,
                                       struct diva_error *error) {
  if (state->columns != dataset->columns) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the state is of %lld columns of features, the dataset has %lld",
                          (long long)state->columns, (long long)dataset->columns);
  }
  if (state->feature_type != dataset->feature_type) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the state is of %s features, those of the dataset are %s: their hashes "
                          "say nothing",
                          diva_dtype_name(state->feature_type),
                          diva_dtype_name(dataset->feature_type));
  }
  return DIVA_OK;
}

static enum diva_status check_dataset(const struct diva_state_info *state,
                                      const struct diva_dataset *dataset,
                                      struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  const enum diva_status status = check_features(state, &info, error);
  if (status != DIVA_OK) {
    return status;
  }
  if (state->has_targets != info.has_targets || state->has_base_outputs != info.has_base_outputs) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "the state is of %s%s, the dataset has %s%s",
                          state->has_targets ? "targets" : "labels",
                          state->has_base_outputs ? " and base outputs" : "",
                          info.has_targets ? "targets" : "labels",
                          info.has_base_outputs ? " and base outputs" : "");
  }
  const bool wide = state->has_targets || state->has_base_outputs;
  if (wide && state->outputs != info.outputs) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the state is of %lld outputs, the dataset has %lld",
                          (long long)state->outputs, (long long)info.outputs);
  }
  if (state->has_ids != info.has_ids) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the state is of rows %s ids, the dataset %s: rows cannot be told apart",
                          state->has_ids ? "with" : "without",
                          info.has_ids ? "has them" : "has none");
  }
  return DIVA_OK;
}

static enum diva_status check_model(const struct diva_state_info *state,
                                    const struct diva_analysis_options *options,
                                    struct diva_error *error) {
  if (options->scale != DIVA_SCALE_AUTO && options->scale != state->scale) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "the state is of scale %s, not %s",
                          diva_scale_name(state->scale), diva_scale_name(options->scale));
  }
  if (options->intercept != state->intercept) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "the state is of a model with%s an intercept",
                          state->intercept ? "" : "out");
  }
  if (options->loss != state->loss) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "the state is of the %s loss, not of %s",
                          diva_loss_name(state->loss), diva_loss_name(options->loss));
  }
  if (state->lambda > 0.0 && options->lambda > 0.0 && options->lambda != state->lambda) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "the state is of lambda %g, not %g",
                          state->lambda, options->lambda);
  }
  return DIVA_OK;
}

enum diva_status diva_state_check(const struct diva_state *state,
                                  const struct diva_dataset *dataset,
                                  const struct diva_analysis_options *options,
                                  struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (dataset) {
    status = check_dataset(&state->info, dataset, error);
  }
  if (status == DIVA_OK && options) {
    status = check_model(&state->info, options, error);
  }
  if (status != DIVA_OK && state->path) {
    diva_error_prefix(error, "%s: ", state->path);
  }
  return status;
}

void diva_state_model(const struct diva_state *state, struct diva_analysis_options *options) {
  options->kernel = DIVA_KERNEL_LINEAR;
  options->scale = state->info.scale;
  options->intercept = state->info.intercept;
  options->loss = state->info.loss;
  if (state->info.lambda > 0.0) {
    options->lambda = state->info.lambda;
  }
}
