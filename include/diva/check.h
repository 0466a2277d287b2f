/**
 * @file check.h
 * A verdict on a version of a dataset: every rule of a policy held against it, and against the
 * version before.
 */
#ifndef DIVA_CHECK_H
#define DIVA_CHECK_H

#include <diva/analysis.h>
#include <diva/policy.h>

DIVA_BEGIN_DECLARATIONS

struct diva_state;
struct diva_check;

enum diva_check_verdict {
  DIVA_CHECK_PASS,
  DIVA_CHECK_WARN,
  DIVA_CHECK_FAIL,
  DIVA_CHECK_SKIPPED, /**< nothing to compare with or nothing to look at; the message says why */
  DIVA_CHECK_OFF      /**< switched off by the policy */
};

/** "pass", "warn", "fail", "skipped", "off". */
DIVA_API const char *diva_check_verdict_name(enum diva_check_verdict verdict);

/** One row that a rule points at. */
struct diva_check_row {
  int64_t index; /**< in the dataset that is checked; -1: a row of the baseline that left */
  const char *id;
  const char *subject; /**< its class, group, or what it is a duplicate of; NULL: none */
  const char *reason;  /**< one line: "near-duplicate of row 'a17'", "label 3 was 5" */
  double value;        /**< how much it matters to the rule, largest first; NaN: no measure */
};

/** One thing that a rule measured: the whole, one class, one group, one column. */
struct diva_check_finding {
  enum diva_check_verdict verdict;
  const char *subject;  /**< NULL: the whole dataset */
  double value;         /**< what the limits are held against (enum diva_rule) */
  double before, after; /**< the figure in the baseline and now; NaN: there is none */
  double low, high;     /**< confidence interval of after - before; NaN: none */
  struct diva_limits limits;
  bool own_limits;                  /**< the figure's own, not those of the rule */
  const char *message;              /**< one line, in words and figures */
  const struct diva_waiver *waiver; /**< why it passes although a limit is tripped; NULL: none */
};

/** What became of one rule; all borrowed from the check. */
struct diva_check_result {
  enum diva_rule rule;
  enum diva_check_verdict verdict; /**< the worst of its findings */
  const char *message;             /**< the line of its worst finding, or why it was skipped */
  const struct diva_check_finding *findings;
  int64_t finding_count;
  const struct diva_check_row *rows; /**< worst first */
  int64_t row_count;
  int64_t waived_rows; /**< left out of `rows` and of the value */
};

/** What is compared with what, for the head of a report. */
struct diva_check_summary {
  enum diva_check_verdict verdict; /**< the worst of all rules */
  int64_t counts[5];               /**< rules by enum diva_check_verdict */
  int64_t rows, columns, outputs;
  int64_t baseline_rows;                       /**< -1: no baseline */
  int64_t added, removed, relabelled, changed; /**< by id; -1: no baseline */
  double loo_error, baseline_loo_error;        /**< NaN: none */
  int64_t expired_waivers;
  struct diva_summary analysis; /**< of the dataset that is checked; strings borrowed */
};

struct diva_check_options {
  int version;
  struct diva_analysis_options analysis; /**< model, backend, threads, seed, progress */
  struct diva_policy policy;             /**< borrowed contents, until the check is destroyed */
  struct diva_dataset *baseline;         /**< borrowed; NULL: none */
  const struct diva_state *state;        /**< a saved baseline instead, borrowed; NULL: none. Its
                                              model is what the version is compared by */
  struct diva_dataset *target;           /**< labelled rows that the error is measured on, and that
                                              must not leak into training; NULL: LOO */
  const int32_t *split;                  /**< rows: code of its /split, -1: none; NULL: none */
  const char *const *split_names;        /**< names of its codes; NULL: the code itself */
  const char *group; /**< name of the group that is open: subjects of group-error are "name=value";
                          NULL: the value alone */
  const char *today; /**< YYYY-MM-DD, for waivers */
};

DIVA_API void diva_check_options_init(struct diva_check_options *options);

/**
 * Holds a dataset against every rule that the policy has on.
 *
 * Rows are matched with the baseline's by id (by number where either has no ids, which is said),
 * classes, those of the target too, and groups by name where both have names. A target row of a
 * class that a version lacks is an error of it, one without a label is not counted. Errors are
 * those of the ridge model, left out or on the target. What the options leave open of it - scale,
 * kernel, bandwidth, lambda, temperature - is chosen on the baseline and held for this version, so
 * that a difference is the data's and not the choice's; lambda as it is, whatever the number of
 * rows, for it stands for the noise beside the prior. The version is judged by its labels, the
 * baseline by its own.
 *
 * A rise of an error, of a share, of the estimated noise has an interval in which what both
 * versions share cancels (host/check/mean_change.h), at the policy's confidence; of many classes,
 * groups or columns, such that all intervals hold together (Bonferroni). Limits are held against
 * its low end. In a dataset of targets the loss takes the place of the error, and its rise is in
 * units of the baseline's loss.
 *
 * NaN and infinity in the features are a verdict of `columns`, and what needs features is skipped.
 * A state as the baseline has no features: the errors are compared row by row with those saved,
 * drift by means alone, and noise and near-duplicates are held against the limits that stand alone.
 *
 * @param dataset  with ids (else rows are known by number, and this is said), labels or targets,
 *                 and one group name open at most (diva_dataset_groups()) for group-error
 * @param options  of the analysis groups, weights, importances and the sink of the scores are not
 *                 used. Policy, waivers and `today` must outlive the check
 * @param out      owned by the caller: diva_check_destroy()
 * @return DIVA_OK whatever the verdict; errors are for what cannot be judged at all:
 *         DIVA_ERROR_USAGE for options out of range, DIVA_ERROR_INPUT for a target of another kind
 *         or with NaN, or a state that diva_state_check() refuses; the errors of
 *         diva_analysis_run(), those of the baseline with "baseline: " before them
 * Cost: one pass over the features of each version for hashes and moments; one analysis of each,
 * one more with groups, one more without the added rows; diva_clean() by the settled model and
 * diva_duplicates_find() on each; an analysis of at most 12,288 rows for drift. Some 100 bytes a
 * row, and 12 bytes a row and class while noise is estimated. What is not on is not computed.
 */
DIVA_API enum diva_status diva_check_run(struct diva_dataset *dataset,
                                         const struct diva_check_options *options,
                                         struct diva_check **out, struct diva_error *error);

DIVA_API void diva_check_summary(const struct diva_check *check, struct diva_check_summary *out);

/** One result a rule, by enum diva_rule. */
DIVA_API const struct diva_check_result *diva_check_results(const struct diva_check *check);

/** Frees; NULL is fine. */
DIVA_API void diva_check_destroy(struct diva_check *check);

DIVA_END_DECLARATIONS

#endif
