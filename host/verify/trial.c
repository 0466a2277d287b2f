/* Which rows a verification trains on, before and after, and which it tests on in which fold. */
#include "trial.h"
#include "host/core/core.h"
#include "host/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one dataset row is to the trial. */
struct part {
  int32_t label[DIVA_TRIAL_SIDES];
  double weight[DIVA_TRIAL_SIDES];
  bool tested;
};

static bool is_trained(const struct part *part, int side) {
  return part->weight[side] > 0.0;
}

static struct part part_of(const struct diva_trial_plan *plan, int64_t row) {
  const double *weights = diva_dataset_weights(plan->dataset);
  const struct diva_changed_rows *changed = plan->changed;
  const uint8_t *trusted = plan->options->trusted;
  const int32_t given = diva_dataset_labels(plan->dataset)[row];
  const int32_t label = changed->labels ? changed->labels[row] : given;
  struct part part = {.label = {given, label}};
  part.weight[DIVA_TRIAL_BEFORE] = given >= 0 ? (weights ? weights[row] : 1.0) : 0.0;
  part.weight[DIVA_TRIAL_AFTER] = label >= 0 ? changed->weights[row] : 0.0;
  const double *importance = plan->options->importance;
  part.tested = plan->by_folds && given >= 0 && (!importance || importance[row] > 0.0) &&
                (trusted ? trusted[row] != 0 : is_trained(&part, DIVA_TRIAL_BEFORE));
  return part;
}

static bool takes_part(const struct part *part) {
  return part->tested || is_trained(part, DIVA_TRIAL_BEFORE) || is_trained(part, DIVA_TRIAL_AFTER);
}

static enum diva_status refuse_class(const struct diva_dataset *dataset, int64_t emptied,
                                     struct diva_error *error) {
  const char *name = diva_dataset_class_name(dataset, emptied);
  if (name) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "class '%s' has no training row left", name);
  }
  return diva_error_set(error, DIVA_ERROR_INPUT, "class %lld has no training row left",
                        (long long)emptied);
}

static enum diva_status check_changed(const struct diva_changed_rows *changed,
                                      const struct diva_dataset_info *info,
                                      struct diva_error *error) {
  for (int64_t i = 0; i < info->rows; i++) {
    if (!(changed->weights[i] >= 0.0) || !isfinite(changed->weights[i])) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "weight %g of row %lld after the change is not a finite number >= 0",
                            changed->weights[i], (long long)i);
    }
    if (changed->labels && (changed->labels[i] < -1 || changed->labels[i] >= info->outputs)) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "label %d of row %lld after the change is not -1 .. %lld",
                            changed->labels[i], (long long)i, (long long)info->outputs - 1);
    }
  }
  return DIVA_OK;
}

/* Counts what takes part, and refuses a change after which a class cannot be learned. */
static enum diva_status survey(const struct diva_trial_plan *plan, struct diva_trial *trial,
                               int64_t *taking_part, struct diva_error *error) {
  struct diva_dataset_info info;
  int64_t *rows[DIVA_TRIAL_SIDES] = {NULL, NULL};
  diva_dataset_describe(plan->dataset, &info);
  enum diva_status status = check_changed(plan->changed, &info, error);
  for (int side = 0; side < DIVA_TRIAL_SIDES && status == DIVA_OK; side++) {
    status = diva_allocate(info.outputs, sizeof *rows[side], "rows by class", (void **)&rows[side],
                           error);
  }
  *taking_part = 0;
  for (int64_t i = 0; i < info.rows && status == DIVA_OK; i++) {
    const struct part part = part_of(plan, i);
    *taking_part += takes_part(&part);
    for (int side = 0; side < DIVA_TRIAL_SIDES; side++) {
      if (is_trained(&part, side)) {
        rows[side][part.label[side]]++;
        trial->training_rows[side]++;
      }
    }
  }
  for (int64_t c = 0; c < info.outputs && status == DIVA_OK; c++) {
    if (rows[DIVA_TRIAL_BEFORE][c] && !rows[DIVA_TRIAL_AFTER][c]) {
      status = refuse_class(plan->dataset, c, error);
    }
  }
  free(rows[DIVA_TRIAL_BEFORE]);
  free(rows[DIVA_TRIAL_AFTER]);
  return status;
}

static enum diva_status allocate_trial(struct diva_trial *trial, struct diva_error *error) {
  const char *what = "the rows of the verification";
  const struct {
    void **array;
    size_t size;
  } arrays[] = {
      {(void **)&trial->row, sizeof *trial->row},
      {(void **)&trial->label[DIVA_TRIAL_BEFORE], sizeof(int32_t)},
      {(void **)&trial->label[DIVA_TRIAL_AFTER], sizeof(int32_t)},
      {(void **)&trial->weight[DIVA_TRIAL_BEFORE], sizeof(double)},
      {(void **)&trial->weight[DIVA_TRIAL_AFTER], sizeof(double)},
      {(void **)&trial->tested, sizeof *trial->tested},
      {(void **)&trial->fold, sizeof *trial->fold},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == DIVA_OK; i++) {
    status = diva_allocate(trial->count, (int64_t)arrays[i].size, what, arrays[i].array, error);
  }
  return status;
}

