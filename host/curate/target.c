/* What training rows are worth for a target distribution. */
#include <diva/target.h>

#include "host/core/core.h"
#include "proportions.h"
#include "shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct diva_target {
  struct diva_target_summary summary; /* views of the arrays below */
  double *importance;
  double *proportions;
  double *standard_errors;
  double *training; /* outputs: class proportions among the rows trained on */
};

/* A search in progress; `trained` is owned. */
struct search {
  struct diva_dataset *train;
  const struct diva_analysis_options *options;
  const struct diva_target_options *wanted;
  struct diva_dataset_info info;
  uint8_t *trained; /* rows: whether trained on */
  struct diva_target *target;
};

const char *diva_target_method_name(enum diva_target_method method) {
  static const char *const names[] = {"class proportions", "group proportions", "class counts",
                                      "label shift", "covariate shift"};
  return names[method];
}

void diva_target_options_init(struct diva_target_options *options) {
  *options = (struct diva_target_options){.version = DIVA_STRUCT_VERSION};
}

static enum diva_status check_columns(const struct search *search,
                                      const struct diva_dataset *target, struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(target, &info);
  return info.columns == search->info.columns
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_INPUT,
                              "target: has %lld column%s, the training set %lld",
                              (long long)info.columns, diva_plural(info.columns),
                              (long long)search->info.columns);
}

static enum diva_status check(const struct search *search, struct diva_error *error) {
  const struct diva_target_options *wanted = search->wanted;
  const int descriptions = (wanted->class_proportions != NULL) +
                           (wanted->group_proportions != NULL) + (wanted->labelled != NULL) +
                           (wanted->unlabelled != NULL);
  enum diva_status status = diva_version_check(wanted->version, "diva_target_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (descriptions != 1) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the target is described in %d ways; it takes exactly one", descriptions);
  }
  if (search->info.has_targets && !wanted->group_proportions &&
      (!wanted->unlabelled || wanted->shift == DIVA_SHIFT_LABEL)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "the training set has targets, no class labels; what a target "
                          "distribution makes of classes cannot be said");
  }
  if (wanted->group_proportions && !wanted->groups) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "group proportions without groups of rows");
  }
  if (wanted->unlabelled) {
    return check_columns(search, wanted->unlabelled, error);
  }
  return wanted->labelled ? check_columns(search, wanted->labelled, error) : DIVA_OK;
}

static enum diva_status allocate(struct search *search, struct diva_error *error) {
  struct diva_target *target = search->target;
  const int64_t k = search->info.outputs;
  const struct {
    double **place;
    int64_t count;
  } arrays[] = {{&target->importance, search->info.rows},
                {&target->proportions, k},
                {&target->standard_errors, k},
                {&target->training, k}};
  enum diva_status status =
      diva_allocate(search->info.rows, 1, "importances", (void **)&search->trained, error);
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays && status == DIVA_OK; i++) {
    status = diva_allocate(arrays[i].count, sizeof **arrays[i].place, "importances",
                           (void **)arrays[i].place, error);
  }
  return status;
}

static struct diva_coded_rows class_rows(const struct search *search) {
  return (struct diva_coded_rows){.dataset = search->train,
                                  .codes = diva_dataset_labels(search->train),
                                  .counted = search->trained,
                                  .rows = search->info.rows,
                                  .kinds = search->info.outputs};
}

static enum diva_status find_trained(struct search *search, struct diva_error *error) {
  const int32_t *labels = diva_dataset_labels(search->train);
  const double *weights =
      search->options->weights ? search->options->weights : diva_dataset_weights(search->train);
  int64_t *const count = &search->target->summary.training_rows;
  for (int64_t i = 0; i < search->info.rows; i++) {
    search->trained[i] = (!labels || labels[i] >= 0) && (!weights || weights[i] > 0.0);
    *count += search->trained[i];
  }
  if (labels) {
    const struct diva_coded_rows rows = class_rows(search);
    diva_proportions_count(&rows, search->target->training);
  }
  return *count > 0 ? DIVA_OK
                    : diva_error_set(error, DIVA_ERROR_INPUT, "there is no row to train on");
}

static enum diva_status follow_proportions(struct search *search, struct diva_error *error) {
  const struct diva_coded_rows rows = class_rows(search);
  return diva_proportions_weigh(&rows, search->target->proportions, search->target->importance,
                                error);
}

