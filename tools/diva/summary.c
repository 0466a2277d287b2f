/* What came of a run, in a few lines for a person. */
#include "summary.h"
#include "exact.h"
#include "extend_table.h"
#include "output.h"
#include "verify.h"
#include "weights.h"

#include <math.h>
#include <string.h>

static const char *plural(int64_t count) {
  return count == 1 ? "" : "s";
}

const char *cli_bytes_text(double bytes, char *out, size_t size) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
    bytes /= 1024;
    unit++;
  }
  snprintf(out, size, unit ? "%.1f %s" : "%.0f %s", bytes,
           bytes == 1 && !unit ? "byte" : units[unit]);
  return out;
}

void cli_print_name(FILE *out, const char *name) {
  for (; *name; name++) {
    const unsigned char letter = (unsigned char)*name;
    fputc(letter < 0x20 || letter == 0x7f ? '?' : letter, out);
  }
}

void cli_summary_dataset(FILE *out, const struct diva_dataset *dataset) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  cli_print_name(out, diva_dataset_path(dataset, 0));
  if (info.files > 1) {
    fprintf(out, " and %lld more file%s", (long long)info.files - 1, plural(info.files - 1));
  }
  fprintf(out, ": %lld row%s x %lld %s, %lld %s%s", (long long)info.rows, plural(info.rows),
          (long long)info.columns, diva_dtype_name(info.feature_type), (long long)info.outputs,
          info.has_targets ? "target" : "class",
          info.outputs == 1 ? "" : (info.has_targets ? "s" : "es"));
  if (info.labelled_rows < info.rows) {
    fprintf(out, ", %lld unlabelled", (long long)(info.rows - info.labelled_rows));
  }
  fputc('\n', out);
}

static void print_model(FILE *out, const struct diva_summary *summary) {
  static const char *const scaled[] = {[DIVA_SCALE_NONE] = "features as they are",
                                       [DIVA_SCALE_L2] = "rows scaled to length 1",
                                       [DIVA_SCALE_STANDARDIZE] = "standardized features"};
  fprintf(out, "model: ");
  if (summary->kernel == DIVA_KERNEL_RBF) {
    fprintf(out, "kernel ridge (linear + rbf, %lld features, bandwidth %.3g x median distance)",
            (long long)summary->rbf_features, summary->rbf_bandwidth);
  } else {
    fprintf(out, "linear ridge");
  }
  fprintf(out, ", lambda %.3g%s, %s, %s", summary->lambda,
          summary->lambda_chosen ? " (least leave-one-out error)" : "", scaled[summary->scale],
          summary->intercept ? "intercept" : "no intercept");
  if (summary->loss == DIVA_LOSS_CROSS_ENTROPY) {
    fprintf(out, ", cross-entropy at temperature %.3g", summary->temperature);
  }
  fprintf(out, "\nrun: %s, %s, %d thread%s, %s, %s\n", summary->backend, summary->library,
          summary->threads, plural(summary->threads), diva_precision_name(summary->precision),
          diva_solver_name(summary->solver));
}

/* "error 9.1 %", or for targets, which have no classes to mistake, "loss 0.123". */
static void print_score(FILE *out, const struct diva_score *score, bool name) {
  if (isnan(score->error)) {
    fprintf(out, "%s%.4g", name ? "loss " : "", score->loss);
  } else {
    fprintf(out, "%s%.1f %%", name ? "error " : "", 100 * score->error);
  }
}

/* Whose word counts, and how much of it. */
static void print_opinions(FILE *out, const struct diva_noise_summary *noise) {
  if (noise->opinion_count == 0) {
    return;
  }
  fprintf(out, "opinions pooled:");
  for (int m = 0; m < noise->opinion_count; m++) {
    fprintf(out, "%s %s %.0f %%", m ? "," : "", noise->opinions[m].name,
            100 * noise->opinions[m].weight);
  }
  fputc('\n', out);
}

