/* --verify: whether the kept rows train a better model, asked, and said in words. */
#include "verify.h"
#include "id_list.h"
#include "summary.h"
#include "weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {.name = "verify",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, verify),
     .help = "train an independent learner before and after, and say whether its error falls: on "
             "the --validation file, else by folds"},
    {.name = "verify-folds",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, verify_folds),
     .value = "K",
     .help = "folds of --verify",
     .fallback = "5",
     .minimum = 2,
     .maximum = 100},
    {.name = "trusted",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, trusted),
     .value = "FILE",
     .help = "rows known to be right, one id a line, for --verify to test on",
     .fallback = "every labelled row, by its given label"},
};

const struct cli_option_group cli_group_verify = {
    .heading = "Verification", .options = options, .count = sizeof options / sizeof *options};

static enum diva_status check_settings(const struct cli_session *session,
                                       struct diva_error *error) {
  const struct cli_settings *settings = session->request->settings;
  const char *given = settings->trusted        ? "--trusted"
                      : settings->verify_folds ? "--verify-folds"
                                               : NULL;
  if (given && !settings->verify) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s is of use with --verify only", given);
  }
  if (given && settings->validation) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s and --validation exclude each other: --verify tests on the "
                          "validation file where there is one",
                          given);
  }
  if (settings->verify && session->info.has_targets) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: has targets, no class labels that --verify could test on",
                          diva_dataset_path(session->dataset, 0));
  }
  return DIVA_OK;
}

static enum diva_status read_trusted(struct cli_session *session, const char *path,
                                     struct diva_error *error) {
  struct cli_row_ids ids;
  session->trusted = calloc((size_t)session->info.rows, 1);
  if (!session->trusted) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %lld rows",
                          (long long)session->info.rows);
  }
  enum diva_status status = cli_row_ids_open(&ids, session->dataset, error);
  if (!status) {
    status = cli_id_list_read(path, &ids, session->trusted, error);
  }
  cli_row_ids_close(&ids);
  return status;
}

enum diva_status cli_verify_prepare(struct cli_session *session, struct diva_error *error) {
  const char *trusted = session->request->settings->trusted;
  const enum diva_status status = check_settings(session, error);
  return status || !trusted ? status : read_trusted(session, trusted, error);
}

static struct diva_verify_options choose_options(struct cli_session *session) {
  const struct cli_settings *settings = session->request->settings;
  struct diva_verify_options chosen;
  diva_verify_options_init(&chosen);
  if (settings->verify_folds) {
    chosen.folds = (int)settings->verify_folds;
  }
  chosen.trusted = session->trusted;
  chosen.groups = session->model.groups;
  chosen.importance = session->model.importance;
  chosen.threads = (int)settings->threads;
  chosen.memory = settings->memory;
  chosen.seed = settings->analysis.seed;
  chosen.progress = cli_meter_progress(&session->meter);
  return chosen;
}

/* That nothing can be said is no failure. */
static enum diva_status note_outcome(struct cli_session *session, enum diva_status status,
                                     const struct diva_error *error) {
  if (status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL) {
    memcpy(session->unverified, error->message, sizeof session->unverified);
    return DIVA_OK;
  }
  session->verified = !status;
  return status;
}

enum diva_status cli_verify_changed(struct cli_session *session,
                                    const struct diva_changed_rows *changed,
                                    struct diva_error *error) {
  if (!session->request->settings->verify) {
    return DIVA_OK;
  }
  const struct diva_verify_options chosen = choose_options(session);
  const enum diva_status status = diva_verify(session->dataset, session->validation, changed,
                                              &chosen, &session->verification, error);
  return note_outcome(session, status, error);
}

enum diva_status cli_verify_extension(struct cli_session *session,
                                      const struct diva_extension *extension,
                                      struct diva_error *error) {
  if (!session->request->settings->verify) {
    return DIVA_OK;
  }
  const struct diva_verify_options chosen = choose_options(session);
  const enum diva_status status = diva_extend_verify(
      session->dataset, session->validation, extension, &chosen, &session->verification, error);
  return note_outcome(session, status, error);
}

