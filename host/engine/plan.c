/* What a run will do and what it will take, decided before anything is allocated. */
#include "engine.h"

#include <math.h>
#include <string.h>

/*
 * A tile of at most this many bytes keeps products large and its copies in cache; a power of two of
 * rows falls into equal chunks on any usual number of threads. A device with memory of its own
 * takes larger ones: there every tile costs the time to start some twenty operations.
 */
struct tile_limits {
  int64_t bytes;
  int64_t most_rows;
};

static const struct tile_limits HOST_TILE = {24 << 20, 8192};
static const struct tile_limits DEVICE_TILE = {256 << 20, 32768};

enum { FEWEST_ROWS = 256 };

static int64_t choose_tile_rows(struct tile_limits limits, int64_t rows, int64_t row_bytes) {
  int64_t tile = FEWEST_ROWS;
  while (tile < limits.most_rows && 2 * tile * row_bytes <= limits.bytes) {
    tile *= 2;
  }
  return tile < rows ? tile : rows;
}

int64_t diva_plan_tile_rows(int64_t rows, int64_t columns, int64_t outputs, int64_t element) {
  return choose_tile_rows(HOST_TILE, rows, (columns + outputs + 1) * element);
}

int64_t diva_plan_fourier(const struct diva_analysis_options *options, int64_t training_rows) {
  enum { FEWEST = 64, MOST = 4096 };
  if (options->kernel != DIVA_KERNEL_RBF) {
    return 0;
  }
  if (options->rbf_features > 0) {
    return options->rbf_features;
  }
  int64_t count = FEWEST;
  while (2 * count <= MOST && 2.0 * (double)count <= 0.6 * (double)training_rows) {
    count *= 2;
  }
  return count;
}

static enum diva_precision starting_precision(const struct diva_dataset_info *info,
                                              const struct diva_analysis_options *options,
                                              enum diva_solver solver) {
  if (solver == DIVA_SOLVER_DUAL) {
    return DIVA_PRECISION_FLOAT64;
  }
  if (options->precision != DIVA_PRECISION_AUTO) {
    return options->precision;
  }
  return info->feature_type == DIVA_FLOAT64 ? DIVA_PRECISION_FLOAT64 : DIVA_PRECISION_FLOAT32;
}

/* What the primal takes, whole on the host, or only what it keeps there while a device holds the
 * rest (device.h). Sums of products that may not fit int64_t are made in double: a plan that large
 * is refused. */
static double primal_bytes(const struct diva_dataset_info *info,
                           const struct diva_analysis_options *options, int64_t tile_rows,
                           int64_t training_rows, double element, bool on_device) {
  const double fourier = (double)diva_plan_fourier(options, training_rows);
  const double d = (double)info->columns + fourier + 1.0;
  const double k = (double)info->outputs;
  const double tile = (double)tile_rows;
  const double stored = (double)diva_dtype_size(info->feature_type);
  const double own = on_device ? 0.0 : 1.0; /* of what the backend holds */
  const double places = 3.0 * stored;       /* of a value of a tile that is read */
  const double map = own * fourier / 2.0 * ((double)info->columns + tile) * element;
  const double squares = d * d * (16.0 + own * (4.0 * 8.0 + 2.0 * element));
  const double path = options->lambda == 0.0 ? own * d * d * 16.0 : 0.0;
  const double narrow = k * d * (4.0 * 8.0 + own * 3.0 * element);
  const double tiles =
      tile * (d * (places + own * 2.0 * element) + k * (16.0 + own * (2.0 * element + 24.0)));
  double sample_rows = options->lambda == 0.0 ? (double)options->sample_rows : 0.0;
  sample_rows = sample_rows < (double)training_rows ? sample_rows : (double)training_rows;
  const double sample = sample_rows * (d * (stored + own * element) + k * (own * element + 8.0));
  const double scores = 8.0 * k * (double)training_rows;
  const double all = (double)info->rows;
  const double side = d < all ? d : all;
  const double groups = options->groups ? side * side * (16.0 + own * (8.0 + element)) +
                                              tile * d * (stored + own * 2.0 * element) +
                                              all * (k * element + 48.0)
                                        : 0.0;
  return squares + path + narrow + tiles + map + sample + groups +
         (scores < 0x1p28 ? scores : 0x1p28);
}