/* How many labels are wrong, what was flagged, and how far both can be trusted. */
static void print_noise(FILE *out, const struct diva_noise_summary *noise) {
  if (noise->features_tell) {
    fprintf(out, "labels: about %.0f of %lld wrong (%.1f %%); flagged %lld",
            noise->rate * (double)noise->rows, (long long)noise->rows, 100 * noise->rate,
            (long long)noise->flagged);
  } else {
    fprintf(out, "labels: the features cannot tell wrong ones from right ones; flagged %lld",
            (long long)noise->flagged);
  }
  if (noise->flagged && noise->features_tell) {
    fprintf(out, ", of which about %.0f %% truly wrong, and of the wrong ones about %.0f %%",
            100 * noise->expected_precision, 100 * noise->expected_recall);
  }
  fputc('\n', out);
  if (!noise->planted) {
    fprintf(out, "judged by: all rows alike (too few rows to plant wrong labels among them)\n");
    print_opinions(out, noise);
    return;
  }
  static const char *const judges[] = {
      [DIVA_REFIT_NONE] = "all rows alike",
      [DIVA_REFIT_TRIM] = "the rows that are not suspect",
      [DIVA_REFIT_REWEIGHT] = "rows reweighted to predict each other",
      [DIVA_REFIT_BOTH] = "rows reweighted to predict each other, without the surest suspects"};
  fprintf(out, "judged by: %s; of %lld wrong labels planted in a sample it tells AUROC %.3f\n",
          judges[noise->refit], (long long)noise->planted, noise->planted_auroc);
  print_opinions(out, noise);
}

static void print_decision(FILE *out, const struct cli_session *session,
                           const struct cli_result *result) {
  const struct diva_decision_columns *decision = result->decision;
  int64_t count[2][DIVA_ACTIONS] = {{0}};
  if (!result->noise) {
    fprintf(out, "dropped: %lld of %lld rows\n", (long long)decision->dropped_rows,
            (long long)session->info.rows);
    return;
  }
  for (int64_t i = 0; i < decision->rows; i++) {
    if (decision->action[i] < DIVA_ACTIONS) {
      count[decision->keep[i] != 0][decision->action[i]]++;
    }
  }
  print_noise(out, result->noise);
  fprintf(out,
          "%lld rows left out (to relabel %lld, to drop %lld, to review %lld); %lld kept, %lld of "
          "them worth a look\n",
          (long long)decision->dropped_rows, (long long)count[0][DIVA_ACTION_RELABEL],
          (long long)count[0][DIVA_ACTION_DROP], (long long)count[0][DIVA_ACTION_REVIEW],
          (long long)decision->kept_rows, (long long)count[1][DIVA_ACTION_REVIEW]);
}

static void print_validation(FILE *out, const struct cli_session *session) {
  const struct diva_score *before = &session->held_against.validation;
  if (!before->rows) {
    return;
  }
  fprintf(out, "validation ");
  print_score(out, before, true);
  if (session->again) {
    fprintf(out, " -> ");
    print_score(out, &session->after.validation, false);
  }
  fprintf(out, " (%lld row%s)\n", (long long)before->rows, plural(before->rows));
}

static void print_scores(FILE *out, const struct cli_session *session,
                         const struct cli_result *result) {
  fprintf(out, "leave-one-out %s", session->target.target ? "target " : "");
  print_score(out, &session->held_against.loo, true);
  int64_t dropped = result->decision ? result->decision->dropped_rows : 0;
  if (session->resolved && dropped) {
    fprintf(out, " -> ");
    print_score(out, &session->after.loo, false);
    fprintf(out, " without the %lld dropped row%s (", (long long)dropped, plural(dropped));
    print_score(out, &session->kept_before, false);
    fprintf(out, " on the kept rows before)");
  } else if (!isnan(session->held_against.loo.error)) {
    fprintf(out, ", loss %.4g", session->held_against.loo.loss);
  }
  fputc('\n', out);
  print_validation(out, session);
}

/* Rows that would be better weighted down, for a command that decides nothing. */
static void print_harmful(FILE *out, const struct cli_session *session) {
  const double *derivative = session->columns.derivative;
  int64_t harmful = 0;
  for (int64_t i = 0; i < session->columns.rows; i++) {
    harmful += derivative[i] > 0;
  }
  fprintf(out,
          "derivative above 0, so that weighting the row up raises the %s loss: %lld of %lld "
          "rows\n",
          session->validation      ? "validation"
          : session->target.target ? "leave-one-out target"
                                   : "leave-one-out",
          (long long)harmful, (long long)session->columns.rows);
}

