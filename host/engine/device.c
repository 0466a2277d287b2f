/* What a run takes of a device with memory of its own, whether it fits, and what would. */
#include "device.h"

#include <stdio.h>

enum { FEWEST_ROWS = 256 };

static const double MEBIBYTE = 0x1p20;

/* What the device may be asked for. */
struct room {
  int64_t bytes;
  bool limited; /* by --memory, rather than by what is free */
};

int64_t diva_device_rounded(int64_t bytes) {
  enum { UNIT = 512 };
  return bytes > 0 ? (bytes + UNIT - 1) / UNIT * UNIT : UNIT;
}

enum diva_status diva_device_spare(struct diva_engine *engine, int64_t length, int64_t element,
                                   struct diva_vector *out, struct diva_error *error) {
  const enum diva_status status = diva_engine_vector(engine, length, element, out, error);
  if (status == DIVA_OK) {
    const int64_t bytes = diva_device_rounded(length * element);
    engine->device_bytes += bytes;
    engine->device_room -= bytes;
  }
  return status;
}

static struct diva_backend_config make_config(const struct diva_engine *engine,
                                              const struct diva_device_turn *turn) {
  const struct diva_device_shape shape = turn->user->shape(engine);
  return (struct diva_backend_config){
      .double_tiles = turn->double_tiles,
      .deterministic = engine->options->deterministic,
      .threads = engine->threads,
      .tile_rows = engine->plan.tile_rows,
      .columns = shape.columns,
      .outputs = engine->info.outputs,
      .reserves = engine->ops->reserve != NULL,
      .square = shape.square,
      .eigen = shape.eigen,
  };
}

/* Bytes of a run as the engine describes it: its buffers, then the backend's own. */
static enum diva_status count_bytes(const struct diva_engine *engine,
                                    const struct diva_device_turn *turn, int64_t *bytes,
                                    struct diva_error *error) {
  struct diva_engine counted = *engine;
  const struct diva_backend_config config = make_config(engine, turn);
  int64_t own = 0;
  counted.counts = true;
  counted.buffer_bytes = 0;
  counted.element = turn->double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
  enum diva_status status = turn->user->take(&counted, error);
  if (status == DIVA_OK) {
    status = engine->ops->reserve_bytes(engine->backend, &config, &own, error);
  }
  *bytes = counted.buffer_bytes + own;
  return status;
}

/* Halves the tile until the run fits, or is as small as tiles are. */
static enum diva_status fit_tile(struct diva_engine *engine, const struct diva_device_turn *turn,
                                 int64_t room, int64_t *bytes, struct diva_error *error) {
  enum diva_status status = count_bytes(engine, turn, bytes, error);
  while (status == DIVA_OK && *bytes > room && engine->plan.tile_rows / 2 >= FEWEST_ROWS) {
    engine->plan.tile_rows /= 2;
    status = count_bytes(engine, turn, bytes, error);
  }
  return status;
}

/* Whether it would fit another description of the run; a failure to say so is a no. */
static bool would_fit(const struct diva_engine *engine, const struct diva_analysis_options *options,
                      int64_t columns, const struct diva_device_turn *turn, int64_t room) {
  struct diva_engine other = *engine;
  int64_t bytes = 0;
  other.options = options;
  other.info.columns = columns;
  return fit_tile(&other, turn, room, &bytes, NULL) == DIVA_OK && bytes <= room;
}

/* The most columns that fit; 0: not even one does. */
static int64_t most_columns(const struct diva_engine *engine, const struct diva_device_turn *turn,
                            int64_t room) {
  int64_t fitting = 0;
  int64_t too_many = engine->info.columns;
  while (too_many - fitting > 1) {
    const int64_t middle = fitting + (too_many - fitting) / 2;
    if (would_fit(engine, engine->options, middle, turn, room)) {
      fitting = middle;
    } else {
      too_many = middle;
    }
  }
  return fitting;
}

/* The most Fourier features, halved from those asked for, that fit; 0: none do. */
static int64_t most_fourier(const struct diva_engine *engine, const struct diva_device_turn *turn,
                            int64_t room) {
  struct diva_analysis_options options = *engine->options;
  options.rbf_features = diva_plan_fourier(&options, engine->training_rows) / 4 * 2;
  while (options.rbf_features > 0 &&
         !would_fit(engine, &options, engine->info.columns, turn, room)) {
    options.rbf_features = options.rbf_features / 4 * 2;
  }
  return options.rbf_features;
}

