/* Inverse class frequency. */
#include "balance.h"

#include "host/core/core.h"

#include <stdlib.h>

enum diva_status diva_balance_classes(const int32_t *labels, int64_t classes, const double *support,
                                      int64_t rows, double *weights, struct diva_error *error) {
  int64_t *count = NULL;
  double total = 0.0;
  double present = 0.0;
  const enum diva_status status = diva_allocate(labels ? classes : 1, sizeof *count,
                                                "counts of the classes", (void **)&count, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t i = 0; i < rows; i++) {
    if (support[i] > 0.0) {
      total += 1.0;
      present += count[labels ? labels[i] : 0]++ == 0;
    }
  }
  for (int64_t i = 0; i < rows; i++) {
    weights[i] = support[i] > 0.0 ? total / (present * (double)count[labels ? labels[i] : 0]) : 0.0;
  }
  free(count);
  return DIVA_OK;
}
