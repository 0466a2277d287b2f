/**
 * @file exact.h
 * --exact of rank: what taking each row out does to the validation loss, beside what the derivative
 * says it does.
 */
#ifndef DIVA_CLI_EXACT_H
#define DIVA_CLI_EXACT_H

#include "session.h"

#include <stdio.h>

/** Columns that --exact adds to those of rank. */
enum { CLI_EXACT_COLUMNS = 2 };

/** Refuses --exact where there is no effect to be had. */
enum diva_status cli_exact_check(const struct cli_settings *settings, struct diva_error *error);

/**
 * Marks the rows on which the derivative misleads: to first order the row's removal (of a row of
 * weight 0: its addition) changes the validation loss the other way than it does. Values within
 * rounding of 0, beside the largest, mislead nobody.
 * @param out  1 byte a row, to be freed; NULL where --exact was not asked for
 */
enum diva_status cli_exact_find(const struct cli_session *session, uint8_t **out,
                                struct diva_error *error);

/** The columns `removal` and `derivative_misleads`, borrowed. */
void cli_exact_columns(const struct cli_session *session, const uint8_t *misleads,
                       struct diva_column out[CLI_EXACT_COLUMNS]);

/** A line on how many rows do harm, and how many mislead; nothing without --exact. */
void cli_exact_print(FILE *out, const struct cli_session *session, const uint8_t *misleads);

#endif
