/**
 * @file weights.h
 * What the options of reweight ask of the library, and the weights it hands back as they are
 * written.
 */
#ifndef DIVA_CLI_WEIGHTS_H
#define DIVA_CLI_WEIGHTS_H

#include "session.h"

#include <stdio.h>

/** Owned: cli_weights_free(). */
struct cli_weights {
  struct diva_reweight_options options; /**< as given, with the arrays below */
  int32_t *by;                          /**< groups of one weight; NULL: none */
  struct diva_dataset *grouped;         /**< the files opened for them; NULL: not needed */
  const char **names;                   /**< of the groups, borrowed texts; NULL: by number */
  char *numbers;                        /**< texts of classes without names */
  uint8_t *guard;                       /**< marked rows; NULL: none */
  double *importance;                   /**< of the objective's rows; NULL: all count alike */
  double *start;                        /**< weights of the target distribution; NULL: none */
  struct diva_reweighting *reweighting;
  struct diva_reweight_summary summary;
  struct diva_reweight_columns columns;
  double *array;     /**< what an array of weights holds: them or their logarithms */
  double *logarithm; /**< for a table: NaN for the logarithm of 0; NULL: not asked for */
  int64_t *rows;     /**< all rows in order, for a dataset; NULL: not asked for */
  int64_t *indices;  /**< rows drawn; NULL: not asked for */
  int64_t draws;
};

/** Options of the objective, of the search, and of what is written. */
extern const struct cli_option_group cli_group_objective;
extern const struct cli_option_group cli_group_search;
extern const struct cli_option_group cli_group_weights_out;

/** Finds groups and marks. Free it whatever came of this. */
enum diva_status cli_weights_prepare(struct cli_session *session, struct cli_weights *out,
                                     struct diva_error *error);

/** Runs the library by session->model, and makes of its weights what is to be written. */
enum diva_status cli_weights_find(struct cli_session *session, struct cli_weights *weights,
                                  struct diva_error *error);

/** What was chosen, why, and what it does, in a few lines. */
void cli_weights_print(FILE *out, const struct cli_session *session,
                       const struct cli_weights *weights);

void cli_weights_free(struct cli_weights *weights);

#endif
