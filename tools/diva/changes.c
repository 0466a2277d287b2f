/* What the options of what-if make of a dataset. */
#define _POSIX_C_SOURCE 200809L
#include "changes.h"
#include "relabel.h"
#include "selection.h"

#include <stdlib.h>
#include <string.h>

#define LIST(member) offsetof(struct cli_settings, member)

static const struct cli_option options[] = {
    {.name = "drop",
     .type = CLI_LIST,
     .offset = LIST(drop),
     .value = "ID",
     .help = "leave out the row of this id, or with @FILE those of a text file with one id a line, "
             "or those with keep false in a .csv or .jsonl that clean or prune wrote"},
    {.name = "drop-index",
     .type = CLI_LIST,
     .offset = LIST(drop_index),
     .value = "I[-J]",
     .help = "leave out row I, or rows I to J, counted from 0"},
    {.name = "drop-group",
     .type = CLI_LIST,
     .offset = LIST(drop_group),
     .value = "NAME=VALUE",
     .help = "leave out the rows that have this value in /groups/NAME"},
    {.name = "relabel",
     .type = CLI_LIST,
     .offset = LIST(relabel),
     .value = "ID=CLASS",
     .help = "give the row this class, a name or a number, or with @FILE the rows of a .csv or "
             ".jsonl with columns id and label, or as clean advises in what it wrote"},
    {.name = "include",
     .type = CLI_LIST,
     .offset = LIST(include),
     .value = "ID",
     .help = "bring in, at weight 1, the row of this id that has weight 0 in the file, or with "
             "@FILE those of the rows that --drop @FILE would leave out"},
    {.name = "weigh",
     .type = CLI_LIST,
     .offset = LIST(weigh),
     .value = "ID:W",
     .help = "multiply the weight of the row by W, or with @FILE:W of the rows that --drop @FILE "
             "would leave out"},
    {.name = "weigh-group",
     .type = CLI_LIST,
     .offset = LIST(weigh_group),
     .value = "NAME=VALUE:W",
     .help = "multiply the weight of the rows that have this value in /groups/NAME"},
    {.name = "weigh-class",
     .type = CLI_LIST,
     .offset = LIST(weigh_class),
     .value = "CLASS:W",
     .help = "multiply the weight of the rows of a class, by their labels as changed"},
};

const struct cli_option_group cli_group_changes = {.heading =
                                                       "Changes (each may be given many times)",
                                                   .options = options,
                                                   .count = sizeof options / sizeof *options};

/* The options that change weights, and how each picks its rows. */
static const struct rule {
  size_t offset;
  const char *name;
  cli_selector select;
  bool weighs; /* by what stands behind the last ':'; else drops */
} rules[] = {
    {LIST(drop), "drop", cli_select_ids, false},
    {LIST(drop_index), "drop-index", cli_select_index, false},
    {LIST(drop_group), "drop-group", cli_select_group, false},
    {LIST(weigh), "weigh", cli_select_ids, true},
    {LIST(weigh_group), "weigh-group", cli_select_group, true},
    {LIST(weigh_class), "weigh-class", cli_select_class, true},
};

enum { RULES = sizeof rules / sizeof *rules };

static const struct cli_list *list_of(const struct cli_settings *settings, size_t offset) {
  return (const struct cli_list *)(const void *)((const char *)settings + offset);
}

enum diva_status cli_changes_check(const struct cli_settings *settings, struct diva_error *error) {
  int given = settings->relabel.count + settings->include.count;
  for (int r = 0; r < RULES; r++) {
    given += list_of(settings, rules[r].offset)->count;
  }
  return given ? DIVA_OK
               : diva_error_set(error, DIVA_ERROR_USAGE,
                                "what-if: no change is given: --drop, --relabel, --weigh and their "
                                "like; see 'diva what-if --help'");
}

/* Says which value of which option is at fault, except where a file is. */
static enum diva_status blame(enum diva_status status, const char *option, const char *value,
                              struct diva_error *error) {
  if (status == DIVA_ERROR_USAGE) {
    diva_error_prefix(error, "what-if: --%s '%s': ", option, value);
  }
  return status;
}

/* Splits "WHAT:W" at the last ':'. @param what  owned by the caller */
static enum diva_status split_weight(const char *text, char **what, double *weight,
                                     struct diva_error *error) {
  const char *colon = strrchr(text, ':');
  *what = NULL;
  if (!colon || colon == text || !cli_real_parse(colon + 1, weight) || *weight < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "must end in ':' and a weight of at least 0, such as ':2'");
  }
  *what = strndup(text, (size_t)(colon - text));
  return *what ? DIVA_OK
               : diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the command line");
}

