/* The target distribution of --target and its like. */
#define _POSIX_C_SOURCE 200809L
#include "target.h"
#include "group_name.h"
#include "proportions.h"
#include "summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(member) offsetof(struct cli_settings, member)

static const char *const shift_names[] = {[DIVA_SHIFT_AUTO] = "auto",
                                          [DIVA_SHIFT_LABEL] = "label",
                                          [DIVA_SHIFT_COVARIATE] = "covariate",
                                          NULL};

static const struct cli_option target_options[] = {
    {.name = "target",
     .type = CLI_FILE,
     .offset = FIELD(target),
     .value = "FILE",
     .help = "rows of the target with labels: their classes are counted",
     .fallback = ""},
    {.name = "target-features",
     .type = CLI_FILE,
     .offset = FIELD(target_features),
     .value = "FILE",
     .help = "rows of the target whose labels are not known, or not to be looked at",
     .fallback = ""},
    {.name = "target-shift",
     .type = CLI_CHOICE,
     .offset = FIELD(target_shift),
     .value = "KIND",
     .help = "what --target-features tells: label (other frequencies of the classes), covariate "
             "(other rows of each kind), or auto, the one that explains these rows better",
     .choices = shift_names},
    {.name = "target-classes",
     .type = CLI_STRING,
     .offset = FIELD(target_classes),
     .value = "CLASS=SHARE,...",
     .help = "share of each class in the target, '*=rest' for those not named",
     .fallback = ""},
    {.name = "target-groups",
     .type = CLI_STRING,
     .offset = FIELD(target_groups),
     .value = "NAME:VALUE=SHARE,...",
     .help = "share of the rows with each value of /groups/NAME, '*=rest' for those not named",
     .fallback = ""},
};

const struct cli_option_group cli_group_target = {
    .heading = "Target distribution (one of them): rows count by what they are worth for it",
    .options = target_options,
    .count = sizeof target_options / sizeof *target_options};

bool cli_target_wanted(const struct cli_settings *settings) {
  return settings->target || settings->target_features || settings->target_classes ||
         settings->target_groups;
}

enum diva_status cli_target_check(const struct cli_settings *settings, struct diva_error *error) {
  const struct {
    const char *name;
    const char *value;
  } ways[] = {{"--target", settings->target},
              {"--target-features", settings->target_features},
              {"--target-classes", settings->target_classes},
              {"--target-groups", settings->target_groups}};
  const char *first = NULL;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (ways[i].value && first) {
      return diva_error_set(error, DIVA_ERROR_USAGE, "%s and %s both describe a target: give one",
                            first, ways[i].name);
    }
    first = ways[i].value ? ways[i].name : first;
  }
  if (settings->target_shift != DIVA_SHIFT_AUTO && !settings->target_features) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--target-shift is about rows without labels: add --target-features "
                          "FILE");
  }
  if (settings->target_groups &&
      (!strchr(settings->target_groups, ':') || *settings->target_groups == ':')) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--target-groups: '%s' must be NAME:VALUE=SHARE,...",
                          settings->target_groups);
  }
  return DIVA_OK;
}

/* Ids, weights and groups of the target play no part, nor do base outputs where only features do.
 */
static enum diva_status open_rows(struct cli_target *target, const struct cli_settings *settings,
                                  struct diva_error *error) {
  const char *const path = settings->target ? settings->target : settings->target_features;
  struct diva_dataset_options wanted = settings->dataset;
  wanted.ids = NULL;
  wanted.weights = NULL;
  wanted.group = NULL;
  wanted.single_class = true;
  wanted.labelling = DIVA_LABELLING_REQUIRED;
  if (settings->target_features) {
    wanted.base_outputs = NULL;
    wanted.labelling = DIVA_LABELLING_IGNORED;
    wanted.labels = NULL;
    wanted.targets = NULL;
  }
  return diva_dataset_open(&path, 1, &wanted, &target->rows, error);
}

