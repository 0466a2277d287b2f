/**
 * @file sure_disagreement.h
 * The share of wrong labels, from the rows that are predicted most surely. Internal.
 *
 * Where the scores are sure, a label that differs from the prediction is wrong. Over all rows, the
 * surest 40 % are taken, and the share of them that differs is the estimate q. They may all be of
 * easy classes, while the wrong labels keep to one that is less so (an annotator who takes cats for
 * dogs): so each predicted class c is asked too, by the surest fifth of its rows, and where more
 * differ there than q and chance explain, the rest is added,
 *
 *   q + sum_c n_c / n max(0, d_c - q - 2 sqrt(q (1 - q) / m_c))
 *
 * with n_c rows predicted as c, of which the m_c surest differ in a share of d_c.
 */
#ifndef DIVA_SURE_DISAGREEMENT_H
#define DIVA_SURE_DISAGREEMENT_H

#include "score_sample.h"

/** @param rate  written, in [0, 1]; 0 without rows. Cost: two sorts. */
enum diva_status diva_sure_disagreement(const struct diva_score_sample *sample, double *rate,
                                        struct diva_error *error);

#endif
