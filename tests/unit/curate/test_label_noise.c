/* The label-noise model: known noise is found again, and the posterior is Bayes' rule. */
#include "scored_rows.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t class_counts[] = {2, 3, 10};
enum { CLASS_COUNTS = 3, ROWS = 4000 };

static void expect_noise(const struct scored_recipe *recipe, const struct scored_rows *rows,
                         const struct diva_label_noise *noise) {
  const double truth = (double)rows->flipped / (double)recipe->rows;
  /* The surer 40 % of the rows have their say in the rate. */
  const double spread = sqrt(truth * (1.0 - truth) / (0.4 * (double)recipe->rows));
  const long long k = (long long)recipe->classes;
  cr_expect(fabs(noise->rate - truth) < 3.0 * spread, "k %lld: rate %g, not %g", k, noise->rate,
            truth);
  /* Among two classes every flip is to the one that looks alike. */
  cr_expect(k == 2 || (noise->confusable > 0.5) == recipe->confusable, "k %lld, rate %g: g %g", k,
            truth, noise->confusable);
  cr_expect(noise->confusable >= 0.0 && noise->confusable <= 1.0);
  /* Of much noise the sharpness is badly known, but for its lower side. */
  cr_expect(noise->sharpness > 0.5 * SCORED_TEMPERATURE, "k %lld, rate %g: t %g", k, truth,
            noise->sharpness);
  cr_expect(truth > 0.3 || noise->sharpness < 2.0 * SCORED_TEMPERATURE, "k %lld, rate %g: t %g", k,
            truth, noise->sharpness);
  cr_expect(noise->temperature > 0.0 && noise->temperature < noise->sharpness);
}

/* Noise of every kind and size is told within a few standard errors. */
Test(label_noise, known_noise_is_found_again) {
  static const double rates[] = {0.05, 0.2, 0.4};
  for (int c = 0; c < CLASS_COUNTS; c++) {
    for (int r = 0; r < 3; r++) {
      for (int confusable = 0; confusable < 2; confusable++) {
        const struct scored_recipe recipe = {ROWS, class_counts[c], rates[r], confusable,
                                             (uint64_t)(100 * c + 10 * r + confusable + 1)};
        struct scored_rows rows;
        scored_rows_make(&recipe, &rows);
        const struct diva_labelled_scores view = scored_rows_view(&rows);
        struct diva_label_noise noise = scored_rows_fit(&view);
        expect_noise(&recipe, &rows, &noise);
        diva_label_noise_free(&noise);
        cr_expect(!noise.confusion);
        scored_rows_free(&rows);
      }
    }
  }
}

/* Where nothing is wrong, next to nothing is found, and the temperature is the scores' own. */
Test(label_noise, right_labels) {
  for (int c = 0; c < CLASS_COUNTS; c++) {
    const struct scored_recipe recipe = {ROWS, class_counts[c], 0.0, false, (uint64_t)c + 1};
    struct scored_rows rows;
    scored_rows_make(&recipe, &rows);
    const struct diva_labelled_scores view = scored_rows_view(&rows);
    struct diva_label_noise noise = scored_rows_fit(&view);
    cr_expect(noise.rate > 0.0 && noise.rate < 0.01, "rate %g", noise.rate);
    cr_expect(fabs(noise.temperature / SCORED_TEMPERATURE - 1.0) < 0.1, "t0 %g", noise.temperature);
    cr_expect(fabs(noise.sharpness / SCORED_TEMPERATURE - 1.0) < 0.2, "t %g", noise.sharpness);
    diva_label_noise_free(&noise);
    scored_rows_free(&rows);
  }
}

/* Chances of a flip are chances: none to the class itself, one in all, alike classes ahead. */
Test(label_noise, confusions_sum_to_one) {
  const struct scored_recipe recipe = {ROWS, 10, 0.1, true, 5};
  struct scored_rows rows;
  scored_rows_make(&recipe, &rows);
  const struct diva_labelled_scores view = scored_rows_view(&rows);
  struct diva_label_noise noise = scored_rows_fit(&view);
  for (int64_t c = 0; c < 10; c++) {
    double sum = 0.0;
    double flips = 0.0;
    for (int64_t y = 0; y < 10; y++) {
      sum += noise.confusion[c * 10 + y];
      flips += y == c ? 0.0 : diva_label_noise_flip(&noise, c, y);
      cr_expect(noise.confusion[c * 10 + y] <= noise.confusion[c * 10 + (c ^ 1)],
                "class %lld is taken for %lld", (long long)c, (long long)y);
    }
    cr_expect(noise.confusion[c * 10 + c] == 0.0);
    cr_expect(fabs(sum - 1.0) < 1e-12 && fabs(flips - 1.0) < 1e-12);
  }
  diva_label_noise_free(&noise);
  scored_rows_free(&rows);
}

