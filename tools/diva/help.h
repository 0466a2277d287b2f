/**
 * @file help.h
 * The program's words about itself, all from the tables of commands and options.
 */
#ifndef DIVA_CLI_HELP_H
#define DIVA_CLI_HELP_H

#include "cli.h"

#include <stdio.h>

/** `diva help`: what the program is for, and its commands (NULL at the end). */
void cli_help_program(FILE *out, const struct cli_command *const *commands);

/** `diva COMMAND --help`. */
void cli_help_command(FILE *out, const struct cli_command *command);

/** The manual page in man(7) macros: every command and option. */
void cli_manual_print(FILE *out, const struct cli_command *const *commands);

/** Completion for "bash", "zsh" or "fish"; DIVA_ERROR_USAGE for another shell. */
enum diva_status cli_completion_print(FILE *out, const char *shell,
                                      const struct cli_command *const *commands,
                                      struct diva_error *error);

#endif
