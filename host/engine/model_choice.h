/** @file model_choice.h Choosing a model on rows already drawn. Internal. */
#ifndef DIVA_MODEL_CHOICE_H
#define DIVA_MODEL_CHOICE_H

#include <diva/analysis.h>

/** Rows that models are tried out on, where there are more. */
enum { DIVA_PILOT_ROWS = 10240 };

/** The model that is tried out: `options` with a narrower map, no derivative, no one listening, and
 * rows that all count alike. */
struct diva_analysis_options diva_model_pilot(const struct diva_analysis_options *options,
                                              int64_t training_rows);

/** diva_model_choose() on a dataset that is small enough to be tried out whole. */
enum diva_status diva_model_choose_on(struct diva_dataset *pilot,
                                      struct diva_analysis_options *options,
                                      struct diva_error *error);

#endif
