/* What if the training set were changed so: solved before and after. */
#include "what_if_score.h"

#include "host/core/core.h"
#include "host/dataset/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct diva_what_if {
  struct diva_what_if_summary summary;
  struct diva_what_if_columns columns;
  struct diva_what_if_figures *classes;
  struct diva_analysis *analyses[2]; /* before and after; the columns are theirs */
  double *change;
  int32_t *labels;
};

/* The two solutions in the making. Arrays are of the training rows, then the validation rows. */
struct question {
  struct diva_dataset *train, *validation;
  struct diva_dataset_info info; /* of train */
  int64_t rows;                  /* of both sets */
  const int32_t *labels[2];      /* before, after; NULL for targets */
  double *weights[2];            /* owned; 0 for validation rows: they are predicted */
  int32_t *groups;               /* owned; NULL: none */
  int64_t *relabelled;           /* owned, ascending */
  int64_t relabelled_rows;
  double *scores;        /* owned: relabelled rows x outputs, of the run at hand */
  double *other_loss[2]; /* owned: of relabelled rows */
};

static enum diva_status check_row(const struct question *question,
                                  const struct diva_changed_rows *changed, int64_t i,
                                  struct diva_error *error) {
  if (!isfinite(changed->weights[i]) || changed->weights[i] < 0.0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "changed weight of row %lld is %g; weights must be finite and not "
                          "negative",
                          (long long)i, changed->weights[i]);
  }
  if (changed->labels &&
      (changed->labels[i] < -1 || changed->labels[i] >= question->info.outputs)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "changed label of row %lld is %d; there are %lld classes", (long long)i,
                          changed->labels[i], (long long)question->info.outputs);
  }
  return DIVA_OK;
}

/* What the change leaves to train on must still be a problem. */
static enum diva_status check_left(const struct question *question,
                                   const struct diva_changed_rows *changed,
                                   struct diva_error *error) {
  const int32_t *labels = question->labels[1];
  int64_t left = 0;
  int32_t first = -1;
  bool classes = !labels;
  for (int64_t i = 0; i < question->info.rows; i++) {
    if (changed->weights[i] > 0.0 && (!labels || labels[i] >= 0)) {
      classes = classes || (left > 0 && labels[i] != first);
      first = left++ == 0 && labels ? labels[i] : first;
    }
  }
  if (left < 2) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the change leaves %lld row%s to train on; at least 2 are needed",
                          (long long)left, diva_plural(left));
  }
  if (!classes) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the change leaves rows of class %d alone to train on; two classes are "
                          "needed",
                          first);
  }
  return DIVA_OK;
}

static enum diva_status check(const struct question *question,
                              const struct diva_changed_rows *changed,
                              const struct diva_analysis_options *options,
                              struct diva_error *error) {
  struct diva_plan plan;
  enum diva_status status = DIVA_OK;
  if (changed->labels && !question->labels[0]) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset of targets has no labels to be changed");
  }
  for (int64_t i = 0; i < question->info.rows && status == DIVA_OK; i++) {
    status = check_row(question, changed, i, error);
  }
  if (status == DIVA_OK) {
    status = check_left(question, changed, error);
  }
  /* The runs see no validation set, so that whether it fits is asked here. */
  return status == DIVA_OK && question->validation
             ? diva_analysis_plan(question->train, question->validation, options, &plan, error)
             : status;
}

static enum diva_status fill_weights(struct question *question, const double *given,
                                     const double *changed, struct diva_error *error) {
  const double *sources[] = {given, changed};
  enum diva_status status = DIVA_OK;
  for (int s = 0; s < 2 && status == DIVA_OK; s++) {
    status = diva_allocate(question->rows, sizeof **question->weights, "weights",
                           (void **)&question->weights[s], error);
    for (int64_t i = 0; i < question->info.rows && status == DIVA_OK; i++) {
      question->weights[s][i] = sources[s] ? sources[s][i] : 1.0;
    }
  }
  return status;
}

/* Validation rows stand alone. */
static enum diva_status fill_groups(struct question *question, const int32_t *groups,
                                    struct diva_error *error) {
  if (!groups) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_allocate(question->rows, sizeof *question->groups, "groups",
                                                (void **)&question->groups, error);
  for (int64_t i = 0; i < question->rows && status == DIVA_OK; i++) {
    question->groups[i] = i < question->info.rows ? groups[i] : -1;
  }
  return status;
}

static bool is_relabelled(const struct question *question, int64_t i) {
  const int32_t *before = question->labels[0];
  const int32_t *after = question->labels[1];
  return before && before[i] != after[i] && before[i] >= 0 && after[i] >= 0;
}

