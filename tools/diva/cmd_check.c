/* diva check: a verdict on a new version of a dataset, for CI. */
#define _POSIX_C_SOURCE 200809L
#include "check_outputs.h"
#include "check_subjects.h"
#include "group_name.h"
#include "meter.h"
#include "output.h"
#include "summary.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct cli_settings, member)

static const char default_policy[] = "diva.yml";

static enum diva_status write_policy(const struct cli_check_inputs *inputs,
                                     const struct cli_settings *settings,
                                     struct diva_error *error) {
  const char *const path = settings->policy ? settings->policy : default_policy;
  if (!settings->force && access(path, F_OK) == 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: is there already; --force writes over it, --policy names another",
                          path);
  }
  enum diva_status status = cli_output_check(path, inputs->dataset, NULL, error);
  if (!status) {
    status =
        diva_policy_write(&inputs->policy, inputs->dataset, settings->dataset.group, path, error);
  }
  if (!status && !settings->quiet) {
    fprintf(stderr, "wrote %s (%d rules)\n", path, DIVA_RULES);
  }
  return status;
}

static enum diva_status init(const struct cli_request *request, struct diva_error *error) {
  struct cli_check_inputs inputs;
  enum diva_status status = cli_check_inputs_open_dataset(&inputs, request, error);
  if (!status) {
    status = write_policy(&inputs, request->settings, error);
  }
  cli_check_inputs_close(&inputs);
  return status;
}

/* Names of the splits by code, to be freed; NULL without memory. */
static const char **list_splits(const struct diva_dataset *splits) {
  const int64_t count = cli_group_count(splits);
  const char **names = calloc((size_t)count + 1, sizeof *names);
  for (int64_t i = 0; names && i < count; i++) {
    names[i] = diva_dataset_group_name(splits, i);
  }
  return names;
}

static enum diva_status hold(const struct cli_check_inputs *inputs,
                             const struct cli_settings *settings, struct cli_meter *meter,
                             struct diva_check **out, struct diva_error *error) {
  const char **names = NULL;
  struct diva_check_options options;
  diva_check_options_init(&options);
  options.analysis = settings->analysis;
  options.analysis.progress = cli_meter_progress(meter);
  options.policy = inputs->policy;
  options.baseline = inputs->baseline;
  options.state = inputs->state;
  options.target = inputs->target;
  options.group = settings->dataset.group;
  options.today = inputs->today;
  if (inputs->splits) {
    names = list_splits(inputs->splits);
    if (!names) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the names of splits");
    }
    options.split = diva_dataset_groups(inputs->splits);
    options.split_names = names;
  }
  const enum diva_status status = diva_check_run(inputs->dataset, &options, out, error);
  free(names);
  return cli_check_inputs_blame(inputs, status, error);
}

static enum diva_status tell(const struct cli_check_inputs *inputs,
                             const struct cli_request *request, const struct diva_check *check,
                             struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  struct diva_check_summary summary;
  struct diva_check_report report;
  struct diva_state_info state = {0};
  if (inputs->state) {
    diva_state_describe(inputs->state, &state);
  }
  diva_check_summary(check, &summary);
  diva_check_report_init(&report);
  report.argument_count = request->argument_count;
  report.arguments = request->arguments;
  report.dataset = inputs->dataset;
  report.baseline = inputs->baseline;
  report.state = inputs->state ? settings->baseline : NULL;
  report.state_checksum = state.checksum;
  report.target = inputs->target;
  report.policy_path = settings->policy;
  report.confidence = inputs->policy.confidence;
  report.strict_warnings = settings->strict_warnings;
  report.manifest = settings->manifest;
  report.summary = &summary;
  report.results = diva_check_results(check);
  const enum diva_status status = cli_check_outputs_write(settings, &report, error);
  if (!status) {
    *request->exit_code = diva_check_exit_code(summary.verdict, settings->strict_warnings);
  }
  return status;
}

