/**
 * @file output.h
 * Files the program writes itself, and what is checked before work begins whose result has nowhere
 * to go.
 */
#ifndef DIVA_CLI_OUTPUT_H
#define DIVA_CLI_OUTPUT_H

#include <diva/dataset.h>

/**
 * Whether a file can be written at `path`: its folder is there and lets itself be written, what
 * stands there is a file, and not one of the datasets' (each may be NULL).
 * @return DIVA_ERROR_RESOURCE or DIVA_ERROR_USAGE, naming the path
 */
enum diva_status cli_output_check(const char *path, const struct diva_dataset *dataset,
                                  const struct diva_dataset *validation, struct diva_error *error);

/** What stands beside an output: OUT.provenance.json. */
#define CLI_PROVENANCE_SUFFIX ".provenance.json"

/** The same for an output and its provenance. */
enum diva_status cli_output_check_pair(const char *path, const struct diva_dataset *dataset,
                                       const struct diva_dataset *validation,
                                       struct diva_error *error);

/**
 * Whether a file that is read would be written over by an output or by its provenance.
 * @param input  a path; one that is not there is no fault here
 * @return DIVA_ERROR_USAGE, naming it
 */
enum diva_status cli_output_check_input(const char *path, const char *input,
                                        struct diva_error *error);

/** An output and the option that named it. */
struct cli_named_output {
  const char *path;
  const char *option; /**< "-o" */
};

/**
 * Whether two outputs, with their provenance, would be four files: no name of one may be a name of
 * the other, by whatever way its folder is spelled.
 * @return DIVA_ERROR_USAGE, naming both
 */
enum diva_status cli_output_check_distinct(const struct cli_named_output *a,
                                           const struct cli_named_output *b,
                                           struct diva_error *error);

/**
 * Prints a line to standard output at once, so that failure is known before other work is made
 * final. A reader that went away is no failure: the signal of it is held back until
 * cli_pipe_release().
 */
enum diva_status cli_line_print(const char *line, struct diva_error *error);

/** Lets the signal of a reader that went away end the program. */
void cli_pipe_release(void);

/** A file complete under a name of its own beside the one it shall have. */
struct cli_staged {
  char *path;
  char *temporary;
};

/** Chooses the temporary name of `path` + `suffix`. Free it by commit or abandon. */
enum diva_status cli_staged_name(struct cli_staged *staged, const char *path, const char *suffix,
                                 struct diva_error *error);

/** Puts the name the person knows in place of the temporary one at the start of a message. */
void cli_staged_rename_error(const struct cli_staged *staged, struct diva_error *error);

/** Writes the text and a newline to the temporary name. */
enum diva_status cli_staged_write(const struct cli_staged *staged, const char *text,
                                  struct diva_error *error);

/** Gives the file its name, and frees. */
enum diva_status cli_staged_commit(struct cli_staged *staged, struct diva_error *error);

/** Removes the file if it is there, and frees. Safe on an empty struct and after commit. */
void cli_staged_abandon(struct cli_staged *staged);

#endif
