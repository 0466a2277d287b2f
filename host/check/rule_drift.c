/* Whether the features are drawn from where those of the baseline are, before any scaling. */
#include "two_sample.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_SIZE = 32, MOST_NAMED = 20 };

/* Sums over the same rows in another order differ by less. */
static const double ROUNDING = 1e-9;

/* How far a column moved, at the low end of its interval: value is AUC - 1/2, times 2, of the best
 * that a normal variable could be told apart by. */
struct column_drift {
  int64_t column;
  double value;
  double mean;   /* change of the mean, in standard deviations */
  double spread; /* standard deviation now over then */
};

/* Two normal variables whose means are this many standard deviations apart. */
static double mean_value(double apart) {
  return apart > 0.0 ? erf(0.5 * apart) : 0.0;
}

/* The ratio of two variances whose difference over their mean this is. */
static double variance_ratio(double difference) {
  return (2.0 + difference) / fmax(2.0 - difference, 1e-12);
}

/* Two normal variables of the same mean, told apart by the distance from it. */
static double spread_value(double difference) {
  return difference > 0.0 ? 4.0 / acos(-1.0) * atan(sqrt(variance_ratio(difference))) - 1.0 : 0.0;
}

static struct column_drift measure(const struct diva_column_change *change, int64_t column,
                                   double z) {
  const double mean = mean_value(fabs(change->mean) - z * change->mean_error);
  const double spread = spread_value(fabs(change->spread) - z * change->spread_error);
  return (struct column_drift){.column = column,
                               .value = fmax(mean, spread),
                               .mean = change->mean,
                               .spread = sqrt(variance_ratio(change->spread))};
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

static double mean_before(const struct diva_check_run *run, int64_t column) {
  struct diva_state_sums saved;
  if (!run->before.state) {
    return run->before.content.mean[column];
  }
  diva_state_sums(run->before.state, &saved);
  return saved.row_mean[column];
}

/* The columns that moved, farthest first: those that trip a limit, and no more than a few. */
static enum diva_status find_columns(struct diva_check_run *run, const struct column_drift *drifts,
                                     int64_t *moved, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  *moved = 0;
  for (int64_t j = 0; j < run->after.columns && drifts[j].value > ROUNDING; j++) {
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
    finding.before = mean_before(run, drifts[j].column);
    finding.after = run->after.content.mean[drifts[j].column];
    status = diva_check_find(run->findings, DIVA_RULE_DRIFT, &finding, error, "%s", words);
  }
  return status;
}

static enum diva_status find_whole(struct diva_check_run *run,
                                   const struct diva_two_sample *versions,
                                   const struct column_drift *most, int64_t moved,
                                   struct diva_error *error) {
  const double z = diva_check_width(run, 1);
  struct diva_check_finding finding = diva_check_finding_none();
  char words[DIVA_CHECK_WORDS];
  finding.after = 2.0 * (versions->auc - 0.5);
  finding.before = 0.0;
  finding.low = 2.0 * (versions->auc - z * versions->error - 0.5);
  finding.high = 2.0 * (versions->auc + z * versions->error - 0.5);
  finding.value = finding.low;
  describe(most, words);
  return diva_check_find(run->findings, DIVA_RULE_DRIFT, &finding, error,
                         "rows are told from those of the baseline with AUC %.3f (at least %.3f); "
                         "%lld of %lld columns moved%s%s",
                         versions->auc, versions->auc - z * versions->error, (long long)moved,
                         (long long)run->after.columns, moved > 0 ? ", most " : "",
                         moved > 0 ? words : "");
}

static enum diva_status judge(struct diva_check_run *run, const struct diva_two_sample *versions,
                              struct diva_error *error) {
  const int64_t d = run->after.columns;
  const double z = diva_check_width(run, 2 * d);
  struct column_drift *drifts = NULL;
  int64_t moved = 0;
  enum diva_status status =
      diva_allocate(d, sizeof *drifts, "drift of columns", (void **)&drifts, error);
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    drifts[j] = measure(&versions->columns[j], j, z);
  }
  if (status == DIVA_OK) {
    qsort(drifts, (size_t)d, sizeof *drifts, compare_drifts);
    status = find_columns(run, drifts, &moved, error);
  }
  if (status == DIVA_OK) {
    status = find_whole(run, versions, &drifts[0], moved, error);
  }
  free(drifts);
  return status;
}

/*
 * Variance of a difference of means, in units of the variance of one value: a row that is the same
 * in both versions is one draw (mean_change.h).
 */
static double draw_variance(const struct diva_check_run *run) {
  const double n = (double)run->after.rows;
  const double m = (double)run->before.rows;
  const double same = (double)(run->match.kept - run->match.changed);
  const double apart = 1.0 / n - 1.0 / m;
  return same * apart * apart + (n - same) / (n * n) + (m - same) / (m * m);
}

/* A saved state has means and variances, and no rows to tell apart or to know rare values by: means
 * alone are compared. */
static enum diva_status judge_saved(struct diva_check_run *run, struct diva_error *error) {
  const int64_t d = run->after.columns;
  const double z = diva_check_width(run, d);
  const double spread = sqrt(draw_variance(run));
  struct diva_state_sums saved;
  struct column_drift *drifts = NULL;
  int64_t moved = 0;
  enum diva_status status =
      diva_allocate(d, sizeof *drifts, "drift of columns", (void **)&drifts, error);
  diva_state_sums(run->before.state, &saved);
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    const double square = saved.row_square[j] / (double)run->before.rows;
    struct diva_column_change change = {.mean_error = spread};
    if (square > 0.0 && !run->after.content.constant[j]) {
      change.mean = (run->after.content.mean[j] - saved.row_mean[j]) /
                    sqrt(0.5 * (square + run->after.content.square[j]));
      change.spread =
          (run->after.content.square[j] - square) / (0.5 * (square + run->after.content.square[j]));
      change.spread_error = (double)INFINITY;
    }
    drifts[j] = measure(&change, j, z);
  }
  if (status == DIVA_OK) {
    qsort(drifts, (size_t)d, sizeof *drifts, compare_drifts);
    status = find_columns(run, drifts, &moved, error);
  }
  if (status == DIVA_OK) {
    struct diva_check_finding finding = diva_check_finding_none();
    char words[DIVA_CHECK_WORDS];
    finding.value = drifts[0].value;
    describe(&drifts[0], words);
    status = diva_check_find(run->findings, DIVA_RULE_DRIFT, &finding, error,
                             "%lld of %lld columns moved%s%s (means only: a state has no rows)",
                             (long long)moved, (long long)d, moved > 0 ? ", most " : "",
                             moved > 0 ? words : "");
  }
  free(drifts);
  return status;
}

enum diva_status diva_check_drift(struct diva_check_run *run, struct diva_error *error) {
  const char *why = !run->has_baseline ? "there is no baseline" : run->blocked;
  struct diva_two_sample versions;
  if (!why && run->before.columns != run->after.columns) {
    why = "the baseline has other columns";
  }
  if (!why && run->before.content.faulty_rows > 0) {
    why = "the features of the baseline hold NaN or infinity";
  }
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_DRIFT, error, "%s", why);
  }
  if (run->before.state) {
    return judge_saved(run, error);
  }
  enum diva_status status = diva_two_sample_run(run, &versions, error);
  if (status == DIVA_OK) {
    status = judge(run, &versions, error);
  }
  diva_two_sample_free(&versions);
  return status;
}