/* The digests can be had while the rules are held. */
static void start_digests(const struct cli_check_inputs *inputs,
                          const struct cli_settings *settings) {
  const struct diva_dataset *const all[] = {inputs->dataset, inputs->baseline, inputs->target};
  for (size_t i = 0; (settings->json_file || settings->junit) && i < sizeof all / sizeof *all;
       i++) {
    if (all[i]) {
      diva_dataset_sha256_start(all[i]);
    }
  }
}

/* What the person would want to know of before the verdict. */
static void note(const struct cli_check_inputs *inputs, const struct cli_settings *settings) {
  if (*inputs->groups_apart) {
    fprintf(stderr, "note: groups are not compared with the baseline's: ");
    cli_print_name(stderr, inputs->groups_apart);
    fputc('\n', stderr);
  }
  cli_check_subjects_note(stderr, inputs, settings);
}

static enum diva_status check(const struct cli_request *request, struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  struct cli_check_inputs inputs;
  struct cli_meter meter;
  struct diva_check *held = NULL;
  cli_meter_start(&meter, settings->quiet);
  enum diva_status status = cli_check_inputs_open(&inputs, request, error);
  if (!status) {
    status = cli_check_outputs_check(settings, &inputs, error);
  }
  if (!status && !settings->quiet) {
    note(&inputs, settings);
  }
  if (!status) {
    start_digests(&inputs, settings);
    status = hold(&inputs, settings, &meter, &held, error);
  }
  cli_meter_clear(&meter);
  if (!status) {
    status = tell(&inputs, request, held, error);
  }
  diva_check_destroy(held);
  cli_check_inputs_close(&inputs);
  return status;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  if (settings->force && !settings->init) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "check: --force is for --init alone");
  }
  return settings->init ? init(request, error) : check(request, error);
}

static const struct cli_option against_options[] = {
    {.name = "baseline",
     .type = CLI_FILE,
     .offset = FIELD(baseline),
     .value = "OLD",
     .help = "the version before, a dataset or the state that 'diva state' saved of it, whose rows "
             "are known by their ids; without it the rules that compare are skipped",
     .fallback = ""},
    {.name = "target",
     .type = CLI_FILE,
     .offset = FIELD(target),
     .value = "FILE",
     .help = "labelled rows on which the error is measured, and which must not leak into training",
     .fallback = "leave-one-out"},
    {.name = "group",
     .type = CLI_STRING,
     .offset = FIELD(dataset.group),
     .value = "NAME",
     .help = "the factor in /groups/NAME whose values group-error looks at: one source, one "
             "annotator, one site",
     .fallback = ""},
    {.name = "split",
     .type = CLI_STRING,
     .offset = FIELD(split),
     .value = "/NAME",
     .help = "the split of each row, between which near-duplicates are leaks, such as /split",
     .fallback = ""},
};

static const struct cli_option_group against_group = {.heading = "What it is held against",
                                                      .options = against_options,
                                                      .count = sizeof against_options /
                                                               sizeof *against_options};

static const struct cli_option policy_options[] = {
    {.name = "policy",
     .type = CLI_FILE,
     .offset = FIELD(policy),
     .value = "FILE",
     .help = "rules, limits and waivers in YAML; none is looked for where none is named",
     .fallback = "the limits that --init writes"},
    {.name = "strict-warnings",
     .type = CLI_FLAG,
     .offset = FIELD(strict_warnings),
     .help = "exit with 1 where a rule warns and none fails"},
    {.name = "today",
     .type = CLI_STRING,
     .offset = FIELD(today),
     .value = "YYYY-MM-DD",
     .help = "the day that waivers are held against",
     .fallback = "by the clock, in UTC"},
    {.name = "init",
     .type = CLI_FLAG,
     .offset = FIELD(init),
     .help = "check nothing: write a policy with the defaults, a comment on each key, and the "
             "classes and groups of NEW.h5 as examples, to --policy or diva.yml"},
    {.name = "force",
     .type = CLI_FLAG,
     .offset = FIELD(force),
     .help = "with --init: write over a policy that is there"},
};

