/* Columns of rows on the device: held for the whole run, or tile by tile. */
#include "columns.h"

#include "device.h"
#include "primal.h"

#include <string.h>

/* Columns take no more than this share of what the plan leaves: the rest is for features. */
static const double LARGEST_SHARE = 0.25;

static int64_t element_of(enum diva_column column) {
  const bool integer = column == COLUMN_LABELS || column == COLUMN_SUGGESTED;
  return integer ? (int64_t)sizeof(int32_t) : (int64_t)sizeof(double);
}

/* What the device has of one tile. */
static struct diva_vector tile_vector(const struct diva_primal *primal, enum diva_column column) {
  const struct diva_vector vectors[DIVA_COLUMNS] = {
      [COLUMN_LABELS] = primal->labels,         [COLUMN_WEIGHT] = primal->weight,
      [COLUMN_IMPORTANCE] = primal->importance, [COLUMN_FORM] = primal->tile_form,
      [COLUMN_PULL] = primal->tile_pull,        [COLUMN_LOSS] = primal->loss,
      [COLUMN_MARGIN] = primal->margin,         [COLUMN_SUGGESTED] = primal->suggested,
      [COLUMN_QUALITY] = primal->quality,       [COLUMN_DERIVATIVE] = primal->derivative,
      [COLUMN_REMOVAL] = primal->quadratic,     [COLUMN_SQUARE] = primal->loss,
  };
  return vectors[column];
}

/* What is known of the rows of a set before any pass. */
static const void *known(const struct diva_row_set *set, enum diva_column column) {
  switch (column) {
  case COLUMN_LABELS:
    return set->labels;
  case COLUMN_WEIGHT:
    return set->weight;
  case COLUMN_IMPORTANCE:
    return set->importance;
  default:
    return NULL;
  }
}

void diva_columns_describe(struct diva_primal *primal) {
  const struct diva_analysis *analysis = primal->engine->analysis;
  void *const validation[DIVA_COLUMNS] = {
      [COLUMN_LOSS] = primal->validation_loss,
      [COLUMN_SUGGESTED] = primal->validation_suggested,
  };
  void *const host[DIVA_COLUMNS] = {
      [COLUMN_FORM] = primal->form,
      [COLUMN_PULL] = primal->pull,
      [COLUMN_LOSS] = analysis->loo_loss,
      [COLUMN_MARGIN] = analysis->loo_margin,
      [COLUMN_SUGGESTED] = analysis->suggested_label,
      [COLUMN_QUALITY] = analysis->label_quality,
      [COLUMN_DERIVATIVE] = analysis->derivative,
      [COLUMN_REMOVAL] = analysis->removal,
      [COLUMN_SQUARE] = primal->square,
  };
  memcpy(primal->train_columns.host, host, sizeof host);
  memcpy(primal->validation_columns.host, validation, sizeof validation);
  primal->train.columns = &primal->train_columns;
  primal->validation.columns = &primal->validation_columns;
}

static bool is_wanted(const struct diva_row_set *set, enum diva_column column) {
  return set->columns->host[column] || known(set, column);
}

static double set_bytes(const struct diva_row_set *set) {
  double bytes = 0.0;
  for (int c = 0; c < DIVA_COLUMNS; c++) {
    bytes += is_wanted(set, (enum diva_column)c) ? (double)element_of((enum diva_column)c) : 0.0;
  }
  return bytes * (double)set->info.rows;
}

static enum diva_status hold(struct diva_primal *primal, const struct diva_row_set *set,
                             struct diva_error *error) {
  for (int c = 0; c < DIVA_COLUMNS; c++) {
    const enum diva_column column = (enum diva_column)c;
    struct diva_vector memory;
    if (is_wanted(set, column) && diva_device_spare(primal->engine, set->info.rows,
                                                    element_of(column), &memory, NULL) == DIVA_OK) {
      set->columns->held[column] = memory;
    }
  }
  return diva_columns_upload(primal, set, error);
}

enum diva_status diva_columns_hold(struct diva_primal *primal, struct diva_error *error) {
  struct diva_engine *engine = primal->engine;
  const struct diva_row_set *other = engine->validation ? &primal->validation : NULL;
  const double bytes = set_bytes(&primal->train) + (other ? set_bytes(other) : 0.0);
  if (!engine->ops->memory_free || bytes > LARGEST_SHARE * (double)engine->device_room) {
    return DIVA_OK;
  }
  const enum diva_status status = hold(primal, &primal->train, error);
  return status == DIVA_OK && other ? hold(primal, other, error) : status;
}

enum diva_status diva_columns_upload(struct diva_primal *primal, const struct diva_row_set *set,
                                     struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  enum diva_status status = DIVA_OK;
  for (int c = 0; c < DIVA_COLUMNS && status == DIVA_OK; c++) {
    const enum diva_column column = (enum diva_column)c;
    const struct diva_vector held = set->columns->held[column];
    const void *values = known(set, column);
    if (held.buffer && values) {
      status = engine->ops->upload(engine->backend, held.buffer, 0, values,
                                   set->info.rows * element_of(column), error);
    }
  }
  return status;
}

struct diva_vector diva_tile_column(const struct diva_primal *primal,
                                    const struct diva_prepared_tile *tile,
                                    enum diva_column column) {
  const struct diva_row_columns *columns = tile->set->columns;
  struct diva_vector out = tile_vector(primal, column);
  if (columns && columns->held[column].buffer) {
    out = columns->held[column];
    out.offset = tile->first;
  }
  out.length = tile->count;
  return out;
}

/* Whether the values of a tile are nowhere but in the tile's own vector. */
static bool travels(const struct diva_prepared_tile *tile, enum diva_column column) {
  const struct diva_row_columns *columns = tile->set->columns;
  return !columns || !columns->held[column].buffer;
}

enum diva_status diva_tile_know(struct diva_primal *primal, const struct diva_prepared_tile *tile,
                                enum diva_column column, const void *all, struct diva_vector *out,
                                struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  const int64_t element = element_of(column);
  if (!all) {
    *out = (struct diva_vector){0};
    return DIVA_OK;
  }
  *out = diva_tile_column(primal, tile, column);
  return travels(tile, column) ? engine->ops->upload(engine->backend, out->buffer, 0,
                                                     (const char *)all + tile->first * element,
                                                     tile->count * element, error)
                               : DIVA_OK;
}

enum diva_status diva_tile_keep(struct diva_primal *primal, const struct diva_prepared_tile *tile,
                                enum diva_column column, struct diva_error *error) {
  const struct diva_engine *engine = primal->engine;
  struct diva_row_columns *columns = tile->set->columns;
  const int64_t element = element_of(column);
  if (!travels(tile, column)) {
    /* The pull is for the device alone, which has it. */
    columns->kept[column] = column != COLUMN_PULL;
    return DIVA_OK;
  }
  return engine->ops->download(engine->backend, tile_vector(primal, column).buffer, 0,
                               (char *)columns->host[column] + tile->first * element,
                               tile->count * element, error);
}

enum diva_status diva_columns_fetch(struct diva_primal *primal, const struct diva_row_set *set,
                                    struct diva_error *error) {
  struct diva_row_columns *columns = set->columns;
  enum diva_status status = DIVA_OK;
  for (int c = 0; c < DIVA_COLUMNS && status == DIVA_OK; c++) {
    if (columns->kept[c]) {
      const int64_t bytes = set->info.rows * element_of((enum diva_column)c);
      status = diva_engine_download_bytes(primal->engine, columns->held[c].buffer, bytes,
                                          columns->host[c], error);
      columns->kept[c] = false;
    }
  }
  return status;
}
