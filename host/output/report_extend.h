/**
 * @file report_extend.h
 * How a core was extended, as JSON. Internal.
 */
#ifndef DIVA_OUTPUT_REPORT_EXTEND_H
#define DIVA_OUTPUT_REPORT_EXTEND_H

#include <diva/extend.h>

#include <jansson.h>

json_t *diva_report_extend(const struct diva_extend_summary *extend);

#endif
