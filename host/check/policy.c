/* Policies: the rules, their default limits, overrides and waivers. */
#include "host/core/core.h"

#include <diva/policy.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A rule and its limits by default: over a baseline, and without one. */
struct rule {
  const char *id;
  const char *purpose;
  struct diva_limits limits;
  struct diva_limits alone; /* of its figure then */
  bool stands;              /* it has one */
};

/*
 * Where a value is the low end of an interval, chance is dealt with already and the limits say what
 * is worth a person's time: half a point of error for a warning, two points for a failed build.
 * Rows that left: a tenth may well have been meant, a quarter is likelier an accident. One column
 * that died, one row that leaked: a warning whatever the size of the set. A class more or less
 * breaks whoever numbers the classes.
 */
static const struct rule rules[DIVA_RULES] = {
    [DIVA_RULE_IDS] = {.id = "ids",
                       .purpose = "Rows that left since the baseline",
                       .limits = {0.1, 0.25}},
    [DIVA_RULE_COLUMNS] = {.id = "columns",
                           .purpose = "Feature columns that became constant, became copies of "
                                      "others, or hold NaN or infinity",
                           .limits = {1e-6, 0.05},
                           .alone = {0.1, 0.5},
                           .stands = true},
    [DIVA_RULE_CLASSES] = {.id = "classes",
                           .purpose = "Classes that appeared, left, or have no row",
                           .limits = {1.0, 1.0},
                           .alone = {1.0, (double)NAN},
                           .stands = true},
    [DIVA_RULE_CLASS_BALANCE] = {.id = "class-balance",
                                 .purpose = "Change of the class shares, beyond chance",
                                 .limits = {0.05, 0.15},
                                 .alone = {0.95, (double)NAN},
                                 .stands = true},
    [DIVA_RULE_UNLABELLED] = {.id = "unlabelled",
                              .purpose = "Share of rows without a label",
                              .limits = {0.01, 0.05},
                              .alone = {0.5, (double)NAN},
                              .stands = true},
    [DIVA_RULE_RELABELLED] = {.id = "relabelled",
                              .purpose = "Rows whose label changed since the baseline",
                              .limits = {0.01, 0.1}},
    [DIVA_RULE_LABEL_NOISE] = {.id = "label-noise",
                               .purpose = "Estimated share of wrong labels",
                               .limits = {0.01, 0.03},
                               .alone = {0.05, 0.2},
                               .stands = true},
    [DIVA_RULE_LOO_ERROR] = {.id = "loo-error",
                             .purpose =
                                 "Rise of the leave-one-out (or target) error, beyond chance",
                             .limits = {0.005, 0.02}},
    [DIVA_RULE_CLASS_ERROR] = {.id = "class-error",
                               .purpose = "Rise of the error of the worst class, beyond chance",
                               .limits = {0.02, 0.1}},
    [DIVA_RULE_GROUP_ERROR] = {.id = "group-error",
                               .purpose = "Rise of the error of the worst group, whether the model "
                                          "has seen it or not, beyond chance",
                               .limits = {0.02, 0.1}},
    [DIVA_RULE_ADDED_ROWS] =
        {.id = "added-rows",
         .purpose = "What the added rows do to the error on the others, beyond chance",
         .limits = {0.0025, 0.01}},
    [DIVA_RULE_NEAR_DUPLICATES] = {.id = "near-duplicates",
                                   .purpose =
                                       "Share of rows that are near-duplicates of an earlier row",
                                   .limits = {0.01, 0.05},
                                   .alone = {0.05, 0.2},
                                   .stands = true},
    [DIVA_RULE_LEAKAGE] = {.id = "leakage",
                           .purpose = "Rows of the target set or of another split with a "
                                      "near-duplicate in training",
                           .limits = {1e-6, 0.01},
                           .alone = {1e-6, 0.01},
                           .stands = true},
    [DIVA_RULE_DRIFT] = {.id = "drift",
                         .purpose = "How well rows of this version are told from rows of the "
                                    "baseline",
                         .limits = {0.05, 0.2}},
    [DIVA_RULE_WEIGHTS] = {.id = "weights",
                           .purpose = "Share of the rows that unequal weights waste",
                           .limits = {0.5, 0.9},
                           .alone = {0.5, 0.9},
                           .stands = true},
};

static bool is_rule(enum diva_rule rule) {
  return (int)rule >= 0 && (int)rule < DIVA_RULES;
}

const char *diva_rule_id(enum diva_rule rule) {
  return is_rule(rule) ? rules[rule].id : NULL;
}

const char *diva_rule_purpose(enum diva_rule rule) {
  return is_rule(rule) ? rules[rule].purpose : NULL;
}

bool diva_rule_stands_alone(enum diva_rule rule) {
  return is_rule(rule) && rules[rule].stands;
}

void diva_policy_init(struct diva_policy *policy) {
  *policy = (struct diva_policy){.version = DIVA_STRUCT_VERSION,
                                 .confidence = 0.999,
                                 .harmful_share_warn = 0.25,
                                 .unseen_group_warn = 0.1,
                                 .duplicates_threshold = (double)NAN};
  const struct diva_limits none = {(double)NAN, (double)NAN};
  for (int r = 0; r < DIVA_RULES; r++) {
    policy->on[r] = true;
    policy->limits[r] = rules[r].limits;
    policy->alone[r] = rules[r].stands ? rules[r].alone : none;
  }
}

void diva_policy_release(struct diva_policy *policy) {
  for (int64_t i = 0; i < policy->override_count; i++) {
    free(policy->overrides[i].subject);
  }
  for (int64_t i = 0; i < policy->waiver_count; i++) {
    free(policy->waivers[i].id);
    free(policy->waivers[i].subject);
    free(policy->waivers[i].reason);
  }
  free(policy->overrides);
  free(policy->waivers);
  diva_policy_init(policy);
}

struct diva_limits diva_policy_limits(const struct diva_policy *policy, enum diva_rule rule,
                                      const char *subject, bool alone) {
  for (int64_t i = 0; subject && i < policy->override_count; i++) {
    const struct diva_limit_override *override = &policy->overrides[i];
    if (override->rule == rule && strcmp(override->subject, subject) == 0) {
      return override->limits;
    }
  }
  return alone ? policy->alone[rule] : policy->limits[rule];
}

static bool is_equal(const char *wanted, const char *given) {
  return wanted && given && strcmp(wanted, given) == 0;
}

/* Dates of this form are in order as texts. */
static bool has_expired(const struct diva_waiver *waiver, const char *today) {
  return waiver->expires[0] && today && strcmp(today, waiver->expires) > 0;
}

const struct diva_waiver *diva_policy_waiver(const struct diva_policy *policy, enum diva_rule rule,
                                             const char *id, const char *subject,
                                             const char *today) {
  for (int64_t i = 0; i < policy->waiver_count; i++) {
    const struct diva_waiver *waiver = &policy->waivers[i];
    if (waiver->rule == rule && !has_expired(waiver, today) &&
        (is_equal(waiver->id, id) || is_equal(waiver->subject, subject))) {
      return waiver;
    }
  }
  return NULL;
}
