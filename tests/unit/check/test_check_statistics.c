/* Intervals against simulation and textbook forms, the two-sample AUC against its definition. */
#include "versions.h"

#include "host/check/two_sample.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static double uniform01(struct reference_random *random) {
  return 0.5 * (reference_uniform(random) + 1.0);
}

Test(check_statistics, widths_are_normal_quantiles) {
  cr_expect(fabs(diva_interval_width(0.95, 1) - 1.959963984540054) < 1e-9);
  cr_expect(fabs(diva_interval_width(0.999, 1) - 3.290526731491895) < 1e-9);
  cr_expect(fabs(diva_interval_width(0.9, 10) - diva_interval_width(0.99, 1)) < 1e-9);
}

Test(check_statistics, share_low_is_wilsons) {
  /* Wilson's interval of 8 in 10 at z = 1.96: 0.4901 to 0.9433. */
  cr_expect(fabs(diva_share_low(8, 10, 1.96) - 0.4901) < 1e-4);
  cr_expect(diva_share_low(0, 10, 1.96) == 0.0 && diva_share_low(0, 0, 1.96) == 0.0);
  cr_expect(diva_share_low(5, 5, 3.29) > 0.25 && diva_share_low(5, 5, 3.29) < 0.5);
}

/* Without shared rows the error is that of two samples, with all of them that of pairs. */
Test(check_statistics, errors_are_the_textbook_ones_at_both_ends) {
  enum { N = 400, M = 300 };
  double after[N];
  double before[N];
  int64_t none[N];
  int64_t same[N];
  struct reference_random random = {3};
  struct diva_mean_change change;
  struct diva_error error;
  for (int i = 0; i < N; i++) {
    before[i] = uniform01(&random) < 0.2;
    after[i] = uniform01(&random) < 0.15 ? 1.0 - before[i] : before[i];
    none[i] = -1;
    same[i] = i;
  }
  struct diva_mean_change_request request = {.after = after,
                                             .before = before,
                                             .rows_after = N,
                                             .rows_before = M,
                                             .before_of = none,
                                             .codes = 1};
  cr_assert(diva_mean_changes(&request, &change, &error) == DIVA_OK);
  const double p = change.after;
  const double q = change.before;
  cr_expect(change.rows_after == N && change.rows_before == M && change.difference == p - q);
  cr_expect(fabs(change.error - sqrt(p * (1.0 - p) / N + q * (1.0 - q) / M)) < 1e-12);
  request.rows_before = N;
  request.before_of = same;
  cr_assert(diva_mean_changes(&request, &change, &error) == DIVA_OK);
  double squares = 0.0;
  for (int i = 0; i < N; i++) {
    const double apart = after[i] - before[i] - change.difference;
    squares += apart * apart;
  }
  cr_expect(fabs(change.error - sqrt(squares) / N) < 1e-12);
  request.unit = 1.0;
  cr_assert(diva_mean_changes(&request, &change, &error) == DIVA_OK);
  cr_expect(fabs(change.error - sqrt(squares + 2.0) / N) < 1e-12);
}

/* Rows without a value or of no code count nowhere; codes are apart. */
Test(check_statistics, codes_and_missing_values_keep_rows_apart) {
  const double after[] = {1.0, 0.0, (double)NAN, 1.0, 1.0, 0.0};
  const double before[] = {0.0, 0.0, 1.0, (double)NAN, 1.0};
  const int32_t codes_after[] = {0, 0, 0, 1, -1, 1};
  const int32_t codes_before[] = {0, 0, 1, 1, 1};
  const int64_t before_of[] = {0, 1, 2, 3, 4, -1};
  struct diva_mean_change changes[3];
  struct diva_error error;
  const struct diva_mean_change_request request = {.after = after,
                                                   .before = before,
                                                   .codes_after = codes_after,
                                                   .codes_before = codes_before,
                                                   .rows_after = 6,
                                                   .rows_before = 5,
                                                   .before_of = before_of,
                                                   .codes = 3};
  cr_assert(diva_mean_changes(&request, changes, &error) == DIVA_OK);
  cr_expect(changes[0].rows_after == 2 && changes[0].rows_before == 2);
  cr_expect(changes[0].after == 0.5 && changes[0].before == 0.0);
  cr_expect(changes[1].rows_after == 2 && changes[1].rows_before == 2);
  cr_expect(changes[1].after == 0.5 && changes[1].before == 1.0);
  cr_expect(changes[2].rows_after == 0 && isnan(changes[2].difference) && isnan(changes[2].error));
}

