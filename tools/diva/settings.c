/* The option groups that commands share, and the defaults behind them. */
#include "cli.h"

#include <assert.h>
#include <math.h>

static_assert(sizeof(enum diva_loss) == sizeof(int), "choices are stored as int");

#define FIELD(member) offsetof(struct cli_settings, member)

const char *const cli_format_names[] = {[DIVA_FORMAT_JSONL] = "jsonl",
                                        [DIVA_FORMAT_CSV] = "csv",
                                        [DIVA_FORMAT_NPY] = "npy",
                                        [DIVA_FORMAT_HDF5] = "hdf5",
                                        NULL};

const char *const cli_order_names[] = {
    [CLI_ORDER_RANK] = "rank", [CLI_ORDER_INPUT] = "input", NULL};

static const char *const loss_names[] = {
    [DIVA_LOSS_SQUARED] = "squared", [DIVA_LOSS_CROSS_ENTROPY] = "cross-entropy", NULL};

static const char *const scale_names[] = {[DIVA_SCALE_NONE] = "none",
                                          [DIVA_SCALE_L2] = "l2",
                                          [DIVA_SCALE_STANDARDIZE] = "standardize",
                                          [DIVA_SCALE_AUTO] = "auto",
                                          NULL};

const char *const cli_precision_names[] = {[DIVA_PRECISION_AUTO] = "auto",
                                           [DIVA_PRECISION_FLOAT32] = "float32",
                                           [DIVA_PRECISION_FLOAT64] = "float64",
                                           NULL};

static const char *const solver_names[] = {[DIVA_SOLVER_AUTO] = "auto",
                                           [DIVA_SOLVER_PRIMAL] = "primal",
                                           [DIVA_SOLVER_DUAL] = "dual",
                                           NULL};

static const char *const kernel_names[] = {
    [DIVA_KERNEL_LINEAR] = "linear", [DIVA_KERNEL_RBF] = "rbf", [DIVA_KERNEL_AUTO] = "auto", NULL};

static const struct cli_option names_options[] = {
    {.name = "features",
     .type = CLI_STRING,
     .offset = FIELD(dataset.features),
     .value = "NAME",
     .help = "the rows: n x d, float16, bfloat16, float32 or float64",
     .fallback = "features"},
    {.name = "labels",
     .type = CLI_STRING,
     .offset = FIELD(dataset.labels),
     .value = "NAME",
     .help = "the class of each row, any integer type, -1 for unlabelled",
     .fallback = "labels"},
    {.name = "targets",
     .type = CLI_STRING,
     .offset = FIELD(dataset.targets),
     .value = "NAME",
     .help = "n x k real targets or soft labels, used instead of labels",
     .fallback = "targets, where there are no labels"},
    {.name = "ids",
     .type = CLI_STRING,
     .offset = FIELD(dataset.ids),
     .value = "NAME",
     .help = "a unique string or integer for each row",
     .fallback = "ids, or else the row number"},
    {.name = "base-outputs",
     .type = CLI_STRING,
     .offset = FIELD(dataset.base_outputs),
     .value = "NAME",
     .help = "n x k outputs of a base model, whose correction is fitted",
     .fallback = "base_outputs, if there"},
    {.name = "weights",
     .type = CLI_STRING,
     .offset = FIELD(dataset.weights),
     .value = "NAME",
     .help = "the weight of each row",
     .fallback = "weights, or else 1"},
    {.name = "allow-external-links",
     .type = CLI_FLAG,
     .offset = FIELD(dataset.allow_external),
     .help = "follow links, storage and virtual datasets in other files"},
};

const struct cli_option_group cli_group_names = {.heading = "Where things are in the HDF5 file",
                                                 .options = names_options,
                                                 .count =
                                                     sizeof names_options / sizeof *names_options};

