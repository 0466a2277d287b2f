/* Probabilities that labels are wrong: the score by its formula, and their calibration. */
#include "host/curate/issue_probability.h"
#include "scored_rows.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/curate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Everything known of some rows. */
struct judged {
  struct scored_rows rows;
  struct diva_labelled_scores view;
  struct diva_label_noise noise;
  struct diva_issue_columns columns;
};

static void judge(struct judged *judged) {
  struct diva_error error = {0};
  const enum diva_status status =
      diva_issue_probability(&judged->view, &judged->noise, &judged->columns, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
}

static void open_judged(const struct scored_recipe *recipe, struct judged *judged) {
  scored_rows_make(recipe, &judged->rows);
  judged->view = scored_rows_view(&judged->rows);
  judged->noise = scored_rows_fit(&judged->view);
  judged->columns = (struct diva_issue_columns){
      .score = reference_allocate(recipe->rows, sizeof(double)),
      .probability = reference_allocate(recipe->rows, sizeof(double)),
      .suggested = reference_allocate(recipe->rows, sizeof(int32_t)),
      .suggested_probability = reference_allocate(recipe->rows, sizeof(double))};
  judge(judged);
}

static void close_judged(struct judged *judged) {
  free(judged->columns.score);
  free(judged->columns.probability);
  free(judged->columns.suggested);
  free(judged->columns.suggested_probability);
  diva_label_noise_free(&judged->noise);
  scored_rows_free(&judged->rows);
}

/* The log-odds of the header, without care for overflow. */
static long double score_by_formula(const struct diva_label_noise *noise, const float *scores,
                                    int32_t label) {
  const long double place = fminl(fmaxl((noise->confusable - 0.3L) / 0.4L, 0.0L), 1.0L);
  const long double s = 0.4L * powl(2.0L / 0.4L, place);
  const long double t = noise->sharpness;
  long double sum = 0.0L;
  for (int64_t c = 0; c < noise->classes; c++) {
    sum += c == label ? 0.0L : expl(s * t * (long double)scores[c]);
  }
  return logl(sum) / s - t * (long double)scores[label];
}

Test(issue_probability, score_by_formula) {
  static const double confusable[] = {0.0, 0.3, 0.4, 0.55, 0.7, 1.0};
  const struct scored_recipe recipe = {300, 10, 0.2, false, 31};
  struct judged judged;
  open_judged(&recipe, &judged);
  for (int g = 0; g < 6; g++) {
    judged.noise.confusable = confusable[g];
    judge(&judged);
    for (int64_t i = 0; i < recipe.rows; i++) {
      const float *scores = judged.rows.table.scores + i * recipe.classes;
      const double want = (double)score_by_formula(&judged.noise, scores, judged.rows.labels[i]);
      cr_expect(fabs(judged.columns.score[i] - want) < 1e-10, "g %g: %g, not %g", confusable[g],
                judged.columns.score[i], want);
      cr_expect(judged.columns.score[i] ==
                diva_issue_score(&judged.noise, scores, judged.rows.labels[i]));
    }
  }
  close_judged(&judged);
}

/* A larger score is a larger probability, the mean is the rate, suggestions are other classes. */
static void expect_sound(const struct judged *judged) {
  const struct diva_issue_columns *columns = &judged->columns;
  const int64_t n = judged->rows.table.rows;
  const int64_t k = judged->rows.table.classes;
  int64_t *order = reference_allocate(n, sizeof *order);
  double p[10];
  double sum = 0.0;
  cr_assert(diva_order_rows(columns->score, n, false, order, NULL) == DIVA_OK);
  for (int64_t at = 0; at < n; at++) {
    const int64_t i = order[at];
    const int64_t before = order[at > 0 ? at - 1 : 0];
    const float *scores = judged->rows.table.scores + i * k;
    const int32_t label = judged->rows.labels[i];
    const int32_t suggested = columns->suggested[i];
    double others = 0.0;
    (void)diva_label_noise_posterior(&judged->noise, scores, label, p);
    sum += columns->probability[i];
    cr_expect(columns->probability[i] > 0.0 && columns->probability[i] <= 1.0);
    cr_expect(columns->probability[i] >= columns->probability[before]);
    /* Near 1 there are few numbers left to tell scores apart by. */
    cr_expect(columns->probability[i] > 1.0 - 1e-9 ||
              columns->score[i] - columns->score[before] < 1e-9 ||
              columns->probability[i] > columns->probability[before]);
    cr_assert(suggested >= 0 && suggested < k && suggested != label);
    for (int32_t c = 0; c < k; c++) {
      others += c == label ? 0.0 : p[c];
      cr_expect(c == label || p[c] <= p[suggested]);
    }
    cr_expect(fabs(columns->suggested_probability[i] -
                   columns->probability[i] * p[suggested] / others) < 1e-9);
  }
  cr_expect(fabs(sum / (double)n - judged->noise.rate) < 1e-9, "mean %g, rate %g", sum / (double)n,
            judged->noise.rate);
  free(order);
}

/* In bins of probability, about that share of the labels is wrong; the rate is known to about a
 * tenth of itself, so no better. */
static void expect_calibrated(const struct judged *judged) {
  enum { BINS = 5 };
  double expected[BINS] = {0.0};
  double wrong[BINS] = {0.0};
  double count[BINS] = {0.0};
  for (int64_t i = 0; i < judged->rows.table.rows; i++) {
    const double probability = judged->columns.probability[i];
    const int bin = probability < 1.0 ? (int)(probability * BINS) : BINS - 1;
    expected[bin] += probability;
    wrong[bin] += judged->rows.labels[i] != judged->rows.truth[i];
    count[bin] += 1.0;
  }
  for (int b = 0; b < BINS; b++) {
    const double mean = expected[b] / count[b];
    const double spread = sqrt(mean * (1.0 - mean) / count[b]);
    cr_expect(count[b] < 30.0 || fabs(wrong[b] / count[b] - mean) < 4.0 * spread + 0.12,
              "k %lld, rate %g, bin %d of %g rows: %g wrong, %g expected",
              (long long)judged->rows.table.classes, judged->noise.rate, b, count[b],
              wrong[b] / count[b], mean);
  }
}

Test(issue_probability, sound_and_calibrated) {
  static const int64_t class_counts[] = {2, 3, 10};
  static const double rates[] = {0.0, 0.05, 0.2, 0.4};
  for (int c = 0; c < 3; c++) {
    for (int r = 0; r < 4; r++) {
      for (int confusable = 0; confusable < 2; confusable++) {
        const struct scored_recipe recipe = {4000, class_counts[c], rates[r], confusable,
                                             (uint64_t)(100 * c + 10 * r + confusable + 1)};
        struct judged judged;
        open_judged(&recipe, &judged);
        expect_sound(&judged);
        expect_calibrated(&judged);
        close_judged(&judged);
      }
    }
  }
}

/* Rows without a label have no probability; rows of weight 0 have one and do not count. */
Test(issue_probability, rows_passed_over) {
  const struct scored_recipe recipe = {1000, 3, 0.1, false, 41};
  struct judged judged;
  double weight[1000];
  double sum = 0.0;
  double counted = 0.0;
  open_judged(&recipe, &judged);
  for (int64_t i = 0; i < recipe.rows; i++) {
    weight[i] = i % 10 == 3 ? 0.0 : 1.0;
    judged.rows.labels[i] = i % 10 == 5 ? -1 : judged.rows.labels[i];
  }
  judged.view.weight = weight;
  judge(&judged);
  for (int64_t i = 0; i < recipe.rows; i++) {
    const double probability = judged.columns.probability[i];
    if (judged.rows.labels[i] < 0) {
      cr_expect(isnan(probability) && isnan(judged.columns.score[i]));
      cr_expect(isnan(judged.columns.suggested_probability[i]));
      cr_expect(judged.columns.suggested[i] == -1);
    } else {
      cr_expect(probability > 0.0 && probability < 1.0);
      sum += weight[i] * probability;
      counted += weight[i];
    }
  }
  cr_expect(counted == 800.0 && fabs(sum / counted - judged.noise.rate) < 1e-9);
  close_judged(&judged);
}

/* The same bytes on any number of threads, more than there are rows too. */
Test(issue_probability, threads) {
  const struct scored_recipe recipe = {37, 3, 0.2, false, 51};
  struct judged judged;
  double first[37];
  open_judged(&recipe, &judged);
  memcpy(first, judged.columns.probability, sizeof first);
  static const int threads[] = {2, 3, 64};
  for (int t = 0; t < 3; t++) {
    judged.view.threads = threads[t];
    judge(&judged);
    cr_expect(memcmp(first, judged.columns.probability, sizeof first) == 0);
  }
  close_judged(&judged);
}
