/**
 * @file problem.h
 * Problems made for the tests of the engine, and how they are run and compared.
 */
#ifndef DIVA_TESTS_PROBLEM_H
#define DIVA_TESTS_PROBLEM_H

#include "brute.h"

#include "tests/support/reference.h"

enum problem_kind {
  KIND_LABELS,
  KIND_LABELS_AND_BASE,
  KIND_REGRESSION,
  KIND_SOFT_LABELS,
  KIND_SOFT_LABELS_AND_BASE,
  KIND_COUNT
};

enum problem_weights {
  WEIGHTS_NONE,  /**< all 1, all labelled */
  WEIGHTS_MIXED, /**< between 0.2 and 2.2 */
  WEIGHTS_POOL   /**< the same, with rows of weight 0 and unlabelled rows among them */
};

/** Shape and nature of a problem to be made. */
struct problem_spec {
  int64_t rows, columns, outputs, validation_rows;
  enum problem_kind kind;
  enum problem_weights weights;
  uint64_t seed;
};

/** Rows with signal, noise, and columns of different sizes and means. */
void problem_make(const struct problem_spec *spec, struct brute_problem *out);
void problem_free(struct brute_problem *problem);

/** Options that say what the problem says, for one thread of float64. */
struct diva_analysis_options problem_options(const struct brute_problem *problem);

/** A dataset over rows of a problem, of the stored type given; fails the test on an error.
 * `features` (NULL: the problem's own, then float64) holds values of that type. */
struct diva_dataset *problem_dataset(const struct brute_problem *problem,
                                     const struct brute_rows *rows, const double *weights,
                                     enum diva_dtype type, const void *features);

/** Runs on float64 features; fails the test on an error. */
struct diva_analysis *problem_run(const struct brute_problem *problem,
                                  const struct diva_analysis_options *options);

/** Runs and hands the status back; no analysis is left where it failed. */
enum diva_status problem_try(const struct brute_problem *problem,
                             const struct diva_analysis_options *options,
                             struct diva_analysis **out, struct diva_error *error);

/**
 * Largest error of a column: |got - want| over max(|want|, floor * largest |want|); infinite where
 * one is NaN and the other is not. Rows where `want` is NaN and `sparse` are passed over.
 */
double problem_error(const double *got, const double *want, int64_t rows, double floor,
                     bool sparse);

#endif
