/**
 * @file refit.h
 * Weights under which the rows judge each other better than all rows alike do. Internal.
 *
 * Where the scores are strong, suspects are left out (trim): what they teach is wrong. Where they
 * are weak that throws away the hard rows, and reweighting helps instead: a few steps of
 * exponentiated gradient on the leave-one-out cross-entropy, alpha <- alpha exp(-0.06 g / mean |g|)
 * scaled to mean 1, which weight down the rows whose label misleads the others. Both is the latter
 * without the surest suspects. Which of them helps is seen on planted flips (planting.h), never
 * assumed.
 */
#ifndef DIVA_REFIT_H
#define DIVA_REFIT_H

#include "detection.h"

#include <diva/curate.h>

/**
 * Weights of a kind for a dataset.
 * @param options  of the analyses; lambda given
 * @param given    rows: the weights to start from; NULL: all are 1
 * @param plain    a detection with these options and weights
 * @param weights  rows, written
 * Cost: nothing for none and trim; for reweight and both four analyses with the derivative.
 */
enum diva_status diva_refit_weights(enum diva_refit refit, struct diva_dataset *dataset,
                                    const struct diva_analysis_options *options,
                                    const double *given, const struct diva_detection *plain,
                                    double *weights, struct diva_error *error);

/** Leaves the surest suspects out of weights found by reweight: both. As by trim, nothing is left
 * out where fewer than two classes would remain. */
void diva_refit_trim_surest(const struct diva_dataset *dataset, const struct diva_detection *plain,
                            double *weights);

#endif
