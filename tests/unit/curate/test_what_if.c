/* What-if against refits from scratch: rows really removed, relabelled and weighted, the model
 * fitted anew for every row left out. */
#include "tests/unit/engine/problem.h"

#include <diva/what_if.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is changed, in bits. */
enum { DROP = 1, DROP_GROUP = 2, RELABEL = 4, WEIGH = 8, CHANGES = 16 };

enum { GROUPS = 5 };

struct change {
  double *weights;
  int32_t *labels; /* NULL for targets */
};

static double given_weight(const struct brute_problem *problem, int64_t i) {
  return problem->weights ? problem->weights[i] : 1.0;
}

static bool is_trained(const int32_t *labels, const double *weights, int64_t i) {
  return (!labels || labels[i] >= 0) && weights[i] > 0.0;
}

static struct change make_change(const struct brute_problem *problem, int what) {
  const int64_t n = problem->train.rows;
  struct change change = {.weights = reference_allocate(n, sizeof *change.weights)};
  const int32_t *labels = problem->train.labels;
  if (labels) {
    change.labels = reference_allocate(n, sizeof *change.labels);
  }
  for (int64_t i = 0; i < n; i++) {
    change.weights[i] = given_weight(problem, i);
    if (labels) {
      const bool moves = (what & RELABEL) && i % 5 == 3 && labels[i] >= 0;
      change.labels[i] = moves ? (labels[i] + 1) % (int32_t)problem->outputs : labels[i];
      if ((what & RELABEL) && labels[i] < 0) {
        change.labels[i] = i % 2 ? 1 : -1; /* some of the unlabelled rows get a label */
      }
    }
    if (((what & DROP) && i % 6 == 4) || ((what & DROP_GROUP) && i % GROUPS == 1)) {
      change.weights[i] = 0.0;
    }
    if ((what & WEIGH) && i % 3 == 0) {
      change.weights[i] = given_weight(problem, i) > 0.0 ? 2.0 * change.weights[i] : 1.5;
    }
  }
  return change;
}

static void change_free(struct change *change) {
  free(change->weights);
  free(change->labels);
}

/* The changed set as someone would make it by hand: dropped rows are not there. */
struct made {
  struct brute_problem problem;
  int32_t *groups;
  int64_t *from; /* row of the whole set */
};

static void *copy_rows(const void *source, const int64_t *from, int64_t count, size_t size) {
  char *out = source ? reference_allocate(count, size) : NULL;
  for (int64_t i = 0; out && i < count; i++) {
    memcpy(out + (size_t)i * size, (const char *)source + (size_t)from[i] * size, size);
  }
  return out;
}

static struct made make_by_hand(const struct brute_problem *problem, const struct change *change) {
  struct made made = {.problem = *problem};
  const struct brute_rows *train = &problem->train;
  const size_t width = (size_t)problem->outputs * sizeof(double);
  int64_t count = 0;
  made.from = reference_allocate(train->rows, sizeof *made.from);
  for (int64_t i = 0; i < train->rows; i++) {
    if (change->weights[i] > 0.0 || !(given_weight(problem, i) > 0.0)) {
      made.from[count++] = i;
    }
  }
  made.problem.train = (struct brute_rows){
      .rows = count,
      .features =
          copy_rows(train->features, made.from, count, (size_t)problem->columns * sizeof(double)),
      .labels = copy_rows(change->labels, made.from, count, sizeof *change->labels),
      .targets = copy_rows(train->targets, made.from, count, width),
      .base_outputs = copy_rows(train->base_outputs, made.from, count, width)};
  made.problem.weights = copy_rows(change->weights, made.from, count, sizeof *change->weights);
  made.groups = copy_rows(problem->groups, made.from, count, sizeof *made.groups);
  made.problem.groups = made.groups;
  return made;
}

static void made_free(struct made *made) {
  brute_rows_free(&made->problem.train);
  free(made->problem.weights);
  free(made->groups);
  free(made->from);
}

