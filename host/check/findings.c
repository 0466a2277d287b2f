/* Findings held against a policy, and the memory of their texts. */
#include "findings.h"

#include "host/core/core.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts one after the other; the newest block is the one that is filled. */
struct diva_check_block {
  struct diva_check_block *previous;
  int64_t size, used;
  char bytes[];
};

enum { BLOCK_BYTES = 1 << 16, LINE_BYTES = 1024 };

void diva_check_findings_init(struct diva_check_findings *findings,
                              const struct diva_policy *policy, const char *today, bool alone) {
  *findings = (struct diva_check_findings){.policy = policy, .today = today, .alone = alone};
  for (int64_t i = 0; i < policy->waiver_count; i++) {
    if (policy->waivers[i].id) {
      findings->waives_rows[policy->waivers[i].rule] = true;
    }
  }
}

void diva_check_findings_free(struct diva_check_findings *findings) {
  for (int r = 0; r < DIVA_RULES; r++) {
    free(findings->rules[r].findings);
    free(findings->rules[r].rows);
  }
  while (findings->texts) {
    struct diva_check_block *previous = findings->texts->previous;
    free(findings->texts);
    findings->texts = previous;
  }
  *findings = (struct diva_check_findings){0};
}

static enum diva_status add_block(struct diva_check_findings *findings, int64_t length,
                                  struct diva_error *error) {
  struct diva_check_block *block = NULL;
  const int64_t size = length > BLOCK_BYTES ? length : BLOCK_BYTES;
  const enum diva_status status =
      diva_allocate(1, (int64_t)sizeof *block + size, "findings", (void **)&block, error);
  if (status == DIVA_OK) {
    *block = (struct diva_check_block){.previous = findings->texts, .size = size};
    findings->texts = block;
  }
  return status;
}

enum diva_status diva_check_text(struct diva_check_findings *findings, const char *text,
                                 const char **out, struct diva_error *error) {
  *out = NULL;
  if (!text) {
    return DIVA_OK;
  }
  const int64_t length = (int64_t)strlen(text) + 1;
  if (!findings->texts || findings->texts->size - findings->texts->used < length) {
    const enum diva_status status = add_block(findings, length, error);
    if (status != DIVA_OK) {
      return status;
    }
  }
  char *copy = findings->texts->bytes + findings->texts->used;
  memcpy(copy, text, (size_t)length);
  findings->texts->used += length;
  *out = copy;
  return DIVA_OK;
}

/* Room for one more of `size` bytes. */
static enum diva_status make_room(void **array, int64_t count, int64_t *room, int64_t size,
                                  struct diva_error *error) {
  if (count < *room) {
    return DIVA_OK;
  }
  const int64_t wanted = *room > 0 ? 2 * *room : 16;
  void *grown = realloc(*array, (size_t)(wanted * size));
  if (!grown) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for %lld findings",
                          (long long)wanted);
  }
  *array = grown;
  *room = wanted;
  return DIVA_OK;
}

static bool reaches(double value, double limit) {
  return !isnan(limit) && value >= limit;
}

static enum diva_check_verdict judge(double value, struct diva_limits limits) {
  if (reaches(value, limits.fail)) {
    return DIVA_CHECK_FAIL;
  }
  return reaches(value, limits.warn) ? DIVA_CHECK_WARN : DIVA_CHECK_PASS;
}

struct diva_check_finding diva_check_finding_none(void) {
  const double none = (double)NAN;
  return (struct diva_check_finding){.value = none,
                                     .before = none,
                                     .after = none,
                                     .low = none,
                                     .high = none,
                                     .limits = {none, none}};
}

static void hold(const struct diva_check_findings *findings, enum diva_rule rule,
                 struct diva_check_finding *finding) {
  if (!finding->own_limits) {
    finding->limits = diva_policy_limits(findings->policy, rule, finding->subject, findings->alone);
  }
  finding->verdict = judge(finding->value, finding->limits);
  finding->waiver = NULL;
  if (finding->verdict != DIVA_CHECK_PASS) {
    finding->waiver =
        diva_policy_waiver(findings->policy, rule, NULL, finding->subject, findings->today);
    finding->verdict = finding->waiver ? DIVA_CHECK_PASS : finding->verdict;
  }
}

