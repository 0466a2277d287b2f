/* Figures in findings and in words. */
#include "run.h"

#include <math.h>
#include <stdio.h>

double diva_check_width(const struct diva_check_run *run, int64_t tests) {
  return diva_interval_width(run->options->policy.confidence, tests);
}

struct diva_check_finding diva_check_change(const struct diva_mean_change *change, double z) {
  struct diva_check_finding finding = diva_check_finding_none();
  finding.before = change->before;
  finding.after = change->after;
  finding.low = change->difference - z * change->error;
  finding.high = change->difference + z * change->error;
  finding.value = finding.low;
  return finding;
}

void diva_check_change_words(const struct diva_check_finding *finding,
                             char words[DIVA_CHECK_WORDS]) {
  snprintf(words, DIVA_CHECK_WORDS, "%.2f %%, was %.2f %% (%+.2f points; interval %+.2f to %+.2f)",
           100.0 * finding->after, 100.0 * finding->before,
           100.0 * (finding->after - finding->before), 100.0 * finding->low, 100.0 * finding->high);
}

struct diva_check_row diva_check_row_of(const struct diva_check_version *version, int64_t row,
                                        char scratch[DIVA_ID_SCRATCH_SIZE]) {
  return (struct diva_check_row){
      .index = row, .id = diva_check_id(version, row, scratch), .value = (double)NAN};
}
