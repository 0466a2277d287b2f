/** How weights were found and what came of it, as JSON. */
#include "report_reweight.h"

#include <math.h>

static json_t *json_number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figures_json(const struct diva_reweight_figures *figures) {
  json_t *const record = json_object();
  json_object_set_new(record, "loss", json_number(figures->loss));
  json_object_set_new(record, "error", json_number(figures->error));
  return record;
}

static json_t *candidate_json(enum diva_reweight_start start, int steps) {
  json_t *const record = json_object();
  json_object_set_new(record, "start", json_string(diva_reweight_start_name(start)));
  json_object_set_new(record, "steps", json_integer(steps));
  return record;
}

static json_t *held_out_json(const struct diva_reweight_summary *reweight) {
  json_t *const record = json_object();
  json_object_set_new(record, "folds", json_integer(reweight->folds));
  json_object_set_new(record, "rows", json_integer(reweight->cross_fit_rows));
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    if (!isnan(reweight->plain[s].loss)) {
      json_object_set_new(record, diva_reweight_start_name((enum diva_reweight_start)s),
                          figures_json(&reweight->plain[s]));
    }
  }
  json_t *const best = candidate_json(reweight->best_start, reweight->best_steps);
  json_object_update_new(best, figures_json(&reweight->best));
  json_object_set_new(best, "gain", json_number(reweight->gain));
  json_object_set_new(best, "gain_standard_error", json_number(reweight->gain_error));
  json_object_set_new(record, "best", best);
  return record;
}

static json_t *path_json(const struct diva_reweight_summary *reweight) {
  json_t *const list = json_array();
  for (int t = 0; t <= reweight->steps; t++) {
    json_array_append_new(list, json_number(reweight->objective[t]));
  }
  return list;
}

static void add_guard(json_t *record, const struct diva_reweight_summary *reweight) {
  if (reweight->guard_rows) {
    json_object_set_new(record, "guarded_rows", json_integer(reweight->guard_rows));
    json_object_set_new(record, "guarded_loss_before", json_number(reweight->guard_before));
    json_object_set_new(record, "guarded_loss_after", json_number(reweight->guard_after));
  }
}

static void add_groups(json_t *record, const struct diva_report *report) {
  const struct diva_reweight_summary *reweight = report->reweight;
  if (!reweight->groups) {
    return;
  }
  json_t *const list = json_array();
  for (int64_t g = 0; g < reweight->group_count; g++) {
    const struct diva_reweight_group *group = &reweight->groups[g];
    if (group->rows) {
      const bool named = report->weight_groups && g + 1 < reweight->group_count;
      json_t *const entry = json_object();
      json_object_set_new(entry, "group",
                          named ? json_string(report->weight_groups[g]) : json_null());
      json_object_set_new(entry, "rows", json_integer(group->rows));
      json_object_set_new(entry, "share_before", json_number(group->before));
      json_object_set_new(entry, "share_after", json_number(group->after));
      json_array_append_new(list, entry);
    }
  }
  json_object_set_new(record, "by",
                      report->weights_by ? json_string(report->weights_by) : json_null());
  json_object_set_new(record, "groups", list);
}

json_t *diva_report_reweight(const struct diva_report *report) {
  const struct diva_reweight_summary *reweight = report->reweight;
  json_t *const record = json_object();
  json_object_set_new(record, "base", json_string(diva_reweight_start_name(reweight->base)));
  json_object_set_new(record, "chosen", candidate_json(reweight->start, reweight->steps));
  json_object_set_new(record, "base_is_best",
                      reweight->folds ? json_boolean(reweight->base_is_best) : json_null());
  json_object_set_new(record, "held_out", reweight->folds ? held_out_json(reweight) : json_null());
  json_object_set_new(record, "objective_before", json_number(reweight->objective_before));
  json_object_set_new(record, "objective_after", json_number(reweight->objective_after));
  json_object_set_new(record, "objective_by_step", path_json(reweight));
  json_object_set_new(record, "target_share", json_number(reweight->target_share));
  json_object_set_new(record, "cut_rows", json_integer(reweight->cut_rows));
  json_object_set_new(record, "effective_rows", json_number(reweight->effective_rows));
  json_object_set_new(record, "smallest_weight", json_number(reweight->smallest));
  json_object_set_new(record, "largest_weight", json_number(reweight->largest));
  add_guard(record, reweight);
  add_groups(record, report);
  return record;
}
