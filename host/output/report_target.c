/** A target distribution as JSON. */
#include "report_target.h"

#include <math.h>

static json_t *json_number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *list_classes(const struct diva_target_summary *target,
                            const struct diva_dataset *dataset,
                            json_t *(*class_json)(const struct diva_dataset *, int64_t)) {
  json_t *const list = json_array();
  for (int64_t c = 0; c < target->outputs; c++) {
    json_t *const entry = json_object();
    json_object_set_new(entry, "class", class_json(dataset, c));
    json_object_set_new(entry, "training", json_number(target->training_proportions[c]));
    json_object_set_new(entry, "target", json_number(target->proportions[c]));
    json_object_set_new(entry, "standard_error", json_number(target->standard_errors[c]));
    json_array_append_new(list, entry);
  }
  return list;
}

static void add_density_ratio(json_t *record, const struct diva_target_summary *target) {
  json_object_set_new(record, "sigma", json_number(target->sigma));
  json_object_set_new(record, "ridge", json_number(target->ridge));
  json_object_set_new(record, "centres", json_integer(target->centres));
  json_object_set_new(record, "components", json_integer(target->components));
}

json_t *diva_report_target(const struct diva_target_summary *target,
                           const struct diva_dataset *dataset,
                           json_t *(*class_json)(const struct diva_dataset *, int64_t)) {
  json_t *const record = json_object();
  json_object_set_new(record, "method", json_string(diva_target_method_name(target->method)));
  json_object_set_new(record, "rows", json_integer(target->target_rows));
  json_object_set_new(record, "training_rows", json_integer(target->training_rows));
  json_object_set_new(record, "effective_rows", json_number(target->effective_rows));
  json_object_set_new(record, "kept", json_number(target->kept));
  json_object_set_new(record, "label_criterion", json_number(target->label_criterion));
  json_object_set_new(record, "covariate_criterion", json_number(target->covariate_criterion));
  json_object_set_new(record, "criterion_error", json_number(target->criterion_error));
  if (target->method == DIVA_TARGET_COVARIATE_SHIFT) {
    add_density_ratio(record, target);
  }
  if (target->proportions) {
    json_object_set_new(record, "classes", list_classes(target, dataset, class_json));
  }
  return record;
}
