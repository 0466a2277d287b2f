/* How a core was extended, for a person: the curve beside that of uniform picks. */
#include "extend_table.h"

#include <math.h>
#include <stdbool.h>

/* One set asked: its column, and where its score is. */
struct asked {
  const char *name;
  size_t offset;
};

static const struct asked all_asked[] = {
    {"core loss", offsetof(struct diva_extend_scores, core)},
    {"target loss", offsetof(struct diva_extend_scores, target)},
    {"valid. loss", offsetof(struct diva_extend_scores, heldout)},
};
enum { ASKED = sizeof all_asked / sizeof *all_asked };

static const struct diva_score *score_of(const struct diva_extend_scores *scores, int asked) {
  return (const struct diva_score *)(const void *)((const char *)scores + all_asked[asked].offset);
}

static bool has_uniform(const struct diva_extend_summary *extend) {
  for (int64_t i = 0; i < extend->step_count; i++) {
    if (extend->steps[i].uniform.core.rows > 0) {
      return true;
    }
  }
  return false;
}

static void print_head(FILE *out, const struct diva_extend_summary *extend, bool uniform) {
  const struct diva_extend_scores *scores = &extend->steps[0].scores;
  fprintf(out, "\n%7s %6s", "rows", "%");
  for (int a = 0; a < ASKED; a++) {
    const struct diva_score *score = score_of(scores, a);
    if (score->rows) {
      fprintf(out, "  %11s", all_asked[a].name);
      fprintf(out, "%s%s", isnan(score->error) ? "" : "  err %", uniform ? "  uniform" : "");
    }
  }
  fputc('\n', out);
}

static void print_value(FILE *out, const struct diva_score *score, int width) {
  if (!score->rows) {
    fprintf(out, " %*s", width, "-");
  } else if (isnan(score->error)) {
    fprintf(out, " %*.4g", width, score->loss);
  } else {
    fprintf(out, " %*.2f", width, 100 * score->error);
  }
}

static void print_step(FILE *out, const struct diva_extend_summary *extend,
                       const struct diva_extend_step *step, bool uniform) {
  fprintf(out, "%7lld %6.1f", (long long)step->rows,
          100.0 * (double)step->rows / (double)extend->pool_rows);
  for (int a = 0; a < ASKED; a++) {
    const struct diva_score *score = score_of(&step->scores, a);
    if (!score->rows) {
      continue;
    }
    fprintf(out, "  %11.4g", score->loss);
    if (!isnan(score->error)) {
      print_value(out, score, 6);
    }
    if (uniform) {
      print_value(out, score_of(&step->uniform, a), 8);
    }
  }
  fprintf(out, "%s\n", !step->kept ? "  taken back" : step->filling ? "  past the stop" : "");
}

/* Whether chance does as well in the end, on rows that have no part in the choice. */
static bool is_no_better(const struct diva_extend_summary *extend) {
  const struct diva_extend_step *step = &extend->steps[extend->step_count - 1];
  step -= !step->kept;
  const struct diva_score *own = &step->scores.heldout;
  const struct diva_score *uniform = &step->uniform.heldout;
  if (!own->rows || !uniform->rows) {
    return false;
  }
  return isnan(own->error) ? own->loss >= uniform->loss : own->error >= uniform->error;
}

static const char *why(const struct diva_extend_summary *extend) {
  switch (extend->stop) {
  case DIVA_EXTEND_NO_CANDIDATE:
    return "hardly a row is left that would lower the loss and has a plausible label";
  case DIVA_EXTEND_NO_GAIN:
    return "the loss did not fall in the last round, which was taken back";
  case DIVA_EXTEND_BUDGET:
    return "the budget is spent";
  case DIVA_EXTEND_ROUNDS:
    break;
  }
  return "all rounds are done";
}

void cli_extend_print(FILE *out, const struct diva_extend_summary *extend) {
  const bool uniform = has_uniform(extend);
  fprintf(out, "core: %lld rows; pool: %lld rows, at most %lld taken in a round\n",
          (long long)extend->core_rows, (long long)extend->pool_rows,
          (long long)extend->round_rows);
  print_head(out, extend, uniform);
  for (int64_t i = 0; i < extend->step_count; i++) {
    print_step(out, extend, &extend->steps[i], uniform);
  }
  fprintf(out, "\nselected: %lld of %lld pool rows (%.1f %%); stopped: %s\n",
          (long long)extend->selected_rows, (long long)extend->pool_rows,
          100.0 * (double)extend->selected_rows / (double)extend->pool_rows, why(extend));
  if (extend->copies) {
    fprintf(out, "note: near-duplicates of core rows in the pool, passed over: %lld\n",
            (long long)extend->copies);
  }
  if (is_no_better(extend)) {
    fprintf(out, "note: as many rows picked at random do as well on the validation rows; what the "
                 "core gains does not carry over to them\n");
  }
  if (extend->selected_rows && !extend->steps[0].scores.heldout.rows) {
    fprintf(out,
            "note: the rows were chosen by the loss of the core%s, which falls by that choice "
            "itself; --validation FILE says what it is worth elsewhere\n",
            extend->steps[0].scores.target.rows ? " and the target" : "");
  }
  if (extend->assumed_rows) {
    fprintf(out,
            "note: %lld of the rows selected have no label; each was trained on with the class "
            "predicted for "
            "it (assumed_label), and is worth a label of its own\n",
            (long long)extend->assumed_rows);
  }
}