/* Loss of scores by a label, or by a row of targets. */
static double loss_of(const struct brute_problem *problem, const double *scores, int32_t label,
                      const double *target) {
  double loss = 0.0;
  double sum = 0.0;
  for (int64_t c = 0; c < problem->outputs; c++) {
    sum += exp(problem->temperature * scores[c]);
  }
  for (int64_t c = 0; c < problem->outputs; c++) {
    const double y = target ? target[c] : (double)(c == label);
    loss += problem->loss == DIVA_LOSS_SQUARED ? (scores[c] - y) * (scores[c] - y)
                                               : y * (log(sum) - problem->temperature * scores[c]);
  }
  return loss;
}

static int32_t best_of(const double *scores, int64_t outputs) {
  int32_t best = 0;
  for (int32_t c = 1; c < (int32_t)outputs; c++) {
    best = scores[c] > scores[best] ? c : best;
  }
  return best;
}

/* Scores of every row of the whole set by each model; NaN where the row is not there. */
struct truth {
  double *scores[2];
  const struct brute_problem *problem;
  const struct change *change;
};

static void expect_score(const struct diva_score *got, double loss, double wrong, int64_t rows,
                         bool labels, const char *what) {
  cr_expect(got->rows == rows, "%s: %lld rows, not %lld", what, (long long)got->rows,
            (long long)rows);
  if (rows == 0 || got->rows != rows) {
    cr_expect(isnan(got->loss) && isnan(got->error), "%s: a score of no rows", what);
    return;
  }
  const double mean = loss / (double)rows;
  cr_expect(fabs(got->loss - mean) <= 1e-9 * mean, "%s: loss %.17g, not %.17g", what, got->loss,
            mean);
  if (labels) {
    cr_expect(fabs(got->error - wrong / (double)rows) <= 1e-12, "%s: error %g", what, got->error);
  } else {
    cr_expect(isnan(got->error));
  }
}

/* One figure of all rows (class -1) or of a class, by scores and labels. */
static void expect_loo(const struct truth *truth, enum diva_what_if_test test, int side,
                       int32_t class_index, const struct diva_score *got) {
  const struct brute_problem *problem = truth->problem;
  const int32_t *labels[] = {problem->train.labels, truth->change->labels};
  const int judge = test == DIVA_WHAT_IF_LOO ? side : test == DIVA_WHAT_IF_KEPT_RELABELLED ? 1 : 0;
  double loss = 0.0;
  double wrong = 0.0;
  int64_t rows = 0;
  char what[64];
  for (int64_t i = 0; i < problem->train.rows; i++) {
    const double given[] = {given_weight(problem, i)};
    const bool trained[] = {is_trained(labels[0] ? labels[0] + i : NULL, given, 0),
                            is_trained(labels[1], truth->change->weights, i)};
    const bool counts = test == DIVA_WHAT_IF_LOO ? trained[side] : trained[0] && trained[1];
    const int32_t label = labels[judge] ? labels[judge][i] : -1;
    if (counts && (class_index < 0 || label == class_index)) {
      const double *scores = truth->scores[side] + i * problem->outputs;
      const double *target =
          problem->train.targets ? problem->train.targets + i * problem->outputs : NULL;
      loss += loss_of(problem, scores, label, target);
      wrong += best_of(scores, problem->outputs) != label;
      rows++;
    }
  }
  snprintf(what, sizeof what, "%s, side %d, class %d", diva_what_if_test_name(test), side,
           class_index);
  expect_score(got, loss, wrong, rows, problem->train.labels != NULL, what);
}

/* The validation rows of one class (-1: all), by a refit that is given no others. */
static void expect_validation(const struct brute_problem *fitted, int32_t class_index,
                              const struct diva_score *got, const char *what) {
  const struct brute_rows *held = &fitted->validation;
  struct brute_problem asked = *fitted;
  struct brute_answer answer;
  int64_t *from = reference_allocate(held->rows, sizeof *from);
  const size_t width = (size_t)fitted->outputs * sizeof(double);
  int64_t count = 0;
  for (int64_t v = 0; v < held->rows; v++) {
    const int32_t label = held->labels ? held->labels[v] : -1;
    if ((class_index < 0 && (!held->labels || label >= 0)) ||
        (class_index >= 0 && label == class_index)) {
      from[count++] = v;
    }
  }
  asked.validation = (struct brute_rows){
      .rows = count,
      .features = copy_rows(held->features, from, count, (size_t)fitted->columns * sizeof(double)),
      .labels = copy_rows(held->labels, from, count, sizeof *held->labels),
      .targets = copy_rows(held->targets, from, count, width),
      .base_outputs = copy_rows(held->base_outputs, from, count, width)};
  if (count > 0) {
    brute_solve(&asked, 0, &answer);
    expect_score(got, answer.validation_mean * (double)count,
                 answer.validation_error * (double)count, count, held->labels != NULL, what);
    brute_free(&answer);
  } else {
    expect_score(got, 0.0, 0.0, 0, true, what);
  }
  brute_rows_free(&asked.validation);
  free(from);
}

