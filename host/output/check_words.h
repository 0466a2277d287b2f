/**
 * @file check_words.h
 * What the forms of a check's report share: the worst of a rule, figures, names cut to a length,
 * and the order of what is said. Internal.
 */
#ifndef DIVA_OUTPUT_CHECK_WORDS_H
#define DIVA_OUTPUT_CHECK_WORDS_H

#include <diva/check_report.h>

#include "host/output/text.h"

/** Bytes after which ids and names, and whole sentences, are cut. */
enum { DIVA_NAME_LENGTH = 160, DIVA_SENTENCE_LENGTH = 600 };

/** The finding that a rule's verdict comes from; NULL: it has none. */
const struct diva_check_finding *diva_check_worst(const struct diva_check_result *result);

/** Whether people have to hear of it: a rule that warns or fails. */
bool diva_check_is_raised(enum diva_check_verdict verdict);

/** Rules that failed, then rules that warn, each in their order; returns how many. */
int diva_check_raised(const struct diva_check_result *results,
                      const struct diva_check_result *out[DIVA_RULES]);

/** Four digits of a figure, or "-" where there is none. */
void diva_text_figure(struct diva_text *text, double value);

/** "5.53 %" of a share. */
void diva_text_percent(struct diva_text *text, double share);

/** Appends a character as `length` bytes, escaped. What follows it in the string may be looked at.
 */
typedef void (*diva_text_escape)(struct diva_text *text, const char *bytes, int length);

/**
 * Appends a string character by character through `escape`; bytes that are not UTF-8 become U+FFFD.
 * Cut after `most` bytes, with "..." behind; 0: never.
 */
void diva_text_escaped(struct diva_text *text, const char *string, int most,
                       diva_text_escape escape);

/**
 * Whether the character would make the line a workflow command: runners of GitHub Actions skip the
 * blanks of every alphabet, and take the "::" behind them for one.
 */
bool diva_text_begins_command(const struct diva_text *text, const char *bytes);

/** A string on one line of a log: control characters become '?', and nothing becomes a command. */
void diva_text_plain(struct diva_text *text, const char *string, int most);

/** "2 failed, 1 warned, 9 passed, 3 skipped"; nothing that is 0. */
void diva_text_counts(struct diva_text *text, const struct diva_check_summary *summary);

/** Path of the first file of a dataset, or "dataset in memory". */
const char *diva_check_path(const struct diva_dataset *dataset);

/** What the outputs of the dataset are: "classes", "targets", or "outputs" where it is not at hand.
 */
const char *diva_check_outputs_word(const struct diva_check_report *report);

/** The text, terminated and handed over, or DIVA_ERROR_RESOURCE; `text` is {0} again. */
enum diva_status diva_text_release(struct diva_text *text, char **out, struct diva_error *error);

#endif
