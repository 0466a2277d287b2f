/* The set of classes and their shares, rows without a label, and what weights waste. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static enum diva_status skip_targets(struct diva_check_run *run, enum diva_rule rule,
                                     struct diva_error *error) {
  return diva_check_skip(run->findings, rule, error, "a dataset of targets has no classes");
}

static bool has_classes(const struct diva_check_run *run) {
  return run->after.labels && (!run->has_baseline || run->before.labels);
}

static void count_classes(const struct diva_check_version *version, int64_t *counts) {
  for (int64_t i = 0; i < version->rows; i++) {
    if (version->classes[i] >= 0) {
      counts[version->classes[i]]++;
    }
  }
}

/* Rows of each class, in this version and in the baseline (zeros without one); `out` is owned by
 * the caller: class_count of the one, then of the other. */
static enum diva_status count_both(const struct diva_check_run *run, int64_t **out,
                                   struct diva_error *error) {
  const int64_t classes = run->match.class_count;
  const enum diva_status status =
      diva_allocate(2 * classes, sizeof **out, "class counts", (void **)out, error);
  if (status == DIVA_OK) {
    count_classes(&run->after, *out);
    if (run->has_baseline) {
      count_classes(&run->before, *out + classes);
    }
  }
  return status;
}

static const char *class_name(const struct diva_check_run *run, int64_t number,
                              char scratch[DIVA_ID_SCRATCH_SIZE]) {
  return diva_check_class_name(&run->after, &run->before, &run->match, number, scratch);
}

/* What became of a class, NULL: nothing. */
static const char *class_change(const struct diva_check_run *run, int64_t now, int64_t then) {
  if (!run->has_baseline) {
    return now == 0 ? "has no row" : NULL;
  }
  if (now == 0 && then > 0) {
    return "left";
  }
  return now > 0 && then == 0 ? "appeared" : NULL;
}

/* Each class that changed is a finding of value 1; all together are that of the whole. */
static enum diva_status find_changes(struct diva_check_run *run, const int64_t *counts,
                                     int64_t *changed, struct diva_error *error) {
  const int64_t classes = run->match.class_count;
  enum diva_status status = DIVA_OK;
  for (int64_t c = 0; c < classes && status == DIVA_OK; c++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    const char *change = class_change(run, counts[c], counts[classes + c]);
    struct diva_check_finding finding = diva_check_finding_none();
    if (!change) {
      continue;
    }
    finding.subject = class_name(run, c, scratch);
    finding.value = 1.0;
    finding.after = (double)counts[c];
    finding.before = run->has_baseline ? (double)counts[classes + c] : (double)NAN;
    *changed += !diva_policy_waiver(&run->options->policy, DIVA_RULE_CLASSES, NULL, finding.subject,
                                    run->options->today);
    status = diva_check_find(run->findings, DIVA_RULE_CLASSES, &finding, error,
                             "class '%s' %s: %lld rows, were %lld", finding.subject, change,
                             (long long)counts[c], (long long)counts[classes + c]);
  }
  return status;
}

enum diva_status diva_check_classes(struct diva_check_run *run, struct diva_error *error) {
  int64_t *counts = NULL;
  int64_t changed = 0;
  int64_t present = 0;
  if (!has_classes(run)) {
    return skip_targets(run, DIVA_RULE_CLASSES, error);
  }
  enum diva_status status = count_both(run, &counts, error);
  if (status == DIVA_OK) {
    status = find_changes(run, counts, &changed, error);
  }
  for (int64_t c = 0; c < run->match.class_count && status == DIVA_OK; c++) {
    present += counts[c] > 0;
  }
  free(counts);
  struct diva_check_finding finding = diva_check_finding_none();
  finding.value = (double)changed;
  finding.after = (double)present;
  return status == DIVA_OK
             ? diva_check_find(run->findings, DIVA_RULE_CLASSES, &finding, error,
                               run->has_baseline ? "%lld classes have rows; %lld appeared or left"
                                                 : "%lld classes have rows; %lld have none",
                               (long long)present, (long long)changed)
             : status;
}

/*
 * |p - q| / 2 summed over classes, less what chance can give: were the shares the same, each
 * difference would be normal with its standard error s, |difference| would have the mean
 * sqrt(2 / pi) s and the variance (1 - 2 / pi) s^2.
 */
static struct diva_check_finding weigh_distance(const struct diva_mean_change *changes,
                                                int64_t classes, double z) {
  const double share = 2.0 / acos(-1.0);
  struct diva_check_finding finding = diva_check_finding_none();
  double distance = 0.0;
  double expected = 0.0;
  double variance = 0.0;
  for (int64_t c = 0; c < classes; c++) {
    distance += 0.5 * fabs(changes[c].difference);
    expected += 0.5 * sqrt(share) * changes[c].error;
    variance += 0.25 * (1.0 - share) * changes[c].error * changes[c].error;
  }
  finding.before = 0.0;
  finding.after = distance;
  finding.low = fmax(0.0, distance - expected - z * sqrt(variance));
  finding.high = fmin(1.0, distance + z * sqrt(variance));
  finding.value = finding.low;
  return finding;
}

