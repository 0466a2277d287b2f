/* Saved states as commands use them. */
#include "state.h"
#include "output.h"
#include "summary.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_SHOWN = 20 };

enum diva_status cli_state_adopt(const struct diva_state *state,
                                 const struct cli_settings *settings,
                                 struct diva_analysis_options *options, struct diva_error *error) {
  struct diva_analysis_options defaults;
  const struct diva_analysis_options *asked = &settings->analysis;
  diva_analysis_options_init(&defaults);
  diva_state_model(state, options);
  if (asked->kernel != DIVA_KERNEL_LINEAR) {
    options->kernel = asked->kernel;
  }
  if (asked->lambda != defaults.lambda) {
    options->lambda = asked->lambda;
  }
  if (asked->scale != defaults.scale) {
    options->scale = asked->scale;
  }
  if (asked->intercept != defaults.intercept) {
    options->intercept = asked->intercept;
  }
  if (asked->loss != defaults.loss) {
    options->loss = asked->loss;
  }
  return diva_state_check(state, NULL, options, error);
}

typedef const char *(*part_namer)(const struct diva_state *state, int64_t index);
typedef void (*part_finder)(const struct diva_state *state, int64_t index,
                            struct diva_state_part *out);

/* "  classes    ant 12, bee 7 (3 missed)", and no more than a person reads. */
static void print_parts(FILE *out, const struct diva_state *state, const char *heading,
                        int64_t count, part_namer name_of, part_finder find) {
  fprintf(out, "  %-10s ", heading);
  for (int64_t i = 0; i < count && i < PARTS_SHOWN; i++) {
    struct diva_state_part part;
    const char *name = name_of(state, i);
    find(state, i, &part);
    fprintf(out, "%s", i ? ", " : "");
    if (name) {
      cli_print_name(out, name);
      fprintf(out, " %lld", (long long)part.rows);
    } else {
      fprintf(out, "%lld: %lld", (long long)i, (long long)part.rows);
    }
    if (part.wrong > 0) {
      fprintf(out, " (%lld missed)", (long long)part.wrong);
    }
  }
  if (count > PARTS_SHOWN) {
    fprintf(out, " and %lld more", (long long)(count - PARTS_SHOWN));
  }
  fputc('\n', out);
}

static void print_scores(FILE *out, const struct diva_state_info *info) {
  if (!info->has_scores) {
    fprintf(out, "  errors     none: no leave-one-out scores were kept\n");
    return;
  }
  fprintf(out, "  errors     leave-one-out loss %.4g", info->loo.loss);
  if (!isnan(info->loo.error)) {
    fprintf(out, ", error %.1f %%", 100 * info->loo.error);
  }
  fprintf(out, " on %lld rows\n", (long long)info->loo.rows);
}

static void print_state_model(FILE *out, const struct diva_state_info *info) {
  fprintf(out, "  model      linear ridge, scale %s, %s, %s loss, lambda ",
          diva_scale_name(info->scale), info->intercept ? "intercept" : "no intercept",
          diva_loss_name(info->loss));
  if (info->lambda > 0) {
    fprintf(out, "%.3g (%s)\n", info->lambda, info->lambda_given ? "as asked for" : "chosen");
  } else {
    fprintf(out, "not settled\n");
  }
}

void cli_state_print(FILE *out, const struct diva_state *state, const char *name) {
  struct diva_state_info info;
  diva_state_describe(state, &info);
  cli_print_name(out, name);
  fprintf(out, ": state of %lld rows x %lld %s, %lld %s%s\n", (long long)info.rows,
          (long long)info.columns, diva_dtype_name(info.feature_type), (long long)info.outputs,
          info.has_targets ? "target" : "class",
          info.outputs == 1 ? "" : (info.has_targets ? "s" : "es"));
  fprintf(out, "  rows       %lld trained on, of weight %.6g; ids %s\n",
          (long long)info.training_rows, info.weight,
          info.has_ids ? "of their own" : "are row numbers");
  if (!info.has_targets) {
    print_parts(out, state, "classes", info.outputs, diva_state_class_name, diva_state_class);
  }
  if (info.has_groups) {
    print_parts(out, state, "groups", info.groups, diva_state_group_name, diva_state_group);
  }
  print_state_model(out, &info);
  print_scores(out, &info);
}