enum diva_status diva_check_find(struct diva_check_findings *findings, enum diva_rule rule,
                                 const struct diva_check_finding *finding, struct diva_error *error,
                                 const char *format, ...) {
  struct diva_check_ledger *ledger = &findings->rules[rule];
  struct diva_check_finding found = *finding;
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  enum diva_status status = make_room((void **)&ledger->findings, ledger->finding_count,
                                      &ledger->finding_room, sizeof found, error);
  if (status == DIVA_OK) {
    status = diva_check_text(findings, line, &found.message, error);
  }
  if (status == DIVA_OK) {
    status = diva_check_text(findings, finding->subject, &found.subject, error);
  }
  if (status == DIVA_OK) {
    hold(findings, rule, &found);
    ledger->findings[ledger->finding_count++] = found;
  }
  return status;
}

enum diva_status diva_check_name(struct diva_check_findings *findings, enum diva_rule rule,
                                 const struct diva_check_row *row, struct diva_error *error,
                                 const char *format, ...) {
  struct diva_check_ledger *ledger = &findings->rules[rule];
  struct diva_check_row named = *row;
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  enum diva_status status =
      make_room((void **)&ledger->rows, ledger->row_count, &ledger->row_room, sizeof named, error);
  if (status == DIVA_OK) {
    status = diva_check_text(findings, row->id, &named.id, error);
  }
  if (status == DIVA_OK) {
    status = diva_check_text(findings, row->subject, &named.subject, error);
  }
  if (status == DIVA_OK) {
    status = diva_check_text(findings, line, &named.reason, error);
  }
  if (status == DIVA_OK) {
    ledger->rows[ledger->row_count++] = named;
  }
  return status;
}

bool diva_check_is_waived(const struct diva_check_findings *findings, enum diva_rule rule,
                          const char *id) {
  return findings->waives_rows[rule] &&
         diva_policy_waiver(findings->policy, rule, id, NULL, findings->today);
}

bool diva_check_waives(struct diva_check_findings *findings, enum diva_rule rule, const char *id) {
  const bool waived = diva_check_is_waived(findings, rule, id);
  findings->rules[rule].waived_rows += waived;
  return waived;
}

enum diva_status diva_check_skip(struct diva_check_findings *findings, enum diva_rule rule,
                                 struct diva_error *error, const char *format, ...) {
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return diva_check_text(findings, line, &findings->rules[rule].skipped, error);
}

/* Largest value first, rows without one last, ties by index; rows that left after the others. */
static int compare_rows(const void *left, const void *right) {
  const struct diva_check_row *a = left;
  const struct diva_check_row *b = right;
  if (isnan(a->value) != isnan(b->value)) {
    return isnan(a->value) ? 1 : -1;
  }
  if (a->value > b->value || a->value < b->value) {
    return a->value > b->value ? -1 : 1;
  }
  if (a->index != b->index) {
    return (uint64_t)a->index < (uint64_t)b->index ? -1 : 1;
  }
  return strcmp(a->id, b->id);
}

static bool is_worse(const struct diva_check_finding *a, const struct diva_check_finding *b) {
  if (a->verdict != b->verdict) {
    return a->verdict > b->verdict;
  }
  return a->value > b->value || (isnan(b->value) && !isnan(a->value));
}

struct diva_check_result diva_check_conclude(struct diva_check_findings *findings,
                                             enum diva_rule rule) {
  struct diva_check_ledger *ledger = &findings->rules[rule];
  struct diva_check_result result = {.rule = rule,
                                     .findings = ledger->findings,
                                     .finding_count = ledger->finding_count,
                                     .rows = ledger->rows,
                                     .row_count = ledger->row_count,
                                     .waived_rows = ledger->waived_rows};
  if (!findings->policy->on[rule]) {
    result.verdict = DIVA_CHECK_OFF;
    result.message = "switched off by the policy";
    return result;
  }
  if (ledger->row_count > 1) {
    qsort(ledger->rows, (size_t)ledger->row_count, sizeof *ledger->rows, compare_rows);
  }
  if (ledger->finding_count == 0) {
    result.verdict = DIVA_CHECK_SKIPPED;
    result.message = ledger->skipped ? ledger->skipped : "there is nothing to look at";
    return result;
  }
  const struct diva_check_finding *worst = &ledger->findings[0];
  for (int64_t i = 1; i < ledger->finding_count; i++) {
    worst = is_worse(&ledger->findings[i], worst) ? &ledger->findings[i] : worst;
  }
  result.verdict = worst->verdict;
  result.message = worst->message;
  return result;
}
