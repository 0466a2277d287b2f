/**
 * @file group_name.h
 * Groups by the name a person types.
 */
#ifndef DIVA_CLI_GROUP_NAME_H
#define DIVA_CLI_GROUP_NAME_H

#include "row_ids.h"

#include <diva/dataset.h>

/** How many groups a dataset has. */
int64_t cli_group_count(const struct diva_dataset *dataset);

/** The group of a name; -1: there is none. */
int64_t cli_group_find(const struct diva_dataset *dataset, const char *name);

/** " (did you mean 'x'?)", or "; there are: ...", the first few. Returns `out`. */
const char *cli_group_hint(const struct diva_dataset *dataset, const char *name,
                           char out[CLI_HINT_SIZE]);

#endif
