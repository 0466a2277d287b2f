/* diva clean: which labels are wrong, what to do about it, and which rows to keep. */
#include "session.h"

#include <limits.h>
#include <math.h>

enum { COLUMNS = CLI_RANK_COLUMNS + 4 };

static void fill_columns(const struct cli_session *session,
                         const struct diva_decision_columns *decision,
                         struct diva_column out[COLUMNS]) {
  cli_session_columns(session, out);
  struct diva_column *more = out + CLI_RANK_COLUMNS;
  more[0] = (struct diva_column){
      .name = "is_label_issue", .type = DIVA_COLUMN_BOOLEAN, .data = decision->is_label_issue};
  more[1] =
      (struct diva_column){.name = "keep", .type = DIVA_COLUMN_BOOLEAN, .data = decision->keep};
  more[2] = (struct diva_column){.name = "action",
                                 .type = DIVA_COLUMN_CHOICE,
                                 .data = decision->action,
                                 .choices = diva_action_names()};
  more[3] = (struct diva_column){
      .name = "issue_probability", .type = DIVA_COLUMN_REAL, .data = decision->issue_probability};
}

static int64_t count_issues(const struct diva_decision_columns *decision) {
  int64_t issues = 0;
  for (int64_t i = 0; i < decision->rows; i++) {
    issues += decision->is_label_issue[i] != 0;
  }
  return issues;
}

static enum diva_status check_labels(const struct cli_session *session, struct diva_error *error) {
  if (session->info.has_targets) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: has targets, no class labels that clean could judge; use 'diva "
                          "prune'",
                          diva_dataset_path(session->dataset, 0));
  }
  return DIVA_OK;
}

static enum diva_status decide_and_write(struct cli_session *session,
                                         struct diva_decision **decision,
                                         struct diva_error *error) {
  struct diva_clean_options options;
  struct diva_decision_columns decided;
  struct diva_column columns[COLUMNS];
  diva_clean_options_init(&options);
  options.count = session->request->settings->count;
  enum diva_status status =
      diva_clean(session->dataset, session->analysis, &options, decision, error);
  if (status) {
    return status;
  }
  diva_decision_columns(*decision, &decided);
  status = cli_session_resolve(session, &decided, error);
  if (status) {
    return status;
  }
  fill_columns(session, &decided, columns);
  struct cli_result result = {.columns = columns,
                              .column_count = COLUMNS,
                              .key = session->columns.label_quality,
                              .descending = false,
                              .decision = &decided,
                              .flagged = count_issues(&decided)};
  return cli_session_write(session, &result, error);
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct diva_decision *decision = NULL;
  enum diva_status status = cli_session_open(&session, request, error);
  if (!status) {
    status = check_labels(&session, error);
  }
  if (!status) {
    status = cli_session_analyse(&session, error);
  }
  if (!status) {
    status = decide_and_write(&session, &decision, error);
  }
  diva_decision_destroy(decision);
  cli_session_close(&session);
  return status;
}

static const struct cli_option options[] = {
    {.name = "count",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, count),
     .value = "N",
     .help = "flag exactly N rows, those of the lowest label quality",
     .fallback = "as many as the scores tell",
     .minimum = 0,
     .maximum = INFINITY},
};

static const struct cli_option_group decision_group = {
    .heading = "Decision", .options = options, .count = sizeof options / sizeof *options};

static const struct cli_option_group *const groups[] = {
    &decision_group,  &cli_group_rows, &cli_group_dataset_out, &cli_group_model,
    &cli_group_names, &cli_group_run,  &cli_group_words,       NULL};

static const struct cli_example examples[] = {
    {"diva clean digits.h5 -o clean.jsonl",
     "decide on every row, and say what the error is without the wrong ones"},
    {"diva clean digits.h5 -o keep.npy", "the indices of the rows to keep, for a training job"},
    {"diva clean digits.h5 --count 50 --write-dataset better.h5 -o clean.csv",
     "flag 50 rows, and write the dataset without them"},
    {NULL, NULL}};

const struct cli_command cli_command_clean = {
    .name = "clean",
    .files = "FILE...",
    .purpose = "Find wrong labels, suggest better ones, and decide which rows to keep.",
    .description =
        "Rows come by label_quality, lowest first. Columns: those of rank, then is_label_issue, "
        "keep, action (keep, relabel, drop, review) and issue_probability. Rows flagged as label "
        "issues are not kept, whatever their action: those to relabel, too. OUT.npy holds the "
        "indices of the kept rows. The model is solved again without the dropped rows, for the "
        "error before and after.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
