/* diva state: the sums of a dataset saved, so that its next version costs only what changed. */
#include "session.h"
#include "state.h"
#include "summary.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* One run of the command. */
struct making {
  struct cli_session session; /* dataset, request and meter of it */
  struct diva_dataset *old_dataset;
  struct diva_state *from; /* the older state, NULL: none */
  struct diva_state *state;
  struct diva_analysis *analysis;
  struct diva_analysis_options options;
  struct diva_state_work work;
  bool lambda_given;
  char unscored[DIVA_ERROR_MESSAGE_SIZE]; /* why there are no scores, "": there are */
};

/* A shard may hold one class; what it lacks for scores, the whole may have. */
static enum diva_status open_inputs(struct making *making, struct diva_error *error) {
  const struct cli_request *request = making->session.request;
  const struct cli_settings *settings = request->settings;
  struct diva_dataset_options options = settings->dataset;
  options.single_class = true;
  enum diva_status status =
      diva_dataset_open((const char *const *)request->files, request->file_count, &options,
                        &making->session.dataset, error);
  if (!status && settings->from_state) {
    status = diva_state_read(settings->from_state, &making->from, error);
  }
  if (!status && settings->old_dataset) {
    options.group = NULL;
    status = diva_dataset_open(&settings->old_dataset, 1, &options, &making->old_dataset, error);
  }
  return status;
}

static enum diva_status settle_model(struct making *making, struct diva_error *error) {
  const struct cli_settings *settings = making->session.request->settings;
  struct diva_state_info info;
  making->options = settings->analysis;
  making->options.derivative = false;
  making->options.progress = cli_meter_progress(&making->session.meter);
  making->lambda_given = making->options.lambda > 0;
  if (!making->from) {
    return making->options.scale == DIVA_SCALE_AUTO
               ? diva_model_choose(making->session.dataset, &making->options, error)
               : DIVA_OK;
  }
  diva_state_describe(making->from, &info);
  making->lambda_given = making->lambda_given || info.lambda_given;
  return cli_state_adopt(making->from, settings, &making->options, error);
}

static enum diva_status sum(struct making *making, struct diva_error *error) {
  struct diva_dataset *dataset = making->session.dataset;
  return making->from ? diva_state_update(making->from, making->old_dataset, dataset,
                                          &making->options, &making->work, &making->state, error)
                      : diva_state_create(dataset, &making->options, &making->state, error);
}

/* A set that cannot be solved by itself still has its sums. */
static enum diva_status score(struct making *making, struct diva_error *error) {
  struct diva_analysis_options options = making->options;
  options.sums = making->state;
  enum diva_status status =
      diva_analysis_run(making->session.dataset, NULL, &options, &making->analysis, error);
  if (status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL) {
    memcpy(making->unscored, error->message, sizeof making->unscored);
    return DIVA_OK;
  }
  if (!status) {
    diva_analysis_summary(making->analysis, &making->session.before);
    status = diva_state_take_scores(making->state, making->analysis, making->lambda_given, error);
  }
  return status;
}

/* The backend that summed; the best that is ready where nothing had to be summed. */
static void describe_backend(const char *name, struct diva_backend_info *out) {
  for (int i = 0; diva_backend_describe(i, out); i++) {
    if (name ? strcmp(out->name, name) == 0 : out->state == DIVA_BACKEND_READY) {
      return;
    }
  }
}

/* What can be said of a run without scores. */
static struct diva_summary describe_sums(const struct making *making,
                                         struct diva_backend_info *backend) {
  struct diva_state_info info;
  diva_state_describe(making->state, &info);
  describe_backend(info.backend, backend);
  return (struct diva_summary){.rows = info.rows,
                               .columns = info.columns,
                               .outputs = info.outputs,
                               .training_rows = info.training_rows,
                               .lambda = making->options.lambda > 0 ? making->options.lambda : NAN,
                               .temperature = NAN,
                               .loss = info.loss,
                               .scale = info.scale,
                               .precision = DIVA_PRECISION_FLOAT64,
                               .solver = DIVA_SOLVER_PRIMAL,
                               .intercept = info.intercept,
                               .condition = NAN,
                               .loo = info.loo,
                               .validation = {NAN, NAN, 0},
                               .backend = backend->name,
                               .library = backend->detail,
                               .threads = making->options.threads > 0 ? making->options.threads
                                                                      : diva_cores_available()};
}

static enum diva_status write_state(struct making *making, struct diva_error *error) {
  const struct cli_request *request = making->session.request;
  struct diva_backend_info backend = {0};
  struct diva_report report;
  char *provenance = NULL;
  if (!making->analysis) {
    making->session.before = describe_sums(making, &backend);
  }
  diva_report_init(&report);
  report.argument_count = request->argument_count;
  report.arguments = request->arguments;
  report.dataset = making->session.dataset;
  report.before = &making->session.before;
  report.group = request->settings->dataset.group;
  enum diva_status status = diva_report_json(&report, false, &provenance, error);
  if (!status) {
    status = diva_state_write(making->state, request->settings->output, making->session.dataset,
                              provenance, error);
  }
  diva_string_free(provenance);
  return status;
}

