/* Rows drawn from known class probabilities, with known flips. */
#include "scored_rows.h"

#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* Log-odds of the class a row is made for, and of the one that looks like it. */
static const double OWN = 10.0;
static const double ALIKE = 5.0;

static double unit(struct reference_random *random) {
  return 0.5 * (reference_uniform(random) + 1.0);
}

/* An index drawn in proportion to `mass`. */
static int32_t draw(struct reference_random *random, const double *mass, int64_t count) {
  double sum = 0.0;
  for (int64_t c = 0; c < count; c++) {
    sum += mass[c];
  }
  double left = unit(random) * sum;
  int32_t last = 0;
  for (int64_t c = 0; c < count; c++) {
    if (mass[c] > 0.0) {
      last = (int32_t)c;
      left -= mass[c];
      if (left < 0.0) {
        break;
      }
    }
  }
  return last;
}

/* Scores of one row, and the probabilities they stand for. Classes look alike in pairs. */
static void make_row(struct reference_random *random, int64_t k, float *scores, double *p) {
  const int64_t own = reference_below(random, k);
  for (int64_t c = 0; c < k; c++) {
    const double centre = c == own ? OWN : (c == (own ^ 1) ? ALIKE : 0.0);
    scores[c] = (float)((centre + reference_normal(random)) / SCORED_TEMPERATURE);
    p[c] = exp(SCORED_TEMPERATURE * (double)scores[c]);
  }
  double sum = 0.0;
  for (int64_t c = 0; c < k; c++) {
    sum += p[c];
  }
  for (int64_t c = 0; c < k; c++) {
    p[c] /= sum;
  }
}

void scored_rows_make(const struct scored_recipe *recipe, struct scored_rows *out) {
  const int64_t n = recipe->rows;
  const int64_t k = recipe->classes;
  struct reference_random random = {recipe->seed};
  double *p = reference_allocate(k, sizeof *p);
  double *alike = reference_allocate(k * k, sizeof *alike);
  *out = (struct scored_rows){.table = {.rows = n, .classes = k}};
  out->table.scores = reference_allocate(n * k, sizeof *out->table.scores);
  out->truth = reference_allocate(n, sizeof *out->truth);
  out->labels = reference_allocate(n, sizeof *out->labels);
  for (int64_t i = 0; i < n; i++) {
    make_row(&random, k, out->table.scores + i * k, p);
    out->truth[i] = draw(&random, p, k);
    for (int64_t c = 0; c < k; c++) {
      alike[out->truth[i] * k + c] += p[c];
    }
  }
  for (int64_t i = 0; i < n; i++) {
    const int32_t c = out->truth[i];
    out->labels[i] = c;
    if (unit(&random) < recipe->rate) {
      for (int64_t y = 0; y < k; y++) {
        p[y] = y == c ? 0.0 : (recipe->confusable ? alike[c * k + y] : 1.0);
      }
      out->labels[i] = draw(&random, p, k);
      out->flipped++;
    }
  }
  free(p);
  free(alike);
}

void scored_rows_free(struct scored_rows *rows) {
  free(rows->table.scores);
  free(rows->truth);
  free(rows->labels);
  *rows = (struct scored_rows){0};
}

struct diva_labelled_scores scored_rows_view(const struct scored_rows *rows) {
  return (struct diva_labelled_scores){
      .table = &rows->table, .labels = rows->labels, .threads = 1, .seed = 7};
}

struct diva_label_noise scored_rows_fit(const struct diva_labelled_scores *rows) {
  struct diva_label_noise noise;
  struct diva_error error = {0};
  const enum diva_status status = diva_label_noise_fit(rows, &noise, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return noise;
}
