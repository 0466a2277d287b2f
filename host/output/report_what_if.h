/**
 * @file report_what_if.h
 * The answer to a what-if, as JSON. Internal.
 */
#ifndef DIVA_OUTPUT_REPORT_WHAT_IF_H
#define DIVA_OUTPUT_REPORT_WHAT_IF_H

#include <diva/what_if.h>

#include <jansson.h>

/** @param class_json  the name or number of a class, a new reference */
json_t *diva_report_what_if(const struct diva_what_if_summary *what_if,
                            const struct diva_dataset *dataset,
                            json_t *(*class_json)(const struct diva_dataset *, int64_t));

#endif
