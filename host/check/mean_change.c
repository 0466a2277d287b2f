/* Means of two versions of a dataset, and the interval of their difference. */
#include "mean_change.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static int32_t code_of(const int32_t *codes, int64_t row) {
  return codes ? codes[row] : 0;
}

static bool counts(const double *values, const int32_t *codes, int64_t row) {
  return !isnan(values[row]) && code_of(codes, row) >= 0;
}

static void sum_up(const struct diva_mean_change_request *request, struct diva_mean_change *out) {
  for (int64_t i = 0; i < request->rows_after; i++) {
    if (counts(request->after, request->codes_after, i)) {
      struct diva_mean_change *change = &out[code_of(request->codes_after, i)];
      change->after += request->after[i];
      change->rows_after++;
    }
  }
  for (int64_t i = 0; i < request->rows_before; i++) {
    if (counts(request->before, request->codes_before, i)) {
      struct diva_mean_change *change = &out[code_of(request->codes_before, i)];
      change->before += request->before[i];
      change->rows_before++;
    }
  }
}

/* A row that is in both versions, but not under the same code in both, is two draws. */
static bool is_shared(const struct diva_mean_change_request *request, int64_t i) {
  const int64_t j = request->before_of[i];
  return j >= 0 && counts(request->before, request->codes_before, j) &&
         code_of(request->codes_after, i) == code_of(request->codes_before, j);
}

static void add_variances(const struct diva_mean_change_request *request, uint8_t *taken,
                          struct diva_mean_change *out) {
  for (int64_t i = 0; i < request->rows_after; i++) {
    if (!counts(request->after, request->codes_after, i)) {
      continue;
    }
    struct diva_mean_change *change = &out[code_of(request->codes_after, i)];
    double brought = (request->after[i] - change->after) / (double)change->rows_after;
    if (is_shared(request, i)) {
      const int64_t j = request->before_of[i];
      brought -= (request->before[j] - change->before) / (double)change->rows_before;
      taken[j] = 1;
    }
    change->error += brought * brought;
  }
  for (int64_t j = 0; j < request->rows_before; j++) {
    if (!taken[j] && counts(request->before, request->codes_before, j)) {
      struct diva_mean_change *change = &out[code_of(request->codes_before, j)];
      const double brought = (request->before[j] - change->before) / (double)change->rows_before;
      change->error += brought * brought;
    }
  }
}

enum diva_status diva_mean_changes(const struct diva_mean_change_request *request,
                                   struct diva_mean_change *out, struct diva_error *error) {
  uint8_t *taken = NULL;
  const enum diva_status status =
      diva_allocate(request->rows_before, sizeof *taken, "rows in both", (void **)&taken, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t c = 0; c < request->codes; c++) {
    out[c] = (struct diva_mean_change){0};
  }
  sum_up(request, out);
  for (int64_t c = 0; c < request->codes; c++) {
    const double after = (double)out[c].rows_after;
    const double before = (double)out[c].rows_before;
    out[c].after = after > 0.0 ? out[c].after / after : (double)NAN;
    out[c].before = before > 0.0 ? out[c].before / before : (double)NAN;
    out[c].difference = out[c].after - out[c].before;
  }
  add_variances(request, taken, out);
  for (int64_t c = 0; c < request->codes; c++) {
    const double after = request->unit / (double)out[c].rows_after;
    const double before = request->unit / (double)out[c].rows_before;
    out[c].error = isnan(out[c].difference) ? (double)NAN
                                            : sqrt(out[c].error + after * after + before * before);
  }
  free(taken);
  return DIVA_OK;
}

double diva_interval_width(double confidence, int64_t tests) {
  const double outside = (1.0 - confidence) / (double)(tests > 1 ? tests : 1);
  double low = 0.0;
  double high = 40.0;
  for (int step = 0; step < 200; step++) {
    const double z = 0.5 * (low + high);
    if (erfc(z * sqrt(0.5)) > outside) {
      low = z;
    } else {
      high = z;
    }
  }
  return 0.5 * (low + high);
}

double diva_share_low(int64_t found, int64_t rows, double z) {
  if (rows <= 0) {
    return 0.0;
  }
  const double n = (double)rows;
  const double share = (double)found / n;
  const double centre = share + z * z / (2.0 * n);
  const double spread = z * sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n));
  return fmax(0.0, (centre - spread) / (1.0 + z * z / n));
}
