/**
 * @file detection.h
 * One look for wrong labels: an analysis, its scores, the noise model and the probabilities.
 * Internal.
 */
#ifndef DIVA_DETECTION_H
#define DIVA_DETECTION_H

#include "issue_probability.h"

/** Everything owned. */
struct diva_detection {
  struct diva_analysis *analysis;
  struct diva_score_table scores;
  struct diva_label_noise noise;
  struct diva_issue_columns columns;
};

/**
 * Analyses the dataset, for its columns and scores.
 * @param validation  NULL, or the set whose loss is differentiated
 * @param options  of the analysis; its scores go on to options->scores too, if there is one
 */
enum diva_status diva_detection_score(struct diva_dataset *dataset, struct diva_dataset *validation,
                                      const struct diva_analysis_options *options,
                                      struct diva_detection *out, struct diva_error *error);

/**
 * Judges the labels by the scores.
 * @param given    rows: rows of weight 0 here do not belong to the set; NULL: all do. Apart from
 *                 options->weights, which may leave out rows that do, to judge the rest by
 */
enum diva_status diva_detection_judge(const struct diva_dataset *dataset, const double *given,
                                      struct diva_detection *detection, struct diva_error *error);

/** The one and then the other. */
enum diva_status diva_detection_run(struct diva_dataset *dataset,
                                    const struct diva_analysis_options *options,
                                    const double *given, struct diva_detection *out,
                                    struct diva_error *error);

/** Calibrates the probabilities again, to a noise rate known better than from these scores. */
enum diva_status diva_detection_recalibrate(const struct diva_dataset *dataset, const double *given,
                                            double rate, struct diva_detection *detection,
                                            struct diva_error *error);

/** Frees; a zeroed detection is fine. */
void diva_detection_free(struct diva_detection *detection);

#endif
