/**
 * @file findings.h
 * What the rules find: figures held against the limits of a policy, rows named, in words. Internal.
 */
#ifndef DIVA_CHECK_FINDINGS_H
#define DIVA_CHECK_FINDINGS_H

#include <diva/check.h>

struct diva_check_block;

/** Findings and rows of one rule while they are collected; arrays owned. */
struct diva_check_ledger {
  struct diva_check_finding *findings;
  int64_t finding_count, finding_room;
  struct diva_check_row *rows;
  int64_t row_count, row_room;
  int64_t waived_rows;
  const char *skipped; /**< why there is nothing to find; NULL: there is */
};

/** All rules' findings, and the texts in them. */
struct diva_check_findings {
  const struct diva_policy *policy; /**< borrowed */
  const char *today;                /**< YYYY-MM-DD, borrowed; NULL: waivers hold */
  bool alone;                       /**< there is no baseline */
  struct diva_check_ledger rules[DIVA_RULES];
  bool waives_rows[DIVA_RULES]; /**< some waiver of the rule names a row */
  struct diva_check_block *texts;
};

void diva_check_findings_init(struct diva_check_findings *findings,
                              const struct diva_policy *policy, const char *today, bool alone);
void diva_check_findings_free(struct diva_check_findings *findings);

/** A copy that lives as long as the findings; NULL stays NULL. */
enum diva_status diva_check_text(struct diva_check_findings *findings, const char *text,
                                 const char **out, struct diva_error *error);

/**
 * Records what a rule measured. Subject, value, before, after, low and high are taken from
 * `finding` (text copied); limits, unless `finding` has its own, waiver and verdict follow from the
 * policy.
 */
enum diva_status diva_check_find(struct diva_check_findings *findings, enum diva_rule rule,
                                 const struct diva_check_finding *finding, struct diva_error *error,
                                 const char *format, ...) DIVA_PRINTF(5, 6);

/** A finding that says nothing yet. */
struct diva_check_finding diva_check_finding_none(void);

/** Names a row; texts copied. */
enum diva_status diva_check_name(struct diva_check_findings *findings, enum diva_rule rule,
                                 const struct diva_check_row *row, struct diva_error *error,
                                 const char *format, ...) DIVA_PRINTF(5, 6);

/** Whether a row is waived. */
bool diva_check_is_waived(const struct diva_check_findings *findings, enum diva_rule rule,
                          const char *id);

/** Whether a row is waived, which is counted: rules leave it out of rows and figures. */
bool diva_check_waives(struct diva_check_findings *findings, enum diva_rule rule, const char *id);

/** Records that a rule has nothing to look at, and why. */
enum diva_status diva_check_skip(struct diva_check_findings *findings, enum diva_rule rule,
                                 struct diva_error *error, const char *format, ...)
    DIVA_PRINTF(4, 5);

/** Sorts the rows of a rule, worst first, and sums up; borrowed from the findings. */
struct diva_check_result diva_check_conclude(struct diva_check_findings *findings,
                                             enum diva_rule rule);

#endif
