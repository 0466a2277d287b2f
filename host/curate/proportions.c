/* Shares of classes or groups, and importances from them. */
#include "proportions.h"

#include "host/core/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_SIZE = 96 };

/* "class 'cat'", "group 3". */
static const char *name_kind(const struct diva_coded_rows *rows, int64_t kind,
                             char out[NAME_SIZE]) {
  const char *name = rows->groups ? diva_dataset_group_name(rows->dataset, kind)
                                  : diva_dataset_class_name(rows->dataset, kind);
  const char *what = rows->groups ? "group" : "class";
  if (name) {
    snprintf(out, NAME_SIZE, "%s '%s'", what, name);
  } else {
    snprintf(out, NAME_SIZE, "%s %lld", what, (long long)kind);
  }
  return out;
}

enum diva_status diva_proportions_check(const struct diva_coded_rows *rows, const double *wanted,
                                        struct diva_error *error) {
  const double tolerance = 1e-6;
  char name[NAME_SIZE];
  double sum = 0.0;
  for (int64_t c = 0; c < rows->kinds; c++) {
    if (!(wanted[c] >= 0.0) || !isfinite(wanted[c])) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "the proportion of %s is %g; proportions are at least 0",
                            name_kind(rows, c, name), wanted[c]);
    }
    sum += wanted[c];
  }
  return fabs(sum - 1.0) <= tolerance
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_USAGE,
                              "the proportions of the %s add up to %g, not 1",
                              rows->groups ? "groups" : "classes", sum);
}

static bool belongs(const struct diva_coded_rows *rows, int64_t i) {
  return rows->counted[i] && rows->codes[i] >= 0 && rows->codes[i] < rows->kinds;
}

void diva_proportions_count(const struct diva_coded_rows *rows, double *out) {
  int64_t all = 0;
  for (int64_t c = 0; c < rows->kinds; c++) {
    out[c] = 0.0;
  }
  for (int64_t i = 0; i < rows->rows; i++) {
    if (belongs(rows, i)) {
      out[rows->codes[i]] += 1.0;
      all++;
    }
  }
  for (int64_t c = 0; c < rows->kinds && all; c++) {
    out[c] /= (double)all;
  }
}

enum diva_status diva_proportions_weigh(const struct diva_coded_rows *rows, const double *wanted,
                                        double *out, struct diva_error *error) {
  double *shares = NULL;
  char name[NAME_SIZE];
  enum diva_status status =
      diva_allocate(rows->kinds, sizeof *shares, "proportions", (void **)&shares, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_proportions_count(rows, shares);
  for (int64_t c = 0; c < rows->kinds && status == DIVA_OK; c++) {
    if (wanted[c] > 0.0 && !(shares[c] > 0.0)) {
      status = diva_error_set(error, DIVA_ERROR_INPUT,
                              "%s makes up %.3g %% of the target and has no training row",
                              name_kind(rows, c, name), 100.0 * wanted[c]);
    }
  }
  for (int64_t i = 0; i < rows->rows && status == DIVA_OK; i++) {
    out[i] = belongs(rows, i) ? wanted[rows->codes[i]] / shares[rows->codes[i]] : 0.0;
  }
  free(shares);
  return status;
}

/* What a kind is shrunk towards: an equal share, or that in training. */
static double reference(const double *training, int64_t present, bool equal, int64_t kind) {
  if (!(training[kind] > 0.0)) {
    return 0.0;
  }
  return equal ? 1.0 / (double)present : training[kind];
}

double diva_proportions_shrink(const double *training, int64_t kinds, double variance,
                               double *proportions) {
  double distance[2] = {0.0, 0.0};
  int64_t present = 0;
  for (int64_t c = 0; c < kinds; c++) {
    present += training[c] > 0.0;
  }
  for (int64_t c = 0; c < kinds; c++) {
    for (int equal = 0; equal < 2; equal++) {
      const double difference = proportions[c] - reference(training, present, equal, c);
      distance[equal] += difference * difference;
    }
  }
  const bool equal = distance[1] < distance[0];
  const double kept = variance < distance[equal] ? 1.0 - variance / distance[equal] : 0.0;
  for (int64_t c = 0; c < kinds; c++) {
    const double towards = reference(training, present, equal, c);
    proportions[c] = towards + kept * (proportions[c] - towards);
  }
  return kept;
}
