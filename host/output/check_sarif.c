/** A check as SARIF 2.1.0, for the alerts of a code host: a result for each thing found and each
 * row, the worst rules first, as many as code hosts take. */
#include "check_forms.h"
#include "check_lines.h"
#include "check_words.h"

#include <diva/system.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What results are made from, in their order. `row` or `finding` is NULL. */
struct source {
  const struct diva_check_result *result;
  const struct diva_check_finding *finding;
  const struct diva_check_row *row;
};

struct sources {
  struct source items[DIVA_SARIF_RESULTS];
  int64_t count;
  int64_t cut; /* findings and rows that did not fit */
};

static void add_source(struct sources *sources, struct source source) {
  if (sources->count < DIVA_SARIF_RESULTS) {
    sources->items[sources->count++] = source;
  } else {
    sources->cut++;
  }
}

static void list_sources(struct sources *sources, const struct diva_check_report *report) {
  const struct diva_check_result *raised[DIVA_RULES];
  const int count = diva_check_raised(report->results, raised);
  for (int i = 0; i < count; i++) {
    for (int64_t f = 0; f < raised[i]->finding_count; f++) {
      if (diva_check_is_raised(raised[i]->findings[f].verdict)) {
        add_source(sources, (struct source){raised[i], &raised[i]->findings[f], NULL});
      }
    }
  }
  for (int i = 0; i < count; i++) {
    for (int64_t r = 0; r < raised[i]->row_count; r++) {
      add_source(sources, (struct source){raised[i], NULL, &raised[i]->rows[r]});
    }
  }
}

static void escape_none(struct diva_text *text, const char *bytes, int length) {
  diva_text_append(text, bytes, length);
}

static bool is_unreserved(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || (byte && strchr("-._~/", byte));
}

/* A path as a URI reference: relative to the root of the repository, or a file of the machine. */
static void append_uri(struct diva_text *text, const char *path) {
  char code[8];
  if (*path == '/') {
    diva_text_string(text, "file://");
  }
  while (strncmp(path, "./", 2) == 0) {
    path += 2;
  }
  for (; *path; path++) {
    const unsigned char byte = (unsigned char)*path;
    if (is_unreserved(byte)) {
      diva_text_append(text, path, 1);
    } else {
      snprintf(code, sizeof code, "%%%02X", byte);
      diva_text_string(text, code);
    }
  }
}

/* The text as JSON; frees it. NULL, which fails the whole, without memory. */
static json_t *take_string(struct diva_text *text) {
  json_t *const string = text->failed ? NULL : json_stringn(text->data, (size_t)text->length);
  diva_text_free(text);
  return string;
}

static json_t *uri_json(const char *path) {
  struct diva_text text = {0};
  append_uri(&text, path);
  return take_string(&text);
}

static json_t *text_json(const char *string) {
  struct diva_text text = {0};
  json_t *const message = json_object();
  diva_text_escaped(&text, string && *string ? string : "-", DIVA_SENTENCE_LENGTH, escape_none);
  json_object_set_new(message, "text", take_string(&text));
  return message;
}

static json_t *row_message(const struct diva_check_row *row) {
  struct diva_text text = {0};
  json_t *const message = json_object();
  diva_text_string(&text, "row '");
  diva_text_escaped(&text, row->id, DIVA_NAME_LENGTH, escape_none);
  diva_text_string(&text, "'");
  if (row->subject) {
    diva_text_string(&text, " (");
    diva_text_escaped(&text, row->subject, DIVA_NAME_LENGTH, escape_none);
    diva_text_string(&text, ")");
  }
  if (row->reason) {
    diva_text_string(&text, ": ");
    diva_text_escaped(&text, row->reason, DIVA_SENTENCE_LENGTH, escape_none);
  }
  json_object_set_new(message, "text", take_string(&text));
  return message;
}

