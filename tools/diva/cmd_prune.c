/* diva prune: drops the rows whose weight raises the error most. */
#include "session.h"
#include "verify.h"

#include <limits.h>
#include <math.h>

enum { COLUMNS = CLI_RANK_COLUMNS + 1 };

static enum diva_status choose_rule(const struct cli_settings *settings,
                                    struct diva_prune_options *options, struct diva_error *error) {
  const double default_fraction = 0.05;
  int rules = !isnan(settings->threshold) + !isnan(settings->fraction) + (settings->count >= 0);
  if (rules > 1) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "prune: give one of --threshold, --fraction and --count");
  }
  diva_prune_options_init(options);
  options->threshold = settings->threshold;
  options->count = settings->count;
  options->fraction = rules ? settings->fraction : default_fraction;
  return DIVA_OK;
}

static enum diva_status decide_and_write(struct cli_session *session,
                                         const struct diva_prune_options *options,
                                         struct diva_decision **decision,
                                         struct diva_error *error) {
  struct diva_decision_columns decided;
  struct diva_column columns[COLUMNS];
  enum diva_status status =
      diva_prune(session->dataset, session->analysis, options, decision, error);
  if (status) {
    return status;
  }
  diva_decision_columns(*decision, &decided);
  status = cli_session_resolve(session, &decided, error);
  if (!status) {
    status = cli_verify_decision(session, &decided, error);
  }
  if (status) {
    return status;
  }
  cli_session_columns(session, columns);
  columns[CLI_RANK_COLUMNS] =
      (struct diva_column){.name = "keep", .type = DIVA_COLUMN_BOOLEAN, .data = decided.keep};
  struct cli_result result = {.columns = columns,
                              .column_count = COLUMNS,
                              .key = session->columns.derivative,
                              .descending = true,
                              .decision = &decided,
                              .flagged = -1};
  return cli_session_write(session, &result, error);
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct diva_prune_options options;
  struct diva_decision *decision = NULL;
  enum diva_status status = choose_rule(request->settings, &options, error);
  if (status) {
    return status;
  }
  status = cli_session_open(&session, request, error);
  if (!status) {
    status = cli_session_analyse(&session, error);
  }
  if (!status) {
    status = decide_and_write(&session, &options, &decision, error);
  }
  diva_decision_destroy(decision);
  cli_session_close(&session);
  return status;
}

static const struct cli_option options[] = {
    {.name = "threshold",
     .type = CLI_REAL,
     .offset = offsetof(struct cli_settings, threshold),
     .value = "X",
     .help = "drop the rows whose derivative is above X",
     .minimum = -INFINITY,
     .maximum = INFINITY},
    {.name = "fraction",
     .type = CLI_REAL,
     .offset = offsetof(struct cli_settings, fraction),
     .value = "F",
     .help = "drop this share of the training rows, the largest derivatives",
     .fallback = "0.05, where no rule is given",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true},
    {.name = "count",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, count),
     .value = "N",
     .help = "drop N rows, the largest derivatives",
     .fallback = "",
     .minimum = 0,
     .maximum = INFINITY},
};

static const struct cli_option_group decision_group = {.heading = "Decision (one of these)",
                                                       .options = options,
                                                       .count = sizeof options / sizeof *options};

static const struct cli_option_group *const groups[] = {&decision_group,        &cli_group_rows,
                                                        &cli_group_dataset_out, &cli_group_verify,
                                                        &cli_group_model,       &cli_group_together,
                                                        &cli_group_names,       &cli_group_run,
                                                        &cli_group_words,       NULL};

static const struct cli_example examples[] = {
    {"diva prune digits.h5 --fraction 0.1 -o prune.jsonl",
     "drop the tenth of the rows that harms the model most"},
    {"diva prune train.h5 --validation target.h5 --threshold 0 -o keep.npy",
     "keep the rows that lower the loss on target.h5"},
    {"diva prune train.h5 --count 1000 --write-dataset smaller.h5 -o prune.csv",
     "write the dataset without the 1000 worst rows"},
    {NULL, NULL}};

const struct cli_command cli_command_prune = {
    .name = "prune",
    .files = "FILE...",
    .purpose = "Drop the rows whose weight raises the error most.",
    .description =
        "Rows come worst first. Columns: those of rank, then keep. OUT.npy holds the indices of "
        "the kept rows. Unlabelled rows are kept. The model is solved again without the dropped "
        "rows, for the error before and after.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
