/* Reweighting as a whole: what is chosen, when nothing is, and what is said of it. */
#include "tests/support/reference.h"

#include <diva/reweight.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the labels of a set have to do with its features. */
enum nature {
  NOTHING,  /* labels at random */
  OUTLIERS, /* two classes, rows of one of them far beyond the border: least squares bends to them
             */
  SCARCE    /* the same border, but one class has an eighth of the rows */
};

struct set {
  int64_t rows, columns;
  float *features;
  int32_t *labels;
  struct diva_dataset *dataset;
};

static int32_t draw_label(enum nature nature, struct reference_random *random) {
  return nature == SCARCE ? reference_below(random, 8) == 0 : (int32_t)reference_below(random, 2);
}

static void set_open(enum nature nature, int64_t rows, uint64_t seed, struct set *out) {
  enum { WIDTH = 6 };
  struct diva_dataset_arrays arrays;
  struct diva_error error = {0};
  struct reference_random random = {seed};
  *out = (struct set){.rows = rows, .columns = WIDTH};
  out->features = reference_allocate(rows * WIDTH, sizeof *out->features);
  out->labels = reference_allocate(rows, sizeof *out->labels);
  for (int64_t i = 0; i < rows; i++) {
    const int32_t label = draw_label(nature, &random);
    for (int64_t j = 0; j < WIDTH; j++) {
      out->features[i * WIDTH + j] = (float)reference_normal(&random);
    }
    if (nature != NOTHING) {
      const double centre = label ? 1.2 : -1.2;
      const bool far = nature == OUTLIERS && label && i % 3 == 0;
      out->features[i * WIDTH] += (float)(centre + (far ? 12.0 : 0.0));
      out->features[i * WIDTH + 1] += (float)(far ? 6.0 * reference_normal(&random) : 0.0);
    }
    out->labels[i] = label;
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = WIDTH;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = out->features;
  arrays.labels = out->labels;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &out->dataset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
}

static void set_close(struct set *set) {
  diva_dataset_close(set->dataset);
  free(set->features);
  free(set->labels);
}

static struct diva_analysis_options analysis_options(void) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.loss = DIVA_LOSS_CROSS_ENTROPY;
  options.scale = DIVA_SCALE_STANDARDIZE;
  options.threads = 1;
  return options;
}

/* An answer with views of it. */
struct answer {
  struct diva_reweighting *owner;
  struct diva_reweight_summary summary;
  struct diva_reweight_columns columns;
};

static void find(const struct set *set, const struct set *target,
                 const struct diva_analysis_options *analysis,
                 const struct diva_reweight_options *options, struct answer *out) {
  struct diva_error error = {0};
  const enum diva_status status = diva_reweight(set->dataset, target ? target->dataset : NULL,
                                                analysis, options, &out->owner, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_reweighting_summary(out->owner, &out->summary);
  diva_reweighting_columns(out->owner, &out->columns);
  const struct diva_reweight_summary *summary = &out->summary;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < set->rows; i++) {
    sum += out->columns.weight[i];
    squares += out->columns.weight[i] * out->columns.weight[i];
    cr_expect(isnan(out->columns.derivative[i]) == !(out->columns.weight[i] > 0.0));
  }
  cr_expect(fabs(sum / (double)summary->before.training_rows - 1.0) < 1e-12);
  cr_expect(fabs(summary->effective_rows - sum * sum / squares) < 1e-6);
  for (int t = 1; t <= summary->steps; t++) {
    cr_expect(summary->objective[t] < summary->objective[t - 1]);
  }
  cr_expect(summary->objective_after == summary->objective[summary->steps]);
}

static void forget(struct answer *answer) {
  diva_reweighting_destroy(answer->owner);
}

