/**
 * @file subset.h
 * Some rows of a dataset as a dataset in memory: what can be tried out many times without reading
 * the file again. Internal.
 */
#ifndef DIVA_SUBSET_H
#define DIVA_SUBSET_H

#include <diva/dataset.h>

/** Rows in memory, features as stored; everything owned. */
struct diva_subset {
  struct diva_dataset *dataset;
  int64_t rows;
  int64_t *index; /**< row of the whole dataset, ascending */
  int32_t *labels;
  double *weights; /**< as given to diva_subset_draw() */
  void *features;
  double *base_outputs; /**< NULL where there are none */
};

/** Which rows to draw from, and how many. */
struct diva_subset_request {
  const double *weights; /**< rows of the whole dataset; NULL: all are 1 */
  const uint8_t *needed; /**< rows: of those that are not 0, at least a quarter of `most` is drawn,
                              or all there are; NULL: none is needed more than others */
  int64_t most;
  uint64_t seed;
};

/**
 * Draws at most `most` of the rows that have a class label and a positive weight, every such subset
 * equally likely (among those with enough of the needed rows), seeded; all of them where they are
 * fewer.
 * @return DIVA_ERROR_USAGE for a dataset of targets; the errors of reading
 * Cost: one pass over the features.
 */
enum diva_status diva_subset_draw(struct diva_dataset *dataset,
                                  const struct diva_subset_request *request,
                                  const struct diva_progress *progress, struct diva_subset *out,
                                  struct diva_error *error);

/** Opens the same rows with other labels (subset->rows, copied); the subset must outlive it. */
enum diva_status diva_subset_relabel(const struct diva_subset *subset, const int32_t *labels,
                                     struct diva_dataset **out, struct diva_error *error);

/**
 * Values of the subset's rows from those of the whole dataset, group codes say.
 * @param values  of the whole dataset; NULL: *out is NULL, too
 * @param out     subset->rows, owned by the caller: free()
 */
enum diva_status diva_subset_codes(const struct diva_subset *subset, const int32_t *values,
                                   int32_t **out, struct diva_error *error);

/** Frees; a zeroed subset is fine. */
void diva_subset_free(struct diva_subset *subset);

#endif
