/* diva clean: which labels are wrong, what to do about it, and which rows to keep. */
#include "session.h"
#include "verify.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { ADDED = 7, COLUMNS = CLI_RANK_COLUMNS + ADDED };

/* The columns of rank, with what clean knows better in their place, and its own. */
static void fill_columns(const struct cli_session *session,
                         const struct diva_decision_columns *decision,
                         struct diva_column out[COLUMNS]) {
  const struct diva_column own[ADDED] = {
      {.name = "is_label_issue", .type = DIVA_COLUMN_BOOLEAN, .data = decision->is_label_issue},
      {.name = "keep", .type = DIVA_COLUMN_BOOLEAN, .data = decision->keep},
      {.name = "action",
       .type = DIVA_COLUMN_CHOICE,
       .data = decision->action,
       .choices = diva_action_names()},
      {.name = "issue_probability", .type = DIVA_COLUMN_REAL, .data = decision->issue_probability},
      {.name = "suggested_probability",
       .type = DIVA_COLUMN_REAL,
       .data = decision->suggested_probability},
      {.name = "self_confidence", .type = DIVA_COLUMN_REAL, .data = session->columns.label_quality},
      {.name = "duplicate_of", .type = DIVA_COLUMN_ROW, .data = cli_groups_first(&session->groups)},
  };
  cli_session_columns(session, out);
  for (int c = 0; c < CLI_RANK_COLUMNS; c++) {
    if (strcmp(out[c].name, "label_quality") == 0) {
      out[c].data = decision->label_quality;
    } else if (strcmp(out[c].name, "suggested_label") == 0) {
      out[c].data = decision->suggested_label;
    }
  }
  memcpy(out + CLI_RANK_COLUMNS, own, sizeof own);
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

static enum diva_status decide(struct cli_session *session, struct diva_decision **decision,
                               struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  struct diva_analysis_options options;
  struct diva_clean_options clean;
  diva_clean_options_init(&clean);
  clean.count = settings->count;
  clean.precision = settings->wanted_precision;
  clean.refit = settings->refit;
  enum diva_status status = cli_session_begin(session, &options, error);
  if (status) {
    return status;
  }
  status = diva_clean(session->dataset, session->validation, &options, &clean, &session->analysis,
                      decision, error);
  status = cli_session_end(session, status, error);
  if (status) {
    return status;
  }
  /* Chosen on the sample, and given to the last analysis. */
  session->before.lambda_chosen = settings->analysis.lambda == 0;
  return cli_session_refer(session, error);
}

static enum diva_status write_decision(struct cli_session *session,
                                       const struct diva_decision *decision,
                                       struct diva_error *error) {
  struct diva_decision_columns decided;
  struct diva_noise_summary noise;
  struct diva_column columns[COLUMNS];
  diva_decision_columns(decision, &decided);
  diva_decision_noise(decision, &noise);
  enum diva_status status = cli_session_resolve(session, &decided, error);
  if (!status) {
    status = cli_verify_decision(session, &decided, error);
  }
  if (status) {
    return status;
  }
  fill_columns(session, &decided, columns);
  struct cli_result result = {.columns = columns,
                              .column_count = COLUMNS,
                              .key = decided.issue_probability,
                              .descending = true,
                              .decision = &decided,
                              .noise = &noise,
                              .flagged = noise.flagged};
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
    status = decide(&session, &decision, error);
  }
  if (!status) {
    status = write_decision(&session, decision, error);
  }
  diva_decision_destroy(decision);
  cli_session_close(&session);
  return status;
}

static const char *const refit_names[] = {
    [DIVA_REFIT_AUTO] = "auto",         [DIVA_REFIT_NONE] = "none", [DIVA_REFIT_TRIM] = "trim",
    [DIVA_REFIT_REWEIGHT] = "reweight", [DIVA_REFIT_BOTH] = "both", NULL};

static const struct cli_option options[] = {
    {.name = "count",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, count),
     .value = "N",
     .help = "flag exactly N rows, those most likely wrong",
     .fallback = "as many as give the highest expected F1",
     .minimum = 0,
     .maximum = INFINITY},
    {.name = "min-precision",
     .type = CLI_REAL,
     .offset = offsetof(struct cli_settings, wanted_precision),
     .value = "P",
     .help = "flag as many rows as keep the expected share of truly wrong ones at least at P",
     .fallback = "",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1,
     .below_maximum = true},
    {.name = "refit",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, refit),
     .value = "KIND",
     .help =
         "what judges the rows: all of them alike (none), all but the suspects (trim), rows "
         "reweighted to predict each other better (reweight), or those without the surest suspects "
         "(both); auto takes what finds planted "
         "wrong labels best",
     .choices = refit_names},
};

static const struct cli_option_group decision_group = {
    .heading = "Decision", .options = options, .count = sizeof options / sizeof *options};

static const struct cli_option_group *const groups[] = {&decision_group,
                                                        &cli_group_rows,
                                                        &cli_group_dataset_out,
                                                        &cli_group_verify,
                                                        &cli_group_probabilities,
                                                        &cli_group_model,
                                                        &cli_group_together,
                                                        &cli_group_names,
                                                        &cli_group_run,
                                                        &cli_group_words,
                                                        NULL};

static void set_defaults(struct cli_settings *settings) {
  settings->analysis.scale = DIVA_SCALE_AUTO;
  settings->analysis.kernel = DIVA_KERNEL_AUTO;
  settings->near_duplicates = "auto";
}

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
        "Rows come by issue_probability, highest first. Columns: those of rank, where "
        "label_quality "
        "is the probability that the given label is right, then is_label_issue, keep, action "
        "(keep, "
        "relabel, drop, review), issue_probability, suggested_probability, self_confidence (of "
        "the given label, before the noise of the labels is accounted for) and duplicate_of (the "
        "id of the first of its near-duplicates, itself included). Rows flagged as label "
        "issues are not kept, whatever their action: those to relabel, too. OUT.npy holds the "
        "indices of the kept rows. Scale, kernel and bandwidth are chosen by the leave-one-out "
        "error unless given; where both scale and kernel are left open, a smoother model and the "
        "nearest neighbours are asked too, and the opinions pooled. The model is solved again "
        "without the dropped rows, for the error "
        "before and after.",
    .defaults = set_defaults,
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
