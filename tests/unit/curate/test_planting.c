/* Planted wrong labels: how many, which, and how well a score finds them. */
#include "host/curate/planting.h"
#include "scored_rows.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2000, CLASSES = 4, UNLABELLED_EVERY = 100, SURE_EVERY = 10 };

/* Flips that keep to pairs of classes or go anywhere. */
static struct diva_label_noise make_noise(double confusable) {
  struct diva_label_noise noise = {
      .classes = CLASSES, .sharpness = 1.0, .rate = 0.1, .confusable = confusable};
  noise.confusion = reference_allocate(CLASSES * CLASSES, sizeof *noise.confusion);
  for (int64_t c = 0; c < CLASSES; c++) {
    noise.confusion[c * CLASSES + (c ^ 1)] = 1.0;
  }
  return noise;
}

static void make_labels(int32_t *labels, double *probability) {
  struct reference_random random = {77};
  for (int64_t i = 0; i < ROWS; i++) {
    labels[i] = i % UNLABELLED_EVERY == 7 ? -1 : (int32_t)reference_below(&random, CLASSES);
    probability[i] = labels[i] < 0         ? (double)NAN
                     : i % SURE_EVERY == 3 ? 1.0
                                           : 0.4 * fabs(reference_uniform(&random));
  }
}

static struct diva_planting plant(const int32_t *labels, const double *probability,
                                  const struct diva_label_noise *noise, double share,
                                  uint64_t seed) {
  struct diva_planting planting;
  struct diva_error error = {0};
  const enum diva_status status =
      diva_planting_make(labels, probability, ROWS, noise, share, seed, &planting, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return planting;
}

/* As many as asked for, to other classes, never unlabelled rows nor those surely wrong; all else
 * stays as it was. */
static void expect_planted(const struct diva_planting *planting, const int32_t *labels,
                           const double *probability, int64_t want, bool pairs) {
  int64_t flips = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    const double trust = labels[i] < 0 ? 0.0 : 1.0 - probability[i];
    cr_expect((planting->labels[i] != labels[i]) == (planting->is_flip[i] != 0));
    cr_expect(planting->trust[i] == (planting->is_flip[i] ? 1.0 : trust));
    if (planting->is_flip[i]) {
      flips++;
      cr_expect(trust > 0.0 && planting->labels[i] >= 0 && planting->labels[i] < CLASSES);
      cr_expect(!pairs || planting->labels[i] == (labels[i] ^ 1));
    }
  }
  cr_expect(planting->rows == ROWS && planting->planted == want && flips == want,
            "%lld planted, not %lld", (long long)flips, (long long)want);
}

Test(planting, counts_and_classes) {
  static const double shares[] = {0.0, 0.02, 0.1, 0.5};
  const int64_t labelled = ROWS - ROWS / UNLABELLED_EVERY;
  int32_t labels[ROWS];
  double probability[ROWS];
  make_labels(labels, probability);
  for (int s = 0; s < 4; s++) {
    for (int pairs = 0; pairs < 2; pairs++) {
      struct diva_label_noise noise = make_noise(pairs);
      struct diva_planting planting = plant(labels, probability, &noise, shares[s], 5);
      expect_planted(&planting, labels, probability, llround(shares[s] * (double)labelled), pairs);
      diva_planting_free(&planting);
      cr_expect(!planting.labels && !planting.is_flip && !planting.trust);
      diva_label_noise_free(&noise);
    }
  }
}

Test(planting, seeded) {
  int32_t labels[ROWS];
  double probability[ROWS];
  make_labels(labels, probability);
  struct diva_label_noise noise = make_noise(0.3);
  struct diva_planting a = plant(labels, probability, &noise, 0.1, 5);
  struct diva_planting b = plant(labels, probability, &noise, 0.1, 5);
  struct diva_planting c = plant(labels, probability, &noise, 0.1, 6);
  cr_expect(memcmp(a.labels, b.labels, sizeof labels) == 0);
  cr_expect(memcmp(a.is_flip, b.is_flip, ROWS) == 0);
  cr_expect(memcmp(a.trust, b.trust, sizeof probability) == 0);
  cr_expect(memcmp(a.is_flip, c.is_flip, ROWS) != 0);
  diva_planting_free(&a);
  diva_planting_free(&b);
  diva_planting_free(&c);
  diva_label_noise_free(&noise);
}

