/**
 * @file versions.h
 * Versions of a small dataset of blobs, and diva_check_run() over them.
 */
#ifndef DIVA_TEST_VERSIONS_H
#define DIVA_TEST_VERSIONS_H

#include <diva/check.h>

/** Rows in memory that a test may change before they are opened; everything owned. */
struct version {
  int64_t rows, columns, classes;
  float *features;
  int32_t *labels;
  double *weights; /**< NULL: none */
  int32_t *groups; /**< NULL: none */
  int32_t group_count;
  char (*ids)[16];
  const char *const *names; /**< of the classes, borrowed; NULL: none */
  bool nameless;            /**< opened without ids */
  struct diva_dataset *dataset;
};

enum { VERSION_COLUMNS = 8, VERSION_CLASSES = 3, VERSION_GROUPS = 4 };

/** Rows first .. first + rows - 1 of one endless set of overlapping blobs of three classes, with
 * the ids "r<number>" and a group each. A seed is another such set. */
struct version version_make(uint64_t seed, int64_t first, int64_t rows);

/** Some rows of a version, in the order given, with all that belongs to them. */
struct version version_take(const struct version *from, const int64_t *rows, int64_t count);

/** The rows of both. */
struct version version_join(const struct version *a, const struct version *b);

/** Opens the rows as they are now; closed by version_free(). */
struct diva_dataset *version_open(struct version *version);

/** Opens the rows, without ids, as a dataset of one target each in place of labels; closed by
 * version_free(). */
struct diva_dataset *version_open_targets(struct version *version, const double *targets);
void version_free(struct version *version);

/** What came of a check. */
struct checked {
  struct diva_check *check;
  struct diva_check_summary summary;
  const struct diva_check_result *results;
};

/** Options that tests start from: one thread, the day 2026-06-01. */
struct diva_check_options version_options(void);

/** Checks `after` against `before` (NULL: no baseline) and the target (NULL: none). */
struct checked version_check(struct version *after, struct version *before, struct version *target,
                             const struct diva_check_options *options);

/** The same of datasets that are open; those of the options. */
struct checked dataset_check(struct diva_dataset *dataset,
                             const struct diva_check_options *options);
void checked_free(struct checked *checked);

/** The rules that warned or failed, as bits 1 << rule. */
unsigned checked_tripped(const struct checked *checked);

/** The named row of a rule, NULL: it does not name it. */
const struct diva_check_row *checked_row(const struct checked *checked, enum diva_rule rule,
                                         const char *id);

/** The finding on a subject (NULL: the whole), NULL: there is none. */
const struct diva_check_finding *checked_finding(const struct checked *checked, enum diva_rule rule,
                                                 const char *subject);

#endif