static void take_row(struct diva_trial *trial, int64_t at, int64_t row, const struct part *part) {
  trial->row[at] = row;
  for (int side = 0; side < DIVA_TRIAL_SIDES; side++) {
    trial->label[side][at] = part->label[side];
    trial->weight[side][at] = part->weight[side];
  }
  trial->tested[at] = part->tested;
}

static void take_rows(const struct diva_trial_plan *plan, struct diva_random *random,
                      int64_t taking_part, struct diva_trial *trial) {
  int64_t missing = trial->count;
  int64_t taken = 0;
  for (int64_t i = 0; taken < trial->count; i++) {
    const struct part part = part_of(plan, i);
    if (takes_part(&part) &&
        (!trial->sampled || diva_random_selects(random, &taking_part, &missing))) {
      take_row(trial, taken++, i, &part);
    }
  }
}

/* Deals the rows out class by class in shuffled order, `order` being a permutation of them; a group
 * goes where its first row went. Unlabelled rows are a class of their own. */
static void deal_folds(const struct diva_trial_plan *plan, const int64_t *order, int64_t *start,
                       int32_t *group_fold, struct diva_trial *trial) {
  const int32_t *given = trial->label[DIVA_TRIAL_BEFORE];
  const int32_t *groups = plan->options->groups;
  for (int64_t i = 0; i < trial->count; i++) {
    const int64_t at = order[i];
    const int64_t position = start[given[at] + 1]++;
    const int32_t fold = (int32_t)(position % plan->options->folds);
    const int32_t group = groups ? groups[trial->row[at]] : -1;
    if (group >= 0 && !group_fold[group]) {
      group_fold[group] = fold + 1;
    }
    trial->fold[at] = group >= 0 ? group_fold[group] - 1 : fold;
  }
}

static int64_t count_groups(const struct diva_trial_plan *plan, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; plan->options->groups && i < rows; i++) {
    const int64_t group = plan->options->groups[i];
    count = group >= count ? group + 1 : count;
  }
  return count;
}

static enum diva_status choose_folds(const struct diva_trial_plan *plan, struct diva_random *random,
                                     struct diva_trial *trial, struct diva_error *error) {
  const char *what = "the folds";
  struct diva_dataset_info info;
  int64_t *order = NULL;
  int64_t *start = NULL;
  int32_t *group_fold = NULL;
  diva_dataset_describe(plan->dataset, &info);
  enum diva_status status =
      diva_allocate(trial->count, sizeof *order, what, (void **)&order, error);
  if (status == DIVA_OK) {
    status = diva_allocate(info.outputs + 2, sizeof *start, what, (void **)&start, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(count_groups(plan, info.rows), sizeof *group_fold, what,
                           (void **)&group_fold, error);
  }
  if (status == DIVA_OK) {
    for (int64_t i = 0; i < trial->count; i++) {
      order[i] = i;
      start[trial->label[DIVA_TRIAL_BEFORE][i] + 2]++;
    }
    for (int64_t c = 0; c <= info.outputs; c++) {
      start[c + 1] += start[c];
    }
    diva_random_shuffle(random, order, trial->count);
    deal_folds(plan, order, start, group_fold, trial);
  }
  free(group_fold);
  free(start);
  free(order);
  return status;
}

static enum diva_status check_enough(const struct diva_trial_plan *plan,
                                     const struct diva_trial *trial, struct diva_error *error) {
  int64_t tested = 0;
  for (int64_t i = 0; i < trial->count; i++) {
    tested += trial->tested[i];
  }
  if (plan->by_folds && !tested) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no row to test on: %s",
                          plan->options->trusted ? "no trusted row has a label"
                                                 : "no row has a label and a weight above 0");
  }
  for (int side = 0; side < DIVA_TRIAL_SIDES; side++) {
    if (trial->training_rows[side] < plan->options->folds) {
      return diva_error_set(error, DIVA_ERROR_INPUT, "%lld training row%s are too few for %d folds",
                            (long long)trial->training_rows[side],
                            diva_plural(trial->training_rows[side]), plan->options->folds);
    }
  }
  return DIVA_OK;
}

enum diva_status diva_trial_create(const struct diva_trial_plan *plan, struct diva_trial *out,
                                   struct diva_error *error) {
  struct diva_random random = {plan->options->seed};
  int64_t taking_part;
  *out = (struct diva_trial){0};
  enum diva_status status = survey(plan, out, &taking_part, error);
  if (status == DIVA_OK) {
    out->sampled = taking_part > plan->most_rows;
    out->count = out->sampled ? plan->most_rows : taking_part;
    status = allocate_trial(out, error);
  }
  if (status == DIVA_OK) {
    take_rows(plan, &random, taking_part, out);
    status = check_enough(plan, out, error);
  }
  return status == DIVA_OK ? choose_folds(plan, &random, out, error) : status;
}

void diva_trial_free(struct diva_trial *trial) {
  free(trial->row);
  for (int side = 0; side < DIVA_TRIAL_SIDES; side++) {
    free(trial->label[side]);
    free(trial->weight[side]);
  }
  free(trial->tested);
  free(trial->fold);
  *trial = (struct diva_trial){0};
}
