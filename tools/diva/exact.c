/* --exact of rank: effects of removals beside what the derivative says of them. */
#include "exact.h"

#include <math.h>
#include <stdlib.h>

enum diva_status cli_exact_check(const struct cli_settings *settings, struct diva_error *error) {
  if (!settings->analysis.removal) {
    return DIVA_OK;
  }
  if (!settings->validation) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "rank: --exact says what a row does to another set: add --validation "
                          "FILE");
  }
  if (settings->analysis.loss != DIVA_LOSS_SQUARED) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "rank: --exact needs --loss squared");
  }
  return DIVA_OK;
}

/* What the derivative makes of taking row i out, or of putting it in where its weight is 0. */
static double first_order(const struct diva_columns *columns, int64_t i) {
  const double weight = columns->weight[i];
  return weight > 0 ? -weight * columns->derivative[i] : columns->derivative[i];
}

/* The larger of the two effects; 0 for unlabelled rows, which have none. */
static double size_of(const struct diva_columns *columns, int64_t i) {
  return isnan(columns->removal[i])
             ? 0
             : fmax(fabs(first_order(columns, i)), fabs(columns->removal[i]));
}

enum diva_status cli_exact_find(const struct cli_session *session, uint8_t **out,
                                struct diva_error *error) {
  const struct diva_columns *columns = &session->columns;
  const double rounding = session->before.precision == DIVA_PRECISION_FLOAT64 ? 1e-12 : 1e-5;
  double largest = 0;
  *out = NULL;
  if (!columns->removal) {
    return DIVA_OK;
  }
  *out = calloc((size_t)columns->rows, 1);
  if (!*out) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the marks of %lld rows",
                          (long long)columns->rows);
  }
  for (int64_t i = 0; i < columns->rows; i++) {
    largest = fmax(largest, size_of(columns, i));
  }
  for (int64_t i = 0; i < columns->rows; i++) {
    const bool differ = (first_order(columns, i) > 0 && columns->removal[i] < 0) ||
                        (first_order(columns, i) < 0 && columns->removal[i] > 0);
    (*out)[i] = differ && size_of(columns, i) > rounding * largest;
  }
  return DIVA_OK;
}

void cli_exact_columns(const struct cli_session *session, const uint8_t *misleads,
                       struct diva_column out[CLI_EXACT_COLUMNS]) {
  out[0] = (struct diva_column){
      .name = "removal", .type = DIVA_COLUMN_REAL, .data = session->columns.removal};
  out[1] = (struct diva_column){
      .name = "derivative_misleads", .type = DIVA_COLUMN_BOOLEAN, .data = misleads};
}

void cli_exact_print(FILE *out, const struct cli_session *session, const uint8_t *misleads) {
  const struct diva_columns *columns = &session->columns;
  int64_t harmful = 0;
  int64_t misled = 0;
  if (!misleads) {
    return;
  }
  for (int64_t i = 0; i < columns->rows; i++) {
    harmful += columns->weight[i] > 0 && columns->removal[i] < 0;
    misled += misleads[i];
  }
  fprintf(out,
          "removal below 0, so that the model without the row is better on the validation set: "
          "%lld of %lld rows; the derivative misleads on %lld\n",
          (long long)harmful, (long long)session->before.training_rows, (long long)misled);
}
