/**
 * @file target.h
 * The target distribution of --target and its like, and what each training row is worth for it.
 */
#ifndef DIVA_CLI_TARGET_H
#define DIVA_CLI_TARGET_H

#include "cli.h"

#include <stdio.h>

/** Zeroed: none was asked for. */
struct cli_target {
  struct diva_dataset *rows;    /**< of --target or --target-features, NULL: none */
  struct diva_dataset *grouped; /**< the training set with the groups of --target-groups */
  struct diva_target *target;   /**< once found */
  struct diva_target_summary summary;
};

/** Those options. */
extern const struct cli_option_group cli_group_target;

/** Whether a target is asked for. */
bool cli_target_wanted(const struct cli_settings *settings);

/** Refuses two descriptions of a target; before any work. */
enum diva_status cli_target_check(const struct cli_settings *settings, struct diva_error *error);

/** Opens what the options name. */
enum diva_status cli_target_open(struct cli_target *target, const struct cli_request *request,
                                 struct diva_error *error);

/**
 * Finds the importances of the rows of `dataset`, into target->summary, and puts them into
 * options->importance; nothing where no target is asked for.
 * @param options  settled by diva_model_choose()
 * @return the errors of diva_target_find(), with the option or file at fault
 */
enum diva_status cli_target_find(struct cli_target *target, const struct cli_settings *settings,
                                 struct diva_dataset *dataset,
                                 struct diva_analysis_options *options, struct diva_error *error);

/** The rows of --target, whose labels count; NULL: none are. */
struct diva_dataset *cli_target_validation(const struct cli_target *target,
                                           const struct cli_settings *settings);

/** A few lines on what was found; nothing without a target. */
void cli_target_print(FILE *out, const struct cli_target *target,
                      const struct diva_dataset *dataset);

/** The column `importance`, borrowed. */
struct diva_column cli_target_column(const struct cli_target *target);

/** Says of the target what provenance has to hold. */
void cli_target_report(const struct cli_target *target, struct diva_report *report);

/** Frees; a zeroed target is fine. */
void cli_target_close(struct cli_target *target);

#endif
