/* Deciding which given labels are wrong. */
#include "decision.h"

#include <math.h>
#include <stdlib.h>

void diva_clean_options_init(struct diva_clean_options *options) {
  *options = (struct diva_clean_options){.version = DIVA_STRUCT_VERSION, .count = -1};
}
enum diva_status diva_clean(const struct diva_dataset *dataset, const struct diva_analysis *analysis, const struct diva_clean_options *options, struct diva_decision **out, struct diva_error *error) {
  (void)options; struct diva_columns c; struct diva_summary s; diva_analysis_columns(analysis,&c); diva_analysis_summary(analysis,&s);
  enum diva_status st = diva_decision_create(c.rows, true, out, error);
  if (st == DIVA_OK) diva_decision_finish(*out, dataset, c.weight, s.outputs);
  return st;
}
