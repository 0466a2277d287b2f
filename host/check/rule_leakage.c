/* Near-duplicates across training and target, and across splits. */
#include "copies.h"

#include "host/core/core.h"
#include "host/dataset/view.h"

#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_SIZE = 128 };

static bool is_waived(const struct diva_check_run *run, int64_t i) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  return diva_check_is_waived(run->findings, DIVA_RULE_LEAKAGE,
                              diva_check_id(&run->after, i, scratch));
}

/* The training row of each code: the first that is not waived, else the first; -1: none. */
static void first_rows(const struct diva_check_run *run, const int32_t *codes, int64_t *first,
                       int64_t count) {
  for (int64_t c = 0; c < count; c++) {
    first[c] = -1;
  }
  for (int64_t i = run->after.rows - 1; i >= 0; i--) {
    if (codes[i] >= 0) {
      first[codes[i]] = i;
    }
  }
  for (int64_t i = run->after.rows - 1; i >= 0; i--) {
    if (codes[i] >= 0 && !is_waived(run, i)) {
      first[codes[i]] = i;
    }
  }
}

/* A target row that training has seen: named is the training row, which can be taken out. */
static enum diva_status name_leak(struct diva_check_run *run, int64_t target_row, int64_t training,
                                  int64_t *leaks, struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char other[DIVA_ID_SCRATCH_SIZE];
  struct diva_check_row row = diva_check_row_of(&run->after, training, scratch);
  const bool equal =
      run->after.content.row_hash[training] == run->target.content.row_hash[target_row];
  if (diva_check_waives(run->findings, DIVA_RULE_LEAKAGE, row.id)) {
    return DIVA_OK;
  }
  ++*leaks;
  row.subject = diva_check_id(&run->target, target_row, other);
  return diva_check_name(run->findings, DIVA_RULE_LEAKAGE, &row, error,
                         "%s of target row '%s' (row %lld)", equal ? "copy" : "near-duplicate",
                         row.subject, (long long)target_row);
}

static enum diva_status judge_target(struct diva_check_run *run, const int32_t *codes,
                                     int64_t *first, struct diva_error *error) {
  const int64_t n = run->after.rows;
  const int64_t rows = n + run->target.rows;
  struct diva_check_finding finding = diva_check_finding_none();
  enum diva_status status = DIVA_OK;
  int64_t leaks = 0;
  first_rows(run, codes, first, rows);
  for (int64_t i = n; i < rows && status == DIVA_OK; i++) {
    const int64_t training = codes[i] >= 0 ? first[codes[i]] : -1;
    if (training >= 0) {
      status = name_leak(run, i - n, training, &leaks, error);
    }
  }
  finding.value = finding.after = (double)leaks / (double)run->target.rows;
  finding.subject = "target";
  return status == DIVA_OK
             ? diva_check_find(run->findings, DIVA_RULE_LEAKAGE, &finding, error,
                               "%lld of %lld target rows (%.2f %%) have a near-duplicate in "
                               "training",
                               (long long)leaks, (long long)run->target.rows, 100.0 * finding.value)
             : status;
}

static enum diva_status search_target(struct diva_check_run *run, struct diva_error *error) {
  const int64_t n = run->after.rows;
  const int64_t rows = n + run->target.rows;
  struct diva_dataset *view = NULL;
  uint64_t *hashes = NULL;
  int32_t *codes = NULL;
  int64_t *first = NULL;
  enum diva_status status =
      diva_allocate(rows, sizeof *hashes, "rows by content", (void **)&hashes, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *codes, "near-duplicates", (void **)&codes, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *first, "near-duplicates", (void **)&first, error);
  }
  if (status == DIVA_OK) {
    status = diva_view_open(run->after.dataset, run->target.dataset, NULL, &view, error);
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    hashes[i] = i < n ? run->after.content.row_hash[i] : run->target.content.row_hash[i - n];
  }
  if (status == DIVA_OK) {
    status = diva_check_copies(run, view, hashes, rows, codes, error);
  }
  if (status == DIVA_OK) {
    status = judge_target(run, codes, first, error);
  }
  diva_dataset_close(view);
  free(hashes);
  free(codes);
  free(first);
  return status;
}

/* The split of the most rows, which is what is trained on; -1: there is no split. */
static int32_t largest_split(const int32_t *split, int64_t rows, int64_t *counts) {
  int32_t largest = -1;
  for (int64_t i = 0; i < rows; i++) {
    if (split[i] >= 0) {
      counts[split[i]]++;
    }
  }
  for (int64_t i = 0; i < rows; i++) {
    if (split[i] >= 0 && (largest < 0 || counts[split[i]] > counts[largest])) {
      largest = split[i];
    }
  }
  return largest;
}

