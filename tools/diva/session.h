/**
 * @file session.h
 * What the commands that solve a dataset share: open, analyse, decide, solve again, write, and say
 * so.
 */
#ifndef DIVA_CLI_SESSION_H
#define DIVA_CLI_SESSION_H

#include "cli.h"
#include "groups.h"
#include "meter.h"
#include "target.h"

struct cli_session {
  const struct cli_request *request;
  struct cli_meter meter;
  enum diva_format format; /**< of the rows */
  struct diva_dataset *dataset;
  struct diva_dataset *validation; /**< NULL: none */
  struct diva_dataset_info info;
  struct cli_groups groups;                 /**< found when the run begins */
  struct cli_target target;                 /**< found once the model is settled */
  struct diva_analysis_options model;       /**< as settled, for solving again */
  struct diva_analysis *analysis;           /**< of the set as given */
  struct diva_analysis *reference;          /**< what `again` is held against, NULL: `analysis` */
  struct diva_analysis *again;              /**< without the dropped rows, NULL: not done */
  struct diva_probabilities *probabilities; /**< of `analysis`, NULL: not asked for */
  struct diva_columns columns;
  struct diva_summary before;
  struct diva_summary held_against; /**< of `reference`, else of `analysis` */
  struct diva_summary after;        /**< once `resolved` */
  struct diva_score kept_before;    /**< LOO score on the kept rows before; once `resolved` */
  bool resolved;
  char unresolved[DIVA_ERROR_MESSAGE_SIZE]; /**< why it could not be solved again, "": it could */
  uint8_t *trusted;                         /**< marks of --trusted, NULL: none */
  struct diva_verification verification;    /**< once `verified` */
  bool verified;
  char unverified[DIVA_ERROR_MESSAGE_SIZE]; /**< why --verify could say nothing, "": it did */
};

/** Columns of `rank`, which the other commands begin with. */
enum { CLI_RANK_COLUMNS = 7 };

struct cli_weights;

/** What a command decided; everything borrowed. */
struct cli_result {
  const struct diva_noise_summary *noise; /**< NULL: not from clean */
  const struct diva_column *columns;
  int column_count;
  const double *key; /**< of --order rank */
  bool descending;
  const struct diva_decision_columns *decision; /**< NULL: none taken */
  int64_t flagged;                              /**< label issues, -1: not decided */
  const uint8_t *misleads; /**< rows on which the derivative misleads, NULL: not found out */
  const struct diva_what_if_summary *what_if; /**< NULL: not asked */
  const struct cli_weights *weights;          /**< of reweight, NULL: not asked */
  const struct diva_extend_summary *extend;   /**< NULL: not asked */
  const struct diva_dataset *written; /**< the rows written are of this one, NULL: the session's */
  const int64_t *chosen;              /**< rows of an array of indices, NULL: those kept */
  int64_t chosen_count;
  const int64_t *changed; /**< rows of the changed dataset, NULL: those kept */
  int64_t changed_count;
  const char *text; /**< for standard output, where no rows go there; NULL: rows do */
};

/** Checks the outputs asked for, then opens the datasets. Close it whatever came of it. */
enum diva_status cli_session_open(struct cli_session *session, const struct cli_request *request,
                                  struct diva_error *error);

/**
 * The options of the run whose columns are written: as given, with the derivative and the progress
 * line. Begins the file of --write-probabilities, whose sink is among them, and the digests of the
 * inputs.
 */
enum diva_status cli_session_begin(struct cli_session *session,
                                   struct diva_analysis_options *options, struct diva_error *error);

/** Names the file in the error of a run, where the library, which may see only numbers, has not.
 * Returns `status`. */
enum diva_status cli_session_blame(const struct cli_session *session, enum diva_status status,
                                   struct diva_error *error);

/** Fills columns and `before` from `analysis`; or, where the run failed, names the file in the
 * error. Returns `status`. */
enum diva_status cli_session_end(struct cli_session *session, enum diva_status status,
                                 struct diva_error *error);

/** Chooses the model where it is open, and runs the analysis between the two, for a command that
 * needs nothing else of it. */
enum diva_status cli_session_analyse(struct cli_session *session, struct diva_error *error);

/**
 * Analyses the set as given for `held_against`, where `before` is of another kind than a set that
 * is solved again: its rows may have been weighted to judge them, and its map may be wide. Both are
 * then solved with at most 1,024 Fourier features, at the same lambda.
 */
enum diva_status cli_session_refer(struct cli_session *session, struct diva_error *error);

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
