/* What an extension consists of: its memory, its columns, its summary. */
#include "extend_result.h"

#include "extend_pick.h"
#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

const char *diva_extend_stop_name(enum diva_extend_stop stop) {
  static const char *const names[] = {[DIVA_EXTEND_NO_CANDIDATE] = "no candidate",
                                      [DIVA_EXTEND_NO_GAIN] = "no gain",
                                      [DIVA_EXTEND_BUDGET] = "budget",
                                      [DIVA_EXTEND_ROUNDS] = "rounds"};
  return names[stop];
}

static enum diva_status allocate(const struct diva_extend_problem *problem,
                                 struct diva_extension *extension, struct diva_error *error) {
  const int64_t pool = problem->pool_rows;
  const bool classes = !problem->info.has_targets;
  const struct {
    void **array;
    int64_t count;
    size_t size;
  } arrays[] = {
      {(void **)&extension->weights, problem->rows, sizeof *extension->weights},
      {(void **)&extension->selected, pool, sizeof *extension->selected},
      {(void **)&extension->round, pool, sizeof *extension->round},
      {(void **)&extension->gain, pool, sizeof *extension->gain},
      {(void **)&extension->order, pool, sizeof *extension->order},
      {(void **)&extension->taken, pool, sizeof *extension->taken},
      {(void **)&extension->labels, classes ? problem->info.rows : -1, sizeof *extension->labels},
      {(void **)&extension->assumed, classes ? pool : -1, sizeof *extension->assumed},
  };
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == DIVA_OK; i++) {
    if (arrays[i].count >= 0) {
      status = diva_allocate(arrays[i].count, (int64_t)arrays[i].size, "the extension",
                             arrays[i].array, error);
    }
  }
  return status;
}

static void begin(const struct diva_extend_problem *problem, struct diva_extension *extension) {
  const int32_t *labels = diva_dataset_labels(problem->dataset);
  for (int64_t i = 0; i < problem->core_rows; i++) {
    extension->weights[i] = diva_extend_weight(problem, i);
  }
  for (int64_t i = 0; i < problem->pool_rows; i++) {
    extension->round[i] = -1;
    if (labels) {
      extension->assumed[i] = -1;
      extension->summary.unlabelled_rows += labels[problem->core_rows + i] < 0;
    }
  }
  if (labels) {
    memcpy(extension->labels, labels, (size_t)problem->info.rows * sizeof *labels);
  }
}

enum diva_status diva_extension_create(const struct diva_extend_problem *problem,
                                       struct diva_extension **out, struct diva_error *error) {
  struct diva_extension *extension = NULL;
  *out = NULL;
  enum diva_status status =
      diva_allocate(1, sizeof *extension, "the extension", (void **)&extension, error);
  if (status == DIVA_OK) {
    status = allocate(problem, extension, error);
  }
  if (status != DIVA_OK) {
    diva_extension_destroy(extension);
    return status;
  }
  begin(problem, extension);
  *out = extension;
  return DIVA_OK;
}

void diva_extension_advance(struct diva_extension *extension, struct diva_extend_fit *fit) {
  if (!extension->core) {
    extension->core = fit->analysis;
    extension->summary.before = fit->summary;
  }
  if (extension->last.analysis == extension->core) {
    extension->last.analysis = NULL;
  }
  diva_extend_fit_free(&extension->last);
  extension->last = *fit;
  *fit = (struct diva_extend_fit){0};
}

struct diva_extend_step *diva_extension_add_step(struct diva_extension *extension,
                                                 struct diva_error *error) {
  enum { FIRST_CAPACITY = 32 };
  if (extension->step_count == extension->step_capacity) {
    const int64_t capacity =
        extension->step_capacity ? 2 * extension->step_capacity : FIRST_CAPACITY;
    struct diva_extend_step *steps =
        realloc(extension->steps, (size_t)capacity * sizeof *extension->steps);
    if (!steps) {
      diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the curve of %lld rounds",
                     (long long)capacity);
      return NULL;
    }
    extension->steps = steps;
    extension->step_capacity = capacity;
  }
  struct diva_extend_step *step = &extension->steps[extension->step_count++];
  *step = (struct diva_extend_step){0};
  return step;
}

static void list_taken(struct diva_extension *extension, int64_t pool_rows) {
  struct diva_extend_summary *summary = &extension->summary;
  for (int64_t i = 0; i < pool_rows; i++) {
    extension->selected[i] = extension->round[i] >= 0;
    if (extension->selected[i]) {
      extension->taken[summary->selected_rows++] = i;
      summary->assumed_rows += extension->assumed && extension->assumed[i] >= 0;
    } else {
      extension->gain[i] = -extension->last.derivative[i];
    }
  }
}

enum diva_status diva_extension_finish(struct diva_extension *extension,
                                       const struct diva_extend_problem *problem,
                                       struct diva_error *error) {
  struct diva_extend_summary *summary = &extension->summary;
  list_taken(extension, problem->pool_rows);
  summary->after = extension->last.summary;
  summary->steps = extension->steps;
  summary->step_count = extension->step_count;
  summary->core_rows = problem->core_rows;
  summary->pool_rows = problem->pool_rows;
  summary->copies = problem->copy_count;
  extension->columns = (struct diva_extend_columns){.rows = problem->pool_rows,
                                                    .selected = extension->selected,
                                                    .round = extension->round,
                                                    .gain = extension->gain,
                                                    .derivative = extension->last.derivative,
                                                    .assumed_label = extension->assumed,
                                                    .order = extension->order,
                                                    .taken = extension->taken};
  return diva_extend_rank(problem->pool_rows, extension->round, extension->gain, extension->order,
                          error);
}

void diva_extension_summary(const struct diva_extension *extension,
                            struct diva_extend_summary *out) {
  *out = extension->summary;
}

void diva_extension_columns(const struct diva_extension *extension,
                            struct diva_extend_columns *out) {
  *out = extension->columns;
}

void diva_extension_destroy(struct diva_extension *extension) {
  if (!extension) {
    return;
  }
  if (extension->last.analysis != extension->core) {
    diva_analysis_destroy(extension->core);
  }
  diva_extend_fit_free(&extension->last);
  free(extension->weights);
  free(extension->labels);
  free(extension->selected);
  free(extension->round);
  free(extension->gain);
  free(extension->assumed);
  free(extension->order);
  free(extension->taken);
  free(extension->steps);
  free(extension);
}
