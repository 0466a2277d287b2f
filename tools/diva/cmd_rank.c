/* diva rank: the columns of every row, no decision. */
#include "session.h"

#include <limits.h>

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct diva_column columns[CLI_RANK_COLUMNS];
  enum diva_status status = cli_session_open(&session, request, error);
  if (!status) {
    status = cli_session_analyse(&session, error);
  }
  if (!status) {
    cli_session_columns(&session, columns);
    struct cli_result result = {.columns = columns,
                                .column_count = CLI_RANK_COLUMNS,
                                .key = session.columns.derivative,
                                .descending = true,
                                .flagged = -1};
    status = cli_session_write(&session, &result, error);
  }
  cli_session_close(&session);
  return status;
}

static const struct cli_option_group *const groups[] = {
    &cli_group_rows,  &cli_group_probabilities, &cli_group_model, &cli_group_together,
    &cli_group_names, &cli_group_run,           &cli_group_words, NULL};

static const struct cli_example examples[] = {
    {"diva rank digits.h5 | head -3", "the three rows that harm the model most"},
    {"diva rank digits.h5 --validation test.h5 -o rank.csv",
     "how each row moves the mean loss on test.h5, as a table"},
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
        "label_quality, suggested_label, weight. OUT.npy holds the derivatives in input order.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
