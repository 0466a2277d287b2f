/**
 * @file issue_probability.h
 * How likely each given label is wrong: one score that ranks, calibrated by the label-noise model.
 * Internal.
 *
 * The score is the log-odds against the given label y,
 *
 *   a = log sum_{c != y} exp(s t F_c) / s - t F_y,
 *
 * at the sharpness t of the noise model, where s says how much the strongest other class counts
 * beside the sum of all of them: s = 1 is the plain probability of the label, s -> infinity the
 * margin. Confused labels are ranked best by the margin, labels that are wrong at random by the
 * probability, and smoother still: s goes from 2 to 0.4 with diva_label_noise_smoothing().
 *
 * The probability is logistic(b0 + b1 a): one to one in the score, so that nothing is tied, with b1
 * from the posteriors of the noise model and b0 so that the mean is its noise rate.
 */
#ifndef DIVA_ISSUE_PROBABILITY_H
#define DIVA_ISSUE_PROBABILITY_H

#include "label_noise.h"

/** One value a row of the table each, written; owned by the caller. Rows that are passed over as
 * unlabelled get NaN, and -1 for the suggestion; rows of weight 0 are judged like any other. */
struct diva_issue_columns {
  double *score;                 /**< a, in units of log-odds */
  double *probability;           /**< P(label wrong) */
  int32_t *suggested;            /**< the class that is likeliest if the label is wrong */
  double *suggested_probability; /**< P(class = suggested): P(wrong) times its share of the rest */
};

/** Cost: O(rows x classes), twice. */
enum diva_status diva_issue_probability(const struct diva_labelled_scores *rows,
                                        const struct diva_label_noise *noise,
                                        const struct diva_issue_columns *out,
                                        struct diva_error *error);

/** The score alone, for one row. */
double diva_issue_score(const struct diva_label_noise *noise, const float *scores, int32_t label);

#endif
