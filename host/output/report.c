/** What was done and what came of it, as JSON: the provenance of a file, the summary of a run. */
#define _POSIX_C_SOURCE 200809L
#include <diva/manifest.h>
#include <diva/system.h>

#include "host/comm/comm.h"
#include "host/core/core.h"
#include "host/output/report.h"
#include "host/output/report_extend.h"
#include "host/output/report_reweight.h"
#include "host/output/report_target.h"
#include "host/output/report_verification.h"
#include "host/output/report_what_if.h"
#include "host/output/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void diva_report_init(struct diva_report *report) {
  *report = (struct diva_report){
      .version = DIVA_STRUCT_VERSION, .flagged = -1, .kept = -1, .duplicate_rows = -1};
}

void diva_string_free(char *text) {
  free(text);
}

json_t *diva_report_number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

/* JSON has no unsigned 64-bit integers here: what does not fit goes as its digits. */
static json_t *json_unsigned(uint64_t value) {
  return value <= INT64_MAX ? json_integer((json_int_t)value)
                            : json_sprintf("%llu", (unsigned long long)value);
}

json_t *diva_report_count(int64_t value) {
  return value < 0 ? json_null() : json_integer(value);
}

/* Arguments and paths may hold any bytes. */
json_t *diva_report_string(const char *text) {
  if (!text) {
    return json_null();
  }
  char *const copy = strdup(text);
  if (!copy) {
    return NULL;
  }
  for (char *c = copy; *c;) {
    const int length = diva_utf8_length(c);
    if (length == 0) {
      *c = '?';
    }
    c += length > 0 ? length : 1;
  }
  json_t *const result = json_string(copy);
  free(copy);
  return result;
}

json_t *diva_report_arguments(int count, char *const *arguments) {
  json_t *const list = json_array();
  for (int i = 0; i < count; i++) {
    json_array_append_new(list, diva_report_string(arguments[i]));
  }
  return list;
}

/* The digest of one file as JSON; null for a dataset in memory. */
static enum diva_status file_digest(const struct diva_dataset *dataset, int64_t file, json_t **out,
                                    struct diva_error *error) {
  char digest[DIVA_SHA256_SIZE];
  *out = NULL;
  if (!diva_dataset_path(dataset, file)) {
    *out = json_null();
    return DIVA_OK;
  }
  const enum diva_status status = diva_dataset_sha256(dataset, file, digest, error);
  if (status == DIVA_OK) {
    *out = json_string(digest);
  }
  return status;
}

/* The further files of a sharded dataset, each with its digest. */
static enum diva_status add_inputs(json_t *record, const struct diva_dataset *dataset,
                                   const json_t *first_digest, struct diva_error *error) {
  json_t *const list = json_array();
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; status == DIVA_OK && diva_dataset_path(dataset, i); i++) {
    json_t *digest = NULL;
    if (i == 0) {
      digest = json_string(json_string_value(first_digest));
    } else {
      status = file_digest(dataset, i, &digest, error);
    }
    json_t *const entry = json_object();
    json_object_set_new(entry, "path", diva_report_string(diva_dataset_path(dataset, i)));
    json_object_set_new(entry, "sha256", digest ? digest : json_null());
    json_array_append_new(list, entry);
  }
  json_object_set_new(record, "inputs", list);
  return status;
}

enum diva_status diva_report_add_other(json_t *record, const char *name, const char *digest_name,
                                       const struct diva_dataset *dataset,
                                       struct diva_error *error) {
  json_t *digest = NULL;
  if (!dataset) {
    return DIVA_OK;
  }
  const enum diva_status status = file_digest(dataset, 0, &digest, error);
  if (status == DIVA_OK) {
    json_object_set_new(record, name, diva_report_string(diva_dataset_path(dataset, 0)));
    json_object_set_new(record, digest_name, digest);
  }
  return status;
}

