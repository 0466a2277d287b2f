/* The state of a new version from that of the old one: what came, left or changed. */
#include "batch.h"
#include "match.h"
#include "pass.h"

#include "host/core/core.h"
#include "host/dataset/gather.h"
#include "row_hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An update in progress. */
struct update {
  const struct diva_state *old;
  struct diva_dataset *old_dataset; /* NULL: not at hand */
  struct diva_state *now;
  struct diva_dataset *dataset;
  const struct diva_analysis_options *options;
  struct diva_row_match match;
  struct diva_accumulator accumulator;
  struct diva_batch batch;
  int64_t *leaving; /* rows of the old version to be subtracted (owned) */
  int64_t leaving_count;
  struct diva_state_work *work;
};

/* Gives up the short way, and says why. */
static void recompute(struct update *update, const char *format, ...) DIVA_PRINTF(2, 3);

static void recompute(struct update *update, const char *format, ...) {
  struct diva_state_work *work = update->work;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(work->reason, sizeof work->reason, format, arguments);
  va_end(arguments);
  work->recomputed = true;
  work->added_rows = work->subtracted_rows = work->rescored_rows = 0;
}

/* What is known to be in the way before any feature is read. */
static void look_ahead(struct update *update) {
  const struct diva_row_match *match = &update->match;
  const int64_t touched = match->added + match->removed_count;
  if (!(update->old->sums.weight > 0.0)) {
    recompute(update, "the state holds no row that was trained on");
  } else if (match->removed_count > 0 && !update->old_dataset) {
    recompute(update, "%lld row%s left whose features are not at hand",
              (long long)match->removed_count, diva_plural(match->removed_count));
  } else if (2 * touched > update->now->info.rows) {
    recompute(update, "%lld rows came or left, more than half", (long long)touched);
  } else if (!match->same_classes && update->now->info.has_base_outputs) {
    recompute(update, "the classes were renumbered, and base outputs go by their numbers");
  }
}

/* Features stay, the label or the weight does not: the terms differ by what the label and the
 * weight say. */