/* Labelled rows of a class: of each version, and of the rows that are labelled in both those of the
 * class in both, in this version only, in the baseline only. */
struct class_rows {
  int64_t after, before, both, only_after, only_before;
};

static void count_draws(const struct diva_check_run *run, struct class_rows *of,
                        struct class_rows *all) {
  for (int64_t i = 0; i < run->after.rows; i++) {
    const int64_t j = run->match.before_of[i];
    const int32_t now = run->after.classes[i];
    const int32_t then = j >= 0 ? run->before.classes[j] : -1;
    if (now >= 0) {
      of[now].after++;
      all->after++;
    }
    if (now >= 0 && then >= 0) {
      all->both++;
      of[now].both += now == then;
      of[now].only_after += now != then;
      of[then].only_before += now != then;
    }
  }
  for (int64_t j = 0; j < run->before.rows; j++) {
    if (run->before.classes[j] >= 0) {
      of[run->before.classes[j]].before++;
      all->before++;
    }
  }
}

static double squared(int64_t rows, double value) {
  return (double)rows * value * value;
}

/* diva_mean_changes() of the share of a class, from counts. */
static struct diva_mean_change share_change(const struct class_rows *of,
                                            const struct class_rows *all) {
  const double n = (double)all->after;
  const double m = (double)all->before;
  const double p = (double)of->after / n;
  const double q = (double)of->before / m;
  const int64_t neither = all->both - of->both - of->only_after - of->only_before;
  const int64_t added = of->after - of->both - of->only_after;
  const int64_t removed = of->before - of->both - of->only_before;
  const double variance =
      squared(of->both, (1.0 - p) / n - (1.0 - q) / m) +
      squared(of->only_after, (1.0 - p) / n + q / m) +
      squared(of->only_before, p / n + (1.0 - q) / m) + squared(neither, q / m - p / n) +
      squared(added, (1.0 - p) / n) + squared(all->after - all->both - added, p / n) +
      squared(removed, (1.0 - q) / m) + squared(all->before - all->both - removed, q / m);
  return (struct diva_mean_change){.rows_after = all->after,
                                   .rows_before = all->before,
                                   .after = p,
                                   .before = q,
                                   .difference = p - q,
                                   .error = sqrt(variance)};
}

static enum diva_status share_changes(const struct diva_check_run *run,
                                      struct diva_mean_change *changes, struct diva_error *error) {
  struct class_rows *of = NULL;
  struct class_rows all = {0};
  const enum diva_status status =
      diva_allocate(run->match.class_count, sizeof *of, "class shares", (void **)&of, error);
  if (status == DIVA_OK) {
    count_draws(run, of, &all);
  }
  for (int64_t c = 0; c < run->match.class_count && status == DIVA_OK; c++) {
    changes[c] = share_change(&of[c], &all);
  }
  free(of);
  return status;
}

static enum diva_status compare_balance(struct diva_check_run *run, struct diva_error *error) {
  const int64_t classes = run->match.class_count;
  struct diva_mean_change *changes = NULL;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  enum diva_status status =
      diva_allocate(classes, sizeof *changes, "class shares", (void **)&changes, error);
  if (status == DIVA_OK) {
    status = share_changes(run, changes, error);
  }
  if (status == DIVA_OK) {
    const struct diva_check_finding finding =
        weigh_distance(changes, classes, diva_check_width(run, 1));
    int64_t most = 0;
    for (int64_t c = 1; c < classes; c++) {
      most = fabs(changes[c].difference) > fabs(changes[most].difference) ? c : most;
    }
    status = diva_check_find(
        run->findings, DIVA_RULE_CLASS_BALANCE, &finding, error,
        "class shares moved by %.2f %% in all, %.2f %% beyond chance; most '%s': %.2f %%, was "
        "%.2f %%",
        100.0 * finding.after, 100.0 * finding.value, class_name(run, most, scratch),
        100.0 * changes[most].after, 100.0 * changes[most].before);
  }
  free(changes);
  return status;
}

static enum diva_status describe_balance(struct diva_check_run *run, struct diva_error *error) {
  const int64_t classes = run->match.class_count;
  struct diva_check_finding finding = diva_check_finding_none();
  char scratch[DIVA_ID_SCRATCH_SIZE];
  int64_t *counts = NULL;
  int64_t rows = 0;
  int64_t least = 0;
  const enum diva_status status = count_both(run, &counts, error);
  for (int64_t c = 0; c < classes && status == DIVA_OK; c++) {
    rows += counts[c];
    least = counts[c] < counts[least] ? c : least;
  }
  if (status != DIVA_OK || rows == 0) {
    free(counts);
    return status;
  }
  const int64_t fewest = counts[least];
  free(counts);
  finding.value = 1.0 - (double)fewest * (double)classes / (double)rows;
  return diva_check_find(run->findings, DIVA_RULE_CLASS_BALANCE, &finding, error,
                         "the smallest class, '%s', has %lld of %lld rows; uniform would be %.1f",
                         class_name(run, least, scratch), (long long)fewest, (long long)rows,
                         (double)rows / (double)classes);
}

