/* Names in a policy that nothing in the data has. */
#include "check_subjects.h"
#include "group_name.h"
#include "relabel.h"
#include "summary.h"

#include <string.h>

static bool has_class(const struct diva_dataset *dataset, const char *name) {
  const char *at = dataset ? diva_dataset_class_name(dataset, 0) : NULL;
  if (!dataset) {
    return false;
  }
  if (!at) {
    return cli_class_find(dataset, name) >= 0;
  }
  for (int64_t c = 0; at; at = diva_dataset_class_name(dataset, ++c)) {
    if (strcmp(at, name) == 0) {
      return true;
    }
  }
  return false;
}

/* Classes without names go by their number. */
static bool state_has_class(const struct diva_state *state, const char *name) {
  struct diva_state_info info = {0};
  char digits[24];
  if (state) {
    diva_state_describe(state, &info);
  }
  for (int64_t c = 0; c < info.outputs && !info.has_targets; c++) {
    const char *const known = diva_state_class_name(state, c);
    snprintf(digits, sizeof digits, "%lld", (long long)c);
    if (strcmp(known ? known : digits, name) == 0) {
      return true;
    }
  }
  return false;
}

static bool state_has_group(const struct diva_state *state, const char *name) {
  const char *at = state ? diva_state_group_name(state, 0) : NULL;
  for (int64_t g = 0; at; at = diva_state_group_name(state, ++g)) {
    if (strcmp(at, name) == 0) {
      return true;
    }
  }
  return false;
}

static void note_class(FILE *out, const struct cli_check_inputs *inputs, const char *path,
                       const char *name) {
  char hint[CLI_HINT_SIZE];
  if (!has_class(inputs->dataset, name) && !has_class(inputs->baseline, name) &&
      !state_has_class(inputs->state, name)) {
    fprintf(out, "note: %s: class-error: there is no class '", path);
    cli_print_name(out, name);
    fprintf(out, "'%s\n", cli_class_hint(inputs->dataset, name, hint));
  }
}

/* `subject` is "factor=group". */
static void note_group(FILE *out, const struct cli_check_inputs *inputs,
                       const struct cli_settings *settings, const char *subject) {
  const char *const factor = settings->dataset.group;
  const size_t length = factor ? strlen(factor) : 0;
  char hint[CLI_HINT_SIZE];
  if (!factor || strncmp(subject, factor, length) != 0 || subject[length] != '=') {
    return;
  }
  const char *const name = subject + length + 1;
  if (cli_group_find(inputs->dataset, name) < 0 &&
      (!inputs->baseline || cli_group_find(inputs->baseline, name) < 0) &&
      !state_has_group(inputs->state, name)) {
    fprintf(out, "note: %s: group-error: no row has %s '", settings->policy, factor);
    cli_print_name(out, name);
    fprintf(out, "'%s\n", cli_group_hint(inputs->dataset, name, hint));
  }
}

static void note(FILE *out, const struct cli_check_inputs *inputs,
                 const struct cli_settings *settings, enum diva_rule rule, const char *subject) {
  if (rule == DIVA_RULE_CLASS_ERROR && diva_dataset_labels(inputs->dataset)) {
    note_class(out, inputs, settings->policy, subject);
  } else if (rule == DIVA_RULE_GROUP_ERROR) {
    note_group(out, inputs, settings, subject);
  }
}

void cli_check_subjects_note(FILE *out, const struct cli_check_inputs *inputs,
                             const struct cli_settings *settings) {
  const struct diva_policy *const policy = &inputs->policy;
  for (int64_t i = 0; i < policy->override_count; i++) {
    note(out, inputs, settings, policy->overrides[i].rule, policy->overrides[i].subject);
  }
  for (int64_t i = 0; i < policy->waiver_count; i++) {
    if (policy->waivers[i].subject) {
      note(out, inputs, settings, policy->waivers[i].rule, policy->waivers[i].subject);
    }
  }
}