static void expect_figures(const struct truth *truth, const struct brute_problem *fitted[2],
                           int32_t class_index, const struct diva_what_if_figures *figures) {
  for (int side = 0; side < 2; side++) {
    for (int t = 0; t < DIVA_WHAT_IF_TESTS; t++) {
      const struct diva_what_if_pair *pair = &figures->test[t];
      const struct diva_score *got = side ? &pair->after : &pair->before;
      if (t != DIVA_WHAT_IF_VALIDATION) {
        expect_loo(truth, (enum diva_what_if_test)t, side, class_index, got);
      } else if (fitted[side]->validation.rows > 0) {
        expect_validation(fitted[side], class_index, got, side ? "after" : "before");
      } else {
        expect_score(got, 0.0, 0.0, 0, true, "no validation set");
      }
    }
  }
}

static void expect_columns(const struct diva_what_if *what_if, const struct truth *truth,
                           const struct made *made) {
  struct diva_what_if_columns columns;
  const struct brute_problem *problem = truth->problem;
  diva_what_if_columns(what_if, &columns);
  cr_assert(columns.rows == problem->train.rows);
  for (int64_t at = 0; at < made->problem.train.rows; at++) {
    const int64_t i = made->from[at];
    const double *scores = truth->scores[1] + i * problem->outputs;
    const int32_t label = columns.label_after ? columns.label_after[i] : -1;
    const double *target =
        problem->train.targets ? problem->train.targets + i * problem->outputs : NULL;
    cr_expect(!columns.label_after || label == truth->change->labels[i]);
    if (target || label >= 0) {
      const double want = loss_of(problem, scores, label, target);
      cr_expect(fabs(columns.loo_loss_after[i] - want) <= 1e-9 * fmax(want, 1e-3), "row %lld",
                (long long)i);
      const double change = columns.loo_loss_after[i] - columns.loo_loss_before[i];
      cr_expect(isnan(change) ? isnan(columns.loo_loss_change[i])
                              : columns.loo_loss_change[i] - change == 0.0);
      cr_expect(isnan(change) == (problem->train.labels && problem->train.labels[i] < 0));
    }
  }
}

static struct diva_what_if *ask(const struct brute_problem *problem, const struct change *change,
                                const struct diva_analysis_options *options) {
  struct diva_what_if *what_if = NULL;
  struct diva_error error;
  const struct diva_changed_rows changed = {.weights = change->weights, .labels = change->labels};
  struct diva_dataset *train =
      problem_dataset(problem, &problem->train, problem->weights, DIVA_FLOAT64, NULL);
  struct diva_dataset *validation =
      problem->validation.rows > 0
          ? problem_dataset(problem, &problem->validation, NULL, DIVA_FLOAT64, NULL)
          : NULL;
  const enum diva_status status =
      diva_what_if(train, validation, &changed, options, &what_if, &error);
  diva_dataset_close(validation);
  diva_dataset_close(train);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return what_if;
}

static void spread_scores(const struct brute_problem *problem, const struct brute_answer *answer,
                          const int64_t *from, int64_t rows, double *out) {
  const int64_t k = problem->outputs;
  for (int64_t i = 0; i < problem->train.rows * k; i++) {
    out[i] = (double)NAN;
  }
  for (int64_t at = 0; at < rows; at++) {
    const int64_t i = from ? from[at] : at;
    memcpy(out + i * k, answer->scores + at * k, (size_t)k * sizeof *out);
  }
}

