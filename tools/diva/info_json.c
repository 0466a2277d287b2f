/* What `diva info` found, for a machine. */
#include "info.h"

#include <jansson.h>
#include <stdlib.h>

/* Takes the value; a NULL value (memory out, or text that is not UTF-8) becomes null. */
static void put(json_t *object, const char *key, json_t *value) {
  json_object_set_new(object, key, value ? value : json_null());
}

/* Names and paths come from files and may not be UTF-8: then they are left out as null. */
static json_t *text(const char *string) {
  json_t *value = string ? json_string(string) : NULL;
  return value ? value : json_null();
}

static json_t *classes_json(const struct diva_dataset *dataset, int64_t classes) {
  int64_t *counts = cli_info_class_counts(dataset);
  if (!counts) {
    return json_null();
  }
  json_t *list = json_array();
  for (int64_t i = 0; i < classes; i++) {
    json_t *entry = json_object();
    put(entry, "class", json_integer(i));
    put(entry, "name", text(diva_dataset_class_name(dataset, i)));
    put(entry, "rows", json_integer(counts[i]));
    json_array_append_new(list, entry);
  }
  free(counts);
  return list;
}

static json_t *dataset_json(const struct diva_dataset *dataset) {
  struct diva_dataset_info about;
  json_t *object = json_object();
  json_t *files = json_array();
  diva_dataset_describe(dataset, &about);
  for (int64_t i = 0; i < about.files; i++) {
    json_array_append_new(files, text(diva_dataset_path(dataset, i)));
  }
  put(object, "files", files);
  put(object, "n", json_integer(about.rows));
  put(object, "d", json_integer(about.columns));
  put(object, "k", json_integer(about.outputs));
  put(object, "labelled_rows", json_integer(about.labelled_rows));
  put(object, "feature_type", text(diva_dtype_name(about.feature_type)));
  put(object, "layout", text(about.layout));
  put(object, "targets", json_boolean(about.has_targets));
  put(object, "ids", json_boolean(about.has_ids));
  put(object, "weights", json_boolean(about.has_weights));
  put(object, "base_outputs", json_boolean(about.has_base_outputs));
  put(object, "classes", classes_json(dataset, about.outputs));
  return object;
}

static json_t *plan_json(const struct cli_info *info) {
  const struct diva_plan *plan = &info->plan;
  json_t *object = json_object();
  put(object, "possible", json_boolean(info->planned));
  if (!info->planned) {
    put(object, "reason", text(info->unplanned));
    return object;
  }
  put(object, "solver", text(diva_solver_name(plan->solver)));
  put(object, "precision", text(diva_precision_name(plan->precision)));
  put(object, "backend", text(plan->backend));
  put(object, "memory", json_integer(plan->memory));
  put(object, "tile_rows", json_integer(plan->tile_rows));
  put(object, "passes", json_integer(plan->passes));
  put(object, "flops", json_real(plan->flops));
  return object;
}

static json_t *machine_json(void) {
  struct diva_backend_info backend;
  json_t *object = json_object();
  json_t *backends = json_array();
  for (int i = 0; diva_backend_describe(i, &backend); i++) {
    json_t *entry = json_object();
    put(entry, "name", text(backend.name));
    put(entry, "state", text(cli_backend_state_text(backend.state)));
    put(entry, "detail", text(backend.detail));
    json_array_append_new(backends, entry);
  }
  put(object, "cores", json_integer(diva_cores_available()));
  put(object, "memory", json_integer(diva_memory_available()));
  put(object, "backends", backends);
  return object;
}

enum diva_status cli_info_json(FILE *out, const struct cli_info *info, struct diva_error *error) {
  json_t *root = json_object();
  put(root, "version", text(diva_version()));
  if (info->dataset) {
    put(root, "dataset", dataset_json(info->dataset));
    put(root, "run", plan_json(info));
  }
  if (info->validation) {
    put(root, "validation", dataset_json(info->validation));
  }
  put(root, "machine", machine_json());
  char *json = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
  json_decref(root);
  if (!json) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the JSON of info");
  }
  fprintf(out, "%s\n", json);
  free(json);
  return DIVA_OK;
}
