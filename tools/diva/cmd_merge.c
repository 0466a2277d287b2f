/* diva merge: states of shards as the state of the whole. */
#include "meter.h"
#include "state.h"
#include "summary.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

static void close_states(struct diva_state **states, int count) {
  for (int i = 0; states && i < count; i++) {
    diva_state_destroy(states[i]);
  }
  free(states);
}

static enum diva_status read_states(const struct cli_request *request, struct diva_state ***out,
                                    struct diva_error *error) {
  const int count = request->file_count;
  struct diva_state **states = calloc((size_t)count, sizeof *states);
  enum diva_status status =
      states ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %d states", count);
  for (int i = 0; i < count && !status; i++) {
    status = diva_state_read(request->files[i], &states[i], error);
  }
  *out = states;
  return status;
}

/* Text that is not UTF-8 is left out as null. */
static json_t *text_json(const char *text) {
  json_t *value = text ? json_string(text) : NULL;
  return value ? value : json_null();
}

/* What was merged; each state has the provenance of its own rows. */
static enum diva_status make_provenance(const struct cli_request *request,
                                        struct diva_state *const *states, char **out,
                                        struct diva_error *error) {
  json_t *record = json_object();
  json_t *line = json_array();
  json_t *inputs = json_array();
  for (int i = 0; i < request->argument_count; i++) {
    json_array_append_new(line, text_json(request->arguments[i]));
  }
  for (int i = 0; i < request->file_count; i++) {
    struct diva_state_info info;
    diva_state_describe(states[i], &info);
    json_array_append_new(
        inputs, json_pack("{s:o, s:s, s:o}", "path", text_json(info.path), "checksum",
                          info.checksum, "provenance",
                          info.provenance ? json_loads(info.provenance, 0, NULL) : json_null()));
  }
  json_object_set_new(record, "version", json_string(diva_version()));
  json_object_set_new(record, "command_line", line);
  json_object_set_new(record, "merged", inputs);
  *out = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
  json_decref(record);
  return *out ? DIVA_OK
              : diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the provenance");
}

static enum diva_status merge(const struct cli_request *request, struct diva_state *const *states,
                              struct diva_state **out, struct diva_error *error) {
  char *provenance = NULL;
  enum diva_status status =
      diva_state_merge((const struct diva_state *const *)states, request->file_count, out, error);
  if (!status) {
    status = make_provenance(request, states, &provenance, error);
  }
  if (!status) {
    status = diva_state_write(*out, request->settings->output, NULL, provenance, error);
  }
  free(provenance);
  return status;
}

static enum diva_status run(const struct cli_request *request, struct diva_error *error) {
  const struct cli_settings *settings = request->settings;
  struct diva_state **states = NULL;
  struct diva_state *merged = NULL;
  struct cli_meter meter;
  cli_meter_start(&meter, settings->quiet);
  enum diva_status status = cli_state_check_output(request, "merge", NULL, NULL, error);
  if (!status) {
    status = read_states(request, &states, error);
  }
  if (!status) {
    status = merge(request, states, &merged, error);
  }
  if (!status && settings->json) {
    status = cli_state_print_json(stdout, merged, settings->output, error);
  }
  if (!status && !settings->quiet) {
    cli_state_print(stderr, merged, settings->output);
    fprintf(stderr, "merged %d states; %.1f s\n", request->file_count, cli_meter_seconds(&meter));
  }
  diva_state_destroy(merged);
  close_states(states, request->file_count);
  return status;
}

static const struct cli_option_group *const groups[] = {&cli_group_state_out, &cli_group_words,
                                                        NULL};

static const struct cli_example examples[] = {
    {"diva merge part-*.state -o whole.state", "the state of all shards together"}, {NULL, NULL}};

const struct cli_command cli_command_merge = {
    .name = "merge",
    .files = "A.state B.state...",
    .purpose = "Merge the states of shards into the state of the whole.",
    .description =
        "Ids must be disjoint; where no state has ids, rows are numbered on. Width, element type, "
        "classes, scale, intercept and a lambda that was asked for must agree. Leave-one-out "
        "scores are of the whole alone: the merged state has none.",
    .groups = groups,
    .examples = examples,
    .minimum_files = 2,
    .maximum_files = INT_MAX,
    .run = run};
