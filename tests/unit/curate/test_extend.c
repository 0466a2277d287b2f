/* Extending against the same procedure done naively: every derivative by refits of a small problem,
 * every row without a label given each label in turn. */
#include "tests/unit/engine/problem.h"

#include <diva/extend.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 46, CORE = 20, POOL = ROWS - CORE, OUTPUTS = 3, HELD = 12, STEPS = 40 };

/* What one solution says, by refits. */
struct refit {
  double derivative[POOL]; /* of the objective, expected where there is no label */
  double margin[POOL];
  int32_t predicted[POOL];
  double core_loss, core_error, held_loss, held_error, objective;
};

/* The procedure by hand. */
struct by_hand {
  struct brute_problem problem; /* borrows the rows of the problem given, but not these two: */
  double weights[ROWS];
  int32_t labels[ROWS];
  double importance[ROWS];
  const double *given;         /* NULL: 1 */
  const int32_t *given_labels; /* NULL: targets */
  bool target;
  struct refit last;
  int64_t round[POOL];
  double gain[POOL];
  int32_t assumed[POOL];
  struct diva_extend_step steps[STEPS];
  int step_count;
  enum diva_extend_stop stop;
};

static double weight_of(const struct by_hand *hand, int64_t row) {
  return hand->given ? hand->given[row] : 1.0;
}

static double probability(const double *scores, double temperature, int64_t c) {
  double sum = 0.0;
  for (int64_t o = 0; o < OUTPUTS; o++) {
    sum += exp(temperature * (scores[o] - scores[c]));
  }
  return 1.0 / sum;
}

/* Derivatives of the LOO loss of the core, or of the held rows' loss where these are given, with
 * rows without a label as if of class c. */
static void solve_as(const struct by_hand *hand, bool held, int32_t c,
                     struct brute_answer *answer) {
  struct brute_problem asked = hand->problem;
  int32_t labels[ROWS];
  for (int64_t i = 0; i < ROWS; i++) {
    labels[i] = hand->labels[i] < 0 ? c : hand->labels[i];
  }
  asked.weights = (double *)hand->weights;
  asked.importance = hand->importance;
  asked.train.labels = hand->given_labels ? labels : NULL;
  if (!held) {
    asked.validation = (struct brute_rows){0};
  }
  brute_solve(&asked, -1, answer);
}

static void add_derivatives(const struct by_hand *hand, bool held, double share,
                            struct refit *refit) {
  for (int32_t c = 0; c < (hand->given_labels ? OUTPUTS : 1); c++) {
    struct brute_answer answer;
    solve_as(hand, held, c, &answer);
    for (int64_t i = 0; i < POOL; i++) {
      const int64_t row = CORE + i;
      const bool bare = hand->given_labels && hand->labels[row] < 0;
      const double *scores = answer.scores + row * OUTPUTS;
      const double p = bare     ? probability(scores, hand->problem.temperature, c)
                       : c == 0 ? 1.0
                                : 0.0;
      refit->derivative[i] += share * p * answer.derivative[row];
      refit->margin[i] = bare ? (double)NAN : answer.loo_margin[row];
      refit->predicted[i] = hand->given_labels ? answer.suggested_label[row] : -1;
    }
    refit->core_loss = answer.loo_mean;
    refit->core_error = answer.loo_error;
    if (held) {
      refit->held_loss = answer.validation_mean;
      refit->held_error = answer.validation_error;
    }
    brute_free(&answer);
  }
}

static int64_t count_labelled(const int32_t *labels, const double *weights, int64_t rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; i++) {
    count += (!labels || labels[i] >= 0) && (!weights || weights[i] > 0.0);
  }
  return count;
}

static struct refit refit(const struct by_hand *hand) {
  struct refit out = {0};
  const double held =
      (double)count_labelled(hand->problem.validation.labels, NULL, hand->problem.validation.rows);
  const double core = (double)count_labelled(hand->given_labels, hand->weights, CORE);
  const double share = hand->target ? held / (held + core) : 0.0;
  add_derivatives(hand, false, 1.0 - share, &out);
  if (hand->problem.validation.rows > 0) {
    add_derivatives(hand, true, share, &out);
  }
  out.objective = (1.0 - share) * out.core_loss + share * out.held_loss;
  return out;
}

