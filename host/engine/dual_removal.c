/* What the validation loss changes by when one row is taken out, or one of the pool put in:
 * exactly, for the dual. */
#include "dual.h"

#include <math.h>
#include <stdlib.h>

enum { REAL = sizeof(double) };

/* Rows that would be added: labelled, of weight 0. */
static bool has_pool(const struct diva_engine *engine) {
  for (int64_t i = 0; i < engine->info.rows; i++) {
    if (engine->weight[i] <= 0.0 && (!engine->labels || engine->labels[i] >= 0)) {
      return true;
    }
  }
  return false;
}

static struct diva_matrix first_rows(struct diva_matrix matrix, int64_t rows) {
  matrix.rows = rows;
  return matrix;
}

static bool takes_pool(const struct diva_engine *engine) {
  return engine->options->removal && has_pool(engine);
}

static int64_t count_held(const struct diva_dual *dual) {
  struct diva_dataset_info held;
  diva_dataset_describe(dual->engine->validation, &held);
  return held.labelled_rows;
}

static enum diva_status allocate_pool(struct diva_dual *dual, struct diva_error *error) {
  struct diva_dual_removal *removal = dual->removal;
  const int64_t width = dual->columns + 1;
  const int64_t held = count_held(dual);
  removal->folded = held > width;
  enum diva_status status = diva_allocate(dual->tile_rows, width * REAL, "rows to be added",
                                          (void **)&removal->rows, error);
  return status == DIVA_OK && !removal->folded
             ? diva_allocate(dual->tile_rows, held * REAL, "rows to be added",
                             (void **)&removal->product, error)
             : status;
}

/* Where they are only counted there is nothing on the host. */
enum diva_status diva_dual_removal_take(struct diva_dual *dual, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dual_removal counted = {0};
  struct diva_dual_removal *removal = dual->removal ? dual->removal : &counted;
  const int64_t width = dual->columns + 1;
  if (!takes_pool(engine)) {
    return DIVA_OK;
  }
  const int64_t held = count_held(dual);
  const bool folded = held > width;
  enum diva_status status =
      diva_engine_matrix(engine, folded ? width : held, width, REAL, &removal->held, error);
  if (status == DIVA_OK) {
    status = diva_engine_matrix(engine, dual->tile_rows, width, REAL, &removal->tile, error);
  }
  if (status == DIVA_OK && !folded) {
    status =
        diva_engine_matrix(engine, dual->tile_rows, held, REAL, &removal->device_product, error);
  }
  return status == DIVA_OK
             ? diva_engine_vector(engine, dual->tile_rows, REAL, &removal->values, error)
             : status;
}

