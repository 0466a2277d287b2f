/* diva rank: the columns of every row, no decision. */
#include "exact.h"
#include "session.h"

#include <limits.h>
#include <stdlib.h>

static enum diva_status write_columns(struct cli_session *session, const uint8_t *misleads,
                                      struct diva_error *error) {
  struct diva_column columns[CLI_RANK_COLUMNS + CLI_EXACT_COLUMNS + 1];
  int count = CLI_RANK_COLUMNS;
  cli_session_columns(session, columns);
  if (misleads) {
    cli_exact_columns(session, misleads, columns + count);
    count += CLI_EXACT_COLUMNS;
  }
  if (session->target.target) {
    columns[count++] = cli_target_column(&session->target);
  }
  const struct cli_result result = {.columns = columns,
                                    .column_count = count,
                                    .key = session->columns.derivative,
                                    .descending = true,
                                    .flagged = -1,
                                    .misleads = misleads};
  return cli_session_write(session, &result, error);
}

static enum diva_status check_objective(const struct cli_settings *settings,
                                        struct diva_error *error) {
  return settings->validation && cli_target_wanted(settings)
             ? diva_error_set(error, DIVA_ERROR_USAGE,
                              "rank: the derivative is of the loss on --validation, or of the "
                              "leave-one-out loss on a target distribution: give one")
             : DIVA_OK;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  uint8_t *misleads = NULL;
  enum diva_status status = cli_exact_check(request->settings, error);
  if (!status) {
    status = check_objective(request->settings, error);
  }
  if (status) {
    return status;
  }
  status = cli_session_open(&session, request, error);
  if (!status) {
    status = cli_session_analyse(&session, error);
  }
  if (!status) {
    status = cli_exact_find(&session, &misleads, error);
  }
  if (!status) {
    status = write_columns(&session, misleads, error);
  }
  free(misleads);
  cli_session_close(&session);
  return status;
}

static const struct cli_option exact_options[] = {
    {.name = "exact",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, analysis.removal),
     .help = "add two columns: removal, what the loss on --validation changes by when the row is "
             "taken out (a row of weight 0: put in with weight 1) and the model solved again at "
             "the same lambda and scaling, and derivative_misleads, whether the derivative says "
             "the opposite"},
};

static const struct cli_option_group exact_group = {.heading = "Effect of each row",
                                                    .options = exact_options,
                                                    .count = sizeof exact_options /
                                                             sizeof *exact_options};

static const struct cli_option_group *const groups[] = {&cli_group_rows,  &cli_group_probabilities,
                                                        &exact_group,     &cli_group_target,
                                                        &cli_group_model, &cli_group_together,
                                                        &cli_group_names, &cli_group_run,
                                                        &cli_group_words, NULL};

static const struct cli_example examples[] = {
    {"diva rank digits.h5 | head -3", "the three rows that harm the model most"},
    {"diva rank digits.h5 --validation test.h5 -o rank.csv",
     "how each row moves the mean loss on test.h5, as a table"},
    {"diva rank digits.h5 --validation test.h5 --exact -o rank.csv",
     "and what it would be without each row, exactly"},
    {"diva rank digits.h5 --target-features new.h5 -o rank.csv",
     "how each row moves the loss on rows like those of new.h5, which have no labels"},
    {"diva rank 'part-*.h5' --order input -o derivative.npy",
     "the derivatives of all shards as an array, in input order"},
    {NULL, NULL}};

const struct cli_command cli_command_rank = {
    .name = "rank",
    .files = "FILE...",
    .purpose = "Score every row: what its weight does to the error, and how good its label is.",
    .description =
        "Rows come worst first: the derivative of the mean loss with respect to the row's weight, "
        "largest first. Columns: id, index, label, derivative, leverage, loo_loss, loo_margin, "
        "label_quality, suggested_label, weight, with --exact also removal and "
        "derivative_misleads. With a target distribution the loss is the leave-one-out loss on it: "
        "each row counts by its importance, how frequent its like is in the target beside training "
        "(column importance, mean 1). OUT.npy holds the derivatives in input order.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
