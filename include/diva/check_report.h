/**
 * @file check_report.h
 * The verdict on a version of a dataset in the forms that people, CI servers and code hosts read.
 *
 * Every form is one text. Ids and names of classes may hold anything: each form escapes what would
 * end a cell, an element or a line of it, and cuts what is too long to be read (all but JSON).
 */
#ifndef DIVA_CHECK_REPORT_H
#define DIVA_CHECK_REPORT_H

#include <diva/check.h>
#include <diva/manifest.h>

DIVA_BEGIN_DECLARATIONS

enum diva_check_format {
  DIVA_CHECK_AS_TEXT,       /**< a table of the rules, then what they found and the worst rows */
  DIVA_CHECK_AS_JSON,       /**< everything, with the provenance */
  DIVA_CHECK_AS_JUNIT,      /**< JUnit XML: a test case a rule, failures only for those that failed;
                              what is warned of is system-out */
  DIVA_CHECK_AS_MARKDOWN,   /**< a job's summary, well below 1 MB */
  DIVA_CHECK_AS_SARIF,      /**< SARIF 2.1.0, at most DIVA_SARIF_RESULTS results, the worst */
  DIVA_CHECK_AS_ANNOTATIONS /**< workflow commands of GitHub Actions, one a rule; "" where all
                               passed */
};

/** Code hosts show as many results of a run (GitHub: 5,000 of at most 25,000, 10 MB). */
enum { DIVA_SARIF_RESULTS = 5000 };

/** What a report is made from; everything borrowed. */
struct diva_check_report {
  int version;
  int argument_count;
  char *const *arguments;              /**< the command line */
  const struct diva_dataset *dataset;  /**< that was checked */
  const struct diva_dataset *baseline; /**< NULL: none */
  const char *state;                   /**< path of a saved baseline; NULL: none */
  const char *state_checksum;          /**< SHA-256 of its content; NULL: none */
  const struct diva_dataset *target;   /**< NULL: none */
  const char *policy_path;             /**< NULL: the defaults */
  double confidence;                   /**< of the policy */
  bool strict_warnings;                /**< a warning ends the program with 1 */
  const char *manifest; /**< JSONL with an `id` or `index` a line, in which SARIF and annotations
                             point at rows; NULL: none */
  const struct diva_check_summary *summary;
  const struct diva_check_result *results; /**< DIVA_RULES of them */
};

DIVA_API void diva_check_report_init(struct diva_check_report *report);

/**
 * Makes a report.
 * @param out  to be freed with diva_string_free()
 * @return DIVA_ERROR_INPUT for a manifest that cannot be read; DIVA_ERROR_RESOURCE
 * Cost: JSON and JUnit read each input once for its SHA-256; SARIF reads the manifest once.
 */
DIVA_API enum diva_status diva_check_report_text(const struct diva_check_report *report,
                                                 enum diva_check_format format, char **out,
                                                 struct diva_error *error);

/** 0 passed, 1 warned and `strict_warnings`, 2 failed (contract). */
DIVA_API int diva_check_exit_code(enum diva_check_verdict verdict, bool strict_warnings);

DIVA_END_DECLARATIONS

#endif
