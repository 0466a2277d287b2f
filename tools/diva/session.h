/**
 * @file session.h
 * What rank, clean and prune share: open, analyse, decide, solve again, write, and say so.
 */
#ifndef DIVA_CLI_SESSION_H
#define DIVA_CLI_SESSION_H

#include "cli.h"
#include "meter.h"

struct cli_session {
  const struct cli_request *request;
  struct cli_meter meter;
  enum diva_format format; /**< of the rows */
  struct diva_dataset *dataset;
  struct diva_dataset *validation; /**< NULL: none */
  struct diva_dataset_info info;
  struct diva_analysis *analysis; /**< of the set as given */
  struct diva_analysis *again;    /**< without the dropped rows, NULL: not done */
  struct diva_columns columns;
  struct diva_summary before;
  struct diva_summary after;     /**< once `resolved` */
  struct diva_score kept_before; /**< LOO score on the kept rows before; once `resolved` */
  bool resolved;
  char unresolved[DIVA_ERROR_MESSAGE_SIZE]; /**< why it could not be solved again, "": it could */
};

/** Columns of `rank`, which the other commands begin with. */
enum { CLI_RANK_COLUMNS = 7 };

/** What a command decided; everything borrowed. */
struct cli_result {
  const struct diva_column *columns;
  int column_count;
  const double *key; /**< of --order rank */
  bool descending;
  const struct diva_decision_columns *decision; /**< NULL: none taken */
  int64_t flagged;                              /**< label issues, -1: not decided */
};

/** Checks the outputs asked for, then opens the datasets. Close it whatever came of it. */
enum diva_status cli_session_open(struct cli_session *session, const struct cli_request *request,
                                  struct diva_error *error);

/** Runs the analysis with the derivative, and fills columns and `before`. */
enum diva_status cli_session_analyse(struct cli_session *session, struct diva_error *error);

/** The columns of `rank`, borrowed from the analysis. */
void cli_session_columns(const struct cli_session *session,
                         struct diva_column out[CLI_RANK_COLUMNS]);

/**
 * Solves again with the dropped rows at weight 0, for `after`. A set that cannot be solved any
 * more (a class left alone, say) is no failure: `unresolved` says why.
 */
enum diva_status cli_session_resolve(struct cli_session *session,
                                     const struct diva_decision_columns *decision,
                                     struct diva_error *error);

/** Writes everything asked for, or nothing, and then the summary. */
enum diva_status cli_session_write(struct cli_session *session, const struct cli_result *result,
                                   struct diva_error *error);

/** Frees; safe after a failed open. */
void cli_session_close(struct cli_session *session);

#endif