static void begin(const struct brute_problem *problem, bool target, struct by_hand *hand) {
  *hand = (struct by_hand){.problem = *problem,
                           .given = problem->weights,
                           .given_labels = problem->train.labels,
                           .target = target};
  for (int64_t i = 0; i < ROWS; i++) {
    hand->labels[i] = problem->train.labels ? problem->train.labels[i] : 0;
    hand->importance[i] = i < CORE ? 1.0 : 0.0;
    hand->weights[i] = i < CORE && hand->labels[i] >= 0 ? weight_of(hand, i) : 0.0;
  }
  for (int64_t i = 0; i < POOL; i++) {
    hand->round[i] = -1;
    hand->assumed[i] = -1;
  }
}

static bool is_plausible(const struct by_hand *hand, const struct diva_extend_options *options,
                         int64_t i) {
  const double margin = hand->last.margin[i];
  return isnan(margin) ||
         exp(-hand->problem.temperature * fmax(margin, 0.0)) >= options->plausibility;
}

static bool is_candidate(const struct by_hand *hand, const struct diva_extend_options *options,
                         bool any, int64_t i) {
  if (hand->round[i] >= 0 || !(weight_of(hand, CORE + i) > 0.0)) {
    return false;
  }
  return any || (hand->last.derivative[i] < 0.0 && is_plausible(hand, options, i));
}

/* The plausible by derivative, then the others by margin. */
static bool comes_before(const struct by_hand *hand, const struct diva_extend_options *options,
                         int64_t i, int64_t j) {
  const bool plausible = is_plausible(hand, options, i);
  if (plausible != is_plausible(hand, options, j)) {
    return plausible;
  }
  const double *by = plausible ? hand->last.derivative : hand->last.margin;
  return by[i] < by[j];
}

static int64_t count_candidates(const struct by_hand *hand,
                                const struct diva_extend_options *options, bool any) {
  int64_t count = 0;
  for (int64_t i = 0; i < POOL; i++) {
    count += is_candidate(hand, options, any, i);
  }
  return count;
}

/* Selection by looking for the lowest again and again. */
static void take(struct by_hand *hand, const struct diva_extend_options *options, bool any,
                 int64_t round, int64_t count) {
  bool chosen[POOL] = {false};
  for (int64_t t = 0; t < count; t++) {
    int64_t best = -1;
    for (int64_t i = 0; i < POOL; i++) {
      if (!chosen[i] && is_candidate(hand, options, any, i) &&
          (best < 0 || comes_before(hand, options, i, best))) {
        best = i;
      }
    }
    chosen[best] = true;
  }
  for (int64_t i = 0; i < POOL; i++) {
    if (chosen[i]) {
      const int64_t row = CORE + i;
      hand->round[i] = round;
      hand->gain[i] = -hand->last.derivative[i];
      hand->weights[row] = weight_of(hand, row);
      if (hand->labels[row] < 0) {
        hand->labels[row] = hand->assumed[i] = hand->last.predicted[i];
      }
    }
  }
}

static void take_back(struct by_hand *hand, int64_t round) {
  for (int64_t i = 0; i < POOL; i++) {
    if (hand->round[i] == round) {
      hand->round[i] = -1;
      hand->assumed[i] = -1;
      hand->weights[CORE + i] = 0.0;
      hand->labels[CORE + i] = hand->given_labels ? hand->given_labels[CORE + i] : 0;
    }
  }
}

static void note(struct by_hand *hand, const struct refit *refit, int64_t rows, bool kept,
                 bool filling) {
  struct diva_extend_step *step = &hand->steps[hand->step_count++];
  step->rows = rows;
  step->objective = refit->objective;
  step->kept = kept;
  step->filling = filling;
  step->scores.core = (struct diva_score){refit->core_loss, refit->core_error, CORE};
  step->scores.heldout = (struct diva_score){refit->held_loss, refit->held_error, HELD};
}

static void extend_by_hand(struct by_hand *hand, const struct diva_extend_options *options) {
  int64_t taken = 0;
  int64_t largest = 0;
  bool filling = false;
  hand->last = refit(hand);
  note(hand, &hand->last, 0, true, false);
  for (int64_t round = 1;; round++) {
    if (options->budget && taken == options->budget) {
      hand->stop = DIVA_EXTEND_BUDGET;
      break;
    }
    if (options->rounds && round > options->rounds) {
      hand->stop = DIVA_EXTEND_ROUNDS;
      break;
    }
    int64_t count = count_candidates(hand, options, filling);
    if (!filling && count * 10 < largest + (count == 0)) {
      filling = options->fill;
      count = filling ? count_candidates(hand, options, true) : 0;
    }
    if (count == 0) {
      hand->stop = DIVA_EXTEND_NO_CANDIDATE;
      break;
    }
    count = count < options->round_rows ? count : options->round_rows;
    count = options->budget && options->budget - taken < count ? options->budget - taken : count;
    take(hand, options, filling, round, count);
    const struct refit next = refit(hand);
    const bool fell = next.objective < hand->last.objective;
    filling = filling || (!fell && options->fill);
    note(hand, &next, taken + count, fell || filling, filling);
    if (!fell && !filling) {
      take_back(hand, round);
      hand->stop = DIVA_EXTEND_NO_GAIN;
      break;
    }
    taken += count;
    largest = count > largest ? count : largest;
    hand->last = next;
  }
}

