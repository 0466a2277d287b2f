/** @file reweight_options.h Limits of the options of reweight. Internal. */
#ifndef DIVA_REWEIGHT_OPTIONS_H
#define DIVA_REWEIGHT_OPTIONS_H

#include <diva/reweight.h>

/** DIVA_ERROR_USAGE says which is out of range, and what the limits are. */
enum diva_status diva_reweight_options_check(const struct diva_reweight_options *options,
                                             struct diva_error *error);

#endif
