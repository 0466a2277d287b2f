/**
 * @file info.h
 * What `diva info` found, and the two ways of saying it.
 */
#ifndef DIVA_CLI_INFO_H
#define DIVA_CLI_INFO_H

#include "cli.h"

#include <stdio.h>

struct cli_info {
  struct diva_dataset *dataset;    /**< NULL: only the machine is asked about */
  struct diva_dataset *validation; /**< NULL: none */
  struct diva_plan plan;           /**< once `planned` */
  bool planned;
  char unplanned[DIVA_ERROR_MESSAGE_SIZE]; /**< why no run could take the dataset */
};

/** For a person. */
void cli_info_text(FILE *out, const struct cli_info *info);

/** For a machine. DIVA_ERROR_RESOURCE where memory is out. */
enum diva_status cli_info_json(FILE *out, const struct cli_info *info, struct diva_error *error);

/** Rows of each class, `outputs` of them, to be freed; NULL for targets or without memory. */
int64_t *cli_info_class_counts(const struct diva_dataset *dataset);

/** "ready", "not compiled", "no device". */
const char *cli_backend_state_text(enum diva_backend_state state);

#endif
