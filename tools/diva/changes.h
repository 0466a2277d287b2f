/**
 * @file changes.h
 * What the options of what-if make of a dataset: a weight and a label for every row.
 */
#ifndef DIVA_CLI_CHANGES_H
#define DIVA_CLI_CHANGES_H

#include "cli.h"

/** Owned: cli_changes_free(). */
struct cli_changes {
  double *weights; /**< one a row */
  int32_t *labels; /**< one a row; NULL: none is changed */
};

/** Those options. */
extern const struct cli_option_group cli_group_changes;

/** Refuses a command line without a change; before any work. */
enum diva_status cli_changes_check(const struct cli_settings *settings, struct diva_error *error);

/**
 * Labels first, so that a class is weighed as changed; then rows come in, and all weights multiply,
 * a dropped row's by 0, so that the order of the options plays no part.
 * @return DIVA_ERROR_USAGE naming option and value, saying what there is; DIVA_ERROR_INPUT for a
 *         file; DIVA_ERROR_RESOURCE
 */
enum diva_status cli_changes_make(const struct cli_request *request,
                                  const struct diva_dataset *dataset, struct cli_changes *out,
                                  struct diva_error *error);

void cli_changes_free(struct cli_changes *changes);

#endif
