/**
 * @file proportions.h
 * Proportions of classes or groups as a person types them.
 */
#ifndef DIVA_CLI_PROPORTIONS_H
#define DIVA_CLI_PROPORTIONS_H

#include "cli.h"

/** What proportions are of; everything borrowed. */
struct cli_kinds {
  const struct diva_dataset *dataset;
  bool groups; /**< groups, not classes */
  int64_t count;
  const double *training; /**< count: shares among the rows trained on */
};

/**
 * "A=.2,B=.7,*=rest": names or, of classes, numbers, each with its share; '*' stands for all that
 * are not named, which share what it says, or the rest, as they do in training. Without it they
 * have none.
 * @param out  kinds->count
 * @return DIVA_ERROR_USAGE naming the part at fault, saying what there is
 */
enum diva_status cli_proportions_parse(const char *text, const struct cli_kinds *kinds, double *out,
                                       struct diva_error *error);

#endif
