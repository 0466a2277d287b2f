/**
 * @file sums.h
 * The sums of a state on the host: put in terms, merged, copied. Internal.
 *
 * Everything is held about its own mean (Chan, Golub and LeVeque, 1983): what two sets of rows add
 * to each other is then an outer product of the difference of their means, and nothing cancels.
 */
#ifndef DIVA_STATE_SUMS_H
#define DIVA_STATE_SUMS_H

#include <diva/error.h>

/** As struct diva_state_sums, owned. Zeroed: none. */
struct diva_sums {
  int64_t columns;
  int64_t outputs;
  int64_t rows;  /**< that row_mean is over */
  double weight; /**< s */
  double *mean;
  double *scatter; /**< upper triangle by rows */
  double *target;
  double *cross;
  double *row_mean;
  double *row_square;
};

/** Sums of terms about the means of a struct diva_sums, as they come from a device. */
struct diva_sums_terms {
  double *gram;    /**< (columns + 1)^2, upper triangle; a constant column is the last */
  double *cross;   /**< outputs x (columns + 1) */
  double *moments; /**< 2 x columns: sums, then sums of squares, of raw features */
  double *offset;  /**< columns: scratch */
};

/** Takes zeroed memory. */
enum diva_status diva_sums_allocate(struct diva_sums *sums, int64_t columns, int64_t outputs,
                                    struct diva_error *error);

/** Values of the upper triangle. */
int64_t diva_sums_triangle(int64_t columns);

/** Row i of the upper triangle: S_ii first. */
double *diva_sums_row(const struct diva_sums *sums, int64_t i);

/**
 * Puts terms of either sign in, and moves to the new means.
 * @param weight  s afterwards, exactly
 * @param rows    of row_mean afterwards
 */
void diva_sums_add_terms(struct diva_sums *sums, const struct diva_sums_terms *terms, double weight,
                         int64_t rows);

/** Adds the sums of other rows, of the same columns and no more outputs. */
void diva_sums_merge(struct diva_sums *sums, const struct diva_sums *other);

/**
 * A copy under other numbers of outputs.
 * @param output_of  of each output of `from` its number in the copy, -1: dropped; NULL: as it is
 */
enum diva_status diva_sums_copy(struct diva_sums *to, const struct diva_sums *from, int64_t outputs,
                                const int32_t *output_of, struct diva_error *error);

/** DIVA_ERROR_NUMERICAL naming the first column whose squares overflow. */
enum diva_status diva_sums_check_finite(const struct diva_sums *sums, struct diva_error *error);

/** Frees what it holds; zeroed sums are fine. */
void diva_sums_free(struct diva_sums *sums);

#endif
