/* All rows alike, class balance, given weights. */
#include "weight_starts.h"

#include "balance.h"
#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static enum diva_status check_given(const double *given, int64_t rows, struct diva_error *error) {
  for (int64_t i = 0; given && i < rows; i++) {
    if (!isfinite(given[i]) || given[i] < 0.0) {
      return diva_error_set(error, DIVA_ERROR_USAGE,
                            "weight of row %lld is %g; weights must be finite and not negative",
                            (long long)i, given[i]);
    }
  }
  return DIVA_OK;
}

static enum diva_status add(struct diva_weight_starts *starts, enum diva_reweight_start start,
                            struct diva_error *error) {
  return diva_allocate(starts->rows, sizeof **starts->weights, "starting weights",
                       (void **)&starts->weights[start], error);
}

static enum diva_status add_uniform(const int32_t *labels, const double *given,
                                    struct diva_weight_starts *starts, struct diva_error *error) {
  const enum diva_status status = add(starts, DIVA_REWEIGHT_UNIFORM, error);
  for (int64_t i = 0; i < starts->rows && status == DIVA_OK; i++) {
    const bool trained = (!labels || labels[i] >= 0) && (!given || given[i] > 0.0);
    starts->weights[DIVA_REWEIGHT_UNIFORM][i] = trained ? 1.0 : 0.0;
    starts->training_rows += trained;
  }
  return status == DIVA_OK && starts->training_rows < 2
             ? diva_error_set(error, DIVA_ERROR_INPUT,
                              "rows with a label and a positive weight: %lld; at least 2 are "
                              "needed",
                              (long long)starts->training_rows)
             : status;
}

static enum diva_status add_balance(const struct diva_dataset *dataset,
                                    struct diva_weight_starts *starts, struct diva_error *error) {
  const int32_t *labels = diva_dataset_labels(dataset);
  struct diva_dataset_info info;
  if (!labels) {
    return DIVA_OK;
  }
  diva_dataset_describe(dataset, &info);
  const enum diva_status status = add(starts, DIVA_REWEIGHT_BALANCE, error);
  return status == DIVA_OK
             ? diva_balance_classes(labels, info.outputs, starts->weights[DIVA_REWEIGHT_UNIFORM],
                                    starts->rows, starts->weights[DIVA_REWEIGHT_BALANCE], error)
             : status;
}

static bool are_uneven(const struct diva_weight_starts *starts, const double *given) {
  double first = 0.0;
  for (int64_t i = 0; given && i < starts->rows; i++) {
    if (starts->weights[DIVA_REWEIGHT_UNIFORM][i] > 0.0) {
      first = first > 0.0 ? first : given[i];
      if (given[i] != first) {
        return true;
      }
    }
  }
  return false;
}

static enum diva_status add_given(const double *given, struct diva_weight_starts *starts,
                                  struct diva_error *error) {
  if (!are_uneven(starts, given)) {
    return DIVA_OK;
  }
  const enum diva_status status = add(starts, DIVA_REWEIGHT_GIVEN, error);
  for (int64_t i = 0; i < starts->rows && status == DIVA_OK; i++) {
    const bool trained = starts->weights[DIVA_REWEIGHT_UNIFORM][i] > 0.0;
    starts->weights[DIVA_REWEIGHT_GIVEN][i] = trained ? given[i] : 0.0;
  }
  return status;
}

static int64_t count_beyond(const double *weights, const struct diva_weight_starts *starts,
                            const struct diva_weight_bounds *bounds) {
  double sum = 0.0;
  int64_t count = 0;
  for (int64_t i = 0; i < starts->rows; i++) {
    sum += weights[i];
  }
  const double mean = sum / (double)starts->training_rows;
  for (int64_t i = 0; i < starts->rows; i++) {
    count += weights[i] > 0.0 &&
             (weights[i] < bounds->minimum * mean || weights[i] > bounds->maximum * mean);
  }
  return count;
}

enum diva_status diva_weight_starts_make(const struct diva_dataset *dataset, const double *given,
                                         const struct diva_weight_bounds *bounds,
                                         struct diva_weight_starts *out, struct diva_error *error) {
  const double *weights = given ? given : diva_dataset_weights(dataset);
  struct diva_dataset_info info;
  diva_dataset_describe(dataset, &info);
  *out = (struct diva_weight_starts){.rows = info.rows};
  enum diva_status status = check_given(weights, info.rows, error);
  if (status == DIVA_OK) {
    status = add_uniform(diva_dataset_labels(dataset), weights, out, error);
  }
  if (status == DIVA_OK) {
    status = add_balance(dataset, out, error);
  }
  if (status == DIVA_OK) {
    status = add_given(weights, out, error);
  }
  if (status == DIVA_OK && out->weights[DIVA_REWEIGHT_GIVEN]) {
    out->cut_rows = count_beyond(out->weights[DIVA_REWEIGHT_GIVEN], out, bounds);
  }
  for (int s = 0; s < DIVA_REWEIGHT_STARTS && status == DIVA_OK; s++) {
    if (out->weights[s]) {
      diva_weight_bound(out->weights[s], out->rows, bounds);
    }
  }
  return status;
}

enum diva_reweight_start diva_weight_starts_base(const struct diva_weight_starts *starts) {
  return starts->weights[DIVA_REWEIGHT_GIVEN] ? DIVA_REWEIGHT_GIVEN : DIVA_REWEIGHT_UNIFORM;
}

/* @param factor  one a group and one for the rows of none, zeroed */
static bool is_one_a_group(const double *base, const double *weights, int64_t rows,
                           const struct diva_weight_groups *by, double *factor) {
  const double tolerance = 1e-9;
  for (int64_t i = 0; i < rows; i++) {
    if (base[i] > 0.0) {
      double *mine = &factor[by->codes[i] < 0 ? by->count : by->codes[i]];
      const double here = weights[i] / base[i];
      *mine = *mine > 0.0 ? *mine : here;
      if (fabs(here - *mine) > tolerance * *mine) {
        return false;
      }
    }
  }
  return true;
}

enum diva_status diva_weight_starts_fit(const struct diva_weight_starts *starts,
                                        enum diva_reweight_start start,
                                        const struct diva_weight_groups *by, bool *out,
                                        struct diva_error *error) {
  double *factor = NULL;
  *out = starts->weights[start] != NULL;
  if (!by->codes || !*out) {
    return DIVA_OK;
  }
  const enum diva_status status =
      diva_allocate(by->count + 1, sizeof *factor, "weights of groups", (void **)&factor, error);
  if (status == DIVA_OK) {
    *out = is_one_a_group(starts->weights[diva_weight_starts_base(starts)], starts->weights[start],
                          starts->rows, by, factor);
  }
  free(factor);
  return status;
}

void diva_weight_starts_free(struct diva_weight_starts *starts) {
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    free(starts->weights[s]);
  }
  *starts = (struct diva_weight_starts){0};
}