/* A dataset reads one column of groups, and --group may have asked for another. */
static enum diva_status open_groups(struct cli_target *target, const struct cli_request *request,
                                    struct diva_error *error) {
  const char *text = request->settings->target_groups;
  struct diva_dataset_options wanted = request->settings->dataset;
  char *name = strndup(text, (size_t)(strchr(text, ':') - text));
  if (!name) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the name of a group");
  }
  wanted.group = name;
  const enum diva_status status = diva_dataset_open(
      (const char *const *)request->files, request->file_count, &wanted, &target->grouped, error);
  free(name);
  return status;
}

enum diva_status cli_target_open(struct cli_target *target, const struct cli_request *request,
                                 struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  if (settings->target_groups) {
    return open_groups(target, request, error);
  }
  return settings->target || settings->target_features ? open_rows(target, settings, error)
                                                       : DIVA_OK;
}

/* Shares of the kinds among the rows trained on. */
static void count_training(const struct diva_dataset *dataset, const int32_t *codes, int64_t kinds,
                           double *out) {
  const int32_t *labels = diva_dataset_labels(dataset);
  const double *weights = diva_dataset_weights(dataset);
  struct diva_dataset_info info;
  int64_t all = 0;
  diva_dataset_describe(dataset, &info);
  for (int64_t i = 0; i < info.rows; i++) {
    if (codes[i] >= 0 && (!labels || labels[i] >= 0) && (!weights || weights[i] > 0)) {
      out[codes[i]]++;
      all++;
    }
  }
  for (int64_t c = 0; c < kinds && all; c++) {
    out[c] /= (double)all;
  }
}

/* Proportions as typed, of `kinds`. @param out  owned by the caller */
static enum diva_status read_proportions(const char *option, const char *text,
                                         struct cli_kinds *kinds, double **out,
                                         struct diva_error *error) {
  const int32_t *codes =
      kinds->groups ? diva_dataset_groups(kinds->dataset) : diva_dataset_labels(kinds->dataset);
  if (!codes) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: the dataset has targets, no class labels",
                          option);
  }
  double *training = calloc((size_t)kinds->count + 1, sizeof *training);
  *out = calloc((size_t)kinds->count + 1, sizeof **out);
  enum diva_status status = DIVA_OK;
  if (!training || !*out) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for proportions");
  } else {
    count_training(kinds->dataset, codes, kinds->count, training);
    kinds->training = training;
    status = cli_proportions_parse(text, kinds, *out, error);
  }
  if (status == DIVA_ERROR_USAGE) {
    diva_error_prefix(error, "%s: ", option);
  }
  free(training);
  return status;
}

/* What the options say, as the library takes it. @param proportions  owned by the caller */
static enum diva_status describe(const struct cli_target *target,
                                 const struct cli_settings *settings,
                                 const struct diva_dataset *dataset,
                                 struct diva_target_options *out, double **proportions,
                                 struct diva_error *error) {
  struct diva_dataset_info info;
  struct cli_kinds kinds = {.dataset = dataset};
  enum diva_status status = DIVA_OK;
  diva_dataset_describe(dataset, &info);
  diva_target_options_init(out);
  out->labelled = settings->target ? target->rows : NULL;
  out->unlabelled = settings->target_features ? target->rows : NULL;
  out->shift = settings->target_shift;
  if (settings->target_classes) {
    kinds.count = info.outputs;
    status =
        read_proportions("--target-classes", settings->target_classes, &kinds, proportions, error);
    out->class_proportions = *proportions;
  } else if (settings->target_groups) {
    kinds = (struct cli_kinds){target->grouped, true, cli_group_count(target->grouped), NULL};
    status = read_proportions("--target-groups", strchr(settings->target_groups, ':') + 1, &kinds,
                              proportions, error);
    out->group_proportions = *proportions;
    out->group_count = kinds.count;
    out->groups = diva_dataset_groups(target->grouped);
  }
  return status;
}

enum diva_status cli_target_find(struct cli_target *target, const struct cli_settings *settings,
                                 struct diva_dataset *dataset,
                                 struct diva_analysis_options *options, struct diva_error *error) {
  struct diva_target_options wanted;
  double *proportions = NULL;
  if (!cli_target_wanted(settings)) {
    return DIVA_OK;
  }
  enum diva_status status = describe(target, settings, dataset, &wanted, &proportions, error);
  if (!status) {
    status = diva_target_find(dataset, options, &wanted, &target->target, error);
    if (status && target->rows && strncmp(error->message, "target: ", strlen("target: ")) == 0) {
      diva_error_prefix(error, "%s: ", diva_dataset_path(target->rows, 0));
    }
  }
  free(proportions);
  if (!status) {
    diva_target_summary(target->target, &target->summary);
    options->importance = target->summary.importance;
  }
  return status;
}

