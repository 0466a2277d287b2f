/* Planting wrong labels, and judging a score by them. */
#include "planting.h"

#include "host/core/core.h"
#include "host/core/random.h"

#include <diva/curate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Uniform in (0, 1]. */
static double uniform(struct diva_random *random) {
  return ((double)(diva_random_next(random) >> 11) + 1.0) * 0x1p-53;
}

/* Rows are drawn without replacement by the largest keys log(u) / w (Efraimidis and Spirakis, IPL
 * 97, 2006). */
static void draw_keys(const struct diva_planting *planting, const int32_t *labels,
                      struct diva_random *random, double *key) {
  for (int64_t i = 0; i < planting->rows; i++) {
    const double u = uniform(random);
    key[i] = labels[i] >= 0 && planting->trust[i] > 0.0 ? log(u) / planting->trust[i] : NAN;
  }
}

static int32_t draw_class(const struct diva_label_noise *noise, int32_t from, double u) {
  int32_t to = from == 0 ? 1 : 0;
  double sum = 0.0;
  for (int64_t c = 0; c < noise->classes && sum < u; c++) {
    if (c != from) {
      sum += diva_label_noise_flip(noise, from, c);
      to = (int32_t)c;
    }
  }
  return to;
}

static enum diva_status flip_rows(struct diva_planting *planting, const double *key,
                                  const struct diva_label_noise *noise, int64_t wanted,
                                  struct diva_random *random, struct diva_error *error) {
  int64_t *order = NULL;
  enum diva_status status =
      diva_allocate(planting->rows, sizeof *order, "the order of rows", (void **)&order, error);
  if (status == DIVA_OK) {
    status = diva_order_rows(key, planting->rows, true, order, error);
  }
  for (int64_t at = 0; status == DIVA_OK && at < wanted && !isnan(key[order[at]]); at++) {
    const int64_t i = order[at];
    planting->labels[i] = draw_class(noise, planting->labels[i], uniform(random));
    planting->is_flip[i] = 1;
    planting->trust[i] = 1.0;
    planting->planted++;
  }
  free(order);
  return status;
}

enum diva_status diva_planting_make(const int32_t *labels, const double *issue_probability,
                                    int64_t rows, const struct diva_label_noise *noise,
                                    double share, uint64_t seed, struct diva_planting *out,
                                    struct diva_error *error) {
  struct diva_random random = {.state = seed};
  double *key = NULL;
  int64_t labelled = 0;
  *out = (struct diva_planting){.rows = rows};
  enum diva_status status =
      diva_allocate(rows, sizeof *out->labels, "planted labels", (void **)&out->labels, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows, 1, "planted rows", (void **)&out->is_flip, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *out->trust, "planted rows", (void **)&out->trust, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows, sizeof *key, "planted rows", (void **)&key, error);
  }
  if (status == DIVA_OK) {
    memcpy(out->labels, labels, (size_t)rows * sizeof *labels);
    for (int64_t i = 0; i < rows; i++) {
      out->trust[i] = labels[i] >= 0 ? 1.0 - issue_probability[i] : 0.0;
      labelled += labels[i] >= 0;
    }
    draw_keys(out, labels, &random, key);
    status = flip_rows(out, key, noise, (int64_t)llround(share * (double)labelled), &random, error);
  }
  free(key);
  if (status != DIVA_OK) {
    diva_planting_free(out);
  }
  return status;
}

/* What lies above a place in the order of scores. */
struct tally {
  double flips;
  double others;
  double precision; /* summed over the flips */
  double above;     /* pairs (flip, other) in the wrong order; ties count half */
};

/* Adds the rows from `at` on that have one score, whose order says nothing. @return the place after
 * them */
static int64_t count_ties(const struct diva_planting *planting, const double *score,
                          const int64_t *order, int64_t at, struct tally *tally) {
  const double value = score[order[at]];
  double flips = 0.0;
  double others = 0.0;
  do {
    const int64_t i = order[at++];
    flips += planting->is_flip[i] ? 1.0 : 0.0;
    others += planting->is_flip[i] ? 0.0 : planting->trust[i];
  } while (at < planting->rows && score[order[at]] == value);
  tally->above += flips * (tally->others + 0.5 * others);
  tally->flips += flips;
  tally->others += others;
  if (flips > 0.0) {
    tally->precision += flips * tally->flips / (tally->flips + tally->others);
  }
  return at;
}

enum diva_status diva_planting_judge(const struct diva_planting *planting, const double *score,
                                     struct diva_finding *out, struct diva_error *error) {
  int64_t *order = NULL;
  enum diva_status status =
      diva_allocate(planting->rows, sizeof *order, "the order of rows", (void **)&order, error);
  if (status == DIVA_OK) {
    status = diva_order_rows(score, planting->rows, true, order, error);
  }
  struct tally tally = {0};
  for (int64_t at = 0; status == DIVA_OK && at < planting->rows;) {
    at = count_ties(planting, score, order, at, &tally);
  }
  free(order);
  const double pairs = tally.flips * tally.others;
  *out = (struct diva_finding){.average_precision =
                                   tally.flips > 0.0 ? tally.precision / tally.flips : (double)NAN,
                               .auroc = pairs > 0.0 ? 1.0 - tally.above / pairs : (double)NAN};
  return status;
}

void diva_planting_free(struct diva_planting *planting) {
  free(planting->labels);
  free(planting->is_flip);
  free(planting->trust);
  *planting = (struct diva_planting){0};
}
