/* Rows that are left out together: --group, and near-duplicates by --near-duplicates. */
#include "groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "auto" is NaN, "off" does not ask for any. */
static bool parse_threshold(const char *text, bool *wanted, double *threshold) {
  char *end = NULL;
  *wanted = strcmp(text, "off") != 0;
  *threshold = NAN;
  if (!*wanted || strcmp(text, "auto") == 0) {
    return true;
  }
  *threshold = strtod(text, &end);
  return end != text && !*end && *threshold > 0 && *threshold <= 1;
}

enum diva_status cli_groups_check(const struct cli_settings *settings, struct diva_error *error) {
  bool wanted;
  double threshold;
  return parse_threshold(settings->near_duplicates, &wanted, &threshold)
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_USAGE,
                              "--near-duplicates: '%s' is not auto, off or a cosine above 0, at "
                              "most 1",
                              settings->near_duplicates);
}

static enum diva_status merge(struct cli_groups *groups, const int32_t *given, int64_t rows,
                              struct diva_error *error) {
  struct diva_duplicates_columns found;
  diva_duplicates_columns(groups->duplicates, &found);
  if (!given || !found.groups) {
    groups->codes = found.groups ? found.group : given;
    return DIVA_OK;
  }
  groups->merged = malloc((size_t)rows * sizeof *groups->merged);
  if (!groups->merged) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the groups of %lld rows",
                          (long long)rows);
  }
  groups->codes = groups->merged;
  return diva_groups_merge(given, found.group, rows, groups->merged, error);
}

enum diva_status cli_groups_find(struct cli_groups *groups, struct diva_dataset *dataset,
                                 const struct cli_settings *settings,
                                 const struct diva_progress *progress, struct diva_error *error) {
  struct diva_duplicates_options options;
  struct diva_dataset_info info;
  bool wanted;
  diva_duplicates_options_init(&options);
  groups->codes = diva_dataset_groups(dataset);
  parse_threshold(settings->near_duplicates, &wanted, &options.threshold);
  if (!wanted) {
    return DIVA_OK;
  }
  diva_dataset_describe(dataset, &info);
  options.backend = settings->analysis.backend;
  options.threads = (int)settings->threads;
  options.memory = settings->memory;
  options.seed = settings->analysis.seed;
  options.progress = *progress;
  const enum diva_status status =
      diva_duplicates_find(dataset, &options, &groups->duplicates, error);
  return status ? status : merge(groups, diva_dataset_groups(dataset), info.rows, error);
}

static const char *plural(int64_t count) {
  return count == 1 ? "" : "s";
}

static void print_given(FILE *out, const struct diva_dataset *dataset, const char *name) {
  const int32_t *codes = diva_dataset_groups(dataset);
  struct diva_dataset_info info;
  int64_t grouped = 0;
  int64_t count = 0;
  diva_dataset_describe(dataset, &info);
  for (int64_t i = 0; i < info.rows; i++) {
    grouped += codes[i] >= 0;
    count = codes[i] >= count ? codes[i] + 1 : count;
  }
  fprintf(out, "left out together: %lld row%s in %lld group%s of %s\n", (long long)grouped,
          plural(grouped), (long long)count, plural(count), name);
}

static void print_duplicates(FILE *out, const struct diva_duplicates *duplicates) {
  struct diva_duplicates_columns found;
  diva_duplicates_columns(duplicates, &found);
  fprintf(out, "near-duplicates: ");
  if (!found.groups) {
    fprintf(out, "none\n");
    return;
  }
  fprintf(out, "%lld rows in %lld group%s; %lld group%s different labels\n",
          (long long)found.grouped_rows, (long long)found.groups, plural(found.groups),
          (long long)found.conflicts, found.conflicts == 1 ? " carries" : "s carry");
}

void cli_groups_print(FILE *out, const struct cli_groups *groups,
                      const struct diva_dataset *dataset, const struct cli_settings *settings) {
  if (settings->dataset.group) {
    print_given(out, dataset, settings->dataset.group);
  }
  if (groups->duplicates) {
    print_duplicates(out, groups->duplicates);
  }
}

const int64_t *cli_groups_first(const struct cli_groups *groups) {
  struct diva_duplicates_columns found = {0};
  if (groups->duplicates) {
    diva_duplicates_columns(groups->duplicates, &found);
  }
  return found.first;
}

void cli_groups_report(const struct cli_groups *groups, const struct cli_settings *settings,
                       struct diva_report *report) {
  struct diva_duplicates_columns found;
  report->group = settings->dataset.group;
  if (groups->duplicates) {
    diva_duplicates_columns(groups->duplicates, &found);
    report->duplicate_rows = found.grouped_rows;
    report->duplicate_groups = found.groups;
    report->duplicate_conflicts = found.conflicts;
  }
}

void cli_groups_free(struct cli_groups *groups) {
  diva_duplicates_destroy(groups->duplicates);
  free(groups->merged);
  *groups = (struct cli_groups){0};
}
