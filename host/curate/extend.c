/* DIVA Extend: round by round, the rows of a pool that lower the loss of a core most. */
#include "extend_curve.h"
#include "extend_pick.h"
#include "extend_result.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

void diva_extend_options_init(struct diva_extend_options *options) {
  *options =
      (struct diva_extend_options){.version = DIVA_STRUCT_VERSION, .plausibility = 0.1, .picks = 3};
}

/* An extension under way. */
struct growth {
  struct diva_extend_problem problem;
  const struct diva_extend_options *options;
  struct diva_extension *extension;
  struct diva_extend_uniform uniform;
  int64_t round_rows;
  int64_t largest; /* rows that a round took */
  int64_t taken;   /* rows, so far */
  int64_t round;   /* in the making, from 1 */
  bool filling;
  int64_t *next; /* candidates for the round, best first; pool_rows (owned) */
  int64_t candidates;
};

static enum diva_status check_options(const struct diva_dataset *dataset,
                                      const struct diva_extend_options *options,
                                      struct diva_error *error) {
  struct diva_dataset_info info;
  const enum diva_status status =
      diva_version_check(options->version, "diva_extend_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_dataset_describe(dataset, &info);
  if (options->core_rows < 1 || options->core_rows >= info.rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the core has %lld rows; it must have at least 1 and leave some of the "
                          "%lld for the pool",
                          (long long)options->core_rows, (long long)info.rows);
  }
  if (options->round_rows < 0 || options->budget < 0 || options->rounds < 0 || options->picks < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "rows a round (%lld), budget (%lld), rounds (%lld) and picks (%d) must "
                          "not be negative",
                          (long long)options->round_rows, (long long)options->budget,
                          (long long)options->rounds, options->picks);
  }
  if (!(options->plausibility >= 0.0 && options->plausibility <= 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "plausibility is %g; it must lie in [0, 1]",
                          options->plausibility);
  }
  if (options->fill && options->budget == 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "filling up needs a budget");
  }
  return DIVA_OK;
}

static enum diva_status choose(struct growth *growth, struct diva_error *error) {
  const struct diva_extend_choice choice = {.problem = &growth->problem,
                                            .fit = &growth->extension->last,
                                            .round = growth->extension->round,
                                            .plausibility = growth->options->plausibility,
                                            .any = growth->filling};
  return diva_extend_choose(&choice, growth->next, &growth->candidates, error);
}

static enum diva_status solve(const struct growth *growth, struct diva_extend_fit *out,
                              struct diva_error *error) {
  return diva_extend_solve(&growth->problem, growth->extension->weights, growth->extension->labels,
                           true, out, error);
}

/* Puts the rows in, or takes them out again. */
static void move_rows(const struct growth *growth, int64_t count, bool in) {
  struct diva_extension *extension = growth->extension;
  const int32_t *given = diva_dataset_labels(growth->problem.dataset);
  struct diva_columns columns;
  diva_analysis_columns(extension->last.analysis, &columns);
  for (int64_t at = 0; at < count; at++) {
    const int64_t i = growth->next[at];
    const int64_t row = growth->problem.core_rows + i;
    extension->weights[row] = in ? diva_extend_weight(&growth->problem, row) : 0.0;
    extension->round[i] = in ? growth->round : -1;
    extension->gain[i] = -extension->last.derivative[i];
    if (given && given[row] < 0) {
      extension->assumed[i] = in ? columns.suggested_label[row] : -1;
      extension->labels[row] = extension->assumed[i];
    }
  }
}

static enum diva_status add_step(const struct growth *growth, int64_t rows, bool kept,
                                 const struct diva_extend_fit *fit, struct diva_error *error) {
  struct diva_extend_step *step = diva_extension_add_step(growth->extension, error);
  if (!step) {
    return DIVA_ERROR_RESOURCE;
  }
  step->rows = rows;
  step->objective = fit->objective;
  step->scores = fit->scores;
  step->kept = kept;
  step->filling = growth->filling;
  return DIVA_OK;
}

/* The curve's last point, of the rows taken so far: what is left, and what chance would do. */
static enum diva_status complete_step(struct growth *growth, struct diva_error *error) {
  struct diva_extension *extension = growth->extension;
  struct diva_extend_step *step = &extension->steps[extension->step_count - 1];
  enum diva_status status = choose(growth, error);
  step->candidates = growth->candidates;
  if (status == DIVA_OK && growth->taken > 0) {
    status = diva_extend_uniform_score(&growth->problem, &growth->uniform, growth->taken,
                                       &step->uniform, error);
  }
  return status;
}

static enum diva_status begin(struct growth *growth, struct diva_error *error) {
  struct diva_extend_fit core = {0};
  enum diva_status status = diva_extend_settle(&growth->problem, growth->extension->weights, error);
  if (status == DIVA_OK) {
    status = solve(growth, &core, error);
  }
  if (status == DIVA_OK) {
    diva_extend_hold(&growth->problem, &core.summary);
    status = add_step(growth, 0, true, &core, error);
  }
  if (status == DIVA_OK) {
    status = diva_extend_uniform_make(&growth->problem, &core, growth->options->picks,
                                      &growth->uniform, error);
  }
  diva_extension_advance(growth->extension, &core);
  return status == DIVA_OK ? complete_step(growth, error) : status;
}