enum diva_status diva_check_class_balance(struct diva_check_run *run, struct diva_error *error) {
  if (!has_classes(run)) {
    return skip_targets(run, DIVA_RULE_CLASS_BALANCE, error);
  }
  return run->has_baseline ? compare_balance(run, error) : describe_balance(run, error);
}

/* 1 for rows without a label, 0 for others. */
static enum diva_status mark_unlabelled(const struct diva_check_version *version, double **out,
                                        struct diva_error *error) {
  const enum diva_status status =
      diva_allocate(version->rows, sizeof **out, "labels", (void **)out, error);
  for (int64_t i = 0; i < version->rows && status == DIVA_OK; i++) {
    (*out)[i] = (double)(version->labels[i] < 0);
  }
  return status;
}

/* Rows that lost their label or came without one; without a baseline none is named. */
static enum diva_status name_unlabelled(struct diva_check_run *run, double *marks,
                                        struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
    const int64_t j = run->match.before_of[i];
    if (marks[i] == 0.0 || (j >= 0 && run->before.labels[j] < 0)) {
      continue;
    }
    if (diva_check_waives(run->findings, DIVA_RULE_UNLABELLED, row.id)) {
      marks[i] = (double)NAN;
      continue;
    }
    status = diva_check_name(run->findings, DIVA_RULE_UNLABELLED, &row, error,
                             j >= 0 ? "lost its label" : "added without a label");
  }
  return status;
}

static enum diva_status compare_unlabelled(struct diva_check_run *run, double *after,
                                           struct diva_error *error) {
  struct diva_mean_change change;
  char words[DIVA_CHECK_WORDS];
  double *before = NULL;
  enum diva_status status = mark_unlabelled(&run->before, &before, error);
  if (status == DIVA_OK) {
    status = name_unlabelled(run, after, error);
  }
  const struct diva_mean_change_request request = diva_check_shares(run, after, before);
  if (status == DIVA_OK) {
    status = diva_mean_changes(&request, &change, error);
  }
  free(before);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_check_finding finding = diva_check_change(&change, diva_check_width(run, 1));
  diva_check_change_words(&finding, words);
  return diva_check_find(run->findings, DIVA_RULE_UNLABELLED, &finding, error,
                         "rows without a label: %s", words);
}

enum diva_status diva_check_unlabelled(struct diva_check_run *run, struct diva_error *error) {
  struct diva_check_finding finding = diva_check_finding_none();
  double *marks = NULL;
  double unlabelled = 0.0;
  if (!has_classes(run)) {
    return skip_targets(run, DIVA_RULE_UNLABELLED, error);
  }
  enum diva_status status = mark_unlabelled(&run->after, &marks, error);
  if (status == DIVA_OK && run->has_baseline) {
    status = compare_unlabelled(run, marks, error);
  } else if (status == DIVA_OK) {
    for (int64_t i = 0; i < run->after.rows; i++) {
      unlabelled += marks[i];
    }
    finding.value = finding.after = unlabelled / (double)run->after.rows;
    status = diva_check_find(run->findings, DIVA_RULE_UNLABELLED, &finding, error,
                             "%.0f of %lld rows have no label (%.2f %%)", unlabelled,
                             (long long)run->after.rows, 100.0 * finding.value);
  }
  free(marks);
  return status;
}

enum diva_status diva_check_weights(struct diva_check_run *run, struct diva_error *error) {
  struct diva_check_finding finding = diva_check_finding_none();
  const double *weights = run->after.weights;
  double sum = 0.0;
  double squares = 0.0;
  double rows = 0.0;
  for (int64_t i = 0; i < run->after.rows; i++) {
    const double weight = weights ? weights[i] : 1.0;
    if (weight > 0.0 && (!run->after.labels || run->after.labels[i] >= 0)) {
      sum += weight;
      squares += weight * weight;
      rows += 1.0;
    }
  }
  if (rows == 0.0) {
    return diva_check_skip(run->findings, DIVA_RULE_WEIGHTS, error,
                           "no labelled row has a positive weight");
  }
  const double effective = sum * sum / squares;
  finding.after = effective;
  finding.value = fmax(0.0, 1.0 - effective / rows);
  return diva_check_find(run->findings, DIVA_RULE_WEIGHTS, &finding, error,
                         weights ? "%.0f rows of positive weight are worth %.1f of equal weight"
                                 : "%.0f rows, all of weight 1 (%.0f effective)",
                         rows, effective);
}