static void name_split(const struct diva_check_run *run, int32_t split, char text[SUBJECT_SIZE]) {
  const char *const *names = run->options->split_names;
  if (names) {
    snprintf(text, SUBJECT_SIZE, "'%s'", names[split]);
  } else {
    snprintf(text, SUBJECT_SIZE, "%d", split);
  }
}

/* A row outside the training split with a near-duplicate in it. */
static enum diva_status name_split_leak(struct diva_check_run *run, int64_t i, int64_t training,
                                        int64_t *leaks, struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char other[DIVA_ID_SCRATCH_SIZE];
  char own[SUBJECT_SIZE];
  char trained[SUBJECT_SIZE];
  struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
  if (diva_check_waives(run->findings, DIVA_RULE_LEAKAGE, row.id)) {
    return DIVA_OK;
  }
  ++*leaks;
  name_split(run, run->options->split[i], own);
  name_split(run, run->options->split[training], trained);
  row.subject = diva_check_id(&run->after, training, other);
  return diva_check_name(run->findings, DIVA_RULE_LEAKAGE, &row, error,
                         "split %s: near-duplicate of row '%s' (row %lld) in split %s", own,
                         row.subject, (long long)training, trained);
}

static enum diva_status judge_splits(struct diva_check_run *run, const int32_t *codes,
                                     int64_t *first, int32_t train, struct diva_error *error) {
  const int32_t *split = run->options->split;
  struct diva_check_finding finding = diva_check_finding_none();
  char name[SUBJECT_SIZE];
  int64_t others = 0;
  int64_t leaks = 0;
  enum diva_status status = DIVA_OK;
  for (int64_t i = run->after.rows - 1; i >= 0; i--) {
    others += split[i] >= 0 && split[i] != train;
    if (codes[i] >= 0 && split[i] == train) {
      first[codes[i]] = i;
    }
  }
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    const int64_t training = codes[i] >= 0 ? first[codes[i]] : -1;
    if (split[i] >= 0 && split[i] != train && training >= 0) {
      status = name_split_leak(run, i, training, &leaks, error);
    }
  }
  if (status != DIVA_OK || others == 0) {
    return status;
  }
  name_split(run, train, name);
  finding.value = finding.after = (double)leaks / (double)others;
  finding.subject = "split";
  return diva_check_find(run->findings, DIVA_RULE_LEAKAGE, &finding, error,
                         "%lld of %lld rows of other splits (%.2f %%) have a near-duplicate in "
                         "split %s, the largest",
                         (long long)leaks, (long long)others, 100.0 * finding.value, name);
}

static enum diva_status search_splits(struct diva_check_run *run, struct diva_error *error) {
  const int64_t n = run->after.rows;
  int64_t *counts = NULL;
  int64_t *first = NULL;
  int32_t *codes = NULL;
  enum diva_status status = diva_allocate(n, sizeof *counts, "splits", (void **)&counts, error);
  if (status == DIVA_OK) {
    status = diva_allocate(n, sizeof *codes, "near-duplicates", (void **)&codes, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(n, sizeof *first, "near-duplicates", (void **)&first, error);
  }
  for (int64_t i = 0; i < n && status == DIVA_OK; i++) {
    first[i] = -1;
    if (run->options->split[i] < -1 || run->options->split[i] >= n) {
      status = diva_error_set(error, DIVA_ERROR_USAGE, "split of row %lld is %d", (long long)i,
                              run->options->split[i]);
    }
  }
  const int32_t train = status == DIVA_OK ? largest_split(run->options->split, n, counts) : -1;
  if (status == DIVA_OK && train >= 0) {
    status =
        diva_check_copies(run, run->after.dataset, run->after.content.row_hash, n, codes, error);
  }
  if (status == DIVA_OK && train >= 0) {
    status = judge_splits(run, codes, first, train, error);
  }
  free(counts);
  free(codes);
  free(first);
  return status;
}

enum diva_status diva_check_leakage(struct diva_check_run *run, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (run->blocked || (!run->has_target && !run->options->split)) {
    return diva_check_skip(run->findings, DIVA_RULE_LEAKAGE, error, "%s",
                           run->blocked ? run->blocked : "there is no target set and no split");
  }
  if (run->has_target) {
    status = search_target(run, error);
  }
  if (status == DIVA_OK && run->options->split) {
    status = search_splits(run, error);
  }
  return status == DIVA_OK
             ? diva_check_skip(run->findings, DIVA_RULE_LEAKAGE, error, "every row is of one split")
             : status;
}