enum diva_status diva_dual_removal_allocate(struct diva_dual *dual, struct diva_error *error) {
  if (!dual->engine->options->removal) {
    return DIVA_OK;
  }
  enum diva_status status = diva_allocate(1, sizeof *dual->removal, "effects of removals",
                                          (void **)&dual->removal, error);
  if (status == DIVA_OK) {
    status = diva_allocate(dual->rows, REAL, "effects of removals", (void **)&dual->removal->spread,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(dual->tile_rows, REAL, "effects of removals",
                           (void **)&dual->removal->forms, error);
  }
  return status == DIVA_OK && takes_pool(dual->engine) ? allocate_pool(dual, error) : status;
}

enum diva_status diva_dual_removal_begin(struct diva_dual *dual, struct diva_error *error) {
  return takes_pool(dual->engine) ? diva_engine_zero(dual->engine, dual->removal->held, error)
                                  : DIVA_OK;
}

void diva_dual_removal_free(struct diva_dual *dual) {
  if (dual->removal) {
    free(dual->removal->spread);
    free(dual->removal->forms);
    free(dual->removal->rows);
    free(dual->removal->product);
    free(dual->removal);
    dual->removal = NULL;
  }
}

/* Validation rows one under the other, (z_v, 1) sqrt(v). */
static enum diva_status keep_rows(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                  const double *importance, struct diva_error *error) {
  struct diva_dual_removal *removal = dual->removal;
  const int64_t width = dual->columns + 1;
  int64_t count = 0;
  for (int64_t i = 0; i < tile->count; i++) {
    const double factor = sqrt(importance[i]);
    double *to = removal->rows + count * width;
    for (int64_t j = 0; j < dual->columns && factor > 0.0; j++) {
      to[j] = factor * dual->tile_z[i * dual->columns + j];
    }
    if (factor > 0.0) {
      to[dual->columns] = factor;
      count++;
    }
  }
  struct diva_matrix part = first_rows(removal->held, count);
  part.offset += removal->taken * part.stride;
  removal->taken += count;
  return diva_engine_upload(dual->engine, part, removal->rows, error);
}

/* Their sum of (z_v, 1) (z_v, 1)' v, where that is smaller. */
static enum diva_status fold_rows(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                  const double *importance, struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dual_removal *removal = dual->removal;
  const struct diva_matrix rows = first_rows(removal->tile, tile->count);
  const struct diva_vector weight = {removal->values.buffer, 0, tile->count};
  const int64_t width = dual->columns + 1;
  for (int64_t i = 0; i < tile->count; i++) {
    for (int64_t j = 0; j < dual->columns; j++) {
      removal->rows[i * width + j] = dual->tile_z[i * dual->columns + j];
    }
    removal->rows[i * width + dual->columns] = 1.0;
  }
  enum diva_status status = diva_engine_upload(engine, rows, removal->rows, error);
  if (status == DIVA_OK) {
    status = engine->ops->upload(engine->backend, weight.buffer, 0, importance, tile->count * REAL,
                                 error);
  }
  return status == DIVA_OK
             ? engine->ops->gram_accumulate(engine->backend, rows, weight, removal->held, error)
             : status;
}

enum diva_status diva_dual_removal_add(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                       struct diva_error *error) {
  struct diva_dual_removal *removal = dual->removal;
  if (!removal) {
    return DIVA_OK;
  }
  const double *importance = dual->engine->validation_importance + tile->first;
  for (int64_t i = 0; i < tile->count; i++) {
    const double *q = dual->tile_q + i * dual->rows;
    for (int64_t l = 0; l < dual->rows && importance[i] > 0.0; l++) {
      removal->spread[l] += importance[i] * q[l] * q[l];
    }
  }
  if (!removal->rows) {
    return DIVA_OK;
  }
  return removal->folded ? fold_rows(dual, tile, importance, error)
                         : keep_rows(dual, tile, importance, error);
}

enum diva_status diva_dual_removal_trained(struct diva_dual *dual,
                                           const struct diva_dual_objective *objective,
                                           struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dual_removal *removal = dual->removal;
  for (int64_t j = 0; removal && j < dual->rows; j++) {
    double direct = 0.0;
    double square = 0.0;
    for (int64_t c = 0; c < dual->outputs; c++) {
      const int64_t at = j * dual->outputs + c;
      const double r = dual->c[at] / dual->q[j * dual->rows + j];
      direct += r * objective->direct[at];
      square += r * r;
    }
    engine->analysis->removal[dual->index[j]] = square * removal->spread[j] - direct;
  }
  return removal && removal->folded
             ? engine->ops->fold_symmetric(engine->backend, removal->held, error)
             : DIVA_OK;
}

/* u = (z - sum_l q_l z_l, b) with k(v, j) = (z_v, 1) . u / lambda for any row v; returns k(j, j).
 */
static double fill_row(const struct diva_dual *dual, int64_t i, double *u) {
  const int64_t d = dual->columns;
  const double *z = dual->tile_z + i * d;
  const double *q = dual->tile_q + i * dual->rows;
  double rest = 1.0;
  for (int64_t j = 0; j < d; j++) {
    u[j] = z[j];
  }
  for (int64_t l = 0; l < dual->rows; l++) {
    rest -= q[l];
    for (int64_t j = 0; j < d; j++) {
      u[j] -= q[l] * dual->z[l * d + j];
    }
  }
  u[d] = rest * dual->constant - diva_dual_border(dual, i);
  double own = u[d];
  for (int64_t j = 0; j < d; j++) {
    own += z[j] * u[j];
  }
  return own / dual->engine->lambda;
}

/* sum_v v ((z_v, 1) . u)^2 of each row of the tile, into `forms`. */
static enum diva_status find_forms(struct diva_dual *dual, int64_t count,
                                   struct diva_error *error) {
  struct diva_engine *engine = dual->engine;
  struct diva_dual_removal *removal = dual->removal;
  const struct diva_matrix rows = first_rows(removal->tile, count);
  enum diva_status status = diva_engine_upload(engine, rows, removal->rows, error);
  if (status == DIVA_OK && removal->folded) {
    const struct diva_vector forms = {removal->values.buffer, 0, count};
    status = engine->ops->row_quadform(engine->backend, rows, removal->held, forms, error);
    return status == DIVA_OK ? engine->ops->download(engine->backend, forms.buffer, 0,
                                                     removal->forms, count * REAL, error)
                             : status;
  }
  struct diva_matrix product = first_rows(removal->device_product, count);
  product.columns = removal->taken;
  if (status == DIVA_OK) {
    status = engine->ops->multiply(engine->backend, true, false, true, rows,
                                   first_rows(removal->held, removal->taken), product, error);
  }
  if (status == DIVA_OK) {
    status = diva_engine_download(engine, product, removal->product, error);
  }
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    removal->forms[i] = 0.0;
    for (int64_t v = 0; v < removal->taken; v++) {
      const double value = removal->product[i * removal->taken + v];
      removal->forms[i] += value * value;
    }
  }
  return status;
}

enum diva_status diva_dual_removal_pool(struct diva_dual *dual, const struct diva_dual_tile *tile,
                                        struct diva_error *error) {
  const struct diva_engine *engine = dual->engine;
  struct diva_dual_removal *removal = dual->removal;
  const int64_t width = dual->columns + 1;
  double *own = NULL;
  if (!removal || !removal->rows) {
    return DIVA_OK;
  }
  enum diva_status status =
      diva_allocate(tile->count, REAL, "rows to be added", (void **)&own, error);
  if (status != DIVA_OK) {
    return status;
  }
#pragma omp parallel for num_threads(engine->threads)
  for (int64_t i = 0; i < tile->count; i++) {
    own[i] = fill_row(dual, i, removal->rows + i * width);
  }
  status = find_forms(dual, tile->count, error);
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    const int64_t at = tile->first + i;
    double *effect = &engine->analysis->removal[at];
    if (engine->weight[at] <= 0.0) {
      *effect = diva_weight_effect(1.0, 1.0 + own[i], engine->analysis->derivative[at], *effect,
                                   removal->forms[i] / (engine->lambda * engine->lambda));
    }
  }
  free(own);
  return status;
}