static const struct cli_option_group policy_group = {.heading = "Policy",
                                                     .options = policy_options,
                                                     .count = sizeof policy_options /
                                                              sizeof *policy_options};

static const struct cli_option report_options[] = {
    {.name = "json",
     .type = CLI_FILE,
     .offset = FIELD(json_file),
     .value = "FILE",
     .help = "everything that was found, and from which files, as JSON; '-' is standard output",
     .fallback = ""},
    {.name = "junit",
     .type = CLI_FILE,
     .offset = FIELD(junit),
     .value = "FILE",
     .help = "JUnit XML, a test case a rule; only those that fail are failures",
     .fallback = ""},
    {.name = "markdown",
     .type = CLI_FILE,
     .offset = FIELD(markdown),
     .value = "FILE",
     .help = "a summary in Markdown; it is appended to the file named by GITHUB_STEP_SUMMARY, too, "
             "where that is set",
     .fallback = ""},
    {.name = "sarif",
     .type = CLI_FILE,
     .offset = FIELD(sarif),
     .value = "FILE",
     .help = "SARIF 2.1.0 for the alerts of a code host, at most 5000 results, the worst",
     .fallback = ""},
    {.name = "manifest",
     .type = CLI_FILE,
     .offset = FIELD(manifest),
     .value = "FILE.jsonl",
     .help = "the rows as text, with an id or index a line: SARIF and annotations point into it",
     .fallback = "the dataset itself, without lines"},
    {.name = "annotations",
     .type = CLI_FLAG,
     .offset = FIELD(annotations),
     .help = "print an ::error or ::warning line a rule, as is done where GITHUB_ACTIONS is true"},
};

static const struct cli_option_group report_group = {.heading = "Reports",
                                                     .options = report_options,
                                                     .count = sizeof report_options /
                                                              sizeof *report_options};

static const struct cli_option seed_options[] = {
    {.name = "seed",
     .type = CLI_INTEGER,
     .offset = FIELD(analysis.seed),
     .value = "N",
     .help = "of everything random",
     .minimum = 0,
     .maximum = INFINITY},
};

static const struct cli_option_group seed_group = {
    .heading = "Randomness", .options = seed_options, .count = 1};

/* Both versions are scaled as suits the one before. */
static void set_defaults(struct cli_settings *settings) {
  settings->analysis.scale = DIVA_SCALE_AUTO;
}

static const struct cli_option_group *const groups[] = {
    &against_group, &policy_group,       &report_group,
    &cli_group_fit, &seed_group,         &cli_group_names,
    &cli_group_run, &cli_group_messages, NULL};

static const struct cli_example examples[] = {
    {"diva check train.h5 --init", "a policy to start from, in diva.yml"},
    {"diva check train.h5 --baseline main.h5 --policy diva.yml",
     "the verdict on train.h5 as the successor of main.h5"},
    {"diva check train.h5 --baseline main.h5 --target test.h5 --junit check.xml --json check.json",
     "by the error on test.h5, which must not have leaked, with reports for a CI server"},
    {"diva check train.h5 --baseline main.h5 --sarif check.sarif --manifest train.jsonl",
     "alerts that point at the lines of train.jsonl"},
    {NULL, NULL}};

const struct cli_command cli_command_check = {
    .name = "check",
    .files = "NEW.h5...",
    .purpose = "Hold a new version of a dataset against a policy: pass, warn or fail, for CI.",
    .description =
        "Fifteen rules look at what changed since the baseline and at what is wrong by itself: "
        "ids, columns, classes, class-balance, unlabelled, relabelled, label-noise, loo-error, "
        "class-error, group-error, added-rows, near-duplicates, leakage, drift, weights. Errors "
        "are held against limits at the kinder end of a confidence interval, so that chance fails "
        "no build. The verdict, what was found and the worst rows go to standard output, or to "
        "standard error where a report goes there. Every report is written before the program "
        "ends with 0 (passed, or warned), 1 (warned, with --strict-warnings) or 2 (failed).",
    .defaults = set_defaults,
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