static void print_work(FILE *out, const struct making *making) {
  const struct diva_state_work *work = &making->work;
  if (!making->from) {
    return;
  }
  if (work->recomputed) {
    fprintf(out, "sums over all rows: %s\n", work->reason);
    return;
  }
  fprintf(out,
          "sums brought up to date: %lld added, %lld subtracted, %lld with another label or "
          "weight\n",
          (long long)work->added_rows, (long long)work->subtracted_rows,
          (long long)work->rescored_rows);
}

static void summarise(const struct making *making) {
  const struct cli_settings *settings = making->session.request->settings;
  cli_summary_dataset(stderr, making->session.dataset);
  print_work(stderr, making);
  cli_state_print(stderr, making->state, settings->output);
  if (*making->unscored) {
    fprintf(stderr, "note: no scores: %s\n", making->unscored);
  }
  fprintf(stderr, "wrote ");
  cli_print_name(stderr, settings->output);
  fprintf(stderr, "; %.1f s\n", cli_meter_seconds(&making->session.meter));
}

static enum diva_status make(struct making *making, struct diva_error *error) {
  const struct cli_settings *settings = making->session.request->settings;
  enum diva_status status = settle_model(making, error);
  if (!status) {
    diva_dataset_sha256_start(making->session.dataset);
    status = sum(making, error);
  }
  if (!status) {
    status = score(making, error);
  }
  status = making->from && status == DIVA_ERROR_INPUT
               ? status
               : cli_session_blame(&making->session, status, error);
  if (!status) {
    status = write_state(making, error);
  }
  cli_meter_clear(&making->session.meter);
  if (!status && settings->json) {
    status = cli_state_print_json(stdout, making->state, settings->output, error);
  }
  if (!status && !settings->quiet) {
    summarise(making);
  }
  return status;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct making making = {.session = {.request = request}};
  const struct cli_settings *settings = request->settings;
  cli_meter_start(&making.session.meter, settings->quiet);
  enum diva_status status = DIVA_OK;
  if (settings->old_dataset && !settings->from_state) {
    status = diva_error_set(error, DIVA_ERROR_USAGE,
                            "state: --old is what --from was made of: give both");
  }
  if (!status) {
    status = cli_state_check_output(request, "state", NULL, NULL, error);
  }
  if (!status) {
    status = open_inputs(&making, error);
  }
  if (!status) {
    status =
        cli_state_check_output(request, "state", making.session.dataset, making.old_dataset, error);
  }
  if (!status) {
    status = make(&making, error);
  }
  diva_analysis_destroy(making.analysis);
  diva_state_destroy(making.state);
  diva_state_destroy(making.from);
  diva_dataset_close(making.old_dataset);
  cli_session_close(&making.session);
  return status;
}

static const struct cli_option from_options[] = {
    {.name = "from",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, from_state),
     .value = "OLD.state",
     .help =
         "go on from the state of an older version: rows are matched by id, and only those that "
         "came, left or changed are summed. The model is that of the state",
     .fallback = ""},
    {.name = "old",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, old_dataset),
     .value = "OLD.h5",
     .help = "the older version itself, so that rows that left or changed can be subtracted; "
             "without it they make all sums be computed anew",
     .fallback = ""},
};

static const struct cli_option_group from_group = {.heading = "From an older version",
                                                   .options = from_options,
                                                   .count =
                                                       sizeof from_options / sizeof *from_options};

static const struct cli_option group_options[] = {
    {.name = "group",
     .type = CLI_STRING,
     .offset = offsetof(struct cli_settings, dataset.group),
     .value = "NAME",
     .help = "keep the group of each row in /groups/NAME (strings or integers), to count rows and "
             "errors by",
     .fallback = ""},
};

static const struct cli_option_group group_group = {.heading = "Groups",
                                                    .options = group_options,
                                                    .count = sizeof group_options /
                                                             sizeof *group_options};

static const struct cli_option_group *const groups[] = {
    &cli_group_state_out, &from_group,    &cli_group_fit,   &group_group,
    &cli_group_names,     &cli_group_run, &cli_group_words, NULL};

static const struct cli_example examples[] = {
    {"diva state train.h5 -o train.state", "the sums, the ids and the leave-one-out scores"},
    {"diva state v2.h5 --from v1.state --old v1.h5 -o v2.state",
     "those of the next version, at the cost of what changed"},
    {"diva state part-1.h5 -o part-1.state", "of one shard, for diva merge"},
    {NULL, NULL}};

const struct cli_command cli_command_state = {
    .name = "state",
    .files = "FILE...",
    .purpose = "Save the sums of a dataset, from which its next version is solved and checked.",
    .description =
        "A state holds the weighted Gram matrix and cross sums of the features about their means, "
        "what identifies each row (id, label, weight, group, a hash of its features), and the "
        "leave-one-out losses. It serves the linear model alone. Sums of raw features serve scale "
        "none and standardize, and scale l2 has its own. The file is HDF5 with a checksum.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
