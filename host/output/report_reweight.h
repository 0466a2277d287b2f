/**
 * @file report_reweight.h
 * How weights were found and what came of it, as JSON. Internal.
 */
#ifndef DIVA_OUTPUT_REPORT_REWEIGHT_H
#define DIVA_OUTPUT_REPORT_REWEIGHT_H

#include <diva/manifest.h>

#include <jansson.h>

/** @param report  with `reweight`. @return a new reference */
json_t *diva_report_reweight(const struct diva_report *report);

#endif
