/* The vote of neighbours against a naive search, the pool against its formula, and both in clean.
 */
#include "blobs.h"
#include "host/curate/neighbour_vote.h"
#include "host/curate/opinion_pool.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 150, COLUMNS = 5, CLASSES = 3, COUNTS = 5 };
static const int counts[COUNTS] = {15, 30, 60, 120, 240};

static const struct blobs_recipe recipe = {
    .rows = ROWS, .columns = COLUMNS, .classes = CLASSES, .every = 7, .distance = 2.0};

/* Rows as the vote compares them, in float64. */
static void scale_rows(const struct blobs *blobs, enum diva_scale scale, double *out) {
  for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
    out[i] = (double)blobs->features[i];
  }
  for (int64_t i = 0; i < ROWS && scale == DIVA_SCALE_L2; i++) {
    double square = 0.0;
    for (int64_t j = 0; j < COLUMNS; j++) {
      square += out[i * COLUMNS + j] * out[i * COLUMNS + j];
    }
    for (int64_t j = 0; j < COLUMNS; j++) {
      out[i * COLUMNS + j] /= sqrt(square);
    }
  }
  for (int64_t j = 0; j < COLUMNS && scale == DIVA_SCALE_STANDARDIZE; j++) {
    double mean = 0.0;
    double square = 0.0;
    for (int64_t i = 0; i < ROWS; i++) {
      mean += out[i * COLUMNS + j] / ROWS;
    }
    for (int64_t i = 0; i < ROWS; i++) {
      square += (out[i * COLUMNS + j] - mean) * (out[i * COLUMNS + j] - mean) / ROWS;
    }
    for (int64_t i = 0; i < ROWS; i++) {
      out[i * COLUMNS + j] = (out[i * COLUMNS + j] - mean) / sqrt(square);
    }
  }
}

static double distance(const double *a, const double *b) {
  double sum = 0.0;
  for (int64_t j = 0; j < COLUMNS; j++) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sum;
}

/* Score of a class for a row by the definition: the j-th nearest is the one with j - 1 nearer. */
static double naive_score(const struct blobs *blobs, const double *rows, const double *weights,
                          const int32_t *groups, int64_t row, int32_t class, int neighbours) {
  double votes = 0.0;
  double all = 2.0;
  double share = 0.0;
  double total = 0.0;
  for (int64_t i = 0; i < ROWS; i++) {
    share += blobs->labels[i] == class ? weights[i] : 0.0;
    total += weights[i];
    if (i == row || weights[i] == 0.0 || groups[i] == groups[row]) {
      continue;
    }
    const double here = distance(rows + i * COLUMNS, rows + row * COLUMNS);
    int64_t place = 1;
    for (int64_t j = 0; j < ROWS; j++) {
      place += j != row && weights[j] > 0.0 && groups[j] != groups[row] &&
               distance(rows + j * COLUMNS, rows + row * COLUMNS) < here;
    }
    if (place <= neighbours) {
      votes += blobs->labels[i] == class ? weights[i] / sqrt((double)place) : 0.0;
      all += weights[i] / sqrt((double)place);
    }
  }
  return log((votes + 2.0 * share / total) / all);
}

/* The largest, or smallest, number of neighbours that mistakes hardly more labels than the best. */
static int naive_choice(const struct blobs *blobs, const double *rows, const double *weights,
                        const int32_t *groups, double smoothing) {
  double mistakes[COUNTS] = {0.0};
  double least = ROWS;
  int chosen = 0;
  for (int n = 0; n < COUNTS; n++) {
    for (int64_t i = 0; i < ROWS; i++) {
      int32_t best = 0;
      double largest = -INFINITY;
      for (int32_t c = 0; c < CLASSES; c++) {
        const double score = naive_score(blobs, rows, weights, groups, i, c, counts[n]);
        best = score > largest ? c : best;
        largest = fmax(score, largest);
      }
      mistakes[n] += best != blobs->labels[i];
    }
    least = fmin(least, mistakes[n]);
  }
  const double slack = fabs(2.0 * smoothing - 1.0);
  for (int n = 0; n < COUNTS; n++) {
    const int64_t at = smoothing < 0.5 ? COUNTS - 1 - n : n;
    const double most = least + slack * sqrt(least * (1.0 - least / ROWS));
    chosen = mistakes[at] <= most ? counts[at] : chosen;
  }
  return chosen;
}