enum diva_status diva_report_add_files(json_t *record, const struct diva_report *report,
                                       struct diva_error *error) {
  json_t *digest = NULL;
  enum diva_status status = file_digest(report->dataset, 0, &digest, error);
  if (status != DIVA_OK) {
    return status;
  }
  json_object_set_new(record, "input", diva_report_string(diva_dataset_path(report->dataset, 0)));
  json_object_set_new(record, "sha256", digest);
  if (diva_dataset_path(report->dataset, 1)) {
    status = add_inputs(record, report->dataset, digest, error);
  }
  return status == DIVA_OK ? diva_report_add_other(record, "validation", "validation_sha256",
                                                   report->validation, error)
                           : status;
}

static json_t *json_class(const struct diva_dataset *dataset, int64_t class_index) {
  const char *const name = diva_dataset_class_name(dataset, class_index);
  return name ? diva_report_string(name) : json_integer(class_index);
}

/* The target distribution, and the file that told it. */
static enum diva_status add_target(json_t *record, const struct diva_report *report,
                                   struct diva_error *error) {
  json_t *digest = NULL;
  if (!report->target) {
    return diva_report_add_other(record, "target", "target_sha256", report->target_rows, error);
  }
  json_t *const target = diva_report_target(report->target, report->dataset, json_class);
  json_object_set_new(record, "target", target);
  if (!report->target_rows) {
    return DIVA_OK;
  }
  const enum diva_status status = file_digest(report->target_rows, 0, &digest, error);
  if (status == DIVA_OK) {
    json_object_set_new(target, "input",
                        diva_report_string(diva_dataset_path(report->target_rows, 0)));
    json_object_set_new(target, "sha256", digest);
  }
  return status;
}

/* A linear model says nothing of features and bandwidths. */
static void add_kernel(json_t *record, const struct diva_summary *summary) {
  json_object_set_new(record, "model", diva_report_string(diva_kernel_name(summary->kernel)));
  if (summary->kernel == DIVA_KERNEL_RBF) {
    json_object_set_new(record, "rbf_features", json_integer(summary->rbf_features));
    json_object_set_new(record, "rbf_bandwidth", diva_report_number(summary->rbf_bandwidth));
    json_object_set_new(record, "sigma", diva_report_number(summary->sigma));
  }
}

void diva_report_add_model(json_t *record, const struct diva_summary *summary) {
  json_object_set_new(record, "training_rows", json_integer(summary->training_rows));
  json_object_set_new(record, "lambda", diva_report_number(summary->lambda));
  json_object_set_new(record, "lambda_chosen", json_boolean(summary->lambda_chosen));
  json_object_set_new(record, "scaling", diva_report_string(diva_scale_name(summary->scale)));
  add_kernel(record, summary);
  json_object_set_new(record, "loss", diva_report_string(diva_loss_name(summary->loss)));
  json_object_set_new(record, "temperature", diva_report_number(summary->temperature));
  json_object_set_new(record, "intercept", json_boolean(summary->intercept));
  json_object_set_new(record, "seed", json_unsigned(summary->seed));
  json_object_set_new(record, "solver", diva_report_string(diva_solver_name(summary->solver)));
  json_object_set_new(record, "backend", diva_report_string(summary->backend));
  json_object_set_new(record, "library", diva_report_string(summary->library));
  if (summary->backend_note) {
    json_object_set_new(record, "backend_note", diva_report_string(summary->backend_note));
  }
  if (summary->device_memory_planned > 0) {
    json_object_set_new(record, "device_memory", json_integer(summary->device_memory_planned));
    json_object_set_new(record, "tile_rows", json_integer(summary->tile_rows));
  }
  json_object_set_new(record, "precision",
                      diva_report_string(diva_precision_name(summary->precision)));
  json_object_set_new(record, "threads", json_integer(summary->threads));
  json_object_set_new(record, "mpi_ranks", json_integer(diva_comm_size()));
  json_object_set_new(record, "condition", diva_report_number(summary->condition));
  json_object_set_new(record, "constant_columns", json_integer(summary->constant_columns));
}

/* The objective is what the derivative is of: the validation loss where there is such a set;
 * weights have one of their own. */
static double objective(const struct diva_summary *summary) {
  if (!summary) {
    return NAN;
  }
  return summary->validation.rows > 0 ? summary->validation.loss : summary->loo.loss;
}

