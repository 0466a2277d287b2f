/** @file rates.h What a backend does at best: a matrix product, and a copy to its memory. */
#ifndef DIVA_RATES_H
#define DIVA_RATES_H

#include "kernels/backend.h"

struct diva_rates {
  double matrix; /**< flops a second */
  double copy;   /**< bytes a second */
};

/** Measures both, and keeps what is better than `rates` holds already. Of the config, the sizes are
 * not read. */
enum diva_status diva_rates_measure(const struct diva_backend_ops *ops,
                                    struct diva_backend_config config, struct diva_rates *rates,
                                    struct diva_error *error);

#endif
