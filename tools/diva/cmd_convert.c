/* diva convert: between HDF5 and .npy, .npz and CSV. */
#include "cli.h"
#include "meter.h"
#include "output.h"
#include "summary.h"

#include <stdio.h>

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  const char *from = request->files[0];
  const char *to = request->files[1];
  struct cli_meter meter;
  cli_meter_start(&meter, request->settings->quiet);
  enum diva_status status = cli_output_check(to, NULL, NULL, error);
  if (!status) {
    struct diva_convert_options options = request->settings->convert;
    options.progress = cli_meter_progress(&meter);
    status = diva_convert(from, to, &options, error);
  }
  cli_meter_clear(&meter);
  if (!status && !request->settings->quiet) {
    fprintf(stderr, "wrote ");
    cli_print_name(stderr, to);
    fprintf(stderr, " from ");
    cli_print_name(stderr, from);
    fprintf(stderr, "; %.1f s\n", cli_meter_seconds(&meter));
  }
  return status;
}

static const struct cli_option parts_options[] = {
    {.name = "labels",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, convert.labels),
     .value = "LABELS",
     .help = "from .npy: a .npy of labels; from CSV: the label column",
     .fallback = "the CSV column label"},
    {.name = "ids",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, convert.ids),
     .value = "IDS",
     .help = "from .npy: a .npy of ids; from CSV: the id column",
     .fallback = "the CSV column id"},
    {.name = "class-names",
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, convert.class_names),
     .value = "TEXT",
     .help = "a text file with the name of one class a line",
     .fallback = ""},
    {.name = "array",
     .type = CLI_STRING,
     .offset = offsetof(struct cli_settings, convert.array),
     .value = "NAME",
     .help = "from HDF5 to .npy: the dataset to take",
     .fallback = "features"},
};

static const struct cli_option_group parts_group = {.heading = "Parts",
                                                    .options = parts_options,
                                                    .count = sizeof parts_options /
                                                             sizeof *parts_options};

static const struct cli_option_group *const groups[] = {&parts_group, &cli_group_messages, NULL};

static const struct cli_example examples[] = {
    {"diva convert features.npy train.h5 --labels labels.npy",
     "an array of features and one of labels, as a dataset"},
    {"diva convert table.csv train.h5 --labels species",
     "numeric columns as features, the column species as the class"},
    {"diva convert train.h5 train.npz", "every dataset of numbers, for NumPy"},
    {NULL, NULL}};

const struct cli_command cli_command_convert = {
    .name = "convert",
    .files = "IN OUT",
    .purpose = "Turn .npy, .npz or CSV into HDF5, or HDF5 into these.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 2,
    .maximum_files = 2,
    .run = run};
