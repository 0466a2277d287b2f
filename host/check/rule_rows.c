/* Rows that left, and rows whose label changed. */
#include "run.h"

#include "host/core/core.h"

#include <math.h>

static const char *matched_by(const struct diva_check_run *run) {
  return run->match.by_id ? "" : " (there are no ids: rows are known by their number)";
}

static enum diva_status name_removed(struct diva_check_run *run, int64_t *removed,
                                     struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t j = 0; j < run->before.rows && status == DIVA_OK; j++) {
    char scratch[DIVA_ID_SCRATCH_SIZE];
    struct diva_check_row row = diva_check_row_of(&run->before, j, scratch);
    if (run->match.after_of[j] >= 0 || diva_check_waives(run->findings, DIVA_RULE_IDS, row.id)) {
      continue;
    }
    ++*removed;
    row.index = -1;
    status = diva_check_name(run->findings, DIVA_RULE_IDS, &row, error,
                             "row %lld of the baseline is not there any more", (long long)j);
  }
  return status;
}

enum diva_status diva_check_ids(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_check_match *match = &run->match;
  struct diva_check_finding finding = diva_check_finding_none();
  int64_t removed = 0;
  if (!run->has_baseline) {
    return diva_check_skip(run->findings, DIVA_RULE_IDS, error, "there is no baseline");
  }
  const enum diva_status status = name_removed(run, &removed, error);
  finding.value = (double)removed / (double)run->before.rows;
  finding.before = (double)run->before.rows;
  finding.after = (double)run->after.rows;
  return status == DIVA_OK
             ? diva_check_find(run->findings, DIVA_RULE_IDS, &finding, error,
                               "%lld of %lld rows left (%.2f %%), %lld were added, %lld have other "
                               "features%s",
                               (long long)match->removed, (long long)run->before.rows,
                               100.0 * (double)match->removed / (double)run->before.rows,
                               (long long)match->added, (long long)match->changed, matched_by(run))
             : status;
}

/* How labels changed. */
struct relabelling {
  int64_t kept;       /* rows with a label both times */
  int64_t relabelled; /* of these, with another one; waived ones are in neither */
  int64_t labelled, unlabelled;
};

static enum diva_status name_relabelled(struct diva_check_run *run, int64_t i,
                                        struct relabelling *found, struct diva_error *error) {
  char scratch[DIVA_ID_SCRATCH_SIZE];
  char now[DIVA_ID_SCRATCH_SIZE];
  char then[DIVA_ID_SCRATCH_SIZE];
  const int32_t label = run->after.classes[i];
  const int32_t given = run->before.classes[run->match.before_of[i]];
  struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
  if (diva_check_waives(run->findings, DIVA_RULE_RELABELLED, row.id)) {
    found->kept--;
    return DIVA_OK;
  }
  found->relabelled++;
  row.subject = diva_check_class_name(&run->after, &run->before, &run->match, label, now);
  return diva_check_name(
      run->findings, DIVA_RULE_RELABELLED, &row, error, "label '%s', was '%s'", row.subject,
      diva_check_class_name(&run->after, &run->before, &run->match, given, then));
}

static enum diva_status compare_labels(struct diva_check_run *run, struct relabelling *found,
                                       struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < run->after.rows && status == DIVA_OK; i++) {
    const int64_t j = run->match.before_of[i];
    if (j < 0) {
      continue;
    }
    const int32_t label = run->after.classes[i];
    const int32_t given = run->before.classes[j];
    found->kept += label >= 0 && given >= 0;
    found->labelled += label >= 0 && given < 0;
    found->unlabelled += label < 0 && given >= 0;
    if (label >= 0 && given >= 0 && label != given) {
      status = name_relabelled(run, i, found, error);
    }
  }
  return status;
}

enum diva_status diva_check_relabelled(struct diva_check_run *run, struct diva_error *error) {
  struct relabelling found = {0};
  struct diva_check_finding finding = diva_check_finding_none();
  if (!run->has_baseline) {
    return diva_check_skip(run->findings, DIVA_RULE_RELABELLED, error, "there is no baseline");
  }
  if (!run->after.labels || !run->before.labels) {
    return diva_check_skip(run->findings, DIVA_RULE_RELABELLED, error,
                           "a dataset of targets has no labels");
  }
  if (!run->match.by_id && 2 * run->match.changed > run->match.kept) {
    return diva_check_skip(run->findings, DIVA_RULE_RELABELLED, error,
                           "there are no ids, and %lld of %lld rows of the same number have other "
                           "features: they are other rows",
                           (long long)run->match.changed, (long long)run->match.kept);
  }
  const enum diva_status status = compare_labels(run, &found, error);
  finding.value = found.kept > 0 ? (double)found.relabelled / (double)found.kept : 0.0;
  return status == DIVA_OK
             ? diva_check_find(run->findings, DIVA_RULE_RELABELLED, &finding, error,
                               "%lld of %lld rows kept have another label (%.2f %%); %lld were "
                               "labelled, %lld lost their label%s",
                               (long long)found.relabelled, (long long)found.kept,
                               100.0 * finding.value, (long long)found.labelled,
                               (long long)found.unlabelled, matched_by(run))
             : status;
}
