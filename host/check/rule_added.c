/* What the added rows, as a block and one by one, do to the error on the others. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

/* An added row is harmful if its derivative is above what one in twenty of the kept rows reach: a
 * row as good as those is so with that chance. */
static const double HARMFUL_QUANTILE = 0.95;
enum { FEWEST_KEPT = 20 };

static bool is_added(const struct diva_check_run *run, int64_t i) {
  return run->match.before_of[i] < 0;
}

static bool is_trained(const struct diva_check_run *run, int64_t i) {
  const struct diva_check_version *after = &run->after;
  return (!after->labels || after->labels[i] >= 0) && (!after->weights || after->weights[i] > 0.0);
}

/* Whether the kept rows alone can be trained on: two rows, and two classes of them. */
static bool stands_without(const struct diva_check_run *run) {
  int64_t rows = 0;
  int32_t first = -1;
  bool differs = !run->after.labels;
  for (int64_t i = 0; i < run->after.rows; i++) {
    if (is_added(run, i) || !is_trained(run, i)) {
      continue;
    }
    const int32_t label = run->after.labels ? run->after.labels[i] : 0;
    differs = differs || (first >= 0 && label != first);
    first = label;
    rows++;
  }
  return rows >= 2 && differs;
}

static int64_t count_added(const struct diva_check_run *run) {
  int64_t count = 0;
  for (int64_t i = 0; i < run->after.rows; i++) {
    count += is_added(run, i) && is_trained(run, i);
  }
  return count;
}

/* The same version without its added rows. */
static enum diva_status fit_without(const struct diva_check_run *run, struct diva_check_fit *out,
                                    struct diva_error *error) {
  const int64_t rows = run->after.rows;
  double *weights = NULL;
  enum diva_status status =
      diva_allocate(rows, sizeof *weights, "weights", (void **)&weights, error);
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    const double given = run->after.weights ? run->after.weights[i] : 1.0;
    weights[i] = is_added(run, i) ? 0.0 : given;
  }
  const struct diva_check_fit_request request = {.weights = weights};
  if (status == DIVA_OK) {
    status = diva_check_fit_run(run, &run->after, &request, out, error);
  }
  free(weights);
  return status;
}

/* The error with and without them, on the kept rows left out one by one or on the target. */
static enum diva_status compare(const struct diva_check_run *run,
                                const struct diva_check_fit *without,
                                struct diva_mean_change *change, struct diva_error *error) {
  struct diva_mean_change_request request = diva_check_outcomes(run, &run->now, without);
  int64_t *same = NULL;
  int32_t *kept = NULL;
  enum diva_status status =
      diva_allocate(request.rows_after, sizeof *same, "rows", (void **)&same, error);
  if (status == DIVA_OK) {
    status = diva_allocate(request.rows_after, sizeof *kept, "rows", (void **)&kept, error);
  }
  for (int64_t i = 0; i < request.rows_after && status == DIVA_OK; i++) {
    same[i] = i;
    kept[i] = !run->has_target && is_added(run, i) ? -1 : 0;
  }
  request.before_of = same;
  request.codes_after = request.codes_before = kept;
  if (status == DIVA_OK) {
    status = diva_mean_changes(&request, change, error);
  }
  free(same);
  free(kept);
  return status;
}

static enum diva_status find_effect(struct diva_check_run *run, struct diva_error *error) {
  struct diva_check_fit without = {0};
  struct diva_mean_change change = {0};
  const char *where = run->has_target ? "on the target" : "on the other rows";
  enum diva_status status = fit_without(run, &without, error);
  if (status == DIVA_OK) {
    status = compare(run, &without, &change, error);
  }
  diva_check_fit_free(&without);
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_check_finding finding = diva_check_change(&change, diva_check_width(run, 1));
  if (!run->after.labels) {
    finding.value = finding.low / finding.before;
    return diva_check_find(run->findings, DIVA_RULE_ADDED_ROWS, &finding, error,
                           "with the %lld added rows the loss %s is %.4g, without %.4g",
                           (long long)run->match.added, where, finding.after, finding.before);
  }
  return diva_check_find(
      run->findings, DIVA_RULE_ADDED_ROWS, &finding, error,
      "the error %s is %.2f %% with the %lld added rows, %.2f %% without (%+.2f points; interval "
      "%+.2f to %+.2f)",
      where, 100.0 * finding.after, (long long)run->match.added, 100.0 * finding.before,
      100.0 * change.difference, 100.0 * finding.low, 100.0 * finding.high);
}

