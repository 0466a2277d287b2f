/**
 * @file check_inputs.h
 * What `diva check` holds together: the version that is checked, the one before, the target, the
 * policy.
 */
#ifndef DIVA_CLI_CHECK_INPUTS_H
#define DIVA_CLI_CHECK_INPUTS_H

#include "cli.h"

struct cli_check_inputs {
  struct diva_dataset *dataset;
  struct diva_dataset *baseline; /**< NULL: none, or ... */
  struct diva_state *state;      /**< ... a saved one; NULL: none */
  struct diva_dataset *target;   /**< NULL: none */
  struct diva_dataset *splits;   /**< the dataset once more, its groups the splits; NULL: none */
  struct diva_policy policy;
  char today[11];                             /**< YYYY-MM-DD */
  char groups_apart[DIVA_ERROR_MESSAGE_SIZE]; /**< why groups are not compared with the baseline's;
                                                 "": they are, if there are any */
};

/** Opens everything that the options name. Close it whatever came of it. */
enum diva_status cli_check_inputs_open(struct cli_check_inputs *inputs,
                                       const struct cli_request *request, struct diva_error *error);

/** Opens the version that is checked, and nothing else: for its classes and groups. */
enum diva_status cli_check_inputs_open_dataset(struct cli_check_inputs *inputs,
                                               const struct cli_request *request,
                                               struct diva_error *error);

/** Names the file in an error that names none. Returns `status`. */
enum diva_status cli_check_inputs_blame(const struct cli_check_inputs *inputs,
                                        enum diva_status status, struct diva_error *error);

/** Frees; safe after a failed open. */
void cli_check_inputs_close(struct cli_check_inputs *inputs);

#endif