Test(opinions, neighbours_vote_as_defined) {
  static const enum diva_scale scales[] = {DIVA_SCALE_NONE, DIVA_SCALE_L2, DIVA_SCALE_STANDARDIZE};
  struct blobs blobs;
  struct diva_subset all;
  struct diva_error error = {0};
  double weights[ROWS];
  double judging[ROWS];
  int32_t groups[ROWS];
  double rows[ROWS * COLUMNS];
  blobs_open(&recipe, &blobs);
  for (int64_t i = 0; i < ROWS; i++) {
    weights[i] = i % 11 == 0 || i % 13 == 0 ? 0.0 : 0.5 + (double)(i % 3);
    judging[i] = i % 13 == 0 ? 0.0 : 3.0;
    groups[i] = (int32_t)(i / 2);
  }
  const struct diva_subset_request everything = {.most = ROWS, .seed = 1};
  cr_assert(!diva_subset_draw(blobs.dataset, &everything, NULL, &all, &error), "%s", error.message);
  /* What is left out of the judging does not vote, whatever its weight was; nothing else counts. */
  double given[ROWS];
  for (int64_t i = 0; i < ROWS; i++) {
    given[i] = i % 13 == 0 ? 1.0 : weights[i];
  }
  for (int s = 0; s < 3; s++) {
    const struct diva_progress silent = {0};
    const struct diva_vote_request request = {.dataset = blobs.dataset,
                                              .reference = &all,
                                              .given = given,
                                              .judging = judging,
                                              .groups = groups,
                                              .scale = scales[s],
                                              .smoothing = 0.5 * s,
                                              .threads = 1 + s,
                                              .progress = &silent};
    struct diva_score_table table;
    cr_assert(!diva_score_table_create(&table, ROWS, CLASSES, &error));
    cr_assert(!diva_neighbour_vote(&request, &table, &error), "%s", error.message);
    scale_rows(&blobs, scales[s], rows);
    const int neighbours = naive_choice(&blobs, rows, weights, groups, request.smoothing);
    for (int64_t i = 0; i < ROWS; i++) {
      for (int32_t c = 0; c < CLASSES; c++) {
        const double expected = naive_score(&blobs, rows, weights, groups, i, c, neighbours);
        cr_expect(fabs((double)table.scores[i * CLASSES + c] - expected) < 1e-5,
                  "scale %d, row %lld, class %d: %g, not %g", s, (long long)i, c,
                  (double)table.scores[i * CLASSES + c], expected);
      }
    }
    diva_score_table_free(&table);
  }
  diva_subset_free(&all);
  blobs_close(&blobs);
}

/* Two scorers that differ in scale and in how often they err. */
Test(opinions, pool_is_the_weighted_mean_of_logarithms) {
  enum { N = 400 };
  float scores[2][N * CLASSES];
  int32_t labels[N];
  struct diva_opinion_pool pool;
  struct diva_error error = {0};
  struct reference_random random = {5};
  const double rate = 0.05;
  const double wrong_share[2] = {0.15, 0.25};
  for (int64_t i = 0; i < N; i++) {
    labels[i] = (int32_t)(i % CLASSES);
    for (int m = 0; m < 2; m++) {
      const bool wrong = i < (int64_t)(wrong_share[m] * N);
      for (int32_t c = 0; c < CLASSES; c++) {
        const bool top = c == (wrong ? (labels[i] + 1) % CLASSES : labels[i]);
        scores[m][i * CLASSES + c] =
            (float)((m ? 10.0 : 1.0) * (top + 0.2 * reference_uniform(&random)));
      }
    }
  }
  cr_assert(!diva_opinion_pool_open(N, CLASSES, rate, &pool, &error));
  for (int m = 0; m < 2; m++) {
    const struct diva_score_table table = {.rows = N, .classes = CLASSES, .scores = scores[m]};
    const struct diva_labelled_scores rows = {
        .table = &table, .labels = labels, .threads = 1, .seed = 1};
    cr_assert(!diva_opinion_pool_add(&pool, m ? "b" : "a", &rows, &error), "%s", error.message);
  }
  diva_opinion_pool_close(&pool);
  const struct diva_opinion *a = &pool.opinions[0];
  const struct diva_opinion *b = &pool.opinions[1];
  cr_expect_float_eq(a->error, 0.15, 1e-12);
  cr_expect_float_eq(b->error, 0.25, 1e-12);
  /* .10 and .20 of its own: sixteen times the weight. */
  cr_expect_float_eq(a->weight, 16.0 / 17.0, 1e-9);
  cr_expect_float_eq(b->weight, 1.0 / 17.0, 1e-9);
  cr_expect(a->temperature > 5.0 * b->temperature);
  for (int64_t i = 0; i < (int64_t)N * CLASSES; i++) {
    const double expected = a->weight * a->temperature * (double)scores[0][i] +
                            b->weight * b->temperature * (double)scores[1][i];
    cr_expect_float_eq((double)pool.sum.scores[i], expected, 1e-4);
  }
  diva_opinion_pool_free(&pool);
}

/* Others are asked where the model is open, and never where the caller names it. */
Test(opinions, asked_unless_the_model_is_given) {
  struct blobs blobs;
  const struct blobs_recipe larger = {
      .rows = 400, .columns = COLUMNS, .classes = CLASSES, .every = 10, .distance = 3.0};
  blobs_open(&larger, &blobs);
  for (int open = 0; open < 2; open++) {
    struct diva_analysis_options analysis = blobs_analysis();
    struct blobs_verdict verdict;
    if (open) {
      analysis.scale = DIVA_SCALE_AUTO;
      analysis.kernel = DIVA_KERNEL_AUTO;
    }
    blobs_clean(&blobs, &analysis, NULL, &verdict);
    cr_assert(verdict.status == DIVA_OK, "%s", verdict.error.message);
    cr_expect_eq(verdict.noise.opinion_count, open ? DIVA_OPINIONS : 0);
    double sum = 0.0;
    for (int m = 0; m < verdict.noise.opinion_count; m++) {
      sum += verdict.noise.opinions[m].weight;
    }
    cr_expect_float_eq(sum, open ? 1.0 : 0.0, 1e-9);
    blobs_forget(&verdict);
  }
  blobs_close(&blobs);
}
