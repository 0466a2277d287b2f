/**
 * @file view.h
 * Open datasets seen as one, without a copy of their rows: other labels in place of the given ones,
 * and the rows of a second set behind those of the first. Internal.
 */
#ifndef DIVA_VIEW_H
#define DIVA_VIEW_H

#include <diva/dataset.h>

/**
 * A dataset of first's rows, then second's. Ids, files and rows in errors are those of the dataset
 * a row comes from; weights, groups and class names are not carried over, and base outputs only
 * where both have them. Features are of first's type, or float64 where the two differ.
 * @param first   read through, borrowed until diva_dataset_close()
 * @param second  likewise, of the same columns and kind, with no more outputs; NULL: none
 * @param labels  of first's rows, in place of its own (or of its targets), copied; NULL: its own
 * @param out     owned by the caller: diva_dataset_close()
 * Cost: 4 bytes a row.
 */
enum diva_status diva_view_open(struct diva_dataset *first, struct diva_dataset *second,
                                const int32_t *labels, struct diva_dataset **out,
                                struct diva_error *error);

/**
 * Gives a view weights of its own.
 * @param weights  of its rows, copied
 */
enum diva_status diva_view_weigh(struct diva_dataset *view, const double *weights,
                                 struct diva_error *error);

#endif