static void add_scores(json_t *record, const struct diva_report *report) {
  static const struct diva_score absent = {.loss = NAN, .error = NAN};
  const struct diva_summary *const before =
      report->held_against ? report->held_against : report->before;
  const struct diva_summary *const after = report->after;
  const struct diva_score *const validated =
      before && before->validation.rows > 0 ? &before->validation : &absent;
  const struct diva_score *const revalidated =
      after && after->validation.rows > 0 ? &after->validation : &absent;
  const struct diva_reweight_summary *const weights = report->reweight;
  json_object_set_new(record, "objective_before",
                      diva_report_number(weights ? weights->objective_before : objective(before)));
  json_object_set_new(record, "objective_after",
                      diva_report_number(weights ? weights->objective_after : objective(after)));
  json_object_set_new(record, "loo_error_before",
                      diva_report_number(before ? before->loo.error : NAN));
  json_object_set_new(record, "loo_error_after",
                      diva_report_number(after ? after->loo.error : NAN));
  json_object_set_new(record, "loo_error_kept_before",
                      diva_report_number(report->kept_before ? report->kept_before->error : NAN));
  json_object_set_new(record, "validation_loss_before", diva_report_number(validated->loss));
  json_object_set_new(record, "validation_loss_after", diva_report_number(revalidated->loss));
  json_object_set_new(record, "validation_error_before", diva_report_number(validated->error));
  json_object_set_new(record, "validation_error_after", diva_report_number(revalidated->error));
  json_object_set_new(record, "flagged", diva_report_count(report->flagged));
  json_object_set_new(record, "kept", diva_report_count(report->kept));
}

/* The largest entries of the transition matrix off its diagonal, which is k x k: too many to list.
 */
static json_t *list_confusions(const struct diva_noise_summary *noise,
                               const struct diva_dataset *dataset) {
  enum { MOST = 10 };
  int64_t at[MOST];
  int count = 0;
  const int64_t k = noise->classes;
  for (int64_t i = 0; i < k * k; i++) {
    const double value = noise->transition[i];
    if (i / k == i % k || value <= 0.0 ||
        (count == MOST && value <= noise->transition[at[count - 1]])) {
      continue;
    }
    int place = count < MOST ? count++ : MOST - 1;
    for (; place > 0 && noise->transition[at[place - 1]] < value; place--) {
      at[place] = at[place - 1];
    }
    at[place] = i;
  }
  json_t *const list = json_array();
  for (int i = 0; i < count; i++) {
    json_t *const entry = json_object();
    json_object_set_new(entry, "class", json_class(dataset, at[i] / k));
    json_object_set_new(entry, "given", json_class(dataset, at[i] % k));
    json_object_set_new(entry, "probability", diva_report_number(noise->transition[at[i]]));
    json_array_append_new(list, entry);
  }
  return list;
}

static json_t *list_opinions(const struct diva_noise_summary *noise) {
  json_t *list = json_array();
  for (int m = 0; m < noise->opinion_count; m++) {
    const struct diva_opinion *opinion = &noise->opinions[m];
    json_t *entry = json_object();
    json_object_set_new(entry, "name", diva_report_string(opinion->name));
    json_object_set_new(entry, "error", diva_report_number(opinion->error));
    json_object_set_new(entry, "temperature", diva_report_number(opinion->temperature));
    json_object_set_new(entry, "weight", diva_report_number(opinion->weight));
    json_array_append_new(list, entry);
  }
  return list;
}

static void add_noise(json_t *record, const struct diva_report *report) {
  const struct diva_noise_summary *const noise = report->noise;
  if (!noise) {
    return;
  }
  json_object_set_new(record, "noise_rate", diva_report_number(noise->rate));
  json_object_set_new(record, "noise_confusable", diva_report_number(noise->confusable));
  json_object_set_new(record, "noise_transitions", list_confusions(noise, report->dataset));
  json_object_set_new(record, "expected_precision", diva_report_number(noise->expected_precision));
  json_object_set_new(record, "expected_recall", diva_report_number(noise->expected_recall));
  json_object_set_new(record, "refit", diva_report_string(diva_refit_name(noise->refit)));
  json_object_set_new(record, "planted", json_integer(noise->planted));
  json_object_set_new(record, "planted_average_precision",
                      diva_report_number(noise->planted_precision));
  json_object_set_new(record, "planted_auroc", diva_report_number(noise->planted_auroc));
  json_object_set_new(record, "features_tell", json_boolean(noise->features_tell));
  json_object_set_new(record, "opinions", list_opinions(noise));
}