static enum diva_status find_relabelled(struct question *question, struct diva_error *error) {
  for (int64_t i = 0; i < question->info.rows; i++) {
    question->relabelled_rows += is_relabelled(question, i);
  }
  const int64_t count = question->relabelled_rows;
  enum diva_status status = diva_allocate(count, sizeof *question->relabelled, "relabelled rows",
                                          (void **)&question->relabelled, error);
  if (status == DIVA_OK) {
    status = diva_allocate(count * question->info.outputs, sizeof *question->scores,
                           "scores of the relabelled rows", (void **)&question->scores, error);
  }
  for (int s = 0; s < 2 && status == DIVA_OK; s++) {
    status = diva_allocate(count, sizeof **question->other_loss, "losses of the relabelled rows",
                           (void **)&question->other_loss[s], error);
  }
  int64_t at = 0;
  for (int64_t i = 0; i < question->info.rows && status == DIVA_OK; i++) {
    if (is_relabelled(question, i)) {
      question->relabelled[at++] = i;
    }
  }
  return status;
}

static enum diva_status prepare(struct question *question, const struct diva_changed_rows *changed,
                                const struct diva_analysis_options *options,
                                struct diva_error *error) {
  const double *given = options->weights ? options->weights : diva_dataset_weights(question->train);
  enum diva_status status = fill_weights(question, given, changed->weights, error);
  if (status == DIVA_OK) {
    status = fill_groups(question, options->groups, error);
  }
  return status == DIVA_OK ? find_relabelled(question, error) : status;
}

/* Keeps the scores of the relabelled rows, so that the other labels can judge them, too. */
static enum diva_status take_scores(void *context, int64_t first_row, int64_t rows,
                                    const double *scores, struct diva_error *error) {
  struct question *question = context;
  const int64_t k = question->info.outputs;
  (void)error;
  for (int64_t at = 0; at < question->relabelled_rows; at++) {
    const int64_t i = question->relabelled[at] - first_row;
    if (i >= 0 && i < rows) {
      memcpy(question->scores + at * k, scores + i * k, (size_t)k * sizeof *scores);
    }
  }
  return DIVA_OK;
}

static void judge_by_other(struct question *question, int side,
                           const struct diva_summary *summary) {
  const int32_t *other = question->labels[1 - side];
  const int64_t k = question->info.outputs;
  for (int64_t at = 0; at < question->relabelled_rows; at++) {
    question->other_loss[side][at] =
        diva_what_if_loss(question->scores + at * k, k, other[question->relabelled[at]],
                          summary->loss, summary->temperature);
  }
}

static enum diva_status solve(struct question *question, int side,
                              const struct diva_analysis_options *options,
                              struct diva_analysis **out, struct diva_summary *summary,
                              struct diva_error *error) {
  struct diva_analysis_options mine = *options;
  struct diva_dataset *view = NULL;
  mine.derivative = false;
  mine.sums = NULL;
  mine.weights = question->weights[side];
  mine.groups = question->groups;
  mine.scores = question->relabelled_rows ? take_scores : NULL;
  mine.scores_context = question;
  enum diva_status status =
      diva_view_open(question->train, question->validation, question->labels[side], &view, error);
  if (status == DIVA_OK) {
    status = diva_analysis_run(view, NULL, &mine, out, error);
  }
  diva_dataset_close(view);
  if (status == DIVA_OK) {
    diva_analysis_summary(*out, summary);
    summary->rows = question->info.rows;
    judge_by_other(question, side, summary);
  }
  return status;
}

/* What the set as given has settled holds for the set as changed, too. */
static struct diva_analysis_options hold(const struct diva_analysis_options *options,
                                         const struct diva_summary *before) {
  struct diva_analysis_options held = *options;
  held.lambda = before->lambda;
  if (!isnan(before->temperature)) {
    held.temperature = before->temperature;
  }
  if (before->kernel == DIVA_KERNEL_RBF) {
    held.rbf_features = before->rbf_features;
    held.rbf_bandwidth = before->rbf_bandwidth;
  }
  if (before->precision == DIVA_PRECISION_FLOAT64) {
    held.precision = DIVA_PRECISION_FLOAT64;
  }
  return held;
}

static void count_changes(const struct question *question, struct diva_what_if *what_if) {
  const struct diva_what_if_columns *columns = &what_if->columns;
  struct diva_what_if_summary *summary = &what_if->summary;
  for (int64_t i = 0; i < columns->rows; i++) {
    const double before = columns->weight_before[i];
    const double after = columns->weight_after[i];
    const bool both = before > 0.0 && after > 0.0;
    summary->dropped += before > 0.0 && !(after > 0.0);
    summary->added += after > 0.0 && !(before > 0.0);
    summary->reweighted += both && after != before;
    summary->relabelled += both && is_relabelled(question, i);
  }
}