struct diva_dataset *cli_target_validation(const struct cli_target *target,
                                           const struct cli_settings *settings) {
  return settings->target ? target->rows : NULL;
}

static void print_choice(FILE *out, const struct diva_target_summary *summary) {
  const double label = summary->label_criterion;
  const double covariate = summary->covariate_criterion;
  if (!isnan(label) && !isnan(covariate)) {
    fprintf(out,
            " (criterion %.3f of label shift, %.3f of covariate shift, +- %.3f; less is better, "
            "-0.5 no shift)",
            label, covariate, summary->criterion_error);
  }
}

static void print_class(FILE *out, const struct diva_dataset *dataset, int64_t c) {
  const char *name = diva_dataset_class_name(dataset, c);
  if (name) {
    cli_print_name(out, name);
  } else {
    fprintf(out, "%lld", (long long)c);
  }
}

static double change_of(const struct diva_target_summary *summary, int64_t c) {
  return fabs(summary->proportions[c] - summary->training_proportions[c]);
}

/* The class whose share changes most among those that change less than `below`, or as much and come
 * later than `after`; -1: none. */
static int64_t next_change(const struct diva_target_summary *summary, double below, int64_t after) {
  int64_t best = -1;
  for (int64_t c = 0; c < summary->outputs; c++) {
    const double change = change_of(summary, c);
    const bool left = change < below || (change == below && c > after);
    if (left && (best < 0 || change > change_of(summary, best))) {
      best = c;
    }
  }
  return best;
}

static void print_proportions(FILE *out, const struct diva_target_summary *summary,
                              const struct diva_dataset *dataset) {
  enum { SHOWN = 5 };
  if (!summary->proportions) {
    return;
  }
  fprintf(out, "class shares, training -> target:");
  int64_t c = -1;
  double below = INFINITY;
  int shown = 0;
  for (; shown < SHOWN && (c = next_change(summary, below, c)) >= 0; shown++) {
    below = change_of(summary, c);
    fprintf(out, "%s ", shown ? "," : "");
    print_class(out, dataset, c);
    fprintf(out, " %.1f -> %.1f %%", 100 * summary->training_proportions[c],
            100 * summary->proportions[c]);
    if (summary->standard_errors[c] > 0) {
      fprintf(out, " (+- %.1f)", 100 * summary->standard_errors[c]);
    }
  }
  fprintf(out, "%s\n", summary->outputs > shown ? ", ..." : "");
}

void cli_target_print(FILE *out, const struct cli_target *target,
                      const struct diva_dataset *dataset) {
  const struct diva_target_summary *summary = &target->summary;
  if (!target->target) {
    return;
  }
  fprintf(out, "target: %s", diva_target_method_name(summary->method));
  if (target->rows) {
    fprintf(out, " of ");
    cli_print_name(out, diva_dataset_path(target->rows, 0));
    fprintf(out, ", %lld row%s", (long long)summary->target_rows,
            summary->target_rows == 1 ? "" : "s");
  }
  print_choice(out, summary);
  fprintf(out, "; effective sample size %.0f of %lld training rows\n", summary->effective_rows,
          (long long)summary->training_rows);
  print_proportions(out, summary, dataset);
}

struct diva_column cli_target_column(const struct cli_target *target) {
  return (struct diva_column){
      .name = "importance", .type = DIVA_COLUMN_REAL, .data = target->summary.importance};
}

void cli_target_report(const struct cli_target *target, struct diva_report *report) {
  report->target = target->target ? &target->summary : NULL;
  report->target_rows = target->rows;
}

void cli_target_close(struct cli_target *target) {
  diva_target_destroy(target->target);
  diva_dataset_close(target->rows);
  diva_dataset_close(target->grouped);
  *target = (struct cli_target){0};
}
