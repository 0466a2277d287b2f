/* A verdict on a version of a dataset: the facts that rules share, then rule after rule. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_SIZE = 256 };

struct diva_check {
  struct diva_check_summary summary;
  struct diva_check_result results[DIVA_RULES];
  struct diva_check_findings findings;
  struct diva_analysis *analysis; /* the strings of the summary are its own */
  char blocked[REASON_SIZE];
  char incomparable[REASON_SIZE];
};

const char *diva_check_verdict_name(enum diva_check_verdict verdict) {
  static const char *const names[] = {"pass", "warn", "fail", "skipped", "off"};
  return (int)verdict >= 0 && verdict <= DIVA_CHECK_OFF ? names[verdict] : NULL;
}

void diva_check_options_init(struct diva_check_options *options) {
  *options = (struct diva_check_options){.version = DIVA_STRUCT_VERSION};
  diva_analysis_options_init(&options->analysis);
  options->analysis.scale = DIVA_SCALE_AUTO;
  diva_policy_init(&options->policy);
}

typedef enum diva_status (*rule_function)(struct diva_check_run *run, struct diva_error *error);

static const rule_function functions[DIVA_RULES] = {
    [DIVA_RULE_IDS] = diva_check_ids,
    [DIVA_RULE_COLUMNS] = diva_check_columns,
    [DIVA_RULE_CLASSES] = diva_check_classes,
    [DIVA_RULE_CLASS_BALANCE] = diva_check_class_balance,
    [DIVA_RULE_UNLABELLED] = diva_check_unlabelled,
    [DIVA_RULE_RELABELLED] = diva_check_relabelled,
    [DIVA_RULE_LOO_ERROR] = diva_check_loo_error,
    [DIVA_RULE_CLASS_ERROR] = diva_check_class_error,
    [DIVA_RULE_LABEL_NOISE] = diva_check_label_noise,
    [DIVA_RULE_GROUP_ERROR] = diva_check_group_error,
    [DIVA_RULE_ADDED_ROWS] = diva_check_added_rows,
    [DIVA_RULE_NEAR_DUPLICATES] = diva_check_near_duplicates,
    [DIVA_RULE_LEAKAGE] = diva_check_leakage,
    [DIVA_RULE_DRIFT] = diva_check_drift,
    [DIVA_RULE_WEIGHTS] = diva_check_weights,
};

static enum diva_status check_options(const struct diva_check_options *options,
                                      struct diva_error *error) {
  const enum diva_status status = diva_version_check(options->version, "diva_check_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!(options->policy.confidence > 0.0 && options->policy.confidence < 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "confidence is %g; it must be between 0 and 1",
                          options->policy.confidence);
  }
  return diva_version_check(options->policy.version, "diva_policy", error);
}

static enum diva_status number_rows(struct diva_check_run *run, struct diva_error *error) {
  const int64_t rows = run->target.rows;
  const enum diva_status status = diva_allocate(rows, sizeof *run->target_rows, "target rows",
                                                (void **)&run->target_rows, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    run->target_rows[i] = i;
  }
  return status;
}

/* A class more than the versions have is judged as an error; targets and base outputs are not. */
static bool is_too_wide(const struct diva_check_run *run) {
  struct diva_dataset_info info;
  diva_dataset_describe(run->target.dataset, &info);
  return (info.has_targets || info.has_base_outputs) && info.outputs > run->after.outputs;
}

static enum diva_status open_target(struct diva_check_run *run, struct diva_dataset *target,
                                    struct diva_error *error) {
  if (!target) {
    return DIVA_OK;
  }
  diva_check_version_open(target, &run->target);
  run->has_target = true;
  if (run->target.columns != run->after.columns ||
      run->target.has_targets != run->after.has_targets || is_too_wide(run)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "target: %lld columns and %lld outputs do not go with %lld columns and "
                          "%lld outputs",
                          (long long)run->target.columns, (long long)run->target.outputs,
                          (long long)run->after.columns, (long long)run->after.outputs);
  }
  return number_rows(run, error);
}

/* The first value that is none, in words; false: there is none. */
static bool describe_fault(const struct diva_check_version *version, const char *whose,
                           char reason[REASON_SIZE]) {
  const struct diva_content *content = &version->content;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  for (int64_t i = 0; i < content->rows && content->faulty_rows > 0; i++) {
    if (content->fault_column[i] >= 0) {
      snprintf(reason, REASON_SIZE,
               "%s hold NaN or infinity, first in row %lld (id '%.64s'), column %d", whose,
               (long long)i, diva_check_id(version, i, scratch), content->fault_column[i]);
      return true;
    }
  }
  return false;
}