static void print_notes(FILE *out, const struct cli_session *session,
                        const struct cli_result *result) {
  const struct diva_summary *before = &session->before;
  int64_t unlabelled = session->info.rows - session->info.labelled_rows;
  if (before->lambda_chosen && before->lambda_at_edge) {
    fprintf(out,
            "note: the least leave-one-out error lies at the end of the lambdas tried (%.3g); "
            "try another --scale, or give --lambda\n",
            before->lambda);
  }
  if (before->backend_note) {
    fprintf(out, "note: %s\n", before->backend_note);
  }
  if (before->constant_columns) {
    fprintf(out, "note: %lld constant column%s left at zero\n", (long long)before->constant_columns,
            plural(before->constant_columns));
  }
  if (unlabelled && !result->extend) {
    fprintf(out, "note: %lld unlabelled row%s %s\n", (long long)unlabelled, plural(unlabelled),
            result->weights ? "not trained on: weight 0" : "scored, not trained on, and kept");
  }
  if (result->decision && result->decision->classes_emptied) {
    int64_t emptied = result->decision->classes_emptied;
    fprintf(out, "note: %lld class%s no row that is kept\n", (long long)emptied,
            emptied == 1 ? " has" : "es have");
  }
  if (*session->unresolved) {
    fprintf(out, "note: not solved again without the dropped rows: %s\n", session->unresolved);
  }
}

/* A file of rows and its provenance; `columns` of an array, else 0. */
static void print_file(FILE *out, const char *before, const char *name, int64_t rows,
                       int64_t columns) {
  fprintf(out, "%s", before);
  cli_print_name(out, name);
  if (columns) {
    fprintf(out, " (%lld x %lld), ", (long long)rows, (long long)columns);
  } else {
    fprintf(out, " (%lld row%s), ", (long long)rows, plural(rows));
  }
  cli_print_name(out, name);
  fprintf(out, "%s", CLI_PROVENANCE_SUFFIX);
}

static int64_t count_written(const struct cli_session *session, const struct cli_result *result) {
  struct diva_dataset_info info = session->info;
  if (session->format == DIVA_FORMAT_NPY && result->chosen) {
    return result->chosen_count;
  }
  if (session->format == DIVA_FORMAT_NPY && result->decision) {
    return result->decision->kept_rows;
  }
  if (result->written) {
    diva_dataset_describe(result->written, &info);
  }
  return info.rows;
}

static int64_t count_dataset(const struct cli_result *result) {
  if (result->changed) {
    return result->changed_count;
  }
  return result->decision ? result->decision->kept_rows : 0;
}

static void print_files(FILE *out, const struct cli_session *session,
                        const struct cli_result *result) {
  const struct cli_settings *settings = session->request->settings;
  bool rows = settings->output && strcmp(settings->output, "-") != 0;
  const char *before = "wrote ";
  if (rows) {
    print_file(out, "wrote ", settings->output, count_written(session, result), 0);
    before = ", ";
  }
  if (settings->write_dataset) {
    print_file(out, before, settings->write_dataset, count_dataset(result), 0);
    before = ", ";
  }
  if (settings->write_indices && result->weights) {
    print_file(out, before, settings->write_indices, result->weights->draws, 0);
    before = ", ";
  }
  if (settings->write_probabilities) {
    print_file(out, before, settings->write_probabilities, session->info.rows,
               session->info.outputs);
    before = ", ";
  }
  fprintf(out, "%s%.1f s\n", strcmp(before, ", ") == 0 ? "; " : "",
          cli_meter_seconds(&session->meter));
}

void cli_summary_print(FILE *out, const struct cli_session *session,
                       const struct cli_result *result) {
  cli_summary_dataset(out, session->dataset);
  print_model(out, &session->before);
  cli_groups_print(out, &session->groups, session->dataset, session->request->settings);
  cli_target_print(out, &session->target, session->dataset);
  if (result->decision) {
    print_decision(out, session, result);
  }
  if (result->weights) {
    cli_weights_print(out, session, result->weights);
  } else if (result->extend) {
    cli_extend_print(out, result->extend);
  } else if (!result->what_if) {
    print_scores(out, session, result);
  }
  if (!result->what_if) {
    cli_verify_print(out, session, result);
  }
  if (!result->decision && !result->what_if && !result->weights && !result->extend) {
    print_harmful(out, session);
    cli_exact_print(out, session, result->misleads);
  }
  print_notes(out, session, result);
  print_files(out, session, result);
}