static enum diva_status take_classes(struct search *search, struct diva_error *error) {
  const double *wanted = search->wanted->class_proportions;
  const struct diva_coded_rows rows = class_rows(search);
  const enum diva_status status = diva_proportions_check(&rows, wanted, error);
  search->target->summary.method = DIVA_TARGET_CLASS_PROPORTIONS;
  if (status != DIVA_OK) {
    return status;
  }
  memcpy(search->target->proportions, wanted, (size_t)rows.kinds * sizeof *wanted);
  return follow_proportions(search, error);
}

static enum diva_status take_groups(struct search *search, struct diva_error *error) {
  const struct diva_coded_rows rows = {.dataset = search->train,
                                       .codes = search->wanted->groups,
                                       .counted = search->trained,
                                       .rows = search->info.rows,
                                       .kinds = search->wanted->group_count,
                                       .groups = true};
  const double *wanted = search->wanted->group_proportions;
  const enum diva_status status = diva_proportions_check(&rows, wanted, error);
  search->target->summary.method = DIVA_TARGET_GROUP_PROPORTIONS;
  return status == DIVA_OK
             ? diva_proportions_weigh(&rows, wanted, search->target->importance, error)
             : status;
}

/* Classes that have names on both sides must be the same ones. */
static enum diva_status check_names(const struct search *search, struct diva_error *error) {
  for (int64_t c = 0; c < search->info.outputs; c++) {
    const char *here = diva_dataset_class_name(search->train, c);
    const char *there = diva_dataset_class_name(search->wanted->labelled, c);
    if (here && there && strcmp(here, there) != 0) {
      return diva_error_set(error, DIVA_ERROR_INPUT,
                            "target: class %lld is '%s', in the training set '%s'", (long long)c,
                            there, here);
    }
  }
  return DIVA_OK;
}

/* Labelled target rows, counted by class. */
static enum diva_status count_labels(const struct search *search, int64_t *rows,
                                     struct diva_error *error) {
  const struct diva_dataset *labelled = search->wanted->labelled;
  const int32_t *labels = diva_dataset_labels(labelled);
  double *counts = search->target->proportions;
  struct diva_dataset_info info;
  diva_dataset_describe(labelled, &info);
  if (!labels) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "target: has targets, no class labels to be counted");
  }
  *rows = 0;
  for (int64_t i = 0; i < info.rows; i++) {
    if (labels[i] >= search->info.outputs) {
      return diva_error_set(error, DIVA_ERROR_INPUT,
                            "target: row %lld is of class %d; the training set has %lld classes",
                            (long long)i, labels[i], (long long)search->info.outputs);
    }
    if (labels[i] >= 0) {
      counts[labels[i]] += 1.0;
      ++*rows;
    }
  }
  return *rows > 0 ? DIVA_OK
                   : diva_error_set(error, DIVA_ERROR_INPUT, "target: no row is labelled");
}

/* Half a row for a class without any: few target rows do not make it worthless. */
static void raise_least(const struct search *search, double rows, double *proportions) {
  double sum = 0.0;
  for (int64_t c = 0; c < search->info.outputs; c++) {
    if (search->target->training[c] > 0.0) {
      proportions[c] = fmax(proportions[c], 0.5 / rows);
    }
    sum += proportions[c];
  }
  for (int64_t c = 0; c < search->info.outputs; c++) {
    proportions[c] /= sum;
  }
}

