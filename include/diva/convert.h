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
 * Converts by the extensions of the two paths. Streams blocks of rows; `to` appears complete or not
 * at all.
 *
 * .npy  -> .h5: a rows x columns array becomes /features, `labels` and `ids` from their own files.
 * .npz  -> .h5: features (or X, x, embeddings), labels (or y, label), ids (or id), targets,
 *               base_outputs, weights and class_names play their part; any other array is copied
 *               under its own name.
 * .csv  -> .h5: with a header line; the columns named by `labels` (default "label") and `ids`
 *               (default "id") are what they say, every other column is numeric and goes to
 *               /features (float32), in order. An empty label is -1 (unlabelled).
 * .h5   -> .npy: one dataset. -> .npz: every dataset of numbers or strings, and the class names.
 *       -> .csv: ids and labels where there are any, and the features as columns f0, f1, ...
 *
 * Element types are kept, byte order apart. Features and targets of 8- and 16-bit integers become
 * float32 and of larger ones float64; bfloat16, which numpy lacks, goes to .npy as float32. Labels
 * that are not integers become int32 and class_names, sorted by name, or in the order of the
 * `class_names` file, which must then have them all.
 * @param options  NULL: the defaults
 * @return DIVA_ERROR_INPUT with file, line or array at fault; DIVA_ERROR_USAGE for a pair of
 *         extensions that is not known; DIVA_ERROR_RESOURCE where the disk or a folder refuses;
 *         DIVA_ERROR_CANCELLED
 */
DIVA_API enum diva_status diva_convert(const char *from, const char *to,
                                       const struct diva_convert_options *options,
                                       struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
