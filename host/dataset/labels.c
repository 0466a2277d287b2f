/* What labels, weights and target values must be, wherever they come from. */
#include "host/dataset/labels.h"

#include "host/core/core.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct diva_label_limit diva_label_limit_make(int64_t outputs, int64_t rows) {
  enum { ALWAYS_SANE = 1023 };
  if (outputs > 0) {
    return (struct diva_label_limit){.largest = outputs - 1, .known = true};
  }
  int64_t largest = rows - 1 > ALWAYS_SANE ? rows - 1 : ALWAYS_SANE;
  return (struct diva_label_limit){
      .largest = largest < DIVA_CLASSES_MAX - 1 ? largest : DIVA_CLASSES_MAX - 1};
}

static enum diva_status refuse_label(const struct diva_label_limit *limit, int64_t value,
                                     bool is_unsigned, int64_t row, struct diva_error *error) {
  char text[24];
  if (is_unsigned) {
    snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value);
  } else {
    snprintf(text, sizeof text, "%" PRId64, value);
  }
  if (!is_unsigned && value < 0) {
    diva_error_set(error, DIVA_ERROR_INPUT,
                   "row %" PRId64 ": label %s; a label is 0 or more, or -1 for an unlabelled row",
                   row, text);
  } else if (limit->base_outputs) {
    diva_error_set(error, DIVA_ERROR_INPUT,
                   "row %" PRId64 ": label %s, but base_outputs (/%s) has %" PRId64
                   " column%s, which is one a class",
                   row, text, limit->base_outputs, limit->largest + 1,
                   diva_plural(limit->largest + 1));
  } else if (limit->known) {
    diva_error_set(error, DIVA_ERROR_INPUT,
                   "row %" PRId64 ": label %s is out of range; there are %" PRId64
                   " classes, 0 to %" PRId64,
                   row, text, limit->largest + 1, limit->largest);
  } else {
    diva_error_set(error, DIVA_ERROR_INPUT,
                   "row %" PRId64 ": label %s is absurd for this many rows (limit %" PRId64
                   " where no class_names say otherwise)",
                   row, text, limit->largest);
  }
  if (error) {
    error->row = row;
  }
  return DIVA_ERROR_INPUT;
}

enum diva_status diva_labels_narrow(const struct diva_label_limit *limit, const int64_t *values,
                                    bool is_unsigned, int64_t first_row, int64_t count,
                                    int32_t *out, struct diva_error *error) {
  int64_t least = is_unsigned ? 0 : -1;
  for (int64_t i = 0; i < count; i++) {
    if (values[i] < least || values[i] > limit->largest) {
      return refuse_label(limit, values[i], is_unsigned, first_row + i, error);
    }
    out[i] = (int32_t)values[i];
  }
  return DIVA_OK;
}

void diva_labels_summarise(const int32_t *labels, int64_t rows, struct diva_label_facts *out) {
  *out = (struct diva_label_facts){.largest = -1, .smallest = -1};
  for (int64_t i = 0; i < rows; i++) {
    if (labels[i] < 0) {
      continue;
    }
    if (!out->labelled++ || labels[i] < out->smallest) {
      out->smallest = labels[i];
    }
    if (labels[i] > out->largest) {
      out->largest = labels[i];
    }
  }
}

enum diva_status diva_labels_check_classes(const struct diva_label_facts *facts, bool single_class,
                                           struct diva_error *error) {
  if (!facts->labelled) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "no row is labelled (all are -1)");
  }
  if (facts->smallest == facts->largest && !single_class) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "only one class: all %" PRId64 " labelled rows are of class %" PRId32
                          "; at least two classes are needed",
                          facts->labelled, facts->largest);
  }
  return DIVA_OK;
}

enum diva_status diva_class_names_check(const struct diva_string_table *names,
                                        struct diva_error *error) {
  int64_t first, second;
  enum diva_status status = diva_string_table_duplicate(names, &first, &second, error);
  if (status || second < 0) {
    return status;
  }
  return diva_error_set(error, DIVA_ERROR_INPUT,
                        "classes %" PRId64 " and %" PRId64 " have the same name '%s'", first,
                        second, diva_string_table_get(names, first));
}

enum diva_status diva_weights_check(const double *weights, int64_t first_row, int64_t count,
                                    bool *positive, struct diva_error *error) {
  for (int64_t i = 0; i < count; i++) {
    if (!(weights[i] >= 0) || isinf(weights[i])) {
      diva_error_set(error, DIVA_ERROR_INPUT,
                     "row %" PRId64 ": weight %g; a weight is finite and 0 or more", first_row + i,
                     weights[i]);
      if (error) {
        error->row = first_row + i;
      }
      return DIVA_ERROR_INPUT;
    }
    *positive = *positive || weights[i] > 0;
  }
  return DIVA_OK;
}

enum diva_status diva_values_check_finite(const double *values, int64_t first_row, int64_t count,
                                          int64_t outputs, struct diva_error *error) {
  for (int64_t i = 0; i < count * outputs; i++) {
    if (!isfinite(values[i])) {
      int64_t row = first_row + i / outputs;
      diva_error_set(error, DIVA_ERROR_INPUT,
                     "row %" PRId64 ", column %" PRId64 ": the value is %s", row, i % outputs,
                     isnan(values[i]) ? "NaN" : "infinite");
      if (error) {
        error->row = row;
      }
      return DIVA_ERROR_INPUT;
    }
  }
  return DIVA_OK;
}