static bool same_bytes(const struct diva_label_noise *a, const struct diva_label_noise *b) {
  const size_t size = (size_t)(a->classes * a->classes) * sizeof *a->confusion;
  return a->classes == b->classes && memcmp(&a->rate, &b->rate, sizeof a->rate) == 0 &&
         memcmp(&a->sharpness, &b->sharpness, sizeof a->sharpness) == 0 &&
         memcmp(&a->temperature, &b->temperature, sizeof a->temperature) == 0 &&
         memcmp(&a->confusable, &b->confusable, sizeof a->confusable) == 0 &&
         memcmp(a->confusion, b->confusion, size) == 0;
}

/* The number of threads does not show; the seed does where rows are sampled, and only there. */
Test(label_noise, threads_and_seed) {
  static const int64_t counts[] = {ROWS, 9001};
  for (int c = 0; c < 2; c++) {
    const struct scored_recipe recipe = {counts[c], 3, 0.1, false, 3};
    struct scored_rows rows;
    scored_rows_make(&recipe, &rows);
    struct diva_labelled_scores view = scored_rows_view(&rows);
    struct diva_label_noise first = scored_rows_fit(&view);
    view.threads = 2;
    struct diva_label_noise second = scored_rows_fit(&view);
    view.seed++;
    struct diva_label_noise other = scored_rows_fit(&view);
    cr_expect(same_bytes(&first, &second), "%lld rows", (long long)counts[c]);
    cr_expect(same_bytes(&first, &other) == (c == 0), "%lld rows", (long long)counts[c]);
    cr_expect(fabs(first.rate - other.rate) < 0.01);
    diva_label_noise_free(&first);
    diva_label_noise_free(&second);
    diva_label_noise_free(&other);
    scored_rows_free(&rows);
  }
}

/* Row i takes the place of row (i * 1009) mod rows. */
static void shuffle(const struct scored_rows *from, struct scored_rows *to) {
  const int64_t n = from->table.rows;
  const int64_t k = from->table.classes;
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = i * 1009 % n;
    memcpy(to->table.scores + at * k, from->table.scores + i * k,
           (size_t)k * sizeof *to->table.scores);
    to->labels[at] = from->labels[i];
  }
}

static double difference(const struct diva_label_noise *a, const struct diva_label_noise *b) {
  double largest = fmax(fabs(a->rate - b->rate), fabs(a->confusable - b->confusable));
  largest = fmax(largest, fabs(a->sharpness - b->sharpness));
  largest = fmax(largest, fabs(a->temperature - b->temperature));
  for (int64_t i = 0; i < a->classes * a->classes; i++) {
    largest = fmax(largest, fabs(a->confusion[i] - b->confusion[i]));
  }
  return largest;
}

Test(label_noise, order_of_rows_does_not_matter) {
  for (int c = 0; c < CLASS_COUNTS; c++) {
    const struct scored_recipe recipe = {ROWS, class_counts[c], 0.1, true, (uint64_t)c + 1};
    struct scored_rows rows;
    struct scored_rows shuffled;
    scored_rows_make(&recipe, &rows);
    scored_rows_make(&recipe, &shuffled);
    shuffle(&rows, &shuffled);
    const struct diva_labelled_scores view = scored_rows_view(&rows);
    const struct diva_labelled_scores other = scored_rows_view(&shuffled);
    struct diva_label_noise a = scored_rows_fit(&view);
    struct diva_label_noise b = scored_rows_fit(&other);
    cr_expect(memcmp(rows.labels, shuffled.labels, ROWS * sizeof *rows.labels) != 0);
    cr_expect(difference(&a, &b) < 1e-9, "they differ by %g", difference(&a, &b));
    diva_label_noise_free(&a);
    diva_label_noise_free(&b);
    scored_rows_free(&rows);
    scored_rows_free(&shuffled);
  }
}

