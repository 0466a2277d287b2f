/* The options of reweight. */
#include "weights.h"

#include <math.h>

#define FIELD(member) offsetof(struct cli_settings, member)

static const struct cli_option objective_options[] = {
    {.name = "objective-group",
     .type = CLI_LIST,
     .offset = FIELD(objective_group),
     .value = "NAME=VALUE",
     .help = "only rows that have this value in /groups/NAME count in the objective, such as the "
             "originals among augmented copies; may be given many times"},
    {.name = "guard",
     .type = CLI_LIST,
     .offset = FIELD(guard),
     .value = "NAME=VALUE",
     .help = "never raise the mean leave-one-out loss of the rows that have this value in "
             "/groups/NAME; may be given many times"},
};

const struct cli_option_group cli_group_objective = {.heading = "Objective",
                                                     .options = objective_options,
                                                     .count = sizeof objective_options /
                                                              sizeof *objective_options};

static const struct cli_option search_options[] = {
    {.name = "by",
     .type = CLI_STRING,
     .offset = FIELD(by),
     .value = "NAME",
     .help = "one factor on the weights of all rows of a group of /groups/NAME, printed as a "
             "table; label: for "
             "all rows of a class",
     .fallback = "a weight for each row"},
    {.name = "steps",
     .type = CLI_INTEGER,
     .offset = FIELD(reweight_steps),
     .value = "N",
     .help = "so many steps from the weights as given, unchecked",
     .fallback = "what predicts held-out rows best",
     .minimum = 0,
     .maximum = 1000},
    {.name = "max-steps",
     .type = CLI_INTEGER,
     .offset = FIELD(reweight_most_steps),
     .value = "N",
     .help = "most steps that are tried",
     .minimum = 0,
     .maximum = 1000},
    {.name = "step-size",
     .type = CLI_REAL,
     .offset = FIELD(reweight.step_size),
     .value = "ETA",
     .help = "exponent of a step where the derivative is of mean size",
     .fallback = "0.06, with --by 0.2",
     .minimum = 0,
     .above_minimum = true,
     .maximum = INFINITY},
    {.name = "folds",
     .type = CLI_INTEGER,
     .offset = FIELD(reweight_folds),
     .value = "K",
     .help = "folds that are held out in turn",
     .fallback = "5 below 2000 rows, else 3",
     .minimum = 2,
     .maximum = 1000},
    {.name = "min-weight",
     .type = CLI_REAL,
     .offset = FIELD(reweight.minimum_weight),
     .value = "W",
     .help = "least weight of a row, where the mean is 1",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1,
     .below_maximum = true},
    {.name = "max-weight",
     .type = CLI_REAL,
     .offset = FIELD(reweight.maximum_weight),
     .value = "W",
     .help = "largest weight of a row",
     .minimum = 1,
     .above_minimum = true,
     .maximum = INFINITY},
    {.name = "min-effective",
     .type = CLI_REAL,
     .offset = FIELD(reweight.least_effective),
     .value = "SHARE",
     .help = "no step may bring the effective sample size below this share of what it is at the "
             "start",
     .fallback = "0.7, with --by 0.1",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true},
};

const struct cli_option_group cli_group_search = {.heading = "Search",
                                                  .options = search_options,
                                                  .count = sizeof search_options /
                                                           sizeof *search_options};

static const char *const npy_types[] = {
    [CLI_NPY_FLOAT64] = "float64", [CLI_NPY_FLOAT32] = "float32", NULL};

static const struct cli_option out_options[] = {
    {.name = "npy-type",
     .type = CLI_CHOICE,
     .offset = FIELD(npy_type),
     .value = "TYPE",
     .help = "of the weights in OUT.npy: float64 or float32",
     .choices = npy_types},
    {.name = "log-weights",
     .type = CLI_FLAG,
     .offset = FIELD(log_weights),
     .help = "OUT.npy holds the natural logarithms of the weights (of 0: -inf), a table the column "
             "log_weight too (of 0: null)"},
    {.name = "write-indices",
     .type = CLI_FILE,
     .offset = FIELD(write_indices),
     .value = "OUT.npy",
     .help = "write row numbers drawn in proportion to the weights, shuffled, as int64: for "
             "samplers that cannot weigh so many rows",
     .fallback = ""},
    {.name = "draws",
     .type = CLI_INTEGER,
     .offset = FIELD(draws),
     .value = "N",
     .help = "how many row numbers --write-indices draws",
     .fallback = "as many as rows",
     .minimum = 1,
     .maximum = 1e15},
    {.name = "write-dataset",
     .type = CLI_FILE,
     .offset = FIELD(write_dataset),
     .value = "OUT.h5",
     .help = "write the dataset with these weights as /weights, and everything else it holds",
     .fallback = ""},
};

const struct cli_option_group cli_group_weights_out = {.heading = "Weights in other forms",
                                                       .options = out_options,
                                                       .count = sizeof out_options /
                                                                sizeof *out_options};