static double dual_bytes(const struct diva_dataset_info *info, int64_t tile_rows,
                         int64_t training_rows, bool on_device) {
  const double own = on_device ? 0.0 : 1.0;
  const double n = (double)training_rows;
  const double d = (double)info->columns;
  const double tile = (double)tile_rows * (d * (32.0 + own * 16.0) + n * (16.0 + own * 8.0));
  return n * n * 8.0 * (2.0 + own * 3.0) +
         n * (d * (8.0 + own * 8.0) + (double)info->outputs * 64.0) + tile;
}

/* What the effects of putting rows in take in the dual, validation rows or their sum. */
static double dual_removal_bytes(const struct diva_dataset_info *info,
                                 const struct diva_dataset *validation,
                                 const struct diva_analysis_options *options, int64_t tile_rows,
                                 int64_t training_rows) {
  struct diva_dataset_info other;
  if (!options->removal || training_rows == info->rows) {
    return 0.0;
  }
  diva_dataset_describe(validation, &other);
  const double width = (double)info->columns + 1.0;
  const double held = fmin((double)other.labelled_rows, width);
  return 8.0 * (held * width + 2.0 * (double)tile_rows * (width + held));
}

static double row_bytes(const struct diva_dataset_info *info,
                        const struct diva_analysis_options *options) {
  return (double)info->rows * (options->removal ? 12.0 : 11.0) * 8.0;
}

static double count_flops(const struct diva_dataset_info *info,
                          const struct diva_analysis_options *options, enum diva_solver solver,
                          int64_t training_rows) {
  const double n = (double)info->rows;
  const double d = (double)info->columns;
  const double k = (double)info->outputs;
  const double m = (double)training_rows;
  if (solver == DIVA_SOLVER_DUAL) {
    return m * m * d + 2.0 * m * m * m;
  }
  const double squares = (options->derivative ? 4.0 : 2.0) - (options->sums ? 1.0 : 0.0);
  const double fourier = (double)diva_plan_fourier(options, training_rows);
  const double width = d + fourier;
  const double mapped_passes = 3.0;
  return squares * n * width * width + 8.0 * n * width * k + mapped_passes * n * d * fourier;
}

static enum diva_status check_memory(double needed, const struct diva_analysis_options *options,
                                     struct diva_error *error) {
  const double machine = (double)diva_memory_available();
  const double unit = 0x1p20;
  if (needed > machine) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the run needs %.1f MiB of memory; this machine has %.1f MiB",
                          needed / unit, machine / unit);
  }
  if (options->memory > 0 && needed > (double)options->memory) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "the run needs %.1f MiB of memory; --memory allows %.1f MiB",
                          needed / unit, (double)options->memory / unit);
  }
  return DIVA_OK;
}

/* The validation set must speak of the same columns and outputs. */
static enum diva_status compare_validation(const struct diva_dataset_info *info,
                                           const struct diva_dataset *train,
                                           const struct diva_dataset *validation,
                                           struct diva_error *error) {
  struct diva_dataset_info other;
  diva_dataset_describe(validation, &other);
  if (other.columns != info->columns) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "validation features have %lld columns; the training set has %lld",
                          (long long)other.columns, (long long)info->columns);
  }
  if (other.has_targets != info->has_targets || other.has_base_outputs != info->has_base_outputs) {
    return diva_error_set(
        error, DIVA_ERROR_INPUT, "the validation set has %s%s; the training set has %s%s",
        other.has_targets ? "targets" : "labels", other.has_base_outputs ? " and base outputs" : "",
        info->has_targets ? "targets" : "labels",
        info->has_base_outputs ? " and base outputs" : "");
  }
  /* Labels may leave classes out; rows of numbers must be as wide. */
  const bool wide = other.has_targets || other.has_base_outputs;
  if (wide ? other.outputs != info->outputs : other.outputs > info->outputs) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "the validation set has %lld outputs; the training set has %lld",
                          (long long)other.outputs, (long long)info->outputs);
  }
  for (int64_t c = 0; c < other.outputs; c++) {
    const char *mine = diva_dataset_class_name(train, c);
    const char *its = diva_dataset_class_name(validation, c);
    if (mine && its && strcmp(mine, its) != 0) {
      return diva_error_set(error, DIVA_ERROR_INPUT,
                            "class %lld is '%s' in the validation set and '%s' in the training set",
                            (long long)c, its, mine);
    }
  }
  return DIVA_OK;
}

