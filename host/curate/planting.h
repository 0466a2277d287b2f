/**
 * @file planting.h
 * Wrong labels planted among the given ones, to see what the scores can tell here. Internal.
 */
#ifndef DIVA_PLANTING_H
#define DIVA_PLANTING_H

#include "label_noise.h"

/** Labels with planted flips; everything owned. */
struct diva_planting {
  int64_t rows;
  int64_t planted;
  int32_t *labels;  /**< rows: the given ones, but for the flips */
  uint8_t *is_flip; /**< rows */
  double *trust; /**< rows: P(given label right), 1 for flips: the weight of a row in a verdict */
};

/**
 * Flips `share` of the labelled rows, drawn with a chance in proportion to P(given label right), to
 * classes drawn from the noise model: a flip is then right in all but name. Seeded.
 * @param issue_probability  rows, P(given label wrong)
 */
enum diva_status diva_planting_make(const int32_t *labels, const double *issue_probability,
                                    int64_t rows, const struct diva_label_noise *noise,
                                    double share, uint64_t seed, struct diva_planting *out,
                                    struct diva_error *error);

/** How well a score tells flips from the other rows, which count as much as they are trusted. */
struct diva_finding {
  double average_precision;
  double auroc;
};

/** @param score  rows, larger = more likely wrong */
enum diva_status diva_planting_judge(const struct diva_planting *planting, const double *score,
                                     struct diva_finding *out, struct diva_error *error);

/** Frees; a zeroed planting is fine. */
void diva_planting_free(struct diva_planting *planting);

#endif
