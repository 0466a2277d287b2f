/**
 * @file proportions.h
 * Shares of classes or groups among rows, and what they make of importances. Internal.
 */
#ifndef DIVA_PROPORTIONS_H
#define DIVA_PROPORTIONS_H

#include <diva/dataset.h>

/** Rows in classes or groups; everything borrowed. */
struct diva_coded_rows {
  const struct diva_dataset *dataset; /**< for names in errors */
  const int32_t *codes;               /**< rows: -1 or below kinds */
  const uint8_t *counted;             /**< rows: 0 is left out of everything */
  int64_t rows;
  int64_t kinds;
  bool groups; /**< kinds are groups, not classes */
};

/** Refuses what is no distribution: DIVA_ERROR_USAGE naming the kind at fault, or the sum. */
enum diva_status diva_proportions_check(const struct diva_coded_rows *rows, const double *wanted,
                                        struct diva_error *error);

/** The share of each kind among the counted rows that have one; 0 where there is no such row.
 * @param out  kinds */
void diva_proportions_count(const struct diva_coded_rows *rows, double *out);

/**
 * v_i = wanted / share of row i's kind; 0 of rows that are not counted or of no kind.
 * @param out  rows
 * @return DIVA_ERROR_INPUT naming a kind that is wanted and has no row
 */
enum diva_status diva_proportions_weigh(const struct diva_coded_rows *rows, const double *wanted,
                                        double *out, struct diva_error *error);

/**
 * Shrinks estimated proportions towards the nearer of the training proportions and equal ones, in
 * place: the positive-part estimator of James and Stein. Kinds without training rows stay at 0.
 * @param variance  of the estimate, summed over the kinds
 * @return the share of the difference that is kept, 0 to 1
 */
double diva_proportions_shrink(const double *training, int64_t kinds, double variance,
                               double *proportions);

#endif
