/* diva bench: how fast each phase is, beside what the backend does at best in the same run. */
#include "cli.h"
#include "meter.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The end of a line: work a second and its ratio, where there is work. */
static void print_rate(double work, double seconds, const char *unit, double ratio) {
  if (work > 0.0 && seconds > 0.0) {
    printf("  %9.1f %-7s  %6.2f", work / seconds * 1e-9, unit, ratio);
  }
  printf("\n");
}

static void print_text(const struct diva_bench *bench) {
  double useful = 0.0;
  printf("%lld x %lld %s, %lld outputs\n", (long long)bench->rows, (long long)bench->columns,
         diva_dtype_name(bench->type), (long long)bench->outputs);
  printf("%s: %s, %d threads, %s\n", bench->backend, bench->library, bench->threads,
         bench->products[0] ? bench->products : diva_precision_name(bench->precision));
  printf("at best: matrix product %.1f GFLOP/s, copy %.1f GB/s\n\n", bench->matrix_rate * 1e-9,
         bench->copy_rate * 1e-9);
  printf("%-12s %9s  %9s %-7s  %6s\n", "phase", "seconds", "rate", "", "ratio");
  for (int i = 0; i < DIVA_PHASES; i++) {
    const struct diva_bench_phase *phase = &bench->phases[i];
    printf("%-12s %9.4f", phase->name, phase->seconds);
    if (phase->bytes > 0.0) {
      print_rate(phase->bytes, phase->seconds, "GB/s", phase->ratio);
    } else {
      print_rate(phase->flops, phase->seconds, "GFLOP/s", phase->ratio);
    }
    useful += phase->flops;
  }
  printf("%-12s %9.4f", "all", bench->seconds);
  print_rate(useful, bench->seconds, "GFLOP/s", bench->ratio);
}

/* A number that does not exist is null. */
static json_t *real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *phases_json(const struct diva_bench *bench) {
  json_t *phases = json_object();
  for (int i = 0; i < DIVA_PHASES; i++) {
    const struct diva_bench_phase *phase = &bench->phases[i];
    json_object_set_new(phases, phase->name,
                        json_pack("{s:f, s:f, s:f, s:o}", "seconds", phase->seconds, "flops",
                                  phase->flops, "bytes", phase->bytes, "ratio",
                                  real(phase->ratio)));
  }
  return phases;
}

static enum diva_status print_json(const struct diva_bench *bench, struct diva_error *error) {
  json_t *root =
      json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:o}",
                "version", diva_version(), "backend", bench->backend, "library", bench->library,
                "threads", bench->threads, "type", diva_dtype_name(bench->type), "precision",
                diva_precision_name(bench->precision), "products",
                bench->products[0] ? json_string(bench->products) : json_null(), "rows",
                (json_int_t)bench->rows, "columns", (json_int_t)bench->columns, "outputs",
                (json_int_t)bench->outputs, "matrix_flops_per_second", bench->matrix_rate,
                "copy_bytes_per_second", bench->copy_rate, "seconds", bench->seconds, "ratio",
                real(bench->ratio), "phases", phases_json(bench));
  char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
  json_decref(root);
  if (!text) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the JSON of bench");
  }
  printf("%s\n", text);
  free(text);
  return DIVA_OK;
}

static enum diva_status measure(const struct cli_request *request, struct cli_meter *meter,
                                struct diva_bench *bench, struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  struct diva_bench_options options = settings->bench;
  struct diva_dataset *dataset = NULL;
  enum diva_status status = DIVA_OK;
  options.backend = settings->analysis.backend;
  options.threads = settings->analysis.threads;
  options.memory = settings->memory;
  options.deterministic = settings->analysis.deterministic;
  options.progress = cli_meter_progress(meter);
  if (request->file_count) {
    status = diva_dataset_open((const char *const *)request->files, request->file_count,
                               &settings->dataset, &dataset, error);
  }
  if (!status) {
    status = diva_bench_run(&options, dataset, bench, error);
  }
  diva_dataset_close(dataset);
  return status;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  struct cli_meter meter;
  struct diva_bench bench;
  cli_meter_start(&meter, request->settings->quiet);
  const enum diva_status status = measure(request, &meter, &bench, error);
  cli_meter_clear(&meter);
  if (status) {
    return status;
  }
  if (request->settings->json) {
    return print_json(&bench, error);
  }
  print_text(&bench);
  return DIVA_OK;
}

static const char *const type_names[] = {[DIVA_FLOAT16] = "float16",
                                         [DIVA_BFLOAT16] = "bfloat16",
                                         [DIVA_FLOAT32] = "float32",
                                         [DIVA_FLOAT64] = "float64",
                                         NULL};

static const struct cli_option work_options[] = {
    {.name = "rows",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, bench.rows),
     .value = "N",
     .help = "rows of the generated features",
     .minimum = 2,
     .maximum = 1e12},
    {.name = "columns",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, bench.columns),
     .value = "D",
     .help = "and their columns",
     .minimum = 1,
     .maximum = 1e6},
    {.name = "outputs",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, bench.outputs),
     .value = "K",
     .help = "and the classes of their rows",
     .minimum = 2,
     .maximum = 1e6},
    {.name = "type",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, bench.type),
     .value = "TYPE",
     .help = "as which they are stored: float16, bfloat16, float32 or float64",
     .choices = type_names},
    {.name = "precision",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_settings, bench.precision),
     .value = "TYPE",
     .help = "arithmetic: auto, float32 or float64",
     .choices = cli_precision_names},
    {.name = "repeats",
     .type = CLI_INTEGER,
     .offset = offsetof(struct cli_settings, bench_repeats),
     .value = "N",
     .help = "runs, of which the median by wall time is shown",
     .minimum = 1,
     .maximum = 99},
};

static const struct cli_option words_options[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, quiet),
     .help = "say nothing on standard error but errors"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, json),
     .help = "the figures as JSON"},
    {.name = "help",
     .letter = 'h',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_settings, help),
     .help = "show this help"},
};

static const struct cli_option_group work_group = {.heading = "Work",
                                                   .options = work_options,
                                                   .count =
                                                       sizeof work_options / sizeof *work_options};

static const struct cli_option_group words_group = {.heading = "Messages",
                                                    .options = words_options,
                                                    .count = sizeof words_options /
                                                             sizeof *words_options};

static const struct cli_option_group *const groups[] = {&work_group, &cli_group_names,
                                                        &cli_group_run, &words_group, NULL};

static const struct cli_example examples[] = {
    {"diva bench", "20,000 x 512 float32, 10 classes, on the best backend"},
    {"diva bench --rows 200000 --columns 1024 --type float16 --json", "another size, for a record"},
    {"diva bench train.h5", "a file of your own, its reading included"},
    {NULL, NULL}};

const struct cli_command cli_command_bench = {
    .name = "bench",
    .files = "[FILE...]",
    .purpose = "Measure each phase of a run beside what the backend does at best.",
    .description =
        "Runs the analysis of 'diva rank' at a lambda given, on generated features or on "
        "a file. A ratio compares the work of a phase that cannot be avoided, in flops "
        "or bytes a second, with the rate of a matrix product or of copies, measured on "
        "the same backend before and after.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 0,
    .maximum_files = INT_MAX,
    .run = run};
