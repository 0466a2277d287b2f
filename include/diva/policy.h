/**
 * @file policy.h
 * What a team asks of a dataset version: which rules hold, how strictly, and what is waived.
 */
#ifndef DIVA_POLICY_H
#define DIVA_POLICY_H

#include <diva/dataset.h>

DIVA_BEGIN_DECLARATIONS

/** The rules of `diva check`; their ids, diva_rule_id(), are stable. */
enum diva_rule {
  DIVA_RULE_IDS,             /**< rows that left since the baseline: share of its rows */
  DIVA_RULE_COLUMNS,         /**< feature columns that became constant, copies of another, or hold
                                  NaN or infinity: share of all columns */
  DIVA_RULE_CLASSES,         /**< classes that appeared, left, or have no row: their number */
  DIVA_RULE_CLASS_BALANCE,   /**< total variation distance of the class shares from the baseline's,
                                  less what the choice of rows can give by chance; without a
                                  baseline 1 - smallest share / uniform share */
  DIVA_RULE_UNLABELLED,      /**< rise of the share of unlabelled rows over the baseline; without
                                  one, the share */
  DIVA_RULE_RELABELLED,      /**< rows of the baseline whose label changed: share of those kept */
  DIVA_RULE_LABEL_NOISE,     /**< rise of the estimated share of wrong labels; without a baseline,
                                  the share */
  DIVA_RULE_LOO_ERROR,       /**< rise of the leave-one-out (or target) error, at the low end of its
                                  confidence interval */
  DIVA_RULE_CLASS_ERROR,     /**< the same of the worst class */
  DIVA_RULE_GROUP_ERROR,     /**< the same of the worst group; and of rows of a group scored by a
                                  model without that group, the rise over the baseline, without
                                  one over their plain leave-one-out error */
  DIVA_RULE_ADDED_ROWS,      /**< what the added rows as a block do to the error, exactly: rise at
                                  the low end of its interval; and the share of harmful ones */
  DIVA_RULE_NEAR_DUPLICATES, /**< rise of the share of rows that are near-duplicates of an earlier
                                  row; without a baseline, the share */
  DIVA_RULE_LEAKAGE,         /**< rows of the target or validation set (or of another /split) that
                                  have a near-duplicate in training: share */
  DIVA_RULE_DRIFT,  /**< how well a ridge classifier tells rows of this version from rows of
                         the baseline, out of sample: AUC - 0.5 at the low end of its
                         interval, times 2; the same of each column */
  DIVA_RULE_WEIGHTS /**< 1 - effective sample size / rows with a positive weight */
};
enum { DIVA_RULES = 15 };

/** "ids", "columns", ... (contract). NULL out of range. */
DIVA_API const char *diva_rule_id(enum diva_rule rule);
/** What the rule looks at, in a sentence. */
DIVA_API const char *diva_rule_purpose(enum diva_rule rule);

/** A value at or above a limit trips it; NaN: no such limit. */
struct diva_limits {
  double warn, fail;
};

/** Other limits for one subject (a class, or "group=value") of a rule. */
struct diva_limit_override {
  enum diva_rule rule;
  char *subject;
  struct diva_limits limits;
};

/** A row, or a whole subject, that is known and accepted for a while. */
struct diva_waiver {
  enum diva_rule rule;
  char *id;      /**< of a row; NULL: `subject` */
  char *subject; /**< a class, a group, a column; NULL: `id` */
  char *reason;
  char expires[11]; /**< last day it holds, YYYY-MM-DD; "": does not expire */
};

/** Everything a policy says; strings and arrays owned by it. */
struct diva_policy {
  int version;
  bool on[DIVA_RULES];
  struct diva_limits limits[DIVA_RULES];
  struct diva_limits alone[DIVA_RULES]; /**< instead of `limits` where there is no baseline, for the
                                             figure that the rule has then (enum diva_rule) */
  double confidence;         /**< of every interval (two-sided), default 0.999: fifteen rules
                                  together then raise less than one false alarm in a hundred */
  double harmful_share_warn; /**< of added-rows: share of harmful added rows, at the low end of its
                                  interval; NaN: no limit */
  double unseen_group_warn;  /**< of group-error without a baseline: rise of the error on rows of a
                                  group when the model has not seen that group; NaN: no limit */
  double duplicates_threshold; /**< cosine from which rows are near-duplicates; NaN: by the data */
  struct diva_limit_override *overrides;
  int64_t override_count;
  struct diva_waiver *waivers;
  int64_t waiver_count;
};

/** The defaults: every rule on, with limits that harmless new versions do not reach. */
DIVA_API void diva_policy_init(struct diva_policy *policy);

/** Frees what the policy owns and leaves the defaults. */
DIVA_API void diva_policy_release(struct diva_policy *policy);

/** The limits that hold for a subject of a rule (NULL: the rule as a whole): an override for that
 * subject, else those of the rule, with a baseline or `alone`. */
DIVA_API struct diva_limits diva_policy_limits(const struct diva_policy *policy,
                                               enum diva_rule rule, const char *subject,
                                               bool alone);

/** Whether the rule has a figure to hold against limits where there is no baseline. */
DIVA_API bool diva_rule_stands_alone(enum diva_rule rule);

/**
 * Whether a row or subject is waived on a day.
 * @param today  YYYY-MM-DD
 * @return the waiver, borrowed, or NULL
 */
DIVA_API const struct diva_waiver *diva_policy_waiver(const struct diva_policy *policy,
                                                      enum diva_rule rule, const char *id,
                                                      const char *subject, const char *today);

/** Whether a text is a day of the calendar, YYYY-MM-DD. Such dates are in order as texts. */
DIVA_API bool diva_policy_is_date(const char *text);

/**
 * Reads a policy in YAML over the defaults.
 * @return DIVA_ERROR_INPUT: not YAML, an unknown key (with the nearest known one), a value out of
 *         range, a warn above the fail that holds then, a date that is none; with file, line
 *         and column
 */
DIVA_API enum diva_status diva_policy_read(const char *path, struct diva_policy *policy,
                                           struct diva_error *error);

/**
 * Writes a policy with a comment on every key, so that a person can go on from it; reading it back
 * gives the same policy, its overrides in the order of the rules.
 * @param dataset  whose classes and groups (those open) stand in it as commented examples of limits
 *                 for one subject; NULL: none do
 * @param group    the name of these groups; NULL: there are none
 * @param path     appears only when complete; what was there before is replaced
 */
DIVA_API enum diva_status diva_policy_write(const struct diva_policy *policy,
                                            const struct diva_dataset *dataset, const char *group,
                                            const char *path, struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