Test(reweight, nothing_helps) {
  for (uint64_t seed = 1; seed <= 3; seed++) {
    const struct diva_analysis_options analysis = analysis_options();
    struct diva_reweight_options options;
    struct answer answer;
    struct set set;
    diva_reweight_options_init(&options);
    set_open(NOTHING, 300, seed, &set);
    find(&set, NULL, &analysis, &options, &answer);
    cr_expect(answer.summary.base_is_best && answer.summary.steps == 0);
    cr_expect(answer.summary.start == DIVA_REWEIGHT_UNIFORM);
    cr_expect(!(answer.summary.gain > answer.summary.gain_error));
    cr_expect(answer.summary.objective_after == answer.summary.objective_before);
    for (int64_t i = 0; i < set.rows; i++) {
      cr_expect(fabs(answer.columns.weight[i] - 1.0) < 1e-12);
    }
    forget(&answer);
    set_close(&set);
  }
}

/* Error of the ridge model with these weights on other rows. */
static double error_on(const struct set *set, const struct set *other, const double *weights,
                       double lambda) {
  struct diva_analysis_options options = analysis_options();
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error error;
  options.weights = weights;
  options.lambda = lambda;
  cr_assert(diva_analysis_run(set->dataset, other->dataset, &options, &analysis, &error) ==
            DIVA_OK);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_destroy(analysis);
  return summary.validation.error;
}

/* What is gained on held-out rows is gained on rows never seen. */
Test(reweight, outliers_are_weighted_down) {
  const struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options options;
  struct answer answer;
  struct set set, other;
  diva_reweight_options_init(&options);
  set_open(OUTLIERS, 600, 5, &set);
  set_open(OUTLIERS, 4000, 6, &other);
  find(&set, NULL, &analysis, &options, &answer);
  const struct diva_reweight_summary *summary = &answer.summary;
  cr_expect(!summary->base_is_best && summary->gain > summary->gain_error);
  cr_expect(summary->start == summary->best_start && summary->folds == 5);
  cr_expect(fabs(summary->plain[DIVA_REWEIGHT_UNIFORM].loss - summary->best.loss - summary->gain) <
            1e-12);
  cr_expect(summary->best.error < summary->plain[DIVA_REWEIGHT_UNIFORM].error);
  const double lambda = summary->after.lambda;
  const double before = error_on(&set, &other, answer.columns.weight_before, lambda);
  const double after = error_on(&set, &other, answer.columns.weight, lambda);
  cr_expect(after < 0.9 * before, "error %g, before %g", after, before);
  forget(&answer);
  set_close(&other);
  set_close(&set);
}

Test(reweight, same_bytes) {
  struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options options;
  struct answer answers[3];
  struct set set;
  diva_reweight_options_init(&options);
  options.most_steps = 5;
  options.sample_rows = 200; /* cross-fitted on fewer rows than there are */
  set_open(OUTLIERS, 400, 8, &set);
  find(&set, NULL, &analysis, &options, &answers[0]);
  find(&set, NULL, &analysis, &options, &answers[1]);
  analysis.threads = 2;
  find(&set, NULL, &analysis, &options, &answers[2]);
  cr_expect(answers[0].summary.cross_fit_rows == 200);
  cr_expect(answers[0].summary.steps > 0, "nothing to compare");
  cr_expect(answers[0].summary.gain == answers[1].summary.gain);
  for (int i = 0; i < 400; i++) {
    const double one = answers[0].columns.weight[i];
    cr_expect(answers[1].columns.weight[i] == one);
    cr_expect(fabs(answers[2].columns.weight[i] - one) < 1e-3 * one);
  }
  for (int a = 0; a < 3; a++) {
    forget(&answers[a]);
  }
  set_close(&set);
}