static void expect_refits(const struct brute_problem *problem, int what, enum diva_solver solver) {
  struct change change = make_change(problem, what);
  struct made made = make_by_hand(problem, &change);
  struct diva_analysis_options options = problem_options(problem);
  struct diva_what_if_summary summary;
  struct brute_answer before, after;
  const int64_t values = problem->train.rows * problem->outputs;
  struct truth truth = {.problem = problem, .change = &change};
  const struct brute_problem *fitted[] = {problem, &made.problem};
  brute_solve(problem, 0, &before);
  brute_solve(&made.problem, 0, &after);
  for (int side = 0; side < 2; side++) {
    truth.scores[side] = reference_allocate(values, sizeof(double));
  }
  spread_scores(problem, &before, NULL, problem->train.rows, truth.scores[0]);
  spread_scores(problem, &after, made.from, made.problem.train.rows, truth.scores[1]);
  options.solver = solver;
  struct diva_what_if *what_if = ask(problem, &change, &options);
  diva_what_if_summary(what_if, &summary);
  expect_figures(&truth, fitted, -1, &summary.all);
  for (int32_t c = 0; summary.classes && c < problem->outputs; c++) {
    expect_figures(&truth, fitted, c, &summary.classes[c]);
  }
  expect_columns(what_if, &truth, &made);
  diva_what_if_destroy(what_if);
  brute_free(&before);
  brute_free(&after);
  free(truth.scores[0]);
  free(truth.scores[1]);
  made_free(&made);
  change_free(&change);
}

/* Every kind of change and all together, by either solver, with more rows than columns and fewer.
 */
Test(what_if, against_refits) {
  int32_t groups[40];
  for (int number = 0; number < CHANGES * 4; number++) {
    const int what = number % CHANGES;
    const bool wide = number / CHANGES % 2;
    struct brute_problem problem;
    problem_make(
        &(struct problem_spec){wide ? 21 : 26, wide ? 30 : 5, 3, number % 3 ? 9 : 0,
                               (enum problem_kind)((number + number / CHANGES) % KIND_COUNT),
                               (enum problem_weights)(number / 2 % 3), 700 + (uint64_t)number},
        &problem);
    problem.scale = (enum diva_scale)((number + number / 4) % 3);
    problem.intercept = number % 4 != 1;
    problem.loss =
        number % 2 && !problem.train.targets ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    for (int32_t i = 0; i < 40; i++) {
      groups[i] = i % GROUPS < 3 ? i % 7 : -1;
    }
    problem.groups = number / (2 * CHANGES) ? groups : NULL;
    expect_refits(&problem, what, DIVA_SOLVER_PRIMAL);
    expect_refits(&problem, what, DIVA_SOLVER_DUAL);
    problem_free(&problem);
  }
}

/* Rows counted by what became of them; one that is unlabelled can be given a label. */
Test(what_if, counts) {
  struct brute_problem problem;
  struct diva_what_if_summary summary;
  problem_make(&(struct problem_spec){30, 4, 3, 0, KIND_LABELS, WEIGHTS_NONE, 3}, &problem);
  problem.train.labels[20] = -1;
  struct change change = make_change(&problem, 0);
  struct diva_analysis_options options = problem_options(&problem);
  change.labels[20] = 2;
  change.labels[10] = (problem.train.labels[10] + 1) % 3;
  change.labels[11] = (problem.train.labels[11] + 1) % 3;
  change.weights[11] = change.weights[12] = 0.0;
  change.weights[13] = change.weights[14] = 3.0;
  struct diva_what_if *what_if = ask(&problem, &change, &options);
  diva_what_if_summary(what_if, &summary);
  cr_expect(summary.added == 1 && summary.dropped == 2);
  cr_expect(summary.relabelled == 1 && summary.reweighted == 2);
  cr_expect(summary.before.rows == 30 && summary.before.training_rows == 29);
  cr_expect(summary.after.training_rows == 28);
  diva_what_if_destroy(what_if);
  change_free(&change);
  problem_free(&problem);
}

static void expect_same(const struct diva_what_if_figures *figures) {
  for (int t = 0; t < DIVA_WHAT_IF_TESTS; t++) {
    const struct diva_what_if_pair *pair = &figures->test[t];
    cr_expect(pair->before.rows == pair->after.rows);
    cr_expect(pair->before.rows == 0 || (pair->after.loss - pair->before.loss == 0.0 &&
                                         pair->after.error - pair->before.error == 0.0),
              "test %d: %.17g and %.17g", t, pair->before.loss, pair->after.loss);
  }
}

