/* What `diva check` holds together. */
#define _POSIX_C_SOURCE 200809L
#include "check_inputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum diva_status cli_check_inputs_open_dataset(struct cli_check_inputs *inputs,
                                               const struct cli_request *request,
                                               struct diva_error *error) {
  *inputs = (struct cli_check_inputs){0};
  diva_policy_init(&inputs->policy);
  return diva_dataset_open((const char *const *)request->files, request->file_count,
                           &request->settings->dataset, &inputs->dataset, error);
}

/* A version from before the groups were kept is no less a baseline for everything else. */
static enum diva_status open_old(struct cli_check_inputs *inputs,
                                 const struct cli_settings *settings, struct diva_error *error) {
  struct diva_dataset_options options = settings->dataset;
  enum diva_status status =
      diva_dataset_open(&settings->baseline, 1, &options, &inputs->baseline, error);
  if (status != DIVA_ERROR_INPUT || !options.group) {
    return status;
  }
  options.group = NULL;
  if (diva_dataset_open(&settings->baseline, 1, &options, &inputs->baseline, NULL)) {
    return status;
  }
  memcpy(inputs->groups_apart, error->message, sizeof inputs->groups_apart);
  return DIVA_OK;
}

/* Groups of another factor than this version's are none to compare with. */
static enum diva_status open_state(struct cli_check_inputs *inputs,
                                   const struct cli_settings *settings, struct diva_error *error) {
  const char *const factor = diva_dataset_group_factor(inputs->dataset);
  struct diva_state_info info;
  const enum diva_status status = diva_state_read(settings->baseline, &inputs->state, error);
  if (status || !factor) {
    return status;
  }
  diva_state_describe(inputs->state, &info);
  if (!info.has_groups) {
    snprintf(inputs->groups_apart, sizeof inputs->groups_apart, "%s: was saved without --group",
             settings->baseline);
  } else if (info.factor && strcmp(info.factor, factor) != 0) {
    snprintf(inputs->groups_apart, sizeof inputs->groups_apart,
             "%s: has the groups of /%s, not /%s", settings->baseline, info.factor, factor);
    diva_state_drop_groups(inputs->state);
  }
  return DIVA_OK;
}

/* A dataset, or the state that was saved of one. */
static enum diva_status open_baseline(struct cli_check_inputs *inputs,
                                      const struct cli_settings *settings,
                                      struct diva_error *error) {
  return diva_state_is_file(settings->baseline) ? open_state(inputs, settings, error)
                                                : open_old(inputs, settings, error);
}

/* Weights and groups of the target play no part; it may lack classes. */
static enum diva_status open_target(struct cli_check_inputs *inputs,
                                    const struct cli_settings *settings, struct diva_error *error) {
  struct diva_dataset_options options = settings->dataset;
  options.ids = NULL;
  options.weights = NULL;
  options.group = NULL;
  options.single_class = true;
  return diva_dataset_open(&settings->target, 1, &options, &inputs->target, error);
}

/* A dataset reads one column of groups, and --group may have asked for another. */
static enum diva_status open_splits(struct cli_check_inputs *inputs,
                                    const struct cli_request *request, struct diva_error *error) {
  struct diva_dataset_options options = request->settings->dataset;
  options.group = request->settings->split;
  return diva_dataset_open((const char *const *)request->files, request->file_count, &options,
                           &inputs->splits, error);
}

static enum diva_status find_today(struct cli_check_inputs *inputs, const char *given,
                                   struct diva_error *error) {
  const time_t now = time(NULL);
  struct tm day;
  if (given && !diva_policy_is_date(given)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "check: --today '%s': not a day, YYYY-MM-DD",
                          given);
  }
  if (given) {
    memcpy(inputs->today, given, sizeof inputs->today);
  } else if (!gmtime_r(&now, &day) ||
             !strftime(inputs->today, sizeof inputs->today, "%Y-%m-%d", &day)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "check: the clock gives no day; add --today YYYY-MM-DD");
  }
  return DIVA_OK;
}

/* It is read for the reports, when all else is done. */
static enum diva_status check_manifest(const char *path, struct diva_error *error) {
  struct stat about;
  const int code = access(path, R_OK) || stat(path, &about) ? errno
                   : S_ISDIR(about.st_mode)                 ? EISDIR
                                                            : 0;
  return code ? diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(code)) : DIVA_OK;
}

enum diva_status cli_check_inputs_open(struct cli_check_inputs *inputs,
                                       const struct cli_request *request,
                                       struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  enum diva_status status = cli_check_inputs_open_dataset(inputs, request, error);
  if (!status) {
    status = find_today(inputs, settings->today, error);
  }
  if (!status && settings->policy) {
    status = diva_policy_read(settings->policy, &inputs->policy, error);
  }
  if (!status && settings->manifest) {
    status = check_manifest(settings->manifest, error);
  }
  if (!status && settings->baseline) {
    status = open_baseline(inputs, settings, error);
  }
  if (!status && settings->target) {
    status = open_target(inputs, settings, error);
  }
  if (!status && settings->split) {
    status = open_splits(inputs, request, error);
  }
  return status;
}

static bool begins_with_path(const char *message, const struct diva_dataset *dataset) {
  const char *path;
  for (int64_t i = 0; dataset && (path = diva_dataset_path(dataset, i)); i++) {
    if (strncmp(message, path, strlen(path)) == 0) {
      return true;
    }
  }
  return false;
}

static bool begins_with_state(const char *message, const struct diva_state *state) {
  struct diva_state_info info = {0};
  if (state) {
    diva_state_describe(state, &info);
  }
  return info.path && strncmp(message, info.path, strlen(info.path)) == 0;
}

/* Puts the path of a dataset in place of what it is called; false: the error is not of it. */
static bool blame_called(const char *called, const struct diva_dataset *dataset,
                         struct diva_error *error) {
  const size_t length = strlen(called);
  if (!dataset || strncmp(error->message, called, length) != 0) {
    return false;
  }
  memmove(error->message, error->message + length, strlen(error->message + length) + 1);
  if (!begins_with_path(error->message, dataset)) {
    diva_error_prefix(error, "%s: ", diva_dataset_path(dataset, 0));
  }
  return true;
}

enum diva_status cli_check_inputs_blame(const struct cli_check_inputs *inputs,
                                        enum diva_status status, struct diva_error *error) {
  const bool about_data =
      status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL || status == DIVA_ERROR_RESOURCE;
  if (about_data && !blame_called("baseline: ", inputs->baseline, error) &&
      !blame_called("target: ", inputs->target, error) &&
      !begins_with_path(error->message, inputs->dataset) &&
      !begins_with_path(error->message, inputs->baseline) &&
      !begins_with_state(error->message, inputs->state) &&
      !begins_with_path(error->message, inputs->target)) {
    diva_error_prefix(error, "%s: ", diva_dataset_path(inputs->dataset, 0));
  }
  return status;
}

void cli_check_inputs_close(struct cli_check_inputs *inputs) {
  diva_dataset_close(inputs->splits);
  diva_dataset_close(inputs->target);
  diva_dataset_close(inputs->baseline);
  diva_state_destroy(inputs->state);
  diva_dataset_close(inputs->dataset);
  diva_policy_release(&inputs->policy);
}
