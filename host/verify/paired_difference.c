/* The difference of two error rates on the same test rows, with a 95 % interval. */
#include "paired_difference.h"

#include <math.h>

const char *diva_verdict_name(enum diva_verdict verdict) {
  static const char *const names[] = {[DIVA_VERDICT_BETTER] = "better",
                                      [DIVA_VERDICT_NO_CHANGE] = "no measurable change",
                                      [DIVA_VERDICT_WORSE] = "worse"};
  return names[verdict];
}

/* One more mistake of each kind keeps the interval honest where mistakes are few: six against none
 * are the least that show a difference, as in McNemar's exact test. */
static void set_interval(struct diva_verification *out) {
  const double quantile = 1.959963984540054;
  const double rows = (double)out->test_rows + 2.0;
  const double p = ((double)out->broken + 1.0) / rows;
  const double q = ((double)out->mended + 1.0) / rows;
  const double reach = quantile * sqrt((p + q - (p - q) * (p - q)) / rows);
  out->low = fmax(p - q - reach, -1.0);
  out->high = fmin(p - q + reach, 1.0);
}

void diva_paired_difference(const uint8_t *before, const uint8_t *after, int64_t count,
                            struct diva_verification *out) {
  int64_t both = 0;
  out->test_rows = count;
  out->mended = 0;
  out->broken = 0;
  for (int64_t i = 0; i < count; i++) {
    both += before[i] && after[i];
    out->mended += before[i] && !after[i];
    out->broken += !before[i] && after[i];
  }
  out->error_before = (double)(both + out->mended) / (double)count;
  out->error_after = (double)(both + out->broken) / (double)count;
  out->difference = (double)(out->broken - out->mended) / (double)count;
  set_interval(out);
  out->verdict = out->high < 0.0  ? DIVA_VERDICT_BETTER
                 : out->low > 0.0 ? DIVA_VERDICT_WORSE
                                  : DIVA_VERDICT_NO_CHANGE;
}