/* One round with this many rows. `stopped` where it was taken back. */
static enum diva_status grow_by(struct growth *growth, int64_t count, bool *stopped,
                                struct diva_error *error) {
  struct diva_extension *extension = growth->extension;
  struct diva_extend_fit fit = {0};
  growth->round++;
  move_rows(growth, count, true);
  enum diva_status status = solve(growth, &fit, error);
  if (status != DIVA_OK) {
    return status;
  }
  const bool fell = fit.objective < extension->last.objective;
  growth->filling = growth->filling || (!fell && growth->options->fill);
  *stopped = !fell && !growth->filling;
  status = add_step(growth, growth->taken + count, !*stopped, &fit, error);
  if (*stopped) {
    move_rows(growth, count, false);
    diva_extend_fit_free(&fit);
    return status;
  }
  growth->taken += count;
  growth->largest = count > growth->largest ? count : growth->largest;
  diva_extension_advance(extension, &fit);
  return status == DIVA_OK ? complete_step(growth, error) : status;
}

/* Rounds of a few stragglers each would not end, and change nothing. */
static bool is_exhausted(const struct growth *growth) {
  enum { STRAGGLERS = 10 };
  return growth->candidates == 0 || growth->candidates * STRAGGLERS < growth->largest;
}

/* Where the rule finds hardly a row any more, and the budget is to be filled. */
static enum diva_status relax(struct growth *growth, struct diva_error *error) {
  if (!is_exhausted(growth) || growth->filling || !growth->options->fill) {
    return DIVA_OK;
  }
  growth->filling = true;
  return choose(growth, error);
}

static int64_t next_count(const struct growth *growth) {
  const int64_t left = growth->options->budget - growth->taken;
  if (growth->filling ? growth->candidates == 0 : is_exhausted(growth)) {
    return 0;
  }
  int64_t count = growth->round_rows < growth->candidates ? growth->round_rows : growth->candidates;
  return growth->options->budget > 0 && left < count ? left : count;
}

static enum diva_status grow(struct growth *growth, struct diva_error *error) {
  const struct diva_extend_options *options = growth->options;
  enum diva_extend_stop *stop = &growth->extension->summary.stop;
  bool stopped = false;
  enum diva_status status = begin(growth, error);
  while (status == DIVA_OK) {
    if (options->budget > 0 && growth->taken == options->budget) {
      *stop = DIVA_EXTEND_BUDGET;
      break;
    }
    if (options->rounds > 0 && growth->round == options->rounds) {
      *stop = DIVA_EXTEND_ROUNDS;
      break;
    }
    status = relax(growth, error);
    if (status != DIVA_OK) {
      break;
    }
    const int64_t count = next_count(growth);
    if (count == 0) {
      *stop = DIVA_EXTEND_NO_CANDIDATE;
      break;
    }
    status = grow_by(growth, count, &stopped, error);
    if (stopped) {
      *stop = DIVA_EXTEND_NO_GAIN;
      break;
    }
  }
  return status;
}

static enum diva_status prepare(struct growth *growth, struct diva_error *error) {
  enum { ROUNDS_TO_A_POOL = 20 };
  const int64_t pool = growth->problem.pool_rows;
  growth->round_rows = growth->options->round_rows > 0
                           ? growth->options->round_rows
                           : (pool + ROUNDS_TO_A_POOL - 1) / ROUNDS_TO_A_POOL;
  const enum diva_status status =
      diva_allocate(pool, sizeof *growth->next, "candidates", (void **)&growth->next, error);
  return status == DIVA_OK ? diva_extension_create(&growth->problem, &growth->extension, error)
                           : status;
}

static enum diva_status finish(struct growth *growth, struct diva_error *error) {
  struct diva_extend_summary *summary = &growth->extension->summary;
  summary->round_rows = growth->round_rows;
  summary->plausibility = growth->options->plausibility;
  return diva_extension_finish(growth->extension, &growth->problem, error);
}

enum diva_status diva_extend(struct diva_dataset *dataset, struct diva_dataset *target,
                             struct diva_dataset *heldout,
                             const struct diva_analysis_options *options,
                             const struct diva_extend_options *extend, struct diva_extension **out,
                             struct diva_error *error) {
  struct growth growth = {.options = extend};
  *out = NULL;
  enum diva_status status = check_options(dataset, extend, error);
  if (status != DIVA_OK) {
    return status;
  }
  status = diva_extend_problem_make(dataset, target, heldout, options, extend->core_rows,
                                    &growth.problem, error);
  if (status == DIVA_OK) {
    status = prepare(&growth, error);
  }
  if (status == DIVA_OK) {
    status = grow(&growth, error);
  }
  if (status == DIVA_OK) {
    status = finish(&growth, error);
  }
  diva_extend_uniform_free(&growth.uniform);
  diva_extend_problem_free(&growth.problem);
  free(growth.next);
  if (status != DIVA_OK) {
    diva_extension_destroy(growth.extension);
    return status;
  }
  *out = growth.extension;
  return DIVA_OK;
}
