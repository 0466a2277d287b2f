/* Finding wrong labels, whole: what is flagged, how many, and what is said of it. */
#include "blobs.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct blobs_recipe plain = {
    .rows = 500, .columns = 6, .classes = 3, .every = 10, .distance = 3.0};

/* Wrong labels among the rows of the set, the flagged ones, and both. */
struct found {
  double wrong;
  double flagged;
  double both;
};

static struct found count(const struct blobs *blobs, const struct blobs_verdict *verdict) {
  struct found found = {0};
  for (int64_t i = 0; i < blobs->recipe.rows; i++) {
    const bool wrong = blobs_belongs(blobs, i) && blobs->labels[i] != blobs->truth[i];
    found.wrong += wrong;
    found.flagged += verdict->columns.is_label_issue[i];
    found.both += wrong && verdict->columns.is_label_issue[i];
  }
  return found;
}

static void clean(const struct blobs *blobs, const struct diva_clean_options *options,
                  struct blobs_verdict *verdict) {
  const struct diva_analysis_options analysis = blobs_analysis();
  blobs_clean(blobs, &analysis, options, verdict);
  cr_assert(verdict->status == DIVA_OK, "%s", verdict->error.message);
}

/* Most wrong labels are found and few others flagged, for few classes and many; the suggestions
 * are the truth. */
Test(clean, planted_labels_are_found) {
  static const int64_t class_counts[] = {2, 3, 6};
  for (int c = 0; c < 3; c++) {
    struct blobs_recipe recipe = plain;
    struct blobs blobs;
    struct blobs_verdict verdict;
    double right = 0.0;
    recipe.classes = class_counts[c];
    recipe.columns = 2 * recipe.classes;
    blobs_open(&recipe, &blobs);
    clean(&blobs, NULL, &verdict);
    const struct found found = count(&blobs, &verdict);
    for (int64_t i = 0; i < recipe.rows; i++) {
      right += verdict.columns.is_label_issue[i] && blobs.labels[i] != blobs.truth[i] &&
               verdict.columns.suggested_label[i] == blobs.truth[i];
    }
    cr_expect(found.both >= 0.85 * found.wrong, "k %lld: %g of %g found", (long long)recipe.classes,
              found.both, found.wrong);
    cr_expect(found.both >= 0.75 * found.flagged, "k %lld: %g of %g flagged are wrong",
              (long long)recipe.classes, found.both, found.flagged);
    cr_expect(right >= 0.95 * found.both, "%g of %g suggestions are right", right, found.both);
    cr_expect(fabs(verdict.noise.rate - 0.1) < 0.045, "rate %g", verdict.noise.rate);
    cr_expect(verdict.noise.features_tell && verdict.noise.planted_auroc > 0.9);
    cr_expect(verdict.noise.planted >= 20);
    blobs_forget(&verdict);
    blobs_close(&blobs);
  }
}