static enum diva_status check_validation(const struct diva_dataset_info *info,
                                         const struct diva_dataset *train,
                                         const struct diva_dataset *validation,
                                         struct diva_error *error) {
  const enum diva_status status = compare_validation(info, train, validation, error);
  const char *path = diva_dataset_path(validation, 0);
  if (status != DIVA_OK && path) {
    diva_error_prefix(error, "%s: ", path);
  }
  return status;
}

enum diva_status diva_plan_make(const struct diva_dataset *train,
                                const struct diva_dataset *validation,
                                const struct diva_analysis_options *options, int64_t training_rows,
                                const struct diva_backend_ops **ops, struct diva_plan *out,
                                struct diva_error *error) {
  struct diva_dataset_info info;
  diva_dataset_describe(train, &info);
  if (validation) {
    const enum diva_status status = check_validation(&info, train, validation, error);
    if (status != DIVA_OK) {
      return status;
    }
  }
  const bool dual = options->solver == DIVA_SOLVER_DUAL ||
                    (options->solver == DIVA_SOLVER_AUTO && options->kernel == DIVA_KERNEL_LINEAR &&
                     training_rows < info.columns);
  const int64_t fourier = diva_plan_fourier(options, training_rows);
  out->solver = dual ? DIVA_SOLVER_DUAL : DIVA_SOLVER_PRIMAL;
  out->flops = count_flops(&info, options, out->solver, training_rows);
  if (!*ops) {
    const enum diva_status status =
        diva_backend_choose_for(options->backend, out->flops, ops, error);
    if (status != DIVA_OK) {
      return status;
    }
  }
  out->backend = (*ops)->name;
  const bool on_device = (*ops)->memory_free != NULL;
  out->precision = starting_precision(&info, options, out->solver);
  const int64_t element = out->precision == DIVA_PRECISION_FLOAT32 ? 4 : 8;
  out->tile_rows = choose_tile_rows(on_device ? DEVICE_TILE : HOST_TILE, info.rows,
                                    (info.columns + fourier + info.outputs + 1) * element);
  /* A run that may turn to float64 is planned for it. */
  const double widest = options->precision == DIVA_PRECISION_FLOAT32 ? 4.0 : 8.0;
  const double machine = (double)diva_memory_available();
  const double allowed = options->memory > 0 ? fmin((double)options->memory, machine) : machine;
  double needed = 0.0;
  for (;;) {
    needed =
        row_bytes(&info, options) +
        (dual ? dual_bytes(&info, out->tile_rows, training_rows, on_device) +
                    dual_removal_bytes(&info, validation, options, out->tile_rows, training_rows)
              : primal_bytes(&info, options, out->tile_rows, training_rows, widest, on_device));
    if (needed <= allowed || out->tile_rows / 2 < FEWEST_ROWS) {
      break;
    }
    out->tile_rows /= 2;
  }
  const bool second_loo_pass =
      options->loss == DIVA_LOSS_CROSS_ENTROPY && options->temperature == 0.0;
  const int first_pass = options->sums ? 0 : 1;
  out->passes = dual ? 1 : first_pass + 2 + (second_loo_pass ? 1 : 0) + (fourier > 0 ? 1 : 0);
  const enum diva_status status = check_memory(needed, options, error);
  out->memory = status == DIVA_OK ? (int64_t)needed : 0;
  return status;
}

enum diva_status diva_analysis_plan(const struct diva_dataset *train,
                                    const struct diva_dataset *validation,
                                    const struct diva_analysis_options *options,
                                    struct diva_plan *out, struct diva_error *error) {
  const struct diva_backend_ops *ops = NULL;
  const enum diva_status status = diva_options_check(options, validation != NULL, error);
  return status == DIVA_OK
             ? diva_plan_make(train, validation, options, diva_plan_training_rows(train, options),
                              &ops, out, error)
             : status;
}