/* A state tells how its rows were predicted, if it was saved with that, and of no other rows. */
static void describe_state(const struct diva_check_run *run, char reason[REASON_SIZE]) {
  struct diva_state_info info;
  diva_state_describe(run->before.state, &info);
  if (!info.has_scores) {
    snprintf(reason, REASON_SIZE, "the state of the baseline was saved without scores");
  } else if (run->has_target) {
    snprintf(reason, REASON_SIZE, "the state of the baseline cannot score the target");
  }
}

/* Whether models of the two versions can be compared. */
static void find_obstacles(struct diva_check_run *run, struct diva_check *check) {
  char *reason = check->incomparable;
  if (describe_fault(&run->after, "the features", check->blocked)) {
    run->blocked = check->blocked;
  }
  if (!run->has_baseline) {
    return;
  }
  if (run->after.has_targets != run->before.has_targets) {
    snprintf(reason, REASON_SIZE, "one version has class labels, the other has targets");
  } else if (run->after.has_targets && run->after.outputs != run->before.outputs) {
    snprintf(reason, REASON_SIZE, "there are %lld targets, the baseline has %lld",
             (long long)run->after.outputs, (long long)run->before.outputs);
  } else if (run->has_target && run->after.columns != run->before.columns) {
    snprintf(reason, REASON_SIZE, "the baseline has other columns than the target");
  } else if (run->before.state) {
    describe_state(run, reason);
  } else {
    describe_fault(&run->before, "the features of the baseline", reason);
  }
  run->incomparable = reason[0] ? reason : NULL;
}

static enum diva_status read_target(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_analysis_options *analysis = &run->options->analysis;
  char reason[REASON_SIZE];
  const enum diva_status status =
      diva_content_read(run->target.dataset, analysis->threads, &analysis->progress, "target rows",
                        &run->target.content, error);
  if (status != DIVA_OK) {
    diva_error_prefix(error, "target: ");
  } else if (describe_fault(&run->target, "the features", reason)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "target: %s", reason);
  }
  return status;
}

static enum diva_status read_content(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_analysis_options *analysis = &run->options->analysis;
  enum diva_status status =
      diva_content_read(run->after.dataset, analysis->threads, &analysis->progress, "rows",
                        &run->after.content, error);
  if (status == DIVA_OK && run->has_baseline && run->before.dataset) {
    status = diva_content_read(run->before.dataset, analysis->threads, &analysis->progress,
                               "baseline rows", &run->before.content, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "baseline: ");
    }
  }
  if (status == DIVA_OK && run->has_target) {
    status = read_target(run, error);
  }
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK && run->has_baseline; i++) {
    run->match.changed += run->match.before_of[i] >= 0 &&
                          !diva_check_is_same(&run->after, &run->before, &run->match, i);
  }
  return status;
}

static enum diva_status open_baseline(struct diva_check_run *run, struct diva_dataset *dataset,
                                      struct diva_error *error) {
  const struct diva_check_options *options = run->options;
  run->has_baseline = options->baseline || options->state;
  if (options->baseline) {
    diva_check_version_open(options->baseline, &run->before);
  } else if (options->state) {
    diva_check_version_saved(options->state, &run->before);
    return diva_state_check(options->state, dataset, &options->analysis, error);
  }
  return DIVA_OK;
}

static enum diva_status prepare(struct diva_check_run *run, struct diva_dataset *dataset,
                                struct diva_check *check, struct diva_error *error) {
  diva_check_version_open(dataset, &run->after);
  enum diva_status status = open_baseline(run, dataset, error);
  if (status == DIVA_OK) {
    status = open_target(run, run->options->target, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_check_match(&run->after, run->has_baseline ? &run->before : NULL, &run->match, error);
  }
  if (status == DIVA_OK && run->has_target) {
    status = diva_check_match_target(&run->after, run->has_baseline ? &run->before : NULL,
                                     &run->target, &run->match, error);
  }
  if (status == DIVA_OK) {
    status = read_content(run, error);
  }
  if (status == DIVA_OK) {
    find_obstacles(run, check);
  }
  return status;
}

static enum diva_status judge(struct diva_check_run *run, struct diva_check *check,
                              struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int r = 0; r < DIVA_RULES && status == DIVA_OK; r++) {
    if (run->options->policy.on[r] && functions[r]) {
      status = functions[r](run, error);
    }
  }
  for (int r = 0; r < DIVA_RULES && status == DIVA_OK; r++) {
    check->results[r] = diva_check_conclude(&check->findings, (enum diva_rule)r);
  }
  return status;
}