/* Inverse frequencies, looked at whether or not they may be chosen. */
Test(reweight, class_balance) {
  const struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options options;
  struct answer answer;
  struct set set;
  double share[2] = {0.0, 0.0};
  diva_reweight_options_init(&options);
  options.most_steps = 0;
  set_open(SCARCE, 800, 4, &set);
  int32_t *halves = reference_allocate(set.rows, sizeof *halves);
  find(&set, NULL, &analysis, &options, &answer);
  const struct diva_reweight_figures plain = answer.summary.plain[DIVA_REWEIGHT_BALANCE];
  cr_expect(answer.summary.balance_is_allowed && plain.loss > 0.0 && plain.error > 0.0);
  cr_expect(answer.summary.start ==
            (answer.summary.base_is_best ? DIVA_REWEIGHT_UNIFORM : DIVA_REWEIGHT_BALANCE));
  forget(&answer);
  for (int64_t i = 0; i < set.rows; i++) {
    halves[i] = (int32_t)(i % 2);
  }
  options.by = halves;
  find(&set, NULL, &analysis, &options, &answer);
  cr_expect(!answer.summary.balance_is_allowed && answer.summary.start == DIVA_REWEIGHT_UNIFORM);
  cr_expect(answer.summary.plain[DIVA_REWEIGHT_BALANCE].loss == plain.loss);
  cr_expect(answer.summary.group_count == 3 && answer.summary.groups[2].rows == 0);
  forget(&answer);
  options.by = set.labels;
  options.steps = 3;
  find(&set, NULL, &analysis, &options, &answer);
  cr_expect(answer.summary.folds == 0 && isnan(answer.summary.gain));
  for (int g = 0; g < 2; g++) {
    for (int64_t i = 0; i < set.rows; i++) {
      share[g] += set.labels[i] == g ? answer.columns.weight[i] / (double)set.rows : 0.0;
    }
    cr_expect(fabs(answer.summary.groups[g].after - share[g]) < 1e-12);
  }
  forget(&answer);
  free(halves);
  set_close(&set);
}

/* Given weights are what has to be beaten, and rows without one stay out. */
Test(reweight, given_weights) {
  struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options options;
  struct answer answer;
  struct set set;
  diva_reweight_options_init(&options);
  options.steps = 0;
  set_open(OUTLIERS, 200, 9, &set);
  double *given = reference_allocate(set.rows, sizeof *given);
  for (int64_t i = 0; i < set.rows; i++) {
    given[i] = i % 7 == 0 ? 0.0 : 5.0 + (double)(i % 3);
  }
  analysis.weights = given;
  find(&set, NULL, &analysis, &options, &answer);
  cr_expect(answer.summary.base == DIVA_REWEIGHT_GIVEN);
  const double factor = answer.columns.weight[1] / given[1];
  for (int64_t i = 0; i < set.rows; i++) {
    cr_expect(fabs(answer.columns.weight[i] - factor * given[i]) < 1e-12);
  }
  forget(&answer);
  options.steps = -1;
  find(&set, NULL, &analysis, &options, &answer);
  cr_expect(answer.summary.plain[DIVA_REWEIGHT_UNIFORM].loss > 0.0);
  cr_expect(answer.summary.plain[DIVA_REWEIGHT_GIVEN].loss > 0.0);
  cr_expect(fabs(answer.summary.plain[DIVA_REWEIGHT_GIVEN].loss - answer.summary.best.loss -
                 answer.summary.gain) < 1e-12);
  forget(&answer);
  free(given);
  set_close(&set);
}

/* The share of the target, and that its loss is in the objective. */
Test(reweight, target) {
  struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options options;
  struct answer answer;
  struct set set, target;
  diva_reweight_options_init(&options);
  set_open(OUTLIERS, 300, 9, &set);
  set_open(OUTLIERS, 60, 11, &target);
  double *importance = reference_allocate(set.rows, sizeof *importance);
  for (int64_t i = 0; i < set.rows; i++) {
    importance[i] = i < 100 ? 3.0 : 0.0;
  }
  analysis.importance = importance;
  find(&set, &target, &analysis, &options, &answer);
  const struct diva_reweight_summary *summary = &answer.summary;
  const double share = 60.0 / 160.0;
  cr_expect(fabs(summary->target_share - share) < 1e-12, "share %g", summary->target_share);
  cr_expect(summary->after.validation.rows == 60);
  if (summary->steps == 0) {
    cr_expect(summary->objective_after == summary->objective_before);
  }
  forget(&answer);
  analysis.temperature = 4.0;
  options.steps = 4;
  find(&set, &target, &analysis, &options, &answer);
  cr_expect(summary->steps > 0);
  cr_expect(fabs(summary->objective_after - (1.0 - share) * summary->after.loo.loss -
                 share * summary->after.validation.loss) < 1e-6);
  forget(&answer);
  free(importance);
  set_close(&target);
  set_close(&set);
}

