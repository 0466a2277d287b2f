/* Versions of blobs, and checks of them. */
#include "versions.h"

#include "host/dataset/dataset_internal.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct version allocate(int64_t rows, bool weights) {
  struct version version = {.rows = rows, .columns = VERSION_COLUMNS, .classes = VERSION_CLASSES};
  version.features = reference_allocate(rows * VERSION_COLUMNS, sizeof *version.features);
  version.labels = reference_allocate(rows, sizeof *version.labels);
  version.groups = reference_allocate(rows, sizeof *version.groups);
  version.ids = reference_allocate(rows, sizeof *version.ids);
  version.weights = weights ? reference_allocate(rows, sizeof *version.weights) : NULL;
  version.group_count = VERSION_GROUPS;
  return version;
}

/* Each row has a source of randomness of its own, so that a row is the same in every version. */
struct version version_make(uint64_t seed, int64_t first, int64_t rows) {
  struct version version = allocate(rows, false);
  for (int64_t i = 0; i < rows; i++) {
    struct reference_random random = {(seed * 1000003U + (uint64_t)(first + i) + 1U) *
                                      UINT64_C(0x9e3779b97f4a7c15)};
    for (int warm = 0; warm < 8; warm++) {
      reference_uniform(&random);
    }
    version.labels[i] = (int32_t)reference_below(&random, VERSION_CLASSES);
    version.groups[i] = (int32_t)reference_below(&random, VERSION_GROUPS);
    for (int64_t j = 0; j < VERSION_COLUMNS; j++) {
      const double centre = j % VERSION_CLASSES == version.labels[i] ? 1.4 : 0.0;
      version.features[i * VERSION_COLUMNS + j] = (float)(centre + reference_normal(&random));
    }
    snprintf(version.ids[i], sizeof version.ids[i], "r%lld", (long long)(first + i));
  }
  return version;
}

static void copy_row(const struct version *from, int64_t row, struct version *to, int64_t at) {
  memcpy(to->features + at * to->columns, from->features + row * from->columns,
         (size_t)from->columns * sizeof *to->features);
  to->labels[at] = from->labels[row];
  to->groups[at] = from->groups[row];
  memcpy(to->ids[at], from->ids[row], sizeof to->ids[at]);
  if (to->weights) {
    to->weights[at] = from->weights ? from->weights[row] : 1.0;
  }
}

struct version version_take(const struct version *from, const int64_t *rows, int64_t count) {
  struct version version = allocate(count, from->weights != NULL);
  version.names = from->names;
  for (int64_t i = 0; i < count; i++) {
    copy_row(from, rows[i], &version, i);
  }
  return version;
}

struct version version_join(const struct version *a, const struct version *b) {
  struct version version = allocate(a->rows + b->rows, a->weights || b->weights);
  version.names = a->names;
  for (int64_t i = 0; i < version.rows; i++) {
    const bool first = i < a->rows;
    copy_row(first ? a : b, first ? i : i - a->rows, &version, i);
  }
  return version;
}

/* Groups of a dataset in memory, as a file would give them. */
static void open_groups(struct version *version) {
  struct diva_dataset *dataset = version->dataset;
  struct diva_error error;
  dataset->groups = reference_allocate(version->rows, sizeof *dataset->groups);
  memcpy(dataset->groups, version->groups, (size_t)version->rows * sizeof *dataset->groups);
  cr_assert(diva_string_table_init(&dataset->group_names, version->group_count, 1024, &error) ==
            DIVA_OK);
  for (int32_t g = 0; g < version->group_count; g++) {
    char name[16];
    snprintf(name, sizeof name, "g%d", g);
    cr_assert(diva_string_table_append(&dataset->group_names, name, (int64_t)strlen(name),
                                       &error) == DIVA_OK);
  }
}

struct diva_dataset *version_open(struct version *version) {
  struct diva_dataset_arrays arrays;
  struct diva_error error;
  const char **ids = reference_allocate(version->rows, sizeof *ids);
  for (int64_t i = 0; i < version->rows; i++) {
    ids[i] = version->ids[i];
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = version->rows;
  arrays.columns = version->columns;
  arrays.outputs = version->classes;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = version->features;
  arrays.labels = version->labels;
  arrays.weights = version->weights;
  arrays.ids = version->nameless ? NULL : ids;
  arrays.class_names = version->names;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &version->dataset, &error);
  free(ids);
  cr_assert(status == DIVA_OK, "%s", error.message);
  if (version->group_count > 0) {
    open_groups(version);
  }
  return version->dataset;
}

struct diva_dataset *version_open_targets(struct version *version, const double *targets) {
  struct diva_dataset_arrays arrays;
  struct diva_error error;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = version->rows;
  arrays.columns = version->columns;
  arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = version->features;
  arrays.targets = targets;
  diva_dataset_close(version->dataset);
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &version->dataset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return version->dataset;
}

void version_free(struct version *version) {
  diva_dataset_close(version->dataset);
  free(version->features);
  free(version->labels);
  free(version->weights);
  free(version->groups);
  free(version->ids);
  *version = (struct version){0};
}

struct diva_check_options version_options(void) {
  struct diva_check_options options;
  diva_check_options_init(&options);
  options.analysis.threads = 1;
  options.group = "source";
  options.today = "2026-06-01";
  return options;
}

static struct diva_dataset *reopen(struct version *version) {
  if (!version) {
    return NULL;
  }
  diva_dataset_close(version->dataset);
  return version_open(version);
}

struct checked dataset_check(struct diva_dataset *dataset,
                             const struct diva_check_options *options) {
  struct checked checked = {0};
  struct diva_error error = {0};
  const enum diva_status status = diva_check_run(dataset, options, &checked.check, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_check_summary(checked.check, &checked.summary);
  checked.results = diva_check_results(checked.check);
  return checked;
}

struct checked version_check(struct version *after, struct version *before, struct version *target,
                             const struct diva_check_options *options) {
  struct diva_check_options mine = *options;
  mine.baseline = reopen(before);
  mine.target = reopen(target);
  return dataset_check(reopen(after), &mine);
}

void checked_free(struct checked *checked) {
  diva_check_destroy(checked->check);
  *checked = (struct checked){0};
}

unsigned checked_tripped(const struct checked *checked) {
  unsigned tripped = 0;
  for (int r = 0; r < DIVA_RULES; r++) {
    const enum diva_check_verdict verdict = checked->results[r].verdict;
    if (verdict == DIVA_CHECK_WARN || verdict == DIVA_CHECK_FAIL) {
      tripped |= 1U << r;
    }
  }
  return tripped;
}

const struct diva_check_row *checked_row(const struct checked *checked, enum diva_rule rule,
                                         const char *id) {
  const struct diva_check_result *result = &checked->results[rule];
  for (int64_t i = 0; i < result->row_count; i++) {
    if (strcmp(result->rows[i].id, id) == 0) {
      return &result->rows[i];
    }
  }
  return NULL;
}

const struct diva_check_finding *checked_finding(const struct checked *checked, enum diva_rule rule,
                                                 const char *subject) {
  const struct diva_check_result *result = &checked->results[rule];
  for (int64_t i = 0; i < result->finding_count; i++) {
    const char *found = result->findings[i].subject;
    if (subject ? found && strcmp(found, subject) == 0 : !found) {
      return &result->findings[i];
    }
  }
  return NULL;
}
