/**
 * @file gather.h
 * Rows from all over a dataset, read in the order of the file and put in the order asked for.
 */
#ifndef DIVA_GATHER_H
#define DIVA_GATHER_H

#include <diva/dataset.h>

/**
 * Features as stored of the rows named, in that order; a row may be named twice. Rows near each
 * other are read at once.
 * @param out  count x columns elements of feature_type
 */
enum diva_status diva_gather_features(struct diva_dataset *dataset, const int64_t *rows,
                                      int64_t count, void *out, struct diva_error *error);

/** The same of targets and base outputs, count x outputs; they must exist. */
enum diva_status diva_gather_targets(struct diva_dataset *dataset, const int64_t *rows,
                                     int64_t count, double *out, struct diva_error *error);
enum diva_status diva_gather_base_outputs(struct diva_dataset *dataset, const int64_t *rows,
                                          int64_t count, double *out, struct diva_error *error);

#endif
