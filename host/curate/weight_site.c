/* What is known of rows, of some of them. */
#include "weight_site.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

/* @param out  NULL where `from` is */
static enum diva_status gather(const struct diva_weight_site *site, const void *from, size_t size,
                               const char *what, void **out, struct diva_error *error) {
  if (!from) {
    return DIVA_OK;
  }
  const enum diva_status status = diva_allocate(site->rows, (int64_t)size, what, out, error);
  for (int64_t i = 0; i < site->rows && status == DIVA_OK; i++) {
    const int64_t row = site->index ? site->index[i] : i;
    memcpy((char *)*out + (size_t)i * size, (const char *)from + (size_t)row * size, size);
  }
  return status;
}

static enum diva_status gather_all(const struct diva_weight_rows *rows,
                                   struct diva_weight_site *site, struct diva_error *error) {
  const struct diva_weight_request *request = &rows->request;
  enum diva_status status = gather(site, request->options->importance, sizeof *site->importance,
                                   "importances", (void **)&site->importance, error);
  if (status == DIVA_OK) {
    status = gather(site, request->options->groups, sizeof *site->groups, "groups",
                    (void **)&site->groups, error);
  }
  if (status == DIVA_OK) {
    status = gather(site, request->by.codes, sizeof *site->by, "groups of the weights",
                    (void **)&site->by, error);
  }
  if (status == DIVA_OK) {
    status = gather(site, request->guard, 1, "guarded rows", (void **)&site->guard, error);
  }
  for (int s = 0; s < DIVA_REWEIGHT_STARTS && status == DIVA_OK; s++) {
    status = gather(site, rows->starts[s], sizeof **site->starts, "weights",
                    (void **)&site->starts[s], error);
  }
  return status;
}

enum diva_status diva_weight_site_open(const struct diva_weight_rows *rows,
                                       const struct diva_subset *subset,
                                       struct diva_weight_site *out, struct diva_error *error) {
  *out = (struct diva_weight_site){.rows = subset ? subset->rows : rows->rows,
                                   .index = subset ? subset->index : NULL,
                                   .options = *rows->request.options};
  struct diva_weight_request request = rows->request;
  const enum diva_status status = gather_all(rows, out, error);
  if (status != DIVA_OK) {
    return status;
  }
  out->options.importance = out->importance;
  out->options.groups = out->groups;
  request.train = subset ? subset->dataset : rows->train;
  request.options = &out->options;
  request.by.codes = out->by;
  request.guard = out->guard;
  return diva_weight_problem_open(&request, &out->problem, error);
}

void diva_weight_site_close(struct diva_weight_site *site) {
  diva_weight_problem_close(&site->problem);
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    free(site->starts[s]);
  }
  free(site->importance);
  free(site->groups);
  free(site->by);
  free(site->guard);
  *site = (struct diva_weight_site){0};
}