/* One value of one option. */
static enum diva_status apply(const struct rule *rule, const char *text,
                              struct cli_selection *selection, double *weights,
                              struct diva_error *error) {
  char *what = NULL;
  double factor = 0;
  enum diva_status status = rule->weighs ? split_weight(text, &what, &factor, error) : DIVA_OK;
  if (!status) {
    status = rule->select(selection, what ? what : text, error);
  }
  free(what);
  for (int64_t i = 0; i < selection->ids->rows && !status; i++) {
    weights[i] *= selection->marks[i] ? factor : 1;
  }
  return status;
}

/* Rows of weight 0 come in before anything multiplies. */
static enum diva_status include(const struct cli_list *list, struct cli_selection *selection,
                                double *weights, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int v = 0; v < list->count && !status; v++) {
    int64_t brought = 0;
    status = cli_select_ids(selection, list->values[v], error);
    for (int64_t i = 0; i < selection->ids->rows && !status; i++) {
      if (selection->marks[i] && weights[i] == 0) {
        weights[i] = 1;
        brought++;
      }
    }
    if (!status && !brought) {
      status = diva_error_set(error, DIVA_ERROR_USAGE, "no row of it has weight 0");
    }
    blame(status, "include", list->values[v], error);
  }
  return status;
}

static enum diva_status weigh(const struct cli_settings *settings, struct cli_selection *selection,
                              double *weights, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (settings->weigh_class.count && !selection->labels) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "what-if: --weigh-class: the dataset has targets, no class labels");
  }
  for (int r = 0; r < RULES; r++) {
    const struct cli_list *list = list_of(settings, rules[r].offset);
    for (int i = 0; i < list->count && !status; i++) {
      status = apply(&rules[r], list->values[i], selection, weights, error);
      blame(status, rules[r].name, list->values[i], error);
    }
  }
  return status;
}

static enum diva_status relabel(const struct cli_list *list, const struct diva_dataset *dataset,
                                const struct cli_row_ids *ids, int32_t **out,
                                struct diva_error *error) {
  const int32_t *given = diva_dataset_labels(dataset);
  if (!list->count) {
    return DIVA_OK;
  }
  if (!given) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "what-if: --relabel: the dataset has targets, no class labels");
  }
  int32_t *asked = malloc((size_t)ids->rows * sizeof *asked);
  if (!asked) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the labels of %lld rows",
                          (long long)ids->rows);
  }
  const struct cli_relabelling relabelling = {.dataset = dataset, .ids = ids, .asked = asked};
  enum diva_status status = DIVA_OK;
  memset(asked, -1, (size_t)ids->rows * sizeof *asked);
  for (int i = 0; i < list->count && !status; i++) {
    status = cli_relabel(&relabelling, list->values[i], error);
    blame(status, "relabel", list->values[i], error);
  }
  for (int64_t i = 0; i < ids->rows; i++) {
    asked[i] = asked[i] < 0 ? given[i] : asked[i];
  }
  *out = asked;
  return status;
}

static enum diva_status allocate(const struct diva_dataset *dataset, int64_t rows,
                                 struct cli_changes *changes, uint8_t **marks,
                                 struct diva_error *error) {
  const double *given = diva_dataset_weights(dataset);
  changes->weights = calloc((size_t)rows, sizeof *changes->weights);
  *marks = malloc((size_t)rows);
  if (!changes->weights || !*marks) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the weights of %lld rows",
                          (long long)rows);
  }
  for (int64_t i = 0; i < rows; i++) {
    changes->weights[i] = given ? given[i] : 1;
  }
  return DIVA_OK;
}

enum diva_status cli_changes_make(const struct cli_request *request,
                                  const struct diva_dataset *dataset, struct cli_changes *out,
                                  struct diva_error *error) {
  struct cli_row_ids ids;
  struct cli_selection selection = {.request = request, .dataset = dataset, .ids = &ids};
  *out = (struct cli_changes){0};
  enum diva_status status = cli_row_ids_open(&ids, dataset, error);
  if (!status) {
    status = allocate(dataset, ids.rows, out, &selection.marks, error);
  }
  if (!status) {
    status = relabel(&request->settings->relabel, dataset, &ids, &out->labels, error);
  }
  if (!status) {
    selection.labels = out->labels ? out->labels : diva_dataset_labels(dataset);
    status = include(&request->settings->include, &selection, out->weights, error);
  }
  if (!status) {
    status = weigh(request->settings, &selection, out->weights, error);
  }
  cli_selection_close(&selection);
  free(selection.marks);
  cli_row_ids_close(&ids);
  return status;
}

void cli_changes_free(struct cli_changes *changes) {
  free(changes->weights);
  free(changes->labels);
  *changes = (struct cli_changes){0};
}