/* Versions that share 80 % of their rows, one in ten of which changes its value. */
static bool covers(struct reference_random *random, int64_t rows, double share, double z) {
  double *after = reference_allocate(rows, sizeof *after);
  double *before = reference_allocate(rows, sizeof *before);
  int64_t *before_of = reference_allocate(rows, sizeof *before_of);
  struct diva_mean_change change;
  struct diva_error error;
  for (int64_t i = 0; i < rows; i++) {
    before[i] = uniform01(random) < share;
    const bool fresh = i % 5 == 0 || uniform01(random) < 0.1;
    after[i] = fresh ? uniform01(random) < share : before[i];
    before_of[i] = i % 5 == 0 ? -1 : i;
  }
  const struct diva_mean_change_request request = {.after = after,
                                                   .before = before,
                                                   .rows_after = rows,
                                                   .rows_before = rows,
                                                   .before_of = before_of,
                                                   .codes = 1,
                                                   .unit = 1.0};
  cr_assert(diva_mean_changes(&request, &change, &error) == DIVA_OK);
  free(after);
  free(before);
  free(before_of);
  return fabs(change.difference) <= z * change.error;
}

Test(check_statistics, intervals_cover_as_often_as_they_say) {
  enum { TIMES = 4000 };
  const int64_t rows[] = {40, 200, 1000};
  const double shares[] = {0.02, 0.1, 0.4};
  struct reference_random random = {11};
  for (int r = 0; r < 3; r++) {
    for (int s = 0; s < 3; s++) {
      int missed = 0;
      for (int t = 0; t < TIMES; t++) {
        missed += !covers(&random, rows[r], shares[s], diva_interval_width(0.99, 1));
      }
      /* 40 expected; smoothing makes small counts err on the safe side. */
      cr_expect(missed <= 64, "%lld rows, share %g: %d of %d missed", (long long)rows[r], shares[s],
                missed, TIMES);
      cr_expect(rows[r] < 1000 || shares[s] < 0.1 || missed >= 20,
                "%lld rows, share %g: %d of %d missed", (long long)rows[r], shares[s], missed,
                TIMES);
    }
  }
}

/* What diva_check_run() prepares for the rules, over two versions. */
struct prepared {
  struct diva_check_options options;
  struct diva_check_run run;
};

static void prepare(struct prepared *prepared, struct version *after, struct version *before) {
  struct diva_error error;
  *prepared = (struct prepared){.options = version_options()};
  struct diva_check_run *run = &prepared->run;
  run->options = &prepared->options;
  run->has_baseline = true;
  diva_check_version_open(version_open(after), &run->after);
  diva_check_version_open(version_open(before), &run->before);
  cr_assert(diva_check_match(&run->after, &run->before, &run->match, &error) == DIVA_OK);
  cr_assert(diva_content_read(run->after.dataset, 1, &prepared->options.analysis.progress, "",
                              &run->after.content, &error) == DIVA_OK);
  cr_assert(diva_content_read(run->before.dataset, 1, &prepared->options.analysis.progress, "",
                              &run->before.content, &error) == DIVA_OK);
}

static void unprepare(struct prepared *prepared) {
  diva_check_match_free(&prepared->run.match);
  diva_check_version_close(&prepared->run.after);
  diva_check_version_close(&prepared->run.before);
}

static struct diva_two_sample compare(struct version *after, struct version *before) {
  struct prepared prepared;
  struct diva_two_sample versions;
  struct diva_error error = {0};
  prepare(&prepared, after, before);
  cr_assert(diva_two_sample_run(&prepared.run, &versions, &error) == DIVA_OK, "%s", error.message);
  unprepare(&prepared);
  return versions;
}