/* Over many seeds: rows in proportion to their trust, classes in proportion to the noise model. */
Test(planting, in_proportion) {
  enum { ROUNDS = 200 };
  int32_t labels[ROWS];
  double probability[ROWS];
  double trusted[2] = {0.0};
  double flipped[2] = {0.0};
  double to_pair = 0.0;
  make_labels(labels, probability);
  struct diva_label_noise noise = make_noise(0.4);
  for (uint64_t seed = 0; seed < ROUNDS; seed++) {
    struct diva_planting planting = plant(labels, probability, &noise, 0.01, seed);
    for (int64_t i = 0; i < ROWS; i++) {
      const int part = probability[i] > 0.2;
      if (labels[i] >= 0) {
        trusted[part] += 1.0 - probability[i];
        flipped[part] += planting.is_flip[i];
        to_pair += planting.is_flip[i] && planting.labels[i] == (labels[i] ^ 1);
      }
    }
    diva_planting_free(&planting);
  }
  /* About 20 flips a round; 0.6 to the pair: 0.4 + 0.6 / 3. */
  const double flips = flipped[0] + flipped[1];
  const double share = trusted[1] / (trusted[0] + trusted[1]);
  cr_expect(fabs(flipped[1] / flips - share) < 4.0 * sqrt(share * (1.0 - share) / flips),
            "%g of the flips, %g of the trust", flipped[1] / flips, share);
  cr_expect(fabs(to_pair / flips - 0.6) < 4.0 * sqrt(0.24 / flips), "%g go to the pair",
            to_pair / flips);
  diva_label_noise_free(&noise);
}

/* Every pair of a flip and another row, which counts as much as it is trusted; ties count half. */
static double auroc_by_pairs(const struct diva_planting *planting, const double *score) {
  double right = 0.0;
  double all = 0.0;
  for (int64_t i = 0; i < planting->rows; i++) {
    for (int64_t j = 0; j < planting->rows && planting->is_flip[i]; j++) {
      const double trust = planting->is_flip[j] ? 0.0 : planting->trust[j];
      all += trust;
      right += trust * (score[i] > score[j] ? 1.0 : (score[i] == score[j] ? 0.5 : 0.0));
    }
  }
  return right / all;
}

/* The mean over flips of the precision among all rows that score as high or higher. */
static double precision_by_cuts(const struct diva_planting *planting, const double *score) {
  double sum = 0.0;
  double flips = 0.0;
  for (int64_t i = 0; i < planting->rows; i++) {
    double found = 0.0;
    double taken = 0.0;
    for (int64_t j = 0; j < planting->rows && planting->is_flip[i]; j++) {
      if (score[j] >= score[i]) {
        found += planting->is_flip[j] ? 1.0 : 0.0;
        taken += planting->is_flip[j] ? 1.0 : planting->trust[j];
      }
    }
    flips += planting->is_flip[i] ? 1.0 : 0.0;
    sum += planting->is_flip[i] ? found / taken : 0.0;
  }
  return sum / flips;
}

/* Scores with no ties, some, and nothing but ties. */
Test(planting, judged_as_by_definition) {
  static const double steps[] = {0.0, 0.25, 100.0};
  int32_t labels[ROWS];
  double probability[ROWS];
  double score[ROWS];
  struct reference_random random = {99};
  struct diva_finding finding;
  make_labels(labels, probability);
  struct diva_label_noise noise = make_noise(0.5);
  struct diva_planting planting = plant(labels, probability, &noise, 0.05, 8);
  for (int s = 0; s < 3; s++) {
    for (int64_t i = 0; i < ROWS; i++) {
      const double value = reference_normal(&random) + (planting.is_flip[i] ? 1.5 : 0.0);
      score[i] = steps[s] > 0.0 ? floor(value / steps[s] + 0.5) : value;
      score[i] = labels[i] < 0 ? (double)NAN : score[i];
    }
    cr_assert(diva_planting_judge(&planting, score, &finding, NULL) == DIVA_OK);
    const double auroc = auroc_by_pairs(&planting, score);
    const double precision = precision_by_cuts(&planting, score);
    cr_expect(fabs(finding.auroc - auroc) < 1e-12, "%g, not %g", finding.auroc, auroc);
    cr_expect(fabs(finding.average_precision - precision) < 1e-12, "%g, not %g",
              finding.average_precision, precision);
  }
  cr_expect(fabs(finding.auroc - 0.5) < 1e-12);
  diva_planting_free(&planting);
  diva_label_noise_free(&noise);
}

/* Without flips there is nothing to find. */
Test(planting, nothing_planted) {
  int32_t labels[ROWS];
  double probability[ROWS];
  struct diva_finding finding;
  make_labels(labels, probability);
  struct diva_label_noise noise = make_noise(0.5);
  struct diva_planting planting = plant(labels, probability, &noise, 0.0, 8);
  cr_assert(diva_planting_judge(&planting, probability, &finding, NULL) == DIVA_OK);
  cr_expect(isnan(finding.auroc) && isnan(finding.average_precision));
  diva_planting_free(&planting);
  diva_label_noise_free(&noise);
}
