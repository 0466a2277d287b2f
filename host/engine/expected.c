/* Rows without a label, as they would be on average if the model's own probabilities were right. */
#include "primal.h"

enum diva_status diva_expected_labels(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  if (!engine->options->expect_unlabelled || !engine->labels) {
    return DIVA_OK;
  }
  return engine->ops->expect_rows(engine->backend, tile->facts.labels, engine->temperature, tile->y,
                                  error);
}