enum diva_status cli_verify_decision(struct cli_session *session,
                                     const struct diva_decision_columns *decision,
                                     struct diva_error *error) {
  if (!session->request->settings->verify) {
    return DIVA_OK;
  }
  const double *given = diva_dataset_weights(session->dataset);
  double *weights = malloc((size_t)session->info.rows * sizeof *weights);
  if (!weights) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the weights of %lld rows",
                          (long long)session->info.rows);
  }
  for (int64_t i = 0; i < session->info.rows; i++) {
    weights[i] = decision->keep[i] ? (given ? given[i] : 1) : 0;
  }
  const struct diva_changed_rows changed = {.weights = weights};
  const enum diva_status status = cli_verify_changed(session, &changed, error);
  free(weights);
  return status;
}

static void print_test(FILE *out, const struct cli_session *session) {
  const struct diva_verification *verification = &session->verification;
  const long long rows = (long long)verification->test_rows;
  fprintf(out, "verification: softmax regression, penalty %g, tested on %lld ",
          verification->penalty, rows);
  if (verification->test == DIVA_VERIFY_VALIDATION) {
    fprintf(out, "row%s of ", rows == 1 ? "" : "s");
    cli_print_name(out, diva_dataset_path(session->validation, 0));
  } else if (verification->test == DIVA_VERIFY_TRUSTED) {
    fprintf(out, "trusted row%s in %d folds", rows == 1 ? "" : "s", verification->folds);
  } else {
    fprintf(out, "rows in %d folds, by their given labels", verification->folds);
  }
  fputc('\n', out);
}

/* Points of error that it is better, or worse, with the interval the same way round. */
static void print_verdict(FILE *out, const struct diva_verification *verification,
                          const char *changed) {
  const bool better = verification->verdict == DIVA_VERDICT_BETTER;
  const double sign = better ? -100.0 : 100.0;
  fprintf(out, "verification: error %.1f %% -> %.1f %%: ", 100 * verification->error_before,
          100 * verification->error_after);
  switch (verification->verdict) {
  case DIVA_VERDICT_BETTER:
    fprintf(out, "better by %.1f points", sign * verification->difference);
    break;
  case DIVA_VERDICT_WORSE:
    fprintf(out, "WORSE, %s a worse model, by %.1f points", changed,
            sign * verification->difference);
    break;
  default:
    fprintf(out, "no measurable change");
  }
  fprintf(out, " (95 %% interval %s%.1f to %.1f)\n",
          verification->verdict == DIVA_VERDICT_NO_CHANGE ? "of the change " : "",
          sign * (better ? verification->high : verification->low),
          sign * (better ? verification->low : verification->high));
}

/* Weights that serve the ridge model may serve it alone. */
static void print_advice(FILE *out, const struct diva_verification *verification) {
  if (verification->verdict == DIVA_VERDICT_WORSE) {
    fprintf(out, "advice: do not train with these weights: a learner other than this ridge model "
                 "is worse with them\n");
  } else if (verification->difference > 0) {
    fprintf(out, "advice: better not train with these weights: a learner other than this ridge "
                 "model gains nothing by them\n");
  }
}

void cli_verify_print(FILE *out, const struct cli_session *session,
                      const struct cli_result *result) {
  const struct diva_verification *verification = &session->verification;
  if (*session->unverified) {
    fprintf(out, "verification: NOT DONE: %s\n", session->unverified);
  }
  if (!session->verified) {
    return;
  }
  print_test(out, session);
  print_verdict(out, verification,
                result->extend    ? "the extended set trains"
                : result->what_if ? "the changed set trains"
                : result->weights ? "the weights train"
                                  : "the kept rows train");
  if (session->model.importance && verification->test != DIVA_VERIFY_VALIDATION) {
    fprintf(out, "note: each row tested on counts as much as in the objective\n");
  }
  if (result->weights) {
    print_advice(out, verification);
  }
  if (verification->test == DIVA_VERIFY_GIVEN && !result->extend) {
    fprintf(out, "note: the labels verified on are as noisy as those trained on; --validation or "
                 "--trusted names better ones\n");
  }
  if (verification->test == DIVA_VERIFY_VALIDATION && result->decision && result->flagged < 0) {
    fprintf(out, "note: rows were pruned by their effect on the very set verified on, which "
                 "flatters the result\n");
  }
  if (verification->test != DIVA_VERIFY_VALIDATION && result->extend) {
    fprintf(out, "note: rows were taken by their effect on the very rows verified on, which "
                 "flatters the result; --validation does not\n");
  }
  if (verification->sampled_rows) {
    fprintf(out, "note: verified with a sample of %lld rows\n",
            (long long)verification->sampled_rows);
  }
}