static struct diva_extension *extend(const struct brute_problem *problem, bool target,
                                     const struct diva_analysis_options *options,
                                     const struct diva_extend_options *how) {
  struct diva_extension *extension = NULL;
  struct diva_error error;
  struct diva_dataset *dataset =
      problem_dataset(problem, &problem->train, problem->weights, DIVA_FLOAT64, NULL);
  struct diva_dataset *held =
      problem->validation.rows > 0
          ? problem_dataset(problem, &problem->validation, NULL, DIVA_FLOAT64, NULL)
          : NULL;
  const enum diva_status status =
      diva_extend(dataset, target ? held : NULL, held, options, how, &extension, &error);
  diva_dataset_close(held);
  diva_dataset_close(dataset);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return extension;
}

static bool is_near(double got, double want) {
  return isnan(want) ? isnan(got) : fabs(got - want) <= 1e-9 * fmax(fabs(want), 1e-3);
}

static void expect_score(const struct diva_score *got, const struct diva_score *want) {
  cr_expect(is_near(got->loss, want->loss) && is_near(got->error, want->error),
            "loss %.17g, not %.17g; error %g, not %g", got->loss, want->loss, got->error,
            want->error);
}

static void expect_scores(const struct diva_extend_scores *got,
                          const struct diva_extend_scores *want, bool held, bool target) {
  expect_score(&got->core, &want->core);
  cr_expect((got->heldout.rows > 0) == held && (got->target.rows > 0) == target);
  if (held) {
    expect_score(&got->heldout, &want->heldout);
  }
  if (target) {
    expect_score(&got->target, &want->heldout);
  }
}

static void expect_steps(const struct by_hand *hand, const struct diva_extend_summary *got,
                         bool held, const char *text) {
  cr_assert(got->step_count == hand->step_count, "%s: %lld steps, not %d", text,
            (long long)got->step_count, hand->step_count);
  cr_expect(got->stop == hand->stop, "%s: stopped by %s, not %s", text,
            diva_extend_stop_name(got->stop), diva_extend_stop_name(hand->stop));
  for (int s = 0; s < hand->step_count; s++) {
    const struct diva_extend_step *step = &got->steps[s];
    cr_expect(step->rows == hand->steps[s].rows && step->kept == hand->steps[s].kept &&
                  step->filling == hand->steps[s].filling,
              "%s, step %d", text, s);
    cr_expect(is_near(step->objective, hand->steps[s].objective), "%s, step %d: %.17g, not %.17g",
              text, s, step->objective, hand->steps[s].objective);
    expect_scores(&step->scores, &hand->steps[s].scores, held, hand->target);
  }
}

static void expect_order(const struct diva_extend_columns *got) {
  for (int64_t at = 1; at < POOL; at++) {
    const int64_t a = got->order[at - 1];
    const int64_t b = got->order[at];
    const uint64_t first = (uint64_t)got->round[a]; /* -1 is the largest */
    const uint64_t second = (uint64_t)got->round[b];
    cr_expect(first < second || (first == second && got->gain[a] >= got->gain[b]));
  }
}

static void expect_columns(const struct by_hand *hand, const struct diva_extension *extension,
                           double *worst, const char *text) {
  struct diva_extend_columns got;
  int64_t taken = 0;
  double gain[POOL];
  diva_extension_columns(extension, &got);
  cr_assert(got.rows == POOL);
  for (int64_t i = 0; i < POOL; i++) {
    gain[i] = hand->round[i] >= 0 ? hand->gain[i] : -hand->last.derivative[i];
    cr_expect(got.round[i] == hand->round[i], "%s: row %lld in round %lld, not %lld", text,
              (long long)i, (long long)got.round[i], (long long)hand->round[i]);
    cr_expect((got.selected[i] != 0) == (hand->round[i] >= 0));
    cr_expect(!got.assumed_label || got.assumed_label[i] == hand->assumed[i]);
    if (got.selected[i]) {
      cr_expect(got.taken[taken++] == i);
    }
  }
  *worst = fmax(*worst, problem_error(got.gain, gain, POOL, 1e-3, false));
  expect_order(&got);
  *worst = fmax(*worst, problem_error(got.derivative, hand->last.derivative, POOL, 1e-3, false));
}