/* The model left open, as the program has it. */
Test(clean, model_left_open) {
  struct blobs blobs;
  struct blobs_verdict verdict;
  struct diva_summary summary;
  struct diva_analysis_options analysis = blobs_analysis();
  analysis.scale = DIVA_SCALE_AUTO;
  analysis.kernel = DIVA_KERNEL_AUTO;
  blobs_open(&plain, &blobs);
  blobs_clean(&blobs, &analysis, NULL, &verdict);
  cr_assert(verdict.status == DIVA_OK, "%s", verdict.error.message);
  const struct found found = count(&blobs, &verdict);
  diva_analysis_summary(verdict.analysis, &summary);
  cr_expect(summary.scale != DIVA_SCALE_AUTO && summary.kernel != DIVA_KERNEL_AUTO);
  cr_expect(found.both >= 0.85 * found.wrong && found.both >= 0.75 * found.flagged);
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

Test(clean, right_labels_are_left_alone) {
  struct blobs_recipe recipe = plain;
  struct blobs blobs;
  struct blobs_verdict verdict;
  recipe.every = 0;
  recipe.distance = 5.0;
  blobs_open(&recipe, &blobs);
  clean(&blobs, NULL, &verdict);
  cr_expect(verdict.noise.flagged <= recipe.rows / 100, "%lld right labels are flagged",
            (long long)verdict.noise.flagged);
  cr_expect(verdict.noise.rate < 0.01, "rate %g", verdict.noise.rate);
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

/* Features that know nothing of the classes tell nothing, and that is said. */
Test(clean, features_that_cannot_tell) {
  struct blobs_recipe recipe = plain;
  struct blobs blobs;
  struct blobs_verdict verdict;
  recipe.distance = 0.0;
  blobs_open(&recipe, &blobs);
  clean(&blobs, NULL, &verdict);
  cr_expect(verdict.noise.flagged == 0 && !verdict.noise.features_tell &&
                verdict.noise.planted_auroc < 0.7,
            "AUROC %g", verdict.noise.planted_auroc);
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

/* Exactly so many, whatever is expected of them; and not so many that nothing is left. The
 * pool and the unlabelled rows are no part of either. */
Test(clean, by_count) {
  static const int64_t counts[] = {0, 1, 60};
  struct blobs_recipe recipe = plain;
  struct blobs blobs;
  struct blobs_verdict verdict;
  struct diva_clean_options options;
  int64_t belonging = 0;
  recipe.oddments = true;
  blobs_open(&recipe, &blobs);
  for (int64_t i = 0; i < recipe.rows; i++) {
    belonging += blobs_belongs(&blobs, i);
  }
  diva_clean_options_init(&options);
  options.refit = DIVA_REFIT_NONE;
  for (int c = 0; c < 4; c++) {
    options.count = c < 3 ? counts[c] : belonging - 1;
    clean(&blobs, &options, &verdict);
    cr_expect(verdict.noise.flagged == options.count, "%lld are flagged, not %lld",
              (long long)verdict.noise.flagged, (long long)options.count);
    blobs_forget(&verdict);
  }
  const struct diva_analysis_options analysis = blobs_analysis();
  options.count = belonging;
  blobs_clean(&blobs, &analysis, &options, &verdict);
  cr_expect(verdict.status == DIVA_ERROR_USAGE && strstr(verdict.error.message, "cannot flag"),
            "%s", verdict.error.message);
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

/* As many as keep the expected precision: with one row more it would be missed. */
Test(clean, by_precision) {
  static const double precisions[] = {0.3, 0.8, 0.99};
  struct blobs blobs;
  struct blobs_verdict verdict;
  struct diva_clean_options options;
  int64_t before = INT64_MAX;
  blobs_open(&plain, &blobs);
  diva_clean_options_init(&options);
  for (int p = 0; p < 3; p++) {
    options.precision = precisions[p];
    clean(&blobs, &options, &verdict);
    const double flagged = (double)verdict.noise.flagged;
    double next = 0.0;
    for (int64_t i = 0; i < plain.rows; i++) {
      if (!verdict.columns.is_label_issue[i]) {
        next = fmax(next, verdict.columns.issue_probability[i]);
      }
    }
    const double found = flagged > 0.0 ? flagged * verdict.noise.expected_precision : 0.0;
    cr_expect(flagged > 0.0 && verdict.noise.expected_precision >= precisions[p]);
    cr_expect((found + next) / (flagged + 1.0) < precisions[p]);
    cr_expect(verdict.noise.flagged < before);
    before = verdict.noise.flagged;
    blobs_forget(&verdict);
  }
  blobs_close(&blobs);
}

/* By default no other number of rows has a higher expected F1. */
Test(clean, by_expected_f1) {
  struct blobs blobs;
  struct blobs_verdict verdict;
  double found = 0.0;
  double best = 0.0;
  int64_t count_at_best = 0;
  blobs_open(&plain, &blobs);
  clean(&blobs, NULL, &verdict);
  int64_t *order = reference_allocate(plain.rows, sizeof *order);
  const double *probability = verdict.columns.issue_probability;
  cr_assert(diva_order_rows(probability, plain.rows, true, order, NULL) == DIVA_OK);
  for (int64_t at = 0; at < plain.rows; at++) {
    found += probability[order[at]];
    const double precision = found / (double)(at + 1);
    const double recall = found / (verdict.noise.rate * (double)plain.rows);
    const double f1 = 2.0 * precision * recall / (precision + recall);
    if (f1 > best) {
      best = f1;
      count_at_best = at + 1;
    }
  }
  cr_expect(verdict.noise.flagged == count_at_best, "%lld are flagged, not %lld",
            (long long)verdict.noise.flagged, (long long)count_at_best);
  free(order);
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

/* Labels in the pool are nonsense here, and weights and missing labels come in the dataset or in
 * the options: it is all one. */
Test(clean, weights_pool_and_unlabelled) {
  struct blobs_recipe recipe = plain;
  struct blobs blobs;
  struct blobs_verdict verdict;
  struct blobs_verdict given;
  recipe.oddments = true;
  recipe.rows = 600;
  blobs_open(&recipe, &blobs);
  clean(&blobs, NULL, &verdict);
  const struct found found = count(&blobs, &verdict);
  cr_expect(found.both >= 0.8 * found.wrong && found.both >= 0.8 * found.flagged,
            "%g flagged, %g of %g found", found.flagged, found.both, found.wrong);
  cr_expect(fabs(verdict.noise.rate - found.wrong / 456.0) < 0.04, "rate %g of %g",
            verdict.noise.rate, found.wrong / 456.0);
  struct diva_analysis_options analysis = blobs_analysis();
  analysis.weights = blobs.weights;
  blobs_clean(&blobs, &analysis, NULL, &given);
  cr_assert(given.status == DIVA_OK, "%s", given.error.message);
  cr_expect(memcmp(given.columns.issue_probability, verdict.columns.issue_probability,
                   (size_t)recipe.rows * sizeof(double)) == 0);
  blobs_forget(&verdict);
  blobs_forget(&given);
  blobs_close(&blobs);
}

static uint64_t digest(const struct blobs_verdict *verdict) {
  const struct diva_decision_columns *columns = &verdict->columns;
  const size_t n = (size_t)columns->rows;
  uint64_t all = reference_digest(0, columns->issue_probability, n * sizeof(double));
  all = reference_digest(all, columns->suggested_probability, n * sizeof(double));
  all = reference_digest(all, columns->suggested_label, n * sizeof(int32_t));
  all = reference_digest(all, columns->action, n);
  return reference_digest(all, verdict->noise.transition, 9 * sizeof(double));
}

/* Every refit runs, does what it is called, and gives the same bytes again; on two threads too
 * where that is asked for. */
Test(clean, refits_are_reproducible) {
  enum { REFITS = DIVA_REFIT_BOTH + 1 };
  static const char *const names[] = {"auto", "none", "trim", "reweight", "both"};
  struct blobs blobs;
  uint64_t digests[REFITS];
  blobs_open(&plain, &blobs);
  for (int r = 0; r < REFITS; r++) {
    struct diva_clean_options options;
    diva_clean_options_init(&options);
    options.refit = (enum diva_refit)r;
    cr_expect(strcmp(diva_refit_name(options.refit), names[r]) == 0);
    for (int repeat = 0; repeat < 2; repeat++) {
      struct blobs_verdict verdict;
      struct diva_analysis_options analysis = blobs_analysis();
      analysis.deterministic = true;
      analysis.threads = 1 + repeat;
      blobs_clean(&blobs, &analysis, &options, &verdict);
      cr_assert(verdict.status == DIVA_OK, "%s", verdict.error.message);
      const struct found found = count(&blobs, &verdict);
      cr_expect(options.refit == DIVA_REFIT_AUTO || verdict.noise.refit == options.refit);
      cr_expect(found.both >= 0.8 * found.wrong && found.both >= 0.7 * found.flagged,
                "%s: %g of %g, %g flagged", names[r], found.both, found.wrong, found.flagged);
      cr_expect(repeat == 0 || digests[r] == digest(&verdict), "%s differs from itself", names[r]);
      digests[r] = digest(&verdict);
      blobs_forget(&verdict);
    }
  }
  bool is_one_of_them = false;
  for (int r = 1; r < REFITS; r++) {
    is_one_of_them = is_one_of_them || digests[r] == digests[0];
    for (int other = 1; other < r; other++) {
      cr_expect(digests[r] != digests[other], "%s is %s", names[r], names[other]);
    }
  }
  cr_expect(is_one_of_them);
  blobs_close(&blobs);
}

/* P(given | class) of noise that goes round: each class is called the next one time in six. */
Test(clean, transition_of_noise_that_goes_round) {
  struct blobs_recipe recipe = plain;
  struct blobs blobs;
  struct blobs_verdict verdict;
  recipe.rows = 600;
  recipe.round = true;
  recipe.every = 6;
  recipe.distance = 4.0;
  blobs_open(&recipe, &blobs);
  clean(&blobs, NULL, &verdict);
  for (int64_t c = 0; c < 3; c++) {
    const double *row = verdict.noise.transition + c * 3;
    const double next = row[(c + 1) % 3];
    cr_expect(fabs(next - 1.0 / 6.0) < 0.06, "P(next | %lld) is %g", (long long)c, next);
    cr_expect(row[(c + 2) % 3] < 0.03, "P(last | %lld) is %g", (long long)c, row[(c + 2) % 3]);
  }
  blobs_forget(&verdict);
  blobs_close(&blobs);
}
