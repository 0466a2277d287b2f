/**
 * @file weight_path.h
 * Weights that lower an objective, step by step. Internal.
 *
 * The objective is (1 - s) L + s M: L the leave-one-out (LOO) loss of the training rows, each
 * counted by its importance; M the mean loss on labelled target rows, s = 0 without any. The
 * temperature of a cross-entropy is fitted to the LOO scores at every point of the path.
 */
#ifndef DIVA_WEIGHT_PATH_H
#define DIVA_WEIGHT_PATH_H

#include "weight_progress.h"
#include "weight_step.h"

#include <diva/analysis.h>

/** What a problem is made of; everything borrowed. */
struct diva_weight_request {
  struct diva_dataset *train;
  struct diva_dataset *target;                 /**< NULL: none */
  const struct diva_analysis_options *options; /**< lambda and model settled; importance and groups
                                                    are taken from here, weights are not */
  const double *target_importance;             /**< rows of target; NULL: all count alike */
  double target_share;                         /**< s */
  struct diva_weight_groups by;
  const uint8_t *guard; /**< rows of train; NULL: none. The mean LOO loss of the marked rows
                             may not rise */
  struct diva_weight_bounds bounds;
  double step_size; /**< eta: the exponent of a row whose derivative is of mean size */
  struct diva_weight_progress *progress; /**< whose solutions are counted; NULL: nobody's */
};

/** A request, and what follows from it for all its paths. Rows: of train, then of target. */
struct diva_weight_problem {
  struct diva_weight_request request;
  struct diva_dataset *both; /**< train with the rows of target behind; owned unless train itself */
  int64_t rows;              /**< of train */
  int64_t target_rows;
  int64_t outputs;
  double *importance; /**< of both, owned; NULL: all count alike */
  int32_t *groups;    /**< of both, owned; NULL: none */
  /** Rows whose scores are kept at every point: those of this fold. Borrowed; NULL: none. */
  const int32_t *folds;
  int32_t watched_fold;
  int64_t watched_rows;
};

enum diva_status diva_weight_problem_open(const struct diva_weight_request *request,
                                          struct diva_weight_problem *out,
                                          struct diva_error *error);

/** Frees; a zeroed problem is fine. */
void diva_weight_problem_close(struct diva_weight_problem *problem);

/** Weights, and all that is known of them; arrays are of the rows of both sets, owned. */
struct diva_weight_point {
  double *weights;     /**< 0 for the target's rows */
  double *gradient;    /**< of the objective in the weights of train */
  double *loss;        /**< LOO loss; of a row not trained on, loss of the plain prediction */
  int32_t *prediction; /**< likewise; -1 for targets */
  float *scores;       /**< of the watched rows, in their order, x outputs; NULL: none */
  double objective;
  double guard; /**< mean LOO loss of the guarded rows; NaN where there are none */
};

struct diva_weight_path {
  const struct diva_weight_problem *problem; /**< borrowed */
  struct diva_weight_point now;
  struct diva_weight_point trial;
  double *start;     /**< train rows: the weights the path started from; owned */
  double *direction; /**< train rows: scratch */
  double *sums;      /**< one a group: scratch */
  double size;       /**< of the next step */
  int steps;         /**< taken */
  bool done;         /**< no step lowers the objective any more */
};

/**
 * Starts at weights, which are brought within the bounds.
 * @param start  rows of train; 0: no training row, now or later
 * Cost: one analysis with the derivative; two with a target.
 */
enum diva_status diva_weight_path_open(const struct diva_weight_problem *problem,
                                       const double *start, struct diva_weight_path *out,
                                       struct diva_error *error);

/**
 * Takes a step, halved until the objective falls, the guarded rows lose nothing and enough rows
 * stay effective, or until `done`: after four halvings. Steps stay as small as they became.
 * Cost: as opening, for each size tried.
 */
enum diva_status diva_weight_path_step(struct diva_weight_path *path, struct diva_error *error);

/** Frees; a zeroed path is fine. */
void diva_weight_path_close(struct diva_weight_path *path);

#endif