/* Nothing changed, nothing differs, lambda chosen or given; and before is what an analysis says. */
Test(what_if, no_change) {
  for (int number = 0; number < 8; number++) {
    struct brute_problem problem;
    struct diva_what_if_summary summary;
    struct diva_summary plain;
    problem_make(&(struct problem_spec){60, number % 2 ? 80 : 6, 3, 12, KIND_LABELS, WEIGHTS_MIXED,
                                        (uint64_t)number + 40},
                 &problem);
    struct change change = make_change(&problem, 0);
    struct diva_analysis_options options = problem_options(&problem);
    options.scale = DIVA_SCALE_STANDARDIZE;
    options.lambda = number / 2 % 2 ? 0.0 : 2.0;
    options.temperature = 0.0;
    options.loss = number / 4 ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED;
    struct diva_what_if *what_if = ask(&problem, &change, &options);
    diva_what_if_summary(what_if, &summary);
    expect_same(&summary.all);
    for (int64_t c = 0; c < problem.outputs; c++) {
      expect_same(&summary.classes[c]);
    }
    struct diva_analysis *analysis = problem_run(&problem, &options);
    diva_analysis_summary(analysis, &plain);
    cr_expect(summary.before.lambda - plain.lambda == 0.0);
    cr_expect(fabs(summary.before.temperature / plain.temperature - 1.0) <= 1e-9);
    cr_expect(fabs(summary.before.loo.loss / plain.loo.loss - 1.0) <= 1e-12);
    cr_expect(fabs(summary.before.validation.loss / plain.validation.loss - 1.0) <= 1e-9);
    cr_expect(fabs(summary.before.validation.error - plain.validation.error) <= 1e-12);
    cr_expect(summary.before.validation.rows == plain.validation.rows);
    diva_analysis_destroy(analysis);
    diva_what_if_destroy(what_if);
    change_free(&change);
    problem_free(&problem);
  }
}

/* With a kernel and what else is left open: the answer after is an analysis of the set made by
 * hand, at the lambda, temperature, width and bandwidth that the set as given settled. */
Test(what_if, holds_what_was_settled) {
  struct brute_problem problem;
  struct diva_what_if_summary summary;
  struct diva_summary refit;
  problem_make(&(struct problem_spec){220, 5, 3, 20, KIND_LABELS, WEIGHTS_NONE, 8}, &problem);
  struct change change = make_change(&problem, DROP | RELABEL | WEIGH);
  struct made made = make_by_hand(&problem, &change);
  struct diva_analysis_options options = problem_options(&problem);
  options.kernel = DIVA_KERNEL_RBF;
  options.scale = DIVA_SCALE_STANDARDIZE;
  options.loss = DIVA_LOSS_CROSS_ENTROPY;
  options.lambda = 0.0;
  options.temperature = 0.0;
  struct diva_what_if *what_if = ask(&problem, &change, &options);
  diva_what_if_summary(what_if, &summary);
  cr_expect(summary.after.lambda - summary.before.lambda == 0.0);
  cr_expect(summary.after.temperature - summary.before.temperature == 0.0);
  cr_expect(summary.before.rbf_features == 128 && summary.after.rbf_features == 128);
  cr_expect(summary.before.lambda_chosen && !summary.after.lambda_chosen);
  options.lambda = summary.before.lambda;
  options.temperature = summary.before.temperature;
  options.rbf_features = summary.before.rbf_features;
  struct diva_analysis *analysis = problem_run(&made.problem, &options);
  diva_analysis_summary(analysis, &refit);
  cr_expect(fabs(summary.after.loo.loss / refit.loo.loss - 1.0) <= 1e-9);
  cr_expect(fabs(summary.after.validation.loss / refit.validation.loss - 1.0) <= 1e-9);
  diva_analysis_destroy(analysis);
  diva_what_if_destroy(what_if);
  made_free(&made);
  change_free(&change);
  problem_free(&problem);
}

