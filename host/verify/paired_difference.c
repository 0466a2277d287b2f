/* The difference of two error rates on the same test rows, with a 95 % interval. */
#include "paired_difference.h"

#include <math.h>

const char *diva_verdict_name(enum diva_verdict verdict) {
  static const char *const names[] = {[DIVA_VERDICT_BETTER] = "better",
                                      [DIVA_VERDICT_NO_CHANGE] = "no measurable change",
                                      [DIVA_VERDICT_WORSE] = "worse"};
  return names[verdict];
}

/* Test rows by what became of them, each as much as it counts: all together as many as rows that
 * count alike would be worth. */
struct tally {
  double rows, both, mended, broken;
};

static struct tally take_tally(const uint8_t *before, const uint8_t *after, const double *counts,
                               int64_t count) {
  struct tally tally = {0};
  double squares = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double u = counts ? counts[i] : 1.0;
    tally.rows += u;
    squares += u * u;
    tally.both += before[i] && after[i] ? u : 0.0;
    tally.mended += before[i] && !after[i] ? u : 0.0;
    tally.broken += !before[i] && after[i] ? u : 0.0;
  }
  const double scale = tally.rows / squares;
  return (struct tally){.rows = scale * tally.rows,
                        .both = scale * tally.both,
                        .mended = scale * tally.mended,
                        .broken = scale * tally.broken};
}

/* One more mistake of each kind keeps the interval honest where mistakes are few: six against none
 * are the least that show a difference, as in McNemar's exact test. */
static void set_interval(const struct tally *tally, struct diva_verification *out) {
  const double quantile = 1.959963984540054;
  const double rows = tally->rows + 2.0;
  const double p = (tally->broken + 1.0) / rows;
  const double q = (tally->mended + 1.0) / rows;
  const double reach = quantile * sqrt((p + q - (p - q) * (p - q)) / rows);
  out->low = fmax(p - q - reach, -1.0);
  out->high = fmin(p - q + reach, 1.0);
}

void diva_paired_difference(const uint8_t *before, const uint8_t *after, const double *counts,
                            int64_t count, struct diva_verification *out) {
  const struct tally tally = take_tally(before, after, counts, count);
  out->test_rows = count;
  out->mended = 0;
  out->broken = 0;
  for (int64_t i = 0; i < count; i++) {
    out->mended += before[i] && !after[i];
    out->broken += !before[i] && after[i];
  }
  out->error_before = (tally.both + tally.mended) / tally.rows;
  out->error_after = (tally.both + tally.broken) / tally.rows;
  out->difference = (tally.broken - tally.mended) / tally.rows;
  set_interval(&tally, out);
  out->verdict = out->high < 0.0  ? DIVA_VERDICT_BETTER
                 : out->low > 0.0 ? DIVA_VERDICT_WORSE
                                  : DIVA_VERDICT_NO_CHANGE;
}
