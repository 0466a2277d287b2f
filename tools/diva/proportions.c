/* Proportions of classes or groups as a person types them. */
#define _DEFAULT_SOURCE
#include "proportions.h"
#include "group_name.h"
#include "relabel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What has been read so far. */
struct reading {
  const struct cli_kinds *kinds;
  double *out;   /* NaN: not named */
  bool others;   /* '*' was named */
  double shared; /* by those not named; NaN: the rest */
};

static int64_t find_kind(const struct cli_kinds *kinds, const char *name,
                         struct diva_error *error) {
  char hint[CLI_HINT_SIZE];
  const int64_t kind =
      kinds->groups ? cli_group_find(kinds->dataset, name) : cli_class_find(kinds->dataset, name);
  if (kind < 0 && kinds->groups) {
    diva_error_set(error, DIVA_ERROR_USAGE, "no row has the value '%s'%s", name,
                   cli_group_hint(kinds->dataset, name, hint));
  } else if (kind < 0) {
    diva_error_set(error, DIVA_ERROR_USAGE, "there is no class '%s'%s", name,
                   cli_class_hint(kinds->dataset, name, hint));
  }
  return kind;
}

static enum diva_status read_others(struct reading *reading, const char *share,
                                    struct diva_error *error) {
  const bool rest = strcmp(share, "rest") == 0;
  if (reading->others) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "'*' is given twice");
  }
  reading->others = true;
  reading->shared = NAN;
  return rest || (cli_real_parse(share, &reading->shared) && reading->shared >= 0)
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_USAGE,
                              "'*=%s': must be a share of at least 0, or 'rest'", share);
}

/* "NAME=SHARE", cut in two at the last '='. */
static enum diva_status read_part(struct reading *reading, char *part, struct diva_error *error) {
  char *separator = strrchr(part, '=');
  double share = 0;
  if (!separator || separator == part) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "'%s' must be NAME=SHARE", part);
  }
  *separator = '\0';
  if (strcmp(part, "*") == 0) {
    return read_others(reading, separator + 1, error);
  }
  if (!cli_real_parse(separator + 1, &share) || share < 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "'%s=%s': must be a share of at least 0", part,
                          separator + 1);
  }
  const int64_t kind = find_kind(reading->kinds, part, error);
  if (kind < 0) {
    return DIVA_ERROR_USAGE;
  }
  if (!isnan(reading->out[kind])) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "'%s' is given twice", part);
  }
  reading->out[kind] = share;
  return DIVA_OK;
}

/* Shares for those not named, in proportion to training. */
static enum diva_status share_out(const struct reading *reading, struct diva_error *error) {
  const struct cli_kinds *kinds = reading->kinds;
  double named = 0;
  double training = 0;
  for (int64_t c = 0; c < kinds->count; c++) {
    named += isnan(reading->out[c]) ? 0 : reading->out[c];
    training += isnan(reading->out[c]) ? kinds->training[c] : 0;
  }
  if (named > 1 + 1e-6) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the shares add up to %g, more than 1", named);
  }
  const double others = !reading->others         ? 0
                        : isnan(reading->shared) ? fmax(1 - named, 0)
                                                 : reading->shared;
  if (others > 0 && training <= 0) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "'*' stands for nothing that is trained on");
  }
  for (int64_t c = 0; c < kinds->count; c++) {
    if (isnan(reading->out[c])) {
      reading->out[c] = others > 0 ? others * kinds->training[c] / training : 0;
    }
  }
  return fabs(named + others - 1) <= 1e-6
             ? DIVA_OK
             : diva_error_set(error, DIVA_ERROR_USAGE,
                              "the shares add up to %g, not 1; '*=rest' gives the rest to all that "
                              "are not named",
                              named + others);
}

enum diva_status cli_proportions_parse(const char *text, const struct cli_kinds *kinds, double *out,
                                       struct diva_error *error) {
  struct reading reading = {.kinds = kinds, .out = out};
  char *copy = strdup(text);
  char *rest = copy;
  if (!copy) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the command line");
  }
  enum diva_status status = DIVA_OK;
  for (int64_t c = 0; c < kinds->count; c++) {
    out[c] = NAN;
  }
  for (char *part; !status && (part = strsep(&rest, ","));) {
    status = read_part(&reading, part, error);
  }
  free(copy);
  return status ? status : share_out(&reading, error);
}
