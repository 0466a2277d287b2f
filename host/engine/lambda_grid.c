/* The search for the lambda of least LOO loss along a path. */
#include "engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void spread(double low, double high, int64_t count, double *lambdas) {
  for (int64_t i = 0; i < count; i++) {
    lambdas[i] = low * pow(high / low, (double)i / (double)(count - 1));
  }
}

/* Index of the least finite loss; ties go to the larger lambda, the simpler model. -1: none. */
static int64_t find_least(const double *losses, int64_t count) {
  int64_t least = -1;
  for (int64_t i = 0; i < count; i++) {
    if (isfinite(losses[i]) && (least < 0 || losses[i] <= losses[least])) {
      least = i;
    }
  }
  return least;
}

double diva_lambda_round(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.2e", value);
  return strtod(text, NULL);
}

enum diva_status diva_lambda_choose(const struct diva_lambda_path *path, double scale,
                                    double *lambda, bool *at_edge, struct diva_error *error) {
  double lambdas[DIVA_LAMBDA_COARSE];
  double losses[DIVA_LAMBDA_COARSE];
  if (!(scale > 0.0) || !isfinite(scale)) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "no lambda can be chosen: the features have no spread (mean eigenvalue "
                          "%g); are all rows the same?",
                          scale);
  }
  spread(1e-6 * scale, 1e3 * scale, DIVA_LAMBDA_COARSE, lambdas);
  enum diva_status status =
      path->evaluate(path->context, lambdas, DIVA_LAMBDA_COARSE, losses, error);
  if (status != DIVA_OK) {
    return status;
  }
  const int64_t coarse = find_least(losses, DIVA_LAMBDA_COARSE);
  if (coarse < 0) {
    return diva_error_set(error, DIVA_ERROR_NUMERICAL,
                          "no lambda can be chosen: the leave-one-out loss is not finite anywhere");
  }
  *at_edge = coarse == 0 || coarse == DIVA_LAMBDA_COARSE - 1;
  const double low = lambdas[coarse > 0 ? coarse - 1 : 0];
  const double high = lambdas[coarse < DIVA_LAMBDA_COARSE - 1 ? coarse + 1 : coarse];
  spread(low, high, DIVA_LAMBDA_FINE, lambdas);
  for (int64_t i = 0; i < DIVA_LAMBDA_FINE; i++) {
    lambdas[i] = diva_lambda_round(lambdas[i]);
  }
  status = path->evaluate(path->context, lambdas, DIVA_LAMBDA_FINE, losses, error);
  if (status != DIVA_OK) {
    return status;
  }
  const int64_t fine = find_least(losses, DIVA_LAMBDA_FINE);
  *lambda = lambdas[fine < 0 ? DIVA_LAMBDA_FINE / 2 : fine];
  return DIVA_OK;
}