static int compare_reals(const void *left, const void *right) {
  const double a = *(const double *)left;
  const double b = *(const double *)right;
  return a < b ? -1 : a > b;
}

/* The derivative that one in twenty of the kept rows reach; NaN where they are too few. */
static enum diva_status harmful_level(const struct diva_check_run *run, double *level,
                                      struct diva_error *error) {
  double *kept = NULL;
  int64_t count = 0;
  const enum diva_status status =
      diva_allocate(run->after.rows, sizeof *kept, "derivatives", (void **)&kept, error);
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    const double derivative = run->now.columns.derivative[i];
    if (!is_added(run, i) && is_trained(run, i) && !isnan(derivative)) {
      kept[count++] = derivative;
    }
  }
  *level = (double)NAN;
  if (count >= FEWEST_KEPT) {
    qsort(kept, (size_t)count, sizeof *kept, compare_reals);
    *level = fmax(0.0, kept[(int64_t)(HARMFUL_QUANTILE * (double)count)]);
  }
  free(kept);
  return status;
}

static enum diva_status name_harmful(struct diva_check_run *run, double level, int64_t *harmful,
                                     int64_t *waived, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
    row.value = run->now.columns.derivative[i];
    if (!is_added(run, i) || !is_trained(run, i) || !(row.value > level)) {
      continue;
    }
    if (diva_check_waives(run->findings, DIVA_RULE_ADDED_ROWS, row.id)) {
      ++*waived;
      continue;
    }
    ++*harmful;
    status = diva_check_name(run->findings, DIVA_RULE_ADDED_ROWS, &row, error,
                             "its weight raises the loss more than that of 95 %% of the kept rows "
                             "does (derivative %.3g)",
                             row.value);
  }
  return status;
}

static enum diva_status find_harmful(struct diva_check_run *run, struct diva_error *error) {
  struct diva_check_finding finding = diva_check_finding_none();
  int64_t harmful = 0;
  int64_t waived = 0;
  double level;
  enum diva_status status = harmful_level(run, &level, error);
  if (status != DIVA_OK || isnan(level)) {
    return status;
  }
  status = name_harmful(run, level, &harmful, &waived, error);
  const int64_t rows = count_added(run) - waived;
  finding.subject = "harmful";
  finding.after = rows > 0 ? (double)harmful / (double)rows : 0.0;
  finding.before = 1.0 - HARMFUL_QUANTILE;
  finding.value = diva_share_low(harmful, rows, diva_check_width(run, 1));
  finding.own_limits = true;
  finding.limits = (struct diva_limits){run->options->policy.harmful_share_warn, (double)NAN};
  return status == DIVA_OK
             ? diva_check_find(run->findings, DIVA_RULE_ADDED_ROWS, &finding, error,
                               "%lld of %lld added rows (%.1f %%) are harmful; of rows like the "
                               "kept ones 5 %% would be",
                               (long long)harmful, (long long)rows, 100.0 * finding.after)
             : status;
}

enum diva_status diva_check_added_rows(struct diva_check_run *run, struct diva_error *error) {
  const char *why = !run->has_baseline ? "there is no baseline" : run->blocked;
  if (!why && count_added(run) == 0) {
    why = run->match.added > 0 ? "no added row can be trained on" : "no row was added";
  }
  if (!why && !stands_without(run)) {
    why = "without the added rows too few are left to train on";
  }
  if (why) {
    return diva_check_skip(run->findings, DIVA_RULE_ADDED_ROWS, error, "%s", why);
  }
  enum diva_status status = diva_check_fits(run, error);
  if (status == DIVA_OK) {
    status = find_effect(run, error);
  }
  return status == DIVA_OK && run->now.columns.derivative ? find_harmful(run, error) : status;
}
