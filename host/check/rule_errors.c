/* The error of this version against that of the baseline: in all, and class by class. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static const char *measure(const struct diva_check_run *run) {
  return run->has_target ? "error on the target" : "leave-one-out error";
}

/* Why the error cannot be compared, NULL: it can. */
static const char *obstacle(const struct diva_check_run *run) {
  if (run->blocked) {
    return run->blocked;
  }
  return run->has_baseline ? run->incomparable : NULL;
}

static double mean_loss(const struct diva_check_run *run, const struct diva_check_fit *fit,
                        const struct diva_check_fit *other) {
  const int64_t rows = run->has_target ? run->target.rows : fit->rows;
  double sum = 0.0;
  double counted = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    /* A target row of a class that one version lacks has a loss in the other alone. */
    const bool is_shared = !run->has_target || !isnan(other->loss[other->rows + i]);
    const double loss = fit->loss[run->has_target ? fit->rows + i : i];
    if (is_shared && !isnan(loss)) {
      sum += loss;
      counted += 1.0;
    }
  }
  return sum / counted;
}

/* Without a baseline there is a figure, and nothing to hold it against. */
static enum diva_status skip_alone(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_score *loo = &run->now.summary.loo;
  if (!run->after.labels) {
    return diva_check_skip(run->findings, DIVA_RULE_LOO_ERROR, error,
                           "there is no baseline; the leave-one-out loss is %.4g", loo->loss);
  }
  return diva_check_skip(run->findings, DIVA_RULE_LOO_ERROR, error,
                         "there is no baseline; the leave-one-out error is %.2f %% (loss %.4g)",
                         100.0 * loo->error, loo->loss);
}

/* Of targets the loss, in units of the baseline's. */
static enum diva_status find_loss(struct diva_check_run *run,
                                  const struct diva_check_finding *change,
                                  struct diva_error *error) {
  struct diva_check_finding finding = *change;
  const double share = 100.0 / finding.before;
  finding.value = finding.low / finding.before;
  return diva_check_find(run->findings, DIVA_RULE_LOO_ERROR, &finding, error,
                         "%s loss %.4g, was %.4g (%+.2f %%; interval %+.2f to %+.2f)",
                         run->has_target ? "target" : "leave-one-out", finding.after,
                         finding.before, share * (finding.after - finding.before),
                         share * finding.low, share * finding.high);
}

enum diva_status diva_check_loo_error(struct diva_check_run *run, struct diva_error *error) {
  struct diva_mean_change change;
  char words[DIVA_CHECK_WORDS];
  const char *why = obstacle(run);
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_LOO_ERROR, error, "%s", why);
  }
  enum diva_status status = diva_check_fits(run, error);
  if (status == DIVA_OK && !run->has_baseline) {
    return skip_alone(run, error);
  }
  if (status == DIVA_OK) {
    const struct diva_mean_change_request request = diva_check_outcomes(run, &run->now, &run->then);
    status = diva_mean_changes(&request, &change, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  if (isnan(change.difference)) {
    return diva_check_skip(run->findings, DIVA_RULE_LOO_ERROR, error, "no row can be scored");
  }
  const struct diva_check_finding finding = diva_check_change(&change, diva_check_width(run, 1));
  if (!run->after.labels) {
    return find_loss(run, &finding, error);
  }
  diva_check_change_words(&finding, words);
  const double loss = mean_loss(run, &run->now, &run->then);
  if (isnan(loss)) {
    return diva_check_find(run->findings, DIVA_RULE_LOO_ERROR, &finding, error, "%s %s",
                           measure(run), words);
  }
  return diva_check_find(run->findings, DIVA_RULE_LOO_ERROR, &finding, error,
                         "%s %s; loss %.4g, was %.4g", measure(run), words, loss,
                         mean_loss(run, &run->then, &run->now));
}

static enum diva_status find_class(struct diva_check_run *run, int64_t c,
                                   const struct diva_mean_change *change, double z,
                                   struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char words[DIVA_CHECK_WORDS];
  struct diva_check_finding finding = diva_check_change(change, z);
  finding.subject = diva_check_class_name(&run->after, &run->before, &run->match, c, scratch);
  diva_check_change_words(&finding, words);
  return diva_check_find(run->findings, DIVA_RULE_CLASS_ERROR, &finding, error, "class '%s': %s %s",
                         finding.subject, measure(run), words);
}

/* Intervals hold together, however many classes there are (Bonferroni). Classes that only the
 * target has are errors of both versions, and no class of theirs. */
static enum diva_status find_classes(struct diva_check_run *run,
                                     const struct diva_mean_change *changes,
                                     struct diva_error *error) {
  const int64_t classes = run->match.class_count;
  int64_t tests = 0;
  enum diva_status status = DIVA_OK;
  for (int64_t c = 0; c < classes; c++) {
    tests += !isnan(changes[c].difference);
  }
  const double z = diva_check_width(run, tests);
  for (int64_t c = 0; c < classes && status == DIVA_OK; c++) {
    if (!isnan(changes[c].difference)) {
      status = find_class(run, c, &changes[c], z, error);
    }
  }
  return status == DIVA_OK && tests == 0
             ? diva_check_skip(run->findings, DIVA_RULE_CLASS_ERROR, error,
                               "the versions have no class in common")
             : status;
}

enum diva_status diva_check_class_error(struct diva_check_run *run, struct diva_error *error) {
  const int64_t codes = run->has_target ? run->match.target_class_count : run->match.class_count;
  struct diva_mean_change *changes = NULL;
  const char *why = !run->after.labels   ? "a dataset of targets has no classes"
                    : !run->has_baseline ? "there is no baseline"
                                         : obstacle(run);
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_CLASS_ERROR, error, "%s", why);
  }
  enum diva_status status = diva_check_fits(run, error);
  if (status == DIVA_OK) {
    status = diva_allocate(codes, sizeof *changes, "class errors", (void **)&changes, error);
  }
  if (status == DIVA_OK) {
    struct diva_mean_change_request request = diva_check_outcomes(run, &run->now, &run->then);
    request.codes = codes;
    request.codes_after = run->has_target ? run->target.classes : run->after.classes;
    request.codes_before = run->has_target ? run->target.classes : run->before.classes;
    status = diva_mean_changes(&request, changes, error);
  }
  if (status == DIVA_OK) {
    status = find_classes(run, changes, error);
  }
  free(changes);
  return status;
}