/* What the result is about where there is no line to show. */
static json_t *logical_json(const struct source *source) {
  struct diva_text text = {0};
  json_t *const list = json_array();
  json_t *const location = json_object();
  const char *const subject = source->finding ? source->finding->subject : NULL;
  const char *const name = source->row ? source->row->id : subject ? subject : "dataset";
  diva_text_escaped(&text, *name ? name : "-", DIVA_NAME_LENGTH, escape_none);
  json_object_set_new(location, "name", take_string(&text));
  json_object_set_new(location, "kind",
                      json_string(source->row ? "row"
                                  : subject   ? "subject"
                                              : "dataset"));
  json_array_append_new(list, location);
  return list;
}

/* The line of the manifest where the row has one; else the dataset, of which code hosts want a line
 * too, with the row as its logical location. */
static json_t *locations_json(const struct diva_check_report *report, const struct source *source,
                              int64_t line) {
  json_t *const artifact = json_object();
  json_t *const region = json_object();
  json_t *const physical = json_object();
  json_t *const location = json_object();
  json_t *const list = json_array();
  json_object_set_new(artifact, "uri",
                      uri_json(line > 0 ? report->manifest : diva_check_path(report->dataset)));
  json_object_set_new(region, "startLine", json_integer(line > 0 ? line : 1));
  json_object_set_new(physical, "artifactLocation", artifact);
  json_object_set_new(physical, "region", region);
  json_object_set_new(location, "physicalLocation", physical);
  json_object_set_new(location, "logicalLocations", logical_json(source));
  json_array_append_new(list, location);
  return list;
}

/* FNV-1a, also over the terminator. */
static uint64_t hash(uint64_t state, const char *string) {
  do {
    state = (state ^ (unsigned char)*string) * 1099511628211u;
  } while (*string++);
  return state;
}

/* The same thing found in another version of the dataset keeps its alert: rule and row or subject,
 * and nothing of lines or figures. It goes under the name that code hosts read. */
static json_t *fingerprint_json(const struct source *source) {
  const char *const subject = source->finding ? source->finding->subject : NULL;
  char digits[32];
  uint64_t state = hash(14695981039346656037u, diva_rule_id(source->result->rule));
  state = hash(state, source->row ? "row" : "subject");
  state = hash(state, source->row ? source->row->id : subject ? subject : "");
  snprintf(digits, sizeof digits, "%016llx:1", (unsigned long long)state);
  json_t *const prints = json_object();
  json_object_set_new(prints, "primaryLocationLineHash", json_string(digits));
  return prints;
}

static json_t *level_json(enum diva_check_verdict verdict) {
  return json_string(verdict == DIVA_CHECK_FAIL ? "error" : "warning");
}

static json_t *result_json(const struct diva_check_report *report, const struct source *source,
                           int64_t line) {
  json_t *const entry = json_object();
  json_object_set_new(entry, "ruleId", json_string(diva_rule_id(source->result->rule)));
  json_object_set_new(entry, "ruleIndex", json_integer(source->result->rule));
  if (source->finding) {
    json_object_set_new(entry, "level", level_json(source->finding->verdict));
    json_object_set_new(entry, "message", text_json(source->finding->message));
  } else {
    json_object_set_new(entry, "level", level_json(source->result->verdict));
    json_object_set_new(entry, "message", row_message(source->row));
  }
  json_object_set_new(entry, "locations", locations_json(report, source, line));
  json_object_set_new(entry, "partialFingerprints", fingerprint_json(source));
  return entry;
}

static enum diva_status add_results(json_t *run, const struct diva_check_report *report,
                                    const struct sources *sources, struct diva_error *error) {
  const struct diva_check_row *rows[DIVA_SARIF_RESULTS];
  int64_t lines[DIVA_SARIF_RESULTS];
  for (int64_t i = 0; i < sources->count; i++) {
    rows[i] = sources->items[i].row;
  }
  const enum diva_status status =
      diva_check_lines_find(report->manifest, rows, sources->count, lines, error);
  if (status) {
    return status;
  }
  json_t *const results = json_array();
  for (int64_t i = 0; i < sources->count; i++) {
    json_array_append_new(results, result_json(report, &sources->items[i], lines[i]));
  }
  json_object_set_new(run, "results", results);
  return DIVA_OK;
}