/* The last two are not of the fit itself. */
enum { BESIDE_FIT = 2 };
static const struct cli_option model_options[] = {
    {.name = "lambda",
     .type = CLI_REAL,
     .offset = FIELD(analysis.lambda),
     .value = "VALUE",
     .help = "strength of the ridge penalty on the scaled features; auto takes the least "
             "leave-one-out error",
     .word = "auto",
     .minimum = 0,
     .above_minimum = true,
     .maximum = INFINITY},
    {.name = "no-intercept",
     .type = CLI_FLAG_OFF,
     .offset = FIELD(analysis.intercept),
     .help = "fit no intercept"},
    {.name = "loss",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.loss),
     .value = "LOSS",
     .help = "squared (summed over the classes) or cross-entropy",
     .choices = loss_names},
    {.name = "temperature",
     .type = CLI_REAL,
     .offset = FIELD(analysis.temperature),
     .value = "VALUE",
     .help = "factor on the scores before the softmax; auto fits it to the leave-one-out scores",
     .word = "auto",
     .minimum = 0,
     .above_minimum = true,
     .maximum = INFINITY},
    {.name = "scale",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.scale),
     .value = "SCALE",
     .help = "what is done to the features first: none, l2 (each row to length 1) or standardize "
             "(each column to mean 0 and deviation 1); auto takes l2 or standardize by the "
             "leave-one-out error on a sample",
     .choices = scale_names},
    {.name = "kernel",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.kernel),
     .value = "KERNEL",
     .help = "linear, rbf (the linear kernel plus a Gaussian one by random Fourier features), or "
             "auto, the one of less leave-one-out error on a sample",
     .choices = kernel_names},
    {.name = "model",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.kernel),
     .value = "KERNEL",
     .help = "another name of --kernel",
     .fallback = "",
     .choices = kernel_names},
    {.name = "rbf-features",
     .type = CLI_INTEGER,
     .offset = FIELD(analysis.rbf_features),
     .value = "D",
     .help = "how many random Fourier features, an even number",
     .fallback = "a power of two up to 4096, at most 0.6 of the rows",
     .minimum = 2,
     .maximum = 1 << 20},
    {.name = "rbf-bandwidth",
     .type = CLI_REAL,
     .offset = FIELD(analysis.rbf_bandwidth),
     .value = "VALUE",
     .help = "standard deviation of the Gaussian kernel, as a multiple of the median distance "
             "between rows",
     .fallback = "by the leave-one-out error on a sample",
     .minimum = 0,
     .above_minimum = true,
     .maximum = INFINITY},
    {.name = "precision",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.precision),
     .value = "TYPE",
     .help = "arithmetic: auto, float32 or float64",
     .choices = cli_precision_names},
    {.name = "solver",
     .type = CLI_CHOICE,
     .offset = FIELD(analysis.solver),
     .value = "SOLVER",
     .help = "auto, primal (a system of d x d) or dual (of n x n, for few rows)",
     .choices = solver_names},
    {.name = "validation",
     .type = CLI_FILE,
     .offset = FIELD(validation),
     .value = "FILE",
     .help = "differentiate the mean loss on this dataset instead of the leave-one-out loss "
             "(reweight: only report on it), and report the error on it",
     .fallback = ""},
    {.name = "seed",
     .type = CLI_INTEGER,
     .offset = FIELD(analysis.seed),
     .value = "N",
     .help = "of everything random",
     .minimum = 0,
     .maximum = INFINITY},
};

const struct cli_option_group cli_group_model = {.heading = "Model",
                                                 .options = model_options,
                                                 .count =
                                                     sizeof model_options / sizeof *model_options};

const struct cli_option_group cli_group_fit = {
    .heading = "Model",
    .options = model_options,
    .count = sizeof model_options / sizeof *model_options - BESIDE_FIT};

static const struct cli_option rows_options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_FILE,
     .offset = FIELD(output),
     .value = "OUT",
     .help = "write the rows to this file, and OUT.provenance.json beside it",
     .fallback = "rows to standard output"},
    {.name = "format",
     .type = CLI_CHOICE,
     .offset = FIELD(format),
     .value = "FORMAT",
     .help = "jsonl, csv, npy or hdf5",
     .fallback = "by the extension of OUT; jsonl on standard output",
     .choices = cli_format_names},
    {.name = "order",
     .type = CLI_CHOICE,
     .offset = FIELD(order),
     .value = "ORDER",
     .help = "rank (worst row first) or input",
     .choices = cli_order_names},
};

const struct cli_option_group cli_group_rows = {.heading = "Output",
                                                .options = rows_options,
                                                .count =
                                                    sizeof rows_options / sizeof *rows_options};

static const struct cli_option dataset_out_options[] = {
    {.name = "write-dataset",
     .type = CLI_FILE,
     .offset = FIELD(write_dataset),
     .value = "OUT.h5",
     .help = "write the kept rows with everything the input holds of them",
     .fallback = ""},
};

const struct cli_option_group cli_group_dataset_out = {.heading = "Changed dataset",
                                                       .options = dataset_out_options,
                                                       .count = sizeof dataset_out_options /
                                                                sizeof *dataset_out_options};

static const struct cli_option probabilities_options[] = {
    {.name = "write-probabilities",
     .type = CLI_FILE,
     .offset = FIELD(write_probabilities),
     .value = "OUT.npy",
     .help = "write the out-of-sample probability of every class for every row, from leave-one-out "
             "scores: n x k float32 in input order, cleanlab's pred_probs",
     .fallback = ""},
};