static bool fits_without_sample(const struct diva_engine *engine,
                                const struct diva_device_turn *turn, int64_t room) {
  struct diva_analysis_options given = *engine->options;
  given.lambda = 1.0;
  return engine->options->lambda == 0.0 &&
         would_fit(engine, &given, engine->info.columns, turn, room);
}

/* What the user can change for the run to fit, beside the backend; empty where nothing would do. */
static void describe_remedy(const struct diva_engine *engine, const struct diva_device_turn *turn,
                            int64_t room, char *out, size_t size) {
  const bool kernel = engine->options->kernel == DIVA_KERNEL_RBF;
  int64_t fitting = 0;
  out[0] = '\0';
  if (turn->avoided_by) {
    snprintf(out, size, "%s avoids it, ", turn->avoided_by);
  } else if (fits_without_sample(engine, turn, room)) {
    snprintf(out, size, "a given --lambda would fit, ");
  } else if (kernel && (fitting = most_fourier(engine, turn, room)) > 0) {
    snprintf(out, size, "--rbf-features %lld would fit, ", (long long)fitting);
  } else if (!kernel && (fitting = most_columns(engine, turn, room)) > 0) {
    snprintf(out, size, "%lld of the %lld columns would fit, ", (long long)fitting,
             (long long)engine->info.columns);
  }
}

static enum diva_status refuse(const struct diva_engine *engine,
                               const struct diva_device_turn *turn, struct room room, int64_t bytes,
                               struct diva_error *error) {
  char remedy[96];
  describe_remedy(engine, turn, room.bytes, remedy, sizeof remedy);
  return diva_error_set(
      error, DIVA_ERROR_RESOURCE,
      "the run %s %.1f MiB of the device's memory with tiles of %lld rows; %.1f MiB are %s: "
      "%s--backend cpu does without",
      turn->avoided_by ? "may come to need" : "needs", (double)bytes / MEBIBYTE,
      (long long)engine->plan.tile_rows, (double)room.bytes / MEBIBYTE,
      room.limited ? "allowed by --memory" : "free for it", remedy);
}

static enum diva_status find_room(const struct diva_engine *engine, struct room *out,
                                  struct diva_error *error) {
  const int64_t limit = engine->options->memory;
  const enum diva_status status = engine->ops->memory_free(engine->backend, &out->bytes, error);
  out->limited = limit > 0 && limit < out->bytes;
  out->bytes = out->limited ? limit : out->bytes;
  return status;
}

static enum diva_status fit_turn(struct diva_engine *engine, const struct diva_device_turn *turn,
                                 struct room room, struct diva_error *error) {
  int64_t bytes = 0;
  const enum diva_status status = fit_tile(engine, turn, room.bytes, &bytes, error);
  if (status == DIVA_OK && bytes > room.bytes) {
    return refuse(engine, turn, room, bytes, error);
  }
  engine->device_bytes = bytes;
  engine->device_room = room.bytes - bytes;
  return status;
}

/* The turns that the run may take have tiles of their own. */
static enum diva_status plan_memory(struct diva_engine *engine,
                                    const struct diva_device_turn *turns, int count,
                                    struct diva_error *error) {
  struct room room = {0};
  const struct diva_engine before = *engine;
  enum diva_status status = find_room(engine, &room, error);
  if (status == DIVA_OK) {
    status = fit_turn(engine, &turns[0], room, error);
  }
  for (int i = 1; i < count && status == DIVA_OK; i++) {
    struct diva_engine turned = before;
    status = fit_turn(&turned, &turns[i], room, error);
  }
  return status;
}

enum diva_status diva_device_open(struct diva_engine *engine, const struct diva_device_turn *turns,
                                  int count, struct diva_error *error) {
  struct diva_backend_config config = make_config(engine, &turns[0]);
  enum diva_status status = diva_engine_open_config(engine, &config, error);
  if (status != DIVA_OK || !config.reserves) {
    return status;
  }
  status = plan_memory(engine, turns, count, error);
  config.tile_rows = engine->plan.tile_rows;
  return status == DIVA_OK ? engine->ops->reserve(engine->backend, &config, error) : status;
}
