/**
 * @file report.h
 * Parts of the provenance record that other records have too. Internal.
 */
#ifndef DIVA_OUTPUT_REPORT_H
#define DIVA_OUTPUT_REPORT_H

#include <diva/manifest.h>

#include <jansson.h>

/** A string, null for NULL; bytes that are not UTF-8 become '?'. */
json_t *diva_report_string(const char *text);

/** A number, null where it is not finite. */
json_t *diva_report_number(double value);

/** A count, null where it is negative. */
json_t *diva_report_count(int64_t value);

/** A command line as a list. */
json_t *diva_report_arguments(int count, char *const *arguments);

/** Adds `input`, `sha256`, further `inputs` and the validation set. */
enum diva_status diva_report_add_files(json_t *record, const struct diva_report *report,
                                       struct diva_error *error);

/** Adds a further dataset and its digest under names of its own; nothing where it is NULL. */
enum diva_status diva_report_add_other(json_t *record, const char *name, const char *digest_name,
                                       const struct diva_dataset *dataset,
                                       struct diva_error *error);

/** Adds the model: lambda, scaling, kernel, seed, backend and so on. */
void diva_report_add_model(json_t *record, const struct diva_summary *summary);

#endif
