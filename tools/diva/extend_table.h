/**
 * @file extend_table.h
 * How a core was extended, for a person.
 */
#ifndef DIVA_CLI_EXTEND_TABLE_H
#define DIVA_CLI_EXTEND_TABLE_H

#include <diva/extend.h>

#include <stdio.h>

/** The curve, what was taken, and why no more. */
void cli_extend_print(FILE *out, const struct diva_extend_summary *extend);

#endif
