/* Label-issue probabilities from the symmetry of margins. */
#include "margin_symmetry.h"

#include <diva/curate.h>

#include <math.h>
#include <stdlib.h>

/* Rows sorted by |margin|, largest first, and what is fitted along that order. */
struct sorted_margins {
  int64_t *order; /* dataset rows */
  double *size;   /* |margin| by dataset row; NaN where there is none */
  double *rho;    /* fitted share of positive margins, by position */
  int64_t *block; /* scratch of the isotonic fit: rows of each block */
  int64_t rows;   /* rows that have a margin */
};

static enum diva_status sort_margins(const double *margin, int64_t rows,
                                     struct sorted_margins *sorted, struct diva_error *error) {
  enum diva_status status =
      diva_allocate(rows, sizeof *sorted->order, "sorting", (void **)&sorted->order, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *sorted->size, "sorting", (void **)&sorted->size, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *sorted->rho, "rates", (void **)&sorted->rho, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *sorted->block, "rates", (void **)&sorted->block, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < rows; i++) {
    sorted->size[i] = fabs(margin[i]);
    sorted->rows += !isnan(margin[i]);
  }
  return diva_order_rows(sorted->size, rows, true, sorted->order, error);
}

/* The least share of positive margins among the rows with the largest |margin|, over all cuts that
 * leave enough rows to speak of a share: 2 % of them, and 20. */
static double estimate_noise_rate(const double *margin, const struct sorted_margins *sorted) {
  const double most = 0.49;
  int64_t fewest = sorted->rows / 50 > 20 ? sorted->rows / 50 : 20;
  fewest = fewest < sorted->rows ? fewest : sorted->rows;
  int64_t positive = 0;
  double least = most;
  for (int64_t i = 0; i < sorted->rows; i++) {
    positive += margin[sorted->order[i]] > 0.0;
    const double share = (double)positive / (double)(i + 1);
    if (i + 1 >= fewest && share < least) {
      least = share;
    }
  }
  return least;
}

/* Pool adjacent violators: the least-squares fit to the signs that never falls as |margin| does. */
static void fit_rates(const double *margin, struct sorted_margins *sorted) {
  int64_t blocks = 0;
  for (int64_t i = 0; i < sorted->rows; i++) {
    sorted->rho[blocks] = margin[sorted->order[i]] > 0.0 ? 1.0 : 0.0;
    sorted->block[blocks++] = 1;
    while (blocks > 1 && sorted->rho[blocks - 2] >= sorted->rho[blocks - 1]) {
      const double a = (double)sorted->block[blocks - 2];
      const double b = (double)sorted->block[blocks - 1];
      sorted->rho[blocks - 2] =
          (a * sorted->rho[blocks - 2] + b * sorted->rho[blocks - 1]) / (a + b);
      sorted->block[blocks - 2] += sorted->block[blocks - 1];
      blocks--;
    }
  }
  /* From blocks back to rows, last first, so that nothing is overwritten before it is read. */
  int64_t at = sorted->rows;
  while (blocks > 0) {
    blocks--;
    const double rate = sorted->rho[blocks];
    for (int64_t left = sorted->block[blocks]; left > 0; left--) {
      sorted->rho[--at] = rate;
    }
  }
}

static double wrong_probability(double e, double rho, bool positive) {
  const double same = positive ? rho : 1.0 - rho;
  const double other = 1.0 - same;
  const double probability = e * ((1.0 - e) * other - e * same) / ((1.0 - 2.0 * e) * same);
  return fmin(fmax(probability, 0.0), 1.0);
}

enum diva_status diva_margin_symmetry(const double *margin, int64_t rows, double *probability,
                                      double *noise_rate, struct diva_error *error) {
  struct sorted_margins sorted = {0};
  const enum diva_status status = sort_margins(margin, rows, &sorted, error);
  if (status == DIVA_OK) {
    const double e = estimate_noise_rate(margin, &sorted);
    fit_rates(margin, &sorted);
    for (int64_t i = 0; i < rows; i++) {
      const int64_t row = sorted.order[i];
      const double rho = i < sorted.rows ? fmin(fmax(sorted.rho[i], e), 0.5) : NAN;
      probability[row] =
          i < sorted.rows && e > 0.0 ? wrong_probability(e, rho, margin[row] > 0.0) : 0.0;
      if (isnan(margin[row])) {
        probability[row] = NAN;
      }
    }
    *noise_rate = e;
  }
  free(sorted.order);
  free(sorted.size);
  free(sorted.rho);
  free(sorted.block);
  return status;
}