const struct cli_option_group cli_group_probabilities = {.heading = "Probabilities",
                                                         .options = probabilities_options,
                                                         .count = sizeof probabilities_options /
                                                                  sizeof *probabilities_options};

static const struct cli_option together_options[] = {
    {.name = "group",
     .type = CLI_STRING,
     .offset = FIELD(dataset.group),
     .value = "NAME",
     .help = "score each row without the rows of its group in /groups/NAME (strings or integers): "
             "one annotator, one source, one video",
     .fallback = ""},
    {.name = "near-duplicates",
     .type = CLI_STRING,
     .offset = FIELD(near_duplicates),
     .value = "HOW",
     .help = "score each row without its near-duplicates, so that copies do not vouch for each "
             "other: auto, off, or the least cosine of two that are"},
};

const struct cli_option_group cli_group_together = {.heading = "Rows that belong together",
                                                    .options = together_options,
                                                    .count = sizeof together_options /
                                                             sizeof *together_options};

static const struct cli_option run_options[] = {
    {.name = "backend",
     .type = CLI_STRING,
     .offset = FIELD(analysis.backend),
     .value = "NAME",
     .help = "what computes; 'diva info' lists the backends",
     .fallback = "auto, the best that is ready and worth its start"},
    {.name = "threads",
     .type = CLI_INTEGER,
     .offset = FIELD(threads),
     .value = "N",
     .help = "threads of the processor",
     .fallback = "one a core",
     .minimum = 1,
     .maximum = 4096},
    {.name = "memory",
     .type = CLI_SIZE,
     .offset = FIELD(memory),
     .value = "SIZE",
     .help = "memory the run may use, of the host and again of a GPU, such as 800M or 16G",
     .fallback = "what the machine has",
     .minimum = 1,
     .maximum = INFINITY},
    {.name = "deterministic",
     .type = CLI_FLAG,
     .offset = FIELD(analysis.deterministic),
     .help = "the same bytes for any number of threads"},
};

const struct cli_option_group cli_group_run = {.heading = "Machine",
                                               .options = run_options,
                                               .count = sizeof run_options / sizeof *run_options};

/* The first one is for commands that have a summary. */
enum { BESIDE_MESSAGES = 1 };
static const struct cli_option words_options[] = {
    {.name = "json",
     .type = CLI_FLAG,
     .offset = FIELD(json),
     .help = "the summary as JSON on standard output; rows then need -o"},
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = FIELD(quiet),
     .help = "say nothing on standard error but errors"},
    {.name = "help",
     .letter = 'h',
     .type = CLI_FLAG,
     .offset = FIELD(help),
     .help = "show this help"},
};

const struct cli_option_group cli_group_words = {.heading = "Messages",
                                                 .options = words_options,
                                                 .count =
                                                     sizeof words_options / sizeof *words_options};

const struct cli_option_group cli_group_messages = {
    .heading = "Messages",
    .options = words_options + BESIDE_MESSAGES,
    .count = sizeof words_options / sizeof *words_options - BESIDE_MESSAGES};

void cli_settings_init(struct cli_settings *settings) {
  *settings = (struct cli_settings){.count = -1,
                                    .threshold = NAN,
                                    .fraction = NAN,
                                    .wanted_precision = NAN,
                                    .format = -1,
                                    .order = CLI_ORDER_RANK};
  diva_dataset_options_init(&settings->dataset);
  diva_analysis_options_init(&settings->analysis);
  diva_convert_options_init(&settings->convert);
  diva_reweight_options_init(&settings->reweight);
  diva_bench_options_init(&settings->bench);
  settings->bench_repeats = settings->bench.repeats;
  settings->reweight_steps = settings->reweight.steps;
  settings->reweight_most_steps = settings->reweight.most_steps;
  settings->near_duplicates = "off";
}

void cli_settings_finish(struct cli_settings *settings) {
  settings->analysis.threads = (int)settings->threads;
  settings->analysis.memory = settings->memory;
  settings->dataset.memory = settings->memory;
  settings->bench.repeats = (int)settings->bench_repeats;
  settings->reweight.steps = (int)settings->reweight_steps;
  settings->reweight.most_steps = (int)settings->reweight_most_steps;
  settings->reweight.folds = (int)settings->reweight_folds;
}

void cli_settings_start(struct cli_settings *settings, const struct cli_command *command) {
  cli_settings_init(settings);
  if (command->defaults) {
    command->defaults(settings);
  }
}
