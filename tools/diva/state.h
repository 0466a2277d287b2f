/**
 * @file state.h
 * Saved states as commands use them: their model taken over, their content told.
 */
#ifndef DIVA_CLI_STATE_H
#define DIVA_CLI_STATE_H

#include "cli.h"

#include <stdio.h>

/**
 * The options of a model that goes on from a state: lambda, scale, intercept and loss are those of
 * the state wherever the settings have the default, and must agree with it where they have not.
 * @return DIVA_ERROR_INPUT with what does not agree
 */
enum diva_status cli_state_adopt(const struct diva_state *state,
                                 const struct cli_settings *settings,
                                 struct diva_analysis_options *options, struct diva_error *error);

/** A few lines for a person, the first beginning with `name`. */
void cli_state_print(FILE *out, const struct diva_state *state, const char *name);

/** The same for a machine, on one line. DIVA_ERROR_RESOURCE where memory is out. */
enum diva_status cli_state_print_json(FILE *out, const struct diva_state *state, const char *name,
                                      struct diva_error *error);

/**
 * Refuses an output that is missing, cannot be written, or is one of the files that the command
 * line names or of the datasets' (each may be NULL).
 */
enum diva_status cli_state_check_output(const struct cli_request *request, const char *command,
                                        const struct diva_dataset *inputs,
                                        const struct diva_dataset *old_inputs,
                                        struct diva_error *error);

/** -o of the commands that write a state. */
extern const struct cli_option_group cli_group_state_out;

#endif
