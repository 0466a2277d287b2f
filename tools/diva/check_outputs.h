/**
 * @file check_outputs.h
 * The reports that `diva check` leaves behind: files, standard output, and what a CI runner reads.
 */
#ifndef DIVA_CLI_CHECK_OUTPUTS_H
#define DIVA_CLI_CHECK_OUTPUTS_H

#include "check_inputs.h"

/** Checks before work begins that every report has a place of its own to go to. */
enum diva_status cli_check_outputs_check(const struct cli_settings *settings,
                                         const struct cli_check_inputs *inputs,
                                         struct diva_error *error);

/**
 * Makes every report, writes all of them or none, and prints the one for people: on standard
 * output, or on standard error where another report goes to standard output.
 */
enum diva_status cli_check_outputs_write(const struct cli_settings *settings,
                                         const struct diva_check_report *report,
                                         struct diva_error *error);

#endif
