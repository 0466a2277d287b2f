/**
 * @file what_if_score.h
 * Losses and errors before and after a change, over all rows and by class. Internal.
 */
#ifndef DIVA_WHAT_IF_SCORE_H
#define DIVA_WHAT_IF_SCORE_H

#include <diva/what_if.h>

/** One of the two solutions. Columns are of the training rows, then the validation rows. */
struct diva_what_if_side {
  const double *weight;
  const double *loss;
  const int32_t *prediction;
  const int32_t *labels;    /**< of the training rows then; NULL for targets */
  const double *other_loss; /**< of the relabelled rows, by the labels of the other side */
};

struct diva_what_if_sides {
  struct diva_what_if_side before, after;
  int64_t rows;                     /**< training rows */
  int64_t validation_rows;          /**< 0: none */
  const int32_t *validation_labels; /**< NULL for targets */
  const int64_t *relabelled;        /**< rows, ascending, whose label differs between the sides */
  int64_t relabelled_rows;
  int64_t outputs;
};

/** Fills the zeroed figures. @param classes  outputs of them; NULL for targets */
void diva_what_if_score(const struct diva_what_if_sides *sides, struct diva_what_if_figures *all,
                        struct diva_what_if_figures *classes);

/** The loss of scores F (outputs of them, base outputs included) by a class label. */
double diva_what_if_loss(const double *scores, int64_t outputs, int32_t label, enum diva_loss loss,
                         double temperature);

#endif
