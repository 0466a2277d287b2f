/**
 * @file version.h
 * Versions of a dataset made for the tests of states, sums by the book, and how states compare.
 */
#ifndef DIVA_TESTS_VERSION_H
#define DIVA_TESTS_VERSION_H

#include <diva/diva.h>

#include "tests/support/reference.h"

enum version_kind {
  VERSION_LABELS,
  VERSION_LABELS_AND_BASE,
  VERSION_TARGETS,
  VERSION_TARGETS_AND_BASE,
  VERSION_KINDS
};

enum { VERSION_ID_SIZE = 16 };

/** Rows that can be edited; everything owned. What a row holds follows from its number alone. */
struct version {
  enum version_kind kind;
  enum diva_dtype type; /**< DIVA_FLOAT32 or DIVA_FLOAT64 */
  int64_t rows, room, columns, outputs;
  double *features;
  int32_t *labels; /**< NULL for targets */
  double *targets;
  double *base; /**< NULL without */
  double *weights;
  char (*ids)[VERSION_ID_SIZE]; /**< NULL: none */
  const char *const *class_names;
  float *narrow;            /**< features as float32, while a dataset is open */
  const char **id_pointers; /**< likewise */
};

/** Rows first .. first + rows, with room for as many again. Every seventh has another weight, every
 * eleventh is unlabelled, every thirteenth of weight 0, but not the first twenty. */
void version_make(struct version *version, enum version_kind kind, enum diva_dtype type,
                  int64_t first, int64_t rows);
void version_copy(struct version *to, const struct version *from);
void version_free(struct version *version);

/** Appends the row of a number. */
void version_append(struct version *version, int64_t number);

/** Takes row i out; those behind it move up. */
void version_remove(struct version *version, int64_t i);

/** Gives row i features that no other row has. */
void version_change(struct version *version, int64_t i);

/** Rows in another order. */
void version_shuffle(struct version *version, uint64_t seed);

/** A dataset over the version, which must not change while it is open; fails the test. */
struct diva_dataset *version_open(struct version *version);

/** Options of a model in float64 on one thread. */
struct diva_analysis_options version_options(enum diva_scale scale);

/** diva_state_create(), failing the test. */
struct diva_state *version_state(struct version *version,
                                 const struct diva_analysis_options *options);

/** diva_state_update() with the new version (and the old one, nullable), failing the test. */
struct diva_state *version_update(const struct diva_state *state, struct version *old,
                                  struct version *now, const struct diva_analysis_options *options,
                                  struct diva_state_work *work);

/** Largest error of the sums of a state against naive long double sums over the version: means and
 * squares against their column's scale, products against those of both columns. */
double version_error(const struct version *version, enum diva_scale scale,
                     const struct diva_state *state);

/** The same of one state against another, of whatever row order. */
double version_difference(const struct diva_state *a, const struct diva_state *b);

#endif