static enum diva_status add_rescored(struct update *update, const struct diva_prefetch_tile *tile,
                                     int64_t at, struct diva_error *error) {
  const struct diva_state *old = update->old;
  const int64_t row = tile->first + at;
  const int64_t before = update->match.old_row[row];
  const double weight = update->now->weight[row];
  double *y = NULL;
  struct diva_row_target target = diva_pass_target(update->now, tile, at);
  const enum diva_status status =
      diva_batch_add(&update->batch, (const char *)tile->features + at * update->batch.row_bytes,
                     weight - old->weight[before], 0.0, row, &y, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_pass_add_term(&target, weight, update->now->info.outputs, NULL, y);
  if (old->label) {
    target.label = old->label[before];
  }
  diva_pass_add_term(&target, -old->weight[before], old->info.outputs, update->match.class_of, y);
  update->work->rescored_rows++;
  return DIVA_OK;
}

static enum diva_status add_new(struct update *update, const struct diva_prefetch_tile *tile,
                                int64_t at, struct diva_error *error) {
  const int64_t row = tile->first + at;
  const double weight = update->now->weight[row];
  double *y = NULL;
  const struct diva_row_target target = diva_pass_target(update->now, tile, at);
  const enum diva_status status =
      diva_batch_add(&update->batch, (const char *)tile->features + at * update->batch.row_bytes,
                     weight, 1.0, row, &y, error);
  if (status == DIVA_OK) {
    diva_pass_add_term(&target, weight, update->now->info.outputs, NULL, y);
    update->work->added_rows++;
  }
  return status;
}

/* Whether the row as it was has to be taken out. */
static bool is_replaced(const struct update *update, unsigned change) {
  return (change & DIVA_ROW_FEATURES) ||
         (update->now->info.has_targets && (change & DIVA_ROW_RELABELLED));
}

static enum diva_status visit_row(struct update *update, const struct diva_prefetch_tile *tile,
                                  int64_t at, struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  const int64_t row = tile->first + at;
  const unsigned change = diva_row_match_change(&update->match, update->old, update->now, row);
  if (change == 0) {
    return DIVA_OK;
  }
  if (change & DIVA_ROW_ADDED) {
    return add_new(update, tile, at, error);
  }
  if (!is_replaced(update, change)) {
    return add_rescored(update, tile, at, error);
  }
  if (!update->old_dataset) {
    recompute(update, "row %lld (id %s) changed, and as it was it is not at hand", (long long)row,
              diva_state_id(update->now, row, scratch));
    return DIVA_OK;
  }
  update->leaving[update->leaving_count++] = update->match.old_row[row];
  return add_new(update, tile, at, error);
}

/* Reads every row, hashes it, and keeps what it contributes where it is not what it was. */
static enum diva_status scan(struct update *update, struct diva_error *error) {
  const struct diva_state_info *info = &update->now->info;
  const int64_t rows = info->rows;
  struct diva_state_work *work = update->work;
  struct diva_prefetch *prefetch = NULL;
  struct diva_prefetch_tile tile = {0};
  double clock = diva_clock_seconds();
  enum diva_status status =
      diva_prefetch_start(update->dataset, update->accumulator.tile_rows, &prefetch, error);
  for (int64_t done = 0; done < rows && status == DIVA_OK && !work->recomputed;
       done = tile.first + tile.count) {
    status = diva_progress_report(&update->options->progress, "rows", done, rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    if (status == DIVA_OK) {
      diva_pass_hash(update->now, &tile, update->accumulator.engine.threads);
    }
    const double hashed = diva_clock_seconds();
    work->seconds_hash += hashed - clock;
    for (int64_t i = 0; i < tile.count && status == DIVA_OK && !work->recomputed; i++) {
      status = visit_row(update, &tile, i, error);
    }
    clock = diva_clock_seconds();
    work->seconds_sums += clock - hashed;
  }
  diva_prefetch_stop(prefetch);
  return status;
}

/* Some rows of the old version as they were. */
struct old_rows {
  const int64_t *rows;
  int64_t count;
  char *features;
  double *targets; /* NULL for labels */
  double *base;    /* NULL for none */
};

static void free_old_rows(struct old_rows *rows) {
  free(rows->features);
  free(rows->targets);
  free(rows->base);
}

static enum diva_status read_old_rows(const struct update *update, struct old_rows *rows,
                                      struct diva_error *error) {
  const struct diva_state_info *info = &update->old->info;
  enum diva_status status = diva_allocate(rows->count, update->batch.row_bytes, "rows that left",
                                          (void **)&rows->features, error);
  if (status == DIVA_OK) {
    status =
        diva_gather_features(update->old_dataset, rows->rows, rows->count, rows->features, error);
  }
  if (status == DIVA_OK && info->has_targets) {
    status = diva_allocate(rows->count * info->outputs, sizeof(double), "rows that left",
                           (void **)&rows->targets, error);
    if (status == DIVA_OK) {
      status =
          diva_gather_targets(update->old_dataset, rows->rows, rows->count, rows->targets, error);
    }
  }
  if (status == DIVA_OK && info->has_base_outputs) {
    status = diva_allocate(rows->count * info->outputs, sizeof(double), "rows that left",
                           (void **)&rows->base, error);
    if (status == DIVA_OK) {
      status =
          diva_gather_base_outputs(update->old_dataset, rows->rows, rows->count, rows->base, error);
    }
  }
  return status;
}

static enum diva_status refuse_old(const struct update *update, int64_t row,
                                   struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  const char *path = diva_dataset_path(update->old_dataset, 0);
  return diva_error_set(
      error, DIVA_ERROR_INPUT, "%s: row %lld (id %s) is not what the state was made of",
      path ? path : "the old dataset", (long long)row, diva_state_id(update->old, row, scratch));
}

static enum diva_status subtract_row(struct update *update, const struct old_rows *rows, int64_t i,
                                     struct diva_error *error) {
  const struct diva_state *old = update->old;
  const int64_t outputs = old->info.outputs;
  const int64_t row = rows->rows[i];
  const char *features = rows->features + i * update->batch.row_bytes;
  const struct diva_row_target target = {.label = old->label ? old->label[row] : -1,
                                         .targets =
                                             rows->targets ? rows->targets + i * outputs : NULL,
                                         .base = rows->base ? rows->base + i * outputs : NULL};
  if (diva_row_hash(0, features, update->batch.row_bytes) != old->hash[row] ||
      (old->target_hash &&
       diva_pass_target_hash(target.targets, target.base, outputs) != old->target_hash[row])) {
    return refuse_old(update, row, error);
  }
  double *y = NULL;
  const double weight = old->weight[row];
  const enum diva_status status =
      diva_batch_add(&update->batch, features, -weight, -1.0, -1, &y, error);
  if (status == DIVA_OK) {
    diva_pass_add_term(&target, -weight, outputs, update->match.class_of, y);
    update->work->subtracted_rows++;
  }
  return status;
}

/* The rows that left, and those that changed as they were, tile by tile. */
static enum diva_status subtract(struct update *update, struct diva_error *error) {
  const int64_t most = update->batch.capacity;
  enum diva_status status = DIVA_OK;
  for (int64_t first = 0; first < update->leaving_count && status == DIVA_OK; first += most) {
    const int64_t left = update->leaving_count - first;
    struct old_rows rows = {.rows = update->leaving + first, .count = left < most ? left : most};
    status = read_old_rows(update, &rows, error);
    for (int64_t i = 0; i < rows.count && status == DIVA_OK; i++) {
      status = subtract_row(update, &rows, i, error);
    }
    free_old_rows(&rows);
  }
  return status == DIVA_OK ? diva_batch_flush(&update->batch, error) : status;
}

/* Whether what is left of some column's spread is mostly the rounding of what was there before. */
static void check_digits(struct update *update) {
  const double lost = 1e-3;
  const struct diva_sums *before = &update->old->sums;
  const struct diva_sums *after = &update->now->sums;
  for (int64_t j = 0; j < after->columns && !update->work->recomputed; j++) {
    const bool shrank = *diva_sums_row(after, j) < lost * *diva_sums_row(before, j) ||
                        after->row_square[j] < lost * before->row_square[j];
    if (shrank) {
      recompute(update, "the spread of column %lld shrank a thousandfold: digits would be lost",
                (long long)j);
    }
  }
}

static enum diva_status finish(struct update *update, struct diva_error *error) {
  struct diva_state *now = update->now;
  enum diva_status status = diva_sums_copy(&now->sums, &update->old->sums, now->info.outputs,
                                           update->match.class_of, error);
  if (status == DIVA_OK) {
    status = diva_accumulator_finish(&update->accumulator, diva_pass_weight(now), now->info.rows,
                                     &now->sums, error);
  }
  if (status == DIVA_OK && update->leaving_count > 0) {
    check_digits(update);
  }
  return status;
}

static enum diva_status open_device(struct update *update, struct diva_error *error) {
  const struct diva_row_match *match = &update->match;
  struct diva_dataset_info info;
  diva_dataset_describe(update->dataset, &info);
  const int64_t most = match->removed_count + info.rows;
  enum diva_status status =
      diva_accumulator_open(&update->accumulator, update->options, &info, info.rows, error);
  if (status == DIVA_OK) {
    update->now->info.backend = update->accumulator.engine.ops->name;
    status = diva_batch_open(&update->batch, &update->accumulator, update->dataset, error);
  }
  if (status == DIVA_OK) {
    status = diva_accumulator_start(&update->accumulator, update->old->sums.mean,
                                    update->old->sums.row_mean, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(most, (int64_t)sizeof *update->leaving, "rows that left",
                           (void **)&update->leaving, error);
  }
  for (int64_t i = 0; i < match->removed_count && status == DIVA_OK; i++) {
    update->leaving[update->leaving_count++] = match->removed[i];
  }
  return status;
}

/* Adds and subtracts; stops where that turns out not to be the way. */
static enum diva_status amend(struct update *update, struct diva_error *error) {
  struct diva_state_work *work = update->work;
  double clock = diva_clock_seconds();
  enum diva_status status = open_device(update, error);
  work->seconds_sums += diva_clock_seconds() - clock;
  if (status == DIVA_OK) {
    status = scan(update, error);
  }
  clock = diva_clock_seconds();
  if (status == DIVA_OK && !work->recomputed) {
    status = subtract(update, error);
  }
  if (status == DIVA_OK && !work->recomputed) {
    status = finish(update, error);
  }
  diva_batch_close(&update->batch);
  diva_accumulator_close(&update->accumulator);
  free(update->leaving);
  work->seconds_sums += diva_clock_seconds() - clock;
  return status;
}

/* Whether the old dataset can be what the state is of, as far as sizes tell. */
static enum diva_status check_old_dataset(const struct update *update, struct diva_error *error) {
  struct diva_dataset_info info;
  const struct diva_state_info *about = &update->old->info;
  if (!update->old_dataset) {
    return DIVA_OK;
  }
  diva_dataset_describe(update->old_dataset, &info);
  const char *path = diva_dataset_path(update->old_dataset, 0);
  if (info.rows != about->rows || info.columns != about->columns ||
      info.feature_type != about->feature_type || info.has_targets != about->has_targets ||
      info.has_base_outputs != about->has_base_outputs) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: %lld rows x %lld columns are not the %lld x %lld that the state was "
                          "made of, or not of their kind",
                          path ? path : "the old dataset", (long long)info.rows,
                          (long long)info.columns, (long long)about->rows,
                          (long long)about->columns);
  }
  return DIVA_OK;
}

static enum diva_status run(struct update *update, struct diva_error *error) {
  enum diva_status status = check_old_dataset(update, error);
  if (status == DIVA_OK) {
    status = diva_state_fill_rows(update->now, update->dataset, update->options, error);
  }
  if (status == DIVA_OK) {
    status = diva_row_match_make(update->old, update->now, &update->match, error);
  }
  if (status == DIVA_OK) {
    look_ahead(update);
  }
  if (status == DIVA_OK && !update->work->recomputed) {
    status = amend(update, error);
  }
  if (status == DIVA_OK && update->work->recomputed) {
    status = diva_pass_run(update->now, update->dataset, update->options, update->work, error);
  }
  return status == DIVA_OK ? diva_state_finish(update->now, error) : status;
}

enum diva_status diva_state_update(const struct diva_state *old, struct diva_dataset *old_dataset,
                                   struct diva_dataset *dataset,
                                   const struct diva_analysis_options *options,
                                   struct diva_state_work *work, struct diva_state **out,
                                   struct diva_error *error) {
  struct diva_analysis_options settled;
  struct diva_state_work done = {0};
  struct update update = {.old = old,
                          .old_dataset = old_dataset,
                          .dataset = dataset,
                          .options = &settled,
                          .work = &done};
  *out = NULL;
  enum diva_status status = diva_state_check_model(options, &settled, error);
  if (status == DIVA_OK) {
    status = diva_state_check(old, dataset, &settled, error);
  }
  if (status == DIVA_OK) {
    status = diva_state_allocate(&update.now, error);
  }
  if (status == DIVA_OK) {
    status = run(&update, error);
  }
  diva_row_match_free(&update.match);
  if (work) {
    *work = done;
  }
  if (status != DIVA_OK) {
    diva_state_destroy(update.now);
    return status;
  }
  *out = update.now;
  return DIVA_OK;
}
