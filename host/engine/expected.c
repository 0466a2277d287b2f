/* Rows without a label, as they would be on average if the model's own probabilities were right. */
#include "primal.h"

#include "kernels/formulas.h"

#include <stdlib.h>

/* One row of residuals in tile type, and where it lies on the device. */
struct place {
  int64_t at, bytes;
  void *e;
};

static void expect_label(const struct diva_engine *engine, void *e) {
  const bool is_double = engine->element == (int64_t)sizeof(double);
  const struct diva_residual_row row = {
      .e = e, .is_double = is_double, .outputs = engine->info.outputs, .one_minus_h = 1.0};
  const struct diva_target none = {NULL, -1};
  const struct diva_softmax softmax = diva_softmax_prepare(row, none, engine->temperature);
  for (int64_t c = 0; c < row.outputs; c++) {
    const double p = diva_softmax_probability(softmax, diva_loo_score(row, none, c));
    const double expected = diva_training_residual(row, c) + p;
    if (is_double) {
      ((double *)e)[c] = expected;
    } else {
      ((float *)e)[c] = (float)expected;
    }
  }
}

static enum diva_status patch_row(const struct diva_engine *engine, struct diva_buffer *buffer,
                                  const struct place *place, struct diva_error *error) {
  const enum diva_status status =
      engine->ops->download(engine->backend, buffer, place->at, place->e, place->bytes, error);
  if (status != DIVA_OK) {
    return status;
  }
  expect_label(engine, place->e);
  return engine->ops->upload(engine->backend, buffer, place->at, place->e, place->bytes, error);
}

enum diva_status diva_expected_labels(struct diva_primal *primal,
                                      const struct diva_prepared_tile *tile,
                                      struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  struct place place = {.bytes = engine->info.outputs * engine->element};
  if (!engine->options->expect_unlabelled || !engine->labels) {
    return DIVA_OK;
  }
  enum diva_status status = diva_allocate(1, place.bytes, "a residual", &place.e, error);
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    if (engine->labels[tile->first + i] < 0) {
      place.at = (tile->y.offset + i * tile->y.stride) * engine->element;
      status = patch_row(engine, tile->y.buffer, &place, error);
    }
  }
  free(place.e);
  return status;
}
