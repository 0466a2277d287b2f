/** @file stored.h Features that are in memory as they are, and need not be read. Internal. */
#ifndef DIVA_STORED_H
#define DIVA_STORED_H

#include <diva/dataset.h>

/** All features as stored, rows x columns, borrowed until the dataset is closed; NULL where rows
 * have to be read. */
const void *diva_dataset_stored(const struct diva_dataset *dataset);

#endif
