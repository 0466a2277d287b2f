/* How weights were found and what they do, for a person. */
#include "summary.h"
#include "weights.h"

#include <math.h>

static const char *plural(int64_t count) {
  return count == 1 ? "" : "s";
}

static const char *const start_words[DIVA_REWEIGHT_STARTS] = {
    [DIVA_REWEIGHT_UNIFORM] = "uniform weights",
    [DIVA_REWEIGHT_BALANCE] = "class balance",
    [DIVA_REWEIGHT_GIVEN] = "the starting weights"};

/* "3 steps from uniform weights", or only the latter. */
static void print_choice(FILE *out, enum diva_reweight_start start, int steps) {
  if (steps) {
    fprintf(out, "%d step%s from ", steps, plural(steps));
  }
  fprintf(out, "%s", start_words[start]);
}

static void print_figures(FILE *out, const struct diva_reweight_figures *figures) {
  fprintf(out, "loss %.4g", figures->loss);
  if (!isnan(figures->error)) {
    fprintf(out, ", error %.1f %%", 100 * figures->error);
  }
}

static void print_held_out(FILE *out, const struct diva_reweight_summary *summary) {
  if (!summary->folds) {
    fprintf(out, "held out: nothing; the number of steps was given\n");
    return;
  }
  fprintf(out, "held out, %d folds of %lld rows:\n", summary->folds,
          (long long)summary->cross_fit_rows);
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    if (!isnan(summary->plain[s].loss)) {
      fprintf(out, "  %s: ", start_words[s]);
      print_figures(out, &summary->plain[s]);
      fprintf(out, "%s\n",
              s == DIVA_REWEIGHT_BALANCE && !summary->balance_is_allowed ? " (not to be chosen)"
                                                                         : "");
    }
  }
  if (summary->best_steps) {
    fprintf(out, "  ");
    print_choice(out, summary->best_start, summary->best_steps);
    fprintf(out, ": ");
    print_figures(out, &summary->best);
    fputc('\n', out);
  }
}

static void print_verdict(FILE *out, const struct diva_reweight_summary *summary) {
  const bool moved = summary->best_steps || summary->best_start != summary->base;
  if (!summary->folds) {
    fprintf(out, "chosen: ");
    print_choice(out, summary->start, summary->steps);
    fputc('\n', out);
    return;
  }
  if (!summary->base_is_best) {
    fprintf(out, "chosen: ");
    print_choice(out, summary->start, summary->steps);
    fprintf(out, ", whose loss is less than that of %s by %.2g (standard error %.2g)\n",
            start_words[summary->base], summary->gain, summary->gain_error);
    return;
  }
  fprintf(out, "%s are best: ", start_words[summary->base]);
  if (!moved) {
    fprintf(out, "nothing tried predicts held-out rows better\n");
    return;
  }
  print_choice(out, summary->best_start, summary->best_steps);
  fprintf(out, " %s by %.2g only (standard error %.2g); needed is a standard error\n",
          summary->best_steps == 1 ? "is better" : "are better", summary->gain,
          summary->gain_error);
}

static void print_weights(FILE *out, const struct diva_reweight_summary *summary) {
  const double rows = (double)summary->before.training_rows;
  if (summary->cut_rows) {
    fprintf(out, "%lld starting weight%s lay beyond --min-weight or --max-weight and were cut\n",
            (long long)summary->cut_rows, plural(summary->cut_rows));
  }
  fprintf(out, "weights: mean 1, %.3g to %.3g; effective sample size %.0f of %.0f rows (%.0f %%)\n",
          summary->smallest, summary->largest, summary->effective_rows, rows,
          100 * summary->effective_rows / rows);
}

static void print_change(FILE *out, const char *name, double before, double after) {
  fprintf(out, "%s %.4g -> %.4g\n", name, before, after);
}

static void print_error(FILE *out, const char *name, const struct diva_score *before,
                        const struct diva_score *after) {
  if (isnan(before->error)) {
    fprintf(out, "%s loss %.4g -> %.4g\n", name, before->loss, after->loss);
  } else {
    fprintf(out, "%s error %.1f %% -> %.1f %%\n", name, 100 * before->error, 100 * after->error);
  }
}

/* p of each group: its share of the sum of all weights. */
static void print_groups(FILE *out, const struct cli_weights *weights, const char *by) {
  enum { SHOWN = 100 };
  const struct diva_reweight_summary *summary = &weights->summary;
  int64_t left = 0;
  if (!summary->groups) {
    return;
  }
  fprintf(out, "share of the weight by %s:\n  before   after      rows  group\n", by);
  for (int64_t g = 0; g < summary->group_count; g++) {
    const struct diva_reweight_group *group = &summary->groups[g];
    if (group->rows && g >= SHOWN) {
      left++;
    } else if (group->rows) {
      fprintf(out, "  %.4f  %.4f  %8lld  ", group->before, group->after, (long long)group->rows);
      cli_print_name(out, g + 1 < summary->group_count ? weights->names[g] : "(none)");
      fputc('\n', out);
    }
  }
  if (left) {
    fprintf(out, "  and %lld more group%s\n", (long long)left, plural(left));
  }
}

void cli_weights_print(FILE *out, const struct cli_session *session,
                       const struct cli_weights *weights) {
  const struct diva_reweight_summary *summary = &weights->summary;
  print_held_out(out, summary);
  print_verdict(out, summary);
  print_weights(out, summary);
  print_groups(out, weights, session->request->settings->by);
  if (summary->steps && !session->request->settings->verify) {
    fprintf(out, "note: found for the linear model; another learner may lose by them, which "
                 "--verify tests\n");
  }
  print_change(out, "objective", summary->objective_before, summary->objective_after);
  if (summary->guard_rows) {
    print_change(out, "loss of the guarded rows", summary->guard_before, summary->guard_after);
  }
  print_error(out, "leave-one-out", &summary->before.loo, &summary->after.loo);
  if (session->request->settings->target) {
    print_error(out, "target", &summary->before.validation, &summary->after.validation);
  }
  if (session->validation) {
    print_error(out, "validation", &session->before.validation, &session->after.validation);
  }
}
