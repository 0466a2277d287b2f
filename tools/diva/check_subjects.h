/**
 * @file check_subjects.h
 * Names in a policy that nothing in the data has.
 */
#ifndef DIVA_CLI_CHECK_SUBJECTS_H
#define DIVA_CLI_CHECK_SUBJECTS_H

#include "check_inputs.h"

#include <stdio.h>

/**
 * Notes each class of class-error, and each group of group-error where its factor is looked at,
 * that the policy has limits or a waiver for and that neither version has: likelier a slip than a
 * wish, and without a word the limits of the rule would hold.
 */
void cli_check_subjects_note(FILE *out, const struct cli_check_inputs *inputs,
                             const struct cli_settings *settings);

#endif
