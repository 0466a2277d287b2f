/** How a core was extended, as JSON: what was taken, why it ended, and the curve. */
#include "report_extend.h"

#include <math.h>

static json_t *json_number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static void add_score(json_t *record, const char *name, const struct diva_score *score) {
  if (score->rows == 0) {
    return;
  }
  json_t *const entry = json_object();
  json_object_set_new(entry, "loss", json_number(score->loss));
  json_object_set_new(entry, "error", json_number(score->error));
  json_object_set_new(entry, "rows", json_integer(score->rows));
  json_object_set_new(record, name, entry);
}

static void add_scores(json_t *record, const struct diva_extend_scores *scores) {
  add_score(record, "core", &scores->core);
  add_score(record, "target", &scores->target);
  add_score(record, "validation", &scores->heldout);
}

static json_t *step_json(const struct diva_extend_step *step) {
  json_t *const record = json_object();
  json_object_set_new(record, "rows", json_integer(step->rows));
  json_object_set_new(record, "objective", json_number(step->objective));
  json_object_set_new(record, "kept", json_boolean(step->kept));
  json_object_set_new(record, "filling", json_boolean(step->filling));
  if (step->kept) {
    json_object_set_new(record, "candidates", json_integer(step->candidates));
  }
  add_scores(record, &step->scores);
  if (step->uniform.core.rows > 0) {
    json_t *const uniform = json_object();
    add_scores(uniform, &step->uniform);
    json_object_set_new(record, "uniform", uniform);
  }
  return record;
}

json_t *diva_report_extend(const struct diva_extend_summary *extend) {
  json_t *const record = json_object();
  json_t *const curve = json_array();
  json_object_set_new(record, "core_rows", json_integer(extend->core_rows));
  json_object_set_new(record, "pool_rows", json_integer(extend->pool_rows));
  json_object_set_new(record, "unlabelled_rows", json_integer(extend->unlabelled_rows));
  json_object_set_new(record, "core_copies", json_integer(extend->copies));
  json_object_set_new(record, "selected_rows", json_integer(extend->selected_rows));
  json_object_set_new(record, "assumed_rows", json_integer(extend->assumed_rows));
  json_object_set_new(record, "round_rows", json_integer(extend->round_rows));
  json_object_set_new(record, "plausibility", json_real(extend->plausibility));
  json_object_set_new(record, "stop", json_string(diva_extend_stop_name(extend->stop)));
  for (int64_t i = 0; i < extend->step_count; i++) {
    json_array_append_new(curve, step_json(&extend->steps[i]));
  }
  json_object_set_new(record, "curve", curve);
  return record;
}
