/**
 * @file device_scale.h
 * How rows on the device are centred and standardised, found from the rows themselves. Internal.
 */
#ifndef DIVA_DEVICE_SCALE_H
#define DIVA_DEVICE_SCALE_H

#include "device_rows.h"

/** What is to be found; borrowed. */
struct diva_column_scaling {
  struct diva_dataset *dataset; /**< all of its rows tell */
  bool divide;                  /**< by standard deviations too; a constant column becomes 0 */
  const char *phase;            /**< for the progress */
};

/** Means, and standard deviations where asked, into the preparation of the rows, which says so far
 * what is done to a row before. Once for a device. */
enum diva_status diva_device_rows_scale(struct diva_device_rows *rows,
                                        const struct diva_column_scaling *scaling,
                                        struct diva_error *error);

#endif