static int64_t count_expired(const struct diva_policy *policy, const char *today) {
  int64_t expired = 0;
  for (int64_t i = 0; today && i < policy->waiver_count; i++) {
    const char *last = policy->waivers[i].expires;
    expired += last[0] && strcmp(today, last) > 0;
  }
  return expired;
}

static int64_t count_relabelled(const struct diva_check_run *run) {
  int64_t count = 0;
  for (int64_t i = 0; run->after.labels && run->before.labels && i < run->after.rows; i++) {
    const int64_t j = run->match.before_of[i];
    if (j >= 0 && run->after.classes[i] >= 0 && run->before.classes[j] >= 0) {
      count += run->after.classes[i] != run->before.classes[j];
    }
  }
  return count;
}

/* A state recalls its fit without an analysis. */
static double error_of(const struct diva_check_fit *fit) {
  return fit->wrong ? fit->summary.loo.error : (double)NAN;
}

static void summarise(struct diva_check_run *run, struct diva_check *check) {
  struct diva_check_summary *summary = &check->summary;
  *summary = (struct diva_check_summary){.rows = run->after.rows,
                                         .columns = run->after.columns,
                                         .outputs = run->after.outputs,
                                         .baseline_rows = -1,
                                         .added = -1,
                                         .removed = -1,
                                         .relabelled = -1,
                                         .changed = -1,
                                         .loo_error = error_of(&run->now),
                                         .baseline_loo_error = error_of(&run->then),
                                         .analysis = run->now.summary};
  for (int r = 0; r < DIVA_RULES; r++) {
    const enum diva_check_verdict verdict = check->results[r].verdict;
    summary->counts[verdict]++;
    if (verdict <= DIVA_CHECK_FAIL && verdict > summary->verdict) {
      summary->verdict = verdict;
    }
  }
  if (run->has_baseline) {
    summary->baseline_rows = run->before.rows;
    summary->added = run->match.added;
    summary->removed = run->match.removed;
    summary->changed = run->match.changed;
    summary->relabelled = count_relabelled(run);
  }
  summary->expired_waivers = count_expired(&run->options->policy, run->options->today);
}

static void close_run(struct diva_check_run *run) {
  diva_check_fit_free(&run->now);
  diva_check_fit_free(&run->then);
  diva_check_match_free(&run->match);
  diva_check_version_close(&run->after);
  diva_check_version_close(&run->before);
  diva_check_version_close(&run->target);
  free(run->target_rows);
  diva_state_destroy(run->sums);
}

/* The findings outlive the policy that they were held against. */
static void part_from_policy(struct diva_check *check) {
  check->findings.policy = NULL;
  check->findings.today = NULL;
}

enum diva_status diva_check_run(struct diva_dataset *dataset,
                                const struct diva_check_options *options, struct diva_check **out,
                                struct diva_error *error) {
  struct diva_check_run run = {.options = options};
  struct diva_check *check = NULL;
  *out = NULL;
  enum diva_status status = check_options(options, error);
  if (status == DIVA_OK) {
    status = diva_allocate(1, sizeof *check, "a verdict", (void **)&check, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  run.findings = &check->findings;
  diva_check_findings_init(&check->findings, &options->policy, options->today,
                           !options->baseline && !options->state);
  status = prepare(&run, dataset, check, error);
  if (status == DIVA_OK) {
    status = judge(&run, check, error);
  }
  if (status == DIVA_OK) {
    summarise(&run, check);
    check->analysis = run.now.analysis;
    run.now.analysis = NULL;
    part_from_policy(check);
  }
  close_run(&run);
  if (status != DIVA_OK) {
    diva_check_destroy(check);
    return status;
  }
  *out = check;
  return DIVA_OK;
}

void diva_check_summary(const struct diva_check *check, struct diva_check_summary *out) {
  *out = check->summary;
}

const struct diva_check_result *diva_check_results(const struct diva_check *check) {
  return check->results;
}

void diva_check_destroy(struct diva_check *check) {
  if (check) {
    diva_check_findings_free(&check->findings);
    diva_analysis_destroy(check->analysis);
    free(check);
  }
}
