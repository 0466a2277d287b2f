/**
 * @file row_sample.h
 * Some rows of a dataset in memory, with their labels or without: features and nothing else.
 * Internal.
 */
#ifndef DIVA_ROW_SAMPLE_H
#define DIVA_ROW_SAMPLE_H

#include <diva/dataset.h>

/** Everything owned. */
struct diva_row_sample {
  struct diva_dataset *dataset;
  int64_t rows;
  int64_t *index;  /**< row of the whole dataset, ascending */
  int32_t *labels; /**< NULL: unlabelled */
  void *features;
};

/**
 * Draws at most `most` rows, every such subset equally likely, seeded.
 * @param wanted    rows: 0 is passed over; NULL: none is
 * @param labelled  with their labels (of classes), of which two are needed
 * @return DIVA_ERROR_INPUT where fewer than two rows are to be had; the errors of reading
 * Cost: reads these rows. Free with diva_row_sample_free(), whatever came of this.
 */
enum diva_status diva_row_sample_draw(struct diva_dataset *dataset, const uint8_t *wanted,
                                      bool labelled, int64_t most, uint64_t seed,
                                      struct diva_row_sample *out, struct diva_error *error);

/** Frees; a zeroed sample is fine. */
void diva_row_sample_free(struct diva_row_sample *sample);

#endif
