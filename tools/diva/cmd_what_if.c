/* diva what-if: the model before and after a change of the set, solved exactly. */
#define _POSIX_C_SOURCE 200809L
#include "changes.h"
#include "session.h"
#include "verify.h"
#include "what_if_table.h"

#include <limits.h>
#include <stdlib.h>

enum { COLUMNS = 8 };

static void fill_columns(const struct diva_what_if *what_if, struct diva_column out[COLUMNS],
                         struct diva_what_if_columns *columns) {
  diva_what_if_columns(what_if, columns);
  const struct diva_column all[COLUMNS] = {
      {.name = "label_after", .type = DIVA_COLUMN_CLASS, .data = columns->label_after},
      {.name = "weight_before", .type = DIVA_COLUMN_REAL, .data = columns->weight_before},
      {.name = "weight_after", .type = DIVA_COLUMN_REAL, .data = columns->weight_after},
      {.name = "loo_loss_before", .type = DIVA_COLUMN_REAL, .data = columns->loo_loss_before},
      {.name = "loo_loss_after", .type = DIVA_COLUMN_REAL, .data = columns->loo_loss_after},
      {.name = "loo_loss_change", .type = DIVA_COLUMN_REAL, .data = columns->loo_loss_change},
      {.name = "prediction_before", .type = DIVA_COLUMN_CLASS, .data = columns->prediction_before},
      {.name = "prediction_after", .type = DIVA_COLUMN_CLASS, .data = columns->prediction_after},
  };
  for (int i = 0; i < COLUMNS; i++) {
    out[i] = all[i];
  }
}

/* The table as a text without its last newline. @param out  to be freed */
static enum diva_status make_table(const struct cli_session *session,
                                   const struct cli_result *result, char **out,
                                   struct diva_error *error) {
  size_t length = 0;
  FILE *stream = open_memstream(out, &length);
  if (stream) {
    cli_what_if_print(stream, result->what_if, session->dataset);
    cli_verify_print(stream, session, result);
  }
  if (!stream || fclose(stream) || !*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the table");
  }
  if (length && (*out)[length - 1] == '\n') {
    (*out)[length - 1] = '\0';
  }
  return DIVA_OK;
}

static enum diva_status say(struct cli_session *session, const struct diva_what_if *what_if,
                            struct diva_error *error) {
  struct diva_what_if_summary summary;
  struct diva_what_if_columns values;
  struct diva_column columns[COLUMNS];
  char *table = NULL;
  diva_what_if_summary(what_if, &summary);
  fill_columns(what_if, columns, &values);
  session->before = session->held_against = summary.before;
  session->after = summary.after;
  session->resolved = true;
  session->kept_before = summary.all.test[DIVA_WHAT_IF_KEPT].before;
  struct cli_result result = {.columns = columns,
                              .column_count = COLUMNS,
                              .key = values.loo_loss_change,
                              .descending = true,
                              .what_if = &summary,
                              .flagged = -1};
  enum diva_status status = make_table(session, &result, &table, error);
  result.text = table;
  if (!status) {
    status = cli_session_write(session, &result, error);
  }
  free(table);
  return status;
}

static enum diva_status solve(struct cli_session *session, const struct cli_changes *changes,
                              struct diva_what_if **out, struct diva_error *error) {
  const struct diva_changed_rows changed = {.weights = changes->weights, .labels = changes->labels};
  enum diva_status status = cli_session_begin(session, &session->model, error);
  if (status) {
    return status;
  }
  status = diva_model_choose(session->dataset, &session->model, error);
  if (!status) {
    status =
        diva_what_if(session->dataset, session->validation, &changed, &session->model, out, error);
  }
  if (!status) {
    status = cli_verify_changed(session, &changed, error);
  }
  return cli_session_blame(session, status, error);
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct cli_changes changes = {0};
  struct diva_what_if *what_if = NULL;
  enum diva_status status = cli_changes_check(request->settings, error);
  if (status) {
    return status;
  }
  status = cli_session_open(&session, request, error);
  if (!status) {
    status = cli_changes_make(request, session.dataset, &changes, error);
  }
  if (!status) {
    status = solve(&session, &changes, &what_if, error);
  }
  if (!status) {
    status = say(&session, what_if, error);
  }
  diva_what_if_destroy(what_if);
  cli_changes_free(&changes);
  cli_session_close(&session);
  return status;
}

static const struct cli_option rows_options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, output),
     .value = "OUT",
     .help = "write the rows to this file, before and after, and OUT.provenance.json beside it",
     .fallback = "no rows are written"},
    {.name = "format",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, format),
     .value = "FORMAT",
     .help = "jsonl, csv or hdf5",
     .fallback = "by the extension of OUT",
     .choices = cli_format_names},
    {.name = "order",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, order),
     .value = "ORDER",
     .help = "rank (the largest rise of the loss first) or input",
     .choices = cli_order_names},
};

static const struct cli_option_group rows_group = {.heading = "Output",
                                                   .options = rows_options,
                                                   .count =
                                                       sizeof rows_options / sizeof *rows_options};

static const struct cli_option_group *const groups[] = {
    &cli_group_changes, &rows_group,         &cli_group_verify,
    &cli_group_model,   &cli_group_together, &cli_group_names,
    &cli_group_run,     &cli_group_words,    NULL};

/* Two numbers that hardly differ are told apart in float64 only. */
static void set_defaults(struct cli_settings *settings) {
  settings->analysis.precision = DIVA_PRECISION_FLOAT64;
  settings->rows_by_request = true;
}

static const struct cli_example examples[] = {
    {"diva what-if train.h5 --drop-group source=forum --validation test.h5",
     "what the forum's rows are worth, on the set itself and on test.h5"},
    {"diva what-if digits.h5 --drop @clean.jsonl --json",
     "what leaving out the rows that clean flagged does, for a script"},
    {"diva what-if digits.h5 --relabel digit-0007=seven --weigh-class nine:2 -o rows.csv",
     "one label mended and a class doubled, with every row before and after"},
    {NULL, NULL}};

const struct cli_command cli_command_what_if = {
    .name = "what-if",
    .files = "FILE...",
    .purpose = "Say what a change of the set would do: the model before and after, exactly.",
    .description =
        "The model is solved twice, on the set as given and as changed, at the lambda and "
        "temperature of the set as given; columns are standardized anew. Loss and error come by "
        "leave-one-out, over the rows of then and over the rows trained on both times (leaving "
        "hard rows out lowers the first by itself), and on the --validation file; by class, too. "
        "The table goes to standard output, or with --json everything as one line. Rows, with -o: "
        "label_after, weight_before, weight_after, loo_loss_before, loo_loss_after, "
        "loo_loss_change, prediction_before, prediction_after.",
    .defaults = set_defaults,
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