static json_t *text_json(const char *text) {
  json_t *value = text ? json_string(text) : NULL;
  return value ? value : json_null();
}

static json_t *number_json(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *parts_json(const struct diva_state *state, bool exist, int64_t count,
                          part_namer name_of, part_finder find) {
  if (!exist) {
    return json_null();
  }
  json_t *list = json_array();
  for (int64_t i = 0; i < count; i++) {
    struct diva_state_part part;
    find(state, i, &part);
    json_array_append_new(list,
                          json_pack("{s:o, s:I, s:f, s:I, s:I, s:f}", "name",
                                    text_json(name_of(state, i)), "rows", (json_int_t)part.rows,
                                    "weight", part.weight, "scored", (json_int_t)part.scored,
                                    "wrong", (json_int_t)part.wrong, "loss", part.loss));
  }
  return list;
}

static json_t *state_json(const struct diva_state *state, const char *name) {
  struct diva_state_info info;
  diva_state_describe(state, &info);
  return json_pack(
      "{s:o, s:I, s:I, s:I, s:I, s:f, s:s, s:b, s:s, s:b, s:s, s:o, s:b, s:o, s:o, s:I, s:o, s:o, "
      "s:o}",
      "state", text_json(name), "n", (json_int_t)info.rows, "d", (json_int_t)info.columns, "k",
      (json_int_t)info.outputs, "training_rows", (json_int_t)info.training_rows, "weight",
      info.weight, "feature_type", diva_dtype_name(info.feature_type), "ids", info.has_ids,
      "scaling", diva_scale_name(info.scale), "intercept", info.intercept, "loss",
      diva_loss_name(info.loss), "lambda", info.lambda > 0 ? json_real(info.lambda) : json_null(),
      "lambda_given", info.lambda_given, "loo_loss", number_json(info.loo.loss), "loo_error",
      number_json(info.loo.error), "loo_rows", (json_int_t)info.loo.rows, "classes",
      parts_json(state, !info.has_targets, info.outputs, diva_state_class_name, diva_state_class),
      "groups",
      parts_json(state, info.has_groups, info.groups, diva_state_group_name, diva_state_group),
      "checksum", text_json(info.checksum));
}

enum diva_status cli_state_print_json(FILE *out, const struct diva_state *state, const char *name,
                                      struct diva_error *error) {
  json_t *root = state_json(state, name);
  char *json = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(root);
  if (!json) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the JSON of a state");
  }
  fprintf(out, "%s\n", json);
  free(json);
  return DIVA_OK;
}

enum diva_status cli_state_check_output(const struct cli_request *request, const char *command,
                                        const struct diva_dataset *inputs,
                                        const struct diva_dataset *old_inputs,
                                        struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  const char *output = settings->output;
  if (!output || strcmp(output, "-") == 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: a state goes to a file: add -o OUT.state",
                          command);
  }
  enum diva_status status = cli_output_check_pair(output, inputs, old_inputs, error);
  for (int i = 0; !status && i < request->file_count; i++) {
    status = cli_output_check_input(output, request->files[i], error);
  }
  if (!status && settings->from_state) {
    status = cli_output_check_input(output, settings->from_state, error);
  }
  return status;
}

static const struct cli_option out_options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_FILE,
     .offset = offsetof(struct cli_settings, output),
     .value = "OUT.state",
     .help = "write the state to this file, and OUT.state.provenance.json beside it",
     .fallback = ""},
};

const struct cli_option_group cli_group_state_out = {
    .heading = "Output", .options = out_options, .count = sizeof out_options / sizeof *out_options};
