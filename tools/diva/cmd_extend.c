/* diva extend: which rows of a pool a training set would gain by. */
#include "session.h"
#include "verify.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 5 };

/* What extend has beside the session. Everything owned. */
struct extend_run {
  struct diva_dataset *pool;
  struct diva_extension *extension;
  int64_t core_rows;
  double *place;    /* of each row of the pool in the order of rank */
  int64_t *changed; /* rows of the changed dataset */
};

static enum diva_status check_settings(const struct cli_settings *settings,
                                       struct diva_error *error) {
  if (settings->fill && !settings->budget) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "extend: --fill goes on to a budget; give --budget N, too");
  }
  return DIVA_OK;
}

/* The core by itself, for how many rows it has; the pool by itself, for its rows to be written. */
static enum diva_status open_parts(const struct cli_request *request, struct extend_run *run,
                                   struct diva_error *error) {
  const char *const *files = (const char *const *)request->files;
  struct diva_dataset_options options = request->settings->dataset;
  options.labelling = DIVA_LABELLING_REQUIRED;
  struct diva_dataset *core = NULL;
  struct diva_dataset_info info;
  enum diva_status status = diva_dataset_open(files, 1, &options, &core, error);
  if (!status) {
    diva_dataset_describe(core, &info);
    run->core_rows = info.rows;
    options.single_class = true;
    options.labelling = DIVA_LABELLING_OPTIONAL;
    status = diva_dataset_open(files + 1, request->file_count - 1, &options, &run->pool, error);
  }
  diva_dataset_close(core);
  return status;
}

static enum diva_status solve(struct cli_session *session, struct extend_run *run,
                              struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  struct diva_extend_options options;
  enum diva_status status = cli_session_begin(session, &session->model, error);
  if (status) {
    return status;
  }
  diva_extend_options_init(&options);
  options.core_rows = run->core_rows;
  options.round_rows = settings->round_rows;
  options.budget = settings->budget;
  options.rounds = settings->rounds;
  options.plausibility = settings->plausibility;
  options.fill = settings->fill;
  options.picks = settings->no_curve ? 0 : options.picks;
  if (session->info.has_targets) { /* no classes to be likely */
    session->model.loss = DIVA_LOSS_SQUARED;
    session->model.scale =
        session->model.scale == DIVA_SCALE_AUTO ? DIVA_SCALE_STANDARDIZE : session->model.scale;
  }
  status = diva_extend(session->dataset, session->target.rows, session->validation, &session->model,
                       &options, &run->extension, error);
  if (!status) {
    status = cli_verify_extension(session, run->extension, error);
  }
  return cli_session_blame(session, status, error);
}

static enum diva_status arrange(struct extend_run *run, const struct diva_extend_columns *columns,
                                int64_t selected, struct diva_error *error) {
  run->place = malloc((size_t)columns->rows * sizeof *run->place);
  run->changed = malloc((size_t)(run->core_rows + selected) * sizeof *run->changed);
  if (!run->place || !run->changed) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the order of %lld rows",
                          (long long)columns->rows);
  }
  for (int64_t i = 0; i < columns->rows; i++) {
    run->place[columns->order[i]] = (double)i;
  }
  for (int64_t i = 0; i < run->core_rows + selected; i++) {
    run->changed[i] = i < run->core_rows ? i : run->core_rows + columns->taken[i - run->core_rows];
  }
  return DIVA_OK;
}

static enum diva_status say(struct cli_session *session, struct extend_run *run,
                            struct diva_error *error) {
  struct diva_extend_columns values;
  struct diva_extend_summary summary;
  diva_extension_columns(run->extension, &values);
  diva_extension_summary(run->extension, &summary);
  const struct diva_column columns[COLUMNS] = {
      {.name = "selected", .type = DIVA_COLUMN_BOOLEAN, .data = values.selected},
      {.name = "round", .type = DIVA_COLUMN_COUNT, .data = values.round},
      {.name = "gain", .type = DIVA_COLUMN_REAL, .data = values.gain},
      {.name = "derivative", .type = DIVA_COLUMN_REAL, .data = values.derivative},
      {.name = "assumed_label", .type = DIVA_COLUMN_CLASS, .data = values.assumed_label},
  };
  const enum diva_status status = arrange(run, &values, summary.selected_rows, error);
  if (status) {
    return status;
  }
  session->before = session->held_against = summary.before;
  session->after = summary.after;
  session->resolved = true;
  const struct cli_result result = {.columns = columns,
                                    .column_count = COLUMNS,
                                    .key = run->place,
                                    .extend = &summary,
                                    .written = run->pool,
                                    .chosen = values.taken,
                                    .chosen_count = summary.selected_rows,
                                    .changed = run->changed,
                                    .changed_count = run->core_rows + summary.selected_rows,
                                    .flagged = -1};
  return cli_session_write(session, &result, error);
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct extend_run run = {0};
  enum diva_status status = check_settings(request->settings, error);
  if (status) {
    return status;
  }
  status = cli_session_open(&session, request, error);
  if (!status) {
    status = open_parts(request, &run, error);
  }
  if (!status) {
    status = solve(&session, &run, error);
  }
  if (!status) {
    status = say(&session, &run, error);
  }
  free(run.place);
  free(run.changed);
  diva_extension_destroy(run.extension);
  diva_dataset_close(run.pool);
  cli_session_close(&session);
  return status;
}

