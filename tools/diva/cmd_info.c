/* diva info: what is in a dataset, what a run would do with it, and what the machine offers. */
#include "info.h"
#include "state.h"

#include <limits.h>
#include <string.h>

static enum diva_status open_validation(struct cli_info *info, const struct cli_settings *settings,
                                        struct diva_error *error) {
  struct diva_dataset_options options = settings->dataset;
  if (!settings->validation) {
    return DIVA_OK;
  }
  options.ids = NULL;
  options.weights = NULL;
  return diva_dataset_open(&settings->validation, 1, &options, &info->validation, error);
}

/* A set that no run could take (one class, too large) is still described: the reason is kept. */
static enum diva_status make_plan(struct cli_info *info, const struct cli_settings *settings,
                                  struct diva_error *error) {
  enum diva_status status =
      diva_analysis_plan(info->dataset, info->validation, &settings->analysis, &info->plan, error);
  info->planned = !status;
  if (status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL ||
      status == DIVA_ERROR_RESOURCE) {
    memcpy(info->unplanned, error->message, sizeof info->unplanned);
    return DIVA_OK;
  }
  return status;
}

static enum diva_status describe_state(const struct cli_request *request,
                                       struct diva_error *error) {
  struct diva_state *state = NULL;
  const char *path = request->files[0];
  enum diva_status status = diva_state_read(path, &state, error);
  if (!status && request->settings->json) {
    status = cli_state_print_json(stdout, state, path, error);
  } else if (!status) {
    cli_state_print(stdout, state, path);
  }
  diva_state_destroy(state);
  return status;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_info info = {0};
  enum diva_status status = DIVA_OK;
  if (request->file_count == 1 && diva_state_is_file(request->files[0])) {
    return describe_state(request, error);
  }
  if (request->file_count) {
    status = diva_dataset_open((const char *const *)request->files, request->file_count,
                               &request->settings->dataset, &info.dataset, error);
    if (!status) {
      status = open_validation(&info, request->settings, error);
    }
    if (!status) {
      status = make_plan(&info, request->settings, error);
    }
  }
  if (!status && request->settings->json) {
    status = cli_info_json(stdout, &info, error);
  } else if (!status) {
    cli_info_text(stdout, &info);
  }
  diva_dataset_close(info.validation);
  diva_dataset_close(info.dataset);
  return status;
}

static const struct cli_option_group *const groups[] = {&cli_group_model, &cli_group_names,
                                                        &cli_group_run, &cli_group_words, NULL};

static const struct cli_example examples[] = {
    {"diva info digits.h5", "rows, classes, what a run would do, and the backends"},
    {"diva info", "the machine alone: backends, cores and memory"},
    {"diva info train.state", "what a saved state holds"},
    {"diva info big.h5 --memory 4G --json", "whether it fits in 4 GiB, for a script"},
    {NULL, NULL}};

const struct cli_command cli_command_info = {
    .name = "info",
    .files = "[FILE...]",
    .purpose = "Say what is in a dataset, what a run would do, and what the machine offers.",
    .description = "The features are not read, so that a dataset of any size is described at "
                   "once. --json prints the same for a machine.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 0,
    .maximum_files = INT_MAX,
    .run = run};
