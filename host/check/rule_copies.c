/* Near-duplicates inside this version, against those inside the baseline. */
#include "copies.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

/* The rows of one version by group. */
struct copies {
  int32_t *codes; /* rows (owned) */
  int64_t *first; /* of each code: its first row; of its kept rows where there is one (owned) */
  double *later;  /* rows: 1 for one that has another before it in its group (owned) */
};

static void free_copies(struct copies *copies) {
  free(copies->codes);
  free(copies->first);
  free(copies->later);
}

static enum diva_status find_copies(const struct diva_check_run *run,
                                    const struct diva_check_version *version, struct copies *copies,
                                    struct diva_error *error) {
  const int64_t rows = version->rows;
  enum diva_status status = diva_allocate(rows, sizeof *copies->codes, "groups of near-duplicates",
                                          (void **)&copies->codes, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *copies->first, "groups of near-duplicates",
                           (void **)&copies->first, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *copies->later, "near-duplicates", (void **)&copies->later,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_check_copies(run, version->dataset, version->content.row_hash, rows,
                               copies->codes, error);
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    copies->first[i] = -1;
  }
  for (int64_t i = 0; i < rows && status == DIVA_OK; i++) {
    const int32_t code = copies->codes[i];
    copies->later[i] = (double)(code >= 0 && copies->first[code] >= 0);
    if (code >= 0 && copies->first[code] < 0) {
      copies->first[code] = i;
    }
  }
  return status;
}

/* New to the baseline: added, or of other features. */
static bool is_news(const struct diva_check_run *run, int64_t i) {
  return !run->has_baseline || !diva_check_is_same(&run->after, &run->before, &run->match, i);
}

/* Of each group that has such a row, the first that was there already stands for the group. */
static void prefer_kept(const struct diva_check_run *run, struct copies *copies) {
  for (int64_t i = run->after.rows - 1; i >= 0 && run->has_baseline; i--) {
    if (copies->codes[i] >= 0 && !is_news(run, i)) {
      copies->first[copies->codes[i]] = i;
    }
  }
}

/* Names each row but the one that stands for its group; with a baseline only what is new to it. */
static enum diva_status name_copies(struct diva_check_run *run, struct copies *copies,
                                    struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  prefer_kept(run, copies);
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    char other[DIVA_ID_SCRATCH_SIZE];
    const int32_t code = copies->codes[i];
    if (code < 0 || copies->first[code] == i || !is_news(run, i)) {
      continue;
    }
    struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
    if (diva_check_waives(run->findings, DIVA_RULE_NEAR_DUPLICATES, row.id)) {
      copies->later[i] = (double)NAN;
      continue;
    }
    const int64_t partner = copies->first[code];
    const bool equal = run->after.content.row_hash[i] == run->after.content.row_hash[partner];
    row.subject = diva_check_id(&run->after, partner, other);
    status = diva_check_name(run->findings, DIVA_RULE_NEAR_DUPLICATES, &row, error,
                             "%s of row '%s' (row %lld)", equal ? "copy" : "near-duplicate",
                             row.subject, (long long)partner);
  }
  return status;
}

static enum diva_status compare_copies(struct diva_check_run *run, const struct copies *now,
                                       struct diva_error *error) {
  struct copies then = {0};
  struct diva_mean_change change;
  char words[DIVA_CHECK_WORDS];
  enum diva_status status = find_copies(run, &run->before, &then, error);
  const struct diva_mean_change_request request = diva_check_shares(run, now->later, then.later);
  if (status == DIVA_OK) {
    status = diva_mean_changes(&request, &change, error);
  }
  free_copies(&then);
  if (status != DIVA_OK) {
    return status;
  }
  const struct diva_check_finding finding = diva_check_change(&change, diva_check_width(run, 1));
  diva_check_change_words(&finding, words);
  return diva_check_find(run->findings, DIVA_RULE_NEAR_DUPLICATES, &finding, error,
                         "near-duplicates of earlier rows: %s", words);
}

/* Without a baseline, the share itself. */
static enum diva_status describe_copies(struct diva_check_run *run, const struct copies *now,
                                        struct diva_error *error) {
  struct diva_check_finding finding = diva_check_finding_none();
  double later = 0.0;
  double rows = 0.0;
  for (int64_t i = 0; i < run->after.rows; i++) {
    if (!isnan(now->later[i])) {
      later += now->later[i];
      rows += 1.0;
    }
  }
  finding.value = finding.after = rows > 0.0 ? later / rows : 0.0;
  finding.own_limits = true;
  finding.limits = diva_policy_limits(&run->options->policy, DIVA_RULE_NEAR_DUPLICATES, NULL, true);
  return diva_check_find(run->findings, DIVA_RULE_NEAR_DUPLICATES, &finding, error,
                         "%.0f rows (%.2f %%) are near-duplicates of earlier ones", later,
                         100.0 * finding.value);
}

enum diva_status diva_check_near_duplicates(struct diva_check_run *run, struct diva_error *error) {
  struct copies now = {0};
  if (run->blocked) {
    return diva_check_skip(run->findings, DIVA_RULE_NEAR_DUPLICATES, error, "%s", run->blocked);
  }
  enum diva_status status = find_copies(run, &run->after, &now, error);
  if (status == DIVA_OK) {
    status = name_copies(run, &now, error);
  }
  if (status == DIVA_OK) {
    status = run->before.dataset && run->before.content.faulty_rows == 0
                 ? compare_copies(run, &now, error)
                 : describe_copies(run, &now, error);
  }
  free_copies(&now);
  return status;
}