static const struct cli_option choice_options[] = {
    {.name = "round-rows",
     .letter = 'k',
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, round_rows),
     .value = "N",
     .help = "rows taken in a round, those of the lowest derivative",
     .fallback = "5 % of the pool",
     .minimum = 1,
     .maximum = INFINITY},
    {.name = "budget",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, budget),
     .value = "N",
     .help = "take N rows in all at the most",
     .fallback = "",
     .minimum = 1,
     .maximum = INFINITY},
    {.name = "rounds",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, rounds),
     .value = "R",
     .help = "R rounds at the most",
     .fallback = "",
     .minimum = 1,
     .maximum = INFINITY},
    {.name = "plausibility",
     .type = CLI_REAL,
     .offset = offsetof(struct cli_settings, plausibility),
     .value = "P",
     .help = "pass over a row while the model finds its label less than P times as likely as the "
             "likeliest class; 0 passes over none, for kinds of rows the core does not know",
     .minimum = 0,
     .maximum = 1},
    {.name = "near-duplicates",
     .type = CLI_STRING,
     .offset = offsetof(struct cli_settings, near_duplicates),
     .value = "HOW",
     .help = "pass over rows of the pool that are near-duplicates of rows of the core, which would "
             "vouch for these: auto, off, or the least cosine of two that are"},
    {.name = "fill",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, fill),
     .help = "go on to the --budget past the point where the loss stops falling: with plausible "
             "rows of any derivative, and with the others last"},
    {.name = "target",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, target),
     .value = "FILE",
     .help = "labelled rows of what the model is for, whose loss counts beside the core's, row by "
             "row",
     .fallback = "the core alone"},
    {.name = "validation",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, validation),
     .value = "FILE",
     .help = "report the error on this dataset after each round; it has no part in the choice",
     .fallback = ""},
    {.name = "no-curve",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, no_curve),
     .help = "do not solve for uniform picks of the same size beside each round"},
    {.name = "seed",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, analysis.seed),
     .value = "N",
     .help = "of everything random",
     .minimum = 0,
     .maximum = INFINITY},
};

static const struct cli_option_group choice_group = {.heading = "Choice",
                                                     .options = choice_options,
                                                     .count = sizeof choice_options /
                                                              sizeof *choice_options};

static const struct cli_option rows_options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, output),
     .value = "OUT",
     .help = "write the rows of the pool to this file, and OUT.provenance.json beside it",
     .fallback = "rows to standard output"},
    {.name = "format",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, format),
     .value = "FORMAT",
     .help = "jsonl, csv, npy or hdf5",
     .fallback = "by the extension of OUT; jsonl on standard output",
     .choices = cli_format_names},
    {.name = "order",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, order),
     .value = "ORDER",
     .help = "rank (selected rows first, by round and gain) or input",
     .choices = cli_order_names},
};

static const struct cli_option_group rows_group = {.heading = "Output",
                                                   .options = rows_options,
                                                   .count =
                                                       sizeof rows_options / sizeof *rows_options};

static const struct cli_option dataset_options[] = {
    {.name = "write-dataset",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, write_dataset),
     .value = "OUT.h5",
     .help = "write the core and the selected rows with everything the files hold of them, labels "
             "as given",
     .fallback = ""},
};

static const struct cli_option_group dataset_group = {.heading = "Extended dataset",
                                                      .options = dataset_options,
                                                      .count = sizeof dataset_options /
                                                               sizeof *dataset_options};

static const struct cli_option_group *const groups[] = {
    &choice_group,     &rows_group,      &dataset_group,
    &cli_group_verify, &cli_group_fit,   &cli_group_names,
    &cli_group_run,    &cli_group_words, NULL};

static void set_defaults(struct cli_settings *settings) {
  struct diva_extend_options options;
  diva_extend_options_init(&options);
  settings->plausibility = options.plausibility;
  settings->analysis.loss = DIVA_LOSS_CROSS_ENTROPY;
  settings->analysis.scale = DIVA_SCALE_AUTO;
  settings->near_duplicates = "auto";
  settings->dataset.labelling =
      DIVA_LABELLING_OPTIONAL; /* of the pool, which is read with the core */
}

static const struct cli_example examples[] = {
    {"diva extend core.h5 pool.h5 -o extend.jsonl",
     "take rows of the pool as long as they lower the leave-one-out loss of the core"},
    {"diva extend core.h5 'scraped-*.h5' --budget 5000 --validation test.h5 -o picked.npy",
     "the indices of at most 5000 rows, and the error on test.h5 after each round"},
    {"diva extend core.h5 pool.h5 --target field.h5 --write-dataset larger.h5 -o extend.csv",
     "for the rows of field.h5, too; and write the core with the rows taken"},
    {NULL, NULL}};

const struct cli_command cli_command_extend = {
    .name = "extend",
    .files = "CORE POOL...",
    .purpose = "Say which rows of a pool a training set would gain by, and where to stop.",
    .description =
        "CORE is the training set as it is, and trusted; the other files are the pool. In each "
        "round the rows of the pool whose weight lowers the loss most are taken, and the model is "
        "solved anew: the loss is the core's by leave-one-out, cross-entropy unless asked "
        "otherwise (squared where there are targets), at the lambda of the core alone. It ends "
        "where hardly a row is left that lowers it and has a plausible label, or where a round "
        "does not "
        "lower it, which is taken back. Pool rows without a label are ranked by what they would "
        "do on average over the classes that the model finds likely, and trained on as the class "
        "predicted. The curve goes to standard error, beside uniform picks of the same size, the "
        "mean of three. Rows are those of the pool, selected ones first: selected, round, gain "
        "(minus the derivative when taken, else in the end), derivative (in the end), "
        "assumed_label. OUT.npy holds the indices in the pool of the selected rows. --verify tests "
        "the core with the selected rows against the core alone, on the core's rows.",
    .defaults = set_defaults,
    .groups = groups,
    .examples = examples,
    .minimum_files = 2,
    .maximum_files = INT_MAX,
    .run = run};
