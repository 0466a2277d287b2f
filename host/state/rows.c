/* What is known of the rows of a dataset without their features. */
#include "state_internal.h"

#include "host/core/core.h"
#include "host/engine/engine.h"

#include <string.h>

bool diva_state_scales_agree(enum diva_scale a, enum diva_scale b) {
  return (a == DIVA_SCALE_L2) == (b == DIVA_SCALE_L2);
}

enum diva_status diva_state_check_model(const struct diva_analysis_options *options,
                                        struct diva_analysis_options *settled,
                                        struct diva_error *error) {
  *settled = *options;
  if (options->kernel != DIVA_KERNEL_LINEAR) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a state holds the sums of the linear model; the %s kernel has none that "
                          "could be kept",
                          diva_kernel_name(options->kernel));
  }
  if (options->solver == DIVA_SOLVER_DUAL) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a state holds the sums of the primal solver; the dual has none");
  }
  settled->removal = false;
  settled->validation_importance = NULL;
  settled->expect_unlabelled = false;
  settled->groups = NULL;
  settled->sums = NULL;
  return diva_options_check(settled, false, error);
}

static enum diva_status copy_strings(struct diva_string_table *to, int64_t count,
                                     const char *(*get)(const struct diva_dataset *, int64_t),
                                     const struct diva_dataset *dataset, struct diva_error *error) {
  enum diva_status status = diva_string_table_init(to, count, INT64_MAX, error);
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    const char *text = get(dataset, i);
    status = diva_string_table_append(to, text, (int64_t)strlen(text), error);
  }
  return status;
}

static enum diva_status copy_ids(struct diva_state *state, const struct diva_dataset *dataset,
                                 struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  enum diva_status status = diva_string_table_init(&state->ids, state->info.rows, INT64_MAX, error);
  for (int64_t i = 0; i < state->info.rows && status == DIVA_OK; i++) {
    const char *id = diva_dataset_id(dataset, i, scratch);
    status = diva_string_table_append(&state->ids, id, (int64_t)strlen(id), error);
  }
  return status;
}

static int64_t count_groups(const struct diva_dataset *dataset) {
  int64_t count = 0;
  while (diva_dataset_group_name(dataset, count)) {
    count++;
  }
  return count;
}

static enum diva_status copy_names(struct diva_state *state, const struct diva_dataset *dataset,
                                   struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (state->info.has_ids) {
    status = copy_ids(state, dataset, error);
  }
  if (status == DIVA_OK && state->info.has_class_names) {
    status = copy_strings(&state->class_names, state->info.outputs, diva_dataset_class_name,
                          dataset, error);
  }
  if (status == DIVA_OK && state->info.has_groups) {
    status = copy_strings(&state->group_names, count_groups(dataset), diva_dataset_group_name,
                          dataset, error);
    if (status == DIVA_OK) {
      status = diva_state_set_factor(state, diva_dataset_group_factor(dataset), error);
    }
  }
  return status;
}

static void describe(struct diva_state_info *info, const struct diva_dataset *dataset,
                     const struct diva_analysis_options *options) {
  struct diva_dataset_info about;
  diva_dataset_describe(dataset, &about);
  *info = (struct diva_state_info){
      .rows = about.rows,
      .columns = about.columns,
      .outputs = about.outputs,
      .feature_type = about.feature_type,
      .has_targets = about.has_targets,
      .has_ids = about.has_ids,
      .has_weights = options->weights || about.has_weights,
      .has_base_outputs = about.has_base_outputs,
      .has_class_names = about.has_class_names,
      .has_groups = diva_dataset_groups(dataset) != NULL,
      .scale = options->scale,
      .intercept = options->intercept,
      .loss = options->loss,
      .lambda = options->lambda,
      .lambda_given = options->lambda > 0.0,
  };
}

enum diva_status diva_state_fill_rows(struct diva_state *state, const struct diva_dataset *dataset,
                                      const struct diva_analysis_options *options,
                                      struct diva_error *error) {
  describe(&state->info, dataset, options);
  const int64_t rows = state->info.rows;
  if (state->info.outputs < 1) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "no row has a label or a target: no sum is there "
                          "to be kept");
  }
  enum diva_status status = diva_state_allocate_rows(state, error);
  if (status == DIVA_OK) {
    status = diva_rows_weigh(dataset, options, state->weight, error);
  }
  if (status == DIVA_OK && state->label) {
    memcpy(state->label, diva_dataset_labels(dataset), (size_t)rows * sizeof *state->label);
  }
  if (status == DIVA_OK && state->group) {
    memcpy(state->group, diva_dataset_groups(dataset), (size_t)rows * sizeof *state->group);
  }
  return status == DIVA_OK ? copy_names(state, dataset, error) : status;
}
