/**
 * @file cli.h
 * What a command of the program is: its words for help, its options, and the function it runs.
 */
#ifndef DIVA_CLI_H
#define DIVA_CLI_H

#include "option.h"

#include <diva/diva.h>

/** Every value an option can set. A command's table of options says which of them it uses. */
struct cli_settings {
  struct diva_dataset_options dataset;
  struct diva_analysis_options analysis;
  struct diva_convert_options convert;
  struct diva_bench_options bench;
  int64_t bench_repeats;
  const char *validation;          /**< path, NULL: none */
  const char *output;              /**< path, NULL or "-": standard output */
  const char *write_dataset;       /**< path of the changed dataset, NULL: none */
  const char *write_probabilities; /**< path of the probabilities, NULL: none */
  const char *near_duplicates;     /**< "auto", "off" or a cosine */
  const char *target;              /**< paths of target rows, or proportions; NULL: not given */
  const char *target_features, *target_classes, *target_groups;
  enum diva_shift target_shift;
  int64_t memory;          /**< bytes, 0: what the machine has */
  int64_t threads;         /**< 0: one a core */
  int64_t count;           /**< -1: not given */
  double threshold;        /**< NaN: not given */
  double fraction;         /**< NaN: not given */
  double wanted_precision; /**< NaN: not given */
  enum diva_refit refit;
  int format;              /**< index into cli_format_names, -1: by the extension */
  int order;               /**< enum cli_order */
  const char *from_state;  /**< path of an older state, NULL: none */
  const char *old_dataset; /**< path of what it was made of, NULL: not at hand */
  const char *trusted;     /**< path of the trusted ids, NULL: none */
  struct diva_reweight_options reweight;
  int64_t reweight_steps;      /**< -1: chosen */
  int64_t reweight_most_steps; /**< at most, where they are chosen */
  int64_t reweight_folds;      /**< 0: by the number of rows */
  const char *by;              /**< groups of one weight each, "label" or a name; NULL: none */
  struct cli_list guard, objective_group;
  const char *write_indices; /**< path of the indices drawn by weight, NULL: none */
  int64_t draws;             /**< of them, 0: as many as rows */
  int npy_type;              /**< enum cli_npy_type */
  bool log_weights;
  struct cli_list drop, drop_index, drop_group, relabel, include, weigh, weigh_group, weigh_class;
  int64_t round_rows; /**< 0: not given, as the two that follow */
  int64_t budget;
  int64_t rounds;
  double plausibility;
  bool fill;
  bool no_curve;
  int64_t verify_folds; /**< 0: not given */
  bool verify;
  const char *baseline; /**< path of the version before, NULL: none */
  const char *policy;   /**< path of the policy, NULL: the defaults */
  const char *split;    /**< name of the splits of the rows, NULL: none */
  const char *junit;    /**< paths of a check's reports, NULL: none; "-": standard output */
  const char *markdown, *sarif, *json_file;
  const char *manifest; /**< path of the JSONL rows that reports point into, NULL: none */
  const char *today;    /**< YYYY-MM-DD, NULL: by the clock */
  bool init;
  bool force;
  bool strict_warnings;
  bool annotations;
  bool rows_by_request; /**< no rows on standard output: the command has something else to say */
  bool quiet;
  bool json;
  bool help;
};

enum cli_order { CLI_ORDER_RANK, CLI_ORDER_INPUT };

enum cli_npy_type { CLI_NPY_FLOAT64, CLI_NPY_FLOAT32 };

/** The defaults, the library's where it has them. */
void cli_settings_init(struct cli_settings *settings);

struct cli_command;

/** The settings that a command starts from. */
void cli_settings_start(struct cli_settings *settings, const struct cli_command *command);

/** Carries the values that several structs of the library share to each of them. */
void cli_settings_finish(struct cli_settings *settings);

/** Names of --format in the order of enum diva_format, NULL at the end. */
extern const char *const cli_format_names[];

/** Names of --order in the order of enum cli_order, NULL at the end. */
extern const char *const cli_order_names[];

/** Names of --precision in the order of enum diva_precision, NULL at the end. */
extern const char *const cli_precision_names[];

/** Option groups that commands share. */
extern const struct cli_option_group cli_group_names;
extern const struct cli_option_group cli_group_model;
extern const struct cli_option_group
    cli_group_fit; /**< the model without --validation and --seed */
extern const struct cli_option_group cli_group_rows;
extern const struct cli_option_group cli_group_dataset_out;
extern const struct cli_option_group cli_group_probabilities;
extern const struct cli_option_group cli_group_together;
extern const struct cli_option_group cli_group_verify;
extern const struct cli_option_group cli_group_run;
extern const struct cli_option_group cli_group_words;
extern const struct cli_option_group cli_group_messages; /**< the words without --json */

/** One call of a command, parsed; everything borrowed. */
struct cli_request {
  int argument_count; /**< the command line as typed */
  char *const *arguments;
  const struct cli_settings *settings;
  char *const *files;
  int file_count;
  int *exit_code; /**< of a run without an error; 0 unless the command has a verdict */
};

struct cli_example {
  const char *line;
  const char *meaning;
};

struct cli_command {
  const char *name;
  const char *files;                            /**< positional arguments as help shows them */
  const char *purpose;                          /**< one sentence */
  const char *description;                      /**< a paragraph, NULL: none */
  const struct cli_option_group *const *groups; /**< NULL at the end */
  const struct cli_example *examples;           /**< a NULL line at the end */
  int minimum_files;
  int maximum_files;
  void (*defaults)(struct cli_settings *settings); /**< its own, NULL: those of all */
  enum diva_status (*run)(const struct cli_request *request, struct diva_error *error);
};

extern const struct cli_command cli_command_info;
extern const struct cli_command cli_command_rank;
extern const struct cli_command cli_command_clean;
extern const struct cli_command cli_command_prune;
extern const struct cli_command cli_command_extend;
extern const struct cli_command cli_command_what_if;
extern const struct cli_command cli_command_reweight;
extern const struct cli_command cli_command_check;
extern const struct cli_command cli_command_state;
extern const struct cli_command cli_command_merge;
extern const struct cli_command cli_command_convert;
extern const struct cli_command cli_command_bench;

#endif
