/**
 * @file principal.h
 * Rows on the first principal components of a sample of scaled rows. Internal.
 *
 * Components follow the rows they are found from, outliers first: rows that were not among them lie
 * nearer to the centre. Sets that are to be compared must all be in the sample.
 */
#ifndef DIVA_PRINCIPAL_H
#define DIVA_PRINCIPAL_H

#include "device_scale.h"

/** What the components are of; borrowed. */
struct diva_principal_request {
  struct diva_dataset *dataset; /**< the sample */
  int64_t most;                 /**< components at most */
  enum diva_scale scale;
  const char *backend;
  int threads; /**< >= 1 */
  const struct diva_progress *progress;
  const char *phase; /**< for the progress */
};

struct diva_principal {
  struct diva_device_rows device;
  struct diva_matrix axes;      /**< components x columns, the first the largest variance */
  struct diva_matrix projected; /**< tile rows x components */
  int64_t components;
  float *values; /**< the same on the host (owned) */
};

/**
 * Finds the components. Free with diva_principal_close(), whatever came of this.
 * Cost: two passes over the dataset, rows columns^2 flops and an eigendecomposition of columns x
 * columns.
 */
enum diva_status diva_principal_open(const struct diva_principal_request *request,
                                     struct diva_principal *out, struct diva_error *error);

/** A visit to rows [first, first + count), `values` count x components. */
typedef enum diva_status (*diva_principal_visit)(void *context, int64_t first, int64_t count,
                                                 const float *values, struct diva_error *error);

/** Visits all rows of a dataset of the same columns and type. */
enum diva_status diva_principal_each(struct diva_principal *principal, struct diva_dataset *dataset,
                                     const char *phase, diva_principal_visit visit, void *context,
                                     struct diva_error *error);

/** Closes; a zeroed struct is fine. */
void diva_principal_close(struct diva_principal *principal);

#endif
