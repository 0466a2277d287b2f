/** @file report_target.h A target distribution as JSON. Internal. */
#ifndef DIVA_REPORT_TARGET_H
#define DIVA_REPORT_TARGET_H

#include <diva/target.h>

#include <jansson.h>

/** A new object. @param class_json  the name or number of a class */
json_t *diva_report_target(const struct diva_target_summary *target,
                           const struct diva_dataset *dataset,
                           json_t *(*class_json)(const struct diva_dataset *, int64_t));

#endif
