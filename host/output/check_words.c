/** What the forms of a check's report share. */
#include "check_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int severity(enum diva_check_verdict verdict) {
  return verdict == DIVA_CHECK_FAIL ? 2 : verdict == DIVA_CHECK_WARN ? 1 : 0;
}

static bool is_worse(const struct diva_check_finding *a, const struct diva_check_finding *b) {
  return severity(a->verdict) != severity(b->verdict) ? severity(a->verdict) > severity(b->verdict)
                                                      : a->value > b->value;
}

const struct diva_check_finding *diva_check_worst(const struct diva_check_result *result) {
  const struct diva_check_finding *worst = NULL;
  for (int64_t i = 0; i < result->finding_count; i++) {
    const struct diva_check_finding *const finding = &result->findings[i];
    if (result->message && finding->message && strcmp(finding->message, result->message) == 0) {
      return finding;
    }
    if (!worst || is_worse(finding, worst)) {
      worst = finding;
    }
  }
  return worst;
}

bool diva_check_is_raised(enum diva_check_verdict verdict) {
  return verdict == DIVA_CHECK_WARN || verdict == DIVA_CHECK_FAIL;
}

int diva_check_raised(const struct diva_check_result *results,
                      const struct diva_check_result *out[DIVA_RULES]) {
  static const enum diva_check_verdict order[] = {DIVA_CHECK_FAIL, DIVA_CHECK_WARN};
  int count = 0;
  for (int o = 0; o < 2; o++) {
    for (int rule = 0; rule < DIVA_RULES; rule++) {
      if (results[rule].verdict == order[o]) {
        out[count++] = &results[rule];
      }
    }
  }
  return count;
}

int diva_check_exit_code(enum diva_check_verdict verdict, bool strict_warnings) {
  if (verdict == DIVA_CHECK_FAIL) {
    return 2;
  }
  return verdict == DIVA_CHECK_WARN && strict_warnings ? 1 : 0;
}

void diva_text_figure(struct diva_text *text, double value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%.4g", value);
  diva_text_string(text, isnan(value) ? "-" : digits);
}

void diva_text_percent(struct diva_text *text, double share) {
  char digits[32];
  snprintf(digits, sizeof digits, "%.2f %%", 100 * share);
  diva_text_string(text, digits);
}

void diva_text_escaped(struct diva_text *text, const char *string, int most,
                       diva_text_escape escape) {
  static const char unknown[] = "\xef\xbf\xbd";
  const char *const start = string;
  while (string && *string) {
    const int length = diva_utf8_length(string);
    if (most && string - start + (length ? length : 1) > most) {
      diva_text_string(text, "...");
      return;
    }
    escape(text, length ? string : unknown, length ? length : (int)strlen(unknown));
    string += length ? length : 1;
  }
}

bool diva_text_begins_command(const struct diva_text *text, const char *bytes) {
  int64_t at = text->length - 1;
  if (*bytes != ':' || at < 0 || text->data[at] != ':') {
    return false;
  }
  while (--at >= 0 && text->data[at] != '\n') {
    if (text->data[at] > ' ' && text->data[at] < 0x7f) {
      return false;
    }
  }
  return true;
}

/* C1 controls are two bytes, c2 80 to c2 9f: a terminal may obey them too. Runners of CI take
 * "##[" anywhere in a line for a command. */
static void escape_plain(struct diva_text *text, const char *bytes, int length) {
  const unsigned char first = (unsigned char)bytes[0];
  const bool control = length == 1 && (first < 0x20 || first == 0x7f);
  const bool control_of_two = length == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0;
  const bool command =
      *bytes == '[' && text->length >= 2 && memcmp(text->data + text->length - 2, "##", 2) == 0;
  if (control || control_of_two || command || diva_text_begins_command(text, bytes)) {
    diva_text_string(text, "?");
  } else {
    diva_text_append(text, bytes, length);
  }
}

void diva_text_plain(struct diva_text *text, const char *string, int most) {
  diva_text_escaped(text, string, most, escape_plain);
}

void diva_text_counts(struct diva_text *text, const struct diva_check_summary *summary) {
  static const struct {
    enum diva_check_verdict verdict;
    const char *word;
  } parts[] = {{DIVA_CHECK_FAIL, " failed"},
               {DIVA_CHECK_WARN, " warned"},
               {DIVA_CHECK_PASS, " passed"},
               {DIVA_CHECK_SKIPPED, " skipped"},
               {DIVA_CHECK_OFF, " off"}};
  const char *before = "";
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (summary->counts[parts[i].verdict] > 0) {
      diva_text_string(text, before);
      diva_text_integer(text, summary->counts[parts[i].verdict]);
      diva_text_string(text, parts[i].word);
      before = ", ";
    }
  }
}

const char *diva_check_path(const struct diva_dataset *dataset) {
  const char *const path = dataset ? diva_dataset_path(dataset, 0) : NULL;
  return path ? path : "dataset in memory";
}

const char *diva_check_outputs_word(const struct diva_check_report *report) {
  struct diva_dataset_info info;
  if (!report->dataset) {
    return "outputs";
  }
  diva_dataset_describe(report->dataset, &info);
  return info.has_targets ? "targets" : "classes";
}

enum diva_status diva_text_release(struct diva_text *text, char **out, struct diva_error *error) {
  diva_text_append(text, "", 1);
  if (text->failed) {
    diva_text_free(text);
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a report of the check");
  }
  *out = text->data;
  *text = (struct diva_text){0};
  return DIVA_OK;
}
