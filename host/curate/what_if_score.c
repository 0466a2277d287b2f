/* Losses and errors before and after a change, over all rows and by class. */
#include "what_if_score.h"

#include <math.h>

const char *diva_what_if_test_name(enum diva_what_if_test test) {
  static const char *const names[DIVA_WHAT_IF_TESTS] = {
      [DIVA_WHAT_IF_LOO] = "loo",
      [DIVA_WHAT_IF_KEPT] = "kept",
      [DIVA_WHAT_IF_KEPT_RELABELLED] = "kept_relabelled",
      [DIVA_WHAT_IF_VALIDATION] = "validation",
  };
  return names[test];
}

static double squared_loss(const double *scores, int64_t outputs, int32_t label) {
  double sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    const double r = scores[c] - (c == label ? 1.0 : 0.0);
    sum += r * r;
  }
  return sum;
}

static double cross_entropy(const double *scores, int64_t outputs, int32_t label,
                            double temperature) {
  double largest = scores[label];
  double sum = 0.0;
  for (int64_t c = 0; c < outputs; c++) {
    largest = fmax(largest, scores[c]);
  }
  for (int64_t c = 0; c < outputs; c++) {
    sum += exp(temperature * (scores[c] - largest));
  }
  return log(sum) + temperature * (largest - scores[label]);
}

double diva_what_if_loss(const double *scores, int64_t outputs, int32_t label, enum diva_loss loss,
                         double temperature) {
  return loss == DIVA_LOSS_CROSS_ENTROPY ? cross_entropy(scores, outputs, label, temperature)
                                         : squared_loss(scores, outputs, label);
}

/* Sums of one test on one side: of all rows and by class. */
struct sums {
  struct diva_what_if_figures *all, *classes;
  enum diva_what_if_test test;
  bool after;
};

static struct diva_score *score_of(struct diva_what_if_figures *figures, const struct sums *sums) {
  struct diva_what_if_pair *pair = &figures->test[sums->test];
  return sums->after ? &pair->after : &pair->before;
}

static void add_row(struct diva_score *score, double loss, bool wrong) {
  score->rows++;
  score->loss += loss;
  score->error += wrong;
}

/* One row tested by a label; targets have none, and no classes to mistake. */
static void add(const struct sums *sums, double loss, int32_t prediction, int32_t label) {
  add_row(score_of(sums->all, sums), loss, prediction != label);
  if (sums->classes) {
    add_row(score_of(&sums->classes[label], sums), loss, prediction != label);
  }
}

static void finish(struct diva_what_if_figures *figures, bool labels) {
  for (int t = 0; t < DIVA_WHAT_IF_TESTS; t++) {
    struct diva_score *scores[] = {&figures->test[t].before, &figures->test[t].after};
    for (int i = 0; i < 2; i++) {
      const double rows = scores[i]->rows ? (double)scores[i]->rows : (double)NAN;
      scores[i]->loss /= rows;
      scores[i]->error = labels ? scores[i]->error / rows : (double)NAN;
    }
  }
}

static int32_t label_of(const int32_t *labels, int64_t i) {
  return labels ? labels[i] : -1;
}

/* LOO of each side, over its own rows by its own labels. */
static void score_loo(const struct diva_what_if_side *side, int64_t rows, struct sums sums) {
  for (int64_t i = 0; i < rows; i++) {
    if (side->weight[i] > 0.0) {
      add(&sums, side->loss[i], side->prediction[i], label_of(side->labels, i));
    }
  }
}

/* LOO of one side, over the rows trained on both times. @param judge  whose labels are believed */
static void score_kept(const struct diva_what_if_sides *sides, const struct diva_what_if_side *side,
                       const struct diva_what_if_side *judge, struct sums sums) {
  int64_t at = 0;
  for (int64_t i = 0; i < sides->rows; i++) {
    const bool relabelled = at < sides->relabelled_rows && sides->relabelled[at] == i;
    if (sides->before.weight[i] > 0.0 && sides->after.weight[i] > 0.0) {
      const double loss = relabelled && judge != side ? side->other_loss[at] : side->loss[i];
      add(&sums, loss, side->prediction[i], label_of(judge->labels, i));
    }
    at += relabelled;
  }
}

static void score_validation(const struct diva_what_if_sides *sides,
                             const struct diva_what_if_side *side, struct sums sums) {
  for (int64_t v = 0; v < sides->validation_rows; v++) {
    const int64_t i = sides->rows + v;
    if (!sides->validation_labels || sides->validation_labels[v] >= 0) {
      add(&sums, side->loss[i], side->prediction[i], label_of(sides->validation_labels, v));
    }
  }
}

void diva_what_if_score(const struct diva_what_if_sides *sides, struct diva_what_if_figures *all,
                        struct diva_what_if_figures *classes) {
  for (int i = 0; i < 2; i++) {
    const struct diva_what_if_side *side = i ? &sides->after : &sides->before;
    struct sums sums = {.all = all, .classes = classes, .after = i == 1};
    sums.test = DIVA_WHAT_IF_LOO;
    score_loo(side, sides->rows, sums);
    sums.test = DIVA_WHAT_IF_KEPT;
    score_kept(sides, side, &sides->before, sums);
    sums.test = DIVA_WHAT_IF_KEPT_RELABELLED;
    score_kept(sides, side, &sides->after, sums);
    sums.test = DIVA_WHAT_IF_VALIDATION;
    score_validation(sides, side, sums);
  }
  finish(all, classes != NULL);
  for (int64_t c = 0; classes && c < sides->outputs; c++) {
    finish(&classes[c], true);
  }
}