/* Unlabelled rows and rows of weight 0 might as well not be there; other weights say nothing. */
Test(label_noise, rows_passed_over) {
  enum { KEPT = 3000, EVERY = 4 };
  const struct scored_recipe recipe = {ROWS, 3, 0.1, false, 11};
  struct scored_rows rows;
  double weight[ROWS];
  scored_rows_make(&recipe, &rows);
  struct diva_labelled_scores view = scored_rows_view(&rows);
  /* Every fourth row is out: by turns it has no label, or a wrong one and no weight. */
  struct scored_rows kept = {.table = {.rows = KEPT, .classes = 3}};
  kept.table.scores = reference_allocate(KEPT * 3, sizeof *kept.table.scores);
  kept.labels = reference_allocate(KEPT, sizeof *kept.labels);
  int64_t at = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    weight[i] = 1.0 + (double)(i % 3);
    if (i % EVERY != 1) {
      memcpy(kept.table.scores + at * 3, rows.table.scores + i * 3, 3 * sizeof(float));
      kept.labels[at++] = rows.labels[i];
    } else if (i % (2 * EVERY) == 1) {
      rows.labels[i] = -1;
    } else {
      rows.labels[i] = (rows.truth[i] + 1) % 3;
      weight[i] = 0.0;
    }
  }
  view.weight = weight;
  const struct diva_labelled_scores rest = scored_rows_view(&kept);
  struct diva_label_noise a = scored_rows_fit(&view);
  struct diva_label_noise b = scored_rows_fit(&rest);
  cr_expect(at == KEPT && same_bytes(&a, &b));
  diva_label_noise_free(&a);
  diva_label_noise_free(&b);
  scored_rows_free(&rows);
  scored_rows_free(&kept);
}

/* P(class = c | scores, given label) by Bayes' rule, written out. */
static long double bayes(const struct diva_label_noise *noise, const float *scores, int64_t label,
                         int64_t c) {
  const int64_t k = noise->classes;
  long double evidence = 0.0L;
  long double own = 0.0L;
  for (int64_t from = 0; from < k; from++) {
    const long double prior = expl((long double)noise->sharpness * (long double)scores[from]);
    long double flip = (1.0L - noise->confusable) / (long double)(k - 1);
    flip += (long double)noise->confusable * noise->confusion[from * k + label];
    const long double given = from == label ? 1.0L - noise->rate : noise->rate * flip;
    evidence += prior * given;
    own = from == c ? prior * given : own;
  }
  return own / evidence;
}

Test(label_noise, posterior_is_bayes_rule) {
  for (int c = 0; c < CLASS_COUNTS; c++) {
    const struct scored_recipe recipe = {500, class_counts[c], 0.2, c == 1, (uint64_t)c + 21};
    struct scored_rows rows;
    double p[10];
    scored_rows_make(&recipe, &rows);
    const struct diva_labelled_scores view = scored_rows_view(&rows);
    struct diva_label_noise noise = scored_rows_fit(&view);
    for (int64_t i = 0; i < recipe.rows; i++) {
      const float *scores = rows.table.scores + i * recipe.classes;
      const double wrong = diva_label_noise_posterior(&noise, scores, rows.labels[i], p);
      double sum = 0.0;
      for (int64_t class_index = 0; class_index < recipe.classes; class_index++) {
        const double want = (double)bayes(&noise, scores, rows.labels[i], class_index);
        sum += p[class_index];
        cr_expect(fabs(p[class_index] - want) < 1e-12, "row %lld: %g, not %g", (long long)i,
                  p[class_index], want);
      }
      cr_expect(fabs(sum - 1.0) < 1e-12 && fabs(wrong - (1.0 - p[rows.labels[i]])) < 1e-15);
    }
    diva_label_noise_free(&noise);
    scored_rows_free(&rows);
  }
}

/* Labels of one class are wrong one way, and the scores are calibrated to them: no likelihood tells
 * such noise from classes that overlap; the rows predicted as that class do. */
Test(label_noise, noise_of_one_class) {
  enum { CLASSES = 3, PER_CLASS = 400 };
  const double share = 0.3;
  float scores[CLASSES * PER_CLASS * CLASSES];
  int32_t labels[CLASSES * PER_CLASS];
  struct reference_random random = {11};
  for (int64_t i = 0; i < (int64_t)CLASSES * PER_CLASS; i++) {
    const int64_t class = i / PER_CLASS;
    const bool wrong = class == 0 && 0.5 * (1.0 + reference_uniform(&random)) < share;
    labels[i] = wrong ? 1 : (int32_t) class;
    for (int64_t c = 0; c < CLASSES; c++) {
      const double mean = class == 0 ? (c == 0 ? 1.0 - share : (c == 1 ? share : 0.0)) : c == class;
      scores[i * CLASSES + c] = (float)(mean + 0.025 * reference_uniform(&random));
    }
  }
  const struct diva_score_table table = {
      .rows = (int64_t)CLASSES * PER_CLASS, .classes = CLASSES, .scores = scores};
  const struct diva_labelled_scores rows = {
      .table = &table, .labels = labels, .threads = 1, .seed = 1};
  struct diva_label_noise noise = scored_rows_fit(&rows);
  cr_expect(noise.rate > 0.07 && noise.rate < 0.15, "rate %g, not 0.1", noise.rate);
  diva_label_noise_free(&noise);
}
