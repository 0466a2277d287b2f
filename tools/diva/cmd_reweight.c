/* diva reweight: weights of the rows that make the model predict better. */
#include "session.h"
#include "verify.h"
#include "weights.h"

#include <limits.h>
#include <math.h>

enum { COLUMNS = 4 };

/* The column of logarithms comes last, and only where it is asked for. */
static int fill_columns(const struct cli_weights *weights, struct diva_column out[COLUMNS]) {
  const struct diva_column all[COLUMNS] = {
      {.name = "weight", .type = DIVA_COLUMN_REAL, .data = weights->columns.weight},
      {.name = "weight_before", .type = DIVA_COLUMN_REAL, .data = weights->columns.weight_before},
      {.name = "derivative", .type = DIVA_COLUMN_REAL, .data = weights->columns.derivative},
      {.name = "log_weight", .type = DIVA_COLUMN_REAL, .data = weights->logarithm},
  };
  for (int c = 0; c < COLUMNS; c++) {
    out[c] = all[c];
  }
  return weights->logarithm ? COLUMNS : COLUMNS - 1;
}

/* Nothing can be chosen by class labels. */
static void settle_targets(struct diva_analysis_options *model) {
  model->loss = DIVA_LOSS_SQUARED;
  if (model->scale == DIVA_SCALE_AUTO) {
    model->scale = DIVA_SCALE_STANDARDIZE;
  }
}

static enum diva_status find(struct cli_session *session, struct cli_weights *weights,
                             struct diva_error *error) {
  enum diva_status status = cli_session_begin(session, &session->model, error);
  if (status) {
    return status;
  }
  if (session->info.has_targets) {
    settle_targets(&session->model);
  }
  status = diva_model_choose(session->dataset, &session->model, error);
  if (!status) {
    status = cli_target_find(&session->target, session->request->settings, session->dataset,
                             &session->model, error);
  }
  if (!status) {
    status = cli_weights_find(session, weights, error);
  }
  if (!status) {
    const struct diva_changed_rows changed = {.weights = weights->columns.weight};
    status = cli_verify_changed(session, &changed, error);
  }
  return cli_session_blame(session, status, error);
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_session session;
  struct cli_weights weights = {0};
  struct diva_column columns[COLUMNS];
  enum diva_status status = cli_session_open(&session, request, error);
  if (!status) {
    status = cli_weights_prepare(&session, &weights, error);
  }
  if (!status) {
    status = find(&session, &weights, error);
  }
  if (!status) {
    const int count = fill_columns(&weights, columns);
    const struct cli_result result = {.columns = columns,
                                      .column_count = count,
                                      .key = weights.columns.weight,
                                      .flagged = -1,
                                      .changed = weights.rows,
                                      .changed_count = session.info.rows,
                                      .weights = &weights};
    status = cli_session_write(&session, &result, error);
  }
  cli_weights_free(&weights);
  cli_session_close(&session);
  return status;
}

static const struct cli_option_group *const groups[] = {
    &cli_group_rows,   &cli_group_weights_out, &cli_group_objective, &cli_group_target,
    &cli_group_search, &cli_group_verify,      &cli_group_model,     &cli_group_together,
    &cli_group_names,  &cli_group_run,         &cli_group_words,     NULL};

static void set_defaults(struct cli_settings *settings) {
  settings->analysis.scale = DIVA_SCALE_AUTO;
  settings->analysis.loss = DIVA_LOSS_CROSS_ENTROPY;
}

static const struct cli_example examples[] = {
    {"diva reweight train.h5 -o weights.npy --verify",
     "weights for a training job, and whether another learner gains by them"},
    {"diva reweight train.h5 --by source -o weights.csv", "one weight for each source, as a table"},
    {"diva reweight train.h5 --target-classes cat=.7,*=rest -o weights.npy",
     "toward a set with seven tenths of cats"},
    {"diva reweight train.h5 --target wanted.h5 --write-indices epoch.npy -o weights.npy",
     "toward the rows of wanted.h5, with the row numbers of an epoch drawn by weight"},
    {NULL, NULL}};

const struct cli_command cli_command_reweight = {
    .name = "reweight",
    .files = "FILE...",
    .purpose = "Find weights for the rows under which the model predicts better.",
    .description =
        "The leave-one-out cross-entropy of the rows (of a dataset of targets: their squared loss) "
        "is lowered by steps of exponentiated gradient in the weights, from uniform weights, class "
        "balance and weights in the file. Start and number of steps are those that predict "
        "held-out rows best, if by more than a standard error; else the answer is that "
        "the weights are best as they "
        "are. A target distribution says what each row counts in the objective, and is where the "
        "weights start; the loss on the labelled rows of --target enters, too. --validation is "
        "only "
        "reported on, and tested on by --verify. Rows come by weight, least first. Columns: id, "
        "index, label, weight (mean 1 "
        "over the rows trained on, 0 for others), weight_before, derivative (of the objective, at "
        "these weights). OUT.npy holds the weights in input order.",
    .defaults = set_defaults,
    .groups = groups,
    .examples = examples,
    .minimum_files = 1,
    .maximum_files = INT_MAX,
    .run = run};