static enum diva_status take_labelled(struct search *search, struct diva_error *error) {
  struct diva_target *target = search->target;
  double *proportions = target->proportions;
  double variance = 0.0;
  int64_t rows = 0;
  enum diva_status status = check_names(search, error);
  if (status == DIVA_OK) {
    status = count_labels(search, &rows, error);
  }
  target->summary.method = DIVA_TARGET_CLASS_COUNTS;
  target->summary.target_rows = rows;
  for (int64_t c = 0; c < search->info.outputs && status == DIVA_OK; c++) {
    proportions[c] /= (double)rows;
    target->standard_errors[c] = sqrt(proportions[c] * (1.0 - proportions[c]) / (double)rows);
    variance += target->standard_errors[c] * target->standard_errors[c];
  }
  /* Before anything is shrunk, so that a class nobody can be trained on is seen. */
  if (status == DIVA_OK) {
    status = follow_proportions(search, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  target->summary.kept = diva_proportions_shrink(search->target->training, search->info.outputs,
                                                 variance, proportions);
  raise_least(search, (double)rows, proportions);
  return follow_proportions(search, error);
}

static enum diva_status take_unlabelled(struct search *search, struct diva_error *error) {
  struct diva_target *target = search->target;
  const struct diva_shift_request request = {
      .train = search->train,
      .target = search->wanted->unlabelled,
      .options = search->options,
      .shift = search->wanted->shift,
      .trained = search->trained,
      .training = search->info.has_targets ? NULL : search->target->training};
  struct diva_shift_answer answer = {.importance = target->importance,
                                     .proportions = target->proportions,
                                     .standard_errors = target->standard_errors,
                                     .summary = &target->summary};
  const enum diva_status status = diva_shift_find(&request, &answer, error);
  return status == DIVA_OK && target->summary.method == DIVA_TARGET_LABEL_SHIFT
             ? follow_proportions(search, error)
             : status;
}

static enum diva_status take(struct search *search, struct diva_error *error) {
  if (search->wanted->class_proportions) {
    return take_classes(search, error);
  }
  if (search->wanted->group_proportions) {
    return take_groups(search, error);
  }
  return search->wanted->labelled ? take_labelled(search, error) : take_unlabelled(search, error);
}

/* Mean 1 over the rows trained on, and how many rows of the target they are as good as. */
static enum diva_status finish(struct search *search, struct diva_error *error) {
  struct diva_target *target = search->target;
  struct diva_target_summary *summary = &target->summary;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < search->info.rows; i++) {
    sum += target->importance[i];
  }
  if (!(sum > 0.0) || !isfinite(sum)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "no training row is of the target: the importances add up to %g", sum);
  }
  const double mean = sum / (double)summary->training_rows;
  for (int64_t i = 0; i < search->info.rows; i++) {
    target->importance[i] /= mean;
    squares += target->importance[i] * target->importance[i];
  }
  const double rows = (double)summary->training_rows;
  summary->effective_rows = rows * rows / squares;
  summary->rows = search->info.rows;
  summary->outputs = search->info.outputs;
  summary->importance = target->importance;
  summary->training_proportions = search->info.has_targets ? NULL : target->training;
  if (summary->method != DIVA_TARGET_GROUP_PROPORTIONS &&
      summary->method != DIVA_TARGET_COVARIATE_SHIFT) {
    summary->proportions = target->proportions;
    summary->standard_errors = target->standard_errors;
  } else {
    summary->kept = summary->method == DIVA_TARGET_GROUP_PROPORTIONS ? 1.0 : (double)NAN;
  }
  return DIVA_OK;
}

enum diva_status diva_target_find(struct diva_dataset *train,
                                  const struct diva_analysis_options *options,
                                  const struct diva_target_options *wanted,
                                  struct diva_target **out, struct diva_error *error) {
  struct diva_target *target = NULL;
  struct search search = {.train = train, .options = options, .wanted = wanted};
  *out = NULL;
  diva_dataset_describe(train, &search.info);
  enum diva_status status = check(&search, error);
  if (status == DIVA_OK) {
    status = diva_allocate(1, sizeof *target, "a target", (void **)&target, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  search.target = target;
  target->summary = (struct diva_target_summary){.kept = 1.0,
                                                 .label_criterion = NAN,
                                                 .covariate_criterion = NAN,
                                                 .criterion_error = NAN,
                                                 .sigma = NAN,
                                                 .ridge = NAN};
  status = allocate(&search, error);
  if (status == DIVA_OK) {
    status = find_trained(&search, error);
  }
  if (status == DIVA_OK) {
    status = take(&search, error);
  }
  if (status == DIVA_OK) {
    status = finish(&search, error);
  }
  free(search.trained);
  if (status != DIVA_OK) {
    diva_target_destroy(target);
    return status;
  }
  *out = target;
  return DIVA_OK;
}

void diva_target_summary(const struct diva_target *target, struct diva_target_summary *out) {
  *out = target->summary;
}

void diva_target_destroy(struct diva_target *target) {
  if (!target) {
    return;
  }
  free(target->importance);
  free(target->proportions);
  free(target->standard_errors);
  free(target->training);
  free(target);
}
