/**
 * @file label_noise.h
 * A model of how the given labels came to be wrong, fitted to leave-one-out scores. Internal.
 *
 * A row whose scores are F has class c with probability p_c = softmax(t F)_c. Its given label is
 * that class with probability 1 - e, and else a class y != c drawn from
 *
 *   N_cy = (1 - g) / (k - 1) + g Q_cy
 *
 * where Q_cy is how much of class c the scores give to y, so g says how far wrong labels keep to
 * classes that look alike. The labels then have the likelihood
 *
 *   prod_i (1 - e) p_y + e sum_c p_c N_cy
 *
 * which is maximised over t, e and g. A second estimate of e needs no such shape: the share of
 * labels that differ from the predicted class where that is sure (sure_disagreement.h). Each of the
 * two misses noise that the other sees (a temperature that does not fit; noise that keeps to hard
 * rows), so the larger is taken, and t and g fitted again at that e.
 *
 * Scores are leave-one-out: a row's own label plays no part in its p. Measured on real features
 * with planted noise of 10 to 43 % (see tests/bench), e is within 2 points of the truth.
 */
#ifndef DIVA_LABEL_NOISE_H
#define DIVA_LABEL_NOISE_H

#include "score_sample.h"

struct diva_label_noise {
  int64_t classes;
  double temperature; /**< t0 of softmax(t0 F) against the labels as given */
  double sharpness;   /**< t of the noise model, >= t0 as a rule */
  double rate;        /**< e */
  double confusable;  /**< g, in [0, 1], among the rows that are probably wrong */
  double *confusion;  /**< Q: classes x classes, rows sum to 1, diagonal 0 (owned) */
};

/** Cost: some hundred evaluations of softmax over at most 8192 rows. */
enum diva_status diva_label_noise_fit(const struct diva_labelled_scores *rows,
                                      struct diva_label_noise *out, struct diva_error *error);

/**
 * How far scores should be smoothed, 0 to 1, by the confusable share g: labels that were confused
 * with a class that looks alike are told best by what is nearest, labels that are wrong at random
 * by what is said on the whole. 1 up to g = 0.3, 0 from 0.7 on (natural confusions push g up even
 * where noise is random).
 */
double diva_label_noise_smoothing(const struct diva_label_noise *noise);

/** N_cy for c != y. */
double diva_label_noise_flip(const struct diva_label_noise *noise, int64_t from, int64_t to);

/**
 * P(given label wrong) of one row by the model above. `p` (classes, written) becomes P(class = c
 * | scores, given label), which is where suggestions come from.
 */
double diva_label_noise_posterior(const struct diva_label_noise *noise, const float *scores,
                                  int32_t label, double *p);

/** Frees; a zeroed model is fine. */
void diva_label_noise_free(struct diva_label_noise *noise);

#endif
