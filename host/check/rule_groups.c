/* The error of each group against the baseline, and of groups that the model has not seen. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_SIZE = 256 };

static void name_group(const struct diva_check_run *run, int64_t group,
                       char subject[SUBJECT_SIZE]) {
  const char *name = diva_check_group_name(&run->after, &run->before, &run->match, group);
  const char *factor = run->options->group;
  snprintf(subject, SUBJECT_SIZE, "%s%s%s", factor ? factor : "", factor ? "=" : "",
           name ? name : "?");
}

/* The value is a rise in points of error; of the loss of targets, in units of the baseline's. */
static struct diva_check_finding measure(const struct diva_check_run *run,
                                         const struct diva_mean_change *change, double z) {
  struct diva_check_finding finding = diva_check_change(change, z);
  if (!run->after.labels) {
    finding.value = finding.low / finding.before;
  }
  return finding;
}

static void put_in_words(const struct diva_check_run *run, const struct diva_check_finding *finding,
                         char words[DIVA_CHECK_WORDS]) {
  if (run->after.labels) {
    diva_check_change_words(finding, words);
  } else {
    snprintf(words, DIVA_CHECK_WORDS, "(loss) %.4g, was %.4g", finding->after, finding->before);
  }
}

static const double *outcomes(const struct diva_check_run *run, const struct diva_check_fit *fit) {
  return run->after.labels ? fit->wrong : fit->loss;
}

/* Left-out rows of both versions, by group. */
static struct diva_mean_change_request group_request(const struct diva_check_run *run,
                                                     const struct diva_check_fit *now,
                                                     const struct diva_check_fit *then) {
  return (struct diva_mean_change_request){.after = outcomes(run, now),
                                           .before = outcomes(run, then),
                                           .codes_after = run->after.groups_both,
                                           .codes_before = run->before.groups_both,
                                           .rows_after = run->after.rows,
                                           .rows_before = run->before.rows,
                                           .before_of = run->match.before_of,
                                           .codes = run->match.group_count,
                                           .unit = run->after.labels ? 1.0 : 0.0};
}

static enum diva_status compare_groups(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_mean_change_request request = group_request(run, &run->now, &run->then);
  struct diva_mean_change *changes = NULL;
  int64_t tests = 0;
  enum diva_status status =
      diva_allocate(request.codes, sizeof *changes, "group errors", (void **)&changes, error);
  if (status == DIVA_OK) {
    status = diva_mean_changes(&request, changes, error);
  }
  for (int64_t g = 0; g < request.codes && status == DIVA_OK; g++) {
    tests += !isnan(changes[g].difference);
  }
  const double z = diva_check_width(run, tests);
  for (int64_t g = 0; g < request.codes && status == DIVA_OK; g++) {
    char subject[SUBJECT_SIZE];
    char words[DIVA_CHECK_WORDS];
    if (isnan(changes[g].difference)) {
      continue;
    }
    struct diva_check_finding finding = measure(run, &changes[g], z);
    name_group(run, g, subject);
    finding.subject = subject;
    put_in_words(run, &finding, words);
    status = diva_check_find(run->findings, DIVA_RULE_GROUP_ERROR, &finding, error,
                             "%s: leave-one-out error %s", subject, words);
  }
  free(changes);
  return status;
}

/* Rows that belong to some group are one lot, the others none. */
static enum diva_status mark_grouped(const struct diva_check_version *version, int32_t **out,
                                     struct diva_error *error) {
  const enum diva_status status =
      diva_allocate(version->rows, sizeof **out, "grouped rows", (void **)out, error);
  for (int64_t i = 0; i < version->rows && status == DIVA_OK; i++) {
    (*out)[i] = version->groups[i] >= 0 ? 0 : -1;
  }
  return status;
}

/* Whether some row can be scored without its group: two rows trained on of different groups. */
static bool has_two_groups(const struct diva_check_version *version) {
  int32_t first = -2;
  for (int64_t i = 0; i < version->rows; i++) {
    const bool trained = (!version->labels || version->labels[i] >= 0) &&
                         (!version->weights || version->weights[i] > 0.0);
    if (!trained) {
      continue;
    }
    if (version->groups[i] < 0 || (first >= -1 && version->groups[i] != first)) {
      return true;
    }
    first = version->groups[i];
  }
  return false;
}

