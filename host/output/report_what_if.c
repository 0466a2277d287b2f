/** The answer to a what-if, as JSON. */
#include "report_what_if.h"

#include <math.h>

static json_t *json_number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static void add_measure(json_t *record, const char *const names[3], double before, double after) {
  json_object_set_new(record, names[0], json_number(before));
  json_object_set_new(record, names[1], json_number(after));
  json_object_set_new(record, names[2], json_number(after - before));
}

static json_t *pair_json(const struct diva_what_if_pair *pair) {
  static const char *const loss[] = {"loss_before", "loss_after", "loss_change"};
  static const char *const error[] = {"error_before", "error_after", "error_change"};
  json_t *const record = json_object();
  json_object_set_new(record, "rows_before", json_integer(pair->before.rows));
  json_object_set_new(record, "rows_after", json_integer(pair->after.rows));
  add_measure(record, loss, pair->before.loss, pair->after.loss);
  add_measure(record, error, pair->before.error, pair->after.error);
  return record;
}

/* A test without rows at all says nothing of a class either, and is left out. */
static void add_figures(json_t *record, const struct diva_what_if_figures *figures,
                        const struct diva_what_if_figures *all) {
  for (int t = 0; t < DIVA_WHAT_IF_TESTS; t++) {
    if (all->test[t].before.rows + all->test[t].after.rows > 0) {
      json_object_set_new(record, diva_what_if_test_name((enum diva_what_if_test)t),
                          pair_json(&figures->test[t]));
    }
  }
}

json_t *diva_report_what_if(const struct diva_what_if_summary *what_if,
                            const struct diva_dataset *dataset,
                            json_t *(*class_json)(const struct diva_dataset *, int64_t)) {
  json_t *const record = json_object();
  json_object_set_new(record, "dropped", json_integer(what_if->dropped));
  json_object_set_new(record, "added", json_integer(what_if->added));
  json_object_set_new(record, "reweighted", json_integer(what_if->reweighted));
  json_object_set_new(record, "relabelled", json_integer(what_if->relabelled));
  json_object_set_new(record, "training_rows_before", json_integer(what_if->before.training_rows));
  json_object_set_new(record, "training_rows_after", json_integer(what_if->after.training_rows));
  add_figures(record, &what_if->all, &what_if->all);
  if (what_if->classes) {
    json_t *const list = json_array();
    for (int64_t c = 0; c < what_if->before.outputs; c++) {
      json_t *const entry = json_object();
      json_object_set_new(entry, "class", class_json(dataset, c));
      add_figures(entry, &what_if->classes[c], &what_if->all);
      json_array_append_new(list, entry);
    }
    json_object_set_new(record, "classes", list);
  }
  return record;
}
