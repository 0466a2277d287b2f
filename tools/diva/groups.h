/**
 * @file groups.h
 * Rows that are left out together: --group, and near-duplicates by --near-duplicates.
 */
#ifndef DIVA_CLI_GROUPS_H
#define DIVA_CLI_GROUPS_H

#include "cli.h"

#include <stdio.h>

/** Groups of a run. Zeroed: none. */
struct cli_groups {
  struct diva_duplicates *duplicates; /**< NULL: not looked for */
  int32_t *merged;                    /**< near-duplicates and --group in one (owned); or NULL */
  const int32_t *codes;               /**< what an analysis takes; NULL: every row alone */
};

/** Checks --near-duplicates, which needs no data for that. */
enum diva_status cli_groups_check(const struct cli_settings *settings, struct diva_error *error);

/** Looks for near-duplicates where asked, and merges them with the groups of --group. */
enum diva_status cli_groups_find(struct cli_groups *groups, struct diva_dataset *dataset,
                                 const struct cli_settings *settings,
                                 const struct diva_progress *progress, struct diva_error *error);

/** What was found, a line each; nothing where nothing was asked. */
void cli_groups_print(FILE *out, const struct cli_groups *groups,
                      const struct diva_dataset *dataset, const struct cli_settings *settings);

/** Near-duplicates' first rows, as diva_duplicates_columns has them; NULL: not looked for. */
const int64_t *cli_groups_first(const struct cli_groups *groups);

/** Says of groups what provenance has to hold. */
void cli_groups_report(const struct cli_groups *groups, const struct cli_settings *settings,
                       struct diva_report *report);

/** Frees; zeroed groups are fine. */
void cli_groups_free(struct cli_groups *groups);

#endif