static json_t *rule_json(enum diva_rule rule) {
  json_t *const entry = json_object();
  json_t *const configuration = json_object();
  struct diva_text help = {0};
  json_t *const help_json = json_object();
  diva_text_string(&help, diva_rule_purpose(rule));
  diva_text_string(&help, ". Its limits, and waivers of single rows, stand in the policy under '");
  diva_text_string(&help, diva_rule_id(rule));
  diva_text_string(&help, "'; 'diva check --init' writes one.");
  json_object_set_new(help_json, "text", take_string(&help));
  json_object_set_new(configuration, "level", json_string("warning"));
  json_object_set_new(entry, "id", json_string(diva_rule_id(rule)));
  json_object_set_new(entry, "shortDescription", text_json(diva_rule_purpose(rule)));
  json_object_set_new(entry, "fullDescription", text_json(diva_rule_purpose(rule)));
  json_object_set_new(entry, "help", help_json);
  json_object_set_new(entry, "defaultConfiguration", configuration);
  return entry;
}

static json_t *tool_json(void) {
  json_t *const tool = json_object();
  json_t *const driver = json_object();
  json_t *const rules = json_array();
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    json_array_append_new(rules, rule_json((enum diva_rule)rule));
  }
  json_object_set_new(driver, "name", json_string("diva check"));
  json_object_set_new(driver, "version", json_string(diva_version()));
  json_object_set_new(driver, "semanticVersion", json_string(diva_version()));
  json_object_set_new(driver, "rules", rules);
  json_object_set_new(tool, "driver", driver);
  return tool;
}

/* What was cut is said, for a list that ends looks like all there is. */
static json_t *notifications_json(int64_t cut) {
  char sentence[160];
  json_t *const list = json_array();
  if (cut > 0) {
    json_t *const entry = json_object();
    snprintf(sentence, sizeof sentence,
             "%lld further results were left out: code hosts show %d of a run; --json has all",
             (long long)cut, DIVA_SARIF_RESULTS);
    json_object_set_new(entry, "level", json_string("warning"));
    json_object_set_new(entry, "message", text_json(sentence));
    json_array_append_new(list, entry);
  }
  return list;
}

static json_t *invocations_json(const struct diva_check_report *report, int64_t cut) {
  json_t *const list = json_array();
  json_t *const entry = json_object();
  json_object_set_new(entry, "executionSuccessful", json_true());
  json_object_set_new(
      entry, "exitCode",
      json_integer(diva_check_exit_code(report->summary->verdict, report->strict_warnings)));
  json_object_set_new(entry, "toolExecutionNotifications", notifications_json(cut));
  json_array_append_new(list, entry);
  return list;
}

static enum diva_status dump(const struct diva_check_report *report, const struct sources *sources,
                             char **out, struct diva_error *error) {
  json_t *const log = json_object();
  json_t *const runs = json_array();
  json_t *const run = json_object();
  json_object_set_new(log, "$schema", json_string("https://json.schemastore.org/sarif-2.1.0.json"));
  json_object_set_new(log, "version", json_string("2.1.0"));
  json_object_set_new(run, "tool", tool_json());
  json_object_set_new(run, "invocations", invocations_json(report, sources->cut));
  json_object_set_new(run, "columnKind", json_string("unicodeCodePoints"));
  enum diva_status status = add_results(run, report, sources, error);
  json_array_append_new(runs, run);
  json_object_set_new(log, "runs", runs);
  if (!status) {
    *out = json_dumps(log, JSON_COMPACT);
    status = *out ? DIVA_OK
                  : diva_error_set(error, DIVA_ERROR_RESOURCE,
                                   "out of memory for the SARIF of the check");
  }
  json_decref(log);
  return status;
}

enum diva_status diva_check_form_sarif(const struct diva_check_report *report, char **out,
                                       struct diva_error *error) {
  struct sources *const sources = calloc(1, sizeof *sources);
  if (!sources) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the SARIF of the check");
  }
  list_sources(sources, report);
  const enum diva_status status = dump(report, sources, out, error);
  free(sources);
  return status;
}