static void expect_error(const struct set *set, const struct diva_analysis_options *analysis,
                         const struct diva_reweight_options *options, enum diva_status want,
                         const char *message) {
  struct diva_reweighting *out = NULL;
  struct diva_error error = {0};
  const enum diva_status got = diva_reweight(set->dataset, NULL, analysis, options, &out, &error);
  cr_expect(got == want && !out, "status %d", (int)got);
  cr_expect(strstr(error.message, message), "'%s' is not '%s'", error.message, message);
}

Test(reweight, errors) {
  struct diva_analysis_options analysis = analysis_options();
  struct diva_reweight_options defaults;
  struct diva_reweight_options options;
  struct set set;
  diva_reweight_options_init(&defaults);
  set_open(NOTHING, 30, 2, &set);
  options = defaults;
  options.folds = 1;
  expect_error(&set, &analysis, &options, DIVA_ERROR_USAGE, "folds are 1; there must be 2");
  options = defaults;
  options.folds = 31;
  expect_error(&set, &analysis, &options, DIVA_ERROR_INPUT,
               "30 rows to train on are too few for 31 folds");
  options = defaults;
  options.maximum_weight = 1.0;
  expect_error(&set, &analysis, &options, DIVA_ERROR_USAGE, "cannot lie between 0.001 and 1");
  options = defaults;
  options.least_effective = 1.0;
  expect_error(&set, &analysis, &options, DIVA_ERROR_USAGE, "the least effective share is 1");
  options = defaults;
  options.steps = -2;
  expect_error(&set, &analysis, &options, DIVA_ERROR_USAGE, "steps (-2)");
  options = defaults;
  options.version = 99;
  expect_error(&set, &analysis, &options, DIVA_ERROR_USAGE, "diva_reweight_options");
  diva_reweighting_destroy(NULL);
  set_close(&set);
}

/* Every row comes floor or ceiling of its expected number of times, in no order. */
Test(reweight, draws) {
  enum { ROWS = 50, DRAWS = 997 };
  struct reference_random random = {3};
  struct diva_error error;
  double weights[ROWS];
  int64_t indices[2][DRAWS];
  int64_t count[ROWS] = {0};
  double sum = 0.0;
  int64_t ascending = 0;
  for (int i = 0; i < ROWS; i++) {
    weights[i] = i % 8 == 7 ? 0.0 : exp(reference_normal(&random));
    sum += weights[i];
  }
  for (int run = 0; run < 2; run++) {
    cr_assert(diva_weights_draw(weights, ROWS, DRAWS, 12, indices[run], &error) == DIVA_OK);
  }
  cr_expect(memcmp(indices[0], indices[1], sizeof indices[0]) == 0);
  for (int d = 0; d < DRAWS; d++) {
    cr_assert(indices[0][d] >= 0 && indices[0][d] < ROWS);
    count[indices[0][d]]++;
    ascending += d > 0 && indices[0][d] >= indices[0][d - 1];
  }
  for (int i = 0; i < ROWS; i++) {
    cr_expect(fabs((double)count[i] - DRAWS * weights[i] / sum) < 1.0, "row %d comes %lld times", i,
              (long long)count[i]);
  }
  cr_expect(ascending < 2 * DRAWS / 3, "not shuffled");
  weights[3] = -1.0;
  cr_expect(diva_weights_draw(weights, ROWS, DRAWS, 12, indices[0], &error) == DIVA_ERROR_USAGE);
  cr_expect(
      strcmp(error.message, "weight of row 3 is -1; weights must be finite and not negative") == 0);
  memset(weights, 0, sizeof weights);
  cr_expect(diva_weights_draw(weights, ROWS, DRAWS, 12, indices[0], &error) == DIVA_ERROR_USAGE);
}
