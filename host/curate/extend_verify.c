/* Whether the rows taken train a better model: the core alone against the core and them. */
#include "extend_result.h"

#include "host/core/core.h"
#include "host/dataset/view.h"

#include <stdlib.h>

static enum diva_status make_before(const struct diva_extension *extension, int64_t rows,
                                    double **weights, uint8_t **core, struct diva_error *error) {
  enum diva_status status =
      diva_allocate(rows, sizeof **weights, "weights", (void **)weights, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof **core, "the rows of the core", (void **)core, error);
  }
  for (int64_t i = 0; i < extension->summary.core_rows && status == DIVA_OK; i++) {
    (*weights)[i] = extension->weights[i];
    (*core)[i] = 1;
  }
  return status;
}

enum diva_status diva_extend_verify(struct diva_dataset *dataset, struct diva_dataset *validation,
                                    const struct diva_extension *extension,
                                    const struct diva_verify_options *options,
                                    struct diva_verification *out, struct diva_error *error) {
  const struct diva_changed_rows changed = {.weights = extension->weights,
                                            .labels = extension->labels};
  struct diva_verify_options mine = *options;
  struct diva_dataset_info info;
  struct diva_dataset *view = NULL;
  double *before = NULL;
  uint8_t *core = NULL;
  diva_dataset_describe(dataset, &info);
  enum diva_status status = make_before(extension, info.rows, &before, &core, error);
  if (status == DIVA_OK) {
    status = diva_view_open(dataset, NULL, NULL, &view, error);
  }
  if (status == DIVA_OK) {
    status = diva_view_weigh(view, before, error);
  }
  if (status == DIVA_OK) {
    mine.trusted = options->trusted ? options->trusted : core;
    status = diva_verify(view, validation, &changed, &mine, out, error);
  }
  diva_dataset_close(view);
  free(before);
  free(core);
  return status;
}
