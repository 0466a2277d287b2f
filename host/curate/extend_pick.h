/**
 * @file extend_pick.h
 * Which rows of a pool are taken next: by the derivative, or at random. Internal to host/curate.
 */
#ifndef DIVA_EXTEND_PICK_H
#define DIVA_EXTEND_PICK_H

#include "extend_fit.h"

/** What a choice is made by. Arrays are of the pool. */
struct diva_extend_choice {
  const struct diva_extend_problem *problem;
  const struct diva_extend_fit *fit; /**< of the rows taken so far */
  const int64_t *round;              /**< -1: not taken */
  double plausibility;
  bool any; /**< whatever the sign of the derivative, and at last the implausible */
};

/** Candidates by derivative, lowest first, ties by row; where any is one, the plausible first, then
 * the others by margin. @param out  pool_rows; the first *count are they */
enum diva_status diva_extend_choose(const struct diva_extend_choice *choice, int64_t *out,
                                    int64_t *count, struct diva_error *error);

/** The rows of the pool that may be trained on, each pick in a random order of its own: a pick of m
 * rows is the first m. @param out  picks x pool_rows @param count  how many of each are filled */
void diva_extend_shuffle(const struct diva_extend_problem *problem, int picks, int64_t *out,
                         int64_t *count);

/** Those taken by round and gain, then the others by gain, ties by row. @param out  pool rows */
enum diva_status diva_extend_rank(int64_t pool_rows, const int64_t *round, const double *gain,
                                  int64_t *out, struct diva_error *error);

#endif
