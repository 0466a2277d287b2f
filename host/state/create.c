/* A state from a dataset. */
#include "pass.h"

#include "host/core/core.h"

enum diva_status diva_state_create(struct diva_dataset *dataset,
                                   const struct diva_analysis_options *options,
                                   struct diva_state **out, struct diva_error *error) {
  struct diva_analysis_options settled;
  struct diva_state_work work = {0};
  struct diva_state *state = NULL;
  *out = NULL;
  enum diva_status status = diva_state_check_model(options, &settled, error);
  if (status == DIVA_OK) {
    status = diva_state_allocate(&state, error);
  }
  if (status == DIVA_OK) {
    status = diva_state_fill_rows(state, dataset, &settled, error);
  }
  if (status == DIVA_OK) {
    status = diva_pass_run(state, dataset, &settled, &work, error);
  }
  if (status == DIVA_OK) {
    status = diva_state_finish(state, error);
  }
  if (status != DIVA_OK) {
    diva_state_destroy(state);
    return status;
  }
  *out = state;
  return DIVA_OK;
}