Test(check_statistics, what_versions_share_is_no_evidence) {
  struct version before = version_make(5, 0, 400);
  struct version after = version_make(5, 0, 400);
  struct diva_two_sample versions = compare(&after, &before);
  cr_expect(versions.auc == 0.5 && versions.sampled == 0 && versions.columns[0].mean == 0.0);
  diva_two_sample_free(&versions);
  version_free(&after);
  version_free(&before);
}

/* One sample of n and another of it and m more: what is in both pulls the AUC to 1/2. */
Test(check_statistics, auc_is_that_of_whole_versions) {
  struct version before = version_make(6, 0, 500);
  struct version far = version_make(6, 500, 100);
  for (int64_t i = 0; i < far.rows * far.columns; i++) {
    far.features[i] += 30.0F;
  }
  struct version after = version_join(&before, &far);
  struct diva_two_sample versions = compare(&after, &before);
  /* 100 of 600 rows are above all others, the rest is as good as a coin. */
  cr_expect(fabs(versions.auc - (100.0 / 600.0 + 500.0 / 600.0 * 0.5)) < 1e-9, "%g", versions.auc);
  cr_expect(versions.error > 0.0 && versions.error < 0.02, "%g", versions.error);
  for (int64_t j = 0; j < VERSION_COLUMNS; j++) {
    cr_expect(versions.columns[j].mean > 5.0 * versions.columns[j].mean_error);
  }
  diva_two_sample_free(&versions);
  version_free(&after);
  version_free(&before);
  version_free(&far);
}

/* Two samples of one distribution are told apart less often than the interval says. */
Test(check_statistics, no_drift_is_seen_where_there_is_none) {
  enum { TIMES = 200 };
  const double z = diva_interval_width(0.95, 1);
  const double z_column = diva_interval_width(0.95, (int64_t)2 * VERSION_COLUMNS);
  int alarms = 0;
  int column_alarms = 0;
  for (int t = 0; t < TIMES; t++) {
    struct version before = version_make((uint64_t)(100 + t), 0, 200);
    struct version after = version_make((uint64_t)(100 + t), 60, 200);
    struct diva_two_sample versions = compare(&after, &before);
    bool moved = false;
    for (int64_t j = 0; j < VERSION_COLUMNS; j++) {
      const struct diva_column_change *change = &versions.columns[j];
      moved = moved || fabs(change->mean) > z_column * change->mean_error ||
              fabs(change->spread) > z_column * change->spread_error;
    }
    alarms += versions.auc - z * versions.error > 0.5;
    column_alarms += moved;
    diva_two_sample_free(&versions);
    version_free(&before);
    version_free(&after);
  }
  /* One-sided: 5 expected at most; two-sided over all columns: 10, and as much again for chance. */
  cr_expect(alarms <= 10, "%d of %d", alarms, TIMES);
  cr_expect(column_alarms <= 24, "%d of %d", column_alarms, TIMES);
}

Test(check_statistics, drift_is_seen_where_there_is_some) {
  struct version before = version_make(7, 0, 500);
  struct version after = version_make(7, 500, 500);
  for (int64_t i = 0; i < after.rows; i++) {
    after.features[i * after.columns + 2] += 1.0F;
    after.features[i * after.columns + 4] *= 1.5F;
  }
  struct diva_two_sample versions = compare(&after, &before);
  cr_expect(versions.auc - 3.0 * versions.error > 0.6, "%g", versions.auc);
  for (int64_t j = 0; j < VERSION_COLUMNS; j++) {
    const struct diva_column_change *change = &versions.columns[j];
    cr_expect((fabs(change->mean) > 4.0 * change->mean_error) == (j == 2), "column %lld: %g +- %g",
              (long long)j, change->mean, change->mean_error);
    cr_expect((fabs(change->spread) > 4.0 * change->spread_error) == (j == 4), "column %lld",
              (long long)j);
  }
  diva_two_sample_free(&versions);
  version_free(&after);
  version_free(&before);
}