/* Both fits without each row's group; `then` stays empty where there is none to compare with. */
static enum diva_status fit_unseen(const struct diva_check_run *run, bool compare,
                                   struct diva_check_fit *now, struct diva_check_fit *then,
                                   struct diva_error *error) {
  const struct diva_check_fit_request here = {.groups = run->after.groups};
  const struct diva_check_fit_request there = {.groups = run->before.groups};
  enum diva_status status = diva_check_fit_run(run, &run->after, &here, now, error);
  if (status == DIVA_OK && compare) {
    status = diva_check_fit_run(run, &run->before, &there, then, error);
  }
  return status;
}

/* Without a baseline, unseen groups are held against seen ones: the same rows, paired. */
static enum diva_status find_unseen_alone(struct diva_check_run *run,
                                          const struct diva_check_fit *unseen, int32_t *grouped,
                                          struct diva_error *error) {
  struct diva_mean_change change;
  int64_t *same = NULL;
  enum diva_status status =
      diva_allocate(run->after.rows, sizeof *same, "rows", (void **)&same, error);
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    same[i] = i;
  }
  struct diva_mean_change_request request = group_request(run, unseen, &run->now);
  request.codes = 1;
  request.codes_after = request.codes_before = grouped;
  request.rows_before = run->after.rows;
  request.before_of = same;
  if (status == DIVA_OK) {
    status = diva_mean_changes(&request, &change, error);
  }
  free(same);
  if (status != DIVA_OK || isnan(change.difference)) {
    return status;
  }
  struct diva_check_finding finding = measure(run, &change, diva_check_width(run, 1));
  finding.own_limits = true;
  finding.limits = (struct diva_limits){run->options->policy.unseen_group_warn, (double)NAN};
  finding.subject = run->options->group;
  return diva_check_find(
      run->findings, DIVA_RULE_GROUP_ERROR, &finding, error,
      "%s of rows of a group that the model has not seen %.4g, where it has seen "
      "the group %.4g (%+.4g; interval %+.4g to %+.4g)",
      run->after.labels ? "error" : "loss", finding.after, finding.before, change.difference,
      finding.low, finding.high);
}

static enum diva_status find_unseen_change(struct diva_check_run *run,
                                           const struct diva_check_fit *now,
                                           const struct diva_check_fit *then,
                                           const int32_t *grouped_now, const int32_t *grouped_then,
                                           struct diva_error *error) {
  struct diva_mean_change change;
  char words[DIVA_CHECK_WORDS];
  struct diva_mean_change_request request = group_request(run, now, then);
  request.codes = 1;
  request.codes_after = grouped_now;
  request.codes_before = grouped_then;
  const enum diva_status status = diva_mean_changes(&request, &change, error);
  if (status != DIVA_OK || isnan(change.difference)) {
    return status;
  }
  struct diva_check_finding finding = measure(run, &change, diva_check_width(run, 1));
  finding.subject = run->options->group;
  put_in_words(run, &finding, words);
  return diva_check_find(run->findings, DIVA_RULE_GROUP_ERROR, &finding, error,
                         "rows of a group that the model has not seen: error %s", words);
}

static enum diva_status find_unseen(struct diva_check_run *run, bool compare,
                                    struct diva_error *error) {
  struct diva_check_fit now = {0};
  struct diva_check_fit then = {0};
  int32_t *grouped_now = NULL;
  int32_t *grouped_then = NULL;
  enum diva_status status = fit_unseen(run, compare, &now, &then, error);
  if (status == DIVA_OK) {
    status = mark_grouped(&run->after, &grouped_now, error);
  }
  if (status == DIVA_OK && compare) {
    status = mark_grouped(&run->before, &grouped_then, error);
  }
  if (status == DIVA_OK) {
    status = compare ? find_unseen_change(run, &now, &then, grouped_now, grouped_then, error)
                     : find_unseen_alone(run, &now, grouped_now, error);
  }
  diva_check_fit_free(&now);
  diva_check_fit_free(&then);
  free(grouped_now);
  free(grouped_then);
  return status;
}

enum diva_status diva_check_group_error(struct diva_check_run *run, struct diva_error *error) {
  const char *why = !run->after.groups ? "no group is named" : run->blocked;
  const bool compare = run->has_baseline && !run->incomparable && run->before.groups;
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_GROUP_ERROR, error, "%s", why);
  }
  enum diva_status status = diva_check_fits(run, error);
  if (status == DIVA_OK && compare) {
    status = compare_groups(run, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (!has_two_groups(&run->after)) {
    return diva_check_skip(run->findings, DIVA_RULE_GROUP_ERROR, error,
                           "every row is of one group");
  }
  return find_unseen(run, compare && run->before.dataset && has_two_groups(&run->before), error);
}