/* Features of another type in the validation set. */
Test(what_if, validation_of_another_type) {
  struct brute_problem problem;
  struct diva_what_if *what_if = NULL;
  struct diva_what_if_summary summary;
  struct diva_analysis *analysis = NULL;
  struct diva_summary plain;
  struct diva_error error;
  problem_make(&(struct problem_spec){50, 4, 3, 15, KIND_LABELS, WEIGHTS_NONE, 12}, &problem);
  struct change change = make_change(&problem, DROP);
  const struct diva_changed_rows changed = {.weights = change.weights};
  const struct diva_analysis_options options = problem_options(&problem);
  float *stored = reference_allocate(50 * 4, sizeof *stored);
  for (int64_t i = 0; i < 50 * 4; i++) {
    stored[i] = (float)problem.train.features[i];
  }
  struct diva_dataset *train =
      problem_dataset(&problem, &problem.train, NULL, DIVA_FLOAT32, stored);
  struct diva_dataset *validation =
      problem_dataset(&problem, &problem.validation, NULL, DIVA_FLOAT64, NULL);
  cr_assert(diva_what_if(train, validation, &changed, &options, &what_if, &error) == DIVA_OK, "%s",
            error.message);
  cr_assert(diva_analysis_run(train, validation, &options, &analysis, &error) == DIVA_OK);
  diva_what_if_summary(what_if, &summary);
  diva_analysis_summary(analysis, &plain);
  cr_expect(fabs(summary.before.validation.loss / plain.validation.loss - 1.0) <= 1e-4);
  cr_expect(fabs(summary.before.loo.loss / plain.loo.loss - 1.0) <= 1e-4);
  diva_analysis_destroy(analysis);
  diva_what_if_destroy(what_if);
  diva_dataset_close(validation);
  diva_dataset_close(train);
  free(stored);
  change_free(&change);
  problem_free(&problem);
}

static void expect_error(struct diva_dataset *train, struct diva_dataset *validation,
                         const struct change *change, enum diva_status want, const char *message) {
  const struct diva_changed_rows changed = {.weights = change->weights, .labels = change->labels};
  struct diva_analysis_options options;
  struct diva_error error;
  struct diva_what_if *what_if = (struct diva_what_if *)(void *)&error;
  diva_analysis_options_init(&options);
  options.threads = 1;
  cr_expect(diva_what_if(train, validation, &changed, &options, &what_if, &error) == want);
  cr_expect(what_if == NULL);
  cr_expect_str_eq(error.message, message);
}

Test(what_if, errors) {
  struct brute_problem problem, other;
  problem_make(&(struct problem_spec){12, 3, 2, 0, KIND_LABELS, WEIGHTS_NONE, 5}, &problem);
  problem_make(&(struct problem_spec){12, 4, 2, 0, KIND_REGRESSION, WEIGHTS_NONE, 5}, &other);
  struct diva_dataset *train = problem_dataset(&problem, &problem.train, NULL, DIVA_FLOAT64, NULL);
  struct diva_dataset *targets = problem_dataset(&other, &other.train, NULL, DIVA_FLOAT64, NULL);
  struct change change = make_change(&problem, 0);
  expect_error(targets, NULL, &change, DIVA_ERROR_USAGE,
               "a dataset of targets has no labels to be changed");
  expect_error(train, targets, &change, DIVA_ERROR_INPUT,
               "validation features have 4 columns; the training set has 3");
  change.labels[3] = 2;
  expect_error(train, NULL, &change, DIVA_ERROR_USAGE,
               "changed label of row 3 is 2; there are 2 classes");
  change.labels[3] = 0;
  change.weights[4] = -1.0;
  expect_error(train, NULL, &change, DIVA_ERROR_USAGE,
               "changed weight of row 4 is -1; weights must be finite and not negative");
  for (int i = 0; i < 12; i++) {
    change.weights[i] = change.labels[i] == 1;
  }
  expect_error(train, NULL, &change, DIVA_ERROR_USAGE,
               "the change leaves rows of class 1 alone to train on; two classes are needed");
  memset(change.weights, 0, 12 * sizeof *change.weights);
  change.weights[0] = 1.0;
  expect_error(train, NULL, &change, DIVA_ERROR_USAGE,
               "the change leaves 1 row to train on; at least 2 are needed");
  diva_what_if_destroy(NULL);
  change_free(&change);
  diva_dataset_close(targets);
  diva_dataset_close(train);
  problem_free(&other);
  problem_free(&problem);
}
