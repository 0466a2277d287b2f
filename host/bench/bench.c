/* The bench: rates, runs, rates again; the median run beside the better rates. */
#include <diva/bench.h>

#include "generated.h"
#include "host/core/core.h"
#include "rates.h"

#include <diva/system.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPEATS = 99 };

void diva_bench_options_init(struct diva_bench_options *options) {
  *options = (struct diva_bench_options){
      .version = DIVA_STRUCT_VERSION,
      .rows = 20000,
      .columns = 512,
      .outputs = 10,
      .type = DIVA_FLOAT32,
      .repeats = 3,
  };
}

static enum diva_status check_options(const struct diva_bench_options *options, bool generates,
                                      struct diva_error *error) {
  const enum diva_status status = diva_version_check(options->version, "diva_bench_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (options->repeats < 1 || options->repeats > MOST_REPEATS) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%d runs; 1 to %d can be asked for",
                          options->repeats, MOST_REPEATS);
  }
  if (generates && (options->columns < 1 || options->outputs < 2 || options->outputs > INT32_MAX ||
                    options->rows < options->outputs)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%lld rows, %lld columns and %lld outputs; at least one column, two "
                          "outputs and as many rows as outputs are needed",
                          (long long)options->rows, (long long)options->columns,
                          (long long)options->outputs);
  }
  return DIVA_OK;
}