/* What is tried, in turns. */
static struct diva_extend_options vary(int number) {
  struct diva_extend_options options;
  diva_extend_options_init(&options);
  options.core_rows = CORE;
  options.round_rows = 1 + number % 5;
  options.plausibility = (const double[]){0.1, 0.0, 0.5}[number % 3];
  options.picks = 0;
  options.budget = number % 4 == 3 ? 9 : number % 7 == 2 ? 100 : 0;
  options.fill = options.budget > 0 && number % 2;
  options.rounds = number % 11 == 5 ? 2 : 0;
  return options;
}

Test(extend, as_by_hand) {
  double worst = 0.0;
  int stops[4] = {0};
  int filled = 0;
  int assumed = 0;
  for (int number = 0; number < 48; number++) {
    const enum problem_kind kind = (enum problem_kind)(number % 3);
    const bool held = number % 2;
    const bool target = number % 4 == 1;
    const struct problem_spec spec = {ROWS,
                                      4,
                                      OUTPUTS,
                                      held ? HELD : 0,
                                      kind,
                                      (enum problem_weights)(number / 3 % 3),
                                      (uint64_t)number + 29};
    struct brute_problem problem;
    struct by_hand hand;
    struct diva_extend_summary summary;
    char text[64];
    problem_make(&spec, &problem);
    problem.loss =
        kind == KIND_REGRESSION || number % 5 == 0 ? DIVA_LOSS_SQUARED : DIVA_LOSS_CROSS_ENTROPY;
    problem.scale = number % 5 == 2 ? DIVA_SCALE_STANDARDIZE : DIVA_SCALE_NONE;
    const struct diva_extend_options how = vary(number);
    struct diva_analysis_options options = problem_options(&problem);
    options.solver = number % 2 ? DIVA_SOLVER_PRIMAL : DIVA_SOLVER_DUAL;
    begin(&problem, target, &hand);
    extend_by_hand(&hand, &how);
    struct diva_extension *extension = extend(&problem, target, &options, &how);
    diva_extension_summary(extension, &summary);
    snprintf(text, sizeof text, "problem %d", number);
    expect_steps(&hand, &summary, held, text);
    expect_columns(&hand, extension, &worst, text);
    stops[summary.stop]++;
    filled += summary.steps[summary.step_count - 1].filling;
    assumed += summary.assumed_rows > 0;
    diva_extension_destroy(extension);
    problem_free(&problem);
  }
  printf("stops %d %d %d %d, filled %d, with assumed labels %d, error %.1e\n", stops[0], stops[1],
         stops[2], stops[3], filled, assumed, worst);
  cr_expect(worst <= 1e-8, "derivatives are wrong by %.2e", worst);
  cr_expect(stops[0] && stops[1] && stops[2] && stops[3] && filled && assumed,
            "some way to end was not met");
}

/* Lambda is chosen by the core, whatever the pool; as is the temperature of the first step. */
Test(extend, lambda_of_the_core_alone) {
  const struct problem_spec spec = {ROWS, 4, OUTPUTS, 0, KIND_LABELS, WEIGHTS_NONE, 7};
  struct brute_problem problem;
  struct diva_extend_summary summary;
  struct diva_summary want;
  struct diva_extend_options how = vary(0);
  problem_make(&spec, &problem);
  problem.loss = DIVA_LOSS_CROSS_ENTROPY;
  struct diva_analysis_options options = problem_options(&problem);
  options.lambda = 0.0;
  options.temperature = 0.0;
  struct diva_extension *extension = extend(&problem, false, &options, &how);
  diva_extension_summary(extension, &summary);
  problem.train.rows = CORE;
  struct diva_analysis *alone = problem_run(&problem, &options);
  diva_analysis_summary(alone, &want);
  cr_expect(fabs(summary.before.lambda / want.lambda - 1.0) < 1e-12);
  cr_expect(fabs(summary.after.lambda / want.lambda - 1.0) < 1e-12);
  cr_expect(fabs(summary.before.temperature / want.temperature - 1.0) < 1e-9);
  cr_expect(fabs(summary.before.loo.loss / want.loo.loss - 1.0) < 1e-9);
  diva_analysis_destroy(alone);
  diva_extension_destroy(extension);
  problem_free(&problem);
}