static enum diva_status fill_columns(const struct question *question, struct diva_what_if *what_if,
                                     struct diva_error *error) {
  const int64_t rows = question->info.rows;
  const int32_t *labels = question->labels[1];
  struct diva_columns before, after;
  diva_analysis_columns(what_if->analyses[0], &before);
  diva_analysis_columns(what_if->analyses[1], &after);
  enum diva_status status = diva_allocate(rows, sizeof *what_if->change, "changes of the loss",
                                          (void **)&what_if->change, error);
  if (status == DIVA_OK && labels) {
    status = diva_allocate(rows, sizeof *what_if->labels, "changed labels",
                           (void **)&what_if->labels, error);
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    what_if->change[i] = after.loo_loss[i] - before.loo_loss[i];
    if (labels) {
      what_if->labels[i] = labels[i];
    }
  }
  what_if->columns = (struct diva_what_if_columns){.rows = rows,
                                                   .weight_before = before.weight,
                                                   .weight_after = after.weight,
                                                   .label_after = what_if->labels,
                                                   .loo_loss_before = before.loo_loss,
                                                   .loo_loss_after = after.loo_loss,
                                                   .loo_loss_change = what_if->change,
                                                   .prediction_before = before.suggested_label,
                                                   .prediction_after = after.suggested_label};
  return status;
}

static struct diva_what_if_side make_side(const struct question *question,
                                          const struct diva_analysis *analysis, int side) {
  struct diva_columns columns;
  diva_analysis_columns(analysis, &columns);
  return (struct diva_what_if_side){.weight = columns.weight,
                                    .loss = columns.loo_loss,
                                    .prediction = columns.suggested_label,
                                    .labels = question->labels[side],
                                    .other_loss = question->other_loss[side]};
}

static enum diva_status compare(const struct question *question, struct diva_what_if *what_if,
                                struct diva_error *error) {
  struct diva_what_if_summary *summary = &what_if->summary;
  struct diva_what_if_sides sides = {
      .before = make_side(question, what_if->analyses[0], 0),
      .after = make_side(question, what_if->analyses[1], 1),
      .rows = question->info.rows,
      .validation_rows = question->rows - question->info.rows,
      .validation_labels = question->validation ? diva_dataset_labels(question->validation) : NULL,
      .relabelled = question->relabelled,
      .relabelled_rows = question->relabelled_rows,
      .outputs = question->info.outputs};
  enum diva_status status = fill_columns(question, what_if, error);
  if (status == DIVA_OK && question->labels[0]) {
    status = diva_allocate(sides.outputs, sizeof *what_if->classes, "figures of the classes",
                           (void **)&what_if->classes, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  diva_what_if_score(&sides, &summary->all, what_if->classes);
  summary->classes = what_if->classes;
  summary->before.validation = summary->all.test[DIVA_WHAT_IF_VALIDATION].before;
  summary->after.validation = summary->all.test[DIVA_WHAT_IF_VALIDATION].after;
  count_changes(question, what_if);
  return DIVA_OK;
}

static enum diva_status answer(struct question *question, const struct diva_changed_rows *changed,
                               const struct diva_analysis_options *options,
                               struct diva_what_if *what_if, struct diva_error *error) {
  struct diva_what_if_summary *summary = &what_if->summary;
  enum diva_status status = check(question, changed, options, error);
  if (status == DIVA_OK) {
    status = prepare(question, changed, options, error);
  }
  if (status == DIVA_OK) {
    status = solve(question, 0, options, &what_if->analyses[0], &summary->before, error);
  }
  if (status == DIVA_OK) {
    const struct diva_analysis_options held = hold(options, &summary->before);
    status = solve(question, 1, &held, &what_if->analyses[1], &summary->after, error);
  }
  return status == DIVA_OK ? compare(question, what_if, error) : status;
}

enum diva_status diva_what_if(struct diva_dataset *train, struct diva_dataset *validation,
                              const struct diva_changed_rows *changed,
                              const struct diva_analysis_options *options,
                              struct diva_what_if **out, struct diva_error *error) {
  struct question question = {.train = train, .validation = validation};
  struct diva_dataset_info held = {0};
  *out = NULL;
  diva_dataset_describe(train, &question.info);
  if (validation) {
    diva_dataset_describe(validation, &held);
  }
  question.rows = question.info.rows + held.rows;
  question.labels[0] = diva_dataset_labels(train);
  question.labels[1] = changed->labels ? changed->labels : question.labels[0];
  enum diva_status status = diva_allocate(1, sizeof **out, "an answer", (void **)out, error);
  if (status == DIVA_OK) {
    status = answer(&question, changed, options, *out, error);
  }
  if (status != DIVA_OK) {
    diva_what_if_destroy(*out);
    *out = NULL;
  }
  free(question.groups);
  free(question.relabelled);
  free(question.scores);
  for (int s = 0; s < 2; s++) {
    free(question.weights[s]);
    free(question.other_loss[s]);
  }
  return status;
}

void diva_what_if_summary(const struct diva_what_if *what_if, struct diva_what_if_summary *out) {
  *out = what_if->summary;
}

void diva_what_if_columns(const struct diva_what_if *what_if, struct diva_what_if_columns *out) {
  *out = what_if->columns;
}

void diva_what_if_destroy(struct diva_what_if *what_if) {
  if (what_if) {
    diva_analysis_destroy(what_if->analyses[0]);
    diva_analysis_destroy(what_if->analyses[1]);
    free(what_if->classes);
    free(what_if->change);
    free(what_if->labels);
    free(what_if);
  }
}