/* One run, its phases and its wall time; what the first says of itself is the same for all. */
static enum diva_status run_once(const struct diva_bench_options *options,
                                 struct diva_dataset *dataset, struct diva_bench *out,
                                 struct diva_error *error) {
  struct diva_analysis_options run;
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  diva_analysis_options_init(&run);
  run.scale = DIVA_SCALE_STANDARDIZE;
  run.solver = DIVA_SOLVER_PRIMAL;
  run.lambda = 0.01 * (double)out->rows;
  run.temperature = 1.0;
  run.derivative = true;
  run.precision = options->precision;
  run.deterministic = options->deterministic;
  run.exact_phases = true;
  run.backend = options->backend;
  run.threads = options->threads;
  run.memory = options->memory;
  run.progress = options->progress;
  const double start = diva_clock_seconds();
  const enum diva_status status = diva_analysis_run(dataset, NULL, &run, &analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  out->seconds = diva_clock_seconds() - start;
  diva_analysis_summary(analysis, &summary);
  out->threads = summary.threads;
  out->precision = summary.precision;
  snprintf(out->backend, sizeof out->backend, "%s", summary.backend);
  snprintf(out->library, sizeof out->library, "%s", summary.library);
  for (int phase = 0; phase < DIVA_PHASES; phase++) {
    out->phases[phase].name = diva_phase_name(phase);
    out->phases[phase].seconds = summary.seconds[phase];
    out->phases[phase].bytes =
        strcmp(diva_phase_name(phase), "read") == 0 ? (double)summary.bytes_read : 0.0;
  }
  diva_analysis_destroy(analysis);
  return DIVA_OK;
}

static int compare_runs(const void *left, const void *right) {
  const struct diva_bench *a = left;
  const struct diva_bench *b = right;
  return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

static double useful_flops(const struct diva_bench *bench, const char *phase) {
  const double n = (double)bench->rows;
  const double d = (double)bench->columns;
  const double k = (double)bench->outputs;
  if (strcmp(phase, "gram") == 0 || strcmp(phase, "derivative") == 0) {
    return n * d * (d + 2.0 * k);
  }
  if (strcmp(phase, "loo") == 0) {
    return n * d * (2.0 * d + 4.0 * k);
  }
  return strcmp(phase, "factor") == 0 ? 14.0 / 3.0 * d * d * d + 4.0 * d * d * k : 0.0;
}

static double ratio_of(double amount, double seconds, double rate) {
  return amount > 0.0 && seconds > 0.0 && rate > 0.0 ? amount / seconds / rate : (double)NAN;
}

static void compare_phases(struct diva_bench *bench) {
  double useful = 0.0;
  for (int i = 0; i < DIVA_PHASES; i++) {
    struct diva_bench_phase *phase = &bench->phases[i];
    phase->flops = useful_flops(bench, phase->name);
    phase->ratio = phase->bytes > 0.0 ? ratio_of(phase->bytes, phase->seconds, bench->copy_rate)
                                      : ratio_of(phase->flops, phase->seconds, bench->matrix_rate);
    useful += phase->flops;
  }
  bench->ratio = ratio_of(useful, bench->seconds, bench->matrix_rate);
}

static void describe_dataset(const struct diva_dataset *dataset, struct diva_bench *out) {
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  *out = (struct diva_bench){.rows = info.rows,
                             .columns = info.columns,
                             .outputs = info.outputs,
                             .type = info.feature_type};
}

/* As the engine opens the backend. */
static struct diva_backend_config config_of(const struct diva_bench *bench) {
  return (struct diva_backend_config){
      .double_tiles = bench->precision == DIVA_PRECISION_FLOAT64,
      .threads = bench->threads,
  };
}

static void describe_products(const struct diva_backend_ops *ops, struct diva_bench *out) {
  const struct diva_backend_config config = config_of(out);
  if (ops->products) {
    snprintf(out->products, sizeof out->products, "%s", ops->products(&config));
  }
}

/* The backend and the precision that rates are measured in are known after the first run, which
 * warms up too. */
static enum diva_status measure(const struct diva_bench_options *options,
                                struct diva_dataset *dataset, struct diva_bench *runs,
                                struct diva_rates *rates, struct diva_error *error) {
  const struct diva_backend_ops *ops = NULL;
  enum diva_status status = DIVA_OK;
  for (int i = 0; i <= options->repeats && status == DIVA_OK; i++) {
    struct diva_bench *run = &runs[i > 0 ? i - 1 : 0];
    describe_dataset(dataset, run);
    status = run_once(options, dataset, run, error);
    if (status == DIVA_OK && i == 0) {
      status = diva_backend_choose(run->backend, &ops, error);
    }
    if (status == DIVA_OK) {
      describe_products(ops, run);
    }
    if (status == DIVA_OK && (i == 0 || i == options->repeats)) {
      status = diva_rates_measure(ops, config_of(run), rates, error);
    }
  }
  return status;
}

static enum diva_status bench_dataset(const struct diva_bench_options *options,
                                      struct diva_dataset *dataset, struct diva_bench *out,
                                      struct diva_error *error) {
  struct diva_bench *runs = NULL;
  struct diva_rates rates = {0};
  enum diva_status status =
      diva_allocate(options->repeats, sizeof *runs, "runs", (void **)&runs, error);
  if (status == DIVA_OK) {
    status = measure(options, dataset, runs, &rates, error);
  }
  if (status == DIVA_OK) {
    qsort(runs, (size_t)options->repeats, sizeof *runs, compare_runs);
    *out = runs[options->repeats / 2];
    out->matrix_rate = rates.matrix;
    out->copy_rate = rates.copy;
    compare_phases(out);
  }
  free(runs);
  return status;
}

/* Memory of a device's making that features are generated in, so that a run takes them from there
 * as fast as the bus is; it lives as long as the backend that made it. */
struct lender {
  const struct diva_backend_ops *ops;
  struct diva_backend *backend;
  void *memory;
};

static void close_lender(struct lender *lender) {
  if (lender->memory) {
    lender->ops->host_destroy(lender->backend, lender->memory);
  }
  if (lender->backend) {
    lender->ops->close(lender->backend);
  }
}

/* Nothing where the backend has no such memory, or not enough: then any will do. */
static void lend_features(const struct diva_bench_options *options, struct diva_generated *set,
                          struct lender *lender) {
  const struct diva_backend_config smallest = {
      .threads = 1, .tile_rows = 1, .columns = 1, .outputs = 1};
  int64_t bytes = 0;
  if (diva_backend_choose(options->backend, &lender->ops, NULL) == DIVA_OK &&
      lender->ops->host_create && diva_generated_bytes(set, &bytes, NULL) == DIVA_OK &&
      lender->ops->open(&smallest, &lender->backend, NULL) == DIVA_OK &&
      lender->ops->host_create(lender->backend, bytes, &lender->memory, NULL) == DIVA_OK) {
    set->features = lender->memory;
    set->lent = true;
  }
}

static enum diva_status bench_set(const struct diva_bench_options *options,
                                  struct diva_generated *set, struct diva_bench *out,
                                  struct diva_error *error) {
  struct diva_dataset *dataset = NULL;
  const int threads = options->threads > 0 ? options->threads : diva_cores_available();
  enum diva_status status = diva_generated_make(set, options->seed, threads, error);
  if (status != DIVA_OK) {
    return status;
  }
  struct diva_dataset_arrays arrays;
  diva_dataset_arrays_init(&arrays);
  arrays.rows = set->rows;
  arrays.columns = set->columns;
  arrays.outputs = set->outputs;
  arrays.feature_type = set->type;
  arrays.features = set->features;
  arrays.labels = set->labels;
  status = diva_dataset_from_arrays(&arrays, &dataset, error);
  if (status == DIVA_OK) {
    status = bench_dataset(options, dataset, out, error);
  }
  diva_dataset_close(dataset);
  diva_generated_free(set);
  return status;
}

static enum diva_status bench_generated(const struct diva_bench_options *options,
                                        struct diva_bench *out, struct diva_error *error) {
  struct diva_generated set = {.rows = options->rows,
                               .columns = options->columns,
                               .outputs = options->outputs,
                               .type = options->type};
  struct lender lender = {0};
  lend_features(options, &set, &lender);
  const enum diva_status status = bench_set(options, &set, out, error);
  close_lender(&lender);
  return status;
}

enum diva_status diva_bench_run(const struct diva_bench_options *options,
                                struct diva_dataset *dataset, struct diva_bench *out,
                                struct diva_error *error) {
  const enum diva_status status = check_options(options, dataset == NULL, error);
  if (status != DIVA_OK) {
    return status;
  }
  return dataset ? bench_dataset(options, dataset, out, error)
                 : bench_generated(options, out, error);
}
