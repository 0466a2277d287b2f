/**
 * @file what_if_table.h
 * The answer to a what-if, for a person.
 */
#ifndef DIVA_CLI_WHAT_IF_TABLE_H
#define DIVA_CLI_WHAT_IF_TABLE_H

#include "session.h"

#include <stdio.h>

/** What changed, and losses and errors before and after, over all rows and by class. */
void cli_what_if_print(FILE *out, const struct diva_what_if_summary *what_if,
                       const struct diva_dataset *dataset);

#endif