/* Which rows were left out together. */
static void add_groups(json_t *record, const struct diva_report *report) {
  if (report->group) {
    json_object_set_new(record, "group", diva_report_string(report->group));
  }
  if (report->duplicate_rows >= 0) {
    json_t *const found = json_object();
    json_object_set_new(found, "rows", json_integer(report->duplicate_rows));
    json_object_set_new(found, "groups", json_integer(report->duplicate_groups));
    json_object_set_new(found, "conflicting_groups", json_integer(report->duplicate_conflicts));
    json_object_set_new(record, "near_duplicates", found);
  }
}

/* What the array is, for whoever finds it without the command that made it. */
static void add_probabilities(json_t *record, const struct diva_report *report) {
  if (report->probabilities) {
    json_object_set_new(record, "probabilities", diva_report_string(report->probabilities));
    json_object_set_new(record, "probabilities_are",
                        json_string("out-of-sample: softmax(temperature * leave-one-out scores), "
                                    "n x k float32, rows in input order"));
  }
}

/* The objective is that of the curve: held-out rows have no part in it. */
static void add_extend(json_t *record, const struct diva_extend_summary *extend) {
  double after = NAN;
  for (int64_t i = 0; i < extend->step_count; i++) {
    after = extend->steps[i].kept ? extend->steps[i].objective : after;
  }
  json_object_set_new(record, "objective_before", diva_report_number(extend->steps[0].objective));
  json_object_set_new(record, "objective_after", diva_report_number(after));
  json_object_set_new(record, "extend", diva_report_extend(extend));
}

/* Both solutions count: the time of a phase is what the run spent in it. */
static void add_timings(json_t *record, const struct diva_report *report) {
  json_t *const seconds = json_object();
  for (int i = 0; i < DIVA_PHASES; i++) {
    const double spent =
        report->before->seconds[i] + (report->after ? report->after->seconds[i] : 0);
    json_object_set_new(seconds, diva_phase_name(i), diva_report_number(spent));
  }
  json_object_set_new(record, "seconds", seconds);
  json_object_set_new(record, "memory_planned", json_integer(report->before->memory_planned));
}

enum diva_status diva_report_json(const struct diva_report *report, bool timings, char **out,
                                  struct diva_error *error) {
  enum { REAL_DIGITS = 17 };
  *out = NULL;
  enum diva_status status = diva_version_check(report->version, "diva_report", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!report->dataset || !report->before) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "a report needs a dataset and its summary");
  }
  json_t *const record = json_object();
  struct diva_dataset_info info;
  diva_dataset_describe(report->dataset, &info);
  json_object_set_new(record, "version", diva_report_string(diva_version()));
  json_object_set_new(record, "command_line",
                      diva_report_arguments(report->argument_count, report->arguments));
  status = diva_report_add_files(record, report, error);
  if (status != DIVA_OK) {
    goto done;
  }
  json_object_set_new(record, "n", json_integer(info.rows));
  json_object_set_new(record, "d", json_integer(info.columns));
  json_object_set_new(record, "k", json_integer(info.outputs));
  diva_report_add_model(record, report->before);
  add_scores(record, report);
  add_noise(record, report);
  add_groups(record, report);
  add_probabilities(record, report);
  status = add_target(record, report, error);
  if (status != DIVA_OK) {
    goto done;
  }
  if (report->what_if) {
    json_object_set_new(record, "what_if",
                        diva_report_what_if(report->what_if, report->dataset, json_class));
  }
  if (report->reweight) {
    json_object_set_new(record, "reweight", diva_report_reweight(report));
  }
  if (report->extend) {
    add_extend(record, report->extend);
  }
  if (report->verification || report->unverified) {
    json_object_set_new(record, "verification",
                        diva_report_verification(report->verification, report->unverified));
  }
  if (timings) {
    add_timings(record, report);
  }
  *out = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
  if (!*out) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the report");
  }

done:
  json_decref(record);
  return status;
}
