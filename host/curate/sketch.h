/**
 * @file sketch.h
 * Short sketches of all rows of a dataset, near where the rows are near; and few rows in full.
 */
#ifndef DIVA_SKETCH_H
#define DIVA_SKETCH_H

#include "device_rows.h"

#include <diva/duplicates.h>

enum { DIVA_SKETCH_SIZE = 64 };

/** Rows divided by their norms, projected: squared distances between sketches are those between
 * rows, with a relative standard deviation of sqrt(2 / 64); exact for 64 columns or fewer. */
struct diva_sketch {
  struct diva_dataset *dataset;
  struct diva_device_rows device;
  float *values; /**< rows x DIVA_SKETCH_SIZE (owned) */
  struct diva_matrix projection, projected;
};

/** Sketches every row. @return DIVA_ERROR_INPUT for NaN and infinity; DIVA_ERROR_RESOURCE */
enum diva_status diva_sketch_make(struct diva_dataset *dataset,
                                  const struct diva_duplicates_options *options,
                                  struct diva_sketch *out, struct diva_error *error);

/** The rows named, divided by their norms, count x columns. */
enum diva_status diva_sketch_rows(struct diva_sketch *sketch, const int64_t *rows, int64_t count,
                                  float *out, struct diva_error *error);

/** Frees; a zeroed sketch is fine. */
void diva_sketch_free(struct diva_sketch *sketch);

/** Squared distance between two sketches, or any two vectors. */
double diva_sketch_distance(const float *a, const float *b, int64_t size);

#endif
