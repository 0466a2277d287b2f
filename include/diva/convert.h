/**
 * @file convert.h
 * Between HDF5 and the files people have: .npy, .npz and CSV.
 */
#ifndef DIVA_CONVERT_H
#define DIVA_CONVERT_H

#include <diva/error.h>
#include <diva/progress.h>

DIVA_BEGIN_DECLARATIONS

/** Where the parts of a dataset come from, or which parts to write. NULL names are absent. */
struct diva_convert_options {
  int version;
  const char *labels;      /**< .npy of labels beside a features .npy; or the CSV label column */
  const char *ids;         /**< .npy of ids; or the CSV id column */
  const char *class_names; /**< text file, one name a line */
  const char *array;       /**< from HDF5 to .npy: which dataset; default "features" */
  struct diva_progress progress;
};

DIVA_API void diva_convert_options_init(struct diva_convert_options *options);

/**
 * Converts by the extensions of the two paths.
 *
 * .npy  -> .h5: a rows x columns array becomes /features, `labels` and `ids` from their own files.
 * .npz  -> .h5: arrays named as in diva_dataset_options (features or X; labels or y; ...).
 * .csv  -> .h5: with a header line; numeric columns become /features in order, the columns named by
 *               `labels` (default "label") and `ids` (default "id") what they say; labels that are
 *               not integers become class_names in order of first appearance sorted by name.
 * .h5   -> .npy: one dataset. -> .npz: every dataset of numbers. -> .csv: features, id and label.
 * @return DIVA_ERROR_INPUT with file, line or array at fault; DIVA_ERROR_USAGE for a pair of
 *         extensions that is not known
 */
DIVA_API enum diva_status diva_convert(const char *from, const char *to,
                                       const struct diva_convert_options *options,
                                       struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
