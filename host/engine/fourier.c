/* The random Fourier features of an RBF kernel: their frequencies, and the map of a tile. */
#include "primal.h"

#include "host/core/random.h"

#include <math.h>
#include <stdlib.h>

enum diva_status diva_fourier_take(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  struct diva_fourier *fourier = &primal->fourier;
  const int64_t frequencies = fourier->count / 2;
  if (fourier->count == 0) {
    return DIVA_OK;
  }
  enum diva_status status = diva_engine_matrix(engine, frequencies, primal->stored_columns,
                                               engine->element, &fourier->frequencies, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, primal->tile_rows, frequencies, engine->element,
                                &fourier->projections, error);
  }
  return status == DIVA_OK ? diva_engine_matrix(engine, 2, primal->stored_columns,
                                                (int64_t)sizeof(double), &primal->moments, error)
                           : status;
}

/* Uniform in (0, 1], with 53 bits. */
static double draw_uniform(struct diva_random *random) {
  return (double)((diva_random_next(random) >> 11) + 1) * 0x1p-53;
}

/* Normal numbers, a pair at a time (Box and Muller, 1958): the same on every machine but for the
 * last bit of its mathematical library. */
struct normals {
  struct diva_random random;
  double second;
  bool has_second;
};

static double draw_normal(struct normals *normals) {
  const double full_turn = 6.283185307179586;
  if (normals->has_second) {
    normals->has_second = false;
    return normals->second;
  }
  const double radius = sqrt(-2.0 * log(draw_uniform(&normals->random)));
  const double angle = full_turn * draw_uniform(&normals->random);
  normals->second = radius * sin(angle);
  normals->has_second = true;
  return radius * cos(angle);
}

/* The seed's own stream: the sample that lambda is chosen on draws from the seed itself. */
static struct normals open_normals(uint64_t seed) {
  const uint64_t stream = 0x466f757269657221U;
  return (struct normals){.random = {seed ^ stream}};
}

enum diva_status diva_fourier_draw(struct diva_primal *primal, double bandwidth,
                                   struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_matrix w = primal->fourier.frequencies;
  const bool doubles = engine->element == (int64_t)sizeof(double);
  struct normals normals = open_normals(engine->options->seed);
  void *row = NULL;
  enum diva_status status = diva_allocate(w.columns, engine->element, "a frequency", &row, error);
  for (int64_t i = 0; i < w.rows && status == DIVA_OK; i++) {
    for (int64_t j = 0; j < w.columns; j++) {
      const double value = draw_normal(&normals) / bandwidth;
      if (doubles) {
        ((double *)row)[j] = value;
      } else {
        ((float *)row)[j] = (float)value;
      }
    }
    status = engine->ops->upload(engine->backend, w.buffer, i * w.stride * engine->element, row,
                                 w.columns * engine->element, error);
  }
  free(row);
  primal->fourier.ready = status == DIVA_OK;
  return status;
}

enum diva_status diva_fourier_map(struct diva_primal *primal, struct diva_matrix z,
                                  struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_fourier *fourier = &primal->fourier;
  const struct diva_matrix projections = diva_tile_rows(fourier->projections, z.rows);
  struct diva_matrix from = z;
  struct diva_matrix to = z;
  from.columns = primal->stored_columns;
  to.offset += primal->stored_columns;
  to.columns -= primal->stored_columns;
  const enum diva_status status =
      engine->ops->multiply(engine->backend, engine->element == (int64_t)sizeof(double), false,
                            true, from, fourier->frequencies, projections, error);
  return status == DIVA_OK
             ? engine->ops->fourier_rows(engine->backend, projections,
                                         sqrt(2.0 / (double)fourier->count), fourier->shift,
                                         primal->preparation.constant_column, to, error)
             : status;
}
