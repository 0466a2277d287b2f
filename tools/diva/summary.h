/**
 * @file summary.h
 * What came of a run, in a few lines for a person.
 */
#ifndef DIVA_CLI_SUMMARY_H
#define DIVA_CLI_SUMMARY_H

#include "session.h"

#include <stdio.h>

/** The dataset, the model, what was decided, errors before and after, notes, files written. */
void cli_summary_print(FILE *out, const struct cli_session *session,
                       const struct cli_result *result);

/** One line: "digits.h5: 1797 rows x 64 float32, 10 classes". */
void cli_summary_dataset(FILE *out, const struct diva_dataset *dataset);

/** Bytes as a person says them: "2.1 MiB". */
const char *cli_bytes_text(double bytes, char *out, size_t size);

/** A file's name, with '?' for control characters, which could pretend to be other lines. */
void cli_print_name(FILE *out, const char *name);

#endif
