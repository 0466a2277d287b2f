/* Whether the features are drawn from where those of the baseline are, before any scaling. */
#include "two_sample.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_SIZE = 32, MOST_NAMED = 20 };

/* How far a column moved, at the low end of its interval: value is AUC - 1/2, times 2, of the best
 * that a normal variable could be told apart by. */
struct column_drift {
  int64_t column;
  double value;
  double mean;   /* change of the mean, in standard deviations */
  double spread; /* standard deviation now over then */
};

/*
 * Variance of a difference of means, in units of the variance of one value, when the rows that are
 * the same in both versions are one draw each (mean_change.h).
 */
static double draw_variance(const struct diva_check_run *run) {
  const double n = (double)run->after.rows;
  const double m = (double)run->before.rows;
  const double same = (double)(run->match.kept - run->match.changed);
  const double apart = 1.0 / n - 1.0 / m;
  return same * apart * apart + (n - same) / (n * n) + (m - same) / (m * m);
}

/* Two normal variables whose means are this many standard deviations apart. */
static double mean_value(double apart) {
  return apart > 0.0 ? erf(0.5 * apart) : 0.0;
}

/* Two normal variables of the same mean, told apart by the distance from it: the logarithm of the
 * ratio of their variances. */
static double spread_value(double log_ratio) {
  return log_ratio > 0.0 ? 4.0 / acos(-1.0) * atan(exp(0.5 * log_ratio)) - 1.0 : 0.0;
}

static struct column_drift measure(const struct diva_check_run *run, int64_t j, double variance,
                                   double z) {
  const struct diva_content *now = &run->after.content;
  const struct diva_content *then = &run->before.content;
  struct column_drift drift = {.column = j, .spread = 1.0};
  const double square = 0.5 * (now->square[j] + then->square[j]);
  const double noise = 1e-12 * (now->mean[j] * now->mean[j] + then->mean[j] * then->mean[j]);
  if (!(square > noise)) {
    drift.value = now->mean[j] == then->mean[j] || square > 0.0 ? 0.0 : 1.0;
    return drift;
  }
  drift.mean = (now->mean[j] - then->mean[j]) / sqrt(square);
  drift.value = mean_value(fabs(drift.mean) - z * sqrt(variance));
  /* A column that became constant is that of another rule. */
  if (now->square[j] > noise && then->square[j] > noise) {
    const double kurtosis = fmax(now->fourth[j] / (now->square[j] * now->square[j]),
                                 then->fourth[j] / (then->square[j] * then->square[j]));
    const double log_ratio = log(now->square[j] / then->square[j]);
    const double error = sqrt(fmax(kurtosis - 1.0, 1.0) * variance);
    drift.spread = exp(0.5 * log_ratio);
    drift.value = fmax(drift.value, spread_value(fabs(log_ratio) - z * error));
  }
  return drift;
}

static int compare_drifts(const void *left, const void *right) {
  const struct column_drift *a = left;
  const struct column_drift *b = right;
  if (a->value > b->value || a->value < b->value) {
    return a->value > b->value ? -1 : 1;
  }
  return a->column < b->column ? -1 : a->column > b->column;
}

static void describe(const struct column_drift *drift, char words[DIVA_CHECK_WORDS]) {
  snprintf(words, DIVA_CHECK_WORDS,
           "column %lld: mean moved by %+.2f standard deviations, spread %.2f times that before",
           (long long)drift->column, drift->mean, drift->spread);
}

/* The columns that moved, farthest first: those that trip a limit, and no more than a few. */
static enum diva_status find_columns(struct diva_check_run *run, const struct column_drift *drifts,
                                     int64_t *moved, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  *moved = 0;
  for (int64_t j = 0; j < run->after.columns && drifts[j].value > 0.0; j++) {
    ++*moved;
  }
  for (int64_t j = 0; j < *moved && j < MOST_NAMED && status == DIVA_OK; j++) {
    char subject[SUBJECT_SIZE];
    char words[DIVA_CHECK_WORDS];
    struct diva_check_finding finding = diva_check_finding_none();
    snprintf(subject, sizeof subject, "column %lld", (long long)drifts[j].column);
    describe(&drifts[j], words);
    finding.subject = subject;
    finding.value = drifts[j].value;
    finding.before = run->before.content.mean[drifts[j].column];
    finding.after = run->after.content.mean[drifts[j].column];
    status = diva_check_find(run->findings, DIVA_RULE_DRIFT, &finding, error, "%s", words);
  }
  return status;
}

static enum diva_status find_whole(struct diva_check_run *run, const struct column_drift *most,
                                   int64_t moved, struct diva_error *error) {
  struct diva_two_sample versions;
  struct diva_check_finding finding = diva_check_finding_none();
  char words[DIVA_CHECK_WORDS];
  const double z = diva_check_width(run, 1);
  const enum diva_status status = diva_two_sample_run(run, &versions, error);
  if (status != DIVA_OK) {
    return status;
  }
  finding.after = 2.0 * (versions.auc - 0.5);
  finding.before = 0.0;
  finding.low = 2.0 * (versions.auc - z * versions.error - 0.5);
  finding.high = 2.0 * (versions.auc + z * versions.error - 0.5);
  finding.value = finding.low;
  describe(most, words);
  return diva_check_find(run->findings, DIVA_RULE_DRIFT, &finding, error,
                         "rows are told from those of the baseline with AUC %.3f (at least %.3f); "
                         "%lld of %lld columns moved%s%s",
                         versions.auc, versions.auc - z * versions.error, (long long)moved,
                         (long long)run->after.columns, moved > 0 ? ", most " : "",
                         moved > 0 ? words : "");
}

enum diva_status diva_check_drift(struct diva_check_run *run, struct diva_error *error) {
  const int64_t d = run->after.columns;
  const char *why = !run->has_baseline ? "there is no baseline" : run->blocked;
  struct column_drift *drifts = NULL;
  int64_t moved = 0;
  if (!why && run->before.columns != d) {
    why = "the baseline has other columns";
  }
  if (!why && run->before.content.faulty_rows > 0) {
    why = run->incomparable ? run->incomparable : "the baseline holds NaN or infinity";
  }
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_DRIFT, error, "%s", why);
  }
  const double variance = draw_variance(run);
  const double z = diva_check_width(run, 2 * d);
  enum diva_status status =
      diva_allocate(d, sizeof *drifts, "drift of columns", (void **)&drifts, error);
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    drifts[j] = measure(run, j, variance, z);
  }
  if (status == DIVA_OK) {
    qsort(drifts, (size_t)d, sizeof *drifts, compare_drifts);
    status = find_columns(run, drifts, &moved, error);
  }
  if (status == DIVA_OK) {
    status = find_whole(run, &drifts[0], moved, error);
  }
  free(drifts);
  return status;
}
