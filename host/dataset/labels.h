/**
 * @file labels.h
 * What labels and weights must be, wherever they come from.
 */
#ifndef DIVA_LABELS_H
#define DIVA_LABELS_H

#include "host/dataset/string_table.h"

#include <diva/error.h>

/** More classes than this is taken for a damaged file. */
enum { DIVA_CLASSES_MAX = 1 << 20 };

/** The largest label allowed. */
struct diva_label_limit {
  int64_t largest;
  bool known;               /**< from class names or base outputs; else the bound of what is sane */
  const char *base_outputs; /**< the dataset that alone says so, NULL: none */
};

/**
 * @param outputs  number of classes where something names it, else 0
 * @param rows     of the whole dataset: labels far above it are absurd
 */
struct diva_label_limit diva_label_limit_make(int64_t outputs, int64_t rows);

/**
 * Checks a block of labels and narrows it to int32.
 *
 * @param values       count of them; those of an unsigned type hold the bits of a uint64_t
 * @param is_unsigned  the stored type has no sign
 * @param first_row    row of the first value, for the message
 * @return DIVA_ERROR_INPUT "row R: label V ..." with error->row
 */
enum diva_status diva_labels_narrow(const struct diva_label_limit *limit, const int64_t *values,
                                    bool is_unsigned, int64_t first_row, int64_t count,
                                    int32_t *out, struct diva_error *error);

/** Facts of a whole column of checked labels. */
struct diva_label_facts {
  int64_t labelled;
  int32_t largest;  /**< -1 where nothing is labelled */
  int32_t smallest; /**< likewise */
};

void diva_labels_summarise(const int32_t *labels, int64_t rows, struct diva_label_facts *out);

/** DIVA_ERROR_INPUT where nothing is labelled, or all of one class and that is not allowed. */
enum diva_status diva_labels_check_classes(const struct diva_label_facts *facts, bool single_class,
                                           struct diva_error *error);

/** DIVA_ERROR_INPUT "classes A and B have the same name 'NAME'". */
enum diva_status diva_class_names_check(const struct diva_string_table *names,
                                        struct diva_error *error);

/** Checks that each of `count` weights is finite and >= 0; sets *positive where one is > 0. */
enum diva_status diva_weights_check(const double *weights, int64_t first_row, int64_t count,
                                    bool *positive, struct diva_error *error);

/** Checks a count x outputs block for NaN and infinity; names row and column. */
enum diva_status diva_values_check_finite(const double *values, int64_t first_row, int64_t count,
                                          int64_t outputs, struct diva_error *error);

#endif
